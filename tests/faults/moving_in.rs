//! An import in the middle of which something goes away: what was told is there, and the same again goes on.

use credledger::domain::base64url;
use credledger::vault::sha256;
use serde_json::{Value, json};

use crate::library;
use crate::proxy::Proxy;
use crate::support::Postgres;
use crate::support::pieces::Pieces;
use crate::support::service::{Service, Tenant, eventually};

fn key(number: usize) -> String {
    format!("mv_{number:037}")
}

fn header() -> String {
    let format = json!({"prefix": "mv_", "alphabet": "base62", "length": 40});
    let header = json!({"import": {"source": "test", "format": format, "digest": {"algorithm": "sha256"}}});
    format!("{header}\n")
}

fn line(number: usize) -> String {
    let digest = base64url::encode(&sha256(&[key(number).as_bytes()]));
    format!("{}\n", json!({"old_id": number.to_string(), "name": "n", "digest": digest}))
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// All of them, in one body that arrives whole.
#[track_caller]
fn import(tenant: &Tenant<'_>, count: usize) -> Vec<Value> {
    let body = (0..count).map(line).fold(header(), |body, line| body + &line);
    let path = format!("{}/keys/import", tenant.path());
    let request = tenant.admin.request("POST", &path).header("Content-Type", "application/x-ndjson");
    let answer = tenant.admin.send(&request.body(body.into_bytes()));
    assert_eq!(answer.status, 200, "{}", answer.text());
    lines(&answer.text())
}

#[test]
fn a_database_that_goes_away_ends_an_import_that_says_so_and_goes_on_when_sent_again() {
    let database = library::block_on(Postgres::database());
    let proxy = Proxy::to(&database.url);
    let (url, admin_url) = (proxy.url(&database.url), database.admin_url.clone());
    let flags =
        ["--database-url", &url, "--database-admin-url", &admin_url, "--allow-unsafe-database", "true"];
    let service = Service::start_private(&flags);
    let root = service.root();
    let tenant = root.tenant("acme", json!({}));
    let mut pieces = Pieces::of(&tenant, &service);
    pieces.send(&header());
    pieces.head();
    pieces.send(&line(0));
    let told = lines(&pieces.piece().expect("a line"));
    assert_eq!(told[0]["outcome"], "imported");
    proxy.refuse();
    pieces.send(&line(1));
    let rest: String = std::iter::from_fn(|| pieces.piece()).collect();
    let rest = lines(&rest);
    let summary = &rest.last().expect("a last line")["summary"];
    assert_eq!((&summary["complete"], &summary["imported"]), (&json!(false), &json!(1)), "{rest:?}");
    let code = summary["code"].as_str().unwrap_or_default();
    assert!(matches!(code, "unavailable" | "outcome_unknown"), "{summary}");
    assert_eq!(rest.len(), 1, "nothing is told of a line that nobody knows of: {rest:?}");

    proxy.heal();
    eventually(|| (service.anonymous().get("/readyz").status == 200).then_some(()))
        .expect("the database is back");
    let again = import(&tenant, 3);
    assert_eq!((&again[0]["outcome"], &again[2]["outcome"]), (&json!("exists"), &json!("imported")));
    assert_eq!(again[3]["summary"]["complete"], true);
    for number in 0..3 {
        service.whoami(&key(number)).expect(200);
    }
}

#[test]
fn what_was_told_before_a_kill_is_there_after_it_and_the_rest_comes_with_the_same_again() {
    const COUNT: usize = 3_000;
    let mut service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({}));
    let mut pieces = Pieces::of(&tenant, &service);
    pieces.send(&header());
    pieces.head();
    let mut out = pieces.out.try_clone().expect("a clone");
    let sending = std::thread::spawn(move || {
        // The service goes away in the middle of it.
        let text: String = (0..COUNT).map(line).collect();
        let _ = std::io::Write::write_all(&mut out, format!("{:x}\r\n{text}\r\n", text.len()).as_bytes());
    });
    let mut told = String::new();
    while told.lines().count() < COUNT / 10 {
        told.push_str(&pieces.piece().expect("it goes on"));
    }
    service.kill();
    drop(pieces);
    sending.join().expect("a sender");
    service.start_again();

    let told = lines(&told);
    assert!(told.len() < COUNT, "it was done before the kill");
    for (number, line) in told.iter().enumerate() {
        assert_eq!(line["outcome"], "imported");
        let known = service.whoami(&key(number)).expect(200);
        assert_eq!(known["credential_id"], line["key_id"]);
    }
    let root = service.root();
    let again = import(&tenant.seen_by(&root), COUNT);
    for (before, after) in told.iter().zip(&again) {
        assert_eq!((&after["outcome"], &after["key_id"]), (&json!("exists"), &before["key_id"]));
    }
    let summary = &again[COUNT]["summary"];
    let there = summary["exists"].as_u64().zip(summary["imported"].as_u64());
    assert_eq!(there.map(|(exists, imported)| exists + imported), Some(COUNT as u64), "{summary}");
    assert_eq!(import(&tenant.seen_by(&root), COUNT)[COUNT]["summary"]["exists"], COUNT);
}
