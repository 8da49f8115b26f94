//! OAuth clients: everything that can be done to a key can be done to one, and to each only under its own kind.

use serde_json::{Value, json};

use crate::acme;
use crate::matrix::member_of;
use crate::support::client::Response;
use crate::support::service::{Actor, Key, Service, Tenant, eventually, is_window_of, text};
use crate::without_an_event;

fn list(root: &Actor, tenant: &Tenant<'_>, query: &str) -> Vec<String> {
    let page = root.get(&format!("{}/clients{query}", tenant.path())).expect(200);
    page["data"].as_array().expect("clients").iter().map(|client| text(&client["name"])).collect()
}

fn act(client: &Key<'_>, rest: &str) -> Value {
    client.admin.post(&format!("{}{rest}", client.path), &json!({})).expect(200)
}

#[test]
fn a_client_takes_what_a_key_takes_and_what_only_it_has() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let owner = member_of(&tenant);
    let given = json!({
        "name": "exporter", "description": "nightly", "scopes": ["reports:read"], "metadata": {"team": "b"},
        "expires_at": "2099-01-01T00:00:00Z", "ip_rules": {"allow": [{"cidr": "192.0.2.0/24"}], "deny": []},
        "rate_limit": {"requests": 5, "per_seconds": 60}, "owner": owner,
        "token_endpoint_auth_method": "client_secret_basic",
        "resources": ["https://api.acme.example", "urn:acme:reports"],
    });
    let made = root.post(&format!("{}/clients", tenant.path()), &given);
    let minted = made.expect(201);
    let client = &minted["client"];
    assert_eq!((&client["kind"], &client["status"]), (&json!("oauth_client"), &json!("active")));
    assert_eq!(made.header("location"), Some(&*format!("{}/clients/{}", tenant.path(), text(&client["id"]))));
    assert_eq!(made.header("etag"), Some("\"1\""));
    for (name, value) in given.as_object().expect("members") {
        let shown = match name.as_str() {
            "expires_at" => json!("2099-01-01T00:00:00.000Z"),
            "ip_rules" => json!({"allow": [{"cidr": "192.0.2.0/24", "enabled": true}], "deny": []}),
            _ => value.clone(),
        };
        assert_eq!(client[name], shown, "{name}");
    }
    let read = root.get(&format!("{}/clients/{}", tenant.path(), text(&client["id"])));
    assert_eq!((read.expect(200), read.header("etag")), (client.clone(), Some("\"1\"")));

    let plain = tenant.client("plain").read();
    assert_eq!(plain["token_endpoint_auth_method"], "client_secret_basic");
    assert_eq!(plain["resources"], json!([]));
    assert_eq!(plain.get("imported"), None);
}

#[test]
fn a_patch_of_a_client_is_one_change_with_an_event_of_its_kind_for_each_action() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let client = tenant.client("before");
    let owner = member_of(&tenant);
    let edited = client.edit(json!({
        "name": "after", "scopes": ["a:b"], "expires_at": "2099-01-01T00:00:00Z",
        "ip_rules": {"allow": [{"cidr": "2001:DB8::/32"}]}, "rate_limit": "none", "owner": owner,
        "resources": ["https://api.acme.example"],
    }));
    assert_eq!(edited["enforced"], true);
    let words =
        ["created", "edited", "rescoped", "expiry_set", "restricted", "limited", "owner_set", "configured"];
    assert_eq!(client.told(), words.map(|word| format!("oauth_client.{word}")));
    let history = client.history();
    assert_eq!((&history[7]["position"], &edited["client"]["version"]), (&edited["position"], &json!(8)));
    let resources = json!({"from": [], "to": ["https://api.acme.example"]});
    assert_eq!(history[7]["changes"], json!({"resources": resources}));
    without_an_event(&root, || {
        let same = json!({"name": "after", "owner": owner, "resources": ["https://api.acme.example"]});
        for same in [same, json!({})] {
            assert_eq!(client.edit(same)["position"], edited["position"]);
        }
    });
    for nothing in [json!(null), json!([])] {
        client.edit(json!({"resources": ["urn:b"]}));
        assert_eq!(client.edit(json!({"resources": nothing}))["client"]["resources"], json!([]));
    }
}

#[test]
fn where_one_of_several_changes_of_a_client_is_refused_none_is_made() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({"allowed_scopes": ["a:b"], "default_scopes": []}));
    let client = tenant.client("before");
    let before = client.read();
    without_an_event(&root, || {
        let change = json!({"resources": ["urn:new"], "scopes": ["x:y"]});
        let problem = root.patch(&client.path, &change).problem(400, "invalid_request");
        assert_eq!(problem["errors"][0]["pointer"], "/scopes");
    });
    assert_eq!(client.read(), before);
}

#[test]
fn a_client_is_suspended_resumed_and_ends_once_for_all() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let client = tenant.client("c");
    assert_eq!(act(&client, "/suspend")["client"]["status"], "suspended");
    without_an_event(&root, || act(&client, "/suspend"));
    client.edit(json!({"name": "renamed"}));
    client.rotate(json!({}));
    assert_eq!(act(&client, "/resume")["client"]["status"], "active");
    let revoke = json!({"reason": "leaked", "note": "in a log"});
    let revoked = root.post(&format!("{}/revoke", client.path), &revoke).expect(200);
    let told = &revoked["client"]["revoked"];
    assert_eq!((&told["reason"], &told["note"]), (&json!("leaked"), &json!("in a log")));
    assert_eq!(revoked["enforced"], true);
    let statuses: Vec<&Value> = revoked["client"]["secrets"]
        .as_array()
        .expect("secrets")
        .iter()
        .map(|each| &each["status"])
        .collect();
    assert_eq!(statuses, ["revoked", "revoked"]);
    without_an_event(&root, || {
        assert_eq!(client.revoke("other")["position"], revoked["position"]);
        assert_eq!(root.delete(&client.path).expect(200)["client"]["revoked"]["reason"], "leaked");
        assert_eq!(client.edit(json!({"name": "renamed", "resources": []}))["position"], revoked["position"]);
        assert_eq!(act(&client, "/tokens/revoke")["position"], revoked["position"]);
        for (method, rest, body) in [
            ("PATCH", "", json!({"resources": ["urn:late"]})),
            ("POST", "/rotate", json!({})),
            ("POST", "/suspend", json!({})),
            ("POST", "/resume", json!({})),
        ] {
            let request = root.request(method, &format!("{}{rest}", client.path)).json(&body);
            root.send(&request).problem(409, "conflict");
        }
    });
    let deleted = tenant.client("deleted");
    assert_eq!(root.delete(&deleted.path).expect(200)["client"]["revoked"]["reason"], "deleted");
}

#[test]
fn a_clients_windows_are_moved_closed_and_bounded_as_a_keys() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({"default_grace_seconds": 60, "max_grace_seconds": 7200}));
    let client = tenant.client("c");
    let before = client.minted["client"]["created_at"].clone();
    let answer = root.send(&root.request("POST", &format!("{}/rotate", client.path)));
    is_window_of(60, &before, &answer.expect(201)["client"]);
    assert_eq!(answer.header("location"), Some(client.path.as_str()));
    let over = root.post(&format!("{}/rotate", client.path), &json!({"grace_seconds": 7201}));
    assert_eq!(over.problem(400, "invalid_request")["errors"][0]["pointer"], "/grace_seconds");

    let (window, active) = (client.secret_path(0), client.secret_path(1));
    let start = credledger::clock::Timestamp::parse(&text(&before)).expect("an instant");
    let moved = root.patch(&window, &json!({"expires_at": start.plus_seconds(3600)})).expect(200);
    assert_eq!(moved["client"]["secrets"][0]["expires_at"], json!(start.plus_seconds(3600)));
    root.patch(&window, &json!({"expires_at": start.plus_seconds(99_999)})).problem(400, "invalid_request");
    root.patch(&active, &json!({"expires_at": start.plus_seconds(3600)})).problem(409, "conflict");
    root.post(&format!("{active}/revoke"), &json!({})).problem(409, "last_secret");
    let closed = root.post(&format!("{window}/revoke"), &json!({})).expect(200);
    let status = &closed["client"]["secrets"][0]["status"];
    assert_eq!((status, &closed["enforced"]), (&json!("revoked"), &json!(true)));

    (0..4).for_each(|_| drop(client.rotate(json!({"grace_seconds": 3600}))));
    root.post(&format!("{}/rotate", client.path), &json!({})).problem(409, "too_many_secrets");
    let (_, last) = client.rotate(json!({"grace_seconds": 0}));
    let alive = last["client"]["secrets"].as_array().expect("secrets").iter();
    assert_eq!(
        alive.filter(|secret| secret["status"] == "active" || secret["status"] == "expiring").count(),
        1
    );
    let other = tenant.client("other");
    let id = active.rsplit('/').next().expect("an id");
    let foreign = format!("{}/secrets/{id}", other.path);
    root.post(&format!("{foreign}/revoke"), &json!({})).problem(404, "not_found");
}

#[test]
fn a_key_is_no_client_and_a_client_no_key_on_any_verb() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let (key, client) = (tenant.mint("key"), tenant.client("client"));
    key.rotate(json!({}));
    client.rotate(json!({}));
    let secret = |of: &Key<'_>| of.secret_path(0).rsplit('/').next().expect("an id").to_owned();
    let as_client = (format!("{}/clients/{}", tenant.path(), key.id), secret(&key));
    let as_key = (format!("{}/keys/{}", tenant.path(), client.id), secret(&client));
    let before = (key.read(), client.read());
    without_an_event(&root, || {
        for (path, secret) in [as_client, as_key] {
            let window = format!("/secrets/{secret}");
            for (method, rest, body) in [
                ("GET", "", Value::Null),
                ("GET", "/history", Value::Null),
                ("PATCH", "", json!({"name": "taken"})),
                ("PATCH", "", json!({})),
                ("POST", "/rotate", json!({})),
                ("POST", "/suspend", json!({})),
                ("POST", "/resume", json!({})),
                ("POST", "/revoke", json!({"reason": "other"})),
                ("PATCH", &*window, json!({"expires_at": "2099-01-01T00:00:00Z"})),
                ("POST", &*format!("{window}/revoke"), json!({})),
                ("POST", "/tokens/revoke", json!({})),
                ("DELETE", "", Value::Null),
            ] {
                let request = root.request(method, &format!("{path}{rest}"));
                let request = if body.is_null() { request } else { request.json(&body) };
                root.send(&request).problem(404, "not_found");
                root.send(&request.header("If-Match", "\"77\"")).problem(404, "not_found");
            }
        }
        root.post(&format!("{}/tokens/revoke", key.path), &json!({})).problem(404, "not_found");
    });
    assert_eq!((key.read(), client.read()), before);
    assert_eq!(list(&root, &tenant, ""), ["client"]);
    let keys = root.get(&format!("{}/keys", tenant.path())).expect(200);
    assert_eq!(keys["data"].as_array().map(Vec::len), Some(1));
}

#[test]
fn clients_are_filtered_by_id_and_secret_and_by_all_that_keys_are() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let owner = member_of(&tenant);
    let one = tenant.client_with(json!({"name": "one", "scopes": ["a:b"], "owner": owner}));
    let two = tenant
        .client_with(json!({"name": "two", "expires_at": "2040-01-01T00:00:00Z", "description": "Second"}));
    two.rotate(json!({"grace_seconds": 0}));
    let three = tenant.client("three");
    act(&three, "/suspend");
    tenant.mint("one");
    let (id, secret) = (text(&two.minted["client_id"]), text(&two.minted["client"]["secrets"][0]["prefix"]));
    let cases = [
        (String::new(), vec!["three", "two", "one"]),
        (format!("prefix={id}"), vec!["two"]),
        (format!("prefix={}", &id[..id.len() - 1]), vec!["two"]),
        (format!("prefix={secret}"), vec!["two"]),
        (format!("prefix={}", &secret[..secret.len() - 1]), vec!["two"]),
        (format!("prefix={}", two.secret), vec![]),
        (format!("prefix={}", text(&one.minted["client_id"])), vec!["one"]),
        ("prefix=cl_client_".into(), vec!["three", "two", "one"]),
        ("prefix=cl_secret_".into(), vec!["three", "two", "one"]),
        ("prefix=cl_live_".into(), vec![]),
        ("name=one".into(), vec!["one"]),
        ("status=suspended".into(), vec!["three"]),
        ("status=active".into(), vec!["two", "one"]),
        ("scope=a:b".into(), vec!["one"]),
        (format!("owner={owner}"), vec!["one"]),
        ("expires_before=2041-01-01T00:00:00Z".into(), vec!["two"]),
        ("q=second".into(), vec!["two"]),
        ("status=active&name=two".into(), vec!["two"]),
    ];
    for (query, expected) in cases {
        assert_eq!(list(&root, &tenant, &format!("?{query}")), expected, "{query}");
    }
    let keys = root.get(&format!("{}/keys?prefix={id}", tenant.path())).expect(200);
    assert_eq!(keys["data"], json!([]));
    let other = root.tenant("other", json!({}));
    assert_eq!(list(&root, &other, &format!("?prefix={id}")), Vec::<String>::new());
}

#[test]
fn revoking_a_clients_tokens_is_an_event_each_time_and_leaves_the_client_as_it_is() {
    let service = Service::start();
    let root = service.root();
    let client = acme(&root).client("c");
    let before = client.read();
    let first = act(&client, "/tokens/revoke");
    let second = act(&client, "/tokens/revoke");
    assert_eq!((&first["enforced"], &second["enforced"]), (&json!(true), &json!(true)));
    assert!(second["position"].as_u64() > first["position"].as_u64());
    assert_eq!(
        client.told(),
        ["oauth_client.created", "oauth_client.tokens_revoked", "oauth_client.tokens_revoked"]
    );
    let mut after = client.read();
    assert_eq!(after["version"], 3);
    after["version"] = before["version"].clone();
    assert_eq!(after, before);
    act(&client, "/suspend");
    assert!(act(&client, "/tokens/revoke")["position"].as_u64() > second["position"].as_u64());
}

#[test]
fn a_repeated_mint_of_a_client_gets_its_secret_again_and_makes_no_other() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let mint = |collection: &str| {
        let request = root.request("POST", &format!("{}/{collection}", tenant.path()));
        root.send(&request.json(&json!({"name": "once"})).header("Idempotency-Key", "once"))
    };
    let first = mint("clients");
    let again: Response = without_an_event(&root, || mint("clients"));
    assert_eq!(again.expect(201), first.expect(201));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(list(&root, &tenant, ""), ["once"]);
    without_an_event(&root, || mint("keys").problem(422, "idempotency_mismatch"));
}

#[test]
fn keys_and_clients_count_together_against_a_plan() {
    let service = Service::start();
    let root = service.root();
    root.put("/api/admin/v1/plans/free", &json!({"active_credentials": 2})).expect(201);
    let tenant = acme(&root);
    root.patch(&tenant.path(), &json!({"plan": "free"})).expect(200);
    let (key, client) = (tenant.mint("k"), tenant.client("c"));
    let made = |kind: &str| root.post(&format!("{}/{kind}", tenant.path()), &json!({"name": "more"}));
    let full = || ["keys", "clients"].map(|kind| made(kind).problem(409, "quota_exceeded"));
    without_an_event(&root, full);
    client.rotate(json!({}));
    act(&client, "/suspend");
    full();
    client.revoke("unused");
    made("keys").expect(201);
    full();
    key.revoke("unused");
    made("clients").expect(201);
    full();
}

#[test]
fn an_end_that_is_near_and_an_end_that_has_come_are_told_of_a_client_as_of_a_key() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let now = credledger::clock::Timestamp::from_millis(crate::matrix::since_1970()).expect("an instant");
    let client = tenant.client_with(json!({"name": "short", "expires_at": now.plus_seconds(2)}));
    client.rotate(json!({"grace_seconds": 3600}));
    let told = eventually(|| {
        Some(client.told()).filter(|told| told.last().is_some_and(|last| last == "oauth_client.expired"))
    });
    let told = told.expect("its end");
    assert!(told.contains(&"oauth_client.expiring_soon".to_owned()), "{told:?}");
    assert_eq!(client.read()["status"], "expired");
    without_an_event(&root, || act(&client, "/tokens/revoke"));
}

#[test]
fn what_a_client_proves_itself_by_is_no_bearer_at_any_door() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let client = tenant.client_with(json!({"name": "c", "scopes": ["*"]}));
    let id = text(&client.minted["client_id"]);
    let texts = [
        client.secret.clone(),
        id.clone(),
        format!("{id}:{}", client.secret),
        format!("{}:{id}", client.secret),
        format!("{id}{}", client.secret),
        format!("{id}:"),
        client.id.clone(),
    ];
    for shown in &texts {
        let verdict = gateway.verify(shown);
        assert_eq!(verdict.0["valid"], false, "{shown}");
        assert!(
            ["malformed", "not_found"].iter().any(|reason| verdict.0["reason"] == *reason),
            "{}",
            verdict.0
        );
        assert_eq!(verdict.0.get("credential_id"), None, "{}", verdict.0);
        let holder = service.actor(shown);
        for answer in [
            holder.get("/api/v1/whoami"),
            holder.get("/api/v1/authorize"),
            holder.post("/api/v1/self/revoke", &json!({})),
            holder.get(&client.path),
        ] {
            let reason = answer.problem(401, "unauthorized")["reason"].clone();
            assert!(reason == "malformed" || reason == "not_found", "{shown}: {}", answer.text());
        }
    }
    let told = gateway.post("/api/v1/verify/batch", &json!({"items": [{"credential": client.secret}]}));
    assert_eq!(told.expect(200)["data"][0]["valid"], false);
    assert_eq!(client.read()["status"], "active");
}

#[test]
fn after_a_restart_clients_are_what_they_were() {
    let mut service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let clients = ["plain", "rotated", "suspended", "revoked"].map(|name| tenant.client(name));
    clients[1].rotate(json!({"grace_seconds": 3600}));
    clients[1].edit(json!({"resources": ["https://api.acme.example"]}));
    act(&clients[1], "/tokens/revoke");
    act(&clients[2], "/suspend");
    clients[3].revoke("leaked");
    let before = clients.each_ref().map(|client| (client.read(), client.history()));
    let paths = clients.each_ref().map(|client| client.path.clone());
    service.stop();
    service.start_again();
    let root = service.root();
    for (path, (client, history)) in paths.iter().zip(before) {
        assert_eq!(root.get(path).expect(200), client);
        assert_eq!(root.get(&format!("{path}/history?limit=500")).expect(200)["data"], json!(history));
    }
    root.post(&format!("{}/rotate", paths[1]), &json!({})).expect(201);
}
