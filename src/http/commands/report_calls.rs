//! POST /api/v1/activity: calls that the API layer served or refused. Those that can't be taken fail alone; the others are on disk
//! when this is answered. As a document here; as lines: `report_lines.rs`.

use std::collections::HashMap;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{report_lines, secret_free};
use crate::activity::calls::{Caller, Kept, Located, Named, NotTaken, Outcome, Row, Told, instant_of};
use crate::clock::Timestamp;
use crate::domain::authority::Action;
use crate::domain::ids::SecretId;
use crate::http::app::App;
use crate::http::body::{Document, JsonBody, Wants, check_ndjson};
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
    if check_ndjson(request.headers()).is_ok() {
        return report_lines::handle(&app, &operator, &request, payload).await;
    }
    let body = JsonBody::read(&request, payload, Wants::JsonOrLines).await?;
    let (document, mut apart) = body.parse_items()?;
    let items = document.decode(|members| {
        members.required("calls", |list| list.list(limits::ACTIVITY_CALLS, |item| Some(item.json())))
    })?;
    let calls = items.into_iter().enumerate().map(|(index, item)| match apart.remove(&index) {
        Some(problem) => (index, Err(problem)),
        None => (index, Ok(item)),
    });
    let report = Reported { calls: calls.collect(), under: "/calls" };
    let taken = report.take_in(&app, &operator, retry_of(&request, &document)?).await?;
    let mut answer = HttpResponse::Ok();
    if taken.before {
        answer.insert_header((REPLAYED, "true"));
    }
    Ok(answer.json(taken.answer))
}

/// Calls as they came: which each is, and what stands there or why it can't be read.
pub struct Reported<'a> {
    pub calls: Vec<(usize, Result<&'a Json<'a>, Problem>)>,
    /// where they stand in the body
    pub under: &'static str,
}

pub struct Taken {
    pub answer: Map<String, Value>,
    /// by a request before
    pub before: bool,
}

impl Reported<'_> {
    /// Those that can be taken are on disk once this returns, and what it answers is kept with them.
    pub async fn take_in(
        self,
        app: &App,
        operator: &Operator,
        retry: Option<Retry>,
    ) -> Result<Taken, Problem> {
        let Some(retry) = retry else {
            let answer = Report::read(app, operator, self).await?.take_in(app, None).await?;
            return Ok(Taken { answer, before: false });
        };
        let id = operator.who().operator.id;
        match app.ledger.answer_beside(id, &retry).await? {
            Beside::Answered(Answer { body, .. }) => Ok(Taken { answer: body, before: true }),
            Beside::Open(_running, key_digest) => {
                let report = Report::read(app, operator, self).await?;
                let sealed = app.ledger.seal_answer(id, &retry, &report.answer());
                let (request_digest, at_ms) = (retry.request_digest, app.now().millis());
                let kept = Kept { operator: id.0, key_digest, request_digest, sealed, at_ms };
                Ok(Taken { answer: report.take_in(app, Some(kept)).await?, before: false })
            }
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
struct Call {
    credential: Option<Uuid>,
    secret: Option<Uuid>,
    at: Option<Timestamp>,
    decision: Option<Uuid>,
    went: Went,
}

impl Report {
    async fn read(app: &App, operator: &Operator, reported: Reported<'_>) -> Result<Report, Problem> {
        let (now, under) = (app.now(), reported.under);
        let (mut calls, mut rejected) = (Vec::with_capacity(reported.calls.len()), Vec::new());
        for (index, item) in reported.calls {
            match item.and_then(|item| read(app, item, now)) {
                Ok(call) => calls.push((index, call)),
                Err(problem) => rejected.push((index, told_of(&format!("{under}/{index}"), &problem))),
            }
        }
        let named = calls.iter().flat_map(|(_, call)| call.named()).collect();
        let located = app.locator.locate(named, operator.reach()).await?;
        let mut rows = Vec::with_capacity(calls.len());
        for (index, call) in calls {
            match call.whose(&located) {
                Some(whose) => rows.push(call.row(app, whose, now)),
                None => rejected.push((index, format!("{under}/{index}: {NOT_THERE}"))),
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

fn told_of(item: &str, problem: &Problem) -> String {
    let faults: Vec<String> = problem.listed().iter().map(|fault| fault.within(item).to_string()).collect();
    if faults.is_empty() { format!("{item}: {}", problem.detail()) } else { faults.join("; ") }
}

fn read(app: &App, item: &Json<'_>, now: Timestamp) -> Result<Call, Problem> {
    secret_free::check(item, &|text| app.is_formed_as_a_secret(text))
        .map_err(|fault| Problem::faults(vec![fault]))?;
    members::decode(item, |members| reported_call(members, now))
}

fn reported_call(members: &mut Members<'_, '_>, now: Timestamp) -> Option<Call> {
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
    Some(Call { credential, secret, at: at?, decision: decision?, went: went? })
}

const NOT_NEAR: &str = "a call is reported within 48 hours, and its time lies at most 5 minutes ahead; look at the clock of whoever served it";

fn is_near(at: Timestamp, now: Timestamp) -> bool {
    let (late, ahead) = (limits::ACTIVITY_LATE.as_millis() as i64, limits::ACTIVITY_AHEAD.as_millis() as i64);
    (now.millis() - late..=now.millis() + ahead).contains(&at.millis())
}

impl Call {
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
