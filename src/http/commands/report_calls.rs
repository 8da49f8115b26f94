//! POST /api/v1/activity: calls that the API layer served or refused. Those that can't be taken fail alone; the others are on disk
//! when this is answered.

use std::collections::HashMap;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::secret_free;
use crate::activity::calls::{Caller, Kept, Located, Named, NotTaken, Outcome, Row, Told, instant_of};
use crate::clock::Timestamp;
use crate::domain::authority::Action;
use crate::domain::ids::SecretId;
use crate::http::app::App;
use crate::http::body::{Document, JsonBody, Wants};
use crate::http::call::{Went, reported};
use crate::http::idempotency::{IdempotencyKey, REPLAYED, RequestDigest};
use crate::http::json::Json;
use crate::http::members::{self, Members};
use crate::http::operator::Operator;
use crate::http::problem::{Code, Problem};
use crate::ledger::execute::{Answer, Retry};
use crate::ledger::stored_answer::Beside;
use crate::limits;
use crate::vault::sha256;

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    operator.may(Action::Verify)?;
    let body = JsonBody::read(&request, payload, Wants::Json).await?;
    let (document, apart) = body.parse_items()?;
    let items = document.decode(|members| {
        members.required("calls", |list| list.list(limits::ACTIVITY_CALLS, |item| Some(item.json())))
    })?;
    let Some(retry) = retry_of(&request, &document)? else {
        let report = Report::read(&app, &operator, items, apart).await?;
        return Ok(HttpResponse::Ok().json(report.take_in(&app, None).await?));
    };
    let id = operator.who().operator.id;
    match app.ledger.answer_beside(id, &retry).await? {
        Beside::Answered(Answer { body, .. }) => {
            Ok(HttpResponse::Ok().insert_header((REPLAYED, "true")).json(body))
        }
        Beside::Open(_running, key_digest) => {
            let report = Report::read(&app, &operator, items, apart).await?;
            let sealed = app.ledger.seal_answer(id, &retry, &report.answer());
            let (request_digest, at_ms) = (retry.request_digest, app.now().millis());
            let kept = Kept { operator: id.0, key_digest, request_digest, sealed, at_ms };
            Ok(HttpResponse::Ok().json(report.take_in(&app, Some(kept)).await?))
        }
    }
}

fn retry_of(request: &HttpRequest, document: &Document<'_>) -> Result<Option<Retry>, Problem> {
    let headers = request.headers();
    let key = IdempotencyKey::from_headers(headers)?;
    Ok(key.map(|key| {
        let sha256 = |input: &[u8]| sha256(&[input]);
        let digest = RequestDigest::of(request.method(), request.path(), document, headers, sha256);
        Retry { key: key.expose().to_owned(), request_digest: digest.0 }
    }))
}

/// What can be taken in of a report, and why the rest can't.
struct Report {
    rows: Vec<Row>,
    /// by index
    rejected: Vec<(usize, String)>,
}

/// One call as it stands in the body.
struct Reported {
    credential: Option<Uuid>,
    secret: Option<Uuid>,
    at: Option<Timestamp>,
    decision: Option<Uuid>,
    went: Went,
}

impl Report {
    async fn read(
        app: &App,
        operator: &Operator,
        items: Vec<&Json<'_>>,
        mut apart: std::collections::BTreeMap<usize, Problem>,
    ) -> Result<Report, Problem> {
        let now = app.now();
        let (mut calls, mut rejected) = (Vec::with_capacity(items.len()), Vec::new());
        for (index, item) in items.into_iter().enumerate() {
            let read = match apart.remove(&index) {
                Some(problem) => Err(problem),
                None => read(app, item, now),
            };
            match read {
                Ok(call) => calls.push((index, call)),
                Err(problem) => rejected.push((index, told_of(index, &problem))),
            }
        }
        let named = calls.iter().flat_map(|(_, call)| call.named()).collect();
        let located = app.locator.locate(named, operator.reach()).await?;
        let mut rows = Vec::with_capacity(calls.len());
        for (index, call) in calls {
            match call.whose(&located) {
                Some(whose) => rows.push(call.row(app, whose, now)),
                None => rejected.push((index, format!("/calls/{index}: {NOT_THERE}"))),
            }
        }
        rejected.sort_by_key(|(index, _)| *index);
        Ok(Report { rows, rejected })
    }

    fn answer(&self) -> Map<String, Value> {
        let rejected = self.rejected.iter().map(|(index, detail)| json!({"index": index, "detail": detail}));
        Map::from_iter([
            ("accepted".to_owned(), self.rows.len().into()),
            ("rejected".to_owned(), rejected.collect()),
        ])
    }

    async fn take_in(self, app: &App, kept: Option<Kept>) -> Result<Map<String, Value>, Problem> {
        let answer = self.answer();
        if !self.rows.is_empty() || kept.is_some() {
            app.calls.report(self.rows, kept).await?;
        }
        Ok(answer)
    }
}

/// The same for what is another tenant's and for what is nobody's.
const NOT_THERE: &str = "there is no such credential, or no such secret of it, that you reach; see credential_id and secret_id of the verdict";

fn told_of(index: usize, problem: &Problem) -> String {
    let item = format!("/calls/{index}");
    let faults: Vec<String> = problem.listed().iter().map(|fault| fault.within(&item).to_string()).collect();
    if faults.is_empty() { format!("{item}: {}", problem.detail()) } else { faults.join("; ") }
}

fn read(app: &App, item: &Json<'_>, now: Timestamp) -> Result<Reported, Problem> {
    secret_free::check(item, &|text| app.is_formed_as_a_secret(text))
        .map_err(|fault| Problem::faults(vec![fault]))?;
    members::decode(item, |members| reported_call(members, now))
}

fn reported_call(members: &mut Members<'_, '_>, now: Timestamp) -> Option<Reported> {
    let credential = members.nullable("credential_id", |id| id.uuid());
    let secret = members.nullable("secret_id", |id| id.uuid());
    let at = members.nullable("at", |at| {
        let instant = at.instant()?;
        if is_near(instant, now) { Some(instant) } else { at.refuse(NOT_NEAR) }
    });
    let decision = members.nullable("decision_id", |id| {
        let decision = id.uuid()?;
        match instant_of(decision).is_some_and(|at| is_near(at, now)) {
            true => Some(decision),
            false => id.refuse("this is no decision_id of a verdict of the last 48 hours"),
        }
    });
    let went = reported(members);
    let (credential, secret) = (credential?, secret?);
    if credential.is_none() && secret.is_none() {
        return members.refuse("send credential_id or secret_id, or both");
    }
    Some(Reported { credential, secret, at: at?, decision: decision?, went: went? })
}

const NOT_NEAR: &str = "a call is reported within 48 hours, and its time lies at most 5 minutes ahead; look at the clock of whoever served it";

fn is_near(at: Timestamp, now: Timestamp) -> bool {
    let (late, ahead) = (limits::ACTIVITY_LATE.as_millis() as i64, limits::ACTIVITY_AHEAD.as_millis() as i64);
    (now.millis() - late..=now.millis() + ahead).contains(&at.millis())
}

impl Reported {
    fn named(&self) -> impl Iterator<Item = Named> + use<> {
        self.credential.map(Named::Credential).into_iter().chain(self.secret.map(Named::Secret))
    }

    /// Whose call it was; none unless all that it names is there, and goes together.
    fn whose(&self, located: &HashMap<Named, Located>) -> Option<Located> {
        let mut found = self.named().map(|named| located.get(&named).copied());
        let first = found.next()??;
        found.all(|other| other == Some(first)).then_some(first)
    }

    fn row(self, app: &App, whose: Located, now: Timestamp) -> Row {
        let Went { outcome, status, latency_ms, told } = self.went;
        // A verdict's call has the verdict's time.
        let at = self.decision.and_then(instant_of).or(self.at).unwrap_or(now);
        let (id, salts) = app.calls.fresh(at);
        Row {
            id,
            completes: self.decision,
            judged: false,
            tenant: whose.tenant,
            credential: whose.credential,
            secret: self.secret.map(SecretId),
            kind: Caller::Credential(whose.kind),
            // What the verdict was, the verdict's own row says.
            outcome: outcome.or(self.decision.is_none().then_some(Outcome::ACCEPTED)),
            status,
            latency_ms,
            told: Told { ..told },
            asked: None,
            salts,
        }
    }
}

impl From<NotTaken> for Problem {
    fn from(error: NotTaken) -> Self {
        let again = limits::RETRY_AFTER_SECONDS;
        match error {
            NotTaken::Full => Problem::unavailable(
                again,
                "too many calls wait to be written; nothing was taken in; report them again",
            ),
            NotTaken::Unknown => Problem::retry_later(
                Code::OutcomeUnknown,
                again,
                "the calls could not be written in time, and may be yet; report them again under the same Idempotency-Key",
            ),
            NotTaken::KeyTaken => Problem::new(
                Code::IdempotencyInProgress,
                "the first request with this Idempotency-Key is still running; repeat it when it is done",
            ),
            NotTaken::Rejected => Problem::internal("the database refused calls that were reported"),
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::RETRY_AFTER;

    use super::*;
    use crate::http::request_id::RequestId;

    #[test]
    fn who_finds_no_room_or_gets_no_answer_is_told_when_to_come_again() {
        for (error, code) in [(NotTaken::Full, Code::Unavailable), (NotTaken::Unknown, Code::OutcomeUnknown)]
        {
            let problem = Problem::from(error);
            assert_eq!(problem.code(), code);
            let answer = problem.answer(&RequestId::minted([0; 16]));
            assert_eq!(answer.status(), 503);
            assert!(answer.headers().contains_key(RETRY_AFTER));
        }
    }
}
