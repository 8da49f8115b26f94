//! Alive, ready, measured, described.

use serde_json::json;

use crate::acme;
use crate::matrix::{Named, ROWS, operator_of};
use crate::support::service::Service;

#[test]
fn the_service_says_that_it_is_alive_and_ready_and_where_it_stands() {
    let service = Service::start();
    let root = service.root();
    let key = acme(&root).mint("k");
    let anyone = service.anonymous();
    assert_eq!(anyone.get("/healthz").expect(200), json!({"status": "ok"}));
    let ready = anyone.get("/readyz").expect(200);
    for (member, value) in [
        ("status", json!("ready")),
        ("lease", json!(true)),
        ("database", json!(true)),
        ("view", json!(true)),
        ("position", key.minted["position"].clone()),
    ] {
        assert_eq!(ready[member], value, "{member}");
    }
}

#[test]
fn whoever_comes_to_the_root_is_told_where_to_read() {
    let service = Service::start();
    let problem = service.anonymous().get("/").problem(404, "not_found");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("/docs")), "{problem}");
}

#[test]
fn metrics_count_verdicts_and_name_no_tenant_or_credential() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let key = tenant.mint("secret-name");
    gateway.verify(&key.secret).is_accepted();
    gateway.verify("x").is_refused("malformed");
    let page = service.anonymous().get("/metrics");
    let text = page.text();
    assert_eq!(page.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    for line in [
        "credledger_verdicts_total{door=\"verify\",outcome=\"accepted\"} 1",
        "credledger_verdicts_total{door=\"verify\",outcome=\"malformed\"} 1",
        "credledger_view_credentials 1",
    ] {
        assert!(text.lines().any(|own| own == line), "{line} is not in\n{text}");
    }
    for name in [tenant.id.as_str(), &key.id, "acme", "secret-name", &key.secret[..16]] {
        assert!(!text.contains(name), "{name}");
    }
}

/// The service and its database are on one machine here.
#[test]
fn metrics_tell_how_far_a_verdict_may_lag_and_by_which_clock_it_is_judged() {
    let service = Service::start();
    acme(&service.root()).mint("k");
    let page = service.anonymous().get("/metrics").text();
    let value = |name: &str| -> f64 {
        let own = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        own.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{name} is not in\n{page}"))
    };
    assert_eq!(value("credledger_lag_events"), 0.0);
    assert!(value("credledger_lease_age_seconds") > 0.0);
    assert!(value("credledger_clock_reading_seconds") > 0.0);
    let offset = value("credledger_clock_offset_seconds");
    assert!(offset.abs() < 0.05, "{offset} s from a clock that is the same");
}

#[test]
fn metrics_behind_a_proxy_are_for_auditors_of_all_and_root() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let ask = |actor: &crate::support::service::Actor| {
        actor.send(&actor.request("GET", "/metrics").header("X-Forwarded-For", "192.0.2.1"))
    };
    ask(&service.anonymous()).problem(401, "unauthorized");
    for (role, tenants, status) in [
        ("auditor", vec![], 200),
        ("root", vec![], 200),
        ("auditor", vec![tenant.id.as_str()], 403),
        ("org_admin", vec![], 403),
        ("gateway", vec![], 403),
    ] {
        assert_eq!(ask(&service.operator(role, &tenants)).status, status, "{role} {tenants:?}");
    }
}

#[test]
fn the_document_is_served_with_the_installations_own_url() {
    let service = Service::start();
    let document = service.anonymous().get("/openapi.json").expect(200);
    assert_eq!(document["servers"][0]["url"], service.url());
    let public = Service::start_with(&["--public-url", "https://keys.example/base"]);
    assert_eq!(
        public.anonymous().get("/openapi.json").expect(200)["servers"][0]["url"],
        "https://keys.example/base"
    );
    let root = public.root();
    let minted = acme(&root).mint("k").minted;
    assert!(
        minted["curl"].as_str().is_some_and(|line| line.contains("https://keys.example/base/api/v1/whoami")),
        "{minted}"
    );
}

#[test]
fn behind_a_prefix_whatever_is_made_is_found_where_its_answer_says() {
    let service = Service::start_with(&["--public-url", "https://keys.example/base"]);
    let root = service.root();
    let tenant = acme(&root);
    let (named, operator) = (Named::fresh(&tenant), operator_of(&root, "gateway", &[]));
    let parts = named.parts(&tenant.id, &operator.0, &operator.1);
    let mut led = 0;
    for row in ROWS.iter().filter(|row| row.method == "POST") {
        let request = root.request("POST", &row.path_of(&parts)).header("Content-Type", "application/json");
        let answer = root.send(&request.body(row.body(&parts).unwrap_or_default().into()));
        let Some(place) = answer.header("location") else { continue };
        assert!(place.starts_with("/base/api/admin/v1/"), "{}: {place}", row.path);
        led += 1;
    }
    assert!(led >= 7, "only {led} answers led anywhere");
}

#[test]
fn metrics_tell_what_was_answered_written_and_waits() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let key = tenant.mint("k");
    let retried = |name: &str| {
        let request = root.request("POST", &format!("{}/keys", tenant.path())).json(&json!({"name": name}));
        root.send(&request.header("Idempotency-Key", "once"))
    };
    retried("again").expect(201);
    retried("again").expect(201);
    retried("other").problem(422, "idempotency_mismatch");
    root.verify(&key.secret).is_accepted();
    service.anonymous().get("/api/v1/whoami").problem(401, "unauthorized");
    service.anonymous().get("/nowhere").problem(404, "not_found");
    let position = key.minted["position"].as_u64().expect("a position") + 1000;
    root.get(&format!("{}?min_position={position}", tenant.path())).problem(503, "behind");
    let page = service.anonymous().get("/metrics").text();
    let value = |name: &str| -> f64 {
        let own = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        own.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{name} is not in\n{page}"))
    };
    for (name, expected) in [
        ("credledger_answers_total{door=\"verify\",status=\"2xx\"}", 1.0),
        ("credledger_answers_total{door=\"whoami\",status=\"4xx\"}", 1.0),
        ("credledger_answers_total{door=\"service\",status=\"4xx\"}", 1.0),
        ("credledger_answers_total{door=\"operators\",status=\"2xx\"}", 4.0),
        ("credledger_answers_total{door=\"operators\",status=\"4xx\"}", 1.0),
        ("credledger_answers_total{door=\"operators\",status=\"5xx\"}", 1.0),
        ("credledger_problems_total{code=\"behind\",status=\"503\"}", 1.0),
        ("credledger_problems_total{code=\"idempotency_mismatch\",status=\"422\"}", 1.0),
        ("credledger_problems_total{code=\"internal\",status=\"500\"}", 0.0),
        ("credledger_commands_total{lane=\"people\",outcome=\"replayed\"}", 1.0),
        ("credledger_commands_total{lane=\"people\",outcome=\"refused\"}", 1.0),
        ("credledger_commands_total{lane=\"people\",outcome=\"unknown\"}", 0.0),
        ("credledger_queue_commands{lane=\"people\"}", 0.0),
        ("credledger_queue_commands{lane=\"housekeeping\"}", 0.0),
        ("credledger_due_age_seconds", 0.0),
        ("credledger_warning_age_seconds", 0.0),
        ("credledger_pool_connections{pool=\"commands\",state=\"most\"}", 8.0),
        ("credledger_pool_waiting{pool=\"reads\"}", 0.0),
    ] {
        assert_eq!(value(name), expected, "{name}");
    }
    // The first operator and its token were made before.
    let done = value("credledger_commands_total{lane=\"people\",outcome=\"done\"}");
    let batches = value("credledger_append_seconds_count");
    assert!(done >= 4.0 && batches >= 4.0, "{done} commands in {batches} batches");
    assert_eq!(value("credledger_batch_commands_count"), batches);
    assert_eq!(value("credledger_batch_commands_bucket{le=\"+Inf\"}"), batches);
    assert!(value("credledger_batch_commands_bucket{le=\"1\"}") <= value("credledger_batch_commands_sum"));
    assert!(value("credledger_append_seconds_sum") > 0.0);
}
