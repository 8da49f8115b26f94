//! Operators and their tokens.

use serde_json::{Value, json};

use crate::support::service::{Service, eventually, text};
use crate::{acme, without_an_event};

const OPERATORS: &str = "/api/admin/v1/operators";

#[test]
fn an_operator_is_taken_in_and_works_with_a_token_of_its_own() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let answer = root.post(OPERATORS, &json!({"name": "edge", "role": "org_admin", "tenants": [tenant.id]}));
    let operator = answer.expect(201)["operator"].clone();
    let path = format!("{OPERATORS}/{}", text(&operator["id"]));
    assert_eq!(answer.header("location"), Some(path.as_str()));
    assert_eq!(root.get(&path).expect(200), operator);
    assert_eq!(
        (&operator["tenants"], &operator["all_tenants"], &operator["tokens"]),
        (&json!([tenant.id]), &json!(false), &json!([]))
    );

    let answer = root.send(&root.request("POST", &format!("{path}/tokens")));
    let minted = answer.expect(201);
    let token = &minted["token"];
    assert_eq!(answer.header("location"), Some(format!("{path}/tokens/{}", text(&token["id"])).as_str()));
    let admin = service.actor(&text(&minted["secret"]));
    admin.get(&tenant.path()).expect(200);
    let read = root.get(&path).expect(200);
    assert_eq!(read["tokens"], json!([token]));
    assert!(!read.to_string().contains(&text(&minted["secret"])), "shown once");

    let revoked = root.delete(&format!("{path}/tokens/{}", text(&token["id"]))).expect(200);
    assert_eq!((&revoked["token"]["status"], &revoked["enforced"]), (&json!("revoked"), &json!(true)));
    assert_eq!(admin.get(&tenant.path()).problem(401, "unauthorized")["reason"], "revoked");
    let again =
        without_an_event(&root, || root.delete(&format!("{path}/tokens/{}", text(&token["id"]))).expect(200));
    assert_eq!(again["position"], revoked["position"]);
}

#[test]
fn a_disabled_operators_tokens_are_refused_until_it_is_enabled() {
    let service = Service::start();
    let root = service.root();
    let created =
        root.post(OPERATORS, &json!({"name": "edge", "role": "auditor", "all_tenants": true})).expect(201);
    let path = format!("{OPERATORS}/{}", text(&created["operator"]["id"]));
    let token = root.post(&format!("{path}/tokens"), &json!({"name": "one"})).expect(201);
    let auditor = service.actor(&text(&token["secret"]));
    auditor.get("/api/admin/v1/tenants").expect(200);
    let disabled = root.patch(&path, &json!({"disabled": true})).expect(200);
    assert_eq!((&disabled["operator"]["status"], &disabled["enforced"]), (&json!("disabled"), &json!(true)));
    assert_eq!(auditor.get("/api/admin/v1/tenants").problem(401, "unauthorized")["reason"], "owner_disabled");
    without_an_event(&root, || root.patch(&path, &json!({"disabled": true})).expect(200));
    root.patch(&path, &json!({"disabled": false})).expect(200);
    auditor.get("/api/admin/v1/tenants").expect(200);
}

#[test]
fn a_token_ends_on_its_date() {
    let service = Service::start();
    let root = service.root();
    let created =
        root.post(OPERATORS, &json!({"name": "edge", "role": "auditor", "all_tenants": true})).expect(201);
    let path = format!("{OPERATORS}/{}", text(&created["operator"]["id"]));
    let now = text(&created["operator"]["created_at"]);
    let soon = credledger::clock::Timestamp::parse(&now).expect("an instant").plus_seconds(2);
    let token = root.post(&format!("{path}/tokens"), &json!({"expires_at": soon})).expect(201);
    let auditor = service.actor(&text(&token["secret"]));
    let refused =
        eventually(|| Some(auditor.get("/api/admin/v1/tenants")).filter(|answer| answer.status == 401));
    assert_eq!(refused.expect("its end").problem(401, "unauthorized")["reason"], "expired");
    assert_eq!(root.get(&path).expect(200)["tokens"][0]["status"], "expired");
}

#[test]
fn an_operator_reaches_all_tenants_or_named_ones_and_says_which() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let absent = "019f0000-0000-7000-8000-000000000000";
    let refused: [Value; 4] = [
        json!({"name": "x", "role": "gateway"}),
        json!({"name": "x", "role": "gateway", "tenants": []}),
        json!({"name": "x", "role": "gateway", "tenants": [tenant.id], "all_tenants": true}),
        json!({"name": "x", "role": "gateway", "tenants": [absent]}),
    ];
    without_an_event(&root, || {
        for body in refused {
            root.post(OPERATORS, &body).problem(400, "invalid_request");
        }
    });
    let whole = root.post(OPERATORS, &json!({"name": "x", "role": "root"})).expect(201);
    assert_eq!(whole["operator"]["all_tenants"], true);
}

#[test]
fn an_operator_or_token_that_is_not_there_is_404() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    for id in ["019f0000-0000-7000-8000-000000000000", "nonsense", &tenant.id] {
        let path = format!("{OPERATORS}/{id}");
        root.get(&path).problem(404, "not_found");
        root.patch(&path, &json!({"disabled": true})).problem(404, "not_found");
        root.post(&format!("{path}/tokens"), &json!({})).problem(404, "not_found");
        root.delete(&format!("{path}/tokens/{id}")).problem(404, "not_found");
    }
}
