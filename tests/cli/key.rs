//! `credledger key`: a new master key, with everything of before still good.

use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::support::client::Response;
use crate::support::service::{Actor, Service, eventually, signal_process, text};

fn key(service: &Service, word: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_credledger"));
    command.args(["key", word]).stdin(Stdio::null()).env("CREDLEDGER_DATA_DIR", service.data_dir());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(database) = &service.database {
        command.args(["--database-url", &database.url, "--database-admin-url", &database.admin_url]);
        command.args(["--allow-unsafe-database", "true"]);
    }
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a command that works writes out.
fn told(service: &Service, word: &str) -> String {
    let output = key(service, word).output().expect("the binary runs");
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8(output.stdout).expect("text")
}

/// The lines of the list: kind, id, tenant, name, secrets.
fn listed(told: &str) -> Vec<Vec<String>> {
    let lines = told.lines().filter(|line| line.contains('\t'));
    lines.map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

/// The numbers in the file, as they stand there.
fn numbers(service: &Service) -> Vec<u32> {
    let file = std::fs::read_to_string(service.data_dir().join("master.key")).expect("a key file");
    let first = |line: &str| line.split(' ').next().and_then(|number| number.parse().ok());
    file.lines().skip(1).map(|line| first(line).expect("a number")).collect()
}

fn mint_again(root: &Actor, keys: &str) -> Response {
    let request =
        root.request("POST", keys).header("Idempotency-Key", "one-mint").json(&json!({"name": "kept"}));
    root.send(&request)
}

/// The answer of a repeat, which is that of the first but for the request's id.
fn is_replayed(root: &Actor, keys: &str, first: &Value) {
    let again = mint_again(root, keys);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(&again.expect(201), first);
}

#[test]
fn after_a_rotation_all_that_was_works_on_and_what_is_new_is_under_the_new_key() {
    for mut service in [Service::start(), Service::start_private(&[])] {
        let token = service.root().token.expect("a token");
        let (keys, first, rotating, ended) = {
            let root = service.root();
            let tenant = root.tenant("acme", json!({}));
            let keys = format!("{}/keys", tenant.path());
            let first = mint_again(&root, &keys).expect(201);
            let rotating = tenant.mint("rotating");
            let ended = tenant.mint("ended");
            ended.revoke("leaked");
            (keys, first, (rotating.id, rotating.path, rotating.secret), (ended.id, ended.secret))
        };
        let before = told(&service, "list");
        assert!(before.starts_with("Keys, newest first: 1.\n") && listed(&before).is_empty(), "{before}");

        assert_eq!(service.stop(), Some(0));
        let rotated = told(&service, "rotate");
        assert!(rotated.starts_with("Key 2 is the newest in "), "{rotated}");
        assert!(rotated.contains("\nStored answers sealed anew: 1.\n"), "{rotated}");
        assert!(rotated.contains("\nSigning keys sealed anew: 2.\n"), "{rotated}");
        assert_eq!(numbers(&service), [2, 1]);
        let names =
            |told: &str| -> Vec<String> { listed(told).into_iter().map(|line| line[3].clone()).collect() };
        assert_eq!(names(&rotated), ["first operator", "kept", "rotating"]);
        let line = &listed(&rotated)[2];
        let prefix = &rotating.2[.."cl_live_".len() + 8];
        assert_eq!((&line[0], &line[1]), (&"credential".to_owned(), &rotating.0));
        assert_eq!(line[4], format!("{prefix} (key 1)"));

        service.start_again();
        let root = service.actor(&token);
        // The private half of the key that was published ahead opens under the new one: it is not passed by.
        let signing_keys = "/api/admin/v1/signing-keys";
        let ahead = root.get(signing_keys).expect(200)["data"][0]["kid"].clone();
        let signs = root.post(&format!("{signing_keys}/rotate"), &json!({})).expect(200);
        assert_eq!(signs["signing_key"]["kid"], ahead);
        service.whoami(&text(&first["secret"])).expect(200);
        service.whoami(&rotating.2).expect(200);
        assert_eq!(service.whoami(&ended.1).problem(401, "unauthorized")["reason"], "revoked");
        is_replayed(&root, &keys, &first);
        let fresh = root.post(&keys, &json!({"name": "fresh"})).expect(201);
        let newer = root.post(&format!("{}/rotate", rotating.1), &json!({"grace_seconds": 0})).expect(201);
        service.whoami(&text(&fresh["secret"])).expect(200);
        service.whoami(&text(&newer["secret"])).expect(200);
        service.whoami(&rotating.2).problem(401, "unauthorized");
        let after = told(&service, "list");
        assert!(after.starts_with("Keys, newest first: 2, 1.\n"), "{after}");
        assert_eq!(names(&after), ["first operator", "kept"]);

        // Each rotation is one more key, and the ones before it go on.
        assert_eq!(service.stop(), Some(0));
        let second = told(&service, "rotate");
        assert!(second.starts_with("Key 3 is the newest in "), "{second}");
        assert_eq!(numbers(&service), [3, 2, 1]);
        assert_eq!(names(&second), ["first operator", "kept", "rotating", "fresh"]);
        service.start_again();
        is_replayed(&service.actor(&token), &keys, &first);
        for secret in [&first["secret"], &fresh["secret"], &newer["secret"]] {
            service.whoami(&text(secret)).expect(200);
        }
    }
}

#[test]
fn a_rotation_that_is_killed_leaves_everything_readable_and_the_next_one_finishes_it() {
    let mut service = Service::start();
    let token = service.root().token.expect("a token");
    let keys = format!("{}/keys", service.root().tenant("acme", json!({})).path());
    let first = mint_again(&service.root(), &keys).expect(201);
    assert_eq!(service.stop(), Some(0));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let database = service.database.as_ref().expect("a database of its own");
    let mut held = runtime.block_on(database.admin());
    let lock = runtime.block_on(held.transaction()).expect("a transaction");
    // The rotation gets as far as the stored answers, and waits.
    runtime.block_on(lock.batch_execute("lock table credledger.idempotency")).expect("the lock");
    let rotating = key(&service, "rotate").spawn().expect("the binary runs");
    eventually(|| (numbers(&service) == [2, 1]).then_some(())).expect("the key comes first");
    signal_process(rotating.id(), "-KILL");
    assert!(!rotating.wait_with_output().expect("it ends").status.success());
    runtime.block_on(lock.rollback()).expect("an end");

    service.start_again();
    is_replayed(&service.actor(&token), &keys, &first);
    let fresh = service.actor(&token).post(&keys, &json!({"name": "fresh"})).expect(201);
    assert_eq!(service.stop(), Some(0));
    let finished = told(&service, "rotate");
    assert!(finished.starts_with("Key 2 was added by a rotation that did not end"), "{finished}");
    assert!(finished.contains("\nStored answers sealed anew: 1.\n"), "{finished}");
    assert_eq!(numbers(&service), [2, 1], "it added no second key");
    service.start_again();
    is_replayed(&service.actor(&token), &keys, &first);
    for secret in [&first["secret"], &fresh["secret"]] {
        service.whoami(&text(secret)).expect(200);
    }
}

#[test]
fn no_key_is_added_while_a_service_runs_on_the_ledger() {
    let service = Service::start();
    let refused = |command: &mut Command| {
        let output = command.output().expect("the binary runs");
        assert!(!output.status.success() && output.stdout.is_empty(), "it should have been refused");
        said(&output)
    };
    let here = refused(&mut key(&service, "rotate"));
    assert!(here.contains("Stop it, repeat this command, start it again."), "{here}");
    // From another data directory the node's lease tells.
    let elsewhere = service.folder().join("elsewhere");
    std::fs::create_dir(&elsewhere).expect("a folder");
    let file = service.folder().join("copy.key");
    std::fs::copy(service.data_dir().join("master.key"), &file).expect("a copy");
    hand_over(&service, &[&elsewhere, &file]);
    let there = refused(
        key(&service, "rotate").arg("--data-dir").arg(&elsewhere).arg("--master-key-file").arg(&file),
    );
    assert!(there.contains("Another node serves this ledger."), "{there}");
    assert_eq!(numbers(&service), [1]);
    assert_eq!(std::fs::read_to_string(&file).expect("there").lines().count(), 2);
    let nowhere =
        refused(key(&service, "rotate").arg("--master-key-file").arg(service.folder().join("no.key")));
    assert!(nowhere.contains("no.key is not there"), "{nowhere}");
}

/// To the account that the service runs as.
fn hand_over(service: &Service, paths: &[&std::path::Path]) {
    use std::os::unix::fs::MetadataExt;
    let owner = std::fs::metadata(service.data_dir()).expect("there");
    for path in paths {
        std::os::unix::fs::chown(path, Some(owner.uid()), Some(owner.gid())).expect("ours to give");
    }
}
