//! S19: verify's p99.9 at half of what it bears, while something else goes on beside it, against the same with nothing else.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use credledger::clock::BootTime;
use credledger::db::{DatabaseUrl, Settings};
use credledger::domain::ids::TenantId;
use credledger::ops::house::{Foundation, House, LEDGER};
use credledger::projections::active::ActiveView;
use credledger::projections::load::load as load_view;

use super::load::{self, Requests};
use super::verdicts::{self, CONNECTIONS, Keys, SPAN, Server};
use super::world::{World, median};
use super::{Line, Run};

const ROUNDS: usize = 5;
const APPENDS: f64 = 10_000.0;
const CALLERS: usize = 256;

pub fn over_http(run: &Run, keys: &Keys, lines: &mut Vec<Line>) {
    let service = verdicts::start_service(run);
    let (token, tenant) = keys.gateway.split_once(' ').expect("a token and a tenant");
    let requests = verdicts::random_verifies(&keys.living, token);
    let most = median(
        (0..3).map(|_| load::run(service.address, CONNECTIONS, SPAN, &requests, "200").per_second).collect(),
    );
    let half = most / 2.0;
    for (what, words) in [("appends", vec!["appends", tenant]), ("another node's loading", vec!["loads"])] {
        let (mut quiet, mut busy, mut did) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            quiet.push(tail(&service, &requests, half));
            let other = Other::start(&words);
            busy.push(tail(&service, &requests, half));
            did.push(other.stop());
        }
        let (quiet, busy, did) = (median(quiet), median(busy), median(did));
        lines.push(Line {
            row: "S19",
            what: format!("verify's p99.9 at {half:.0}/s beside {what} ({did:.0} a second)"),
            figure: format!("{busy:.0} µs"),
            limit: format!("{quiet:.0} µs with nothing else"),
            ratio: busy / quiet,
            budget: "≤ 2",
            met: busy / quiet <= 2.0,
        });
    }
}

fn tail(service: &Server, requests: &Requests, rate: f64) -> f64 {
    let measured = load::paced(service.address, CONNECTIONS, SPAN, requests, "200", Some(rate));
    assert_eq!(measured.refused, 0, "some answers were no 200");
    measured.percentile(0.999)
}

/// A process of its own that does something else until it is told to stop.
struct Other {
    process: Child,
    told: BufReader<ChildStdout>,
}

impl Other {
    fn start(words: &[&str]) -> Other {
        let program = std::env::current_exe().expect("this program");
        let mut process = Command::new(program)
            .arg("beside")
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("another process");
        let mut told = BufReader::new(process.stdout.take().expect("its output"));
        told.read_line(&mut String::new()).expect("it begins");
        Other { process, told }
    }

    /// How much it did a second.
    fn stop(mut self) -> f64 {
        drop(self.process.stdin.take());
        let mut line = String::new();
        self.told.read_line(&mut line).expect("it tells");
        self.process.wait().expect("it ends");
        line.trim().parse().expect("a number")
    }
}

/// The other process.
pub fn run(words: &[String], database: &str, folder: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let over = Arc::new(AtomicBool::new(false));
    let told = over.clone();
    std::thread::spawn(move || {
        // Ends with the one who started it.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        told.store(true, Ordering::Relaxed);
    });
    let settings = Settings::at(DatabaseUrl::from(database.to_owned()));
    let done = runtime.block_on(async {
        let foundation =
            Foundation::lay(&settings, false, &folder.join("master.key")).await.expect("a foundation");
        match words.first().map(String::as_str) {
            Some("appends") => {
                appends(database, foundation, words[1].parse().expect("a tenant"), &over).await
            }
            Some("loads") => loads(foundation, &over).await,
            other => panic!("nothing is called {other:?}"),
        }
    });
    println!("{done}");
    runtime.shutdown_background();
}

/// Mints, so many a second as are asked for, as far as there is room for them.
async fn appends(database: &str, foundation: Foundation, tenant: TenantId, over: &Arc<AtomicBool>) -> f64 {
    let house = House::open_beside(&foundation).await.expect("a house");
    let world = Arc::new(World { database: database.to_owned(), foundation, house, tenant });
    let (begun, made) = (BootTime::now(), Arc::new(AtomicU64::new(0)));
    println!("begun");
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (world, over, made) = (world.clone(), over.clone(), made.clone());
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    let nth = made.fetch_add(1, Ordering::Relaxed);
                    let due = Duration::from_secs_f64(nth as f64 / APPENDS);
                    if let Some(early) = due.checked_sub(BootTime::now().since(begun)) {
                        tokio::time::sleep(early).await;
                    }
                    world.mint(None).await;
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.expect("a caller");
    }
    made.load(Ordering::Relaxed) as f64 / BootTime::now().since(begun).as_secs_f64()
}

/// As a node that starts does; credentials a second.
async fn loads(foundation: Foundation, over: &Arc<AtomicBool>) -> f64 {
    let (begun, mut loaded) = (BootTime::now(), 0);
    println!("begun");
    while !over.load(Ordering::Relaxed) {
        let view = ActiveView::new().expect("room");
        load_view(&foundation.database, LEDGER, &foundation.vault, &view).await.expect("a view");
        loaded += view.counts().credentials;
    }
    loaded as f64 / BootTime::now().since(begun).as_secs_f64()
}
