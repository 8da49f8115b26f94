//! P5: verdicts only while the lease lives; afterwards, nothing is accepted until the node has caught up.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use credledger::clock::BootTime;
use credledger::domain::Caller;
use credledger::domain::command::Command;
use credledger::domain::credential::revoke::Reason;
use credledger::domain::credential::{CredentialCommand, Revoke};
use credledger::domain::event::Actor as By;
use credledger::domain::ids::{CredentialId, TenantId};
use credledger::ledger::execute::Order;
use credledger::limits;
use credledger::ops::house::House;
use serde_json::json;

use crate::cut_off::CutOff;
use crate::library;
use crate::processes::{Stopped, resident_kb};
use crate::proxy::Proxy;
use crate::random::rounds;
use crate::support::service::{Actor, Service, eventually};

/// A refusal is promised within a second; a machine that is busy with other tests gets this much more.
const SLACK: Duration = Duration::from_secs(4);
const ASKERS: usize = 8;

/// A question's life, by the clock that the lease runs on.
#[derive(Debug)]
struct Asked {
    sent: BootTime,
    answered: BootTime,
    accepted: bool,
    status: u16,
}

fn ask(gateway: &Actor, credential: &str) -> Asked {
    let request = gateway.request("POST", "/api/v1/verify").json(&json!({"credential": credential}));
    let sent = BootTime::now();
    let answer = gateway.send(&request);
    let answered = BootTime::now();
    let accepted = answer.status == 200 && answer.json()["valid"] == true;
    Asked { sent, answered, accepted, status: answer.status }
}

/// Asks without pause, from several sides, while `meanwhile` runs.
fn history<T>(
    service: &Service,
    token: &str,
    credential: &str,
    meanwhile: impl FnOnce(&Mutex<Vec<Asked>>) -> T,
) -> (T, Vec<Asked>) {
    let (going, asked) = (AtomicBool::new(true), Mutex::new(Vec::new()));
    let outcome = std::thread::scope(|scope| {
        for _ in 0..ASKERS {
            let (gateway, going, asked) = (service.actor(token), &going, &asked);
            scope.spawn(move || {
                while going.load(Ordering::Relaxed) {
                    let one = ask(&gateway, credential);
                    asked.lock().expect("a list").push(one);
                }
            });
        }
        // Whatever happens meanwhile, the askers are told to stop.
        let stop = StopOnDrop(&going);
        let outcome = meanwhile(&asked);
        drop(stop);
        outcome
    });
    (outcome, asked.into_inner().expect("a list"))
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

fn until(asked: &Mutex<Vec<Asked>>, what: &str, is: impl Fn(&Asked) -> bool) {
    eventually(|| asked.lock().expect("a list").iter().any(&is).then_some(())).expect(what);
}

/// What P5 says of a time in which the database could not be reached.
fn closed_after(asked: &[Asked], away: BootTime, back: BootTime) {
    let over = away.plus(limits::LEASE);
    for one in asked {
        if one.sent >= over && one.answered < back {
            assert!(!one.accepted, "accepted without a lease: {one:?}, {over:?}");
        }
        assert!(matches!(one.status, 200 | 503), "{one:?}");
        let took = one.answered.since(one.sent);
        assert!(took < limits::CATCH_UP_WAIT + SLACK, "{one:?} took {took:?}");
    }
    let lived_on = asked.iter().any(|one| one.accepted && one.sent >= away && one.sent < over);
    assert!(lived_on, "verdicts go on while the lease lives");
}

#[test]
fn p5_with_a_stopped_database_verdicts_go_on_for_one_lease_then_fail_closed_then_come_back() {
    let service = Service::start_private(&[]);
    let root = service.root();
    let key = root.tenant("stopped", json!({})).mint("asked");
    let gateway = service.gateway().token.expect("a token");
    for _ in 0..rounds(2, 30) {
        let ((away, back), asked) = history(&service, &gateway, &key.secret, |asked| {
            until(asked, "verdicts", |one| one.accepted);
            let stopped = Stopped::cluster(&service);
            let away = BootTime::now();
            until(asked, "refusals", |one| one.sent >= away.plus(limits::LEASE) && one.status == 503);
            let back = BootTime::now();
            drop(stopped);
            until(asked, "verdicts again", |one| one.sent > back && one.accepted);
            (away, back)
        });
        closed_after(&asked, away, back);
    }
}

#[test]
fn p5_with_a_database_that_is_cut_off_or_hangs_verdicts_fail_closed_and_come_back() {
    let CutOff { database: _database, proxy, service } = CutOff::start();
    let root = service.root();
    let key = root.tenant("cut", json!({})).mint("asked");
    let gateway = service.gateway().token.expect("a token");
    let ways: [fn(&Proxy); 2] = [Proxy::refuse, Proxy::freeze];
    for cut in ways {
        let ((away, back), asked) = history(&service, &gateway, &key.secret, |asked| {
            until(asked, "verdicts", |one| one.accepted);
            cut(&proxy);
            let away = BootTime::now();
            until(asked, "refusals", |one| one.sent >= away.plus(limits::LEASE) && one.status == 503);
            let unready = service.anonymous().get("/readyz");
            assert_eq!(unready.expect(503)["lease"], false);
            let back = BootTime::now();
            proxy.heal();
            until(asked, "verdicts again", |one| one.sent > back && one.accepted);
            (away, back)
        });
        closed_after(&asked, away, back);
    }
}

#[test]
fn p5_a_node_that_slept_through_a_revoke_accepts_nothing_that_was_asked_after_it() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("asleep", json!({}));
    let gateway = service.gateway().token.expect("a token");
    let witness = tenant.mint("witness");
    for _ in 0..rounds(3, 50) {
        let key = tenant.mint("revoked meanwhile");
        let (revoked, asked) = history(&service, &gateway, &key.secret, |asked| {
            until(asked, "verdicts", |one| one.accepted);
            let slept = BootTime::now();
            let asleep = Stopped::service(&service);
            revoke_beside(&service, &tenant.id, &key.id);
            let revoked = BootTime::now();
            // Asked by others of the sleeping node, which finds them when it wakes.
            std::thread::scope(|scope| {
                let waiting: Vec<_> = (0..ASKERS)
                    .map(|_| {
                        let (gateway, secret) = (service.actor(&gateway), &key.secret);
                        scope.spawn(move || ask(&gateway, secret))
                    })
                    .collect();
                eventually(|| (BootTime::now() > slept.plus(limits::LEASE)).then_some(()));
                drop(asleep);
                for one in waiting {
                    let one = one.join().expect("an asker");
                    assert!(one.sent >= revoked && !one.accepted, "{one:?}");
                    asked.lock().expect("a list").push(one);
                }
            });
            let awake = service.actor(&gateway);
            eventually(|| ask(&awake, &witness.secret).accepted.then_some(())).expect("it wakes up");
            revoked
        });
        let late: Vec<_> = asked.iter().filter(|one| one.sent >= revoked && one.accepted).collect();
        assert!(late.is_empty(), "accepted after the revoke: {late:?}");
        service.actor(&gateway).verify(&key.secret).is_refused("revoked");
    }
}

/// As a network does that forgets connections: both ends think them alive.
#[test]
fn p5_connections_that_died_without_a_word_are_replaced_and_verdicts_come_back() {
    let CutOff { database: _database, proxy, service } = CutOff::start();
    let root = service.root();
    let key = root.tenant("stranded", json!({})).mint("asked");
    let gateway = service.gateway();
    gateway.verify(&key.secret).is_accepted();
    proxy.strand();
    let away = BootTime::now();
    let comes_back = || {
        let one = ask(&gateway, &key.secret);
        (one.sent > away.plus(limits::LEASE) && one.accepted).then_some(())
    };
    eventually(comes_back).expect("the node finds that its connections are dead");
}

/// By another process than the service, as a second node or the command line would.
fn revoke_beside(service: &Service, tenant: &str, key: &str) {
    library::block_on(async {
        let foundation = library::foundation(service).await;
        let house = House::open_beside(&foundation).await.expect("a house beside");
        let tenant = TenantId(tenant.parse().expect("an id"));
        let revoke = Revoke { reason: Reason::Leaked, note: None };
        let credential: CredentialId = key.parse().expect("an id");
        let order = Order::of(
            credential.into(),
            Command::Credential(tenant, None, vec![CredentialCommand::Revoke(revoke)]),
            Caller { actor: By::System, client_ip: None, request_id: "beside".to_owned() },
        );
        let executed = house.ledger.execute(order).await.expect("a revoke");
        assert!(executed.position.is_some());
        house.close().await.expect("an orderly end");
    });
}

/// Beyond the waiting queue, whose limit is 1024.
const CROWD: usize = 1_500;

#[test]
fn p5_a_crowd_that_waits_for_a_lapsed_lease_is_answered_within_a_bound_and_in_flat_memory() {
    let CutOff { database: _database, proxy, service } = CutOff::start();
    let key = service.root().tenant("crowd", json!({})).mint("asked").secret.clone();
    let gateway = service.gateway();
    gateway.verify(&key).is_accepted();
    proxy.freeze();
    eventually(|| (ask(&gateway, &key).status == 503).then_some(())).expect("a lapse");
    let body = json!({"credential": key}).to_string();
    let token = gateway.token.clone().expect("a token");
    let question = format!(
        "POST /api/v1/verify HTTP/1.1\r\nHost: crowd\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    // The first waves bring memory to where it stays.
    let mut resident = Vec::new();
    for _ in 0..rounds(6, 60) {
        wave(&service, &question);
        resident.push(resident_kb(service.pid()));
    }
    let (settled, last) = (resident[1], resident[resident.len() - 1]);
    assert!(last < settled + 32 * 1024, "memory grows with each wave, in kB: {resident:?}");
    proxy.heal();
    eventually(|| ask(&gateway, &key).accepted.then_some(())).expect("verdicts again");
}

/// All at once, and every one is answered: not now.
fn wave(service: &Service, question: &str) {
    let began = BootTime::now();
    let mut crowd: Vec<TcpStream> = (0..CROWD)
        .map(|_| {
            let mut stream = TcpStream::connect(service.address()).expect("a connection");
            stream.set_read_timeout(Some(limits::CATCH_UP_WAIT * 30)).expect("a limit");
            stream.write_all(question.as_bytes()).expect("a question");
            stream
        })
        .collect();
    for stream in &mut crowd {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(answer.to_ascii_lowercase().contains("\r\nretry-after: "), "{answer}");
    }
    let took = BootTime::now().since(began);
    // A second each would be 25 minutes: they wait together, or are turned away.
    assert!(took < limits::CATCH_UP_WAIT + 5 * SLACK, "{took:?}");
}

#[test]
fn p12_reads_and_commands_on_a_database_that_hangs_are_answered_within_a_bound() {
    let CutOff { database: _database, proxy, service } = CutOff::start();
    let root = service.root();
    let tenant = root.tenant("patient", json!({}));
    let key = tenant.mint("asked");
    let (path, keys) = (key.path.clone(), format!("{}/keys", tenant.path()));
    // Each door that waits for an answer has a connection of its own, kept from before.
    let asked = [
        ("GET", path.clone()),
        ("GET", format!("{path}/history")),
        ("GET", keys.clone()),
        ("GET", "/api/admin/v1/tenants".to_owned()),
        ("POST", format!("{path}/rotate")),
        ("POST", keys),
    ];
    let actors: Vec<_> = asked.iter().map(|_| service.root()).collect();
    for actor in &actors {
        actor.get(&path).expect(200);
    }
    proxy.freeze();
    std::thread::scope(|scope| {
        for (actor, (method, path)) in actors.into_iter().zip(&asked) {
            scope.spawn(move || {
                let request = actor.request(method, path).json(&json!({"name": "late"}));
                let request = if path.ends_with("/rotate") { actor.request(method, path) } else { request };
                let answer = actor.send(&request);
                assert_eq!(answer.status, 503, "{method} {path}: {}", answer.text());
            });
        }
    });
    proxy.heal();
    eventually(|| (root.get(&path).status == 200).then_some(())).expect("reads again");
}
