//! Ends that come while people set, move and clear them, and change how long before they are warned: whatever housekeeping wrote
//! down is what the pure domain decides on the states of then, and nothing that it decides was left out.

use std::collections::HashMap;

use credledger::clock::Timestamp;
use credledger::domain::client_format::ClientFormat;
use credledger::domain::command::{Asked, Command, Seen};
use credledger::domain::credential::{CredentialCommand, RecordDue, SecretFacts, Warn};
use credledger::domain::event::{Actor, Event, Recorded};
use credledger::domain::ids::{ClientId, StreamId};
use credledger::domain::key_format::KeyFormat;
use credledger::domain::stream::StreamState;
use credledger::domain::{Caller, Context, Fresh};
use credledger::ledger::read::Positioned;
use serde_json::{Value, json};
use std::sync::Arc;

use crate::log::{block_on, events, is_housekeeping};
use crate::random::Random;
use crate::replays::Record;
use crate::support::service::{Key, Service, Tenant, eventually, millis};

const KEYS: usize = 40;
const STEPS: usize = 250;
/// Steps from one asking to the next.
const ASKED_EACH: usize = 10;
/// From now on; half of such a life is what is waited for.
const LIVES_MS: [i64; 5] = [1_500, 4_000, 12_000, 24_000, 3_600_000];
const WINDOWS_SECONDS: [u32; 5] = [0, 1, 5, 60, 1_209_600];
/// What became due so long before the end, and was left alone since, has been told by then.
const LONG_BEFORE_MS: i64 = 8_000;

struct Nothing;

impl Fresh for Nothing {
    fn uuid(&self) -> uuid::Uuid {
        unreachable!("housekeeping makes nothing")
    }

    fn secret(&self, _: &KeyFormat) -> SecretFacts {
        unreachable!("housekeeping makes nothing")
    }

    fn client(&self, _: &ClientFormat, _: Option<&ClientId>) -> SecretFacts {
        unreachable!("housekeeping makes nothing")
    }

    fn client_without_secret(&self, _: &ClientFormat) -> SecretFacts {
        unreachable!("housekeeping makes nothing")
    }
}

/// What housekeeping has to write down of a credential in these states at that instant.
fn decided(
    command: CredentialCommand,
    key: &StreamState,
    tenant: &StreamState,
    now: Timestamp,
) -> Vec<Event> {
    let credential = key.credential().expect("a credential");
    let caller = Caller { actor: Actor::System, client_ip: None, request_id: String::new() };
    let asked = Asked {
        command: Command::Credential(credential.tenant, None, vec![command]),
        seen: Seen { tenant: tenant.tenant().cloned(), ..Seen::default() },
        context: Context { now, caller, fresh: Arc::new(Nothing) },
        if_versions: None,
    };
    let events = asked.decide(StreamId::from(credential.id), key).expect("housekeeping is not refused");
    events.into_iter().map(|recorded| recorded.event).collect()
}

/// The states that a ledger has come to.
#[derive(Default)]
struct States(HashMap<StreamId, StreamState>);

impl States {
    fn of(&self, stream: StreamId) -> StreamState {
        self.0.get(&stream).cloned().unwrap_or_default()
    }

    fn tenant_of(&self, key: &StreamState) -> StreamState {
        self.of(key.credential().expect("a credential").tenant.into())
    }

    fn fold(&mut self, recorded: Recorded) {
        let stream = recorded.stream;
        let state = self.0.remove(&stream).unwrap_or_default().folded(recorded).expect("it folds");
        self.0.insert(stream, state);
    }
}

/// Each event of housekeeping is one that the domain decides then and there; how many warnings there were.
fn each_was_decided(ledger: Vec<Positioned>) -> (States, usize) {
    let (mut states, mut warnings) = (States::default(), 0);
    for Positioned { recorded, .. } in ledger {
        if is_housekeeping(&recorded) {
            let key = states.of(recorded.stream);
            let tenant = states.tenant_of(&key);
            let ends = decided(CredentialCommand::RecordDue(RecordDue), &key, &tenant, recorded.at);
            // Decided while there was time; its batch may have been stamped when the end had just come.
            let end = key.credential().and_then(|key| key.expires_at).unwrap_or(Timestamp::MAX);
            let in_time = Timestamp::from_millis(end.millis() - 1).expect("an instant").min(recorded.at);
            let warned = decided(CredentialCommand::Warn(Warn), &key, &tenant, in_time);
            assert!(
                ends.iter().chain(&warned).any(|event| *event == recorded.event),
                "{recorded:?} on {key:?}"
            );
            warnings += usize::from(warned.contains(&recorded.event));
        }
        states.fold(recorded);
    }
    (states, warnings)
}

fn step(random: &mut Random, tenants: &[Tenant<'_>], keys: &[Key<'_>], now: i64) {
    fn one_of<'a, T>(random: &mut Random, all: &'a [T]) -> &'a T {
        &all[usize::try_from(random.below(all.len() as u64)).expect("small")]
    }
    let (tenant, key) = (one_of(random, tenants), one_of(random, keys));
    let end = Timestamp::from_millis(now + one_of(random, &LIVES_MS)).expect("an instant");
    let post = |rest: &str, body: Value| key.admin.post(&format!("{}/{rest}", key.path), &body);
    let answer = match random.below(10) {
        0..4 => key.admin.patch(&key.path, &json!({"expires_at": end})),
        4 => key.admin.patch(&key.path, &json!({"expires_at": null})),
        5 => post("suspend", json!({})),
        6 => post("resume", json!({})),
        7 => post("rotate", json!({"grace_seconds": 2})),
        8 if random.one_in(4) => post("revoke", json!({"reason": "other"})),
        _ => {
            let settings = json!({"expiry_warning_seconds": one_of(random, &WINDOWS_SECONDS)});
            tenant.admin.patch(&tenant.path(), &json!({"settings": settings}))
        }
    };
    // What has ended in the meantime takes no change; and an end that has come meanwhile is none.
    let came = answer.status == 400 && answer.text().contains("/expires_at");
    assert!(came || matches!(answer.status, 200 | 201 | 409), "{}", answer.text());
}

#[test]
fn what_housekeeping_writes_of_ends_is_what_the_domain_decides_and_all_of_it() {
    let service = Service::start();
    let root = service.root();
    let tenants = ["one", "two"].map(|slug| root.tenant(slug, json!({})));
    let keys: Vec<Key<'_>> = (0..KEYS).map(|number| tenants[number % 2].mint("k")).collect();
    let mut random = Random::for_test("near_ends");
    let began = millis(&keys[0].minted["key"]["created_at"]);
    let clock = std::time::Instant::now();
    let now = || began + i64::try_from(clock.elapsed().as_millis()).expect("short");
    let (gateway, mut said) = (service.gateway(), Record::default());
    (0..STEPS).for_each(|number| {
        step(&mut random, &tenants, &keys, now());
        if number % ASKED_EACH == 0 {
            said.ask(&gateway, keys.iter().map(|key| json!({"credential": key.secret})).collect());
        }
    });
    // Windows as they are now; whatever comes from here on comes by time.
    for (tenant, window) in tenants.iter().zip([1_209_600, 3]) {
        let settings = json!({"expiry_warning_seconds": window});
        root.patch(&tenant.path(), &json!({"settings": settings})).expect(200);
    }
    let left_alone = now();
    let ledger = || block_on(events(&service, 0, u64::MAX));
    let ended = |states: &States| {
        let mut keys = keys.iter().map(|key| states.of(StreamId(key.id.parse().expect("an id"))));
        keys.all(|key| {
            let key = key.credential().expect("a key").clone();
            let soon = key.expires_at.is_some_and(|end| end.millis() < left_alone + LIVES_MS[3]);
            !soon || !key.counts()
        })
    };
    let ended = || Some(each_was_decided(ledger())).filter(|(states, _)| ended(states));
    let (states, warnings) = eventually(ended).expect("all that ends soon has ended");
    said.ask(&gateway, keys.iter().map(|key| json!({"credential": key.secret})).collect());
    for reason in ["accepted", "suspended", "rotated_out", "expired"] {
        assert!(said.met(reason) > 0, "{reason} was never said, among {}", said.len());
    }
    said.is_told_again(&root);
    assert!(warnings > KEYS / 4, "only {warnings} warnings");
    for key in &keys {
        let key = states.of(StreamId(key.id.parse().expect("an id")));
        let tenant = states.tenant_of(&key);
        let (key, tenant) = (key.credential().expect("a key"), tenant.tenant().expect("a tenant"));
        let Some(end) = key.expires_at.filter(|_| key.expiry_recorded) else { continue };
        let half = (end.millis() - key.created_at.millis()) / 2;
        let window = i64::from(tenant.settings.expiry_warning_seconds) * 1000;
        let due = (end.millis() - window.min(half)).max(left_alone);
        if due + LONG_BEFORE_MS <= end.millis() {
            assert_eq!(key.warned_of, Some(end), "{key:?}");
        }
    }
    let nothing_due = states
        .0
        .values()
        .filter_map(StreamState::credential)
        .all(|key| key.due_at().is_none_or(|due| due.millis() > left_alone));
    assert!(nothing_due, "every end that came is recorded");
}
