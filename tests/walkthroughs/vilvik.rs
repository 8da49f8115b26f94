//! K: what people do with a key of the hosted database.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::service::{Actor, Service, Tenant, millis, text};
use crate::velgent_clients::in_an_hour;

/// An account whose keys are written `vlk_` + a long secret, and end at once when they are rotated.
fn account<'a>(root: &'a Actor) -> Tenant<'a> {
    let format = json!({"prefix": "vlk_", "public_chars": 8, "secret_chars": 40, "checksum": "none"});
    root.tenant("account", json!({"key_format": format, "default_grace_seconds": 0}))
}

#[test]
fn k1_a_key_is_created_with_a_name_and_whatever_else_is_wanted() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let account = account(&root);
    let plain = account.mint("only a name");
    let shown = plain.read();
    for (member, value) in [
        ("name", json!("only a name")),
        ("description", Value::Null),
        ("scopes", json!([])),
        ("expires_at", Value::Null),
    ] {
        assert_eq!(shown[member], value, "{member}");
    }
    // The smallest set of scopes that works is none at all.
    gateway.verify(&plain.secret).is_accepted();
    gateway
        .verify_as(json!({"credential": plain.secret, "scopes": ["rows:read"]}))
        .is_refused("insufficient_scope");

    let whole = account.mint_with(json!({
        "name": "exporter", "description": "Writes the weekly export.",
        "scopes": ["rows:read"], "expires_at": "2099-12-31T23:59:59+02:00",
    }));
    let shown = whole.read();
    assert_eq!(shown["description"], "Writes the weekly export.");
    assert_eq!(shown["scopes"], json!(["rows:read"]));
    assert_eq!(shown["expires_at"], "2099-12-31T21:59:59.000Z");
    gateway.verify_as(json!({"credential": whole.secret, "scopes": ["rows:read"]})).is_accepted();
    let more = gateway.verify_as(json!({"credential": whole.secret, "scopes": ["rows:read", "rows:write"]}));
    assert_eq!(more.is_refused("insufficient_scope")["missing_scopes"], json!(["rows:write"]));
}

#[test]
fn k2_a_key_that_was_not_copied_is_rotated() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let key = account(&root).mint("lost");
    let secret = key.secret.strip_prefix("vlk_").expect("the brand's prefix");
    assert!(secret.len() >= 40, "{secret}");
    assert!(!key.read().to_string().contains(&key.secret), "shown once");
    let (again, _) = key.rotate(json!({}));
    assert!(again.starts_with("vlk_") && again != key.secret);
    assert!(!key.read().to_string().contains(&again), "shown once");
    assert_eq!(gateway.verify(&again).is_accepted()["credential_id"], key.id.as_str());
}

#[test]
fn k3_the_curl_line_of_the_answer_works_as_a_smoke_test() {
    let service = Service::start();
    let root = service.root();
    let key = account(&root).mint("smoke");
    let (rotated, answer) = key.rotate(json!({"grace_seconds": 60}));
    for (line, secret) in [(&key.minted["curl"], &key.secret), (&answer["curl"], &rotated)] {
        let line = text(line);
        assert!(line.starts_with("curl ") && line.contains(secret.as_str()), "{line}");
        // As pasted into a shell; only the progress bar is off.
        let ran = Command::new("sh").arg("-c").arg(format!("{line} --silent --show-error --fail")).output();
        let ran = ran.expect("a shell");
        assert!(ran.status.success(), "{line}: {}", String::from_utf8_lossy(&ran.stderr));
        let told: Value = serde_json::from_slice(&ran.stdout).expect("JSON");
        assert_eq!((&told["valid"], &told["credential_id"]), (&json!(true), &json!(key.id)), "{told}");
    }
}

#[test]
fn k5_each_key_opens_its_audit_log_of_every_change_with_who_did_it_when_and_from_which_ip() {
    let service = Service::start();
    let root = service.root();
    let account = account(&root);
    let admin = service.operator("org_admin", &[&account.id]);
    let (key, other) = (account.mint("exporter"), account.mint("another"));
    let path = |rest: &str| format!("{}{rest}", key.path);
    let changes = [
        ("PATCH", path(""), json!({"name": "weekly exporter"}), "edited"),
        ("PATCH", path(""), json!({"scopes": ["rows:read"]}), "rescoped"),
        ("PATCH", path(""), json!({"expires_at": "2099-12-31T00:00:00Z"}), "expiry_set"),
        ("PATCH", path(""), json!({"ip_rules": {"allow": [{"cidr": "0.0.0.0/0"}]}}), "restricted"),
        ("PATCH", path(""), json!({"rate_limit": {"requests": 5, "per_seconds": 60}}), "limited"),
        ("POST", path("/rotate"), json!({"grace_seconds": 7200}), "rotated"),
        ("PATCH", key.secret_path(0), json!({"expires_at": in_an_hour()}), "grace_moved"),
        ("POST", format!("{}/revoke", key.secret_path(0)), json!({}), "secret_revoked"),
        ("POST", path("/suspend"), json!({}), "suspended"),
        ("POST", path("/resume"), json!({}), "resumed"),
        ("POST", path("/revoke"), json!({"reason": "superseded"}), "revoked"),
    ];
    // Each from an address of its own, as the trusted proxy in front tells it.
    let address = |index: usize| format!("198.51.100.{}", index + 1);
    let send = |index: usize, method: &str, path: &str, body: &Value| {
        let request = admin.request(method, path).json(body).header("X-Forwarded-For", &address(index));
        admin.send(&request)
    };
    let mut expected = Vec::new();
    for (index, (method, path, body, word)) in changes.iter().enumerate() {
        let status = if *word == "rotated" { 201 } else { 200 };
        send(index, method, path, body).expect(status);
        expected.push((format!("api_key.{word}"), address(index)));
    }
    // What changes nothing is no change, and somebody else's key is another log.
    key.revoke("other");
    other.edit(json!({"name": "still another"}));

    let auditor = service.operator("auditor", &[&account.id]);
    let log = auditor.get(&path("/history")).expect(200);
    let log = log["data"].as_array().expect("a list");
    assert_eq!(log[0]["type"], "api_key.created");
    let told: Vec<_> =
        log[1..].iter().map(|event| (text(&event["type"]), text(&event["client_ip"]))).collect();
    assert_eq!(told, expected);
    let who = &log[1]["actor"];
    assert_eq!((&who["kind"], &who["name"]), (&json!("operator"), &json!("org_admin")));
    assert!(log[1..].iter().all(|event| event["actor"] == *who));
    assert_eq!(log[0]["actor"]["name"], "first operator");
    for pair in log.windows(2) {
        assert!(
            millis(&pair[0]["at"]) <= millis(&pair[1]["at"])
                && pair[0]["position"].as_u64() < pair[1]["position"].as_u64()
        );
    }
    assert!(log.iter().all(|event| event["subject"]["id"] == key.id.as_str()));
    assert_eq!(log[1]["changes"], json!({"name": {"from": "exporter", "to": "weekly exporter"}}));
    assert_eq!(log[2]["changes"], json!({"scopes": {"from": [], "to": ["rows:read"]}}));
    // Whose key it is not, to them there is no log.
    let stranger = service.operator("auditor", &[&root.tenant("elsewhere", json!({})).id]);
    stranger.get(&path("/history")).problem(404, "not_found");
}

#[test]
fn k4_the_list_shows_prefix_scopes_last_use_and_the_address_it_came_from() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let account = account(&root);
    let unused = account.mint_with(json!({"name": "unused", "scopes": ["rows:read"]}));
    let used = account.mint_with(json!({"name": "used", "scopes": ["rows:read", "rows:write"]}));
    let call = |ip: &str| gateway.verify_as(json!({"credential": used.secret, "client_ip": ip})).0;
    call("192.0.2.1");
    let last = call("2001:db8::7");
    let list = root.get(&format!("{}/keys", account.path())).expect(200);
    let listed = |name: &str| {
        let keys = list["data"].as_array().expect("keys");
        keys.iter().find(|key| key["name"] == name).expect("it is listed").clone()
    };
    for (key, scopes) in [(&unused, json!(["rows:read"])), (&used, json!(["rows:read", "rows:write"]))] {
        let shown = listed(&text(&key.minted["key"]["name"]));
        assert_eq!(shown["secrets"][0]["prefix"], key.secret[..12], "the first 12 characters of the key");
        assert_eq!(shown["scopes"], scopes);
    }
    let (unused, used) = (listed("unused"), listed("used"));
    assert_eq!((&unused["last_used_at"], &unused["last_used_ip"]), (&Value::Null, &Value::Null));
    assert_eq!((&used["last_used_at"], &used["last_used_ip"]), (&last["judged_at"], &json!("2001:db8::7")));
}

#[test]
fn k6_a_rotation_invalidates_the_old_secret_at_once_and_changes_no_scope() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let key = account(&root).mint_with(json!({"name": "rotated", "scopes": ["rows:read", "rows:write"]}));
    let (new_secret, answer) = key.rotate(json!({}));
    assert_eq!(answer["enforced"], true);
    gateway.verify(&key.secret).is_refused("rotated_out");
    assert_eq!(service.whoami(&key.secret).problem(401, "unauthorized")["reason"], "rotated_out");
    assert_eq!(gateway.verify(&new_secret).is_accepted()["scopes"], json!(["rows:read", "rows:write"]));
    assert_eq!(answer["key"]["scopes"], key.minted["key"]["scopes"]);
}

#[test]
fn k7_scopes_are_edited_in_place_as_an_action_of_its_own() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let key = account(&root).mint_with(json!({"name": "rescoped", "scopes": ["rows:read"]}));
    let ask = |scope: &str| gateway.verify_as(json!({"credential": key.secret, "scopes": [scope]}));
    ask("rows:read").is_accepted();
    let edited = key.edit(json!({"scopes": ["rows:write"]}));
    assert_eq!(edited["enforced"], true);
    ask("rows:write").is_accepted();
    ask("rows:read").is_refused("insufficient_scope");
    let before = &key.minted["key"];
    for member in ["id", "name", "expires_at"] {
        assert_eq!(edited["key"][member], before[member], "{member}");
    }
    for member in ["id", "prefix", "status", "expires_at"] {
        assert_eq!(edited["key"]["secrets"][0][member], before["secrets"][0][member], "{member}");
    }
    assert_eq!(key.told(), ["api_key.created", "api_key.rescoped"]);
    let change = &key.history()[1]["changes"];
    assert_eq!(*change, json!({"scopes": {"from": ["rows:read"], "to": ["rows:write"]}}));
}

#[test]
fn k8_a_revoked_key_is_401_for_ever_and_nothing_brings_it_back() {
    let mut service = Service::start();
    let token = service.root().token.expect("a token");
    let (path, secret) = {
        let root = service.root();
        let key = account(&root).mint("ended");
        key.revoke("other");
        let revoked = key.read();
        let conflicts = [
            ("PATCH", "", json!({"name": "back"})),
            ("PATCH", "", json!({"expires_at": "2099-01-01T00:00:00Z"})),
            ("POST", "/rotate", json!({})),
            ("POST", "/resume", json!({})),
            ("POST", "/suspend", json!({})),
        ];
        for (method, rest, body) in conflicts {
            let answer = root.send(&root.request(method, &format!("{}{rest}", key.path)).json(&body));
            answer.problem(409, "conflict");
        }
        assert_eq!(key.read(), revoked);
        (key.path.clone(), key.secret.clone())
    };
    assert_eq!(service.whoami(&secret).problem(401, "unauthorized")["reason"], "revoked");
    service.stop();
    service.start_again();
    assert_eq!(service.whoami(&secret).problem(401, "unauthorized")["reason"], "revoked");
    assert_eq!(service.actor(&token).get(&path).expect(200)["status"], "revoked");
}

#[test]
fn k9_the_number_of_active_keys_is_limited_by_the_plan_and_none_is_ever_removed_by_itself() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    for (plan, keys) in [("free", 2), ("premium", 4)] {
        root.put(&format!("/api/admin/v1/plans/{plan}"), &json!({"active_credentials": keys})).expect(201);
    }
    let account = account(&root);
    root.patch(&account.path(), &json!({"plan": "free"})).expect(200);
    let minted = ["one", "two"].map(|name| account.mint(name));
    let one_more = || root.post(&format!("{}/keys", account.path()), &json!({"name": "more"}));
    let detail = text(&one_more().problem(409, "quota_exceeded")["detail"]);
    assert!(detail.contains("\"free\"") && detail.contains(" 2 "), "{detail}");
    // An upgrade admits more; going back takes nothing away.
    root.patch(&account.path(), &json!({"plan": "premium"})).expect(200);
    let third = account.mint("three");
    root.patch(&account.path(), &json!({"plan": "free"})).expect(200);
    for key in minted.iter().chain([&third]) {
        gateway.verify(&key.secret).is_accepted();
    }
    one_more().problem(409, "quota_exceeded");
    minted.iter().for_each(|key| drop(root.delete(&key.path).expect(200)));
    one_more().expect(201);
}
