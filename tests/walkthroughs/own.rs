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

/// Somebody else's table, as it was exported: ids, digests, and when each was made.
fn exported(number: usize) -> (String, serde_json::Value) {
    let key = format!(
        "sk_live_{}",
        "3ZaBcDeFgHjKmNpQrStUvW".chars().cycle().skip(number).take(22).collect::<String>()
    );
    let digest = credledger::vault::sha256(&[key.as_bytes()]);
    let digest = credledger::domain::base64url::encode(&digest);
    let row = json!({
        "old_id": format!("key_{number}"), "digest": digest, "prefix": &key[..12], "name": format!("customer {number}"),
        "created_at": "2024-05-06T07:08:09.000Z", "scopes": ["orders:read"]
    });
    (key, row)
}

#[test]
fn n9_people_move_in_with_the_keys_they_have_and_nobody_is_given_another_one() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = root.tenant("acme", json!({}));
    let format = json!({"prefix": "sk_live_", "alphabet": "base58", "length": {"min": 29, "max": 30}});
    let header = json!({"import": {"source": "unkey", "format": format, "digest": {"algorithm": "sha256"}}});
    let customers: Vec<_> = (0..20).map(exported).collect();
    gateway.verify(&customers[0].0).is_refused("malformed");

    let body: String = std::iter::once(&header)
        .chain(customers.iter().map(|(_, row)| row))
        .map(|line| format!("{line}\n"))
        .collect();
    let path = format!("{}/keys/import", tenant.path());
    let send = |body: &str| {
        let request = root.request("POST", &path).header("Content-Type", "application/x-ndjson");
        let answer = root.send(&request.body(body.into()));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let lines = answer.text();
        lines
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect::<Vec<serde_json::Value>>()
    };
    let told = send(&body);
    assert_eq!(told.len(), customers.len() + 1);
    assert_eq!(told[customers.len()]["summary"]["imported"], customers.len());

    // Each customer's own key works, here and now, and is told by the name and the prefix it had.
    for ((key, row), told) in customers.iter().zip(&told) {
        assert_eq!((&told["outcome"], &told["old_id"]), (&json!("imported"), &row["old_id"]));
        let verdict = gateway.verify(key);
        let accepted = verdict.is_accepted();
        assert_eq!((&accepted["credential_id"], &accepted["name"]), (&told["key_id"], &row["name"]));
        assert_eq!((&accepted["prefix"], &accepted["scopes"]), (&row["prefix"], &json!(["orders:read"])));
        assert_eq!(service.whoami(key).expect(200)["credential_id"], told["key_id"]);
    }
    let unknown = format!("{}x", &customers[0].0[..29]);
    gateway.verify(&unknown).is_refused("not_found");

    // Sent again after whatever went wrong, it changes nothing.
    let again = send(&body);
    assert_eq!(again[customers.len()]["summary"]["exists"], customers.len());

    // From here on it is a key like any other, with its history from the first day here.
    let (first, second) = (text(&told[0]["key_id"]), text(&told[1]["key_id"]));
    let at = |id: &str| format!("{}/keys/{id}", tenant.path());
    let shown = root.get(&at(&first)).expect(200);
    assert_eq!(
        (&shown["imported"]["source"], &shown["imported"]["old_id"]),
        (&json!("unkey"), &json!("key_0"))
    );
    assert_eq!(shown["created_at"], "2024-05-06T07:08:09.000Z");
    let rotated = root.post(&format!("{}/rotate", at(&first)), &json!({"grace_seconds": 3600})).expect(201);
    gateway.verify(&text(&rotated["secret"])).is_accepted();
    assert_eq!(gateway.verify(&customers[0].0).is_accepted()["secret_status"], "expiring");
    let revoked = root.post(&format!("{}/revoke", at(&second)), &json!({"reason": "leaked"})).expect(200);
    assert_eq!(revoked["enforced"], true);
    gateway.verify(&customers[1].0).is_refused("revoked");
    let history = root.get(&format!("{}/history", at(&first))).expect(200);
    assert_eq!(history["data"][0]["type"], "api_key.imported");
    assert_eq!(history["data"][0]["data"]["source"], "unkey");
    assert!(!history.to_string().contains(customers[0].1["digest"].as_str().expect("a digest")));
}

#[test]
fn n10_personal_data_is_erased_on_request_and_everything_else_goes_on() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = root.tenant("acme", json!({}));
    let person =
        json!({"kind": "person", "name": "Ada Lovelace", "email": "ada@acme.example", "scopes": ["*"]});
    let member = root.post(&format!("{}/members", tenant.path()), &person).expect(201)["member"].clone();
    let key =
        tenant.mint_with(json!({"name": "Ada's laptop", "owner": member["id"], "scopes": ["orders:read"]}));
    key.edit(json!({"description": "lent to Ada"}));
    let erasures = format!("{}/erasures", tenant.path());

    // She asks to be forgotten: her account, and what names her in the histories of her keys.
    root.post(&erasures, &json!({"member": member["id"], "reason": "requested"})).expect(201);
    for event in key.history() {
        let body = json!({"text": {"position": event["position"]}, "reason": "requested"});
        root.post(&erasures, &body).expect(201);
    }
    let told = [key.read(), json!(key.history()), root.get(&erasures).expect(200)];
    let told = format!("{told:?} {:?}", root.get(&format!("{}/members", tenant.path())).expect(200));
    assert!(!told.contains("Ada") && !told.contains("127.0.0.1"), "{told}");

    // What happened, and when, and by whom, stands as it stood; the key works, and so does everything with it.
    assert_eq!(key.told(), ["api_key.created", "api_key.edited"]);
    assert_eq!(gateway.verify(&key.secret).is_accepted()["owner"], member["id"]);
    let (second, _) = key.rotate(json!({"grace_seconds": 0}));
    assert_eq!(key.edit(json!({"name": "laptop 7"}))["key"]["name"], "laptop 7");
    assert_eq!(gateway.verify(&second).is_accepted()["name"], "laptop 7");
}
