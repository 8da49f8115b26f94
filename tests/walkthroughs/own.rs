//! N: what no other product of the field has.

use serde_json::json;

use crate::support::service::{Actor, Service, Tenant, eventually, millis, text};

/// A key that was widened, used, restricted, and found to be leaked: what an auditor is asked about weeks later.
#[test]
fn n2_one_credential_is_told_as_it_was_at_any_instant_and_at_any_position() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({}));
    let key = tenant.mint_with(json!({"name": "ci-runner", "scopes": ["orders:read"]}));
    let widened = key.edit(json!({"scopes": ["orders:*"], "name": "ci-runner 2"}));
    key.edit(json!({"ip_rules": {"allow": [{"cidr": "192.0.2.0/24"}]}}));
    key.revoke("leaked");
    let auditor = service.operator("auditor", &[&tenant.id]);
    let at = |moment: &str| auditor.get(&format!("{}?{moment}", key.path)).expect(200);

    let minted = at(&format!("position={}", key.minted["position"]));
    assert_eq!((&minted["name"], &minted["scopes"]), (&json!("ci-runner"), &json!(["orders:read"])));
    assert_eq!((&minted["status"], &minted["version"]), (&json!("active"), &json!(1)));
    let then = at(&format!("position={}", widened["position"]));
    assert_eq!((&then["name"], &then["scopes"]), (&json!("ci-runner 2"), &json!(["orders:*"])));
    assert_eq!(then["ip_rules"]["allow"], json!([]));

    // At the instant of each event, and of none: whatever had happened by then.
    for event in key.history() {
        let shown = at(&format!("at={}", text(&event["at"])));
        let last = key.history().into_iter().rfind(|other| other["at"] == event["at"]).expect("itself");
        assert_eq!(shown, at(&format!("position={}", last["position"])));
    }
    let revoked = at(&format!("at={}", text(&key.history().last().expect("an event")["at"])));
    assert_eq!((&revoked["status"], &revoked["revoked"]["reason"]), (&json!("revoked"), &json!("leaked")));
    let early = auditor.get(&format!("{}?at=2020-01-01T00:00:00Z", key.path));
    early.problem(404, "not_found");
}

/// "Which keys were valid at 14:03, from where, for what?", asked of a whole tenant long after; and what became of them since.
#[test]
fn n2_a_whole_tenant_is_told_as_it_was_and_two_moments_are_compared() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({}));
    let rules = json!({"allow": [{"cidr": "192.0.2.0/24", "enabled": true}], "deny": []});
    let mint = |name: &str, scopes: &[&str]| {
        tenant.mint_with(json!({"name": name, "scopes": scopes, "ip_rules": rules}))
    };
    let (billing, backup) = (mint("billing", &["orders:read"]), mint("backup", &["files:*"]));
    let (deploy, machine) = (mint("deploy", &["*"]), tenant.client("machine"));
    deploy.revoke("superseded");
    let trail = |query: &str| root.get_caught_up(&format!("{}/audit?{query}", tenant.path())).expect(200);
    let then = text(&trail("order=desc&limit=1")["data"][0]["at"]);
    goes_on_after(&root, &tenant, &then);
    billing.edit(json!({"scopes": ["orders:*"], "ip_rules": null}));
    backup.rotate(json!({"grace_seconds": 3600}));
    backup.revoke("leaked");
    root.post(&format!("{}/suspend", machine.path), &json!({})).expect(200);
    let young = mint("young", &["orders:read"]);

    let auditor = service.operator("auditor", &[&tenant.id]);
    let list = |query: &str| {
        let page = auditor.get_caught_up(&format!("{}/{query}", tenant.path())).expect(200);
        page["data"].as_array().expect("a page").clone()
    };
    let valid = list(&format!("keys?at={then}&valid=true"));
    let told: Vec<_> =
        valid.iter().map(|key| (text(&key["name"]), &key["scopes"], &key["ip_rules"])).collect();
    assert_eq!(
        told,
        [
            ("backup".to_owned(), &json!(["files:*"]), &rules),
            ("billing".to_owned(), &json!(["orders:read"]), &rules)
        ]
    );
    assert_eq!(list(&format!("clients?at={then}&valid=true")).len(), 1);
    assert_eq!(list(&format!("keys?at={then}&status=revoked"))[0]["name"], "deploy");
    let now: Vec<String> = list("keys?valid=true").iter().map(|key| text(&key["name"])).collect();
    assert_eq!(now, ["young", "billing"]);

    // What became of them, each once, as it was and as it is.
    let changes = list(&format!("changes?from={then}"));
    let ids: Vec<&str> = changes.iter().map(|change| change["id"].as_str().expect("an id")).collect();
    assert_eq!(ids, [&*billing.id, &*backup.id, &*machine.id, &*young.id]);
    assert_eq!(changes[0]["before"]["scopes"], json!(["orders:read"]));
    assert_eq!(changes[0]["after"]["scopes"], json!(["orders:*"]));
    assert_eq!(
        (&changes[1]["before"]["status"], &changes[1]["after"]["status"]),
        (&json!("active"), &json!("revoked"))
    );
    assert_eq!(changes[3]["before"], json!(null));

    // As tables for a spreadsheet.
    for (query, lines) in [(format!("keys?at={then}&valid=true"), 3), (format!("changes?from={then}"), 5)] {
        let table = auditor.get_caught_up(&format!("{}/{query}&format=csv", tenant.path()));
        assert_eq!((table.status, table.text().lines().count()), (200, lines), "{query}");
    }
}

/// Whatever happens next has another instant.
fn goes_on_after(root: &Actor, tenant: &Tenant<'_>, then: &str) {
    let next = millis(&json!(then)) + 1;
    let next = credledger::clock::Timestamp::from_millis(next).expect("an instant");
    let path = format!("{}?at={next}", tenant.path());
    eventually(|| (root.get(&path).status == 200).then_some(())).expect("time goes on");
}

#[test]
fn n3_a_past_decision_is_replayed_with_the_events_that_decided_it() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = root.tenant("acme", json!({}));
    let key = tenant.mint_with(json!({"name": "ci-runner", "scopes": ["orders:read"]}));
    let rules = json!({"ip_rules": {"allow": [{"cidr": "192.0.2.0/24"}]}});
    let ruled = key.edit(rules)["position"].clone();
    let call = json!({"credential": key.secret, "client_ip": "198.51.100.7", "scopes": ["orders:read"]});
    let refused = gateway.verify_as(call).is_refused("ip_denied").clone();
    // Somebody mends it, and later the key goes.
    let mended = key.edit(json!({"ip_rules": null}))["position"].clone();
    key.revoke("unused");

    let auditor = service.operator("auditor", &[&tenant.id]);
    let decide = |moment: &serde_json::Value| {
        let mut body =
            json!({"prefix": refused["prefix"], "client_ip": "198.51.100.7", "scopes": ["orders:read"]});
        body.as_object_mut().expect("a question").extend(moment.as_object().expect("members").clone());
        auditor.post(&format!("{}/decide", tenant.path()), &body).expect(200)
    };
    let replayed = decide(&json!({"position": refused["position"], "at": refused["judged_at"]}));
    for member in ["valid", "reason", "detail", "credential_id", "secret_id", "name", "position", "judged_at"]
    {
        assert_eq!(replayed[member], refused[member], "{member}");
    }
    assert_eq!(replayed["decided_by"], json!([key.minted["position"], ruled]));
    // The events that it names are those of the history.
    let history = key.history();
    let named = history.iter().filter(|event| event["position"] == ruled).collect::<Vec<_>>();
    assert_eq!(named[0]["type"], "api_key.restricted");

    let after = decide(&json!({"position": mended}));
    assert_eq!(
        (&after["valid"], after["decided_by"].as_array().and_then(|all| all.last())),
        (&json!(true), Some(&mended))
    );
    let now = decide(&json!({"at": history.last().expect("an event")["at"]}));
    assert_eq!(now["reason"], "revoked");
}

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

/// As the owner of the database counts them, with any program that reads PostgreSQL.
fn events_in(service: &Service) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let owner = service.database.as_ref().expect("a database of the owner's").admin().await;
        let count = owner.query_one("select count(*) from credledger.events", &[]).await.expect("a count");
        u64::try_from(count.get::<_, i64>(0)).expect("a number")
    })
}

#[test]
fn n7_keys_and_clients_are_in_one_ledger_and_one_audit_query_kept_on_the_owners_own_postgresql() {
    let mut service = Service::start_with(&["--activity-retention-days", "3650"]);
    let (path, before, head, token) = {
        let root = service.root();
        let tenant = root.tenant("acme", json!({}));
        let admin = service.operator("org_admin", &[&tenant.id]);
        let (key, client) =
            (tenant.seen_by(&admin).mint("ci-runner"), tenant.seen_by(&admin).client("exporter"));
        client.edit(json!({"scopes": ["orders:read"]}));
        key.edit(json!({"scopes": ["orders:read"]}));
        client.revoke("unused");
        key.revoke("unused");

        // One query: what this operator did to whatever credential, and the same as one table.
        let who = root.get(&format!("{}/history", key.path)).expect(200)["data"][0]["actor"]["id"].clone();
        let path = format!("{}/audit?actor={}", tenant.path(), text(&who));
        let page = root.get_caught_up(&path).expect(200);
        let told = page["data"].as_array().expect("a page");
        let words: Vec<String> = told.iter().map(|event| text(&event["type"])).collect();
        let expected = [
            "api_key.created",
            "oauth_client.created",
            "oauth_client.rescoped",
            "api_key.rescoped",
            "oauth_client.revoked",
            "api_key.revoked",
        ];
        assert_eq!(words, expected);
        let table = root.send(&root.request("GET", &path).header("Accept", "text/csv")).text();
        let kinds: Vec<&str> = table.lines().skip(1).filter_map(|line| line.split(',').nth(4)).collect();
        let kind = |word: &String| word.split('.').next().map(str::to_owned);
        assert_eq!(kinds, words.iter().filter_map(kind).collect::<Vec<_>>());

        // One ledger: each of these has its place in the one order, which has no gap, and nothing of it stands elsewhere.
        let feed = root.get_caught_up("/api/admin/v1/ledger/events?limit=500").expect(200);
        let feed = feed["data"].as_array().expect("a page").clone();
        assert!(feed.iter().enumerate().all(|(index, event)| event["position"] == index));
        for event in told {
            let place = usize::try_from(event["position"].as_u64().expect("a position")).expect("a place");
            assert_eq!(feed[place], *event);
        }
        (path, page, feed.len() as u64, root.token.expect("a token"))
    };
    // On the owner's own PostgreSQL, whole: what was told is what stands there, also after the service has gone and come.
    assert!(events_in(&service) >= head);
    service.stop();
    service.start_again();
    assert_eq!(service.actor(&token).get_caught_up(&path).expect(200), before);
    // No route takes an event away, and there is no time after which one goes.
    let gone = service.actor(&token);
    for method in ["DELETE", "PATCH", "PUT"] {
        let answer = gone.send(&gone.request(method, "/api/admin/v1/ledger/events"));
        answer.problem(405, "method_not_allowed");
    }
    assert!(events_in(&service) >= head);
}

/// That rows which are no longer what was sealed are found: tests/faults/activity.rs.
#[test]
fn n6_what_was_called_is_sealed_by_events_of_the_ledger() {
    let mut service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = root.tenant("acme", json!({}));
    let key = tenant.mint("k");
    let calls = vec![json!({"credential_id": key.id, "operation": "orders.list"}); 40];
    for _ in 0..3 {
        gateway.post("/api/v1/activity", &json!({"calls": calls})).expect(200);
    }
    // Once a minute, and by the next start what there was no time for.
    service.stop();
    service.start_again();
    let root = service.root();
    let sealed = || {
        let feed = root.get_caught_up("/api/admin/v1/ledger/events?limit=500").expect(200);
        let events = feed["data"].as_array().expect("events").iter();
        events
            .filter(|event| event["type"] == "ledger.activity_sealed")
            .map(|event| event["data"].clone())
            .collect::<Vec<_>>()
    };
    let count = |seals: &[serde_json::Value]| -> u64 {
        seals.iter().map(|seal| seal["count"].as_u64().expect("a number")).sum()
    };
    let seals = eventually(|| Some(sealed()).filter(|seals| count(seals) >= 120)).expect("they are sealed");
    let mut next = 1;
    for seal in &seals {
        // One behind the other, so that nothing can be put in between or left out.
        assert_eq!(seal["first_seq"], next, "{seal}");
        next += seal["count"].as_u64().expect("a number");
        assert_eq!(text(&seal["root"]).len(), 43, "the root of a Merkle tree: {seal}");
    }
}

#[test]
fn n8_a_leaked_key_is_reported_revoked_recorded_and_shown_with_where_it_was_found() {
    let service = Service::start();
    let (root, gateway, finder) = (service.root(), service.gateway(), service.anonymous());
    let tenant = root.tenant("acme", json!({}));
    let key = tenant.mint("long-lived");
    let (successor, _) = key.rotate(json!({"grace_seconds": 3600}));
    let report = |token: &str, url: &str| {
        let body = json!({"token": token, "source": "a public repository", "url": url});
        finder.post("/api/v1/leaks", &body).expect(202)
    };

    let by = |ip: &str, operation: &str| {
        let call = json!({"credential": key.secret, "client_ip": ip, "operation": operation});
        gateway.verify_as(call).is_accepted().clone()
    };
    let used = by("192.0.2.7", "orders.list");
    let taken = by("198.51.100.66", "orders.export");

    // Of a secret that is on its way out, that one ends; whoever finds it learns nothing.
    let told = report(&key.secret, "https://git.example/1");
    gateway.verify(&key.secret).is_refused("revoked");
    gateway.verify(&successor).is_accepted();
    assert_eq!(told, report("nothing that is here", "https://git.example/2"));

    // What it did, from where, since when: also what is tried with it from now on.
    let radius = |place: usize, calls: &[(&str, i64)]| {
        let path = format!("{}/blast-radius", key.secret_path(place));
        let told = root.get_caught_up(&path).expect(200);
        let found = told["operations"].as_array().expect("operations").iter();
        let found = found.map(|each| {
            (each["operation"].as_str().unwrap_or("-"), each["calls"].as_i64().expect("a number"))
        });
        assert_eq!(found.collect::<Vec<_>>(), calls, "{told}");
        told
    };
    let stolen =
        json!({"credential": key.secret, "client_ip": "198.51.100.66", "operation": "orders.export"});
    gateway.verify_as(stolen).is_refused("revoked");
    let told = radius(0, &[("-", 1), ("orders.export", 2), ("orders.list", 1)]);
    assert_eq!(
        told["operations"][1]["outcomes"],
        json!([{"outcome": "accepted", "calls": 1}, {"outcome": "revoked", "calls": 1}])
    );
    assert_eq!((&told["first_used_at"], &told["last_used_at"]), (&used["judged_at"], &taken["judged_at"]));
    let from: Vec<_> = told["addresses"]
        .as_array()
        .expect("addresses")
        .iter()
        .map(|seen| text(&seen["client_ip"]))
        .collect();
    assert_eq!(from, ["198.51.100.66", "192.0.2.7"]);
    assert_eq!(told["leaks"][0]["url"], "https://git.example/1");
    assert_eq!(key.read()["leak"]["blast_radius"], told["links"]["self"]);

    // Of the active one, the key ends.
    report(&successor, "https://git.example/3");
    gateway.verify(&successor).is_refused("revoked");
    let shown = key.read();
    assert_eq!((&shown["status"], &shown["revoked"]["reason"]), (&json!("revoked"), &json!("leaked")));
    assert_eq!(shown["leak"]["url"], "https://git.example/3");
    assert_eq!(shown["leak"]["prefix"], shown["secrets"][1]["prefix"]);
    let words = ["created", "rotated", "leak_reported", "secret_revoked", "leak_reported", "revoked"];
    assert_eq!(key.told(), words.map(|word| format!("api_key.{word}")));
    for event in &key.history()[2..] {
        assert_eq!((&event["actor"]["kind"], &event["actor"]["id"]), (&json!("holder"), &json!(key.id)));
        assert!(event["client_ip"].is_string() && event["request_id"].is_string(), "{event}");
    }

    // A tenant that would rather decide by itself is told alone.
    root.patch(&tenant.path(), &json!({"settings": {"on_leak": "flag"}})).expect(200);
    let other = tenant.mint("flagged");
    report(&other.secret, "https://git.example/4");
    gateway.verify(&other.secret).is_accepted();
    assert_eq!(
        (&other.read()["status"], &other.read()["leak"]["url"]),
        (&json!("active"), &json!("https://git.example/4"))
    );
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
