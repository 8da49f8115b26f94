//! P9, for windows that are closed because their secret is quiet: each once, whoever writes and calls at the same moment and whatever is
//! killed; and never on what may have been lost.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use credledger::clock::Timestamp;
use credledger::domain::credential::{CredentialEvent, EndCause, Quiet};
use credledger::domain::event::{Actor as Who, Event};
use credledger::domain::ids::{CredentialId, SecretId, StreamId, TenantId};
use credledger::ledger::read::Positioned;
use credledger::ledger::together::Chore;
use credledger::ops::house::House;
use serde_json::json;

use crate::library;
use crate::support::service::{Service, Tenant, eventually, millis, text};

/// For how long a secret has to be quiet here.
const QUIET_MS: i64 = 2_000;

fn ledger(service: &Service) -> Vec<Positioned> {
    library::block_on(library::whole_ledger(service))
}

/// Which secret was closed for being quiet, of whom and when.
fn closed(events: &[Positioned]) -> Vec<(StreamId, SecretId, Timestamp)> {
    let closing = |event: &Positioned| match &event.recorded.event {
        Event::Credential(_, CredentialEvent::SecretExpired(expired)) => {
            assert_eq!((event.recorded.actor, expired.cause), (Who::System, EndCause::Quiet));
            Some((event.recorded.stream, expired.secret_id, expired.ended_at))
        }
        _ => None,
    };
    events.iter().filter_map(closing).collect()
}

/// Keys that were rotated, and whose former secrets are to be closed once quiet; when the last one was.
fn rotated(tenant: &Tenant<'_>, keys: usize) -> i64 {
    let mut last = 0;
    for _ in 0..keys {
        let (_, told) =
            tenant.mint("k").rotate(json!({"grace_seconds": 3600, "close_when_quiet_seconds": 2}));
        last = millis(&told["key"]["secrets"][1]["created_at"]);
    }
    last
}

fn each_once(events: &[Positioned], keys: usize) {
    let closed = closed(events);
    let mut secrets: Vec<_> = closed.iter().map(|(_, secret, _)| secret.0).collect();
    secrets.sort_unstable();
    secrets.dedup();
    assert_eq!((secrets.len(), closed.len()), (keys, keys));
    for (stream, secret, ended_at) in closed {
        let of_it = events.iter().filter(|event| event.recorded.stream == stream);
        let rotated = of_it.filter_map(|event| match &event.recorded.event {
            Event::Credential(_, CredentialEvent::Rotated(rotated)) => Some((rotated, event.recorded.at)),
            _ => None,
        });
        let ends = rotated.filter(|(rotated, _)| rotated.ends.iter().any(|end| end.secret_id == secret));
        for (_, at) in ends {
            assert!(ended_at.millis() >= at.millis() + QUIET_MS, "within the first seconds of its window");
        }
    }
}

#[test]
fn p9_a_quiet_window_is_closed_once_though_the_service_is_killed_in_between_and_not_on_what_was_lost() {
    const KEYS: usize = 40;
    let mut service = Service::start();
    {
        let root = service.root();
        rotated(&root.tenant("killed", json!({})), KEYS);
    }
    for round in 0..2 {
        let root = service.root();
        let last = root.tenant(&format!("last-{round}"), json!({}));
        let killed_after = millis(&root.get(&last.path()).expect(200)["created_at"]);
        let before = ledger(&service).len();
        service.kill();
        service.start_again();
        // What was used between the last flush and the kill nobody knows; so nothing is quiet since before that.
        let more = || Some(closed(&ledger(&service)[before..])).filter(|closed| !closed.is_empty());
        if closed(&ledger(&service)).len() < KEYS {
            for (_, secret, ended_at) in eventually(more).expect("it goes on") {
                assert!(ended_at.millis() >= killed_after + QUIET_MS, "{secret:?} on what may be lost");
            }
        }
    }
    eventually(|| (closed(&ledger(&service)).len() == KEYS).then_some(())).expect("all are closed");
    each_once(&ledger(&service), KEYS);
}

#[test]
fn p9_a_quiet_window_is_closed_though_people_write_and_call_without_rest() {
    const KEYS: usize = 12;
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("busy", json!({}));
    let beside = tenant.mint("beside");
    rotated(&tenant, KEYS);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (writer, gateway, stop) = (service.root(), service.gateway(), &stop);
        let (path, secret) = (&beside.path, &beside.secret);
        scope.spawn(move || {
            let mut turn = 0;
            while !stop.load(Ordering::Relaxed) {
                turn += 1;
                writer.patch(path, &json!({"description": format!("turn {turn}")})).expect(200);
                gateway.verify(secret).is_accepted();
            }
        });
        let all = catch_unwind(AssertUnwindSafe(|| {
            let all = || (closed(&ledger(&service)).len() >= KEYS).then_some(());
            eventually(all).expect("all that are quiet are closed")
        }));
        stop.store(true, Ordering::Relaxed);
        all.expect("closed");
    });
    each_once(&ledger(&service), KEYS);
}

#[test]
fn p9_of_two_who_close_the_same_window_at_the_same_moment_one_does() {
    const KEYS: usize = 10;
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("raced", json!({}));
    let (mut since, mut keys) = (HashMap::new(), Vec::new());
    for _ in 0..KEYS {
        let key = tenant.mint("k");
        let (_, told) = key.rotate(json!({"grace_seconds": 7200}));
        let secret: SecretId = text(&told["key"]["secrets"][0]["id"]).parse().expect("an id");
        since.insert(secret, Timestamp::default());
        keys.push((key.id.parse::<CredentialId>().expect("an id"), key.secret_path(0)));
    }
    let until = Timestamp::parse("2999-01-01T00:00:00Z").expect("an instant");
    let quiet = Arc::new(Quiet { since, until });
    let tenant_id: TenantId = tenant.id.parse().expect("an id");
    library::block_on(async {
        let foundation = library::foundation(&service).await;
        let houses = [
            House::open_beside(&foundation).await.expect("a house"),
            House::open_beside(&foundation).await.expect("a house"),
        ];
        for (_, path) in &keys {
            root.patch(path, &json!({"close_when_quiet_seconds": 2})).expect(200);
        }
        let credentials: Vec<CredentialId> = keys.iter().map(|(id, _)| *id).collect();
        // Its own housekeeping is a third one.
        while closed(&library::whole_ledger(&service).await).len() < KEYS {
            let both = houses.iter().map(|house| {
                house.ledger.together(Chore::CloseQuiet(quiet.clone()), tenant_id, credentials.clone())
            });
            for done in futures::future::join_all(both).await {
                assert!(done.failed.is_none(), "{:?}", done.failed);
            }
        }
        for house in houses {
            house.close().await.expect("closed");
        }
    });
    each_once(&ledger(&service), KEYS);
}
