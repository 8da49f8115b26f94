//! P13: expiry is judged by the database's clock, whoever is stopped while a renewal of the lease reads it. The tests run on
//! the database's machine, so they have its clock at hand.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use credledger::clock::Timestamp;
use credledger::domain::base64url;
use credledger::limits;
use serde_json::{Value, json};

use crate::library;
use crate::processes::Stopped;
use crate::random::rounds;
use crate::support::client::Request;
use crate::support::service::{Actor, Key, Service, eventually, millis, text};

/// How far from the database's clock a verdict may be judged, in milliseconds.
const TOLERANCE: i64 = 50;
/// They end one after the other, so that at each moment of a round some have just ended and some are about to.
const KEYS: i64 = 50;
const APART: i64 = 100;
/// Until the first of them ends, all are minted.
const MINTING: i64 = 6_000;
/// Less than a lease still has when its renewal is asked for: after a lapse another renewal would follow at once, and verdicts
/// are to be given on the one that was held up.
const STALL: Duration = Duration::from_millis(1_000);
/// By then the next renewal has corrected whatever the one that was held up has done.
const AFTERMATH: Duration = Duration::from_millis(700);
const ASKERS: usize = 2;

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock that is set");
    i64::try_from(since.as_millis()).expect("this century")
}

/// Waits for an instant of the clock that is judged by, not for anything to be done.
fn until(instant: i64) {
    eventually(|| (now() >= instant).then_some(())).expect("time goes by");
}

fn plus(instant: i64, span: Duration) -> i64 {
    instant + i64::try_from(span.as_millis()).expect("short")
}

/// All keys of a round, asked about at once.
struct Asked {
    sent: i64,
    answered: i64,
    verdicts: Vec<Value>,
}

/// `None` when the lease had lapsed: nothing was said of any key.
fn ask(gateway: &Actor, question: &Value) -> Option<Asked> {
    let sent = now();
    let answer = gateway.post("/api/v1/verify/batch", question);
    let answered = now();
    if answer.status == 503 {
        return None;
    }
    let verdicts = answer.expect(200)["data"].as_array().expect("verdicts").clone();
    Some(Asked { sent, answered, verdicts })
}

impl Asked {
    fn holds(&self, ends: &[i64]) {
        let Asked { sent, answered, verdicts } = self;
        assert_eq!(verdicts.len(), ends.len());
        for (verdict, end) in verdicts.iter().zip(ends) {
            let told = format!("asked at {sent}, answered at {answered}, ends at {end}: {verdict}");
            let judged_at = millis(&verdict["judged_at"]);
            assert!(
                (sent - TOLERANCE..=answered + TOLERANCE).contains(&judged_at),
                "by another clock: {told}"
            );
            if verdict["valid"] == true {
                assert!(*sent < end + TOLERANCE, "accepted after its end: {told}");
            } else {
                assert_eq!(verdict["reason"], "expired", "{told}");
                assert!(*answered >= end - TOLERANCE, "refused before its end: {told}");
            }
        }
    }

    fn tells_both(&self) -> bool {
        let accepted = self.verdicts.iter().filter(|verdict| verdict["valid"] == true).count();
        (1..self.verdicts.len()).contains(&accepted)
    }
}

/// Keys that end from `first` on, their question, and their ends.
fn ending(service: &Service, slug: &str, first: i64) -> (Value, Vec<i64>) {
    let root = service.root();
    let tenant = root.tenant(slug, json!({}));
    let ends: Vec<i64> = (0..KEYS).map(|turn| first + turn * APART).collect();
    let items = ends.iter().map(|end| {
        let expires_at = Timestamp::from_millis(*end).expect("an instant");
        let key = tenant.mint_with(json!({"name": "ending", "expires_at": expires_at}));
        json!({"credential": key.secret})
    });
    (json!({"items": items.collect::<Vec<_>>()}), ends)
}

/// Asks without pause while `stall` holds a renewal up, and for as long as its reading of the clock is the last one.
fn every_key_ends_in_time(service: &Service, stall: impl Fn()) {
    let gateway = service.gateway().token.expect("a token");
    for round in 0..rounds(2, 20) {
        let first = now() + MINTING;
        let (question, ends) = ending(service, &format!("ending-{round}"), first);
        until(first);
        let (going, asked) = (AtomicBool::new(true), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for _ in 0..ASKERS {
                let (gateway, going, asked, question) = (service.actor(&gateway), &going, &asked, &question);
                scope.spawn(move || {
                    while going.load(Ordering::Relaxed) {
                        asked.lock().expect("a list").extend(ask(&gateway, question));
                    }
                });
            }
            stall();
            let over = now();
            until(plus(over, AFTERMATH));
            going.store(false, Ordering::Relaxed);
        });
        let asked = asked.into_inner().expect("a list");
        asked.iter().for_each(|one| one.holds(&ends));
        assert!(asked.iter().any(Asked::tells_both), "no key ended while it was asked about");
    }
}

#[test]
fn p13_a_service_that_was_stopped_during_a_renewal_ends_every_key_in_time() {
    let service = Service::start_private(&[]);
    every_key_ends_in_time(&service, || {
        library::block_on(async {
            let superuser = library::superuser(&service).await;
            superuser
                .batch_execute("begin; lock table credledger.nodes in share mode")
                .await
                .expect("what a renewal waits for");
            let waits =
                "select from pg_stat_activity where wait_event_type = 'Lock' and query ~ 'lease_renew'";
            while superuser.query(waits, &[]).await.expect("a look").is_empty() {}
            // The renewal is answered at once, to a service that can't hear it.
            let stopped = Stopped::service(&service);
            superuser.batch_execute("commit").await.expect("its end");
            until(plus(now(), STALL));
            drop(stopped);
        });
    });
}

#[test]
fn p13_a_postgresql_that_was_stopped_during_a_renewal_ends_every_key_in_time() {
    let service = Service::start_private(&[]);
    every_key_ends_in_time(&service, || {
        let stopped = Stopped::cluster(&service);
        // A renewal is asked for at any moment of its turn; for the rest of the stall it waits.
        until(plus(now(), STALL + limits::LEASE / limits::LEASE_RENEWALS / 2));
        drop(stopped);
    });
}

/// The database's clock has been set back, by less than is refused: the ledger's own time lies ahead of it.
const BEHIND: i64 = 4_500;

/// A token of that moment, and what is said of it; none when the clock has caught up with it meanwhile.
fn taken_and_checked(service: &Service, client: &Key<'_>, gateway: &Actor) -> Option<Value> {
    library::block_on(async {
        let ahead = "update credledger.heads set last_at_ms = $1";
        let superuser = library::superuser(service).await;
        superuser.execute(ahead, &[&(now() + BEHIND)]).await.expect("a later time");
    });
    // The next event carries that time, and from then on nothing is judged before it.
    client.edit(json!({"description": now().to_string()}));
    let (id, secret) = (&client.minted["client_id"], &client.secret);
    let body = format!("grant_type=client_credentials&client_id={}&client_secret={secret}", text(id));
    let request = Request::new("POST", "/api/v1/oauth/token")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(body.into_bytes());
    let token = text(&service.anonymous().send(&request).expect(200)["access_token"]);
    let claims = token.split('.').nth(1).and_then(base64url::decode).expect("claims");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    let verdict = gateway.verify(&token).0;
    let issued_at = claims["iat"].as_i64().expect("seconds");
    (issued_at > now() / 1000 + limits::TOKEN_AHEAD_SECONDS).then_some(verdict)
}

#[test]
fn p13_a_token_of_the_ledgers_own_time_works_while_the_databases_clock_lies_behind_it() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = root.tenant("behind", json!({}));
    let client = tenant.client("c");
    let verdict =
        eventually(|| taken_and_checked(&service, &client, &gateway)).expect("it was quick enough once");
    assert_eq!(verdict["valid"], true, "{verdict}");
}
