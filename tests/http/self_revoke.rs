//! Whoever holds a secret may end it.

use serde_json::json;

use crate::acme;
use crate::support::service::Service;

const SELF_REVOKE: &str = "/api/v1/self/revoke";

#[test]
fn the_active_secret_takes_its_key_with_it_and_a_repeat_is_401() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let key = acme(&root).mint("k");
    let (newest, _) = key.rotate(json!({}));
    let holder = service.actor(&newest);
    let request = holder.request("POST", SELF_REVOKE).json(&json!({"reason": "leaked", "note": "in a log"}));
    let request = request.header("Idempotency-Key", "ignored");
    let ended = holder.send(&request).expect(200);
    assert_eq!(
        (&ended["revoked"], &ended["credential_id"], &ended["enforced"]),
        (&json!("credential"), &json!(key.id), &json!(true))
    );
    gateway.verify(&newest).is_refused("revoked");
    gateway.verify(&key.secret).is_refused("revoked");
    assert_eq!(holder.send(&request).problem(401, "unauthorized")["reason"], "revoked");
    let revoked = &key.read()["revoked"];
    assert_eq!((&revoked["reason"], &revoked["note"]), (&json!("leaked"), &json!("in a log")));
    assert_eq!((&revoked["by"]["kind"], &revoked["by"]["id"]), (&json!("holder"), &json!(key.id)));
}

#[test]
fn an_expiring_secret_ends_alone() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let key = acme(&root).mint("k");
    let (newest, _) = key.rotate(json!({}));
    let holder = service.actor(&key.secret);
    let ended = holder.send(&holder.request("POST", SELF_REVOKE)).expect(200);
    assert_eq!(
        (&ended["revoked"], &ended["secret_id"]),
        (&json!("secret"), &key.minted["key"]["secrets"][0]["id"])
    );
    gateway.verify(&key.secret).is_refused("revoked");
    gateway.verify(&newest).is_accepted();
    holder.post(SELF_REVOKE, &json!({})).problem(401, "unauthorized");
}

#[test]
fn it_works_from_any_address_and_while_key_or_tenant_rest() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let bound = tenant.mint_with(json!({"name": "bound", "ip_rules": {"allow": [{"cidr": "192.0.2.1"}]}}));
    service.whoami(&bound.secret).problem(403, "forbidden");
    service.actor(&bound.secret).post(SELF_REVOKE, &json!({})).expect(200);
    let suspended = tenant.mint("suspended");
    root.post(&format!("{}/suspend", suspended.path), &json!({})).expect(200);
    service.actor(&suspended.secret).post(SELF_REVOKE, &json!({})).expect(200);
    let resting = tenant.mint("resting");
    root.post(&format!("{}/suspend", tenant.path()), &json!({})).expect(200);
    service.actor(&resting.secret).post(SELF_REVOKE, &json!({})).expect(200);
    for key in [&bound, &suspended, &resting] {
        gateway.verify(&key.secret).is_refused("revoked");
    }
}

#[test]
fn whoever_holds_nothing_ends_nothing() {
    let service = Service::start();
    let root = service.root();
    let key = acme(&root).mint("k");
    service.anonymous().post(SELF_REVOKE, &json!({})).problem(401, "unauthorized");
    service.actor("no-key").post(SELF_REVOKE, &json!({})).problem(401, "unauthorized");
    let problem = service.actor(&key.secret).post(SELF_REVOKE, &json!({"reason": "boredom"}));
    assert_eq!(problem.problem(400, "invalid_request")["errors"][0]["pointer"], "/reason");
    service.whoami(&key.secret).expect(200);
}
