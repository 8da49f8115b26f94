//! G: what people do with a key of the virtualisation platform.

use serde_json::{Value, json};

use crate::support::service::{Actor, Key, Service, Verdict, eventually, millis, text};

#[track_caller]
fn from(gateway: &Actor, key: &Key<'_>, address: &str) -> Verdict {
    gateway.verify_as(json!({"credential": key.secret, "client_ip": address}))
}

#[test]
fn g1_a_key_inherits_its_accounts_permissions_as_they_are_now_and_stops_with_it() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = root.tenant("site", json!({}));
    let members = format!("{}/members", tenant.path());
    let body = json!({"kind": "person", "name": "Ada", "scopes": ["vm:read", "vm:start"]});
    let ada = root.post(&members, &body).expect(201)["member"]["id"].clone();
    let ada_path = format!("{members}/{}", ada.as_str().expect("an id"));
    let key = tenant.mint_with(json!({"name": "adas", "scopes": ["*"], "owner": ada}));
    let may = |scope: &str| gateway.verify_as(json!({"credential": key.secret, "scopes": [scope]}));
    may("vm:start").is_accepted();
    may("vm:delete").is_refused("insufficient_scope");

    // What the account gains and loses, its key gains and loses with it: nobody edits the key.
    root.patch(&ada_path, &json!({"scopes": ["vm:read", "vm:delete"]})).expect(200);
    may("vm:delete").is_accepted();
    may("vm:start").is_refused("insufficient_scope");
    assert_eq!(key.read()["effective_scopes"], json!(["vm:read", "vm:delete"]));
    assert_eq!(key.read()["scopes"], json!(["*"]));

    // A disabled account's keys stop, all of them, and it gets no new one.
    let second = tenant.mint_with(json!({"name": "second", "scopes": ["vm:read"], "owner": ada}));
    let disabled = root.post(&format!("{ada_path}/disable"), &json!({})).expect(200);
    assert_eq!((&disabled["member"]["status"], &disabled["enforced"]), (&json!("disabled"), &json!(true)));
    may("vm:read").is_refused("owner_disabled");
    gateway.verify(&second.secret).is_refused("owner_disabled");
    assert_eq!(service.whoami(&second.secret).problem(401, "unauthorized")["reason"], "owner_disabled");
    let keys = format!("{}/keys", tenant.path());
    root.post(&keys, &json!({"name": "third", "owner": ada})).problem(409, "conflict");

    // Enabled again, they work as they stand; only what was ended meanwhile stays ended.
    second.revoke("owner_left");
    root.post(&format!("{ada_path}/enable"), &json!({})).expect(200);
    may("vm:read").is_accepted();
    gateway.verify(&second.secret).is_refused("revoked");
}

#[test]
fn g2_the_table_has_name_last_use_its_address_days_until_expiry_and_creation() {
    const DAY: i64 = 24 * 60 * 60;
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = root.tenant("site", json!({}));
    let now = gateway.verify(&tenant.mint("clock").secret).is_accepted()["judged_at"].clone();
    let now = credledger::clock::Timestamp::parse(now.as_str().expect("an instant")).expect("an instant");
    let dated = tenant.mint_with(json!({"name": "dated", "expires_at": now.plus_seconds(30 * 24 * 60 * 60)}));
    let never = tenant.mint("never");
    let last = from(&gateway, &dated, "192.0.2.9").is_accepted()["judged_at"].clone();
    let table = root.get(&format!("{}/keys", tenant.path())).expect(200);
    let row = |name: &str| {
        let rows = table["data"].as_array().expect("rows");
        rows.iter().find(|row| row["name"] == name).expect("its row").clone()
    };
    let shown = row("dated");
    assert_eq!((&shown["last_used_at"], &shown["last_used_ip"]), (&last, &json!("192.0.2.9")));
    assert_eq!(shown["created_at"], dated.minted["key"]["created_at"]);
    assert_eq!((millis(&shown["expires_at"]) - now.millis()) / 1000 / DAY, 30, "days until expiry");
    let shown = row("never");
    assert_eq!((&shown["last_used_at"], &shown["expires_at"]), (&Value::Null, &Value::Null));
    assert_eq!(shown["created_at"], never.minted["key"]["created_at"]);
}

#[test]
fn g3_a_key_expires_on_a_set_date_or_never() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = root.tenant("site", json!({}));
    let never = tenant.mint_with(json!({"name": "never", "expires_at": null}));
    assert_eq!(never.read()["expires_at"], Value::Null);
    let dated = tenant.mint_with(json!({"name": "dated", "expires_at": "2099-06-30T00:00:00Z"}));
    assert_eq!(gateway.verify(&dated.secret).is_accepted()["expires_at"], "2099-06-30T00:00:00.000Z");
    assert_eq!(dated.edit(json!({"expires_at": null}))["key"]["expires_at"], Value::Null);
    assert_eq!(gateway.verify(&dated.secret).is_accepted()["expires_at"], Value::Null);

    // On its date it ends by itself, for good.
    let soon = gateway.verify(&dated.secret).is_accepted()["judged_at"].clone();
    let soon = credledger::clock::Timestamp::parse(soon.as_str().expect("an instant")).expect("an instant");
    dated.edit(json!({"expires_at": soon.plus_seconds(2)}));
    eventually(|| (gateway.verify(&dated.secret).0["reason"] == "expired").then_some(())).expect("its end");
    assert_eq!(service.whoami(&dated.secret).problem(401, "unauthorized")["reason"], "expired");
    assert_eq!(dated.read()["status"], "expired");
    root.patch(&dated.path, &json!({"expires_at": null})).problem(409, "conflict");
    gateway.verify(&never.secret).is_accepted();
}

#[test]
fn g4_only_addresses_of_the_allow_list_that_are_switched_on_may_use_the_key() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let key = root.tenant("site", json!({})).mint_with(json!({"name": "bound", "ip_rules": {"allow": [
        {"cidr": "192.0.2.7"}, {"cidr": "198.51.100.0/24", "enabled": true},
        {"cidr": "203.0.113.0/24", "enabled": false}, {"cidr": "2001:db8::/32"},
    ]}}));
    for address in ["192.0.2.7", "198.51.100.1", "198.51.100.254", "2001:db8::7", "::ffff:192.0.2.7"] {
        from(&gateway, &key, address).is_accepted();
    }
    for address in ["192.0.2.8", "203.0.113.1", "2001:db9::1", "127.0.0.1"] {
        from(&gateway, &key, address).is_refused("ip_denied");
    }
    // Not knowing the address is no way in, and the gateway's own never counts.
    gateway.verify(&key.secret).is_refused("ip_denied");

    let switched = |one: bool, other: bool| {
        key.edit(json!({"ip_rules": {"allow": [
            {"cidr": "192.0.2.7", "enabled": one}, {"cidr": "203.0.113.0/24", "enabled": other},
        ]}}));
    };
    switched(false, true);
    from(&gateway, &key, "192.0.2.7").is_refused("ip_denied");
    from(&gateway, &key, "203.0.113.1").is_accepted();
    switched(false, false);
    from(&gateway, &key, "203.0.113.1").is_refused("ip_denied");
    key.edit(json!({"ip_rules": null}));
    from(&gateway, &key, "203.0.113.1").is_accepted();
    gateway.verify(&key.secret).is_accepted();
}

#[test]
fn g5_the_deny_list_blocks_the_listed_and_the_allow_list_decides_for_an_address_in_both() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = root.tenant("site", json!({}));
    let denied = json!({"deny": [{"cidr": "198.51.100.0/24"}, {"cidr": "192.0.2.9", "enabled": false}]});
    let key = tenant.mint_with(json!({"name": "deny", "ip_rules": denied}));
    from(&gateway, &key, "198.51.100.20").is_refused("ip_denied");
    for address in ["192.0.2.9", "203.0.113.200", "2001:db8::1"] {
        from(&gateway, &key, address).is_accepted();
    }
    let both = json!({
        "allow": [{"cidr": "198.51.100.20"}, {"cidr": "192.0.2.0/24"}], "deny": [{"cidr": "198.51.100.0/24"}],
    });
    key.edit(json!({"ip_rules": both}));
    from(&gateway, &key, "198.51.100.20").is_accepted();
    from(&gateway, &key, "192.0.2.9").is_accepted();
    from(&gateway, &key, "198.51.100.21").is_refused("ip_denied");
}

#[test]
fn g7_editing_changes_metadata_and_access_rules_and_never_the_key_text() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let key = root.tenant("site", json!({})).mint("before");
    let changes = json!({
        "name": "after", "description": "changed", "metadata": {"rack": 7}, "scopes": ["vm:start"],
        "expires_at": "2099-01-01T00:00:00Z", "ip_rules": {"allow": [{"cidr": "192.0.2.0/24"}]},
    });
    let edited = key.edit(changes);
    assert_eq!(edited["key"]["metadata"], json!({"rack": 7}));
    assert_eq!(edited["key"]["secrets"], key.minted["key"]["secrets"]);
    assert!(!edited.to_string().contains(&key.secret), "an edit shows no secret");
    assert_eq!(edited.get("secret"), None);
    let verdict = from(&gateway, &key, "192.0.2.1");
    assert_eq!(verdict.is_accepted()["name"], "after");
    // The text of a key is no member that an edit could name.
    for member in ["secret", "prefix", "secrets", "id"] {
        let refused = root.patch(&key.path, &json!({member: "x"})).problem(400, "invalid_request");
        assert_eq!(refused["errors"][0]["pointer"], format!("/{member}"));
    }
}

#[test]
fn g8_deleting_a_key_revokes_it_at_once_and_its_history_stays() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let key = root.tenant("site", json!({})).mint("deleted");
    let deleted = root.delete(&key.path).expect(200);
    assert_eq!(deleted["enforced"], true);
    assert_eq!(deleted["key"]["revoked"]["reason"], "deleted");
    gateway.verify(&key.secret).is_refused("revoked");
    assert_eq!(key.read()["status"], "revoked");
    assert_eq!(key.told(), ["api_key.created", "api_key.revoked"]);
}

#[test]
fn g9_an_operator_can_tell_why_a_call_was_refused() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = root.tenant("site", json!({}));
    let key = tenant.mint_with(json!({"name": "k", "ip_rules": {"allow": [{"cidr": "192.0.2.0/24"}]}}));
    let revoked = tenant.mint("revoked");
    revoked.revoke("compromised");
    let now = gateway.verify(&key.secret).0["judged_at"].clone();
    let now = credledger::clock::Timestamp::parse(now.as_str().expect("an instant")).expect("an instant");
    let expiring = tenant.mint_with(json!({"name": "expiring", "expires_at": now.plus_seconds(2)}));
    eventually(|| (gateway.verify(&expiring.secret).0["valid"] == false).then_some(())).expect("its end");

    let whole = key.secret.as_str();
    let cases = [
        (format!(" {whole}"), "malformed", "space"),
        (format!("{whole}\n"), "malformed", "space"),
        (whole[..whole.len() - 5].to_owned(), "malformed", "cut"),
        (format!("{whole}{whole}"), "malformed", "form"),
        (whole.to_owned(), "ip_denied", "IP rules"),
        (expiring.secret.clone(), "expired", "expired"),
        (revoked.secret.clone(), "revoked", "Revoked"),
    ];
    for (text, reason, word) in cases {
        let verdict =
            gateway.verify_as(json!({"credential": text, "client_ip": "203.0.113.9", "record": true}));
        let detail = verdict.is_refused(reason)["detail"].as_str().unwrap_or_default().to_owned();
        assert!(detail.contains(word), "{reason}: {detail}");
        // Of a real secret it is told whose it is; of a text that is none, nothing.
        assert_eq!(verdict.0.get("credential_id").is_some(), reason != "malformed", "{}", verdict.0);
    }
    // And weeks later, from the log: which key, why, from where.
    let refused = || {
        let page = root.get(&format!("{}/activity?client_ip=203.0.113.9", tenant.path())).expect(200);
        let rows = page["data"].as_array().expect("a page").iter();
        rows.map(|row| (text(&row["name"]), text(&row["outcome"]))).collect::<Vec<_>>()
    };
    let expected = [("revoked", "revoked"), ("expiring", "expired"), ("k", "ip_denied")];
    let expected = expected.map(|(name, outcome)| (name.to_owned(), outcome.to_owned()));
    eventually(|| (refused() == expected).then_some(())).unwrap_or_else(|| panic!("{:?}", refused()));
}
