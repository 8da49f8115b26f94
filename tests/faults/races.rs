//! Guards: what is narrowed, disabled or suspended holds for every change that comes after it, whoever else is writing.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::support::client::Response;
use crate::support::service::{Actor, Service, eventually, text};

const RACERS: usize = 50;
/// How many mints have come through when the race begins in earnest.
const RUNNING: u64 = 60;
/// The narrowing has long come by then; it only ends a test that has failed.
const MINTS: usize = 2_000;

struct Race {
    service: Service,
    operator: String,
    token: String,
    token_id: String,
    tenant: String,
    /// whom the keys are minted for, where they are for anybody
    owner: Value,
}

impl Race {
    fn new() -> Self {
        let service = Service::start();
        let root = service.root();
        let tenant = root.tenant("raced", json!({})).id;
        let body = json!({"name": "racer", "role": "org_admin", "tenants": [tenant]});
        let made = root.post("/api/admin/v1/operators", &body).expect(201);
        let operator = text(&made["operator"]["id"]);
        let minted = root.post(&format!("/api/admin/v1/operators/{operator}/tokens"), &json!({})).expect(201);
        let (token, token_id) = (text(&minted["secret"]), text(&minted["token"]["id"]));
        Race { service, operator, token, token_id, tenant, owner: Value::Null }
    }

    /// With a member of the tenant, for whom all keys are minted.
    fn for_a_member() -> Self {
        let race = Race::new();
        let body = json!({"kind": "service", "name": "owner", "scopes": ["wide"]});
        let path = format!("/api/admin/v1/tenants/{}/members", race.tenant);
        let owner = race.service.root().post(&path, &body).expect(201)["member"]["id"].clone();
        Race { owner, ..race }
    }

    fn owner_path(&self) -> String {
        format!("/api/admin/v1/tenants/{}/members/{}", self.tenant, text(&self.owner))
    }

    /// Fifty mint until they are refused; in their midst `narrow` is done. None of them lands after its position.
    fn is_won_by(&self, narrow: impl FnOnce(&Actor) -> Response, refusals: &[(u16, &str)]) {
        let minted = AtomicU64::new(0);
        let (narrowed_at, positions) = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..RACERS)
                .map(|_| {
                    let (own, minted) = (self.service.actor(&self.token), &minted);
                    scope.spawn(move || self.mint_until_refused(&own, minted, refusals))
                })
                .collect();
            eventually(|| (minted.load(Ordering::Relaxed) >= RUNNING).then_some(())).expect("mints");
            let answer = narrow(&self.service.root()).expect(200);
            assert_eq!(answer["enforced"], true, "{answer}");
            let narrowed_at = answer["position"].as_u64().expect("a position");
            let positions: Vec<u64> =
                racers.into_iter().flat_map(|racer| racer.join().expect("a racer")).collect();
            (narrowed_at, positions)
        });
        assert!(positions.len() as u64 >= RUNNING);
        let late: Vec<_> = positions.iter().filter(|position| **position >= narrowed_at).collect();
        assert!(late.is_empty(), "minted at {late:?}, after {narrowed_at}");
        let head = self.service.root().get("/readyz").expect(200)["position"].clone();
        assert_eq!(head, narrowed_at, "nothing came after it, answered or not");
    }

    fn mint_until_refused(&self, own: &Actor, minted: &AtomicU64, refusals: &[(u16, &str)]) -> Vec<u64> {
        let path = format!("/api/admin/v1/tenants/{}/keys", self.tenant);
        let mut positions = Vec::new();
        for _ in 0..MINTS {
            let answer = own.post(&path, &json!({"name": "raced", "scopes": ["wide"], "owner": self.owner}));
            if answer.status != 201 {
                let body = answer.json();
                let told = (answer.status, body["code"].as_str().unwrap_or_default());
                assert!(refusals.contains(&told), "{body}");
                return positions;
            }
            minted.fetch_add(1, Ordering::Relaxed);
            positions.push(answer.json()["position"].as_u64().expect("a position"));
        }
        panic!("the mints were never refused");
    }
}

#[test]
fn no_mint_of_an_operator_lands_after_it_was_disabled() {
    let race = Race::new();
    let path = format!("/api/admin/v1/operators/{}", race.operator);
    race.is_won_by(
        |root| root.patch(&path, &json!({"disabled": true})),
        &[(401, "unauthorized"), (403, "forbidden")],
    );
}

#[test]
fn no_mint_of_an_operator_lands_after_it_was_given_another_role() {
    let race = Race::new();
    let path = format!("/api/admin/v1/operators/{}", race.operator);
    race.is_won_by(|root| root.patch(&path, &json!({"role": "auditor"})), &[(403, "forbidden")]);
}

#[test]
fn no_mint_of_an_operator_lands_after_it_was_given_another_tenant() {
    let race = Race::new();
    let path = format!("/api/admin/v1/operators/{}", race.operator);
    let elsewhere = race.service.root().tenant("elsewhere", json!({})).id;
    race.is_won_by(|root| root.patch(&path, &json!({"tenants": [elsewhere]})), &[(404, "not_found")]);
}

#[test]
fn no_mint_by_an_operator_token_lands_after_it_was_revoked() {
    let race = Race::new();
    let path = format!("/api/admin/v1/operators/{}/tokens/{}", race.operator, race.token_id);
    race.is_won_by(|root| root.delete(&path), &[(401, "unauthorized")]);
}

#[test]
fn no_mint_for_a_tenant_lands_after_it_was_suspended() {
    let race = Race::new();
    let path = format!("/api/admin/v1/tenants/{}/suspend", race.tenant);
    race.is_won_by(|root| root.post(&path, &json!({})), &[(409, "conflict"), (403, "forbidden")]);
}

#[test]
fn no_mint_of_a_scope_lands_after_its_tenant_may_no_longer_give_it() {
    let race = Race::new();
    let path = format!("/api/admin/v1/tenants/{}", race.tenant);
    let narrowed = json!({"settings": {"default_scopes": ["narrow"], "allowed_scopes": ["narrow"]}});
    race.is_won_by(
        |root| root.patch(&path, &narrowed),
        &[(400, "invalid_request"), (403, "forbidden"), (409, "conflict")],
    );
}

#[test]
fn no_mint_for_a_member_lands_after_it_was_disabled() {
    let race = Race::for_a_member();
    let path = format!("{}/disable", race.owner_path());
    race.is_won_by(|root| root.post(&path, &json!({})), &[(409, "conflict")]);
}

/// Keys are given to a member while it is disabled: none is its after that, but those that were before.
#[test]
fn no_key_is_given_to_a_member_after_it_was_disabled() {
    let race = Race::for_a_member();
    let given = AtomicU64::new(0);
    let tenant = race.service.root();
    let keys: Vec<String> = (0..RACERS)
        .map(|_| {
            let body = json!({"name": "given"});
            let path = format!("/api/admin/v1/tenants/{}/keys", race.tenant);
            format!("{path}/{}", text(&tenant.post(&path, &body).expect(201)["key"]["id"]))
        })
        .collect();
    let (disabled_at, positions) = std::thread::scope(|scope| {
        let racers: Vec<_> = keys
            .iter()
            .map(|key| {
                let (own, given, owner) = (race.service.root(), &given, &race.owner);
                scope.spawn(move || give_and_take_until_refused(&own, key, owner, given))
            })
            .collect();
        eventually(|| (given.load(Ordering::Relaxed) >= RUNNING).then_some(())).expect("keys are given");
        let answer =
            race.service.root().post(&format!("{}/disable", race.owner_path()), &json!({})).expect(200);
        let positions: Vec<u64> =
            racers.into_iter().flat_map(|racer| racer.join().expect("a racer")).collect();
        (answer["position"].as_u64().expect("a position"), positions)
    });
    assert!(positions.len() as u64 >= RUNNING);
    let late: Vec<_> = positions.iter().filter(|position| **position >= disabled_at).collect();
    assert!(late.is_empty(), "given at {late:?}, after {disabled_at}");
}

/// The positions at which the key was given to its owner.
fn give_and_take_until_refused(own: &Actor, key: &str, owner: &Value, given: &AtomicU64) -> Vec<u64> {
    let mut positions = Vec::new();
    for _ in 0..MINTS {
        let answer = own.patch(key, &json!({"owner": owner}));
        if answer.status != 200 {
            answer.problem(409, "conflict");
            return positions;
        }
        given.fetch_add(1, Ordering::Relaxed);
        positions.push(answer.json()["position"].as_u64().expect("a position"));
        own.patch(key, &json!({"owner": null})).expect(200);
    }
    panic!("the member was never refused");
}

#[test]
fn twenty_at_once_on_one_credential_leave_one_history_with_one_revoke() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("contended", json!({}));
    let key = tenant.mint("contended");
    let started = std::sync::Barrier::new(20);
    let answers: Vec<(usize, Response)> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..20)
            .map(|writer| {
                let (own, path, started) = (service.root(), key.path.clone(), &started);
                scope.spawn(move || {
                    started.wait();
                    let mut answers = Vec::new();
                    for turn in 0..5 {
                        answers.push((writer % 4, act(&own, &path, writer, turn)));
                    }
                    answers
                })
            })
            .collect();
        writers.into_iter().flat_map(|writer| writer.join().expect("a writer")).collect()
    });
    let history = key.history();
    let versions: Vec<_> = history.iter().map(|event| event["version"].as_u64()).collect();
    assert!(versions.is_sorted(), "{versions:?}");
    let positions: Vec<u64> =
        history.iter().map(|event| event["position"].as_u64().expect("a position")).collect();
    assert_eq!(positions.iter().collect::<BTreeSet<_>>().len(), positions.len());
    assert!(positions.is_sorted(), "{positions:?}");
    let revokes: Vec<&Value> = history.iter().filter(|event| event["type"] == "api_key.revoked").collect();
    assert_eq!(revokes.len(), 1, "{history:#?}");
    assert_eq!(history.last().expect("a history")["type"], "api_key.revoked", "nothing follows the end");
    for (_, answer) in &answers {
        assert!(matches!(answer.status, 200 | 201 | 409), "{}", answer.text());
    }
    let changed = answers.iter().filter(|(_, answer)| answer.status < 300);
    let answered: BTreeSet<u64> =
        changed.map(|(_, answer)| answer.json()["position"].as_u64().expect("one")).collect();
    assert!(
        answered.iter().all(|position| positions.contains(position)),
        "every answered change is in the history"
    );
    // Everything else is the mint, and what housekeeping wrote down of secrets that the rotations had ended.
    let peoples = history.iter().filter(|event| event["actor"]["kind"] != "system").skip(1);
    let peoples: BTreeSet<u64> =
        peoples.map(|event| event["position"].as_u64().expect("a position")).collect();
    assert_eq!(peoples, answered, "one event for each answer, and one answer for each event");
    service.gateway().verify(&key.secret).is_refused("revoked");
}

/// The last to come revoke; the others rotate and edit.
fn act(own: &Actor, path: &str, writer: usize, turn: usize) -> Response {
    match (writer % 4, turn) {
        (0, _) => own.post(&format!("{path}/rotate"), &json!({"grace_seconds": 0})),
        (1, 4) => own.post(&format!("{path}/revoke"), &json!({"reason": "compromised"})),
        (1 | 2, _) => own.patch(path, &json!({"name": format!("by {writer} in {turn}")})),
        (_, _) => own.patch(path, &json!({"scopes": [format!("by{writer}.in{turn}")]})),
    }
}

/// A plan of n, many mints at once: n succeed, and each of the others is told so.
#[test]
fn a_plan_of_n_admits_exactly_n_of_many_mints_at_once() {
    const ADMITTED: usize = 7;
    let service = Service::start();
    let root = service.root();
    root.put("/api/admin/v1/plans/free", &json!({"active_credentials": ADMITTED})).expect(201);
    let tenant = root.tenant("acme", json!({}));
    root.patch(&tenant.path(), &json!({"plan": "free"})).expect(200);
    let path = format!("{}/keys", tenant.path());
    let answers: Vec<_> = std::thread::scope(|scope| {
        let mints: Vec<_> = (0..RACERS)
            .map(|_| {
                let (own, path) = (service.root(), &path);
                scope.spawn(move || own.post(path, &json!({"name": "raced"})))
            })
            .collect();
        mints.into_iter().map(|mint| mint.join().expect("a mint")).collect()
    });
    let (made, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!((made.len(), refused.len()), (ADMITTED, RACERS - ADMITTED));
    refused.iter().for_each(|answer| drop(answer.problem(409, "quota_exceeded")));
    let there = root.get(&path).expect(200)["data"].as_array().map(Vec::len);
    assert_eq!(there, Some(ADMITTED));
}
