//! The dated secrets of one key: windows, moved and closed.

use serde_json::json;

use crate::support::service::Service;
use crate::{acme, without_an_event};

#[test]
fn the_active_secret_can_neither_be_given_a_window_nor_end_alone() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let key = acme(&root).mint("k");
    let active = key.secret_path(0);
    without_an_event(&root, || {
        root.patch(&active, &json!({"expires_at": "2099-01-01T00:00:00Z"})).problem(409, "conflict");
        root.post(&format!("{active}/revoke"), &json!({})).problem(409, "last_secret");
    });
    gateway.verify(&key.secret).is_accepted();
}

#[test]
fn a_closed_window_does_not_open_again_and_closing_it_twice_is_nothing() {
    let service = Service::start();
    let root = service.root();
    let key = acme(&root).mint("k");
    key.rotate(json!({}));
    let window = key.secret_path(0);
    let end = key.read()["secrets"][0]["expires_at"].clone();
    let closed = root.post(&format!("{window}/revoke"), &json!({})).expect(200);
    without_an_event(&root, || {
        let again = root.post(&format!("{window}/revoke"), &json!({})).expect(200);
        assert_eq!((&again["position"], again["enforced"] == true), (&closed["position"], true));
        root.patch(&window, &json!({"expires_at": end})).problem(409, "conflict");
    });
}

#[test]
fn a_window_moved_to_where_it_ends_is_nothing_to_do() {
    let service = Service::start();
    let root = service.root();
    let key = acme(&root).mint("k");
    let (_, rotated) = key.rotate(json!({"grace_seconds": 600}));
    let end = rotated["key"]["secrets"][0]["expires_at"].clone();
    let moved =
        without_an_event(&root, || root.patch(&key.secret_path(0), &json!({"expires_at": end})).expect(200));
    assert_eq!(moved["position"], rotated["position"]);
}

#[test]
fn a_secret_of_another_key_is_not_there() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let (one, other) = (tenant.mint("one"), tenant.mint("other"));
    other.rotate(json!({}));
    let secret = other.secret_path(0).rsplit_once('/').map(|(_, id)| id.to_owned()).expect("an id");
    let body = json!({"expires_at": "2099-01-01T00:00:00Z"});
    for id in [secret.as_str(), "019f0000-0000-7000-8000-000000000000", "nonsense"] {
        let path = format!("{}/secrets/{id}", one.path);
        root.patch(&path, &body).problem(404, "not_found");
        root.post(&format!("{path}/revoke"), &json!({})).problem(404, "not_found");
    }
}

#[test]
fn nothing_moves_on_a_key_that_is_over() {
    let service = Service::start();
    let root = service.root();
    let key = acme(&root).mint("k");
    key.rotate(json!({}));
    let window = key.secret_path(0);
    key.revoke("other");
    root.patch(&window, &json!({"expires_at": "2099-01-01T00:00:00Z"})).problem(409, "conflict");
}
