//! `credledger history`: a credential's life, as an auditor reads it.

use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::asking::{Asking, Folder};
use crate::support::hostile::{Does, Hostile, answer};
use crate::support::service::{Service, text};

/// Positions and times as what they are.
fn masked(table: &str) -> String {
    let word = |word: &str| match word {
        _ if word.len() == 24 && word.ends_with('Z') && word.contains('T') => "TIME".to_owned(),
        _ => word.to_owned(),
    };
    let lines = table.lines().map(|line| line.split_whitespace().map(word).collect::<Vec<_>>().join(" "));
    lines.map(|line| line + "\n").collect()
}

#[test]
fn a_life_is_told_as_a_table_by_id_by_any_prefix_and_newest_first() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({}));
    let key = tenant.mint_with(json!({"name": "ci-runner", "scopes": ["orders:read"]}));
    key.edit(json!({"name": "nightly", "scopes": ["orders:*"]}));
    let (_, rotated) = key.rotate(json!({"grace_seconds": 3600}));
    key.revoke("leaked");
    let asking = Asking::of(&service, &service.operator("auditor", &[&tenant.id]));
    let prefixes = [0, 1].map(|index| text(&key.read()["secrets"][index]["prefix"]));
    let first = key.minted["position"].as_u64().expect("a position");
    let by_id = asking.run(&["history", &key.id, "--tenant", "acme"]).done();
    let (end, old) = (text(&rotated["key"]["secrets"][0]["expires_at"]), &rotated["key"]["secrets"][0]["id"]);
    let golden = format!(
        "POSITION AT EVENT BY FROM WHAT\n\
         {first} TIME api_key.created first operator 127.0.0.1 name: ci-runner; rate_limit: default; scopes: orders:read; secret {}\n\
         {} TIME api_key.edited first operator 127.0.0.1 name: ci-runner → nightly\n\
         {} TIME api_key.rescoped first operator 127.0.0.1 scopes: orders:read → orders:*\n\
         {} TIME api_key.rotated first operator 127.0.0.1 ends {{ends_at {end}, secret_id {}}}; secret {}\n\
         {} TIME api_key.revoked first operator 127.0.0.1 reason leaked\n",
        prefixes[0],
        first + 1,
        first + 2,
        first + 3,
        text(old),
        prefixes[1],
        first + 4,
    );
    assert_eq!(masked(&by_id), golden);
    for prefix in &prefixes {
        assert_eq!(asking.run(&["history", prefix, "--tenant", &tenant.id]).done(), by_id);
    }
    let newest = asking.run(&["history", &key.id, "--tenant", "acme", "--newest", "--limit", "2"]).done();
    let positions: Vec<String> =
        newest.lines().skip(1).filter_map(|line| line.split(' ').next().map(str::to_owned)).collect();
    assert_eq!(positions, [(first + 4).to_string(), (first + 3).to_string()]);
    // The service's own words, an event a line.
    let told = asking.run(&["history", &key.id, "--tenant", "acme", "--json"]).done();
    let told: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(told, key.history());
    assert!(!by_id.contains(&key.secret));
}

#[test]
fn a_client_is_found_by_either_of_its_ids_and_more_pages_than_one_are_told() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({}));
    let client = tenant.client("exporter");
    let old = text(&client.minted["client_id"]);
    client.rotate(json!({}));
    for number in 0..250 {
        client.edit(json!({"name": format!("exporter {number}")}));
    }
    let asking = Asking::of(&service, &root);
    let new = text(&client.read()["secrets"][1]["client_id"]);
    for whose in [&old, &new, &client.id] {
        let told = asking.run(&["history", whose, "--tenant", "acme"]).done();
        assert_eq!(told.lines().count(), 1 + 252, "{whose}");
        assert!(told.contains("oauth_client.rotated") && told.contains("name: exporter 248 → exporter 249"));
    }
}

#[test]
fn what_names_none_several_or_a_secret_is_told_in_a_sentence() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({}));
    let other = root.tenant("other", json!({}));
    let (key, client, foreign) = (tenant.mint("ci-runner"), tenant.client("c"), other.mint("k"));
    tenant.mint("second");
    let asking = Asking::of(&service, &service.operator("auditor", &[&tenant.id]));
    let failed = |whose: &str| asking.run(&["history", whose, "--tenant", "acme"]).failed(1);
    let several = failed("cl_live_");
    assert!(several.contains("Several begin so"), "{several}");
    let prefix = text(&key.read()["secrets"][0]["prefix"]);
    for word in [&key.id, &prefix, "ci-runner", "second", "active", "  ID"] {
        assert!(several.contains(word), "{word}: {several}");
    }
    let all = failed("cl_");
    assert!(all.contains(&client.id) && !all.contains(&foreign.id), "{all}");
    // What another tenant has is not there.
    let nobody = "019f0000-0000-7000-8000-000000000000";
    assert_eq!(failed(&foreign.id).replace(&foreign.id, "ID"), failed(nobody).replace(nobody, "ID"));
    let begins = text(&foreign.read()["secrets"][0]["prefix"]);
    assert_eq!(failed(&begins), failed("cl_live_nobody"));
    let tail = format!("{}x", client.minted["client_id"].as_str().expect("an id"));
    assert!(failed(&tail).contains("No key or client begins so"));
    // A whole secret is not sent.
    let told = failed(&key.secret);
    assert!(told.contains("no place on a command line") && !told.contains(&key.secret), "{told}");
    let outside = Asking::of(&service, &service.operator("auditor", &[&other.id]));
    assert!(outside.run(&["history", &key.id, "--tenant", "acme"]).failed(1).contains("There is no key"));
    let gateway = Asking::of(&service, &service.gateway());
    let told = gateway.run(&["history", &key.id, "--tenant", "acme"]).failed(1);
    assert!(told.contains("refused it (403)") && told.contains("request id: "), "{told}");
    let nobody = Asking::at(service.url(), service.folder(), "cl_operator_nobody");
    assert!(nobody.run(&["history", &key.id, "--tenant", "acme"]).failed(1).contains("(401)"));
    for args in [
        &["history"][..],
        &["history", &key.id],
        &["history", "--tenant", "acme"],
        &["history", &key.id, "--tenant", "a/b"],
        &["history", &key.id, "--tenant", ".."],
        &["history", &key.id, "--tenant", "acme", "--limit", "0"],
        &["history", &key.id, "--tenant", "acme", "--colour"],
        &["history", &key.id, "--tenant", "acme", "--silence-seconds", "0"],
    ] {
        asking.run(args).failed(2);
    }
}

/// Names come from people, and what is shown of them can't do anything to a terminal, whatever the service lets through.
#[test]
fn a_name_with_escapes_moves_nothing_and_a_terminal_is_never_wider_than_it_is() {
    let folder = Folder::new();
    let id = "019f0000-0000-7000-8000-000000000000";
    let event = json!({
        "position": 1, "at": "2026-06-19T11:00:00.003Z", "type": "api_key.created", "version": 1,
        "subject": {"kind": "api_key", "id": id, "name": "x"}, "actor": {"kind": "operator", "id": id, "name": "Ada\u{1b}[2J\u{202e}\u{9b}"},
        "client_ip": "2001:db8:85a3:1234:5678:8a2e:370:7334", "request_id": "r",
        "changes": {"name": {"from": null, "to": "\u{1b}]0;owned\u{7}\nfirst line and many other words that are wider than it"}}, "data": {}
    });
    let page = json!({"data": [event], "next_cursor": null}).to_string();
    let service = || {
        let json = |body: &str| Does::Says(answer(200, "application/json", "", body));
        Hostile::that(vec![json("{}"), json(&page)])
    };
    let at = |service: &Hostile| Asking::at(service.url.clone(), &folder.0, "token");
    let args = ["history", id, "--tenant", "acme"];
    let is_harmless = |text: &str| text.chars().all(|it| it == '\n' || it == '\r' || !it.is_control());
    let told = at(&service()).run(&args).done();
    assert!(is_harmless(&told) && told.contains("Ada\\u{1b}[2J\\u{202e}\\u{9b}"), "{told:?}");
    assert_eq!(told.lines().count(), 2, "{told}");
    let letters = |text: &str| {
        let mut letters: Vec<char> = text.chars().filter(|letter| !letter.is_whitespace()).collect();
        letters.sort_unstable();
        letters
    };
    for columns in [72, 80, 200] {
        let on_terminal = at(&service()).run_on_terminal(columns, &args).done();
        assert!(is_harmless(&on_terminal), "{on_terminal:?}");
        let widest = on_terminal.lines().map(|line| line.trim_end().chars().count()).max();
        assert!(widest <= Some(columns as usize), "{widest:?} {on_terminal}");
        assert_eq!(letters(&on_terminal), letters(&told), "nothing is lost: {on_terminal}");
    }
    let told = at(&service()).run_on_terminal(80, &[&args[..], &["--json"]].concat()).done();
    assert!(is_harmless(&told), "{told:?}");
    let read: Value = serde_json::from_str(told.trim()).expect("JSON");
    assert_eq!(read, event);
    // Into a pipe it goes as it came.
    let told = at(&service()).run(&[&args[..], &["--json"]].concat()).done();
    assert_eq!(told, format!("{event}\n"));
}

#[test]
fn whoever_reads_no_further_is_no_failure() {
    let folder = Folder::new();
    let page = json!({"data": [{"position": 1}], "next_cursor": "more"}).to_string();
    let json = |body: &str| Does::Says(answer(200, "application/json", "", body));
    for more in [&[][..], &["--json"]] {
        let service = Hostile::that(vec![json("{}"), json(&page)]);
        let asking = Asking::at(service.url.clone(), &folder.0, "token");
        let id = "019f0000-0000-7000-8000-000000000000";
        let mut command = asking.command(&[&["history", id, "--tenant", "acme"], more].concat());
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let ran = command.stdout(writer).stderr(Stdio::piped()).output().expect("it runs");
        assert_eq!((ran.status.code(), ran.stderr.len()), (Some(0), 0), "{ran:?}");
    }
    std::io::stdout().flush().expect("room");
}

#[test]
fn a_service_that_is_busy_is_asked_again_and_one_that_hangs_or_lies_is_given_up() {
    let folder = Folder::new();
    let id = "019f0000-0000-7000-8000-000000000000";
    let asked = |answers: Vec<Does>| {
        let service = Hostile::that(answers);
        let asking = Asking::at(service.url.clone(), &folder.0, "token");
        let ran = asking.run(&["history", id, "--tenant", "acme", "--silence-seconds", "1"]);
        (ran, service.asked())
    };
    let json = |status, more: &str, body: &str| Does::Says(answer(status, "application/json", more, body));
    let page = "{\"data\":[],\"next_cursor\":null}";
    let busy = || json(503, "Retry-After: 0\r\n", "{\"detail\":\"8 others read at once\"}");
    let (ran, heads) = asked(vec![busy(), json(200, "", "{}"), busy(), json(200, "", page)]);
    assert!(ran.err.contains("asking again in 0 s"), "{}", ran.err);
    assert_eq!(ran.done(), "No event.\n");
    assert_eq!(heads.len(), 4);
    assert!(
        heads[3].starts_with(&format!("GET /api/admin/v1/tenants/acme/keys/{id}/history?limit=")),
        "{heads:?}"
    );
    // Not for ever, and not at once where it asked for more patience than there is.
    let (ran, heads) = asked((0..10).map(|_| busy()).collect());
    assert!(ran.failed(1).contains("(503): 8 others read at once"));
    assert!((2..10).contains(&heads.len()), "{}", heads.len());
    let (ran, heads) = asked(vec![json(503, "Retry-After: 86400\r\n", "{}"), json(200, "", "{}")]);
    assert!(ran.failed(1).contains("(503)") && heads.len() == 1);
    for (answers, told) in [
        (vec![Does::Hangs(String::new())], "says nothing more"),
        (vec![Does::Hangs("HTTP/1.1 200 OK\r\nContent-Le".to_owned())], "says nothing more"),
        (vec![Does::Says(String::new())], "went away"),
        (
            vec![json(200, "", "{}"), Does::Says(answer(200, "application/json", "", page)[..90].to_owned())],
            "went away",
        ),
        (vec![json(200, "", "{}"), Does::Says(answer(200, "text/html", "", "<p>"))], "does not tell this as"),
        (vec![json(200, "", "{}"), json(200, "", "[]")], "no page of a list"),
        (vec![json(200, "", "<p>")], "no document"),
        (vec![json(502, "", "<p>")], "refused it (502): it gave no reason"),
    ] {
        let err = asked(answers).0.failed(1);
        assert!(err.contains(told), "{told}: {err}");
    }
    let endless = || json(200, "", "{\"data\":[],\"next_cursor\":\"same\"}");
    let (ran, _) = asked(vec![json(200, "", "{}"), endless(), endless(), endless()]);
    assert!(ran.failed(1).contains("comes to no end"));
}
