//! Usage while the database is away, and after a crash: what is told is what was counted, or less by what the docs say.

use serde_json::{Value, json};

use crate::behind_a_proxy;
use crate::support::service::{Actor, Service, eventually};

fn metric(service: &Service, name: &str) -> f64 {
    let page = service.anonymous().get("/metrics").text();
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in\n{page}"))
}

fn totals(root: &Actor, path: &str) -> Option<Value> {
    let answer = root.get(&format!("{path}/usage"));
    (answer.status == 200).then(|| answer.json()["totals"]["accepted"].clone())
}

#[test]
fn while_the_database_is_away_calls_are_counted_and_afterwards_each_is_there_once() {
    let (service, proxy, _database) = behind_a_proxy(Service::start_private, &["--usage-flush-seconds", "1"]);
    let (root, gateway) = (service.root(), service.gateway());
    let key = root.tenant("acme", json!({})).mint("k");
    let mut made = 0;
    let mut call = || {
        // Without a lease there is no verdict, and nothing to count.
        let answer =
            gateway.post("/api/v1/verify", &json!({"credential": key.secret, "client_ip": "192.0.2.1"}));
        made += i64::from(answer.status == 200);
        made
    };
    for _ in 0..3 {
        for _ in 0..10 {
            call();
        }
        proxy.refuse();
        for _ in 0..10 {
            call();
        }
        eventually(|| (service.anonymous().get("/readyz").status == 503).then_some(()))
            .expect("the database is missed");
        proxy.heal();
        eventually(|| (service.anonymous().get("/readyz").status == 200).then_some(()))
            .expect("the database is back");
        let made = call();
        eventually(|| (totals(&root, &key.path)? == made).then_some(())).expect("each call once");
        eventually(|| (metric(&service, "credledger_usage_pending_rows") == 0.0).then_some(()))
            .expect("what was counted is brought");
        assert_eq!(totals(&root, &key.path), Some(json!(made)), "and counts once");
    }
    assert_eq!(metric(&service, "credledger_usage_dropped_total"), 0.0);
}

#[test]
fn a_crash_loses_what_was_not_brought_and_nothing_else() {
    let mut service = Service::start_with(&["--usage-flush-seconds", "1"]);
    let (root, gateway) = (service.root(), service.gateway());
    let key = root.tenant("acme", json!({})).mint("k");
    let path = key.path.clone();
    for _ in 0..5 {
        gateway.verify(&key.secret).is_accepted();
    }
    eventually(|| (metric(&service, "credledger_usage_pending_rows") == 0.0).then_some(()))
        .expect("what was counted is brought");
    gateway.verify(&key.secret).is_accepted();
    let used = key.read()["last_used_at"].clone();
    drop((root, gateway));
    service.kill();
    service.start_again();
    let root = service.root();
    let told = totals(&root, &path).and_then(|told| told.as_i64()).expect("a number");
    assert!(told == 5 || told == 6, "{told}: the last one may have been brought, and those before it were");
    let read = root.get(&path).expect(200);
    assert!(read["last_used_at"].is_string() && read["last_used_at"].as_str() <= used.as_str(), "{read}");
}
