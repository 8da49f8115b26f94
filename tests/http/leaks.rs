//! Whoever finds a secret may say so, and learns nothing by it.

use serde_json::{Value, json};

use crate::support::client::{Request, Response};
use crate::support::service::{Actor, Key, Service, text};
use crate::{acme, without_an_event};

pub const LEAKS: &str = "/api/v1/leaks";
const URL: &str = "https://paste.example/3fK9";
const UNKNOWN: &str = "cl_live_00000000000000000000000000000000000000000000";

pub fn report(actor: &Actor, token: &str) -> Response {
    actor.post(LEAKS, &json!({"token": token, "source": "a public paste", "url": URL}))
}

fn pair(client: &Key<'_>) -> String {
    format!("{}:{}", text(&client.minted["client_id"]), client.secret)
}

fn token_of(service: &Service, client: &Key<'_>) -> String {
    let id = text(&client.minted["client_id"]);
    let body = format!("client_id={id}&client_secret={}&grant_type=client_credentials", client.secret);
    let request = Request::new("POST", "/api/v1/oauth/token").body(body.into_bytes());
    let request = request.header("Content-Type", "application/x-www-form-urlencoded");
    text(&service.anonymous().send(&request).expect(200)["access_token"])
}

#[test]
fn the_very_next_request_with_a_reported_key_is_refused() {
    let service = Service::start();
    let (root, gateway, finder) = (service.root(), service.gateway(), service.anonymous());
    let key = acme(&root).mint("k");
    assert_eq!(report(&finder, &key.secret).expect(202), json!({"status": "received"}));
    gateway.verify(&key.secret).is_refused("revoked");
    let shown = key.read();
    assert_eq!((&shown["status"], &shown["revoked"]["reason"]), (&json!("revoked"), &json!("leaked")));
    assert_eq!(
        (&shown["revoked"]["by"]["kind"], &shown["revoked"]["by"]["id"]),
        (&json!("holder"), &json!(key.id))
    );
    let secret = &shown["secrets"][0];
    assert_eq!(
        shown["leak"],
        json!({"reported_at": shown["leak"]["reported_at"], "reporter": "finder", "source": "a public paste", "url": URL,
               "secret_id": secret["id"], "prefix": secret["prefix"],
               "blast_radius": format!("{}/blast-radius", key.secret_path(0))})
    );
    let history = key.history();
    assert_eq!(key.told(), ["api_key.created", "api_key.leak_reported", "api_key.revoked"]);
    assert_eq!(
        (&history[1]["data"]["source"], &history[1]["data"]["url"]),
        (&json!("a public paste"), &json!(URL))
    );
    assert_eq!(history[1]["request_id"], history[2]["request_id"]);
    assert_eq!(history[1]["position"].as_u64().map(|at| at + 1), history[2]["position"].as_u64());
    assert_eq!(history[1]["client_ip"], "127.0.0.1");
}

#[test]
fn a_secret_in_its_window_ends_alone_and_a_repeat_is_nothing() {
    let service = Service::start();
    let (root, gateway, finder) = (service.root(), service.gateway(), service.anonymous());
    let key = acme(&root).mint("k");
    let (newest, _) = key.rotate(json!({}));
    report(&finder, &key.secret).expect(202);
    gateway.verify(&key.secret).is_refused("revoked");
    gateway.verify(&newest).is_accepted();
    without_an_event(&root, || report(&finder, &key.secret).expect(202));
    let told = ["created", "rotated", "leak_reported", "secret_revoked"];
    assert_eq!(key.told(), told.map(|word| format!("api_key.{word}")));
    // From elsewhere it is news, of a secret that is over.
    finder.post(LEAKS, &json!({"token": key.secret, "source": "a build log"})).expect(202);
    assert_eq!(key.told().last().map(String::as_str), Some("api_key.leak_reported"));
    assert_eq!(key.read()["leak"]["url"], json!(null));
}

#[test]
fn a_tenant_that_only_flags_is_told_and_decides_by_itself() {
    let service = Service::start();
    let (root, gateway, finder) = (service.root(), service.gateway(), service.anonymous());
    let tenant = root.tenant("acme", json!({"on_leak": "flag"}));
    let key = tenant.mint("k");
    report(&finder, &key.secret).expect(202);
    gateway.verify(&key.secret).is_accepted();
    assert_eq!((&key.read()["leak"]["url"], &key.read()["status"]), (&json!(URL), &json!("active")));
    without_an_event(&root, || report(&finder, &key.secret).expect(202));
    let changed = root.patch(&tenant.path(), &json!({"settings": {"on_leak": "revoke"}})).expect(200);
    assert_eq!(changed["tenant"]["settings"]["on_leak"], "revoke");
    report(&finder, &key.secret).expect(202);
    gateway.verify(&key.secret).is_refused("revoked");
    assert_eq!(key.told(), ["api_key.created", "api_key.leak_reported", "api_key.revoked"]);
}

#[test]
fn clients_access_tokens_and_operator_tokens_end_too() {
    let service = Service::start();
    let (root, gateway, finder) = (service.root(), service.gateway(), service.anonymous());
    let tenant = root.tenant("acme", json!({"on_leak": "flag"}));
    let client = tenant.client("c");
    let (one, other) = (token_of(&service, &client), token_of(&service, &client));
    report(&finder, &one).expect(202);
    gateway.verify(&one).is_refused("revoked");
    gateway.verify(&other).is_accepted();

    root.patch(&tenant.path(), &json!({"settings": {"on_leak": null}})).expect(200);
    report(&finder, &pair(&client)).expect(202);
    gateway.verify(&other).is_refused("revoked");
    assert_eq!(client.told(), ["oauth_client.created", "oauth_client.leak_reported", "oauth_client.revoked"]);

    let auditor = service.operator("auditor", &[&tenant.id]);
    auditor.get(&tenant.path()).expect(200);
    report(&finder, auditor.token.as_deref().expect("a token")).expect(202);
    assert_eq!(auditor.get(&tenant.path()).problem(401, "unauthorized")["reason"], "revoked");
    without_an_event(&root, || report(&finder, auditor.token.as_deref().expect("a token")).expect(202));
}

fn without_what_differs(answer: &Response) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let differs = |name: &str| ["date", "x-request-id"].iter().any(|own| name.eq_ignore_ascii_case(own));
    let headers = answer.headers.iter().filter(|(name, _)| !differs(name)).cloned();
    (answer.status, headers.collect(), answer.body.clone())
}

#[test]
fn a_guess_and_a_hit_are_answered_alike() {
    let service = Service::start();
    let (root, finder) = (service.root(), service.anonymous());
    let tenant = acme(&root);
    let hit = without_what_differs(&report(&finder, &tenant.mint("k").secret));
    let client = tenant.client("c");
    let strange_id = format!("cl_client_0000000000000000:{}", client.secret);
    let strange_operator = "cl_operator_00000000000000000000000000000000000000000000";
    let misses = [
        UNKNOWN,
        "",
        "x",
        " ",
        "a:b",
        ":",
        &strange_id,
        strange_operator,
        &like(&client.secret),
        &"é".repeat(50_000),
    ];
    without_an_event(&root, || {
        for guess in misses {
            assert_eq!(without_what_differs(&report(&finder, guess)), hit, "{guess:.50}");
        }
    });
}

/// Another text of the same beginning.
fn like(secret: &str) -> String {
    let (rest, last) = secret.split_at(secret.len() - 1);
    format!("{rest}{}", if last == "0" { "1" } else { "0" })
}

#[test]
fn a_clients_secret_is_enough_whatever_its_tenant_and_however_it_was_rotated() {
    let service = Service::start();
    let (root, finder) = (service.root(), service.anonymous());
    let short =
        json!({"id_prefix": "b_id_", "id_chars": 16, "secret_prefix": "b_secret_", "secret_chars": 22});
    let settings = [json!({}), json!({"client_rotation": "keep_id"}), json!({"client_format": short})];
    for (place, settings) in settings.into_iter().enumerate() {
        let tenant = root.tenant(&format!("acme-{place}"), settings);
        let (client, other) = (tenant.client("c"), tenant.client("other"));
        let (newest, _) = client.rotate(json!({}));
        without_an_event(&root, || report(&finder, &like(&newest)).expect(202));
        // One in its window ends alone, the newest with the client.
        report(&finder, &client.secret).expect(202);
        report(&finder, &newest).expect(202);
        without_an_event(&root, || report(&finder, &newest).expect(202));
        let told = ["created", "rotated", "leak_reported", "secret_revoked", "leak_reported", "revoked"];
        assert_eq!(client.told(), told.map(|word| format!("oauth_client.{word}")));
        assert_eq!(other.told(), ["oauth_client.created"]);
    }
}

#[test]
fn what_a_report_keeps_holds_no_secret_and_is_read_strictly() {
    let service = Service::start();
    let (root, gateway, finder) = (service.root(), service.gateway(), service.anonymous());
    let key = acme(&root).mint("k");
    let in_url = format!("https://paste.example/?q={}", key.secret);
    let within = format!("x{}x", key.secret);
    let cases: [(Value, &str); 9] = [
        (json!({"source": "s"}), "/token"),
        (json!({"token": 7, "source": "s"}), "/token"),
        (json!({"token": key.secret}), "/source"),
        (json!({"token": key.secret, "source": ""}), "/source"),
        (json!({"token": key.secret, "source": "s".repeat(101)}), "/source"),
        (json!({"token": key.secret, "source": within}), "/source"),
        (json!({"token": UNKNOWN, "source": key.secret}), "/source"),
        (json!({"token": key.secret, "source": "s", "url": in_url}), "/url"),
        (json!({"token": key.secret, "source": "s", "url": "javascript:alert(1)"}), "/url"),
    ];
    for (body, pointer) in cases {
        let problem = finder.post(LEAKS, &body).problem(400, "invalid_request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
        assert!(!problem.to_string().contains(&key.secret), "{problem}");
    }
    gateway.verify(&key.secret).is_accepted();
    assert_eq!(key.read()["leak"], json!(null));
    assert!(!service.log().contains(&key.secret));
}

#[test]
fn an_address_reports_only_so_often_and_is_told() {
    let service = Service::start();
    let finder = service.anonymous();
    let request = |from: &str| {
        let body = json!({"token": "x", "source": "s", "stray": 1});
        finder.send(&finder.request("POST", LEAKS).header("X-Forwarded-For", from).json(&body))
    };
    for _ in 0..credledger::limits::LEAK_REPORTS_A_MINUTE {
        request("192.0.2.1").problem(400, "invalid_request");
    }
    let refused = request("192.0.2.1");
    refused.problem(429, "rate_limited");
    assert!(refused.header("retry-after").is_some());
    request("192.0.2.2").problem(400, "invalid_request");
}
