//! What is refused of a client's body, and of what a tenant says about its clients.

use serde_json::{Value, json};

use crate::acme;
use crate::support::client::Response;
use crate::support::service::{Actor, Service, Tenant, text};
use crate::without_an_event;

#[track_caller]
fn pointers(answer: &Response) -> Vec<String> {
    let problem = answer.problem(400, "invalid_request");
    problem["errors"].as_array().expect("errors").iter().map(|error| text(&error["pointer"])).collect()
}

#[test]
fn a_bad_resource_is_refused_at_its_place_in_a_mint_and_in_a_patch() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let client = tenant.client("c");
    let clients = format!("{}/clients", tenant.path());
    let long = format!("https://{}", "a".repeat(493));
    let many: Vec<String> = (0..21).map(|number| format!("urn:a:{number}")).collect();
    let (first, second, whole) = ("/resources/0", "/resources/1", "/resources");
    let cases = [
        (json!([""]), first),
        (json!(["api"]), first),
        (json!(["/v1"]), first),
        (json!(["//api.example"]), first),
        (json!(["https:"]), first),
        (json!(["https://"]), first),
        (json!(["https:api.example"]), first),
        (json!(["https:///v1"]), first),
        (json!(["https://a/%zz"]), first),
        (json!(["1a:b"]), first),
        (json!(["https://a/#f"]), first),
        (json!(["https://a/#"]), first),
        (json!(["https://a b"]), first),
        (json!([" https://a"]), first),
        (json!(["https://a\n"]), first),
        (json!(["https://ä.example"]), first),
        (json!(["https://a/\u{202e}"]), first),
        (json!(["https://a/\"x"]), first),
        (json!([long]), first),
        (json!(["urn:a", 7]), second),
        (json!(["urn:a", null]), second),
        (json!(["urn:a", ["urn:b"]]), second),
        (json!(["urn:a", "urn:b", "urn:a"]), whole),
        (json!(many), whole),
        (json!("urn:a"), whole),
        (json!({"urn:a": true}), whole),
    ];
    without_an_event(&root, || {
        for (resources, pointer) in cases {
            let mint = root.post(&clients, &json!({"name": "x", "resources": resources}));
            assert_eq!(pointers(&mint), [pointer], "{resources}");
            let patch = root.patch(&client.path, &json!({"resources": resources}));
            assert_eq!(pointers(&patch), [pointer], "{resources}");
        }
        assert_eq!(pointers(&root.post(&clients, &json!({"name": "x", "resources": null}))), [whole]);
    });
    let longest = format!("https://{}", "a".repeat(492));
    let fit: Vec<String> = many.into_iter().take(19).chain([longest]).collect();
    assert_eq!(client.edit(json!({"resources": fit}))["client"]["resources"], json!(fit));
}

#[test]
fn how_a_client_proves_itself_is_chosen_once_of_what_there_is() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let client = tenant.client("c");
    let clients = format!("{}/clients", tenant.path());
    let own = "/token_endpoint_auth_method";
    without_an_event(&root, || {
        for method in [
            json!("client_secret_post"),
            json!("tls_client_auth"),
            json!("none"),
            json!("client_secret_jwt"),
            json!("CLIENT_SECRET_BASIC"),
            json!(""),
            json!(null),
            json!(["client_secret_basic"]),
            json!(7),
        ] {
            let body = json!({"name": "x", "token_endpoint_auth_method": method});
            assert_eq!(pointers(&root.post(&clients, &body)), [own], "{method}");
        }
        for method in [json!("client_secret_basic"), json!("private_key_jwt"), json!(null)] {
            let body = json!({"name": "renamed", "token_endpoint_auth_method": method});
            assert_eq!(pointers(&root.patch(&client.path, &body)), [own], "{method}");
        }
    });
    assert_eq!(client.read()["name"], "c");
}

#[test]
fn a_member_that_a_client_does_not_have_is_refused_by_its_name() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let (key, client) = (tenant.mint("k"), tenant.client("c"));
    let (keys, clients) = (format!("{}/keys", tenant.path()), format!("{}/clients", tenant.path()));
    let given = |name: &str, value: Value| json!({"name": "x", name: value});
    without_an_event(&root, || {
        // What is of a later day, what is the service's to say, and what is another kind's.
        for name in [
            "dpop_bound_access_tokens",
            "client_id",
            "client_secret",
            "client_name",
            "secret",
            "redirect_uris",
            "grant_types",
            "scope",
            "kind",
            "id",
            "tokens_revoked_at",
            "status",
        ] {
            for answer in [
                root.post(&clients, &given(name, json!("x"))),
                root.patch(&client.path, &given(name, json!("x"))),
            ] {
                assert_eq!(pointers(&answer), [format!("/{name}")]);
            }
        }
        for (name, value) in
            [("resources", json!([])), ("token_endpoint_auth_method", json!("client_secret_basic"))]
        {
            assert_eq!(pointers(&root.post(&keys, &given(name, value.clone()))), [format!("/{name}")]);
            assert_eq!(pointers(&root.patch(&key.path, &given(name, value))), [format!("/{name}")]);
        }
        let tokens = format!("{}/tokens/revoke", client.path);
        assert_eq!(pointers(&root.post(&tokens, &json!({"reason": "other"}))), ["/reason"]);
    });
}

#[test]
fn clients_are_not_imported() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let import = format!("{}/clients/import", tenant.path());
    let lines = br#"{"import":{"source":"s","format":{"prefix":"mx_","alphabet":"hex","length":40},"digest":{"algorithm":"sha256"}}}"#;
    without_an_event(&root, || {
        let request = root.request("POST", &import).header("Content-Type", "application/x-ndjson");
        // As of any id, there may be a client to read; and none is called so.
        root.send(&request.body(lines.to_vec())).problem(405, "method_not_allowed");
        root.get(&import).problem(404, "not_found");
    });
}

fn format(members: Value) -> Value {
    json!({"client_format": members})
}

/// What a change of a tenant's settings is told, and that a tenant can't begin so either.
#[track_caller]
fn is_refused(root: &Actor, tenant: &Tenant<'_>, settings: &Value, pointer: &str) {
    let pointer = format!("/settings{pointer}");
    let change = root.patch(&tenant.path(), &json!({"settings": settings}));
    assert_eq!(pointers(&change), [pointer.as_str()], "{settings}");
    let creation = root.post("/api/admin/v1/tenants", &json!({"name": "x", "settings": settings}));
    assert_eq!(pointers(&creation), [pointer.as_str()], "{settings}");
}

#[test]
fn what_a_tenant_says_of_its_clients_has_bounds() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let operators = root.token.as_deref().expect("a token");
    let operators = &operators[..=operators.rfind('_').expect("a prefix")];
    let (long, no_end, of) =
        ("a".repeat(24) + "_", "acme_client", |member: &str| format!("/client_format{member}"));
    without_an_event(&root, || {
        for prefix in ["", "_x", "x", no_end, "Acme_", "acme-", "acme client_", "ä_", &long, operators] {
            for member in ["id_prefix", "secret_prefix"] {
                let pointer = of(&format!("/{member}"));
                is_refused(&root, &tenant, &format(json!({member: prefix})), &pointer);
            }
        }
        for (member, values) in [
            ("id_chars", [json!(11), json!(33), json!(-1), json!(256), json!(16.5), json!("16")]),
            ("secret_chars", [json!(21), json!(65), json!(-1), json!(256), json!(36.5), json!("36")]),
        ] {
            for value in values {
                is_refused(&root, &tenant, &format(json!({member: value})), &of(&format!("/{member}")));
            }
        }
        // A text is told by its prefix: those of keys, ids and secrets differ.
        for (settings, member) in [
            (format(json!({"id_prefix": "cl_live_"})), "id_prefix"),
            (format(json!({"secret_prefix": "cl_live_"})), "secret_prefix"),
            (format(json!({"id_prefix": "same_", "secret_prefix": "same_"})), "secret_prefix"),
            (format(json!({"id_prefix": "cl_secret_"})), "secret_prefix"),
            (json!({"key_format": {"prefix": "cl_client_"}}), "id_prefix"),
            (json!({"key_format": {"prefix": "cl_secret_"}}), "secret_prefix"),
        ] {
            is_refused(&root, &tenant, &settings, &of(&format!("/{member}")));
        }
        is_refused(&root, &tenant, &format(json!({"prefix": "a_"})), &of("/prefix"));
        is_refused(&root, &tenant, &format(json!("cl_client_")), "/client_format");
        for value in [json!(59), json!(0), json!(86_401), json!(-1), json!(60.5), json!("3600"), json!(1e300)]
        {
            is_refused(&root, &tenant, &json!({"token_lifetime_seconds": value}), "/token_lifetime_seconds");
        }
        for word in [json!("keep"), json!("NEW_ID"), json!(""), json!(true), json!([])] {
            is_refused(&root, &tenant, &json!({"client_rotation": word}), "/client_rotation");
        }
        let told = root.patch(&tenant.path(), &json!({"settings": {"token_lifetime_seconds": 59}}));
        let told = told.problem(400, "invalid_request");
        assert_eq!(told["errors"][0]["detail"], "expected an integer from 60 to 86400");
    });
}

#[test]
fn the_ends_of_each_bound_are_kept_and_later_clients_are_written_so() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let older = tenant.client("older");
    for (id_prefix, id_chars, secret_prefix, secret_chars) in
        [("a_", 12, "b_", 22), ("c2345678901234567890123_", 32, "d2345678901234567890123_", 64)]
    {
        let members = json!({
            "id_prefix": id_prefix, "id_chars": id_chars, "secret_prefix": secret_prefix, "secret_chars": secret_chars,
        });
        let changed = root.patch(&tenant.path(), &json!({"settings": format(members.clone())})).expect(200);
        assert_eq!(changed["tenant"]["settings"]["client_format"], members);
        let client = tenant.client("c");
        let id = text(&client.minted["client_id"]);
        assert_eq!((id.starts_with(id_prefix), id.len()), (true, id_prefix.len() + id_chars));
        assert_eq!(client.secret.len(), secret_prefix.len() + secret_chars);
        let told = text(&client.read()["secrets"][0]["prefix"]);
        assert!(client.secret.starts_with(&told) && client.secret.len() - told.len() >= 22, "{told}");
        let (secret, rotated) = older.rotate(json!({"grace_seconds": 0}));
        assert!(secret.starts_with(secret_prefix) && text(&rotated["client_id"]).starts_with(id_prefix));
    }
    for lifetime in [60, 86_400] {
        let change = json!({"settings": {"token_lifetime_seconds": lifetime}});
        let changed = root.patch(&tenant.path(), &change).expect(200);
        assert_eq!(changed["tenant"]["settings"]["token_lifetime_seconds"], lifetime);
    }
    let ids = older.read()["secrets"].as_array().expect("secrets").len();
    assert_eq!(ids, 3);
}
