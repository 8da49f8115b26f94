//! S14: calls taken in, durable, against a COPY of the same rows into a table of the same shape and indexes.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use credledger::clock::BootTime;
use futures::{SinkExt, StreamExt};
use tokio_postgres::Client;

use super::load::{self, Requests, request};
use super::verdicts::{self, Keys, SPAN, Server};
use super::world::median;
use super::{Line, Run};

const ROUNDS: usize = 5;
const CALLS: usize = 1000;
const REPORTERS: usize = 8;
const BODIES: usize = 16;
const QUESTIONS: usize = 100;
const ASKERS: usize = 2;
/// A verdict waits for no row: what comes faster than rows can be written is dropped, and told. So questions come at a pace of this share
/// of the limit, a little over the budget, and none of their rows may be missing.
const PACE: f64 = 0.55;

const BARE: &str = "drop schema if exists bare_calls cascade; create schema bare_calls; \
    create table bare_calls.activity (like credledger.activity including all)";

pub fn over_http(run: &Run, keys: &Keys, lines: &mut Vec<Line>) {
    let service = verdicts::start_service(run);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (token, _) = keys.gateway.split_once(' ').expect("a token and a tenant");
    let admin = runtime.block_on(super::world::connect(&run.database));
    runtime.block_on(admin.batch_execute(BARE)).expect("a table");
    let secrets = runtime.block_on(secrets(&admin, token_tenant(keys)));
    let reports = reports(token, &secrets);
    let questions = questions(token, &keys.living);
    let mut at_most = None;
    for (what, requests, connections, share) in [
        ("POST /activity, 1000 calls a report", reports, REPORTERS, None),
        ("verify/batch with record, 100 questions each", questions, ASKERS, Some(PACE)),
    ] {
        let pace = share.zip(at_most).map(|(share, limit): (f64, f64)| share * limit / QUESTIONS as f64);
        let (mut own, mut limit, mut dropped) = (Vec::new(), Vec::new(), 0);
        for _ in 0..ROUNDS {
            let (written, rate, lost) = taken_in(&service, &requests, connections, pace);
            own.push(rate);
            dropped += lost;
            limit.push(runtime.block_on(copied(&admin, written)));
        }
        let (own, limit) = (median(own), median(limit));
        at_most = Some(limit);
        lines.push(Line {
            row: "S14",
            what: format!("{what} ({dropped} dropped)"),
            figure: format!("{own:.0} rows/s"),
            limit: format!("{limit:.0} rows/s COPY BINARY in"),
            ratio: own / limit,
            budget: "≥ 0.5",
            met: own / limit >= 0.5 && dropped == 0,
        });
    }
}

fn token_tenant(keys: &Keys) -> uuid::Uuid {
    keys.gateway.split_once(' ').and_then(|(_, tenant)| tenant.parse().ok()).expect("a tenant")
}

async fn secrets(admin: &Client, tenant: uuid::Uuid) -> Vec<uuid::Uuid> {
    let some = "select id from credledger.secrets where tenant_id = $1 limit 1000";
    admin.query(some, &[&tenant]).await.expect("secrets").iter().map(|row| row.get(0)).collect()
}

/// A few bodies, sent over and over: making them would take the time of those that are measured.
fn reports(token: &str, secrets: &[uuid::Uuid]) -> Requests {
    let body = |number: usize| {
        let mut body = String::from("{\"calls\":[");
        for call in 0..CALLS {
            let (number, comma) = (number * CALLS + call, if call > 0 { "," } else { "" });
            let (secret, operation, address) = (secrets[number % secrets.len()], number % 12, number % 200);
            let _ = write!(
                body,
                "{comma}{{\"secret_id\":\"{secret}\",\"operation\":\"orders.{operation}\",\"provider\":\"house\",\"model\":\"house-1\",\
                 \"status\":200,\"latency_ms\":{},\"client_ip\":\"10.0.0.{address}\",\"request_id\":\"req-{number:012x}\"}}",
                number % 900
            );
        }
        body + "]}"
    };
    let sent: Vec<Vec<u8>> =
        (0..BODIES).map(|number| request("POST", "/api/v1/activity", token, &body(number))).collect();
    Arc::new(move |nth| sent[nth as usize % sent.len()].clone())
}

fn questions(token: &str, living: &[String]) -> Requests {
    let (token, living) = (token.to_owned(), living.to_vec());
    Arc::new(move |nth| {
        let mut body = String::from("{\"items\":[");
        for item in 0..QUESTIONS {
            let number = nth as usize * QUESTIONS + item;
            let (key, comma) = (&living[number % living.len()], if item > 0 { "," } else { "" });
            let _ = write!(
                body,
                "{comma}{{\"credential\":\"{key}\",\"record\":true,\"operation\":\"orders.{}\",\"client_ip\":\"10.0.0.{}\"}}",
                number % 12,
                number % 200
            );
        }
        request("POST", "/api/v1/verify/batch", &token, &(body + "]}"))
    })
}

/// How many rows were written, at which rate until the last of them was there, and how many found no room.
fn taken_in(service: &Server, requests: &Requests, connections: usize, pace: Option<f64>) -> (i64, f64, u64) {
    let (before, lost_before) = (written(service), dropped(service));
    let began = BootTime::now();
    let measured = load::paced(service.address, connections, SPAN, requests, "200", pace);
    assert_eq!(measured.refused, 0, "some answers were no 200");
    while metric(service, "credledger_activity_waiting") > 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let seconds = BootTime::now().since(began).as_secs_f64();
    let rows = written(service) - before;
    (rows.cast_signed(), rows as f64 / seconds, dropped(service) - lost_before)
}

fn written(service: &Server) -> u64 {
    metric(service, "credledger_activity_written_total")
}

fn dropped(service: &Server) -> u64 {
    metric(service, "credledger_activity_dropped_total")
}

fn metric(service: &Server, name: &str) -> u64 {
    let page = verdicts::whole_answer(service.address, b"GET /metrics HTTP/1.1\r\nHost: ledger\r\n\r\n");
    let line =
        page.lines().find_map(|line| line.strip_prefix(name).filter(|rest| rest.starts_with([' ', '{'])));
    let number = line.and_then(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok());
    number.unwrap_or_else(|| panic!("the metrics tell no {name}")) as u64
}

/// The rows that were written last, once more; rows a second.
async fn copied(admin: &Client, rows: i64) -> f64 {
    let out = format!(
        "copy (select * from credledger.activity order by place desc limit {rows}) to stdout (format binary)"
    );
    let pieces = admin.copy_out(&out).await.expect("rows");
    let pieces: Vec<bytes::Bytes> = pieces.map(|piece| piece.expect("a piece")).collect().await;
    let began = BootTime::now();
    let sink = admin.copy_in("copy bare_calls.activity from stdin (format binary)").await.expect("a table");
    let mut sink = std::pin::pin!(sink);
    for piece in pieces {
        sink.send(piece).await.expect("a piece");
    }
    sink.finish().await.expect("rows");
    rows as f64 / BootTime::now().since(began).as_secs_f64()
}
