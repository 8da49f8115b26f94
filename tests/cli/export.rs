//! `credledger export`: a file that is whole, or none.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::asking::{Asking, Folder, Ran};
use crate::support::hostile::{Does, Hostile, answer, head, torn};
use crate::support::service::{Actor, Service};

const NDJSON: &str = "application/x-ndjson";

/// What the service gives in this form.
fn served(actor: &Actor, path: &str, form: &str) -> String {
    let answer = actor.send_caught_up(&actor.request("GET", path).header("Accept", form));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text()
}

#[test]
fn each_whole_is_written_as_the_service_gives_it_for_its_owner_alone() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = root.tenant("acme", json!({}));
    let (key, other) = (tenant.mint("=cmd|' /C calc'!A0"), tenant.mint("other"));
    key.edit(json!({"description": "two\nlines, and \"quotes\""}));
    let calls: Vec<Value> = [&key, &other, &other]
        .iter()
        .map(|key| json!({"credential_id": key.id, "error": "line\nbreak", "operation": "a"}))
        .collect();
    gateway.post("/api/v1/activity", &json!({"calls": calls})).expect(200);
    let auditor = service.operator("auditor", &[]);
    let folder = Folder::new();
    let asking = Asking::at(service.url(), &folder.0, auditor.token.as_deref().expect("a token"));
    let history = format!("{}/history", key.path);
    let (audit, activity) = (format!("{}/audit", tenant.path()), format!("{}/activity", tenant.path()));
    let (called_so, of_other) =
        (format!("{activity}?operation=a"), format!("{activity}?credential={}", other.id));
    let cases: [(&[&str], &str, &str); 8] = [
        (&["trail", "--tenant", "acme"], &audit, NDJSON),
        (
            &["trail", "--tenant", "acme", "--type", "api_key.*"],
            &format!("{audit}?type=api_key.*"),
            "text/csv",
        ),
        (&["history", &key.id, "--tenant", "acme"], &history, "text/csv"),
        (&["history", &key.id, "--tenant", "acme"], &history, NDJSON),
        (&["activity", "--tenant", "acme", "--operation", "a"], &called_so, "text/csv"),
        (&["activity", "--tenant", "acme", "--credential", &other.id], &of_other, NDJSON),
        (&["ledger"], "/api/admin/v1/ledger/events", NDJSON),
        (&["ledger", "--position", "3"], "/api/admin/v1/ledger/events?from=3", NDJSON),
    ];
    for (index, (args, path, form)) in cases.into_iter().enumerate() {
        let name = format!("out {index}");
        let word = if form == NDJSON { "ndjson" } else { "csv" };
        let told =
            asking.run(&[&["export"], args, &["--format", word, "--output", &name, "--json"]].concat());
        let told: Value = serde_json::from_str(&told.done()).expect("JSON");
        let file = std::fs::read_to_string(folder.0.join(&name)).expect("a file");
        // What is read here is noted in the log of calls, whose seals come to the ledger's end.
        let mut served = served(&auditor, path, form);
        if args[0] == "ledger" && served.starts_with(&file) {
            served.truncate(file.len());
        }
        assert_eq!(file, served, "{args:?}");
        assert_eq!((&told["output"], &told["bytes"]), (&json!(name), &json!(file.len())));
        if form == NDJSON {
            assert_eq!(told["rows"], file.lines().count());
        }
        let mode = std::fs::metadata(folder.0.join(&name)).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!file.contains(&key.secret) && !file.contains("digest"));
    }
    // The history of a text with line breaks has as many rows as events.
    let ran = asking
        .run(&["export", "history", &key.id, "--tenant", "acme", "--format", "csv", "--output", "h.csv"]);
    let told = ran.done();
    assert!(told.starts_with("2 rows (") && told.ends_with(" are in h.csv.\n"), "{told}");
    assert_eq!(folder.files().len(), 9, "{:?}", folder.files());
    for args in [
        &["export"][..],
        &["export", "all", "--output", "x"],
        &["export", "trail", "--output", "x"],
        &["export", "trail", "--tenant", "acme"],
        &["export", "trail", "--tenant", "acme", "--format", "xml", "--output", "x"],
        &["export", "ledger", "--format", "csv", "--output", "x"],
        &["export", "keys", "--tenant", "acme", "--from", "2026-01-01T00:00:00Z", "--output", "x"],
        &["export", "ledger", "--position", "-1", "--output", "x"],
    ] {
        asking.run(args).failed(2);
    }
    let narrow = Asking::of(&service, &service.operator("auditor", &[&tenant.id]));
    assert!(narrow.run(&["export", "ledger", "--output", "x"]).failed(1).contains("refused it (403)"));
    // A whole secret goes into no URL.
    let ran =
        narrow.run(&["export", "activity", "--tenant", "acme", "--prefix", &key.secret, "--output", "x"]);
    let err = ran.failed(1);
    assert!(err.contains("no place on a command line") && !err.contains(&key.secret), "{err}");
    let inverted = ["--from", "2026-01-02T00:00:00Z", "--to", "2026-01-01T00:00:00Z"];
    let ran =
        narrow.run(&[&["export", "trail", "--tenant", "acme", "--output", "x"][..], &inverted].concat());
    assert!(ran.failed(1).contains("refused it (400)"));
    assert!(!service.folder().join("x").exists());
}

/// One export, of a service that answers so.
fn exported(folder: &Folder, does: Does, form: &str) -> Ran {
    let service = Hostile::that(vec![does]);
    let asking = Asking::at(service.url.clone(), &folder.0, "token");
    let more = ["--format", form, "--output", "out", "--silence-seconds", "1"];
    asking.run(&[&["export", "activity", "--tenant", "acme"][..], &more].concat())
}

#[test]
fn a_service_that_dies_or_hangs_in_the_middle_leaves_nothing_that_looks_whole() {
    let folder = Folder::new();
    let rows = "{\"a\":1}\n".repeat(10_000);
    let cut = |body: &str, at: usize| answer(200, NDJSON, "", body)[..at].to_owned();
    let to_the_end = format!("HTTP/1.1 200 OK\r\nContent-Type: {NDJSON}\r\n\r\n{rows}");
    for (does, told) in [
        (Does::Says(torn(NDJSON, &rows)), "broke off: the service went away"),
        (Does::Hangs(torn(NDJSON, &rows)), "broke off: the service says nothing more"),
        (Does::Says(cut(&rows, 40_000)), "broke off: the service went away"),
        (Does::Says(to_the_end), "nobody could tell whether"),
        (Does::Says(answer(200, NDJSON, "", "{\"a\":1}\n{\"a\"")), "the last row is not whole"),
        (Does::Says(answer(200, "application/json", "", "{}")), "does not tell this as application/x-ndjson"),
        (
            Does::Says(answer(406, "application/problem+json", "", "{\"detail\":\"\\u001b[2Jno\"}")),
            "(406): \\u{1b}[2Jno.",
        ),
        (Does::Says(String::new()), "went away without an answer"),
    ] {
        let err = exported(&folder, does, "ndjson").failed(1);
        assert!(err.contains(told), "{told}: {err}");
        assert_eq!(folder.files(), [""; 0], "{told}");
    }
    let err = exported(
        &folder,
        Does::Says(answer(200, "text/csv; charset=utf-8", "", "id,error\r\n1,\"a\r\n")),
        "csv",
    );
    assert!(err.failed(1).contains("the last row is not whole"));
    assert_eq!(folder.files(), [""; 0]);
    let empty = exported(&folder, Does::Says(answer(200, NDJSON, "", "")), "ndjson").done();
    assert_eq!((empty.as_str(), folder.files()), ("0 rows (0 B) are in out.\n", vec!["out".to_owned()]));
}

#[test]
fn a_file_that_is_there_is_replaced_by_force_alone_and_only_by_a_whole_one() {
    let folder = Folder::new();
    let out = folder.0.join("out");
    std::fs::write(&out, "mine").expect("a file");
    let whole = || Does::Says(answer(200, NDJSON, "", "{}\n"));
    let asked = |does: Does, output: &str, force: bool| {
        let service = Hostile::that(vec![does]);
        let asking = Asking::at(service.url.clone(), &folder.0, "token");
        let mut args = vec!["export", "activity", "--tenant", "acme", "--output", output];
        args.extend(force.then_some("--force"));
        (asking.run(&args), service.asked().len())
    };
    // Nothing is asked for what would not be written.
    let (ran, requests) = asked(whole(), "out", false);
    assert!(ran.failed(1).contains("out is there already. Choose another --output, or --force"));
    assert_eq!(requests, 0);
    let (ran, _) = asked(Does::Says(torn(NDJSON, "{}\n")), "out", true);
    ran.failed(1);
    assert_eq!(std::fs::read_to_string(&out).expect("a file"), "mine");
    asked(whole(), "out", true).0.done();
    assert_eq!(std::fs::read_to_string(&out).expect("a file"), "{}\n");
    assert_eq!(std::fs::metadata(&out).expect("a file").permissions().mode() & 0o777, 0o600);
    symlink(&out, folder.0.join("link")).expect("a link");
    for (output, told) in [
        (".", "no"),
        ("link", "is no file"),
        ("/dev/null", "is no file"),
        ("nowhere/out", "can't be written"),
        ("\u{1b}[2J/out", "\\u{1b}[2J/out can't be written"),
    ] {
        let (ran, requests) = asked(whole(), output, true);
        let err = ran.failed(1);
        assert!(err.contains(told) && requests == 0, "{output}: {err}");
    }
    assert_eq!(folder.files(), ["link", "out"]);
}

/// Lists as they were, and what differs, are asked for as any other whole, by path and parameters.
#[test]
fn lists_of_then_and_differences_are_asked_for_by_what_the_api_calls_them() {
    let folder = Folder::new();
    let csv = || Does::Says(answer(200, "text/csv; charset=utf-8", "", "id,name\r\n1,\"a,\nb\"\r\n2,c\r\n"));
    let at = ["--at", "2026-07-24T14:03:00+02:00", "--valid", "true"];
    let between = ["--from-position", "7", "--to", "2026-07-24T14:03:00Z"];
    for (what, args, query) in [
        ("keys", at, "at=2026-07-24T14%3A03%3A00%2B02%3A00&valid=true"),
        ("clients", at, "at=2026-07-24T14%3A03%3A00%2B02%3A00&valid=true"),
        ("changes", between, "from_position=7&to=2026-07-24T14%3A03%3A00Z"),
    ] {
        let service = Hostile::that(vec![csv(), csv()]);
        let asking = Asking::at(service.url.clone(), &folder.0, "token");
        let mut args = [&["export", what, "--tenant", "acme"][..], &args].concat();
        args.extend(["--format", "csv", "--output", what]);
        let ran = asking.run(&args);
        assert_eq!(ran.err, "", "progress is for terminals");
        assert_eq!(ran.done(), format!("2 rows (24 B) are in {what}.\n"));
        let mut head = service.asked().remove(0);
        assert!(head.contains("\r\nAccept: text/csv\r\n"), "{head}");
        let line = head.find("\r\n").expect("a line");
        head.truncate(line);
        let (path, asked) = head.split_once('?').expect("a query");
        assert_eq!(path, format!("GET /api/admin/v1/tenants/acme/{what}"));
        let mut asked: Vec<&str> = asked.trim_end_matches(" HTTP/1.1").split('&').collect();
        asked.sort_unstable();
        assert_eq!(asked.join("&"), query);
        // The line is taken away at the end.
        let told = asking.run_on_terminal(80, &[&args[..], &["--force"]].concat()).done();
        assert!(told.starts_with("\r\u{1b}[K") && told.ends_with(&format!("are in {what}.\r\n")), "{told:?}");
    }
}

#[test]
fn on_a_terminal_it_is_told_how_far_it_is() {
    let folder = Folder::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let asking = Asking::at(format!("http://{}", listener.local_addr().expect("bound")), &folder.0, "token");
    let mut command = asking.on_terminal(60, &["export", "activity", "--tenant", "acme", "--output", "out"]);
    let mut running = command.stdout(Stdio::piped()).spawn().expect("it runs");
    let seen = Arc::new(AtomicBool::new(false));
    let serving = std::thread::spawn({
        let seen = seen.clone();
        move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            head(&stream);
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Type: {NDJSON}\r\nTransfer-Encoding: chunked\r\n\r\n");
            stream.write_all(head.as_bytes()).expect("room");
            // A row, again and again, until somebody has seen that they come.
            while !seen.load(Ordering::Relaxed) && stream.write_all(b"3\r\n{}\n\r\n").is_ok() {
                std::thread::yield_now();
            }
            let _ = stream.write_all(b"0\r\n\r\n");
            let _ = stream.shutdown(Shutdown::Write);
        }
    });
    let (mut told, mut out) = (Vec::new(), running.stdout.take().expect("a pipe"));
    let mut byte = [0];
    while out.read(&mut byte).expect("a terminal") == 1 {
        told.push(byte[0]);
        seen.fetch_or(told.ends_with(b"B/s"), Ordering::Relaxed);
    }
    let told = String::from_utf8(told).expect("text");
    assert_eq!(running.wait().expect("it ends").code(), Some(0), "{told:?}");
    serving.join().expect("it served");
    let lines: Vec<&str> = told.split("\r\u{1b}[K").collect();
    assert!(
        lines[1].starts_with("activity: ") && lines[1].contains(" rows, ") && lines[1].len() < 60,
        "{lines:?}"
    );
    let end = lines.last().expect("an end");
    assert!(end.contains(" rows (") && end.ends_with(" are in out.\r\n"), "{lines:?}");
}
