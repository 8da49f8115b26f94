use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use credledger::ops::process;

use crate::house::{Guarded, House, owner_of, send, until};

/// What the rulings promise.
const GONE_WITHIN: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_stopped_service_takes_postgres_with_it() {
    let house = House::new("stopped");
    let status = house.start().terminate();
    assert_eq!(status.code(), Some(0), "{}", house.log());
    assert!(house.server_processes().is_empty());
}

#[test]
fn a_killed_service_takes_postgres_with_it() {
    let house = House::new("killed");
    house.start().kill();
    house.until_no_server(GONE_WITHIN);
}

#[test]
fn a_service_killed_with_its_postgres_starts_again_with_all_it_had() {
    let house = House::new("both");
    let service = house.start();
    service.query("SELECT set_config('x.y', 'z', false)");
    let made = "WITH made AS (SELECT lo_from_bytea(4711, 'kept')) SELECT count(*)::text FROM made";
    assert_eq!(service.query(made), "1");
    send("KILL", house.postmaster().expect("ready"));
    service.kill();
    let again = house.start();
    assert_eq!(again.query("SELECT convert_from(lo_get(4711), 'UTF8')"), "kept");
}

#[test]
fn postgres_that_dies_alone_is_started_again() {
    let house = House::new("alone");
    let service = house.start();
    for _ in 0..2 {
        let first = house.postmaster().expect("ready");
        send("KILL", first);
        until("another server runs", PATIENCE, || house.postmaster().is_some_and(|pid| pid != first));
        assert_eq!(service.query("SELECT 'again'"), "again");
    }
    assert!(house.log().contains("the private PostgreSQL died"), "{}", house.log());
}

#[test]
fn a_server_left_by_an_earlier_start_is_ended_by_the_next() {
    let house = House::new("left");
    let service = house.start();
    let program =
        std::fs::read_link(format!("/proc/{}/exe", house.postmaster().expect("ready"))).expect("it runs");
    service.terminate();
    let (uid, gid) = owner_of(&house.cluster());
    let mut left = Command::new(program);
    left.arg("-D").arg(house.cluster()).arg("-k").arg(house.data()).args(["-c", "listen_addresses="]);
    left.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if process::is_root() {
        left.uid(uid).gid(gid);
    }
    let mut left = Guarded(left.current_dir("/").spawn().expect("it was run before"));
    until("the server that is left runs", PATIENCE, || house.postmaster() == Some(left.0.id()));
    let service = house.start();
    assert_ne!(house.postmaster(), Some(left.0.id()));
    assert!(left.0.wait().expect("ours").success(), "it was shut down, not killed");
    assert_eq!(service.query("SELECT 'mine'"), "mine");
}

/// As a terminal does it: to the whole foreground group.
#[test]
fn an_interrupt_at_the_terminal_reaches_the_service_alone() {
    let house = House::new("interrupt");
    let service = house.start();
    let group = |pid: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
        let after_name = stat.rsplit_once(") ").expect("Linux").1.to_owned();
        after_name.split_whitespace().nth(2).map(str::to_owned)
    };
    let postmaster = house.postmaster().expect("ready");
    assert_ne!(group(postmaster), group(service.pid()));
    send("INT", service.pid());
    house.until_no_server(PATIENCE);
}
