//! `credledger decide`: a past verdict, asked for on the command line.

use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::support::service::{Service, text};

fn decide(service: &Service, args: &[&str]) -> Output {
    let token = service.folder().join("token");
    std::fs::write(&token, format!("{}\n", service.root().token.expect("a token"))).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_credledger"));
    command.args(["decide", "--url", &service.url(), "--token-file"]).arg(token).args(args);
    command.stdin(Stdio::null()).output().expect("the binary runs")
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_past_verdict_is_told_as_a_table_or_as_the_service_gives_it() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({}));
    let key = tenant.mint_with(json!({"name": "ci-runner", "scopes": ["orders:read"]}));
    let asked = json!({"credential": key.secret, "scopes": ["orders:write", "orders:read"]});
    let refused = root.verify_as(asked).is_refused("insufficient_scope").clone();
    key.revoke("unused");
    let (position, at) = (refused["position"].to_string(), text(&refused["judged_at"]));
    let prefix = text(&refused["prefix"]);
    let call = ["--tenant", "acme", "--prefix", &prefix, "--scope", "orders:write", "--scope", "orders:read"];
    let moment = ["--position", &position, "--at", &at];

    let output = decide(&service, &[&call[..], &moment].concat());
    assert!(output.status.success(), "{}", said(&output.stderr));
    let table = said(&output.stdout);
    for line in [
        "verdict         refused: insufficient_scope".to_owned(),
        "missing scopes  orders:write".to_owned(),
        "name            ci-runner".to_owned(),
        format!("position        {position}"),
        format!("judged at       {at}"),
        format!("decided by      {}", key.minted["position"]),
    ] {
        assert!(table.lines().any(|told| told == line), "{line}\n{table}");
    }

    let output = decide(&service, &[&call[..], &moment, &["--json"]].concat());
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&told["reason"], &told["judged_at"]), (&refused["reason"], &refused["judged_at"]));

    let after = ["--tenant", "acme", "--credential", &key.id, "--position"];
    let head = key.history()[1]["position"].to_string();
    let output = decide(&service, &[&after[..], &[&head]].concat());
    assert!(
        said(&output.stdout).starts_with("verdict         refused: revoked\n"),
        "{}",
        said(&output.stdout)
    );
    let before = (key.minted["position"].as_u64().expect("a position") - 1).to_string();
    let output = decide(&service, &[&after[..], &[&before]].concat());
    assert!(said(&output.stdout).contains("there was no such secret then"), "{}", said(&output.stdout));
}

#[test]
fn what_the_service_refuses_is_told_with_its_place_and_what_names_nothing_is_not_asked() {
    let service = Service::start();
    let root = service.root();
    let key = root.tenant("acme", json!({})).mint("k");
    let whose = ["--tenant", "acme", "--credential", &key.id];
    for (args, told) in [
        (vec!["--position", "1000000"], "(400): ".to_owned()),
        (vec!["--at", "yesterday"], "/at: ".to_owned()),
        (vec!["--position", "1", "--scope", "a.*"], "/scopes/0: ".to_owned()),
        (vec!["--at", "2001-01-01T00:00:00Z"], "(404)".to_owned()),
    ] {
        let output = decide(&service, &[&whose[..], &args].concat());
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        let text = said(&output.stderr);
        assert!(
            text.starts_with("credledger: The service refused it (4") && text.contains(&told),
            "{args:?}: {text}"
        );
    }
    let ill = [
        vec!["--tenant", "acme", "--position", "1"],
        vec!["--tenant", "acme", "--credential", &key.id],
        vec!["--tenant", "acme", "--credential", &key.id, "--prefix", "p", "--position", "1"],
        vec!["--tenant", "acme", "--credential", &key.id, "--position", "-1"],
        vec!["--credential", &key.id, "--position", "1"],
    ];
    for args in ill {
        assert_eq!(decide(&service, &args).status.code(), Some(2), "{args:?}");
    }
    let output = decide(&service, &["--tenant", "a/b", "--credential", &key.id, "--position", "1"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output.stderr).contains("'--tenant <TENANT>': it is not well formed"), "{output:?}");
}
