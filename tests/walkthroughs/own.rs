//! N: what no other product of the field has.

use serde_json::json;

use crate::support::service::{Service, millis, text};

#[test]
fn n5_a_rotation_is_one_thing_with_one_id_one_history_and_several_dated_secrets() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let key = root.tenant("acme", json!({})).mint("long-lived");
    let (second, _) = key.rotate(json!({"grace_seconds": 3600}));
    let (third, rotated) = key.rotate(json!({"grace_seconds": 60}));

    assert_eq!(rotated["key"]["id"], key.id.as_str());
    assert_eq!(key.told(), ["api_key.created", "api_key.rotated", "api_key.rotated"]);
    let shown = key.read();
    let secrets = shown["secrets"].as_array().expect("secrets");
    let dated: Vec<_> =
        secrets.iter().map(|secret| (text(&secret["status"]), secret["expires_at"].is_null())).collect();
    let expiring = ("expiring".to_owned(), false);
    assert_eq!(dated, [expiring.clone(), expiring, ("active".to_owned(), true)]);
    assert!(secrets.windows(2).all(|pair| millis(&pair[0]["created_at"]) <= millis(&pair[1]["created_at"])));
    for (index, secret) in [&key.secret, &second, &third].into_iter().enumerate() {
        let verdict = gateway.verify(secret);
        assert_eq!(verdict.is_accepted()["credential_id"], key.id.as_str());
        assert_eq!(verdict.is_accepted()["secret_id"], secrets[index]["id"]);
    }
}

#[test]
fn n5_a_grace_window_can_be_lengthened_shortened_and_closed() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let key = root.tenant("acme", json!({})).mint("long-lived");
    let (new_secret, rotated) = key.rotate(json!({"grace_seconds": 3600}));
    let window = key.secret_path(0);
    let from = text(&rotated["key"]["secrets"][1]["created_at"]);
    let from = credledger::clock::Timestamp::parse(&from).expect("an instant");

    for seconds in [90 * 24 * 3600, 600] {
        let end = json!(from.plus_seconds(seconds));
        let moved = root.patch(&window, &json!({"expires_at": end})).expect(200);
        assert_eq!(moved["key"]["secrets"][0]["expires_at"], end);
        assert_eq!(gateway.verify(&key.secret).is_accepted()["expires_at"], end);
    }
    root.post(&format!("{window}/revoke"), &json!({})).expect(200);
    gateway.verify(&key.secret).is_refused("revoked");
    gateway.verify(&new_secret).is_accepted();
    let told = ["created", "rotated", "grace_moved", "grace_moved", "secret_revoked"];
    assert_eq!(key.told(), told.map(|word| format!("api_key.{word}")));
}
