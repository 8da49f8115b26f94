//! `credledger import`: rows of two products' tables, into a running service.

use std::process::{Command, Output, Stdio};

use credledger::domain::base64url;
use credledger::vault::sha256;
use serde_json::{Value, json};

use crate::support::service::{Actor, Service};

struct Moving<'a> {
    service: &'a Service,
    root: Actor,
}

impl<'a> Moving<'a> {
    fn into(service: &'a Service) -> Self {
        let root = service.root();
        root.tenant("acme", json!({}));
        std::fs::write(
            service.folder().join("token"),
            format!("{}\n", root.token.as_deref().expect("a token")),
        )
        .expect("a file");
        Moving { service, root }
    }

    fn import(&self, args: &[&str], lines: &[String]) -> Output {
        let file = self.service.folder().join("rows.ndjson");
        std::fs::write(&file, lines.concat()).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_credledger"));
        command.args(["import", "--tenant", "acme"]);
        if !args.contains(&"--url") {
            command.args(["--url", &self.service.url()]);
        }
        command
            .arg("--token-file")
            .arg(self.service.folder().join("token"))
            .args(args)
            .arg(&file)
            .stdin(Stdio::null());
        command.output().expect("the binary runs")
    }

    fn key_named(&self, name: &str) -> Value {
        let page = self.root.get(&format!("/api/admin/v1/tenants/acme/keys?name={name}")).expect(200);
        page["data"][0].clone()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn refused(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn keys_of_unkey_move_in_with_their_table_and_again_when_it_is_run_again() {
    let service = Service::start();
    let moving = Moving::into(&service);
    let gateway = service.gateway();
    let key = |number: u32| format!("sk_live_3ZaBcDeFgHjKmNpQr{number:0>4}").replace('0', "z");
    let row = |number: u32, more: Value| {
        let digest =
            base64url::encode(&sha256(&[key(number).as_bytes()])).replace('-', "+").replace('_', "/") + "=";
        let mut row = json!({
            "id": format!("key_{number}"), "hash": digest, "start": &key(number)[..12], "name": format!("n{number}"), "owner_id": "user_1",
            "meta": "{\"team\":\"billing\"}", "created_at_m": 1_700_000_000_123u64, "expires": null, "enabled": 1, "deleted_at_m": null
        });
        row.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        format!("{row}\n")
    };
    let flags = ["--from", "unkey", "--prefix", "sk_live_", "--length", "29-30"];
    let mut lines = vec![
        row(1, json!({})),
        row(2, json!({"enabled": 0})),
        row(3, json!({"deleted_at_m": 1})),
        "{\n".to_owned(),
        row(4, json!({"expires": "2020-01-02 03:04:05.678"})),
    ];
    let output = moving.import(&flags, &lines);
    assert!(!output.status.success());
    let told = refused(&output);
    let numbers: Vec<_> = told.iter().map(|line| line["line"].as_u64()).collect();
    assert_eq!(numbers, [Some(5), Some(4)], "{told:?}");
    let counts = "5 keys: 2 imported, 0 there already, 2 refused, 1 left out as deleted there.";
    assert!(said(&output).contains(counts), "{}", said(&output));
    let declared = "declared: prefix sk_live_, base58 after it, 29-30 characters in all, digests by sha256.";
    assert!(said(&output).contains(declared), "{}", said(&output));
    gateway.verify(&key(1)).is_accepted();
    gateway.verify(&key(2)).is_refused("suspended");
    gateway.verify(&key(3)).is_refused("not_found");
    let first = moving.key_named("n1");
    assert_eq!(first["created_at"], "2023-11-14T22:13:20.123Z");
    assert_eq!(first["metadata"], json!({"team": "billing", "owner_id": "user_1"}));
    assert_eq!(first["secrets"][0]["prefix"], "sk_live_3ZaB");

    lines.truncate(3);
    let again = moving.import(&flags, &lines);
    assert!(again.status.success(), "{}", said(&again));
    assert!(said(&again).contains("0 imported, 2 there already, 0 refused"), "{}", said(&again));
}

#[test]
fn keys_of_better_auth_move_in_with_their_table() {
    let service = Service::start();
    let moving = Moving::into(&service);
    let gateway = service.gateway();
    let key = format!("app_{}", "abcdefghijklmnopqrstuvwxyzABCDEF".repeat(2));
    let row = json!({
        "id": "Xb1", "name": "ci", "start": "app_ab", "prefix": "app_", "key": base64url::encode(&sha256(&[key.as_bytes()])), "userId": "u1",
        "enabled": true, "rateLimitEnabled": true, "rateLimitTimeWindow": 86_400_000, "rateLimitMax": 10, "expiresAt": null,
        "createdAt": "2025-02-03T04:05:06.000Z", "permissions": "{\"files\":[\"read\",\"write\"]}", "metadata": null
    });
    let output = moving.import(&["--from", "better-auth", "--prefix", "app_"], &[format!("{row}\n")]);
    assert!(output.status.success(), "{}", said(&output));
    gateway.verify_as(json!({"credential": key, "scopes": ["files:write"]})).is_accepted();
    let shown = moving.key_named("ci");
    assert_eq!(shown["rate_limit"], json!({"requests": 10, "per_seconds": 86_400}));
    assert_eq!(
        (&shown["imported"]["source"], &shown["imported"]["old_id"]),
        (&json!("better-auth"), &json!("Xb1"))
    );
}

#[test]
fn lines_of_the_apis_own_form_are_sent_as_they_are_in_as_many_pieces_as_it_takes() {
    const LINES: usize = 1_200;
    let service = Service::start();
    let moving = Moving::into(&service);
    let format = json!({"prefix": "own_", "alphabet": "hex", "length": 44});
    let header = json!({"import": {"source": "file", "format": format, "digest": {"algorithm": "sha256"}}});
    let padding = json!({"padding": "d".repeat(15 * 1024)});
    let text = |number: usize| format!("own_{number:040}");
    let line = |number: usize| {
        let digest = base64url::encode(&sha256(&[text(number).as_bytes()]));
        format!(
            "{}\n",
            json!({"old_id": number.to_string(), "name": "n", "digest": digest, "metadata": padding})
        )
    };
    let mut lines = vec![format!("{header}\n")];
    lines.extend((0..LINES).map(line));
    let output = moving.import(&[], &lines);
    assert!(output.status.success(), "{}", said(&output));
    assert!(
        said(&output).contains("so far, to line "),
        "it was to take more than one piece: {}",
        said(&output)
    );
    assert!(said(&output).contains(&format!("{LINES} keys: {LINES} imported")), "{}", said(&output));
    for number in [0, LINES / 2, LINES - 1] {
        service.whoami(&text(number)).expect(200);
    }
}

#[test]
fn what_can_not_be_sent_is_told_in_a_sentence() {
    let service = Service::start();
    let moving = Moving::into(&service);
    let line = ["{\"import\":{\"colour\":1}}\n".to_owned()];
    let told = |args: &[&str], lines: &[String]| {
        let output = moving.import(args, lines);
        assert!(!output.status.success() && output.stdout.is_empty(), "{}", said(&output));
        said(&output)
    };
    let lacking = told(&[], &line);
    assert!(lacking.contains("refused the import (400)"), "{lacking}");
    assert!(
        lacking.contains("\n  /import/colour: ") && lacking.contains("\n  /import/source: "),
        "{lacking}"
    );
    let foreign = told(&[], &["{\"id\":\"k\",\"hash\":\"x\"}\n".to_owned()]);
    assert!(foreign.contains("--from (unkey or better-auth)"), "{foreign}");
    assert!(told(&["--from", "unkey"], &line).contains("--length"), "a format that is not known");
    assert!(told(&["--from", "unkey", "--length", "x"], &line).contains("--length x"));
    assert!(told(&["--url", "https://ledger.example"], &line).contains("plain http"));
    assert!(told(&["--url", "http://127.0.0.1:1"], &line).contains("can't be reached"));
    std::fs::write(service.folder().join("token"), "").expect("a file");
    assert!(told(&[], &line).contains("no operator token"));
    std::fs::write(service.folder().join("token"), "nobody").expect("a file");
    assert!(told(&[], &line).contains("(401)"));
}

/// What is declared stays for ever, so a mistyped form is told before anything is sent.
#[test]
fn a_form_that_the_first_row_does_not_have_is_told_before_anything_is_declared() {
    let service = Service::start();
    let moving = Moving::into(&service);
    let position = || moving.root.get("/readyz").expect(200)["position"].clone();
    let before = position();
    let row = |start: &str| {
        let digest = base64url::encode(&sha256(&[b"a key"]));
        format!("{}\n", json!({"id": "key_1", "hash": digest, "start": start, "name": "n"}))
    };
    let cases = [
        (&["--from", "unkey", "--length", "40"][..], "sk_live_3ZaB", "--prefix"),
        (&["--from", "unkey", "--length", "29-30"], "sk_live_3ZaB", "--prefix"),
        (&["--from", "unkey", "--prefix", "sk_lvie_", "--length", "29-30"], "sk_live_3ZaB", "--prefix"),
        (&["--from", "unkey", "--prefix", "sk_live_", "--length", "24"], "sk_live_3ZaB", "--length"),
        (&["--from", "unkey", "--prefix", "sk_live_", "--length", "29-300"], "sk_live_3ZaB", "--length"),
    ];
    for (flags, start, named) in cases {
        let output = moving.import(flags, &[row(start)]);
        assert!(!output.status.success() && output.stdout.is_empty(), "{flags:?}");
        assert!(said(&output).contains(named) && !said(&output).contains("declared"), "{}", said(&output));
    }
    assert_eq!(position(), before);
}
