//! POST /api/v1/activity as NDJSON: a call each line, up to 64 MiB of them. They are taken in a part after the other, each on disk before the
//! next is read, so that what is held is one part. With an Idempotency-Key each part is taken once, whatever became of those behind it.

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::report_calls::{Reported, Taken};
use crate::http::app::App;
use crate::http::idempotency::{IdempotencyKey, REPLAYED};
use crate::http::json::{Json, Malformed};
use crate::http::lines::{Line, LineText, Lines};
use crate::http::operator::Operator;
use crate::http::problem::Problem;
use crate::http::query;
use crate::ledger::execute::Retry;
use crate::limits;
use crate::vault::sha256;

pub async fn handle(
    app: &App,
    operator: &Operator,
    request: &HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    query::none(request.query_string())?;
    let key = IdempotencyKey::from_headers(request.headers())?;
    let mut lines = Lines::new(request, payload)?;
    let mut sum = Sum::default();
    while let Some(part) = part(&mut lines).await.map_err(|problem| sum.beside(problem))? {
        let retry = key.as_ref().map(|key| part.retry(key, sum.parts));
        let taken = part.take_in(app, operator, retry).await.map_err(|problem| sum.beside(problem))?;
        sum.add(taken);
        if sum.rejected.len() > limits::ACTIVITY_REJECTED {
            let detail =
                format!("more than {} lines can't be taken: {}", limits::ACTIVITY_REJECTED, sum.rejected[0]);
            return Err(sum.beside(Problem::invalid(detail)));
        }
    }
    if sum.parts == 0 {
        return Err(Problem::invalid("the body is empty; send a call as JSON on each line"));
    }
    let mut answer = HttpResponse::Ok();
    if sum.before == sum.parts {
        answer.insert_header((REPLAYED, "true"));
    }
    Ok(answer.json(json!({"accepted": sum.accepted, "rejected": sum.rejected})))
}

/// Lines that are taken together, by their places from 0 on.
struct Part(Vec<(usize, LineText)>);

/// `None` at the end.
async fn part(lines: &mut Lines<Payload>) -> Result<Option<Part>, Problem> {
    let (mut part, mut bytes) = (Vec::new(), 0);
    while part.len() < limits::ACTIVITY_CALLS && bytes < limits::BODY_BYTES {
        let next = tokio::time::timeout(limits::BODY_WAIT, lines.next()).await;
        let Some(Line { number, text }) = next.map_err(|_| Problem::request_timeout())?? else { break };
        if let LineText::Whole(text) = &text {
            bytes += text.len();
        }
        part.push((usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1), text));
    }
    Ok((!part.is_empty()).then_some(Part(part)))
}

impl Part {
    async fn take_in(&self, app: &App, operator: &Operator, retry: Option<Retry>) -> Result<Taken, Problem> {
        let read: Vec<_> = self.0.iter().map(|(index, text)| (*index, read(text))).collect();
        let calls = read.iter().map(|(index, json)| match json {
            Ok(json) => (*index, Ok(json)),
            Err(why) => (*index, Err(why.problem())),
        });
        Reported { calls: calls.collect(), under: "" }.take_in(app, operator, retry).await
    }

    /// A part is known by its number and its lines.
    fn retry(&self, key: &IdempotencyKey, number: usize) -> Retry {
        let texts = self.0.iter().map(|(_, text)| match text {
            LineText::Whole(text) => text.as_ref(),
            LineText::TooLong => b"",
        });
        let lengths: Vec<[u8; 8]> = texts.clone().map(|text| (text.len() as u64).to_be_bytes()).collect();
        let parts: Vec<&[u8]> = std::iter::once(&b"lines"[..])
            .chain(lengths.iter().map(|length| &length[..]))
            .chain(texts)
            .collect();
        Retry { key: format!("{}\n{number}", key.expose()), request_digest: sha256(&parts) }
    }
}

/// Why a line holds no call.
enum Unread {
    TooLong,
    Malformed(Malformed),
}

impl Unread {
    fn problem(&self) -> Problem {
        match self {
            Unread::TooLong => {
                Problem::invalid(format!("a line has at most {} bytes", limits::IMPORT_LINE_BYTES))
            }
            Unread::Malformed(malformed) => malformed.clone().into(),
        }
    }
}

fn read(text: &LineText) -> Result<Json<'_>, Unread> {
    match text {
        LineText::Whole(text) => Json::parse(text).map_err(Unread::Malformed),
        LineText::TooLong => Err(Unread::TooLong),
    }
}

/// What became of the parts so far.
#[derive(Default)]
struct Sum {
    parts: usize,
    /// of them, those that a request before brought
    before: usize,
    accepted: u64,
    rejected: Vec<Value>,
}

impl Sum {
    fn add(&mut self, Taken { mut answer, before }: Taken) {
        self.parts += 1;
        self.before += usize::from(before);
        self.accepted += answer.get("accepted").and_then(Value::as_u64).unwrap_or(0);
        if let Some(Value::Array(rejected)) = answer.remove("rejected") {
            self.rejected.extend(rejected);
        }
    }

    /// Why it did not go on, and what is on disk all the same.
    fn beside(&self, problem: Problem) -> Problem {
        match self.parts {
            0 => problem,
            _ => problem.and_told(format_args!(
                "{} calls of the lines before are on disk; send the others again, or all of them under the same Idempotency-Key",
                self.accepted
            )),
        }
    }
}
