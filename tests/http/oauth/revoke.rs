//! Revocation (RFC 7009): a client gives back what is its own, at once and for all; anything else is answered alike.

use serde_json::json;

use super::{
    REVOKE, act, asks, by_basic, exchange, has_ended, id_of, in_seconds, introspected, is_error,
    is_never_kept,
};
use super::{reporter, seen, sent, token};
use crate::support::service::{Service, text};
use crate::{acme, without_an_event};

#[test]
fn a_token_that_is_given_back_is_over_at_every_door_and_others_are_not() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let client = reporter(&acme(&root));
    let [first, second, third] = [(); 3].map(|()| token(&service, &client));
    let done = asks(&service, REVOKE, &client, &format!("token={first}&token_type_hint=access_token"));
    assert_eq!(done.expect(200), json!({}));
    is_never_kept(&done);
    // Another kind was meant, or none that there is: all are looked through.
    let hinted = format!("token={second}&token_type_hint=refresh_token");
    service.anonymous().send(&by_basic(REVOKE, &id_of(&client), &client.secret, &hinted)).expect(200);
    for ended in [&first, &second] {
        gateway.verify(ended).is_refused("revoked");
        let whoami = service.whoami(ended).problem(401, "unauthorized");
        assert_eq!(whoami["reason"], "revoked");
        let authorize = service.actor(ended).get("/api/v1/authorize");
        assert_eq!((authorize.status, authorize.header("x-credential-refusal")), (401, Some("revoked")));
        let again = service.actor(ended).post("/api/v1/self/revoke", &json!({}));
        assert_eq!(again.problem(401, "unauthorized")["reason"], "revoked");
        assert_eq!(introspected(&gateway, ended), json!({"active": false}));
    }
    gateway.verify(&third).is_accepted();
    exchange(&service, &client, "").expect(200);
    asks(&service, REVOKE, &client, &format!("token={third}&token_type_hint=mirrored")).expect(200);
    gateway.verify(&third).is_refused("revoked");
}

#[test]
fn what_is_no_living_token_of_its_own_is_answered_alike_and_changes_nothing() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let (tenant, other) = (acme(&root), root.tenant("other", json!({})));
    let client = reporter(&tenant);
    let (beside, foreign, key) = (tenant.client("beside"), other.client("foreign"), tenant.mint("k"));
    let short = tenant.client_with(json!({"name": "short", "expires_at": in_seconds(3)}));
    let over = token(&service, &short);
    let [of_beside, of_foreign] = [&beside, &foreign].map(|own| token(&service, own));
    let [own, cut_off] = [(); 2].map(|()| token(&service, &client));
    let (start, signature) = own.rsplit_once('.').expect("three parts");
    let forged = format!("{start}.{}", signature.chars().rev().collect::<String>());
    let expected = asks(&service, REVOKE, &client, "token=unknown");
    assert_eq!((expected.status, expected.text()), (200, "{}".to_owned()));
    let once = asks(&service, REVOKE, &client, &format!("token={cut_off}"));
    assert_eq!(seen(&once), seen(&expected));
    has_ended(&short);
    without_an_event(&root, || {
        for text in [
            "garbage",
            "eyJhbGciOiJub25lIn0.e30.",
            "..",
            &forged,
            &over,
            &of_beside,
            &of_foreign,
            &cut_off,
            &key.secret,
            &client.secret,
            &gateway.token.clone().expect("a token"),
            &"x".repeat(50_000),
        ] {
            let answer = asks(&service, REVOKE, &client, &format!("token={text}"));
            assert_eq!(seen(&answer), seen(&expected), "{text}");
        }
    });
    for living in [&own, &of_beside, &of_foreign, &key.secret] {
        gateway.verify(living).is_accepted();
    }
}

#[test]
fn who_asks_is_known_before_anything_else_is_looked_at() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let client = reporter(&acme(&root));
    let token = token(&service, &client);
    let anyone = service.anonymous();
    without_an_event(&root, || {
        for request in [
            sent(REVOKE, &format!("token={token}")),
            sent(REVOKE, &format!("token={token}&client_id={}", id_of(&client))),
            by_basic(REVOKE, &id_of(&client), "wrong", &format!("token={token}")),
            by_basic(REVOKE, &id_of(&client), "wrong", ""),
            sent(REVOKE, &format!("token={token}")).bearer(&token),
        ] {
            is_error(&anyone.send(&request), 401, "invalid_client");
        }
        for nothing in ["", "token=", "token_type_hint=access_token"] {
            is_error(&asks(&service, REVOKE, &client, nothing), 400, "invalid_request");
        }
    });
    act(&root, &format!("{}/suspend", client.path));
    is_error(&asks(&service, REVOKE, &client, &format!("token={token}")), 401, "invalid_client");
    act(&root, &format!("{}/resume", client.path));
    gateway.verify(&token).is_accepted();
}

#[test]
fn giving_back_is_one_event_and_a_repeat_is_none_and_the_client_is_as_it_was() {
    let service = Service::start();
    let root = service.root();
    let client = reporter(&acme(&root));
    let [first, second] = [(); 2].map(|()| token(&service, &client));
    let (before, history) = (client.read_unused(), client.history());
    let position = || root.get("/readyz").expect(200)["position"].as_u64().expect("a position");
    let began = position();
    for expected in [began + 1, began + 1] {
        asks(&service, REVOKE, &client, &format!("token={first}")).expect(200);
        assert_eq!(position(), expected);
    }
    service.actor(&second).post("/api/v1/self/revoke", &json!({})).expect(200);
    asks(&service, REVOKE, &client, &format!("token={second}")).expect(200);
    assert_eq!(position(), began + 2);
    assert_eq!((client.read_unused(), client.history()), (before, history));
}

#[test]
fn whoever_holds_a_token_ends_it_alone_and_from_anywhere() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let rules = json!({"allow": [{"cidr": "192.0.2.0/24"}]});
    let client = tenant.client_with(json!({"name": "c", "ip_rules": rules}));
    let take = || {
        let request = by_basic(super::TOKEN, &id_of(&client), &client.secret, super::GRANT);
        let answer = service.anonymous().send(&request.header("X-Forwarded-For", "192.0.2.7"));
        text(&answer.expect(200)["access_token"])
    };
    let (first, second) = (take(), take());
    let told = service.actor(&first).post("/api/v1/self/revoke", &json!({"reason": "leaked"})).expect(200);
    assert_eq!((&told["revoked"], &told["enforced"]), (&json!("token"), &json!(true)));
    assert_eq!(told["jti"], super::part(&first, 1)["jti"]);
    assert_eq!(told["credential_id"], client.id.as_str());
    let asked = |token: &str| gateway.verify_as(json!({"credential": token, "client_ip": "192.0.2.7"}));
    asked(&first).is_refused("revoked");
    asked(&second).is_accepted();
    assert_eq!(client.read()["status"], "active");
    act(&root, &format!("{}/suspend", tenant.path()));
    service.actor(&second).post("/api/v1/self/revoke", &json!({})).expect(200);
    asked(&second).is_refused("revoked");
}
