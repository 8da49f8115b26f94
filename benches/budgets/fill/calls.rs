//! Calls of some credentials, over the days up to today in the order of time; those of the last day count as use as well.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use credledger::activity::calls::seal::Sealer;
use credledger::activity::calls::{Caller, Calls, NotTaken, Outcome, Row, Told, make_days};
use credledger::activity::usage::flush::Flusher;
use credledger::activity::usage::{self, Usage, Use};
use credledger::clock::Timestamp;
use credledger::domain::credential::Kind;
use credledger::ops::house::{House, LEDGER};
use credledger::vault::{Vault, random_bytes};
use tokio::sync::watch;

use super::dice::Dice;
use super::{Called, Wanted, telling};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Handed over together, and so many of these at once.
const REPORT: u64 = 1000;
const REPORTERS: u64 = 12;
const SEAL_PAUSE: Duration = Duration::from_millis(500);
/// The writer's queue is full: its own bound.
const FULL_PAUSE: Duration = Duration::from_millis(20);

/// The same calls on each run: one is a function of its number.
struct Made {
    called: Vec<Called>,
    first: Timestamp,
    /// from the first call to the last
    span_ms: i64,
    count: u64,
}

pub async fn fill(house: &House, wanted: &Wanted, called: &[Called]) {
    let written = written(house).await;
    let missing = wanted.calls.saturating_sub(written);
    if missing == 0 || called.is_empty() {
        return;
    }
    let calls = house.calls.clone().expect("a house that takes calls in");
    let now = house.clock.now();
    let span_ms = i64::from(wanted.days) * DAY_MS;
    let first = Timestamp::from_millis(now.millis() - span_ms).expect("an instant");
    make_all_days(house, wanted.days).await;
    let made = Arc::new(Made { called: called.to_vec(), first, span_ms, count: missing });
    let usage = Arc::new(Usage::new(u64::from_le_bytes(random_bytes()), now, Box::new(|_| false)));
    let (next, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(written)));
    let vault = house.ledger.reader().vault.clone();
    let reporters: Vec<_> = (0..REPORTERS)
        .map(|_| {
            let (made, calls, usage) = (made.clone(), calls.clone(), usage.clone());
            let (next, done) = (next.clone(), done.clone());
            tokio::spawn(async move {
                loop {
                    let first = next.fetch_add(REPORT, Ordering::Relaxed);
                    if first >= made.count {
                        return;
                    }
                    let rows = made.rows(first, &calls, &usage);
                    let count = rows.len() as u64;
                    report(&calls, rows).await;
                    done.fetch_add(count, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let (stop, stopped) = watch::channel(false);
    let sealing = tokio::spawn(seal(house.ledger.clone(), calls.clone(), stopped));
    drop(calls);
    let all = async {
        for reporter in reporters {
            reporter.await.expect("a reporter");
        }
    };
    telling("calls", wanted.calls, &done, all).await;
    stop.send_replace(true);
    sealing.await.expect("a sealer");
    bring(house, usage, vault).await;
}

async fn written(house: &House) -> u64 {
    let head = "select coalesce(sum(next_seq - 1), 0)::bigint from credledger.activity_nodes";
    let system = house.ledger.database().system().await.expect("a connection");
    let written: i64 = system.query_one(head, &[]).await.expect("a count").get(0);
    system.give_back();
    written.unsigned_abs()
}

/// The service makes those around today; so it is told of other todays.
async fn make_all_days(house: &House, days: u32) {
    const AT_ONCE: usize = 8;
    for day in (0..=i64::from(days)).step_by(AT_ONCE) {
        let then = Timestamp::from_millis(house.clock.now().millis() - day * DAY_MS).expect("an instant");
        make_days(house.ledger.database(), then).await.expect("days");
    }
}

async fn report(calls: &Calls, rows: Vec<Row>) {
    loop {
        match calls.report(rows.clone(), None).await {
            Ok(()) => return,
            Err(NotTaken::Full) => tokio::time::sleep(FULL_PAUSE).await,
            Err(refused) => panic!("calls were not taken in: {refused:?}"),
        }
    }
}

/// As housekeeping does. What is left in the end, the next start seals.
async fn seal(
    ledger: Arc<credledger::ledger::execute::Ledger>,
    calls: Arc<Calls>,
    stop: watch::Receiver<bool>,
) {
    let mut sealer = Sealer::new(ledger, calls.begun, calls.unsealed.clone());
    while !*stop.borrow() {
        sealer.tend().await.expect("a seal");
        tokio::time::sleep(SEAL_PAUSE).await;
    }
}

/// What was counted goes to the database; housekeeping of the service that runs on it adds it up.
async fn bring(house: &House, usage: Arc<Usage>, vault: Arc<Vault>) {
    let flusher = Flusher {
        usage,
        database: house.ledger.database().clone(),
        clock: house.clock.clone(),
        vault,
        ledger: LEDGER,
        every: Duration::from_secs(60),
    };
    let (stop, stopped) = watch::channel(false);
    stop.send_replace(true);
    flusher.run(stopped).await;
}

const OPERATIONS: [&str; 12] = [
    "orders.read",
    "orders.write",
    "chat.complete",
    "chat.stream",
    "embed",
    "images.make",
    "files.list",
    "files.read",
    "users.read",
    "users.write",
    "billing.read",
    "speech",
];
const PROVIDERS: [&str; 4] = ["openai", "anthropic", "mistral", "house"];
const ADDRESSES: u64 = 2000;

impl Made {
    fn rows(&self, first: u64, calls: &Calls, usage: &Usage) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::with_capacity(REPORT as usize);
        for number in first..(first + REPORT).min(self.count) {
            let row = match (number % 10, rows.last()) {
                // The report of the verdict before it.
                (1, Some(verdict)) if verdict.judged => completing(verdict, calls),
                (tenth, _) => self.row(number, tenth == 0, calls),
            };
            self.count(&row, number, usage);
            rows.push(row);
        }
        rows
    }

    fn at(&self, number: u64) -> Timestamp {
        let share = (i128::from(self.span_ms) * i128::from(number) / i128::from(self.count)) as i64;
        Timestamp::from_millis(self.first.millis() + share).expect("an instant")
    }

    fn row(&self, number: u64, judged: bool, calls: &Calls) -> Row {
        let mut dice = Dice::of(number ^ 0x5bd1_e995);
        let called = self.called[dice.leaning(self.called.len() as u64) as usize];
        let (id, salts) = calls.fresh(self.at(number));
        let (outcome, status, error) = match dice.below(100) {
            0..=1 => ("rate_limited", 429, Some("more than 100 requests in 60 seconds")),
            2..=4 => ("insufficient_scope", 403, Some("orders:write is missing")),
            5 => ("ip_denied", 403, None),
            6..=8 => ("accepted", 502, Some("the provider did not answer")),
            _ => ("accepted", 200, None),
        };
        let provider = dice.of_these(&PROVIDERS);
        let operation = OPERATIONS[dice.leaning(OPERATIONS.len() as u64) as usize];
        let address = Ipv4Addr::from_bits(0x0a00_0000 + dice.leaning(ADDRESSES) as u32);
        Row {
            id,
            completes: None,
            judged,
            tenant: called.tenant,
            credential: called.credential,
            secret: Some(called.secret),
            kind: Caller::Credential(Kind::ApiKey),
            outcome: Outcome::parse(outcome).ok(),
            status: Some(status).filter(|_| !judged),
            latency_ms: Some(5 + dice.below(3000) as i32).filter(|_| !judged),
            told: Told {
                operation: Some(operation.to_owned()),
                provider: Some(provider.to_owned()).filter(|_| !judged),
                model: Some(format!("{provider}-{}", 1 + dice.below(5))).filter(|_| !judged),
                error: error.filter(|_| !judged).map(str::to_owned),
                client_ip: Some(IpAddr::V4(address)),
                request_id: Some(format!("req-{:016x}", dice.throw())),
            },
            asked: None,
            salts,
        }
    }

    fn count(&self, row: &Row, number: u64, usage: &Usage) {
        let at = self.at(number);
        let is_late = at.millis() - self.first.millis() >= self.span_ms - DAY_MS;
        let Some(secret) = row.secret.filter(|_| is_late && !row.judged) else { return };
        let outcome = usage::Outcome::all().find(|each| Some(each.word()) == row.outcome.map(Outcome::word));
        usage.count(&Use {
            tenant: row.tenant,
            credential: row.credential,
            secret,
            operation: row.told.operation.as_deref(),
            client_ip: row.told.client_ip,
            outcome: outcome.expect("an outcome of both"),
            at,
        });
    }
}

/// What the API layer tells of the call that this verdict let in.
fn completing(verdict: &Row, calls: &Calls) -> Row {
    let at = credledger::activity::calls::instant_of(verdict.id).expect("an id of an instant");
    let (id, salts) = calls.fresh(at);
    let told = Told {
        provider: Some("house".to_owned()),
        model: Some("house-1".to_owned()),
        ..verdict.told.clone()
    };
    Row {
        id,
        completes: Some(verdict.id),
        judged: false,
        status: Some(200),
        latency_ms: Some(40),
        told,
        salts,
        ..verdict.clone()
    }
}
