use serde_json::json;

use crate::browser::SITE;
use crate::sessions::now;
use crate::support::service::{eventually, millis, text};
use crate::world::World;

#[test]
fn whoever_was_invited_signs_in_and_sees_its_own_tenants_alone() {
    let world = World::new(&[]);
    let root = world.service.root();
    let (own, foreign) = (root.tenant("own", json!({})), root.tenant("foreign", json!({})));
    let id = world.invite(json!({"email": "Ada@Example.com", "role": "org_admin", "tenants": [own.id]}));
    let invited = world.operator(&id);
    assert_eq!((&invited["email"], &invited["signs_in"]), (&json!("Ada@Example.com"), &json!(false)));
    let listed = |status: &str| {
        let page = root.get(&format!("/api/admin/v1/operators?status={status}")).expect(200);
        page["data"].as_array().expect("a list").iter().any(|each| each["id"] == json!(id))
    };
    assert!(listed("invited") && !listed("active"));
    let mut ada = world.browser("ada");
    ada.signs_in();
    assert!(listed("active") && !listed("invited"));
    let operator = world.operator(&id);
    assert_eq!((&operator["status"], &operator["signs_in"]), (&json!("active"), &json!(true)));
    assert_eq!((&operator["name"], &operator["email"]), (&json!("ada"), &json!("ada@example.com")));
    assert_eq!(operator["invitation_expires_at"], json!(null));
    let session = ada.read("/session").expect(200);
    assert_eq!((&session["kind"], &session["operator"]["id"]), (&json!("session"), &json!(id)));
    assert_eq!(session["operator"]["role"], "org_admin");
    let tenants = ada.read("/tenants").expect(200);
    assert_eq!(tenants["data"].as_array().expect("a list").len(), 1);
    ada.read(&format!("/tenants/{}", own.id)).expect(200);
    ada.read(&format!("/tenants/{}", foreign.id)).problem(404, "not_found");
    ada.read(&format!("/tenants/{}/keys", foreign.id)).problem(404, "not_found");
    let page = ada.get(&format!("{SITE}/console"));
    assert!(page.text().contains("<b>ada</b>"), "{}", page.text());
    // A second sign-in is of the same operator, and changes nothing about it.
    let version = operator["version"].clone();
    ada.signs_in();
    assert_eq!(world.operator(&id)["version"], version);
    assert_eq!(world.sign_ins("accepted"), 2);
}

#[test]
fn an_address_that_the_provider_has_not_verified_accepts_nothing() {
    let world = World::new(&[]);
    let id = world.invite(json!({"email": "ada@example.com", "role": "auditor", "all_tenants": true}));
    let answer = world.browser("unverified").sign_in();
    world.denied(&answer, "no_role", "email_verified");
    assert_eq!(world.operator(&id)["status"], "invited");
    let stranger = world.browser("grace").sign_in();
    world.denied(&stranger, "no_role", "no invitation is open");
}

#[test]
fn an_invitation_that_was_withdrawn_or_is_over_lets_nobody_in_and_another_does() {
    let world = World::new(&["--invitation-seconds", "5"]);
    let body = json!({"email": "ada@example.com", "role": "auditor", "all_tenants": true});
    let withdrawn = world.invite(body.clone());
    world.service.root().delete(&format!("/api/admin/v1/operators/{withdrawn}")).expect(200);
    let mut ada = world.browser("ada");
    let answer = ada.sign_in();
    world.denied(&answer, "invitation_over", "withdrawn");
    let over = world.invite(body.clone());
    let tokens = format!("/api/admin/v1/operators/{over}/tokens");
    world.service.root().post(&tokens, &json!({})).problem(409, "conflict");
    let ends_at = millis(&world.operator(&over)["invitation_expires_at"]);
    eventually(|| (now() > ends_at + 50).then_some(())).expect("time goes by");
    let answer = ada.sign_in();
    world.denied(&answer, "invitation_over", "over");
    let fresh = world.invite(body);
    ada.signs_in();
    assert_eq!(world.operator(&fresh)["status"], "active");
    assert_eq!(world.operator(&over)["status"], "invited");
}

#[test]
fn an_org_admin_invites_into_its_own_tenants_alone() {
    let world = World::new(&[]);
    let root = world.service.root();
    let (own, foreign) = (root.tenant("own", json!({})), root.tenant("foreign", json!({})));
    let admin = world.service.operator("org_admin", &[&own.id]);
    let invite = |role: &str, tenants: serde_json::Value| {
        let body = json!({"email": "grace@example.com", "role": role, "tenants": tenants});
        admin.post("/api/admin/v1/operators", &body)
    };
    let invited = invite("auditor", json!([own.id])).expect(201);
    invite("auditor", json!([foreign.id])).problem(400, "invalid_request");
    invite("root", json!([own.id])).problem(400, "invalid_request");
    let mut grace = world.browser("grace");
    grace.signs_in();
    let session = grace.read("/session").expect(200);
    assert_eq!(text(&session["operator"]["id"]), text(&invited["operator"]["id"]));
    assert_eq!(session["operator"]["tenants"], json!([own.id]));
}

#[test]
fn without_a_provider_nobody_is_invited_and_there_is_no_console() {
    let service = crate::support::service::Service::start();
    let body = json!({"email": "ada@example.com", "role": "auditor", "all_tenants": true});
    service.root().post("/api/admin/v1/operators", &body).problem(400, "invalid_request");
    for path in ["/console", "/console/sign-in", "/console/callback?code=x"] {
        let request = service.anonymous().request("GET", path).header("Accept", "text/html");
        service.anonymous().send(&request).problem(404, "not_found");
    }
}
