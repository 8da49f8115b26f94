//! V: what people do with a key of the AI engine.

use serde_json::json;

use crate::support::service::Service;

#[test]
fn v8_a_leaked_key_is_found_by_its_prefix_and_refused_by_the_very_next_request() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = root.tenant("acme", json!({}));
    let (leaked, other) = (tenant.mint("leaked"), tenant.mint("other"));
    gateway.verify(&leaked.secret).is_accepted();
    let prefix = leaked.minted["key"]["secrets"][0]["prefix"].as_str().expect("a prefix");
    let found = root.get(&format!("{}/keys?prefix={prefix}", tenant.path())).expect(200);
    assert_eq!(found["data"][0]["id"], leaked.id.as_str());
    assert_eq!(found["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(leaked.revoke("leaked")["enforced"], true);
    gateway.verify(&leaked.secret).is_refused("revoked");
    let refused = service.actor(&leaked.secret).get("/api/v1/whoami");
    assert_eq!(refused.problem(401, "unauthorized")["reason"], "revoked");
    gateway.verify(&other.secret).is_accepted();
}
