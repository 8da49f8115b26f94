//! N10: personal data goes on request, and every proof still holds.

use std::sync::atomic::{AtomicBool, Ordering};

use credledger::vault::sha256;
use serde_json::{Value, json};

use crate::canary::search::{self, Needles};
use crate::library;
use crate::rebuild::assert_equal_to_a_rebuild;
use crate::support::service::{Actor, Service, Tenant, text};

const ADDRESS: &str = "203.0.113.177";
const TEXTS: [&str; 7] = [
    "canary-name-of-ada-7f31",
    "canary-description-88c2",
    "canary-metadata-51aa",
    "canary-note-on-ada-09be",
    "canary-member-grace-hopper",
    "canary.mail.grace@example.com",
    "canary-operator-katherine",
];

/// As somebody who came over a proxy, from the address that is looked for.
fn from_there(admin: &Actor, method: &str, path: &str, body: &Value) -> Value {
    let request = admin.request(method, path).header("X-Forwarded-For", ADDRESS).json(body);
    let answer = admin.send(&request);
    assert!((200..300).contains(&answer.status), "{path}: {}", answer.text());
    answer.json()
}

/// Entry, mac and leaf of every event up to a position, as the tables hold them.
async fn proved(service: &Service, before: i64) -> Vec<(i64, Vec<u8>, Vec<u8>, Vec<u8>)> {
    let client = library::superuser(service).await;
    let sql = "select position, entry, mac, leaf from credledger.events where position < $1 order by 1";
    let rows = client.query(sql, &[&before]).await.expect("events");
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect()
}

/// The tables' files, once nothing waits in memory.
fn tables(service: &Service) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    library::block_on(async {
        let superuser = library::superuser(service).await;
        superuser.batch_execute("checkpoint").await.expect("what is in memory goes to disk");
    });
    search::files(&service.data_dir().join("postgres/base"))
}

/// Everything that holds personal values: a key, a member and an operator, and how each is erased.
fn told(root: &Actor, tenant: &Tenant<'_>) -> Vec<(String, Value)> {
    let [name, description, metadata, note, grace, email, katherine] = TEXTS;
    let under = format!("{}/erasures", tenant.path());
    let key = json!({"name": name, "description": description, "metadata": {"of": metadata}});
    let key = from_there(root, "POST", &format!("{}/keys", tenant.path()), &key);
    let place = format!("{}/keys/{}", tenant.path(), text(&key["key"]["id"]));
    let revoked =
        from_there(root, "POST", &format!("{place}/revoke"), &json!({"reason": "leaked", "note": note}));
    let member = json!({"kind": "person", "name": grace, "email": email, "scopes": []});
    let member = from_there(root, "POST", &format!("{}/members", tenant.path()), &member);
    let operator = json!({"name": katherine, "role": "auditor", "tenants": [tenant.id]});
    let operator = from_there(root, "POST", "/api/admin/v1/operators", &operator);
    let at = |position: &Value| json!({"text": {"position": position}, "reason": "requested"});
    vec![
        (under.clone(), at(&key["position"])),
        (under.clone(), at(&revoked["position"])),
        (under, json!({"member": member["member"]["id"], "reason": "requested"})),
        (
            "/api/admin/v1/erasures".to_owned(),
            json!({"operator": operator["operator"]["id"], "reason": "requested"}),
        ),
    ]
}

fn everything_that_is_told(root: &Actor, tenant: &Tenant<'_>) -> Vec<u8> {
    let mut answers = Vec::new();
    let path = tenant.path();
    let keys = root.get(&format!("{path}/keys")).expect(200);
    let key = text(&keys["data"][0]["id"]);
    let history = root.get(&format!("{path}/keys/{key}/history?limit=1")).expect(200);
    let made = history["data"][0]["position"].clone();
    for path in [
        format!("{path}/keys"),
        format!("{path}/keys/{key}"),
        format!("{path}/keys/{key}/history"),
        format!("{path}/members"),
        format!("{path}/erasures"),
        format!("{path}/audit?limit=500"),
        format!("{path}/audit?format=csv"),
        format!("{path}/audit?format=ndjson"),
        format!("{path}/keys?format=csv"),
        format!("{path}/changes?format=ndjson"),
        format!("{path}/changes?to_position={made}&format=csv"),
        format!("{path}/keys?position={made}&format=ndjson"),
        format!("{path}/keys/{key}/history?format=csv"),
        "/api/admin/v1/ledger/events?format=ndjson".to_owned(),
        "/api/admin/v1/operators".to_owned(),
        "/api/admin/v1/erasures".to_owned(),
    ] {
        let answer = root.get_caught_up(&path);
        assert_eq!(answer.status, 200, "{path}");
        answers.extend(answer.text().into_bytes());
    }
    answers
}

#[test]
fn n10_what_was_erased_is_in_no_byte_of_the_tables_and_in_no_answer() {
    let mut service = Service::start_private(&["--log", "trace"]);
    let needles = Needles::of("an erased value", TEXTS.into_iter().chain([ADDRESS]));
    let erasures = {
        let root = service.root();
        told(&root, &root.tenant("canary", json!({})))
    };
    let found = |bytes: &[u8]| needles.found_in(bytes).is_some();
    assert!(tables(&service).iter().any(|(_, bytes)| found(bytes)), "the search is not blind");
    {
        let root = service.root();
        let tenant = Tenant { admin: &root, id: "canary".to_owned() };
        assert!(found(&everything_that_is_told(&root, &tenant)), "the search is not blind");
        let last = from_there(&root, "PATCH", &tenant.path(), &json!({"name": "after"}));
        let upto = last["position"].as_i64().expect("a position");
        let before = library::block_on(proved(&service, upto));
        for (under, body) in &erasures {
            root.post(under, body).expect(201);
        }
        // The one who came from there last of all is erased as well, by where that stands.
        let body = json!({"text": {"position": upto, "members": ["client_ip"]}, "reason": "retention"});
        root.post(&format!("{}/erasures", tenant.path()), &body).expect(201);
        needles.are_not_in("an answer", &everything_that_is_told(&root, &tenant));
        assert_eq!(library::block_on(proved(&service, upto)), before, "every proof still holds");
        for (position, entry, _, leaf) in before {
            assert_eq!(sha256(&[&[0], &entry]).to_vec(), leaf, "{position}");
        }
    }
    library::block_on(async {
        let superuser = library::superuser(&service).await;
        superuser
            .batch_execute("vacuum full credledger.personal, credledger.trail")
            .await
            .expect("as docs/ERASURE.md says");
    });
    for (path, bytes) in tables(&service) {
        needles.are_not_in(&path.display().to_string(), &bytes);
    }
    needles.are_not_in("the service's log", service.log().as_bytes());
    let events = assert_equal_to_a_rebuild(&service);
    assert!(events.iter().all(|event| {
        event
            .recorded
            .client_ip
            .as_ref()
            .is_none_or(|ip| ip.known().is_none_or(|ip| ip.to_string() != ADDRESS))
    }));
    service.stop();
    service.start_again();
    let root = service.root();
    needles.are_not_in(
        "an answer",
        &everything_that_is_told(&root, &Tenant { admin: &root, id: "canary".into() }),
    );
}

/// Edits of a key that are decided beside its erasure: what is gone is bound into no row, and merged into no metadata.
#[test]
fn n10_an_edit_that_had_read_what_is_erased_writes_none_of_it() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({}));
    let under = format!("{}/erasures", tenant.path());
    for round in 0..12 {
        let key = tenant.mint_with(json!({"name": format!("canary-{round}"), "metadata": {"who": "canary"}}));
        let position = key.history()[0]["position"].clone();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for who in ["a", "b", "c"] {
                let (admin, path, done) = (service.root(), &key.path, &done);
                scope.spawn(move || {
                    for number in 0.. {
                        let edit = json!({"description": format!("{who}{number}")});
                        assert_eq!(admin.patch(path, &edit).status, 200);
                        if done.load(Ordering::Relaxed) {
                            break;
                        }
                    }
                });
            }
            let body =
                json!({"text": {"position": position, "members": ["name", "metadata"]}, "reason": "other"});
            root.post(&under, &body).expect(201);
            key.edit(json!({"metadata": {"team": "core"}}));
            done.store(true, Ordering::Relaxed);
        });
        let read = key.read();
        assert_eq!((&read["name"], &read["metadata"]), (&json!({"erased": true}), &json!({"team": "core"})));
    }
    let events = assert_equal_to_a_rebuild(&service);
    let told = events.iter().any(|event| format!("{:?}", event.recorded).contains("canary"));
    assert!(!told, "an erased value was written again");
}

/// Killed at any moment: each erasure is whole, its event with its values, or there is nothing of it.
#[test]
fn p1_an_erasure_survives_a_kill_whole_or_not_at_all() {
    let mut service = Service::start_private(&[]);
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let keys: Vec<(String, Value)> = {
            let root = service.root();
            let tenant = root.tenant(&format!("round-{round}"), json!({}));
            (0..40)
                .map(|_| tenant.mint("named"))
                .map(|key| (key.path.clone(), key.minted["position"].clone()))
                .collect()
        };
        let half = std::sync::Barrier::new(2);
        let told = std::thread::scope(|scope| {
            let eraser = scope.spawn(|| {
                let root = service.root();
                let mut told = Vec::new();
                for (number, (path, position)) in keys.iter().enumerate() {
                    if number == 10 {
                        half.wait();
                    }
                    let under = path.split("/keys").next().expect("a tenant");
                    let body =
                        json!({"text": {"position": position, "members": ["name"]}, "reason": "other"});
                    let request = root.request("POST", &format!("{under}/erasures")).json(&body);
                    match root.try_send(&request) {
                        Ok(answer) if answer.status == 201 => told.push(path.clone()),
                        _ => break,
                    }
                }
                told
            });
            half.wait();
            service.signal("-KILL");
            eraser.join().expect("it ends")
        });
        assert!(told.len() >= 10);
        acknowledged.extend(told);
        service.ended();
        service.start_again();
        let root = service.root();
        for (path, _) in &keys {
            let (under, id) = path.split_once("/keys/").expect("a key");
            let erasures = root.get(&format!("{under}/erasures?limit=500")).expect(200);
            let erasures = erasures["data"].as_array().expect("a list");
            let is_told = erasures.iter().any(|erasure| erasure["subject"]["id"] == id);
            let is_gone = root.get(path).expect(200)["name"] == json!({"erased": true});
            assert_eq!(is_told, is_gone, "{path}");
            assert!(is_gone || !acknowledged.contains(path), "{path} was acknowledged");
        }
    }
    assert_equal_to_a_rebuild(&service);
}
