//! An import at work: lines are gathered while they come, decided together, and answered in their order. What is held is a few
//! batches, however long the import is: a caller that does not read its answer is not read from either.

use std::collections::VecDeque;

use actix_web::web::{Bytes, Payload};
use futures::{FutureExt, Stream, stream};
use serde_json::{Map, Value, json};
use tokio::task::JoinHandle;

use super::header::Header;
use super::seat::Seat;
use super::{Write, read_line};
use crate::domain::ids::TenantId;
use crate::http::lines::{Line, LineText, Lines};
use crate::http::problem::Problem;
use crate::ledger::execute::{ExecuteError, Executed, Order};
use crate::ledger::proposal::CommitError;
use crate::limits;

type Outcome = Result<Executed, ExecuteError>;

pub struct Run {
    write: Write,
    tenant: TenantId,
    header: Header,
    /// what the header says is new, and still to be written down: before the first key, or at the end of a header alone
    declare: Option<Order>,
    lines: Lines<Payload>,
    seat: Seat,
    under_way: VecDeque<Batch>,
    counts: Counts,
    /// no more lines are read: all were, or this is why not
    end: Option<Result<(), Problem>>,
    told: bool,
}

#[derive(Default)]
struct Counts {
    lines: u64,
    imported: u64,
    exists: u64,
    refused: u64,
    position: Option<u64>,
}

struct Batch {
    entries: Vec<Entry>,
    outcomes: JoinHandle<Vec<Outcome>>,
}

struct Entry {
    line: u64,
    old_id: Option<String>,
    /// the credential that it makes, or why it is none
    key: Result<String, Problem>,
}

impl Run {
    pub fn new(
        write: Write,
        (tenant, header, declare): (TenantId, Header, Option<Order>),
        lines: Lines<Payload>,
        seat: Seat,
    ) -> Self {
        let (under_way, counts) = (VecDeque::new(), Counts::default());
        Run { write, tenant, header, declare, lines, seat, under_way, counts, end: None, told: false }
    }

    pub fn answer(self) -> impl Stream<Item = Result<Bytes, actix_web::Error>> {
        stream::unfold(self, |mut run| async move {
            let part = run.part().await?;
            Some((Ok(Bytes::from(part)), run))
        })
    }

    /// The next lines of the answer; `None` after the last.
    async fn part(&mut self) -> Option<String> {
        if self.told {
            return None;
        }
        loop {
            if !self.seat.keep() && self.end.is_none() {
                self.end = Some(Err(Problem::request_timeout()));
            }
            if self.end.is_none() && self.under_way.len() < limits::IMPORT_AHEAD {
                // What is under way is answered before more is waited for.
                let wait = self.under_way.is_empty();
                if self.gather(wait).await {
                    continue;
                }
            }
            let Some(batch) = self.under_way.pop_front() else {
                self.told = true;
                if self.counts.lines == 0 && matches!(self.end, Some(Ok(()))) {
                    self.declare().await;
                }
                return Some(self.summary());
            };
            let text = self.answered(batch).await;
            if !text.is_empty() {
                return Some(text);
            }
        }
    }

    /// Takes what lines there are, and sets them going; with `wait`, waits for the first. Whether there was any.
    async fn gather(&mut self, wait: bool) -> bool {
        let (mut entries, mut orders, mut bytes) = (Vec::new(), Vec::new(), 0);
        while self.end.is_none() && entries.len() < limits::IMPORT_BATCH && bytes < limits::IMPORT_BATCH_BYTES
        {
            let Some(Line { number, text }) = self.next_line(wait && entries.is_empty()).await else { break };
            if let LineText::Whole(text) = &text {
                bytes += text.len();
            }
            self.counts.lines += 1;
            let (old_id, order) = read_line(&self.write, self.tenant, &self.header, &text);
            let key = order.map(|order| {
                let key = order.stream.to_string();
                orders.push(order);
                key
            });
            entries.push(Entry { line: number, old_id, key });
        }
        if entries.is_empty() {
            return false;
        }
        if !orders.is_empty() && !self.declare().await {
            return false;
        }
        let Some(share) = self.seat.share() else {
            self.broken_off(Problem::request_timeout());
            return false;
        };
        let (app, tenant) = (self.write.app.clone(), self.tenant);
        let outcomes = actix_web::rt::spawn(async move {
            let outcomes = app.ledger.import(tenant, orders).await;
            drop(share);
            outcomes
        });
        self.under_way.push_back(Batch { entries, outcomes });
        true
    }

    /// `None` at the end, and when none is there yet and it is not waited for.
    async fn next_line(&mut self, wait: bool) -> Option<Line> {
        let next = if wait {
            let next = tokio::time::timeout(limits::BODY_WAIT, self.lines.next()).await;
            next.unwrap_or_else(|_| Err(Problem::request_timeout()))
        } else {
            self.lines.next().now_or_never()?
        };
        match next {
            Ok(Some(line)) => return Some(line),
            Ok(None) => self.end = Some(Ok(())),
            Err(problem) => self.end = Some(Err(problem)),
        }
        None
    }

    async fn answered(&mut self, batch: Batch) -> String {
        let Batch { entries, outcomes } = batch;
        let lost = || Err(ExecuteError::Commit(CommitError::OutcomeUnknown));
        let mut outcomes = outcomes.await.unwrap_or_default().into_iter();
        let mut text = String::new();
        for Entry { line, old_id, key } in entries {
            let outcome = match key {
                Ok(key) => match outcomes.next().unwrap_or_else(lost) {
                    Ok(executed) => Ok((key, executed)),
                    Err(error) => Err(error.into()),
                },
                Err(problem) => Err(problem),
            };
            match outcome {
                // Nobody knows of the line whether it was carried out, or it was not for want of a database: no line of the
                // answer says so, and the last one that the import is to be sent again.
                Err(problem) if problem.code().status().is_server_error() => self.broken_off(problem),
                outcome => self.tell(&mut text, (line, old_id), outcome),
            }
        }
        text
    }

    /// Whether what the header says is known, now or before.
    async fn declare(&mut self) -> bool {
        let Some(order) = self.declare.take() else { return true };
        let refused = self.write.app.ledger.execute(order).await.err();
        if let Some(cause) = refused {
            self.broken_off(cause.into());
            return false;
        }
        true
    }

    fn broken_off(&mut self, problem: Problem) {
        if !matches!(self.end, Some(Err(_))) {
            self.end = Some(Err(problem));
        }
    }

    fn tell(
        &mut self,
        text: &mut String,
        (line, old_id): (u64, Option<String>),
        outcome: Result<(String, Executed), Problem>,
    ) {
        let mut told =
            Map::from_iter([("line".to_owned(), json!(line)), ("old_id".to_owned(), json!(old_id))]);
        match outcome {
            Ok((key, executed)) => {
                let (word, count) = match executed.changed {
                    true => ("imported", &mut self.counts.imported),
                    false => ("exists", &mut self.counts.exists),
                };
                *count += 1;
                self.counts.position = self.counts.position.max(executed.position);
                told.insert("outcome".to_owned(), word.into());
                told.insert("key_id".to_owned(), key.into());
                told.insert("position".to_owned(), json!(executed.position));
            }
            Err(problem) => {
                self.counts.refused += 1;
                told.insert("outcome".to_owned(), "refused".into());
                told.extend(told_of(&problem));
            }
        }
        text.push_str(&Value::Object(told).to_string());
        text.push('\n');
    }

    fn summary(&self) -> String {
        let Counts { lines, imported, exists, refused, position } = self.counts;
        let mut summary = Map::from_iter([
            ("complete".to_owned(), json!(matches!(self.end, Some(Ok(()))))),
            ("lines".to_owned(), lines.into()),
            ("imported".to_owned(), imported.into()),
            ("exists".to_owned(), exists.into()),
            ("refused".to_owned(), refused.into()),
            ("position".to_owned(), json!(position)),
        ]);
        if let Some(Err(problem)) = &self.end {
            problem.log_cause(&self.write.context.request_id);
            summary.extend(told_of(problem));
        }
        json!({"summary": summary}).to_string() + "\n"
    }
}

fn told_of(problem: &Problem) -> Map<String, Value> {
    let mut told = Map::from_iter([
        ("code".to_owned(), problem.code().text().into()),
        ("detail".to_owned(), problem.detail().into()),
    ]);
    if !problem.listed().is_empty() {
        told.insert("errors".to_owned(), json!(problem.listed()));
    }
    told
}
