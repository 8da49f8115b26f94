//! P9, for ends that are near: each is told of once, whoever changes the key at the same moment and whatever is killed; and never
//! before an end that has come.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use credledger::clock::Timestamp;
use credledger::domain::credential::CredentialEvent;
use credledger::domain::event::{Actor as Who, Event};
use credledger::domain::ids::StreamId;
use credledger::ledger::read::Positioned;
use credledger::limits;
use serde_json::json;

use crate::library;
use crate::support::service::{Actor, Service, Tenant, eventually};

const SOON: &str = "api_key.expiring_soon";

fn after(ms: u128) -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock that is set");
    let at = i64::try_from(since.as_millis() + ms).expect("this century");
    Timestamp::from_millis(at).expect("an instant")
}

fn ending_at(tenant: &Tenant<'_>, keys: usize, end: Timestamp) -> Vec<String> {
    (0..keys).map(|_| tenant.mint_with(json!({"name": "dated", "expires_at": end})).id).collect()
}

fn ledger(service: &Service) -> Vec<Positioned> {
    library::block_on(library::whole_ledger(service))
}

/// Of whom, and of which end.
fn warnings(events: &[Positioned]) -> Vec<(StreamId, Timestamp)> {
    let warning = |event: &Positioned| match &event.recorded.event {
        Event::Credential(_, CredentialEvent::ExpiringSoon(soon)) => {
            assert_eq!(event.recorded.actor, Who::System);
            Some((event.recorded.stream, soon.expires_at))
        }
        _ => None,
    };
    events.iter().filter_map(warning).collect()
}

/// A key's warnings name the end that it had then, none twice in a row, and none comes after its last event.
fn each_was_true_and_new(events: &[Positioned], stream: StreamId) -> usize {
    let (mut end, mut told, mut over, mut count) = (None, None, false, 0);
    for event in events.iter().filter(|event| event.recorded.stream == stream) {
        let Event::Credential(_, event) = &event.recorded.event else { panic!("a key's stream") };
        assert!(!over, "{event:?} after the last of all");
        match event {
            CredentialEvent::Created(created) => end = created.expires_at,
            CredentialEvent::ExpirySet(set) => end = set.expires_at,
            CredentialEvent::Revoked(_) | CredentialEvent::Expired(_) => over = true,
            CredentialEvent::ExpiringSoon(soon) => {
                assert_eq!(Some(soon.expires_at), end, "another end");
                assert_ne!(Some(soon.expires_at), told, "told twice");
                (told, count) = (Some(soon.expires_at), count + 1);
            }
            _ => {}
        }
    }
    count
}

fn stream(id: &str) -> StreamId {
    StreamId(id.parse().expect("an id"))
}

#[test]
fn p9_a_warning_is_recorded_once_though_the_service_is_killed_in_between() {
    const KEYS: usize = 60;
    let mut service = Service::start();
    let root = service.root();
    let tenant = root.tenant("killed", json!({}));
    let keys = ending_at(&tenant, KEYS, after(16_000));
    let told = |service: &Service| warnings(&ledger(service)).len();
    for some in [1, KEYS / 3, KEYS / 2] {
        eventually(|| (told(&service) >= some).then_some(())).expect("warnings");
        service.kill();
        service.start_again();
    }
    eventually(|| (told(&service) == KEYS).then_some(())).expect("all are told of");
    let ended = |event: &Positioned| {
        matches!(&event.recorded.event, Event::Credential(_, CredentialEvent::Expired(_)))
    };
    let ends = || ledger(&service).iter().filter(|event| ended(event)).count();
    eventually(|| (ends() == KEYS).then_some(())).expect("all end");
    let events = ledger(&service);
    for id in &keys {
        assert_eq!(each_was_true_and_new(&events, stream(id)), 1);
    }
}

/// Puts a key's end back and forth within its window, until it is told of.
fn move_about(own: &Actor, path: &str, ends: [Timestamp; 2]) {
    for end in ends.into_iter().cycle() {
        own.patch(path, &json!({"expires_at": end})).expect(200);
        let told = own.get(&format!("{path}/history?order=desc&limit=3")).expect(200);
        if told["data"].as_array().expect("a list").iter().any(|event| event["type"] == SOON) {
            return;
        }
    }
}

/// Once one of them is told of, all are revoked: some before and some after it, and some in the same moment.
fn revoke_in_the_midst(own: &Actor, keys: &[String]) {
    let told = |path: &String| {
        let told = own.get(&format!("{path}/history")).expect(200);
        told["data"].as_array().expect("a list").iter().any(|event| event["type"] == SOON)
    };
    eventually(|| told(&keys[0]).then_some(())).expect("the first is told of");
    for path in keys {
        let answer = own.post(&format!("{path}/revoke"), &json!({"reason": "other"}));
        // Whoever comes too late finds it ended.
        assert!(matches!(answer.status, 200 | 409), "{}", answer.text());
    }
}

#[test]
fn p9_a_warning_is_true_of_the_end_though_people_move_it_and_revoke_at_the_same_moment() {
    const REVOKED: usize = 40;
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("raced", json!({}));
    let path = |id: &String| format!("{}/keys/{id}", tenant.path());
    let revoked = ending_at(&tenant, REVOKED, after(12_000));
    let moved: Vec<String> = (0..3).map(|_| tenant.mint("moved").id).collect();
    let near = [after(30_000), after(31_000)];
    std::thread::scope(|scope| {
        for key in &moved {
            let (own, path) = (service.root(), path(key));
            scope.spawn(move || move_about(&own, &path, near));
        }
        let (own, paths) = (service.root(), revoked.iter().map(path).collect::<Vec<_>>());
        scope.spawn(move || revoke_in_the_midst(&own, &paths));
    });
    let events = ledger(&service);
    let told = |keys: &[String]| -> Vec<usize> {
        keys.iter().map(|key| each_was_true_and_new(&events, stream(key))).collect()
    };
    assert!(told(&revoked).iter().all(|told| *told <= 1), "{:?}", told(&revoked));
    assert!(told(&moved).iter().all(|told| *told >= 1), "{:?}", told(&moved));
}

/// Many are told of at the pace beside people, which takes a second; ends that come meanwhile do not wait for that.
#[test]
fn p9_an_end_that_comes_while_many_are_told_of_is_recorded_before_the_rest_of_them() {
    const KEYS: usize = 240;
    const ENDS: u128 = 12;
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("many", json!({}));
    let many = after(16_000);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (own, id) = (service.root(), tenant.id.clone());
            scope.spawn(move || drop(ending_at(&Tenant { admin: &own, id }, KEYS / 4, many)));
        }
    });
    for number in 0..ENDS {
        ending_at(&tenant, 1, after(8_000 + 100 * number));
    }
    let (stop, beside) = (AtomicBool::new(false), tenant.mint("beside"));
    std::thread::scope(|scope| {
        let (own, path, stop) = (service.root(), &beside.path, &stop);
        scope.spawn(move || {
            let mut turn = 0;
            while !stop.load(Ordering::Relaxed) {
                turn += 1;
                own.patch(path, &json!({"description": format!("turn {turn}")})).expect(200);
            }
        });
        let all = catch_unwind(AssertUnwindSafe(|| {
            let all = || (warnings(&ledger(&service)).len() >= KEYS).then_some(());
            eventually(all).expect("all are told of")
        }));
        stop.store(true, Ordering::Relaxed);
        all.expect("warnings");
    });
    let events = ledger(&service);
    for (place, event) in events.iter().enumerate() {
        let Event::Credential(_, CredentialEvent::Expired(expired)) = &event.recorded.event else { continue };
        let meanwhile: Vec<Positioned> =
            events[..place].iter().filter(|event| event.recorded.at > expired.ended_at).cloned().collect();
        let first = warnings(&meanwhile).len();
        assert!(first <= limits::HOUSEKEEPING_ALONE, "{first} were told of before it");
    }
}
