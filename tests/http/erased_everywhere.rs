//! A name, a note and an address that were erased: every way by which events are told says so, and none tells the value.

use serde_json::{Value, json};

use crate::acme;
use crate::decide::decide;
use crate::ledger_events::{FEED, Follower};
use crate::support::service::{Actor, Service, Tenant, text};

const NAME: &str = "canary-name-of-ada";
const NOTE: &str = "canary-note-on-ada";
const OTHER: &str = "canary-name-of-grace";
const ADDRESS: &str = "203.0.113.99";

/// Events of people who came over a proxy, from the address that is to go.
struct Typed {
    key: String,
    key_id: String,
    created: u64,
    renamed: u64,
    revoked: u64,
}

fn position(written: &Value) -> u64 {
    written["position"].as_u64().expect("a position")
}

fn from_there(admin: &Actor, method: &str, path: &str, body: &Value) -> Value {
    let answer = admin.send(&admin.request(method, path).header("X-Forwarded-For", ADDRESS).json(body));
    assert!((200..300).contains(&answer.status), "{path}: {}", answer.text());
    answer.json()
}

fn typed(root: &Actor, tenant: &Tenant<'_>) -> Typed {
    let minted = from_there(root, "POST", &format!("{}/keys", tenant.path()), &json!({"name": NAME}));
    let key_id = text(&minted["key"]["id"]);
    let key = format!("{}/keys/{key_id}", tenant.path());
    let renamed = root.patch(&key, &json!({"name": "plain", "description": "kept"})).expect(200);
    let revoke = json!({"reason": "leaked", "note": NOTE});
    let revoked = from_there(root, "POST", &format!("{key}/revoke"), &revoke);
    Typed {
        created: position(&minted),
        renamed: position(&renamed),
        revoked: position(&revoked),
        key,
        key_id,
    }
}

/// What each of these ways tells, as it came.
fn told(root: &Actor, tenant: &Tenant<'_>, typed: &Typed) -> Vec<(String, String)> {
    let audit = format!("{}/audit", tenant.path());
    let mut told: Vec<(String, String)> = [
        format!("{audit}?limit=500"),
        format!("{audit}?limit=500&order=desc&subject={}", typed.key_id),
        format!("{audit}?format=csv"),
        format!("{audit}?format=ndjson"),
        format!("{}/history?limit=500", typed.key),
        format!("{}/history?format=csv", typed.key),
        format!("{}/history?format=ndjson", typed.key),
        typed.key.clone(),
        format!("{}?position={}", typed.key, typed.created),
        format!("{}?position={}", typed.key, typed.renamed),
        format!("{}?position={}", typed.key, typed.revoked),
        format!("{FEED}?limit=500"),
        format!("{FEED}?format=ndjson"),
        format!("{}/keys?status=revoked", tenant.path()),
        format!("{}/keys?position={}", tenant.path(), typed.created),
        format!("{}/keys?position={}&format=csv", tenant.path(), typed.revoked),
        format!("{}/keys?format=ndjson", tenant.path()),
        format!("{}/changes?from_position={}", tenant.path(), typed.created),
        format!("{}/changes?format=csv", tenant.path()),
    ]
    .into_iter()
    .map(|path| {
        let answer = root.get_caught_up(&path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        (path, answer.text())
    })
    .collect();
    let question = json!({"credential_id": typed.key_id, "position": typed.created});
    told.push(("decide".to_owned(), decide(root, tenant, question).expect(200).to_string()));
    told
}

fn followed(service: &Service, root: &Actor, upto: u64) -> Vec<Value> {
    let mut follower = Follower::begin(service, root, "?from=0", None);
    (0..=upto).map(|_| follower.next().expect("what is there").1).collect()
}

fn found_by_address(root: &Actor, tenant: &Tenant<'_>) -> usize {
    let page = root.get_caught_up(&format!("{}/audit?client_ip={ADDRESS}", tenant.path())).expect(200);
    page["data"].as_array().expect("a page").len()
}

fn erase(admin: &Actor, under: &str, position: u64, members: &[&str]) -> Value {
    let body = json!({"text": {"position": position, "members": members}, "reason": "requested"});
    admin.post(under, &body).expect(201)
}

#[test]
fn what_was_erased_is_told_so_in_every_form_and_found_by_nothing() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let typed = typed(&root, &tenant);
    let gone = json!({"erased": true});
    let before = told(&root, &tenant, &typed);
    for needle in [NAME, NOTE, ADDRESS] {
        let tellers = before.iter().filter(|(_, answer)| answer.contains(needle)).count();
        assert!(tellers >= 3, "the search for {needle} is blind: {tellers}");
    }
    assert_eq!(found_by_address(&root, &tenant), 2);
    let under = format!("{}/erasures", tenant.path());
    erase(&root, &under, typed.created, &["name", "client_ip"]);
    erase(&root, &under, typed.revoked, &["note"]);
    assert_eq!(found_by_address(&root, &tenant), 1);
    let last = position(&erase(&root, &under, typed.revoked, &["client_ip"]));
    assert_eq!(found_by_address(&root, &tenant), 0);

    for (path, answer) in told(&root, &tenant, &typed) {
        for needle in [NAME, NOTE, ADDRESS] {
            assert!(!answer.contains(needle), "{path} tells {needle}: {answer}");
        }
    }
    let feed = followed(&service, &root, last);
    let lines = root.get_caught_up(&format!("{}/audit?format=ndjson", tenant.path())).text();
    let exported: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let page = root.get_caught_up(&format!("{}/audit?limit=500", tenant.path())).expect(200);
    let history = root.get(&format!("{}/history", typed.key)).expect(200);
    let of = |events: &[Value], position: u64| {
        events.iter().find(|event| event["position"] == position).expect("the event").clone()
    };
    for events in [
        &feed,
        &exported,
        page["data"].as_array().expect("a page"),
        history["data"].as_array().expect("a page"),
    ] {
        let created = of(events, typed.created);
        for value in [
            &created["subject"]["name"],
            &created["changes"]["name"]["to"],
            &created["data"]["name"],
            &created["client_ip"],
        ] {
            assert_eq!(value, &gone, "{created}");
        }
        let renamed = of(events, typed.renamed);
        assert_eq!(renamed["changes"]["name"], json!({"from": gone, "to": "plain"}));
        let revoked = of(events, typed.revoked);
        assert_eq!((&revoked["data"]["note"], &revoked["client_ip"]), (&gone, &gone));
    }
    let csv =
        root.get_caught_up(&format!("{}/audit?format=csv&subject={}", tenant.path(), typed.key_id)).text();
    let created =
        csv.lines().find(|line| line.starts_with(&format!("{},", typed.created))).expect("its line");
    assert!(created.contains(r#""{""erased"":true}""#), "{created}");
    let then = root.get(&format!("{}?position={}", typed.key, typed.created)).expect(200);
    assert_eq!(then["name"], gone);
    let then = root.get(&format!("{}?position={}", typed.key, typed.revoked)).expect(200);
    assert_eq!((&then["name"], &then["revoked"]["note"]), (&json!("plain"), &gone));
}

/// Whom an event of the platform concerns: its copy in a tenant's trail is found by the address no longer, either; and what an
/// operator was called then is gone from what is told of then.
#[test]
fn an_operator_who_was_erased_is_told_so_in_the_trails_and_resources_of_its_tenants() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let body = json!({"name": OTHER, "role": "org_admin", "tenants": [tenant.id]});
    let made = from_there(&root, "POST", "/api/admin/v1/operators", &body);
    let id = text(&made["operator"]["id"]);
    assert_eq!(found_by_address(&root, &tenant), 1);
    let token = root.post(&format!("/api/admin/v1/operators/{id}/tokens"), &json!({})).expect(201);
    let admin = service.actor(&text(&token["secret"]));
    let key = tenant.seen_by(&admin).mint("by grace");
    let at = position(&key.minted);
    let names = || {
        let now = root.get(&key.path).expect(200)["created_by"].clone();
        let then = root.get(&format!("{}?position={at}", key.path)).expect(200)["created_by"].clone();
        let path = format!("{}/audit?order=desc&actor={id}", tenant.path());
        let told = root.get_caught_up(&path).expect(200)["data"][0]["actor"].clone();
        [now, then, told].map(|actor| actor["name"].clone())
    };
    assert_eq!(names(), [OTHER, OTHER, OTHER].map(|name| json!(name)));
    let erased = json!({"operator": id, "reason": "requested"});
    root.post("/api/admin/v1/erasures", &erased).expect(201);
    assert_eq!(names(), [(); 3].map(|()| json!({"erased": true})));
    assert_eq!(found_by_address(&root, &tenant), 0);
    let operator = root.get(&format!("/api/admin/v1/operators/{id}?position={at}")).expect(200);
    assert_eq!(operator["name"], json!({"erased": true}));
    for path in [format!("{}/audit?limit=500", tenant.path()), format!("{FEED}?limit=500")] {
        let told = root.get_caught_up(&path).text();
        assert!(!told.contains(OTHER) && !told.contains(ADDRESS), "{path}: {told}");
    }
}
