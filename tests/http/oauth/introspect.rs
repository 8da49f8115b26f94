//! Introspection (RFC 7662): who may ask, what is told of what lives, and one answer for all else.

use serde_json::json;

use super::{
    INTROSPECT, act, asks, by_basic, exchange, has_ended, id_of, in_seconds, introspected, is_error,
    is_never_kept, part,
};
use super::{REVOKE, reporter, seen, sent, token};
use crate::acme;
use crate::support::client::Response;
use crate::support::service::{Actor, Service, text};

fn by(operator: &Actor, fields: &str) -> Response {
    operator.send(&sent(INTROSPECT, fields).bearer(operator.token.as_deref().expect("a token")))
}

#[test]
fn what_lives_is_told_with_all_that_the_token_says() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let client = reporter(&tenant);
    let beside = tenant.client("beside");
    let fields = "resource=urn:a&resource=urn:b&scope=reports:read";
    let token = text(&exchange(&service, &client, fields).expect(200)["access_token"]);
    let claims = part(&token, 1);
    let answer = by(&gateway, &format!("token={token}"));
    let told = answer.expect(200);
    assert_eq!(
        told,
        json!({
            "active": true, "token_type": "Bearer", "client_id": id_of(&client), "sub": id_of(&client),
            "scope": "reports:read", "iss": service.url(), "aud": ["urn:a", "urn:b"], "iat": claims["iat"],
            "nbf": claims["iat"], "exp": claims["exp"], "jti": claims["jti"], "credential_id": client.id,
            "tenant_id": tenant.id,
        })
    );
    assert_eq!(answer.header("content-type"), Some("application/json"));
    is_never_kept(&answer);
    // The same to the client itself, to another of its tenant, and whatever kind it is taken for.
    for asker in [&client, &beside] {
        let asked =
            asks(&service, INTROSPECT, asker, &format!("token={token}&token_type_hint=refresh_token"));
        assert_eq!(asked.expect(200), told);
    }
    assert_eq!(by(&gateway, &format!("token={token}&token_type_hint=mirrored&x=y")).expect(200), told);
    let in_header = by_basic(INTROSPECT, &id_of(&client), &client.secret, &format!("token={token}"));
    assert_eq!(service.anonymous().send(&in_header).expect(200), told);
    // What the client has lost, the token has lost.
    client.edit(json!({"scopes": ["reports:write"]}));
    assert_eq!(introspected(&gateway, &token)["scope"], "");
    client.edit(json!({"scopes": ["reports:*"]}));
    assert_eq!(introspected(&gateway, &token)["scope"], "reports:read");
}

#[test]
fn whatever_is_not_active_is_answered_to_the_byte_alike() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let (tenant, other) = (acme(&root), root.tenant("other", json!({})));
    let client = reporter(&tenant);
    let (foreign, key) = (other.client("foreign"), tenant.mint("key"));
    let short = tenant.client_with(json!({"name": "short", "expires_at": in_seconds(3)}));
    let [revoked, living, given_back] = [(); 3].map(|()| token(&service, &client));
    let of_foreign = token(&service, &foreign);
    let mut dead = vec![("expired", token(&service, &short))];
    asks(&service, REVOKE, &client, &format!("token={revoked}")).expect(200);
    service.actor(&given_back).post("/api/v1/self/revoke", &json!({})).expect(200);
    for (why, path, body) in [
        ("of a suspended client", "suspend", json!({})),
        ("of a client that ended", "revoke", json!({"reason": "other"})),
        ("cut off", "tokens/revoke", json!({})),
    ] {
        let own = reporter(&tenant);
        dead.push((why, token(&service, &own)));
        root.post(&format!("{}/{path}", own.path), &body).expect(200);
    }
    let (start, signature) = living.rsplit_once('.').expect("three parts");
    dead.extend([
        ("revoked", revoked.clone()),
        ("given back", given_back),
        ("garbage", "garbage".to_owned()),
        ("a jwt of nobody", "eyJhbGciOiJub25lIn0.e30.".to_owned()),
        ("forged", format!("{start}.{}", signature.chars().rev().collect::<String>())),
        ("unsigned", format!("{start}.")),
        ("an id", id_of(&client)),
        ("a secret", client.secret.clone()),
        ("an operator's token", gateway.token.clone().expect("a token")),
        ("long", "x".repeat(50_000)),
    ]);
    has_ended(&short);
    let expected = by(&gateway, "token=unknown");
    assert_eq!(expected.text(), r#"{"active":false}"#);
    assert_eq!(expected.status, 200);
    is_never_kept(&expected);
    let narrow = service.operator("gateway", &[&other.id]);
    for (why, text) in &dead {
        let fields = format!("token={text}");
        assert_eq!(seen(&by(&gateway, &fields)), seen(&expected), "{why}");
        assert_eq!(seen(&by(&narrow, &fields)), seen(&expected), "{why}");
        assert_eq!(seen(&asks(&service, INTROSPECT, &client, &fields)), seen(&expected), "{why}");
    }
    // What lives, and is not for the one who asks.
    let about = |text: &str| format!("token={text}");
    for answer in [
        by(&narrow, &about(&living)),
        by(&narrow, &about(&key.secret)),
        asks(&service, INTROSPECT, &foreign, &about(&living)),
        asks(&service, INTROSPECT, &client, &about(&of_foreign)),
        asks(&service, INTROSPECT, &client, &about(&key.secret)),
    ] {
        assert_eq!(seen(&answer), seen(&expected));
    }
    assert_eq!(introspected(&narrow, &of_foreign)["active"], true);
    assert_eq!(introspected(&gateway, &living)["active"], true);
}

#[test]
fn the_state_of_tenant_and_owner_counts_at_once() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let owner = crate::matrix::member_of(&tenant);
    let client = tenant.client_with(json!({"name": "c", "owner": owner}));
    let token = token(&service, &client);
    let is_active = |expected: bool| assert_eq!(introspected(&gateway, &token)["active"], expected);
    is_active(true);
    for place in [tenant.path(), client.path.clone()] {
        act(&root, &format!("{place}/suspend"));
        is_active(false);
        act(&root, &format!("{place}/resume"));
        is_active(true);
    }
    act(&root, &format!("{}/members/{owner}/disable", tenant.path()));
    is_active(false);
    act(&root, &format!("{}/members/{owner}/enable", tenant.path()));
    is_active(true);
}

#[test]
fn operators_may_ask_about_keys_too() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let end = in_seconds(3600);
    let key = tenant.mint_with(json!({"name": "k", "scopes": ["a:b", "c:*"], "expires_at": end}));
    let told = introspected(&gateway, &key.secret);
    assert_eq!(
        told,
        json!({
            "active": true, "token_type": "api_key", "iss": service.url(), "sub": key.id, "credential_id": key.id,
            "tenant_id": tenant.id, "scope": "a:b c:*", "exp": crate::support::service::millis(&end) / 1000,
        })
    );
    assert_eq!(introspected(&root, &key.secret), told);
    let endless = introspected(&gateway, &tenant.mint("endless").secret);
    assert_eq!((&endless["active"], endless.get("exp")), (&json!(true), None));
    key.revoke("leaked");
    assert_eq!(introspected(&gateway, &key.secret), json!({"active": false}));
}

#[test]
fn only_gateways_root_and_clients_may_ask() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let client = reporter(&tenant);
    let token = token(&service, &client);
    let fields = format!("token={token}");
    for role in ["auditor", "org_admin"] {
        let operator = service.operator(role, &[&tenant.id]);
        is_error(&by(&operator, &fields), 403, "access_denied");
    }
    assert_eq!(by(&root, &fields).expect(200)["active"], true);
    let anyone = service.anonymous();
    for bearer in [&token, &tenant.mint("k").secret, &"x".to_owned()] {
        let answer = anyone.send(&sent(INTROSPECT, &fields).bearer(bearer));
        is_error(&answer, 401, "invalid_client");
        assert!(answer.header("www-authenticate").is_some_and(|told| told.starts_with("Bearer ")));
    }
    is_error(&anyone.send(&sent(INTROSPECT, &fields)), 401, "invalid_client");
    // Who may not ask learns it before what was wrong with the question.
    is_error(&anyone.send(&sent(INTROSPECT, "")), 401, "invalid_client");
    for nothing in ["", "token=", "Token=x"] {
        is_error(&by(&root, nothing), 400, "invalid_request");
        is_error(&asks(&service, INTROSPECT, &client, nothing), 400, "invalid_request");
    }
}

#[test]
fn a_client_with_address_rules_is_active_from_the_addresses_that_they_admit() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let rules = json!({"allow": [{"cidr": "192.0.2.0/24"}, {"cidr": "2001:db8::/32"}]});
    let client = acme(&root).client_with(json!({"name": "c", "ip_rules": rules}));
    let from = |address: &str| {
        let request = by_basic(super::TOKEN, &id_of(&client), &client.secret, super::GRANT);
        service.anonymous().send(&request.header("X-Forwarded-For", address))
    };
    is_error(&from("198.51.100.7"), 401, "invalid_client");
    let token = text(&from("192.0.2.7").expect(200)["access_token"]);
    for (address, active) in [
        ("", false),
        ("&client_ip=", false),
        ("&client_ip=192.0.2.99", true),
        ("&client_ip=::ffff:192.0.2.99", true),
        ("&client_ip=2001:db8::1", true),
        ("&client_ip=198.51.100.7", false),
    ] {
        let told = by(&gateway, &format!("token={token}{address}")).expect(200);
        assert_eq!(told["active"], active, "{address}");
    }
    for none in ["localhost", "192.0.2.0/24", "192.0.2.1:80", "[::1]", "1"] {
        is_error(&by(&gateway, &format!("token={token}&client_ip={none}")), 400, "invalid_request");
    }
}
