//! POST …/keys/import: keys from elsewhere, a line each, read and answered as they come.

mod header;
mod line;
mod run;
mod seat;

use actix_web::HttpResponse;
use actix_web::web::{Path, Payload};
use serde_json::Map;
use std::sync::Arc;

use super::Write;
use crate::domain::authority::Action;
use crate::domain::command::Command;
use crate::domain::ids::{StreamId, TenantId};
use crate::domain::imports;
use crate::http::body::check_ndjson;
use crate::http::json::Json;
use crate::http::lines::{Line, LineText, Lines};
use crate::http::problem::Problem;
use crate::http::query;
use crate::ledger::execute::{Answer, Order};
use crate::ledger::tally::Lane;
use crate::limits;
use header::Header;
use run::Run;
use seat::Seat;

pub const NDJSON: &str = "application/x-ndjson";

pub async fn handle(write: Write, path: Path<String>, payload: Payload) -> Result<HttpResponse, Problem> {
    let tenant = write.tenant(&path, Action::ChangeCredentials)?;
    check_ndjson(write.request.headers())?;
    query::none(write.request.query_string())?;
    let mut lines = Lines::new(&write.request, payload)?;
    let seat = Seat::take(&write.app.imports)?;
    let header = read_header(&write, &mut lines).await?;
    let declare = Command::Declare(tenant, header.declare());
    let declare = write.plain_order(imports::stream(), declare, Lane::People);
    // Refused here already, or owed until a line shows that it is meant: it is never taken back.
    let declare = write.app.ledger.would_change(&declare).await?.then_some(declare);
    let run = Run::new(write, (tenant, header, declare), lines, seat);
    Ok(HttpResponse::Ok().content_type(NDJSON).streaming(run.answer()))
}

async fn read_header(write: &Write, lines: &mut Lines<Payload>) -> Result<Header, Problem> {
    let first = tokio::time::timeout(limits::BODY_WAIT, lines.next()).await;
    let first = first.map_err(|_| Problem::request_timeout())??;
    match first {
        Some(Line { text: LineText::Whole(text), .. }) => {
            Header::read(&Json::parse(&text)?, &write.app.ledger)
        }
        Some(_) => Err(Problem::invalid("the first line is too long; it says what is imported")),
        None => Err(Problem::invalid("the body is empty; its first line says what is imported")),
    }
}

impl Write {
    /// An order that has no answer of its own, and no retry but the import's.
    fn plain_order(&self, stream: StreamId, command: Command, lane: Lane) -> Order {
        Order {
            token: self.operator.token(),
            lane,
            wait: lane == Lane::People,
            render: Arc::new(|_, _, _| Answer { status: 200, body: Map::new() }),
            ..Order::of(stream, command, self.caller())
        }
    }

    fn import_order(&self, asked: line::Asked) -> Order {
        self.plain_order(asked.stream, asked.command, Lane::Imports)
    }
}

/// What is read of one line: an order, or why there is none; and the old id, where one can be told.
fn read_line(
    write: &Write,
    tenant: TenantId,
    header: &Header,
    text: &LineText,
) -> (Option<String>, Result<Order, Problem>) {
    let LineText::Whole(text) = text else {
        let detail = format!("a line has at most {} bytes", limits::IMPORT_LINE_BYTES);
        return (None, Err(Problem::invalid(detail)));
    };
    match Json::parse(text) {
        Err(malformed) => (None, Err(malformed.into())),
        Ok(json) => {
            let asked = line::read(&json, header, tenant, &write.app.ledger);
            (line::old_id(&json), asked.map(|asked| write.import_order(asked)))
        }
    }
}
