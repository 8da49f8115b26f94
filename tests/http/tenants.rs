//! Tenants: taken in, named, configured, suspended and resumed.

use serde_json::json;

use crate::support::service::{Service, text};
use crate::{acme, without_an_event};

#[test]
fn a_tenant_needs_only_a_name_and_is_found_by_id_and_slug() {
    let service = Service::start();
    let root = service.root();
    let answer = root.post("/api/admin/v1/tenants", &json!({"name": "Acme Payments"}));
    let created = answer.expect(201);
    let tenant = &created["tenant"];
    assert_eq!(
        (&tenant["slug"], &tenant["status"], &tenant["version"]),
        (&json!("acme-payments"), &json!("active"), &json!(1))
    );
    let place = answer.header("location").expect("a place");
    assert_eq!(place, format!("/api/admin/v1/tenants/{}", text(&tenant["id"])));
    for path in [place, "/api/admin/v1/tenants/acme-payments"] {
        let read = root.get(path);
        assert_eq!((read.header("etag"), read.expect(200)), (Some("\"1\""), tenant.clone()));
    }
    let format = json!({"prefix": "cl_live_", "public_chars": 8, "secret_chars": 30, "checksum": "crc32"});
    assert_eq!(tenant["settings"]["key_format"], format);
}

#[test]
fn a_taken_slug_is_409_and_a_name_that_gives_none_has_one_of_its_own() {
    let service = Service::start();
    let root = service.root();
    acme(&root);
    without_an_event(&root, || {
        root.post("/api/admin/v1/tenants", &json!({"name": "Acme"})).problem(409, "conflict");
        root.post("/api/admin/v1/tenants", &json!({"name": "x", "slug": "acme"})).problem(409, "conflict");
    });
    root.post("/api/admin/v1/tenants", &json!({"name": "夜", "slug": "night"})).expect(201);
    for name in ["漢字", "漢字", "!"] {
        let made = root.post("/api/admin/v1/tenants", &json!({"name": name})).expect(201)["tenant"].clone();
        let (id, slug) = (text(&made["id"]), text(&made["slug"]));
        assert_eq!(slug.strip_prefix("tenant-"), id.get(24..), "{made}");
        assert_eq!(root.get(&format!("/api/admin/v1/tenants/{slug}")).expect(200)["name"], name);
    }
}

#[test]
fn settings_merge_member_by_member() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant(
        "acme",
        json!({"key_format": {"prefix": "acme_live_"}, "operations": {"a": "x:a", "b": "x:b"}}),
    );
    let change =
        json!({"settings": {"key_format": {"public_chars": 10}, "operations": {"b": null, "c": "x:c"}}});
    let changed = root.patch(&tenant.path(), &change).expect(200);
    let settings = &changed["tenant"]["settings"];
    let format = json!({"prefix": "acme_live_", "public_chars": 10, "secret_chars": 30, "checksum": "crc32"});
    assert_eq!(settings["key_format"], format);
    assert_eq!(settings["operations"], json!({"a": "x:a", "c": "x:c"}));
    assert_eq!(settings["default_grace_seconds"], 604_800);
    let merge = root.request("PATCH", &tenant.path()).header("Content-Type", "application/merge-patch+json");
    let lists = json!({"settings": {"default_scopes": ["a:b"], "allowed_scopes": ["a:*"]}}).to_string();
    assert_eq!(
        root.send(&merge.body(lists.into())).expect(200)["tenant"]["settings"]["default_scopes"],
        json!(["a:b"])
    );
    let lifted = root.patch(&tenant.path(), &json!({"settings": {"allowed_scopes": null}})).expect(200);
    assert_eq!(lifted["tenant"]["settings"]["allowed_scopes"], json!(null));
}

#[test]
fn a_change_of_format_applies_to_later_secrets_only() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let older = tenant.mint("older");
    let format = json!({"prefix": "acme_v2_", "public_chars": 6, "secret_chars": 22, "checksum": "none"});
    root.patch(&tenant.path(), &json!({"settings": {"key_format": format}})).expect(200);
    let (newer, _) = older.rotate(json!({}));
    assert_eq!((older.secret.starts_with("cl_live_"), newer.starts_with("acme_v2_")), (true, true));
    assert_eq!(newer.len(), "acme_v2_".len() + 28);
    gateway.verify(&older.secret).is_accepted();
    gateway.verify(&newer).is_accepted();
}

#[test]
fn tenants_may_share_a_prefix_but_none_takes_that_of_operator_tokens() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let brand = json!({"key_format": {"prefix": "brand_"}});
    let (one, other) = (root.tenant("one", brand.clone()), root.tenant("other", brand));
    let (one, other) = (one.mint("k"), other.mint("k"));
    assert_eq!(gateway.verify(&one.secret).is_accepted()["credential_id"], one.id.as_str());
    assert_eq!(gateway.verify(&other.secret).is_accepted()["credential_id"], other.id.as_str());
    let token = root.token.as_deref().expect("a token");
    let own = &token[..=token.rfind('_').expect("a prefix")];
    let taken = json!({"name": "x", "settings": {"key_format": {"prefix": own}}});
    let problem = root.post("/api/admin/v1/tenants", &taken).problem(400, "invalid_request");
    assert_eq!(problem["errors"][0]["pointer"], "/settings/key_format/prefix");
}

#[test]
fn what_is_wrong_with_settings_is_told_at_the_members_that_were_sent() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let pointers = |path: &str, body: serde_json::Value| -> Vec<String> {
        let answer = if path == tenant.path() { root.patch(path, &body) } else { root.post(path, &body) };
        let problem = answer.problem(400, "invalid_request");
        let errors = problem["errors"].as_array().expect("a list");
        errors.iter().map(|each| text(&each["pointer"])).collect()
    };
    let format = json!({"prefix": "Acme", "public_chars": 5, "secret_chars": 65, "checksum": "md5"});
    let each = ["prefix", "public_chars", "secret_chars", "checksum"];
    let each = each.map(|name| format!("/settings/key_format/{name}"));
    for path in [tenant.path(), "/api/admin/v1/tenants".to_owned()] {
        let told = |settings: serde_json::Value| {
            let mut body = json!({"settings": settings});
            if path != tenant.path() {
                body["name"] = "other".into();
            }
            pointers(&path, body)
        };
        assert_eq!(told(json!({"key_format": format})), each);
        assert_eq!(told(json!({"max_grace_seconds": 60})), ["/settings/max_grace_seconds"]);
        assert_eq!(told(json!({"default_grace_seconds": 9_000_000})), ["/settings/default_grace_seconds"]);
        let both = json!({"default_grace_seconds": 61, "max_grace_seconds": 60});
        assert_eq!(told(both), ["/settings/default_grace_seconds"]);
    }
    root.patch(&tenant.path(), &json!({"settings": {"default_scopes": ["a:b"]}})).expect(200);
    let narrowed = json!({"settings": {"allowed_scopes": ["c:*"]}});
    assert_eq!(pointers(&tenant.path(), narrowed), ["/settings/allowed_scopes"]);
}

#[test]
fn a_slug_that_is_taken_is_named_also_when_it_was_made_of_the_name() {
    let service = Service::start();
    let root = service.root();
    root.post("/api/admin/v1/tenants", &json!({"name": "Acme Inc."})).expect(201);
    let taken = root.post("/api/admin/v1/tenants", &json!({"name": "ACME, inc"})).problem(409, "conflict");
    assert!(text(&taken["detail"]).contains("\"acme-inc\""), "{taken}");
}

#[test]
fn suspending_and_resuming_twice_is_nothing_to_do() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    for (action, status) in [("suspend", "suspended"), ("resume", "active")] {
        let act = || root.post(&format!("{}/{action}", tenant.path()), &json!({})).expect(200);
        let first = act();
        assert_eq!((&first["tenant"]["status"], &first["enforced"]), (&json!(status), &json!(true)));
        assert_eq!(without_an_event(&root, act)["position"], first["position"]);
    }
}

#[test]
fn null_takes_each_setting_back_to_what_a_new_tenant_starts_with() {
    let service = Service::start_with(&["--default-key-format", "own_,9,31,none"]);
    let root = service.root();
    let fresh = root.get(&root.tenant("fresh", json!({})).path()).expect(200)["settings"].clone();
    let own = json!({"prefix": "own_", "public_chars": 9, "secret_chars": 31, "checksum": "none"});
    assert_eq!(fresh["key_format"], own);
    let changed = json!({
        "key_format": {"prefix": "acme_", "public_chars": 10, "secret_chars": 40, "checksum": "crc32"},
        "client_format": {"id_prefix": "acme_client_", "id_chars": 12, "secret_prefix": "acme_secret_", "secret_chars": 22},
        "client_rotation": "keep_id", "token_lifetime_seconds": 60,
        "default_grace_seconds": 60, "max_grace_seconds": 3600, "max_lifetime_seconds": 3600, "require_expiry": true,
        "expiry_warning_seconds": 5, "default_scopes": ["a:b"], "allowed_scopes": ["a:*"], "operations": {"x": "a:b"},
    });
    let tenant = root.tenant("acme", changed.clone());
    let settings = |patch: serde_json::Value| {
        root.patch(&tenant.path(), &json!({"settings": patch})).expect(200)["tenant"]["settings"].clone()
    };
    for name in fresh.as_object().expect("settings").keys() {
        // The other half of each pair of graces fits the default, too.
        let with = json!({"default_grace_seconds": 60, "max_grace_seconds": 604_800, name: null});
        assert_eq!(settings(with)[name], fresh[name], "{name}");
        settings(changed.clone());
    }
    for name in own.as_object().expect("a format").keys() {
        assert_eq!(settings(json!({"key_format": {name: null}}))["key_format"][name], own[name], "{name}");
    }
    let of_clients = fresh["client_format"].as_object().expect("a format");
    for (name, value) in of_clients {
        let patched = settings(json!({"client_format": {name: null}}));
        assert_eq!(patched["client_format"][name], *value, "{name}");
    }
    let all = fresh.as_object().expect("settings").keys().map(|name| (name.clone(), json!(null)));
    let nothing: serde_json::Map<_, _> = all.collect();
    assert_eq!(settings(nothing.clone().into()), fresh);
    // A mint's settings may be null, too.
    assert_eq!(root.get(&root.tenant("null", nothing.into()).path()).expect(200)["settings"], fresh);
    let key = tenant.mint("k");
    assert!(key.secret.starts_with("own_") && key.secret.len() == 4 + 40, "{}", key.secret);
    root.verify(&key.secret).is_accepted();
}
