//! A cut-over is watched: who still calls with the former secret, whether it is safe to close, and that it closes by itself.

use serde_json::{Value, json};

use crate::support::client::Request;
use crate::support::service::{Actor, Key, Service, eventually, millis, text};
use crate::{acme, without_an_event};

/// What usage says of the former secret, by so many quiet seconds.
fn former(key: &Key<'_>, quiet_seconds: u32) -> Value {
    let told = key.admin.get(&format!("{}/usage?quiet_seconds={quiet_seconds}", key.path)).expect(200);
    assert_eq!(told["quiet_seconds"], quiet_seconds);
    told["secrets"][0].clone()
}

#[track_caller]
fn is_not_safe(former: &Value, code: &str) {
    let told = (&former["safe_to_close"], &former["not_safe_because"]["code"]);
    assert_eq!(told, (&json!(false), &json!(code)), "{former}");
}

fn call(gateway: &Actor, secret: &str, ip: &str) -> Value {
    gateway.verify_as(json!({"credential": secret, "client_ip": ip, "operation": "list"})).0
}

#[test]
fn each_secret_says_who_calls_with_it_and_the_former_one_whether_it_is_safe_to_close() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let key = acme(&root).mint("k");
    let (newer, rotated) = key.rotate(json!({"grace_seconds": 7200}));
    is_not_safe(&former(&key, 3600), "rotated_lately");
    let rotated_at = &rotated["key"]["secrets"][1]["created_at"];
    let told = former(&key, 3600);
    assert_eq!(&told["quiet_since"], rotated_at);
    assert_eq!(millis(&told["not_safe_because"]["safe_from"]), millis(rotated_at) + 3_600_000);
    assert_eq!(told["expires_at"], rotated["key"]["secrets"][0]["expires_at"]);

    call(&gateway, &key.secret, "192.0.2.1");
    call(&gateway, &newer, "192.0.2.2");
    let told = former(&key, 3600);
    is_not_safe(&told, "in_use");
    assert_eq!(told["quiet_since"], told["last_used_at"]);
    assert_eq!(told["calls"], json!([{"operation": "list", "outcome": "accepted", "calls": 1}]));
    let addresses = told["addresses"].as_array().expect("addresses");
    let seen: Vec<_> = addresses.iter().map(|seen| (&seen["client_ip"], &seen["accepted"])).collect();
    assert_eq!(seen, [(&json!("192.0.2.1"), &json!(1))]);
    let whole = root.get(&format!("{}/usage", key.path)).expect(200);
    assert_eq!(whole["quiet_seconds"], 86_400);
    assert_eq!(whole["secrets"][1]["addresses"][0]["client_ip"], "192.0.2.2");
    assert_eq!(whole["secrets"][1].get("safe_to_close"), None, "it is the active one");
    assert_eq!(whole["addresses"].as_array().map(Vec::len), Some(2));

    let safe = eventually(|| Some(former(&key, 1)).filter(|told| told["safe_to_close"] == true));
    let safe = safe.expect("after a quiet second");
    assert_eq!((&safe["quiet_since"], &safe["not_safe_because"]), (&safe["last_used_at"], &Value::Null));
}

#[test]
fn whoever_calls_with_it_after_its_window_is_seen_too() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let key = acme(&root).mint("k");
    key.rotate(json!({"grace_seconds": 1}));
    let refused = || call(&gateway, &key.secret, "192.0.2.7")["reason"] == "rotated_out";
    eventually(|| refused().then_some(())).expect("the window ends");
    let told = former(&key, 1);
    assert_eq!((&told["status"], told.get("safe_to_close")), (&json!("expired"), None));
    let calls = told["calls"].as_array().expect("calls");
    let late = calls.iter().find(|calls| calls["outcome"] == "rotated_out").expect("who came too late");
    assert_eq!(late["calls"], 1);
    let from = &told["addresses"][0];
    assert_eq!((&from["client_ip"], &from["refused"]), (&json!("192.0.2.7"), &json!(1)));
}

#[test]
fn of_a_client_the_former_secret_is_told_by_itself_under_its_own_id_and_under_one_that_is_kept() {
    let service = Service::start();
    let root = service.root();
    for rotation in ["new_id", "keep_id"] {
        let tenant = root.tenant(&rotation.replace('_', "-"), json!({"client_rotation": rotation}));
        let client = tenant.client("c");
        let (_, rotated) = client.rotate(json!({"grace_seconds": 7200, "close_when_quiet_seconds": 3600}));
        let secrets = &rotated["client"]["secrets"];
        assert_eq!(secrets[0]["close_when_quiet_seconds"], 3600);
        assert_eq!(secrets[0]["client_id"] == secrets[1]["client_id"], rotation == "keep_id");
        let exchange = |id: &Value, secret: &str| {
            let form = format!("grant_type=client_credentials&client_id={}&client_secret={secret}", text(id));
            let request = Request::new("POST", "/api/v1/oauth/token")
                .header("Content-Type", "application/x-www-form-urlencoded");
            service.anonymous().send(&request.body(form.into_bytes())).expect(200)
        };
        exchange(&secrets[1]["client_id"], rotated["secret"].as_str().expect("a secret"));
        is_not_safe(&former(&client, 3600), "rotated_lately");
        let token = exchange(&secrets[0]["client_id"], &client.secret)["access_token"].clone();
        let used = former(&client, 3600);
        is_not_safe(&used, "in_use");
        eventually(|| (former(&client, 1)["safe_to_close"] == true).then_some(())).expect("a quiet second");
        service.gateway().verify(&text(&token)).is_accepted();
        let by_token = former(&client, 3600);
        assert!(millis(&by_token["quiet_since"]) > millis(&used["quiet_since"]), "a token of it is a use");
    }
}

#[test]
fn a_call_that_is_turned_away_because_something_rests_is_use_and_one_that_may_not_is_none() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let denied = json!({"deny": [{"cidr": "192.0.2.9"}]});
    let key = tenant.mint_with(json!({"name": "k", "ip_rules": denied}));
    key.rotate(json!({"grace_seconds": 7200}));
    assert_eq!(call(&gateway, &key.secret, "192.0.2.9")["reason"], "ip_denied");
    is_not_safe(&former(&key, 3600), "rotated_lately");
    for (path, reason) in [(key.path.clone(), "suspended"), (tenant.path(), "tenant_suspended")] {
        let before = millis(&former(&key, 3600)["quiet_since"]);
        root.post(&format!("{path}/suspend"), &json!({})).expect(200);
        let turned_away = || (call(&gateway, &key.secret, "192.0.2.1")["reason"] == reason).then_some(());
        eventually(turned_away).expect(reason);
        let told = former(&key, 3600);
        is_not_safe(&told, "in_use");
        assert!(millis(&told["quiet_since"]) > before, "{reason}");
        assert_eq!(told["last_used_at"], Value::Null, "nobody was let in");
        root.post(&format!("{path}/resume"), &json!({})).expect(200);
    }
}

#[test]
fn what_was_lost_with_a_crash_makes_it_unsafe_and_a_stop_in_order_does_not() {
    let mut service = Service::start();
    let path = {
        let root = service.root();
        let key = acme(&root).mint("k");
        key.rotate(json!({"grace_seconds": 7200}));
        key.path.clone()
    };
    let former = |service: &Service, quiet: u32| {
        service.root().get(&format!("{path}/usage?quiet_seconds={quiet}")).expect(200)["secrets"][0].clone()
    };
    let since = former(&service, 3600)["quiet_since"].clone();
    assert_eq!(service.stop(), Some(0));
    service.start_again();
    let told = former(&service, 3600);
    is_not_safe(&told, "rotated_lately");
    assert_eq!(told["quiet_since"], since, "a restart is no gap");
    service.kill();
    service.start_again();
    let lost = || Some(former(&service, 3600)).filter(|told| told["not_safe_because"]["code"] == "lost");
    let lost = eventually(lost).expect("it is said that something may be lost");
    assert!(millis(&lost["quiet_since"]) > millis(&since));
    let safe = || (former(&service, 1)["safe_to_close"] == true).then_some(());
    eventually(safe).expect("nothing was lost since");
}

#[test]
fn a_window_closes_by_itself_once_it_is_quiet_and_history_and_trail_say_why() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let key = tenant.mint("k");
    let (newer, rotated) = key.rotate(json!({"grace_seconds": 3600, "close_when_quiet_seconds": 3}));
    assert_eq!(rotated["key"]["secrets"][0]["close_when_quiet_seconds"], 3);
    assert_eq!(rotated["key"]["secrets"][1]["close_when_quiet_seconds"], Value::Null);
    // As long as somebody calls it stays open, much longer than that.
    let rotated_at = millis(&rotated["key"]["secrets"][1]["created_at"]);
    let called = || {
        let verdict = gateway.verify(&key.secret);
        (millis(&verdict.is_accepted()["judged_at"]) > rotated_at + 7_000).then_some(verdict)
    };
    eventually(called).expect("it is called for seven seconds");
    let used = millis(&key.read()["secrets"][0]["last_used_at"]);
    let closed = || Some(key.read()).filter(|key| key["secrets"][0]["status"] == "expired");
    let closed = eventually(closed).expect("it closes");
    let refused = || (gateway.verify(&key.secret).0["reason"] == "rotated_out").then_some(());
    eventually(refused).expect("and the service follows");
    gateway.verify(&newer).is_accepted();
    assert_eq!((&closed["version"], &closed["status"]), (&rotated["key"]["version"], &json!("active")));
    let last = key.history().pop().expect("an event");
    assert_eq!((&last["type"], &last["data"]["cause"]), (&json!("api_key.secret_expired"), &json!("quiet")));
    assert_eq!((&last["actor"]["kind"], &last["client_ip"]), (&json!("system"), &Value::Null));
    assert_eq!(last["data"]["ended_at"], closed["secrets"][0]["expires_at"]);
    assert!(millis(&last["data"]["ended_at"]) >= used + 3_000, "{last}");
    let trail =
        root.get_caught_up(&format!("{}/audit?type=api_key.secret_expired", tenant.path())).expect(200);
    assert_eq!(trail["data"], json!([last]));
    // A past verdict tells the event that closed it.
    let body = json!({"secret_id": closed["secrets"][0]["id"], "position": last["position"]});
    let decided = root.post(&format!("{}/decide", tenant.path()), &body).expect(200);
    assert_eq!(decided["reason"], "rotated_out", "{decided}");
    let by = decided["decided_by"].as_array().expect("positions");
    assert!(by.contains(&last["position"]), "{decided}");
}

#[test]
fn closing_when_quiet_is_set_and_taken_back_where_the_window_is_moved() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let (kept, closing) = (tenant.mint("kept"), tenant.mint("closing"));
    kept.rotate(json!({"grace_seconds": 3600, "close_when_quiet_seconds": 3}));
    let window = kept.secret_path(0);
    let told = root.patch(&window, &json!({"close_when_quiet_seconds": null})).expect(200);
    assert_eq!(told["key"]["secrets"][0]["close_when_quiet_seconds"], Value::Null);
    closing.rotate(json!({"grace_seconds": 3600}));
    let told = root.patch(&closing.secret_path(0), &json!({"close_when_quiet_seconds": 3})).expect(200);
    assert_eq!(told["key"]["secrets"][0]["close_when_quiet_seconds"], 3);
    let closed = || (closing.read()["secrets"][0]["status"] == "expired").then_some(());
    eventually(closed).expect("the one that was rotated later is closed");
    assert_eq!(kept.read()["secrets"][0]["status"], "expiring", "the other is not");
    assert_eq!(kept.told(), ["api_key.created", "api_key.rotated", "api_key.grace_moved"]);
    let over = root.patch(&closing.secret_path(0), &json!({"close_when_quiet_seconds": null}));
    over.problem(409, "conflict");
}

#[test]
fn what_makes_no_sense_is_refused_by_its_member() {
    let service = Service::start();
    let root = service.root();
    let key = acme(&root).mint("k");
    for number in ["0", "31536001", "-1", "1.5", "soon", ""] {
        let told = root.get(&format!("{}/usage?quiet_seconds={number}", key.path));
        assert_eq!(
            told.problem(400, "invalid_request")["errors"][0]["parameter"],
            "quiet_seconds",
            "{number}"
        );
    }
    let rotate = format!("{}/rotate", key.path);
    for (grace, quiet) in [
        (json!(3600), json!(0)),
        (json!(3600), json!(31_536_001)),
        (json!(3600), json!(-1)),
        (json!(3600), json!(1.5)),
        (json!(3600), json!("60")),
        (json!(3600), json!(3600)),
        (json!(0), json!(1)),
        (Value::Null, json!(604_800)),
    ] {
        let mut body = json!({"close_when_quiet_seconds": quiet});
        if !grace.is_null() {
            body["grace_seconds"] = grace;
        }
        let problem = root.post(&rotate, &body).problem(400, "invalid_request");
        assert_eq!(problem["errors"][0]["pointer"], "/close_when_quiet_seconds", "{body}: {problem}");
    }
    key.rotate(json!({"grace_seconds": 3600, "close_when_quiet_seconds": null}));
    let window = key.secret_path(0);
    for (body, pointer) in [
        (json!({"close_when_quiet_seconds": 3600}), "/close_when_quiet_seconds"),
        (json!({"close_when_quiet_seconds": true}), "/close_when_quiet_seconds"),
        (json!({"close_when_quiet_seconds": 60, "quiet": 60}), "/quiet"),
        (json!({"expires_at": null}), "/expires_at"),
    ] {
        let problem = root.patch(&window, &body).problem(400, "invalid_request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}: {problem}");
    }
    without_an_event(&root, || root.patch(&window, &json!({})).expect(200));
    let active = root.patch(&key.secret_path(1), &json!({"close_when_quiet_seconds": 60}));
    active.problem(409, "conflict");
}
