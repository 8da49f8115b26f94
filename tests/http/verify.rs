//! What the API layer is told of a key.

use serde_json::{Value, json};

use crate::acme;
use crate::bad_input::send_text;
use crate::support::service::Service;

#[test]
fn an_accepted_key_is_told_with_what_it_is_and_may() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let key =
        tenant.mint_with(json!({"name": "reader", "scopes": ["a:b"], "expires_at": "2099-01-01T00:00:00Z"}));
    let question = json!({"credential": key.secret, "client_ip": "192.0.2.1", "operation": "x", "scopes": ["a:b"], "tenant": "acme"});
    let verdict = gateway.verify_as(question);
    let told = verdict.is_accepted();
    let expected = json!({
        "kind": "api_key", "credential_id": key.id, "name": "reader", "tenant_id": tenant.id, "scopes": ["a:b"],
        "secret_id": key.minted["key"]["secrets"][0]["id"], "prefix": key.minted["key"]["secrets"][0]["prefix"],
        "secret_status": "active", "expires_at": "2099-01-01T00:00:00.000Z", "position": key.minted["position"],
    });
    for (member, value) in expected.as_object().expect("members") {
        assert_eq!(told[member], *value, "{member}");
    }
    gateway
        .verify_as(
            json!({"credential": key.secret, "client_ip": null, "operation": null, "tenant": tenant.id}),
        )
        .is_accepted();
}

#[test]
fn each_refusal_has_its_reason_and_the_first_that_applies_is_told() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    root.tenant("other", json!({}));
    let key = tenant.mint_with(json!({"name": "k", "ip_rules": {"allow": [{"cidr": "192.0.2.0/24"}]}}));
    let mut unknown = key.secret.clone().into_bytes();
    unknown[12] = if unknown[12] == b'a' { b'b' } else { b'a' };
    // A checksum that no longer fits is malformed: it was never ours.
    gateway.verify(&String::from_utf8(unknown).expect("ASCII")).is_refused("malformed");
    let plain = json!({"key_format": {"prefix": "plain_", "checksum": "none"}});
    let unchecked = root.tenant("plain", plain).mint("k").secret;
    let (begin, last) = unchecked.split_at(unchecked.len() - 1);
    gateway.verify(&format!("{begin}{}", if last == "a" { "b" } else { "a" })).is_refused("not_found");

    // Everything wrong at once, then one after the other mended.
    let ask = |tenant: &str, address: &str, scopes: Value| {
        gateway.verify_as(
            json!({"credential": key.secret, "client_ip": address, "tenant": tenant, "scopes": scopes}),
        )
    };
    let act = |path: String| drop(root.post(&path, &json!({})).expect(200));
    act(format!("{}/suspend", tenant.path()));
    act(format!("{}/suspend", key.path));
    ask("other", "10.0.0.1", json!(["a:b"])).is_refused("tenant_suspended");
    act(format!("{}/resume", tenant.path()));
    ask("other", "10.0.0.1", json!(["a:b"])).is_refused("suspended");
    act(format!("{}/resume", key.path));
    ask("other", "10.0.0.1", json!(["a:b"])).is_refused("wrong_tenant");
    ask("nowhere", "192.0.2.1", json!([])).is_refused("wrong_tenant");
    ask("acme", "10.0.0.1", json!(["a:b"])).is_refused("ip_denied");
    ask("acme", "192.0.2.1", json!(["a:b"])).is_refused("insufficient_scope");
    ask("acme", "192.0.2.1", json!([])).is_accepted();
    key.revoke("other");
    ask("other", "10.0.0.1", json!(["a:b"])).is_refused("revoked");
}

#[test]
fn scopes_match_by_words_and_an_operation_demands_what_the_tenant_says() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = root.tenant("acme", json!({"operations": {"users.delete": "users:delete"}}));
    let cases = [
        ("*", "anything:at.all", true),
        ("a:*", "a:b", true),
        ("a:*", "a:b:c", true),
        ("a:*", "a", false),
        ("a:*:c", "a:b:c", true),
        ("a:*:c", "a:b:b:c", false),
        ("a:b", "a.b", false),
        ("a:b", "A:b", false),
        ("a:b", "a:b:c", false),
    ];
    for (granted, asked, accepted) in cases {
        let key = tenant.mint_with(json!({"name": "k", "scopes": [granted]}));
        let verdict = gateway.verify_as(json!({"credential": key.secret, "scopes": [asked]}));
        assert_eq!(verdict.0["valid"], accepted, "{granted} {asked}");
    }
    let key = tenant.mint_with(json!({"name": "k", "scopes": ["users:read"]}));
    let ask = |operation: &str| gateway.verify_as(json!({"credential": key.secret, "operation": operation}));
    ask("users.list").is_accepted();
    assert_eq!(
        ask("users.delete").is_refused("insufficient_scope")["missing_scopes"],
        json!(["users:delete"])
    );
    root.patch(&tenant.path(), &json!({"settings": {"operations": {"users.delete": null}}})).expect(200);
    ask("users.delete").is_accepted();
}

#[test]
fn a_question_that_cannot_be_read_is_400_and_any_credential_is_judged() {
    let service = Service::start();
    let gateway = service.gateway();
    let cases = [
        (json!({}), "/credential"),
        (json!({"credential": 1}), "/credential"),
        (json!({"credential": "x", "client_ip": "somewhere"}), "/client_ip"),
        (json!({"credential": "x", "client_ip": "192.0.2.0/24"}), "/client_ip"),
        (json!({"credential": "x", "scopes": ["a:*"]}), "/scopes/0"),
        (json!({"credential": "x", "scopes": "a:b"}), "/scopes"),
        (json!({"credential": "x", "record": 1}), "/record"),
    ];
    for (question, pointer) in cases {
        let problem = gateway.post("/api/v1/verify", &question).problem(400, "invalid_request");
        assert_eq!(problem["errors"][0]["pointer"], pointer);
    }
    for text in ["", " ", "\u{0}", "夜", "cl_live_", "cl_live_\u{202e}", &"cl_live_".repeat(1000)] {
        gateway.verify(text).is_refused("malformed");
    }
}

#[test]
fn a_batch_is_judged_in_order_and_one_bad_item_fails_alone() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let (one, other) = (tenant.mint("one"), tenant.mint("other"));
    other.revoke("other");
    let items = json!([
        {"credential": one.secret}, {"credential": "x", "client_ip": "nowhere", "colour": 1},
        {"credential": other.secret}, 7, {"credential": one.secret, "scopes": ["a:b"]},
    ]);
    let answer = gateway.post("/api/v1/verify/batch", &json!({"items": items})).expect(200);
    let data = answer["data"].as_array().expect("verdicts");
    let told: Vec<&str> = data
        .iter()
        .map(|each| each["reason"].as_str().or(each["code"].as_str()).unwrap_or("accepted"))
        .collect();
    assert_eq!(told, ["accepted", "invalid_request", "revoked", "invalid_request", "insufficient_scope"]);
    let pointers: Vec<&Value> =
        data[1]["errors"].as_array().expect("errors").iter().map(|fault| &fault["pointer"]).collect();
    assert_eq!(pointers, [&json!("/items/1/client_ip"), &json!("/items/1/colour")]);
    assert_eq!(data[3]["errors"][0]["pointer"], "/items/3");

    let many = |count: usize| json!({"items": vec![json!({"credential": one.secret}); count]});
    let answer = gateway.post("/api/v1/verify/batch", &many(100)).expect(200);
    assert_eq!(answer["data"].as_array().map(Vec::len), Some(100));
    assert_eq!(gateway.post("/api/v1/verify/batch", &many(0)).expect(200)["data"], json!([]));
    for body in [many(101), json!({}), json!({"items": {}})] {
        let problem = gateway.post("/api/v1/verify/batch", &body).problem(400, "invalid_request");
        assert_eq!(problem["errors"][0]["pointer"], "/items");
    }
}

#[test]
fn a_gateway_of_some_tenants_learns_nothing_of_others() {
    let service = Service::start();
    let root = service.root();
    let format = json!({"key_format": {"prefix": "brand_", "checksum": "none"}});
    let (own, foreign) = (root.tenant("own", format.clone()), root.tenant("foreign", format));
    let gateway = service.operator("gateway", &[&own.id]);
    let (mine, theirs) = (own.mint("k"), foreign.mint("k"));
    theirs.revoke("other");
    gateway.verify(&mine.secret).is_accepted();
    let unknown = format!("{}aaaaaaaa", &theirs.secret[..theirs.secret.len() - 8]);
    let told = |text: &str| {
        let mut verdict = gateway.verify(text).0;
        for member in ["position", "judged_at", "decision_id"] {
            verdict.as_object_mut().expect("a verdict").remove(member).expect("a member");
        }
        verdict
    };
    assert_eq!(told(&theirs.secret)["reason"], "not_found");
    assert_eq!(told(&theirs.secret), told(&unknown));
    // A tenant that it may not see is none that a key could belong to.
    let asked = |tenant: &str| gateway.verify_as(json!({"credential": mine.secret, "tenant": tenant}));
    asked("foreign").is_refused("not_found");
    asked("own").is_accepted();
}

#[test]
fn an_operation_demands_its_scope_however_its_letters_are_composed() {
    let service = Service::start();
    let root = service.root();
    let (composed, apart) = ("caf\u{e9}", "cafe\u{301}");
    let tenant = root.tenant("acme", json!({"operations": {apart: "x"}}));
    assert_eq!(root.get(&tenant.path()).json()["settings"]["operations"], json!({composed: "x"}));
    let lacking = tenant.mint_with(json!({"name": "k", "scopes": ["y"]}));
    let allowed = tenant.mint_with(json!({"name": "k", "scopes": ["x"]}));
    let gateway = service.gateway();
    for label in [composed, apart] {
        let ask = |secret: &str| json!({"credential": secret, "operation": label});
        gateway.verify_as(ask(&lacking.secret)).is_refused("insufficient_scope");
        let both = json!({"items": [ask(&lacking.secret), ask(&allowed.secret)]});
        let told = gateway.post("/api/v1/verify/batch", &both).expect(200);
        assert_eq!([&told["data"][0]["valid"], &told["data"][1]["valid"]], [false, true], "{told}");
        let encoded: String = label.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let path = format!("/api/v1/authorize?operation={encoded}");
        assert_eq!(service.actor(&lacking.secret).get(&path).status, 403, "{label}");
        assert_eq!(service.actor(&allowed.secret).get(&path).status, 200, "{label}");
    }
    // One label twice is no object; null takes it out by either spelling.
    let twice = json!({"settings": {"operations": {composed: "x", apart: "y"}}});
    let problem = root.patch(&tenant.path(), &twice).problem(400, "invalid_request");
    assert_eq!(problem["errors"][0]["pointer"], format!("/settings/operations/{composed}"), "{problem}");
    let out = root.patch(&tenant.path(), &json!({"settings": {"operations": {apart: null}}})).expect(200);
    assert_eq!(out["tenant"]["settings"]["operations"], json!({}));
}

#[test]
fn labels_beyond_their_bounds_are_refused_at_every_door_and_null_is_as_absent() {
    let service = Service::start();
    let root = service.root();
    let key = acme(&root).mint("k");
    let gateway = service.gateway();
    let absent = json!({"credential": key.secret, "client_ip": null, "operation": null, "tenant": null});
    assert_eq!(gateway.post("/api/v1/verify", &absent).expect(200)["valid"], true);
    for (member, most) in [("operation", 200), ("tenant", 63)] {
        for (text, fits) in [
            ("x".repeat(most), true),
            ("x".repeat(most + 1), false),
            (String::new(), false),
            (" x".into(), false),
        ] {
            let asked = json!({"credential": key.secret, member: text});
            let answer = gateway.post("/api/v1/verify", &asked);
            let batch =
                gateway.post("/api/v1/verify/batch", &json!({"items": [asked, {"credential": key.secret}]}));
            let data = batch.expect(200)["data"].clone();
            assert_eq!(data[1]["valid"], true, "{data}");
            let query = text.replace(' ', "+");
            let door = service.actor(&key.secret).get(&format!("/api/v1/authorize?{member}={query}"));
            let refusal = door.header("x-credential-refusal");
            match fits {
                true => {
                    answer.expect(200);
                    assert!(data[0].get("errors").is_none(), "{data}");
                    assert_ne!(refusal, Some("malformed_request"), "{member} of {most}");
                }
                false => {
                    let problem = answer.problem(400, "invalid_request");
                    assert_eq!(problem["errors"][0]["pointer"], format!("/{member}"), "{problem}");
                    assert_eq!(data[0]["errors"][0]["pointer"], format!("/items/0/{member}"), "{data}");
                    assert_eq!((door.status, refusal), (403, Some("malformed_request")), "{member} {text:?}");
                }
            }
        }
    }
}

#[test]
fn an_item_with_a_member_twice_or_nested_too_deep_fails_alone_and_says_where() {
    let service = Service::start();
    let root = service.root();
    let key = acme(&root).mint("k");
    let good = json!({"credential": key.secret}).to_string();
    let deep = format!(r#"{{"credential":{}1{}}}"#, r#"{"a":["#.repeat(20_000), "]}".repeat(20_000));
    let deepest = format!("/items/2/credential{}", "/a/0".repeat(14) + "/a");
    let cases = [
        (r#"{"credential":"x","credential":"y","zz":"]}"}"#, "/items/2/credential"),
        (r#"{"zz":{"a":1,"a":1}}"#, "/items/2/zz/a"),
        (r#"[{"a":1,"a":"\u00e9}"}]"#, "/items/2/0/a"),
        (&deep, &deepest),
        (r#"{"credential":"x","colour":1}"#, "/items/2/colour"),
    ];
    for (item, pointer) in cases {
        let body = format!(r#"{{"items":[{good},{good}, {item} ,{good}]}}"#);
        let answer = send_text(&root, "POST", "/api/v1/verify/batch", &body).expect(200);
        let valid: Vec<bool> = (0..4).map(|place| answer["data"][place]["valid"] == true).collect();
        assert_eq!(valid, [true, true, false, true], "{pointer}");
        let told = &answer["data"][2];
        assert_eq!(
            (&told["code"], &told["errors"][0]["pointer"]),
            (&json!("invalid_request"), &json!(pointer))
        );
        let detail = told["detail"].as_str().unwrap_or_default();
        assert!(detail.starts_with(&format!("{pointer}: ")), "{detail}");
    }
    // What is no JSON has no items; what is wrong beside them is of the whole.
    for (body, pointer) in [
        (format!(r#"{{"items":[{good},{{"a":1,"a":2]}}"#), "/items"),
        (format!(r#"{{"items":[{good},{{"a" 1}}]}}"#), "/items/1/a"),
        (format!(r#"{{"items":[{good}],"items":[]}}"#), "/items"),
    ] {
        let problem = send_text(&root, "POST", "/api/v1/verify/batch", &body).problem(400, "invalid_request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}: {problem}");
    }
}
