//! Tokens at the doors of keys: what they may do, and what takes them along.

use serde_json::{Value, json};

use super::{act, exchange, id_of, is_error, part, reporter, token};
use crate::acme;
use crate::support::client::Request;
use crate::support::service::{Actor, Key, Service, Tenant, text};

const AUTHORIZE: &str = "/api/v1/authorize";

#[track_caller]
fn may(gateway: &Actor, token: &str, scope: &str) -> bool {
    let verdict = gateway.verify_as(json!({"credential": token, "scopes": [scope]})).0;
    let refused = verdict["reason"] == "insufficient_scope" && verdict["missing_scopes"] == json!([scope]);
    assert!(verdict["valid"] == true || refused, "{verdict}");
    verdict["valid"] == true
}

#[test]
fn a_token_is_told_at_every_door_beside_keys() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let (client, key) = (reporter(&tenant), tenant.mint("k"));
    let token = text(&exchange(&service, &client, "scope=reports:read").expect(200)["access_token"]);
    let secret = client.minted["client"]["secrets"][0].clone();
    let own = json!({
        "kind": "oauth_client", "credential_id": client.id, "secret_id": secret["id"], "prefix": secret["prefix"],
        "name": "reporter", "tenant_id": tenant.id, "client_id": id_of(&client), "jti": part(&token, 1)["jti"],
        "scopes": ["reports:read", "reports:write"], "effective_scopes": ["reports:read"], "owner": null,
        "secret_status": "active",
    });
    let batch = json!({"items": [{"credential": key.secret}, {"credential": token}, {"credential": "x"}]});
    let batch = gateway.post("/api/v1/verify/batch", &batch).expect(200)["data"].clone();
    let valid: Vec<&Value> = batch.as_array().into_iter().flatten().map(|each| &each["valid"]).collect();
    assert_eq!(valid, [true, true, false]);
    for told in [gateway.verify(&token).0, batch[1].clone(), service.whoami(&token).expect(200)] {
        assert_eq!(told["valid"], true);
        for (name, value) in own.as_object().expect("members") {
            // What it was given for is what it has.
            let value = if name == "scopes" { &told["effective_scopes"] } else { value };
            assert_eq!(&told[name], value, "{name}: {told}");
        }
        let end = crate::support::service::millis(&told["expires_at"]);
        assert_eq!(json!(end / 1000), part(&token, 1)["exp"]);
    }
    let answer = service.actor(&token).get(&format!("{AUTHORIZE}?scope=reports:read&tenant=acme"));
    assert_eq!((answer.status, answer.body.len()), (200, 0), "{}", answer.text());
    for (header, value) in [
        ("x-credential-id", Some(client.id.clone())),
        ("x-credential-kind", Some("oauth_client".to_owned())),
        ("x-credential-name", Some("reporter".to_owned())),
        ("x-credential-tenant", Some(tenant.id.clone())),
        ("x-credential-scopes", Some("reports:read".to_owned())),
        ("x-credential-secret-id", Some(text(&secret["id"]))),
    ] {
        assert_eq!(answer.header(header), value.as_deref(), "{header}");
    }
    let narrow = service.actor(&token).get(&format!("{AUTHORIZE}?scope=reports:write"));
    narrow.problem(403, "forbidden");
    assert_eq!(narrow.header("x-credential-refusal"), Some("insufficient_scope"));
    assert!(narrow.header("www-authenticate").is_some_and(|told| told.contains("scope=\"reports:write\"")));
    let lower = Request::new("GET", "/api/v1/whoami").header("Authorization", &format!("bearer {token}"));
    service.anonymous().send(&lower).expect(200);
    let in_url = format!("/api/v1/authorize?access_token={token}");
    assert_eq!(service.anonymous().get(&in_url).status, 403);
    // It is a caller's, and no operator's.
    service.actor(&token).get(&client.path).problem(401, "unauthorized");
}

#[test]
fn a_token_has_what_it_was_given_and_its_client_and_its_owner_have_now() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let members = format!("{}/members", tenant.path());
    let body = json!({"kind": "service", "name": "o", "scopes": ["reports:*", "jobs:*"]});
    let owner = text(&root.post(&members, &body).expect(201)["member"]["id"]);
    let body = json!({"name": "c", "scopes": ["reports:*", "jobs:run", "extra:x"], "owner": owner});
    let client = tenant.client_with(body);
    let whole = token(&service, &client);
    let narrow = text(&exchange(&service, &client, "scope=reports:read").expect(200)["access_token"]);
    assert_eq!(
        ["reports:read", "jobs:run", "extra:x"].map(|scope| may(&gateway, &whole, scope)),
        [true, true, false]
    );
    assert_eq!(
        ["reports:read", "reports:write", "jobs:run"].map(|scope| may(&gateway, &narrow, scope)),
        [true, false, false]
    );
    client.edit(json!({"scopes": ["reports:write", "jobs:*"]}));
    assert_eq!(["reports:read", "reports:write"].map(|scope| may(&gateway, &narrow, scope)), [false, false]);
    let scopes = ["reports:read", "reports:write", "jobs:run", "jobs:stop"];
    assert_eq!(scopes.map(|scope| may(&gateway, &whole, scope)), [false, true, true, false]);
    root.patch(&format!("{members}/{owner}"), &json!({"scopes": ["jobs:*"]})).expect(200);
    assert_eq!(scopes.map(|scope| may(&gateway, &whole, scope)), [false, false, true, false]);
    // Given back, it is there again: nothing was taken from the token itself.
    root.patch(&format!("{members}/{owner}"), &json!({"scopes": ["*"]})).expect(200);
    client.edit(json!({"scopes": ["*"]}));
    assert_eq!(scopes.map(|scope| may(&gateway, &whole, scope)), [true, true, true, false]);
    assert_eq!(scopes.map(|scope| may(&gateway, &narrow, scope)), [true, false, false, false]);
}

#[test]
fn what_its_client_was_without_a_token_never_has() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let client = acme(&root).client("bare");
    let token = token(&service, &client);
    client.edit(json!({"scopes": ["*"]}));
    assert!(!may(&gateway, &token, "reports:read"));
    assert_eq!(gateway.verify(&token).is_accepted()["effective_scopes"], json!([]));
}

/// What is done to a token's surroundings, how it is refused then, and how that is undone.
fn is_refused_while(service: &Service, token: &str, reason: &str, place: &str, verbs: (&str, &str)) {
    let (root, gateway) = (service.root(), service.gateway());
    gateway.verify(token).is_accepted();
    act(&root, &format!("{place}/{}", verbs.0));
    gateway.verify(token).is_refused(reason);
    let batch = gateway.post("/api/v1/verify/batch", &json!({"items": [{"credential": token}]})).expect(200);
    assert_eq!(batch["data"][0]["reason"], reason);
    assert_eq!(service.whoami(token).problem(401, "unauthorized")["reason"], reason);
    let authorize = service.actor(token).get(AUTHORIZE);
    assert_eq!((authorize.status, authorize.header("x-credential-refusal")), (401, Some(reason)));
    act(&root, &format!("{place}/{}", verbs.1));
    gateway.verify(token).is_accepted();
}

#[test]
fn a_token_rests_with_its_client_its_tenant_and_its_owner() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let owner = crate::matrix::member_of(&tenant);
    let client = tenant.client_with(json!({"name": "c", "owner": owner}));
    let token = token(&service, &client);
    is_refused_while(&service, &token, "suspended", &client.path, ("suspend", "resume"));
    is_refused_while(&service, &token, "tenant_suspended", &tenant.path(), ("suspend", "resume"));
    let member = format!("{}/members/{owner}", tenant.path());
    is_refused_while(&service, &token, "owner_disabled", &member, ("disable", "enable"));
}

#[test]
fn address_rules_hold_for_the_exchange_and_for_every_use_and_as_they_are_now() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let client = acme(&root).client("c");
    let token = token(&service, &client);
    client.edit(json!({"ip_rules": {"allow": [{"cidr": "192.0.2.0/24"}]}}));
    is_error(&exchange(&service, &client, ""), 401, "invalid_client");
    gateway.verify(&token).is_refused("ip_denied");
    let asked = |address: &str| gateway.verify_as(json!({"credential": token, "client_ip": address}));
    asked("192.0.2.1").is_accepted();
    asked("198.51.100.1").is_refused("ip_denied");
    let from = |path: &str, address: &str| {
        let request = Request::new("GET", path).bearer(&token).header("X-Forwarded-For", address);
        service.anonymous().send(&request)
    };
    for path in [AUTHORIZE, "/api/v1/whoami"] {
        assert_eq!(from(path, "192.0.2.1").status, 200);
        assert_eq!(from(path, "198.51.100.1").problem(403, "forbidden")["reason"], "ip_denied");
    }
    client.edit(json!({"ip_rules": {"allow": [], "deny": []}}));
    asked("198.51.100.1").is_accepted();
}

#[test]
fn a_token_of_another_tenant_is_none_of_this_one() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let (tenant, other) = (acme(&root), root.tenant("other", json!({})));
    let token = token(&service, &tenant.client("c"));
    gateway.verify_as(json!({"credential": token, "tenant": "other"})).is_refused("wrong_tenant");
    gateway.verify_as(json!({"credential": token, "tenant": "acme"})).is_accepted();
    let narrow = service.operator("gateway", &[&other.id]);
    let told = narrow.verify(&token);
    told.is_refused("not_found");
    assert_eq!(told.0.get("client_id"), None, "{}", told.0);
    let authorize = service.actor(&token).get(&format!("{AUTHORIZE}?tenant=other"));
    assert_eq!((authorize.status, authorize.header("x-credential-refusal")), (403, Some("wrong_tenant")));
}

fn clients<'a>(tenant: &Tenant<'a>) -> [Key<'a>; 4] {
    ["tokens", "one", "whole", "living"].map(|name| tenant.client(name))
}

#[test]
fn what_was_revoked_is_revoked_after_a_restart_and_what_lived_lives() {
    let mut service = Service::start_with(&["--public-url", "https://keys.example"]);
    let root = service.root();
    let tenant = acme(&root);
    let clients = clients(&tenant);
    let taken = clients.each_ref().map(|client| token(&service, client));
    let second = token(&service, &clients[1]);
    act(&root, &format!("{}/tokens/revoke", clients[0].path));
    service.actor(&taken[1]).post("/api/v1/self/revoke", &json!({})).expect(200);
    clients[2].revoke("leaked");
    let after = token(&service, &clients[0]);
    for kill in [false, true] {
        match kill {
            true => service.kill(),
            false => assert_eq!(service.stop(), Some(0)),
        }
        service.start_again();
        let gateway = service.gateway();
        for (client, ended) in clients[..3].iter().zip(&taken) {
            gateway.verify(ended).is_refused("revoked");
            assert_eq!(super::introspected(&gateway, ended), json!({"active": false}), "{}", client.path);
        }
        for living in [&taken[3], &second, &after] {
            gateway.verify(living).is_accepted();
        }
        token(&service, &clients[0]);
        is_error(&exchange(&service, &clients[2], ""), 401, "invalid_client");
    }
}
