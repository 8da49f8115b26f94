//! A stop ends, whatever the database does; its exit code says whether everything that was begun could be finished.

use credledger::db::Settings;
use credledger::domain::authority::Role;
use credledger::domain::operator::Reach;
use credledger::ops::StartError;
use credledger::ops::first_operator::{self, NewOperator};
use credledger::ops::house::{Foundation, House};

use crate::proxy::Proxy;
use crate::support::Postgres;
use crate::support::service::{Service, eventually};
use crate::{behind_a_proxy, library};

#[test]
fn a_stop_with_nothing_in_hand_is_orderly_though_the_database_hangs() {
    let (mut service, proxy, _database) = behind_a_proxy(Service::start_private, &[]);
    proxy.freeze();
    assert_eq!(service.stop(), Some(0), "{}", service.log());
}

/// What was submitted is settled for longer than a stop waits: its callers would be told the truth, but they are gone.
#[test]
fn rooms_that_cannot_finish_what_was_submitted_are_left_after_a_bound_and_named() {
    let database = library::block_on(Postgres::database());
    let proxy = Proxy::to(&database.url);
    let settings = Settings { url: proxy.url(&database.url).into(), ..database.settings() };
    let folder = std::env::temp_dir().join(format!("credledger-left-open-{}", std::process::id()));
    std::fs::create_dir(&folder).expect("a fresh folder");
    let left = library::block_on(async {
        let foundation =
            Foundation::lay(&settings, false, &folder.join("master.key")).await.expect("a foundation");
        let house = House::open_beside(&foundation).await.expect("a house");
        proxy.freeze_at("credledger.append(");
        let root = NewOperator {
            name: "submitted".to_owned(),
            role: Role::Root,
            reach: Reach::All,
            token: "never shown",
            seconds: 60,
        };
        let frozen = async {
            while !proxy.is_frozen() {
                tokio::task::yield_now().await;
            }
        };
        // Who asked goes away; what was begun goes on without it.
        tokio::select! {
            _ = first_operator::create(&house, root) => panic!("nothing can be written"),
            () = frozen => {}
        }
        house.close().await
    });
    std::fs::remove_dir_all(&folder).expect("ours");
    let left = left.expect_err("the database hangs");
    assert_eq!(left.0, ["the sequencer", "following", "the doorbell"]);
    let said = StartError::from(left).to_string();
    assert!(said.contains("was left with: the sequencer, following, the doorbell."), "{said}");
}

#[test]
fn a_start_that_waits_for_a_database_that_hangs_is_stopped_too() {
    let (mut service, proxy, _database) = behind_a_proxy(Service::start_private, &[]);
    assert_eq!(service.stop(), Some(0));
    proxy.freeze_at("credledger.lease_take");
    let mut starting = service.begin_start();
    eventually(|| proxy.is_frozen().then_some(())).expect("the start is under way");
    crate::support::service::signal_process(starting.id(), "-TERM");
    assert_eq!(starting.wait().expect("it ends").code(), Some(0), "{}", service.log());
}

/// Whether its operator was made nobody knows, so the stop is not called an orderly one.
#[test]
fn a_first_start_that_waits_for_its_operator_is_stopped_too() {
    let (service, proxy, _database) = behind_a_proxy(Service::placed, &[]);
    proxy.freeze_at("credledger.append(");
    let mut starting = service.begin_start();
    eventually(|| proxy.is_frozen().then_some(())).expect("the operator is being made");
    crate::support::service::signal_process(starting.id(), "-TERM");
    assert_eq!(starting.wait().expect("it ends").code(), Some(1), "{}", service.log());
    let log = service.log();
    assert!(log.contains("stopped while the first operator was looked for"), "{log}");
    assert!(log.contains("was left with: the sequencer, following, the doorbell."), "{log}");
}
