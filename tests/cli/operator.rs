//! `credledger operator`: beside a running service, in its place, and at the same time as others.

use std::process::{Command, Output, Stdio};

use credledger::domain::authority::Role;
use credledger::domain::operator::Reach;
use credledger::ops::first_operator::{self, NewOperator};
use credledger::ops::house::{Foundation, House};
use serde_json::{Value, json};

use crate::support::service::{Service, eventually};

/// The command, told where this service's ledger is.
fn operator(service: &Service, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_credledger"));
    command.arg("operator").args(args).arg("--data-dir").arg(service.data_dir()).stdin(Stdio::null());
    if let Some(database) = &service.database {
        command.args(["--database-url", &database.url, "--database-admin-url", &database.admin_url]);
        command.args(["--allow-unsafe-database", "true"]);
    }
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A line of what was shown.
fn shown(output: &Output, member: &str) -> String {
    assert!(output.status.success(), "{}", said(output));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix(member)).unwrap_or_else(|| panic!("{text}"));
    line.trim().to_owned()
}

fn made(service: &Service, args: &[&str]) -> (String, String) {
    let output = operator(service, args).output().expect("the binary runs");
    (shown(&output, "operator"), shown(&output, "token"))
}

fn refused(service: &Service, args: &[&str]) -> String {
    let output = operator(service, args).output().expect("the binary runs");
    assert!(!output.status.success() && output.stdout.is_empty(), "it should have been refused");
    said(&output)
}

/// The service follows the ledger by itself; what it does not know yet is 401.
fn until_it_may_read(service: &Service, token: &str) {
    let actor = service.actor(token);
    let known = eventually(|| (actor.get("/api/admin/v1/tenants").status != 401).then_some(()));
    assert!(known.is_some(), "the service never knew of the token");
}

fn operator_of(service: &Service, id: &str) -> Value {
    service.root().get(&format!("/api/admin/v1/operators/{id}")).expect(200)
}

#[test]
fn a_token_made_while_the_service_runs_works_on_it_and_leaves_its_event() {
    for service in [Service::start(), Service::start_private(&[])] {
        let before = service.root().get("/readyz").expect(200)["position"].clone();
        let (id, token) = made(&service, &["token", "--name", "spare", "--expires-in-seconds", "3600"]);
        until_it_may_read(&service, &token);
        service.actor(&token).get("/api/admin/v1/tenants").expect(200);
        let root = operator_of(&service, &id);
        assert_eq!((&root["role"], &root["name"]), (&json!("root"), &json!("first operator")));
        let names: Vec<&Value> =
            root["tokens"].as_array().expect("a list").iter().map(|token| &token["name"]).collect();
        assert_eq!(names, ["first start", "spare"]);
        let after = service.root().get("/readyz").expect(200)["position"].clone();
        assert_eq!(after.as_u64(), before.as_u64().map(|before| before + 1));
    }
}

#[test]
fn an_operator_made_while_the_service_is_stopped_works_once_it_runs() {
    let mut service = Service::start_private(&[]);
    let tenant = service.root().tenant("acme", json!({})).id;
    assert_eq!(service.stop(), Some(0));
    let (by_slug, token) =
        made(&service, &["create", "--name", "Anna", "--role", "org_admin", "--tenant", "acme"]);
    let (by_id, _) = made(&service, &["create", "--name", "Bo", "--role", "auditor", "--tenant", &tenant]);
    service.start_again();
    service.actor(&token).get(&format!("/api/admin/v1/tenants/{tenant}")).expect(200);
    service.actor(&token).post("/api/admin/v1/tenants", &json!({"name": "x"})).problem(403, "forbidden");
    for (id, role) in [(by_slug, "org_admin"), (by_id, "auditor")] {
        let operator = operator_of(&service, &id);
        assert_eq!((&operator["role"], &operator["tenants"]), (&json!(role), &json!([tenant])));
    }
}

#[test]
fn what_a_command_of_roots_makes_belongs_to_the_account_of_the_service() {
    use std::os::unix::fs::MetadataExt;
    let mut service = Service::start_private(&[]);
    made(&service, &["token"]);
    assert_eq!(service.stop(), Some(0));
    made(&service, &["token"]);
    let owner = std::fs::metadata(service.data_dir()).expect("there").uid();
    let mut folders = vec![service.data_dir()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("readable").flatten() {
            let about = entry.metadata().expect("there");
            assert_eq!(about.uid(), owner, "{}", entry.path().display());
            if about.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    service.start_again();
}

#[test]
fn several_commands_at_once_each_have_their_turn_with_the_service_stopped() {
    let mut service = Service::start_private(&[]);
    assert_eq!(service.stop(), Some(0));
    let mut commands: Vec<Command> = (0..3).map(|_| operator(&service, &["token"])).collect();
    let running: Vec<_> = commands
        .iter_mut()
        .map(|command| {
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs")
        })
        .collect();
    let tokens: Vec<String> = running
        .into_iter()
        .map(|command| shown(&command.wait_with_output().expect("it ends"), "token"))
        .collect();
    service.start_again();
    for token in tokens {
        service.actor(&token).get("/api/admin/v1/tenants").expect(200);
    }
}

/// The first token stands in the ready file of whichever start was first, and in no other.
#[test]
fn first_starts_at_once_make_one_first_operator() {
    let folder = std::path::PathBuf::from(format!("/tmp/credledger-{}", uuid::Uuid::now_v7().simple()));
    std::fs::create_dir(&folder).expect("a folder");
    let data = folder.join("data");
    let serve = |number: usize| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_credledger"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(&data).arg("--ready-file");
        command.arg(folder.join(format!("ready-{number}"))).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary runs")
    };
    let mut starts: Vec<_> = (0..3).map(serve).collect();
    let ready = |number: usize| {
        let text = std::fs::read_to_string(folder.join(format!("ready-{number}"))).ok()?;
        serde_json::from_str::<Value>(&text).ok()
    };
    let first = eventually(|| (0..3).find(|&number| ready(number).is_some())).expect("one of them is ready");
    let winner = starts.remove(first);
    for other in starts {
        let output = other.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(1));
        assert!(said(&output).contains("in use by another credledger"), "{}", said(&output));
    }
    let tokens = (0..3).filter_map(ready).filter(|ready| ready["operator_token"].is_string()).count();
    assert_eq!(tokens, 1);
    crate::support::service::signal_process(winner.id(), "-TERM");
    assert_eq!(winner.wait_with_output().expect("it ends").status.code(), Some(0));
    std::fs::remove_dir_all(&folder).expect("ours");
}

#[test]
fn a_command_that_is_told_of_the_wrong_place_begins_no_ledger_there() {
    let service = Service::start();
    let database = service.database.as_ref().expect("a database of its own");
    let wrong = service.folder().join("wrong");
    let refused = |words: &[&str], more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_credledger"));
        command.args(words).arg("--data-dir").arg(&wrong).args(more).stdin(Stdio::null());
        let output = command.output().expect("the binary runs");
        assert_eq!(output.status.code(), Some(1), "{words:?}: {}", said(&output));
        assert!(said(&output).contains("There is no ledger in "), "{words:?}: {}", said(&output));
    };
    let with_a_url = ["--database-url", &database.url, "--allow-unsafe-database", "true"];
    for more in [&[][..], &with_a_url] {
        refused(&["operator", "create", "--name", "Anna", "--role", "root"], more);
        for words in [&["operator", "token"][..], &["key", "list"], &["key", "rotate"], &["rebuild"]] {
            refused(words, more);
        }
        assert!(!wrong.exists());
        std::fs::create_dir(&wrong).expect("a folder");
        refused(&["operator", "token"], more);
        std::fs::remove_dir(&wrong).expect("it is as empty as it was");
    }
}

/// The claim on being the first is taken in the append, together with the token: whoever looks at whatever moment finds
/// either no root, or one that has its token.
#[test]
fn of_first_starts_and_commands_at_once_each_root_has_the_one_token_that_was_shown_for_it() {
    let service = Service::start();
    for round in 0..3 {
        let key_file = service.folder().join(format!("at-once-{round}.key"));
        tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
            let database = crate::support::Postgres::database().await;
            let settings = database.settings();
            let foundation = Foundation::lay(&settings, false, &key_file).await.expect("a foundation");
            let house = || async { House::open_beside(&foundation).await.expect("a house") };
            let houses = [house().await, house().await, house().await, house().await];
            let root = |name: &str| NewOperator {
                name: name.to_owned(),
                role: Role::Root,
                reach: Reach::All,
                token: "by hand",
                seconds: 60,
            };
            let (first, second, anna, bo) = tokio::join!(
                first_operator::ensure(&houses[0]),
                first_operator::ensure(&houses[1]),
                first_operator::create(&houses[2], root("Anna")),
                first_operator::create(&houses[3], root("Bo")),
            );
            let by_start: Vec<String> =
                [first, second].into_iter().filter_map(|made| made.expect("a start")).collect();
            assert!(by_start.len() <= 1, "two starts made a first operator each");
            for made in [anna, bo] {
                made.expect("a root by hand");
            }
            let late = house().await;
            assert!(first_operator::ensure(&late).await.expect("the next start").is_none());
            let events = events_of(&late).await;
            let count = |kind: &str| events.iter().filter(|name| **name == kind).count();
            assert_eq!(count("operator.created"), 2 + by_start.len(), "{events:?}");
            assert_eq!(count("operator.token_minted"), count("operator.created"), "{events:?}");
            for house in houses.into_iter().chain([late]) {
                house.close().await.expect("an orderly end");
            }
        });
    }
}

async fn events_of(house: &House) -> Vec<&'static str> {
    let client = house.ledger.database().system().await.expect("a connection");
    let events = house.ledger.reader().events(&client, 0, 100).await.expect("events");
    client.give_back();
    events.iter().map(|event| event.recorded.event.kind().name).collect()
}

#[test]
fn a_first_start_that_fails_late_says_how_to_get_a_token_and_leaves_nothing_running() {
    let service = Service::start();
    let database =
        tokio::runtime::Runtime::new().expect("a runtime").block_on(crate::support::Postgres::database());
    let folder = service.folder().join("late");
    let aimed = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_credledger"));
        command.args(words).arg("--data-dir").arg(&folder).stdin(Stdio::null());
        command.args(["--database-url", &database.url, "--database-admin-url", &database.admin_url]);
        command.args(["--allow-unsafe-database", "true"]).output().expect("the binary runs")
    };
    let nowhere = service.folder().join("no-such-folder/ready");
    let early = aimed(&["serve", "--listen", "127.0.0.1:0", "--ready-file", &nowhere.to_string_lossy()]);
    assert_eq!(early.status.code(), Some(1));
    assert!(said(&early).contains("there is no folder") && !folder.exists(), "{}", said(&early));
    // A name to which nothing can be added is found out only when it is written.
    let unfit = service.folder().join("r".repeat(250));
    let failed = aimed(&["serve", "--listen", "127.0.0.1:0", "--ready-file", &unfit.to_string_lossy()]);
    assert_eq!(failed.status.code(), Some(1));
    for sentence in ["--ready-file", "credledger operator token"] {
        assert!(said(&failed).contains(sentence), "{}", said(&failed));
    }
    assert!(!said(&failed).contains("did not"), "{}", said(&failed));
    shown(&aimed(&["operator", "token"]), "token");
}

#[test]
fn what_cannot_be_made_is_refused_in_a_sentence() {
    let service = Service::start();
    service.root().tenant("acme", json!({}));
    let nobody = "0193e7a2-7b5c-7000-8000-000000000000";
    let cases: [(&[&str], &str); 8] = [
        (
            &["create", "--name", "a", "--role", "gatway"],
            "possible values: root, org_admin, auditor, gateway",
        ),
        (&["create", "--name", "a", "--role", "gateway"], "Say on which tenants it acts"),
        (&["create", "--name", "a", "--role", "root", "--tenant", "acme"], "root acts on all tenants"),
        (&["create", "--name", "a", "--role", "gateway", "--tenant", "amce"], "There is no tenant amce."),
        (&["create", "--name", "a\u{202e}b", "--role", "root"], "--name: "),
        (&["token", "--operator", "anna"], "this is no operator's id"),
        (&["token", "--operator", nobody], "There is no operator 0193e7a2"),
        (&["token", "--expires-in-seconds", "0"], "0 is not in 1.."),
    ];
    for (args, sentence) in cases {
        let said = refused(&service, args);
        assert!(said.contains(sentence), "{args:?}: {said}");
    }
}
