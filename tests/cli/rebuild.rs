//! Rows that were changed by hand, and a master key of another ledger: what a start says of them, and what mends them.

use std::process::{Command, Output, Stdio};

use serde_json::json;

use crate::support::service::Service;

fn rebuild(service: &Service) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_credledger"));
    command.arg("rebuild").arg("--data-dir").arg(service.data_dir()).stdin(Stdio::null());
    let database = service.database.as_ref().expect("a database of its own");
    command.args(["--database-url", &database.url, "--database-admin-url", &database.admin_url]);
    command.args(["--allow-unsafe-database", "true"]).output().expect("the binary runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a start that fails writes out.
fn refused_start(service: &Service) -> String {
    let before = service.log().len();
    let ended = service.begin_start().wait().expect("it ends");
    assert_eq!(ended.code(), Some(1), "{}", service.log());
    service.log()[before..].to_owned()
}

/// A service that has stopped, and a key of its.
fn stopped() -> (Service, String) {
    let mut service = Service::start();
    let secret = service.root().tenant("acme", json!({})).mint("kept").secret;
    assert_eq!(service.stop(), Some(0));
    (service, secret)
}

#[test]
fn rows_that_were_changed_by_hand_are_made_anew_from_the_events() {
    let (mut service, secret) = stopped();
    tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
        let admin = service.database.as_ref().expect("a database").admin().await;
        let damage =
            "update credledger.credentials set version = version + 1; delete from credledger.tenants";
        admin.batch_execute(damage).await.expect("what its owner may do");
    });
    let told = refused_start(&service);
    assert!(told.contains("is refused: ") && told.contains("`credledger rebuild`"), "{told}");
    let output = rebuild(&service);
    assert!(output.status.success(), "{}", said(&output));
    let done = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(done.starts_with("Made ") && done.contains(" rows anew from "), "{done}");
    service.start_again();
    service.whoami(&secret).expect(200);
    let running = rebuild(&service);
    assert!(!running.status.success() && said(&running).contains("Stop it"), "{}", said(&running));
}

#[test]
fn with_another_ledgers_master_key_nothing_is_loaded_and_nothing_is_made_anew() {
    let (mut service, secret) = stopped();
    let (other, _) = stopped();
    let (file, aside) = (service.data_dir().join("master.key"), service.folder().join("aside"));
    std::fs::copy(&file, &aside).expect("a copy");
    let put = |key: &std::path::Path| {
        // Its mode and its owner stay.
        std::fs::write(&file, std::fs::read(key).expect("a key")).expect("writable");
    };
    put(&other.data_dir().join("master.key"));
    let told = refused_start(&service);
    assert!(told.contains("this master key is not this ledger's: put the right one back"), "{told}");
    let output = rebuild(&service);
    assert!(!output.status.success(), "rows under a foreign key");
    assert!(said(&output).contains("this master key is not this ledger's"), "{}", said(&output));
    put(&aside);
    service.start_again();
    service.whoami(&secret).expect(200);
}
