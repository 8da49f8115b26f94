//! Erasing personal values: one event's, a member's, an operator's.

use serde_json::{Value, json};

use crate::support::service::{Actor, Key, Service, Tenant, text};
use crate::without_an_event;

const PLATFORM: &str = "/api/admin/v1/erasures";

fn gone() -> Value {
    json!({"erased": true})
}

fn of_tenant(tenant: &Tenant<'_>) -> String {
    format!("{}/erasures", tenant.path())
}

fn erase_text(admin: &Actor, under: &str, position: &Value, members: &[&str]) -> Value {
    let text = match members {
        [] => json!({"position": position}),
        members => json!({"position": position, "members": members}),
    };
    admin.post(under, &json!({"text": text, "reason": "requested"})).expect(201)
}

fn named<'a>(key: &Key<'a>, tenant: &Tenant<'a>, query: &str) -> usize {
    let page = key.admin.get(&format!("{}/keys?{query}", tenant.path())).expect(200);
    page["data"].as_array().expect("a page").len()
}

#[test]
fn one_text_goes_from_everywhere_and_the_rest_stays() {
    let mut service = Service::start();
    let key_id;
    {
        let root = service.root();
        let tenant = root.tenant("acme", json!({}));
        let key = tenant
            .mint_with(json!({"name": "Adas-laptop", "description": "of Ada", "metadata": {"who": "Ada"}}));
        key_id = (tenant.path(), key.path.clone(), key.secret.clone());
        let before = key.history();
        assert_eq!((named(&key, &tenant, "name=Adas-laptop"), named(&key, &tenant, "q=of%20ada")), (1, 1));
        let made = erase_text(&root, &of_tenant(&tenant), &before[0]["position"], &["name", "metadata"]);
        let erasure = &made["erasure"];
        assert_eq!(erasure["subject"], json!({"kind": "api_key", "id": key.id}));
        assert_eq!((&erasure["members"], &erasure["values"]), (&json!(["metadata", "name"]), &json!(2)));
        assert_eq!((&erasure["what"], &erasure["reason"]), (&json!("text"), &json!("requested")));
        let read = key.read();
        assert_eq!(
            (&read["name"], &read["metadata"], &read["description"]),
            (&gone(), &gone(), &json!("of Ada"))
        );
        let after = key.history();
        assert_eq!(
            (&after[0]["data"]["name"], &after[0]["data"]["description"]),
            (&gone(), &json!("of Ada"))
        );
        assert_eq!(after[0]["client_ip"], json!("127.0.0.1"));
        assert_eq!(after.len(), before.len(), "the erasure stands in a stream of its own");
        assert_eq!((named(&key, &tenant, "name=Adas-laptop"), named(&key, &tenant, "q=of%20ada")), (0, 1));
        let verdict = service.gateway().verify(&key.secret).0.clone();
        assert_eq!((&verdict["valid"], &verdict["name"]), (&json!(true), &Value::Null));
    }
    service.stop();
    service.start_again();
    let root = service.root();
    assert_eq!(root.get(&key_id.1).expect(200)["name"], gone());
    let renamed = root.patch(&key_id.1, &json!({"name": "laptop-7"})).expect(200);
    assert_eq!(renamed["key"]["name"], "laptop-7");
    assert_eq!(service.gateway().verify(&key_id.2).0["name"], "laptop-7");
    assert!(!service.log().contains("Adas-laptop"));
}

#[test]
fn all_that_is_personal_in_an_event_goes_where_nothing_is_named() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({}));
    let key = tenant.mint("k");
    let noted = root
        .post(&format!("{}/revoke", key.path), &json!({"reason": "leaked", "note": "Ada lost it"}))
        .expect(200);
    let made = erase_text(&root, &of_tenant(&tenant), &noted["position"], &[]);
    assert_eq!(made["erasure"]["members"], json!(["note", "client_ip"]));
    assert_eq!(key.read()["revoked"]["note"], gone());
    let history = key.history();
    let revoked = history.last().expect("an event");
    assert_eq!((&revoked["client_ip"], &revoked["data"]["note"]), (&gone(), &gone()));
    without_an_event(&root, || {
        let body = json!({"text": {"position": noted["position"]}, "reason": "other"});
        let again = root.post(&of_tenant(&tenant), &body).expect(200);
        assert_eq!((&again["erasure"], &again["position"]), (&Value::Null, &noted["position"]));
    });
}

#[test]
fn a_member_is_forgotten_and_stays_an_owner() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({}));
    let members = format!("{}/members", tenant.path());
    let person = json!({"kind": "person", "name": "Ada", "email": "ada@example.com", "scopes": ["a"]});
    let member = root.post(&members, &person).expect(201)["member"].clone();
    let place = format!("{members}/{}", text(&member["id"]));
    root.patch(&place, &json!({"description": "of Turin", "name": "Ada L"})).expect(200);
    let key = tenant.mint_with(json!({"name": "k", "owner": member["id"], "scopes": ["a"]}));
    let body = json!({"member": member["id"], "reason": "requested"});
    let made = root.post(&of_tenant(&tenant), &body).expect(201)["erasure"].clone();
    assert_eq!((&made["what"], &made["versions"]), (&json!("member"), &json!({"from": 1, "to": 2})));
    assert_eq!((&made["members"], &made["position"]), (&Value::Null, &Value::Null));
    let read = root.get(&place).expect(200);
    assert_eq!((&read["name"], &read["email"], &read["description"]), (&gone(), &gone(), &gone()));
    assert_eq!((&read["status"], &read["version"]), (&json!("active"), &json!(2)));
    assert_eq!(root.get(&format!("{members}?name=Ada%20L")).expect(200)["data"], json!([]));
    service.gateway().verify(&key.secret).is_accepted();
    without_an_event(&root, || {
        assert_eq!(root.post(&of_tenant(&tenant), &body).expect(200)["erasure"], Value::Null);
    });
    assert_eq!(root.patch(&place, &json!({"name": "M-17"})).expect(200)["member"]["name"], "M-17");
}

#[test]
fn an_operator_works_on_without_a_name() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({}));
    let body = json!({"name": "Grace", "role": "org_admin", "tenants": [tenant.id]});
    let operator = root.post("/api/admin/v1/operators", &body).expect(201)["operator"].clone();
    let place = format!("/api/admin/v1/operators/{}", text(&operator["id"]));
    let token = root.post(&format!("{place}/tokens"), &json!({"name": "Graces"})).expect(201);
    let grace = service.actor(&text(&token["secret"]));
    let key = tenant.seen_by(&grace).mint("hers");
    assert_eq!(root.get(&key.path).expect(200)["created_by"]["name"], "Grace");
    let body = json!({"operator": operator["id"], "reason": "requested"});
    let made = root.post(PLATFORM, &body).expect(201)["erasure"].clone();
    assert_eq!((&made["what"], &made["tenant_id"]), (&json!("operator"), &Value::Null));
    let read = root.get(&place).expect(200);
    assert_eq!((&read["name"], &read["tokens"][0]["name"]), (&gone(), &gone()));
    assert_eq!((&read["role"], &read["status"]), (&json!("org_admin"), &json!("active")));
    assert_eq!(root.get(&key.path).expect(200)["created_by"]["name"], gone());
    assert_eq!(grace.get("/api/admin/v1/session").expect(200)["operator"]["name"], gone());
    grace.get(&key.path).expect(200);
    assert_eq!(root.get("/api/admin/v1/operators?name=Grace").expect(200)["data"], json!([]));
}

#[test]
fn erasures_are_listed_and_read_by_whoever_reads_their_tenant() {
    let service = Service::start();
    let root = service.root();
    let (tenant, other) = (root.tenant("acme", json!({})), root.tenant("other", json!({})));
    let admin = service.operator("org_admin", &[&tenant.id]);
    let auditor = service.operator("auditor", &[&tenant.id]);
    let stranger = service.operator("org_admin", &[&other.id]);
    let key = tenant.mint("k");
    let position = &key.history()[0]["position"];
    let under = of_tenant(&tenant);
    let first = admin
        .post(&under, &json!({"text": {"position": position, "members": ["name"]}, "reason": "mistake"}));
    let place = first.header("location").expect("a place").to_owned();
    let first = first.expect(201)["erasure"].clone();
    let second = erase_text(&admin, &under, position, &[])["erasure"].clone();
    assert_eq!(auditor.get(&under).expect(200)["data"], json!([second, first]));
    let page = auditor.get(&format!("{under}?limit=1")).expect(200);
    assert_eq!(page["data"], json!([second]));
    let next = format!("{under}?limit=1&cursor={}", text(&page["next_cursor"]));
    assert_eq!(auditor.get(&next).expect(200), json!({"data": [first], "next_cursor": null}));
    assert_eq!(auditor.get(&place).expect(200), first);
    assert_eq!(root.get(PLATFORM).expect(200)["data"], json!([]));
    // An erasure of another tenant, and one of the platform, are none here.
    stranger.get(&under).problem(404, "not_found");
    stranger.get(&place.replace(&tenant.id, &other.id)).problem(404, "not_found");
    root.get(&format!("{PLATFORM}/{}", text(&first["id"]))).problem(404, "not_found");
    admin.get(PLATFORM).problem(403, "forbidden");
    auditor
        .post(&under, &json!({"text": {"position": position}, "reason": "other"}))
        .problem(403, "forbidden");
}

#[test]
fn what_is_anothers_is_not_there_and_what_is_wrong_is_said() {
    let service = Service::start();
    let root = service.root();
    let (tenant, other) = (root.tenant("acme", json!({})), root.tenant("other", json!({})));
    let admin = service.operator("org_admin", &[&tenant.id]);
    let (own, foreign) = (tenant.mint("own"), other.mint("foreign"));
    let (own, foreign) = (own.history()[0]["position"].clone(), foreign.history()[0]["position"].clone());
    let members = format!("{}/members", other.path());
    let member = root.post(&members, &json!({"kind": "service", "name": "m", "scopes": []})).expect(201);
    let operators = root.get("/api/admin/v1/operators").expect(200);
    let somebody = &operators["data"][0]["id"];
    let under = of_tenant(&tenant);
    without_an_event(&root, || {
        let text = |position: &Value| json!({"text": {"position": position}, "reason": "other"});
        admin.post(&under, &text(&foreign)).problem(404, "not_found");
        // Position 0 is the first operator's: the platform's, and no tenant's.
        admin.post(&under, &text(&json!(0))).problem(404, "not_found");
        root.post(PLATFORM, &text(&own)).problem(404, "not_found");
        admin
            .post(&under, &json!({"member": member["member"]["id"], "reason": "other"}))
            .problem(404, "not_found");
        root.post(PLATFORM, &json!({"operator": tenant.id, "reason": "other"})).problem(404, "not_found");
        root.post(PLATFORM, &json!({"operator": member["member"]["id"], "reason": "other"}))
            .problem(404, "not_found");
        admin.post(PLATFORM, &json!({"operator": somebody, "reason": "other"})).problem(403, "forbidden");
        for (body, pointer) in [
            (text(&json!(9_999_999)), "/text/position"),
            (text(&json!(-1)), "/text/position"),
            (json!({"text": {}, "reason": "other"}), "/text/position"),
            (json!({"text": {"position": own, "members": []}, "reason": "other"}), "/text/members"),
            (json!({"text": {"position": own, "members": ["scopes"]}, "reason": "other"}), "/text/members"),
            (json!({"text": {"position": own, "values": 1}, "reason": "other"}), "/text/values"),
            (json!({"text": {"position": own}, "reason": "because Ada asked"}), "/reason"),
            (json!({"text": {"position": own}}), "/reason"),
            (json!({"reason": "other"}), ""),
            (json!({"text": {"position": own}, "member": somebody, "reason": "other"}), ""),
            (json!({"operator": somebody, "reason": "other"}), "/operator"),
            (json!({"member": "Ada", "reason": "other"}), "/member"),
        ] {
            let problem = admin.post(&under, &body).problem(400, "invalid_request");
            let pointers: Vec<_> =
                problem["errors"].as_array().expect("errors").iter().map(|e| &e["pointer"]).collect();
            assert!(pointers.contains(&&json!(pointer)), "{body}: {problem}");
        }
    });
}

#[test]
fn a_repeat_under_one_key_is_one_erasure() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({}));
    let key = tenant.mint("k");
    let body =
        json!({"text": {"position": key.history()[0]["position"], "members": ["name"]}, "reason": "other"});
    let ask = || {
        root.send(&root.request("POST", &of_tenant(&tenant)).json(&body).header("Idempotency-Key", "once"))
    };
    let first = ask().expect(201);
    let again = ask();
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.expect(201), first);
    assert_eq!(root.get(&of_tenant(&tenant)).expect(200)["data"].as_array().map(Vec::len), Some(1));
}
