//! S15: a page of fifty of the trail and of the calls by every filter there is, the first and one from deep within, over HTTP; against one
//! index range scan of fifty rows, as a prepared statement.

mod asked;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use credledger::clock::BootTime;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, Statement};

use super::fill::{self, Wanted};
use super::verdicts::{self, Keys};
use super::world::{World, connect, median, micros};
use super::{Line, Run};
use asked::{Log, Question};

const ROUNDS: usize = 60;
const PAGE: usize = 50;
/// To where deep is: so many pages of so many rows are walked, or all there are.
const WALKED: usize = 60;
const WALKED_ROWS: usize = 500;
const TIMES_THE_SCAN: f64 = 3.0;
/// A page from deep within takes as long as the first, but for what it meets elsewhere in memory.
const FLAT: f64 = 1.5;

pub async fn fill(world: &World, wanted: &Wanted) {
    fill::fill(&world.house, wanted).await;
    // What autovacuum does sooner or later.
    world.admin().await.batch_execute("vacuum (analyze)").await.expect("a vacuum");
}

pub fn over_http(run: &Run, keys: &Keys, lines: &mut Vec<Line>) {
    let service = verdicts::start_service(run);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let admin = runtime.block_on(connect(&run.database));
    let (token, _) = keys.gateway.split_once(' ').expect("a token and a tenant");
    let mut asker = Asker::new(service.address, token.to_owned());
    let questions = runtime.block_on(asked::all(&admin));
    asker.settle();
    for question in &questions {
        let line = measure(&runtime, &admin, &mut asker, question);
        eprintln!("{} {} (× {:.2})", line.what, line.figure, line.ratio);
        lines.push(line);
    }
}

fn measure(runtime: &Runtime, admin: &Client, asker: &mut Asker, question: &Question) -> Line {
    let first = format!("{}limit={PAGE}", question.path);
    let (cursor, depth) = asker.walk(question);
    let deep = cursor.map(|cursor| format!("{first}&cursor={cursor}"));
    let shown = asker.page(&first).1;
    let (count, scan) = runtime.block_on(Scan::of(admin, question, &shown));
    let (mut own, mut limit, mut within) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        own.push(asker.page(&first).0);
        limit.push(runtime.block_on(scan.run(admin, question)));
        if let Some(deep) = &deep {
            within.push(asker.page(deep).0);
        }
    }
    let (own, limit) = (median(own), median(limit));
    let within = if within.is_empty() { own } else { median(within) };
    let ratio = own.max(within) / limit;
    Line {
        row: "S15",
        what: format!("{} ({count} rows; {depth} deep)", question.what),
        figure: format!("{own:.0} µs, deep {within:.0} µs"),
        limit: format!("{limit:.0} µs scan"),
        ratio,
        budget: "≤ 3, flat",
        met: ratio <= TIMES_THE_SCAN && within <= own * FLAT,
    }
}

/// The limit: fifty rows of one index, of the table or the day's partition that the page comes from.
struct Scan(Statement);

impl Scan {
    async fn of(admin: &Client, question: &Question, shown: &Value) -> (usize, Scan) {
        let rows = shown["data"].as_array().map_or(&[][..], Vec::as_slice);
        let days: std::collections::BTreeSet<String> = rows
            .iter()
            .filter_map(|row| row["at"].as_str())
            .map(|at| at.chars().take(10).filter(char::is_ascii_digit).collect())
            .collect();
        let table = match (&question.log, days.first()) {
            (Log::Trail, _) => "trail".to_owned(),
            // One day's, also where the page has rows of more: a scan of several can only take longer.
            (Log::Calls, Some(_)) => format!("activity_{}", days.last().map_or("", String::as_str)),
            (Log::Calls, None) => "activity".to_owned(),
        };
        let sql = question.scan.replace("{table}", &format!("credledger.{table}"));
        (rows.len(), Scan(admin.prepare(&sql).await.expect("a statement")))
    }

    async fn run(&self, admin: &Client, question: &Question) -> f64 {
        let began = BootTime::now();
        admin.query(&self.0, &question.parameters()).await.expect("rows");
        micros(BootTime::now().since(began))
    }
}

/// One kept connection.
struct Asker {
    connection: BufReader<TcpStream>,
    token: String,
}

impl Asker {
    fn new(address: SocketAddr, token: String) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("a socket option");
        Asker { connection: BufReader::with_capacity(256 * 1024, stream), token }
    }

    /// How long it took, and what it says.
    fn page(&mut self, path: &str) -> (f64, Value) {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: ledger\r\nAuthorization: Bearer {}\r\n\r\n", self.token);
        let began = BootTime::now();
        self.connection.get_mut().write_all(request.as_bytes()).expect("room");
        let (status, body) = self.answer();
        let took = micros(BootTime::now().since(began));
        assert!(status.contains(" 200 "), "{path}: {status} {}", String::from_utf8_lossy(&body));
        (took, serde_json::from_slice(&body).expect("JSON"))
    }

    fn answer(&mut self) -> (String, Vec<u8>) {
        let (mut status, mut length) = (String::new(), 0);
        self.connection.read_line(&mut status).expect("an answer");
        loop {
            let mut line = String::new();
            self.connection.read_line(&mut line).expect("a header");
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.connection.read_exact(&mut body).expect("a body");
        (status, body)
    }

    /// Goes as deep as may be; the cursor there, and how many rows lie before it.
    fn walk(&mut self, question: &Question) -> (Option<String>, usize) {
        let path = format!("{}limit={WALKED_ROWS}", question.path);
        let (mut at, mut depth): (Option<String>, usize) = (None, 0);
        for _ in 0..WALKED {
            let next = match &at {
                Some(cursor) => self.page(&format!("{path}&cursor={cursor}")).1,
                None => self.page(&path).1,
            };
            let Some(cursor) = next["next_cursor"].as_str() else { break };
            depth += next["data"].as_array().map_or(0, Vec::len);
            at = Some(cursor.to_owned());
        }
        (at, depth)
    }

    /// Until the service has sealed and added up what it found: it goes on beside what is measured otherwise.
    fn settle(&mut self) {
        std::thread::sleep(Duration::from_secs(5));
    }
}
