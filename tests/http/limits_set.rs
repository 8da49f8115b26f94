//! Rate limits of credentials, as they are set and read.

use serde_json::{Value, json};

use crate::support::service::{Key, Service, Tenant, text};
use crate::{acme, without_an_event};

fn limit(requests: u64, per_seconds: u64) -> Value {
    json!({"requests": requests, "per_seconds": per_seconds})
}

fn minted<'a>(tenant: &Tenant<'a>, given: Value) -> Key<'a> {
    tenant.mint_with(json!({"name": "k", "rate_limit": given}))
}

#[test]
fn each_form_reads_back_from_the_mint_and_from_a_change() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    assert_eq!(tenant.mint("k").read()["rate_limit"], "default");
    let forms = [
        (limit(100, 60), limit(100, 60)),
        (limit(1, 1), limit(1, 1)),
        (limit(1_000_000, 86_400), limit(1_000_000, 86_400)),
        (json!("none"), json!("none")),
        (json!(null), json!("none")),
        (json!("default"), json!("default")),
    ];
    let key = minted(&tenant, limit(7, 7));
    for (given, read) in forms {
        let other = minted(&tenant, given.clone());
        assert_eq!((&other.minted["key"]["rate_limit"], &other.read()["rate_limit"]), (&read, &read));
        assert_eq!(key.edit(json!({"rate_limit": given}))["key"]["rate_limit"], read);
        assert_eq!(key.read()["rate_limit"], read);
        // What says nothing of it leaves it.
        assert_eq!(key.edit(json!({"name": text(&read.to_string().into())}))["key"]["rate_limit"], read);
        key.edit(json!({"rate_limit": limit(7, 7)}));
    }
}

#[test]
fn what_is_no_limit_is_refused_at_its_place() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let key = minted(&tenant, limit(7, 7));
    let cases = [
        (limit(0, 60), "/requests"),
        (limit(1_000_001, 60), "/requests"),
        (limit(100, 0), "/per_seconds"),
        (limit(100, 86_401), "/per_seconds"),
        (limit(u64::from(u32::MAX) + 1, 60), "/requests"),
        (json!({"requests": -1, "per_seconds": 60}), "/requests"),
        (json!({"requests": "100", "per_seconds": 60}), "/requests"),
        (json!({"requests": 1.5, "per_seconds": 60}), "/requests"),
        (json!({"requests": 100}), "/per_seconds"),
        (json!({"requests": 100, "per_seconds": null}), "/per_seconds"),
        (json!({"requests": 100, "per_seconds": 60, "burst": 1}), "/burst"),
        (json!([]), ""),
        (json!(100), ""),
        (json!(true), ""),
    ];
    let words = [json!(""), json!("None"), json!("100/60")];
    let refused = |answer: crate::support::client::Response, pointer: String| {
        let problem = answer.problem(400, "invalid_request");
        assert_eq!(problem["errors"][0]["pointer"], json!(pointer), "{problem}");
    };
    without_an_event(&root, || {
        for (wrong, place) in
            cases.iter().map(|(wrong, place)| (wrong, *place)).chain(words.iter().map(|word| (word, "")))
        {
            let body = json!({"name": "k", "rate_limit": wrong});
            refused(root.post(&format!("{}/keys", tenant.path()), &body), format!("/rate_limit{place}"));
            refused(root.patch(&key.path, &json!({"rate_limit": wrong})), format!("/rate_limit{place}"));
            let settings = json!({"settings": {"default_rate_limit": wrong}});
            refused(root.patch(&tenant.path(), &settings), format!("/settings/default_rate_limit{place}"));
        }
        // A tenant's default is a limit or null: the words are for what hangs on it.
        for word in ["none", "default"] {
            let settings = json!({"settings": {"default_rate_limit": word}});
            refused(root.patch(&tenant.path(), &settings), "/settings/default_rate_limit".to_owned());
        }
    });
    assert_eq!(key.read()["rate_limit"], limit(7, 7));
}

#[test]
fn the_same_limit_is_no_event_and_another_is_one_that_says_from_what_to_what() {
    let service = Service::start();
    let root = service.root();
    let key = minted(&acme(&root), json!("none"));
    without_an_event(&root, || {
        key.edit(json!({"rate_limit": "none"}));
        key.edit(json!({"rate_limit": null}));
    });
    key.edit(json!({"rate_limit": limit(100, 60)}));
    without_an_event(&root, || key.edit(json!({"rate_limit": {"per_seconds": 60, "requests": 100}})));
    key.edit(json!({"rate_limit": "default", "name": "renamed"}));
    assert_eq!(key.told(), ["api_key.created", "api_key.limited", "api_key.edited", "api_key.limited"]);
    let history = key.history();
    let (first, last) = (&history[1], &history[3]);
    assert_eq!(first["changes"], json!({"rate_limit": {"from": "none", "to": limit(100, 60)}}));
    assert_eq!(first["data"]["rate_limit"], limit(100, 60));
    assert_eq!(last["changes"], json!({"rate_limit": {"from": limit(100, 60), "to": "default"}}));
    assert_eq!(history[0]["changes"]["rate_limit"], json!({"from": null, "to": "none"}));
    key.revoke("other");
    without_an_event(&root, || {
        root.patch(&key.path, &json!({"rate_limit": "default"})).expect(200);
        root.patch(&key.path, &json!({"rate_limit": "none"})).problem(409, "conflict");
    });
}

#[test]
fn limits_outlive_the_process_and_what_was_taken_of_them_does_not() {
    let mut service = Service::start();
    let (id, secrets) = {
        let root = service.root();
        let tenant = root.tenant("acme", json!({"default_rate_limit": limit(1, 86_400)}));
        let keys = [minted(&tenant, limit(1, 86_400)), tenant.mint("default")];
        for key in &keys {
            service.whoami(&key.secret).expect(200);
            service.whoami(&key.secret).problem(429, "rate_limited");
        }
        (tenant.id.clone(), keys.map(|key| key.secret))
    };
    assert_eq!(service.stop(), Some(0));
    service.start_again();
    for secret in &secrets {
        service.whoami(secret).expect(200);
        service.whoami(secret).problem(429, "rate_limited");
    }
    let settings = service.root().get(&format!("/api/admin/v1/tenants/{id}")).expect(200)["settings"].clone();
    assert_eq!(settings["default_rate_limit"], limit(1, 86_400));
}
