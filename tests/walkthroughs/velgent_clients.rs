//! V: what people do with an OAuth client of the AI engine, up to its exchange for tokens.

use serde_json::{Value, json};

use crate::support::service::{Actor, Service, Tenant, eventually, is_window_of, text};

const DAY: i64 = 24 * 60 * 60;

/// An organisation whose clients are written as the engine's owner publishes them.
fn organisation_of_clients<'a>(root: &'a Actor, rotation: &str) -> Tenant<'a> {
    let format = json!({
        "id_prefix": "velgent_client_", "id_chars": 16, "secret_prefix": "velgent_secret_", "secret_chars": 36,
    });
    root.tenant("acme", json!({"client_format": format, "client_rotation": rotation}))
}

#[track_caller]
fn is_written(text: &str, prefix: &str, chars: usize) {
    let tail = text.strip_prefix(prefix).unwrap_or_else(|| panic!("{text} does not begin with {prefix}"));
    assert_eq!(tail.len(), chars, "{text}");
    assert!(tail.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{text}");
}

#[test]
fn v13_a_clients_secret_is_shown_once_its_id_always_and_only_a_short_beginning_is_kept() {
    let service = Service::start();
    let root = service.root();
    let client = organisation_of_clients(&root, "new_id").client("report exporter");
    let id = text(&client.minted["client_id"]);
    is_written(&id, "velgent_client_", 16);
    is_written(&client.secret, "velgent_secret_", 36);
    assert_eq!(
        text(&client.minted["curl"]),
        format!(
            "curl -u '{id}:{}' -d grant_type=client_credentials {}/api/v1/oauth/token",
            client.secret,
            service.url()
        )
    );
    assert!(!client.minted["client"].to_string().contains(&client.secret), "{}", client.minted);
    let (known, hidden) = client.secret.split_at("velgent_secret_".len() + 8);
    assert_eq!(client.read()["secrets"][0]["prefix"], known);

    let list = client.path.rsplit_once('/').expect("a list").0.to_owned();
    let afterwards = [
        client.read(),
        root.get(&list).expect(200),
        root.get(&format!("{list}?prefix={id}")).expect(200),
        root.get(&format!("{list}?prefix={known}")).expect(200),
        json!(client.history()),
        client.edit(json!({"description": "renamed"})),
        root.post(&format!("{}/suspend", client.path), &json!({})).expect(200),
        client.revoke("unused"),
    ];
    for answer in afterwards.map(|answer| answer.to_string()) {
        assert!(answer.contains(&id) && answer.contains(known), "id and beginning are known: {answer}");
        assert!(!answer.contains(hidden), "the secret is never shown again: {answer}");
    }
    assert!(!service.log().contains(hidden), "the log knows no secret");
}

#[test]
fn v15_rotating_a_client_makes_a_new_id_and_secret_and_the_old_one_is_expiring_with_its_date() {
    let service = Service::start();
    let root = service.root();
    let client = organisation_of_clients(&root, "new_id").client("report exporter");
    let before = client.minted["client"]["created_at"].clone();
    let (secret, rotated) = client.rotate(json!({}));
    let (old, new) = (text(&client.minted["client_id"]), text(&rotated["client_id"]));
    is_written(&new, "velgent_client_", 16);
    is_written(&secret, "velgent_secret_", 36);
    assert_ne!((&old, &client.secret), (&new, &secret));
    assert_eq!(rotated["client"]["id"], client.id.as_str(), "the client stays what it is");
    is_window_of(7 * DAY, &before, &rotated["client"]);
    let read = client.read();
    let told = |index: usize| {
        let secret = &read["secrets"][index];
        (text(&secret["client_id"]), text(&secret["status"]), secret["expires_at"].is_null())
    };
    assert_eq!(told(0), (old.clone(), "expiring".to_owned(), false));
    assert_eq!(told(1), (new.clone(), "active".to_owned(), true));
    assert_eq!(rotated["client"]["secrets"], read["secrets"]);
    for id in [&old, &new] {
        let found = root.get(&format!("{}?prefix={id}", client.path.rsplit_once('/').expect("a list").0));
        assert_eq!(found.expect(200)["data"][0]["id"], client.id.as_str(), "found by either id");
    }
    // Closed early, it is over; the new one is the only one.
    let closed = root.post(&format!("{}/revoke", client.secret_path(0)), &json!({})).expect(200);
    assert_eq!(closed["enforced"], true);
    assert_eq!(closed["client"]["secrets"][0]["status"], "revoked");
    assert_eq!(closed["client"]["secrets"][1]["status"], "active");
    // A window that ends by itself is told of, too.
    client.rotate(json!({"grace_seconds": 1}));
    eventually(|| client.told().contains(&"oauth_client.secret_expired".to_owned()).then_some(()))
        .expect("the window's end");
    assert_eq!(client.read()["secrets"][1]["status"], "expired");
}

#[test]
fn v15_where_the_id_is_kept_two_secrets_stand_under_it_until_the_window_closes() {
    let service = Service::start();
    let root = service.root();
    let tenant = organisation_of_clients(&root, "keep_id");
    let client = tenant.client("report exporter");
    let id = client.minted["client_id"].clone();
    let (secret, rotated) = client.rotate(json!({}));
    assert_ne!(secret, client.secret);
    assert_eq!(rotated["client_id"], id);
    let secrets = client.read()["secrets"].clone();
    for (index, status) in ["expiring", "active"].into_iter().enumerate() {
        assert_eq!((&secrets[index]["client_id"], &secrets[index]["status"]), (&id, &json!(status)));
    }
    let closed = root.post(&format!("{}/revoke", client.secret_path(0)), &json!({})).expect(200);
    assert_eq!(closed["client"]["secrets"][0]["status"], "revoked");
    assert_eq!(closed["client"]["secrets"][1], secrets[1]);
    // The tenant may choose anew before any rotation.
    let change = json!({"settings": {"client_rotation": "new_id"}});
    root.patch(&tenant.path(), &change).expect(200);
    assert_ne!(client.rotate(json!({})).1["client_id"], id);
}

#[test]
fn v17_a_clients_history_tells_every_action_with_who_from_where_by_which_request_and_what_it_changed() {
    let service = Service::start();
    let root = service.root();
    let tenant = organisation_of_clients(&root, "new_id");
    let admin = service.operator("org_admin", &[&tenant.id]);
    let client = tenant.seen_by(&admin).client("before");
    client.rotate(json!({}));
    let (expiring, second) = (client.secret_path(0), json!({"expires_at": in_an_hour()}));
    let actions = [
        ("PATCH", client.path.clone(), json!({"name": "after"}), "edited"),
        ("PATCH", client.path.clone(), json!({"resources": ["https://api.acme.example"]}), "configured"),
        ("PATCH", client.path.clone(), json!({"scopes": ["reports:read"]}), "rescoped"),
        ("PATCH", client.path.clone(), json!({"expires_at": "2099-01-01T00:00:00Z"}), "expiry_set"),
        ("PATCH", client.path.clone(), json!({"ip_rules": {"allow": [{"cidr": "192.0.2.1"}]}}), "restricted"),
        ("PATCH", client.path.clone(), json!({"rate_limit": "none"}), "limited"),
        ("PATCH", expiring.clone(), second, "grace_moved"),
        ("POST", format!("{expiring}/revoke"), json!({}), "secret_revoked"),
        ("POST", format!("{}/tokens/revoke", client.path), json!({}), "tokens_revoked"),
        ("POST", format!("{}/suspend", client.path), json!({}), "suspended"),
        ("POST", format!("{}/resume", client.path), json!({}), "resumed"),
        ("POST", format!("{}/revoke", client.path), json!({"reason": "superseded"}), "revoked"),
    ];
    for (method, path, body, word) in &actions {
        let request = admin.request(method, path).json(body).header("X-Forwarded-For", "192.0.2.44");
        admin.send(&request.header("X-Request-Id", word)).expect(200);
    }
    let history = client.history();
    let types: Vec<String> = ["created", "rotated"]
        .into_iter()
        .chain(actions.iter().map(|(.., word)| *word))
        .map(|word| format!("oauth_client.{word}"))
        .collect();
    assert_eq!(client.told(), types);
    for (event, (.., word)) in history[2..].iter().zip(&actions) {
        assert_eq!((&event["client_ip"], &event["request_id"]), (&json!("192.0.2.44"), &json!(word)));
        assert_eq!(
            (&event["actor"]["kind"], &event["actor"]["name"]),
            (&json!("operator"), &json!("org_admin"))
        );
    }
    for (index, event) in history.iter().enumerate() {
        let name = if index < 2 { "before" } else { "after" };
        assert_eq!(event["subject"], json!({"kind": "oauth_client", "id": client.id, "name": name}));
        let text = event.to_string();
        assert!(!text.contains("digest") && !text.contains(&client.secret), "{text}");
    }
    assert_eq!(history[0]["data"]["secret"]["client_id"], client.minted["client_id"]);
    assert_eq!(history[1]["data"]["secret"]["client_id"], client.read()["secrets"][1]["client_id"]);
    let changed = |index: usize, member: &str| history[index]["changes"][member].clone();
    assert_eq!(changed(2, "name"), json!({"from": "before", "to": "after"}));
    assert_eq!(changed(3, "resources"), json!({"from": [], "to": ["https://api.acme.example"]}));
    assert_eq!(changed(4, "scopes"), json!({"from": [], "to": ["reports:read"]}));
    assert_eq!(changed(0, "token_endpoint_auth_method"), json!({"from": null, "to": "client_secret_basic"}));
    assert_eq!(history[10]["changes"], json!({}));
}

pub fn in_an_hour() -> Value {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
    let now = i64::try_from(now.as_millis()).ok().and_then(credledger::clock::Timestamp::from_millis);
    json!(now.expect("an instant").plus_seconds(3600))
}
