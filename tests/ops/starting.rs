use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use credledger::ops::process;

use crate::house::{Guarded, House, owner_of, users_of};

#[test]
fn neither_the_service_nor_its_postgres_runs_as_root() {
    let house = House::new("root");
    let service = house.start();
    let postmaster = house.postmaster().expect("ready");
    let (owner, _) = owner_of(&house.cluster());
    assert_ne!(owner, 0);
    for pid in [service.pid(), postmaster] {
        assert_eq!(users_of(pid), [owner; 4], "process {pid}");
    }
    let status = fs::read_to_string(format!("/proc/{}/status", service.pid())).expect("it runs");
    let groups = status.lines().find_map(|line| line.strip_prefix("Groups:")).expect("Linux");
    assert!(!groups.split_whitespace().any(|group| group == "0"), "{groups}");
}

#[test]
fn no_core_dump_and_no_network_port_of_the_database() {
    let house = House::new("closed");
    let service = house.start();
    let limits = fs::read_to_string(format!("/proc/{}/limits", service.pid())).expect("it runs");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("Linux");
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    assert_eq!(service.query("SHOW listen_addresses"), "");
    let mode = fs::metadata(house.data()).expect("it exists").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn the_cluster_is_durable_whatever_its_files_say() {
    let house = House::new("durable");
    house.start().terminate();
    let file = house.cluster().join("postgresql.auto.conf");
    fs::write(&file, "fsync = off\nfull_page_writes = off\nsynchronous_commit = off\n").expect("writable");
    let service = house.start();
    for (setting, value) in [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("data_checksums", "on"),
        ("server_encoding", "UTF8"),
        ("lc_collate", "C"),
    ] {
        assert_eq!(service.query(&format!("SHOW {setting}")), value, "{setting}");
    }
}

#[test]
fn the_ready_file_tells_the_address_and_the_data_directory() {
    let house = House::new("ready");
    let service = house.start();
    let url = service.ready["url"].as_str().expect("a text");
    let address = url.strip_prefix("http://").expect("http");
    std::net::TcpStream::connect(address).expect("the address is bound");
    assert_eq!(service.ready["data_dir"].as_str(), house.data().to_str());
    let mode = fs::metadata(house.path().join("ready.json")).expect("written").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_torn_initdb_never_looks_finished() {
    let house = House::new("torn");
    house.start().terminate();
    fs::rename(house.cluster(), house.data().join("postgres.new")).expect("ours");
    fs::remove_file(house.data().join("postgres.new/global/pg_control")).expect("a cluster has one");
    let service = house.start();
    assert_eq!(service.query("SELECT current_database()::text"), "credledger");
    assert!(!house.data().join("postgres.new").exists());
}

#[test]
fn a_cluster_of_another_major_version_is_refused_plainly() {
    let house = House::new("major");
    house.start().terminate();
    fs::write(house.cluster().join("PG_VERSION"), "99\n").expect("writable");
    let said = house.refusal(&[]);
    assert!(said.contains("was made by PostgreSQL 99, and only"), "{said}");
}

#[test]
fn a_directory_that_is_no_cluster_is_refused_and_left_alone() {
    let house = House::new("not-a-cluster");
    house.start().terminate();
    fs::remove_file(house.cluster().join("PG_VERSION")).expect("a cluster has one");
    let said = house.refusal(&[]);
    assert!(said.contains("holds no PostgreSQL cluster"), "{said}");
    assert!(house.cluster().join("global/pg_control").exists());
}

#[test]
fn a_stale_pid_file_that_names_a_living_process_does_not_stop_the_start() {
    let house = House::new("stale");
    house.start().terminate();
    let (uid, gid) = owner_of(&house.cluster());
    let mut bystander = Command::new("sleep");
    bystander.arg("600");
    if process::is_root() {
        bystander.uid(uid).gid(gid);
    }
    let mut bystander = Guarded(bystander.spawn().expect("sleep exists"));
    let file = house.cluster().join("postmaster.pid");
    let data = house.cluster();
    fs::write(&file, format!("{}\n{}\n1\n5432\n\n\n\nready\n", bystander.0.id(), data.display()))
        .expect("writable");
    let service = house.start();
    assert_ne!(house.postmaster(), Some(bystander.0.id()));
    assert_eq!(bystander.0.try_wait().expect("ours"), None, "the bystander was hit");
    assert_eq!(service.query("SELECT 'mine'"), "mine");
}

#[test]
fn a_taken_port_is_told_with_its_address() {
    let house = House::new("port");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let said = house.refusal(&["--listen", &address]);
    assert!(said.contains(&format!("{address} is already in use")), "{said}");
}

#[test]
fn a_second_service_on_the_same_data_directory_is_refused() {
    let house = House::new("second");
    let first = house.start();
    let said = house.refusal(&[]);
    assert!(said.contains("is in use by another credledger"), "{said}");
    assert_eq!(first.query("SELECT 'unharmed'"), "unharmed");
}

#[test]
fn what_the_service_cannot_use_is_refused_with_its_name() {
    let house = House::new("refused");
    let cases: [(&[&str], &str); 3] = [
        (&["--postgres-bin-dir", "/nowhere"], "There is no PostgreSQL server in /nowhere"),
        (&["--workers", "none"], "--workers must be a number"),
        (&["--run-as", "no-such-account"], "no-such-account"),
    ];
    for (args, sentence) in cases {
        let said = house.refusal(args);
        assert!(said.contains(sentence), "{said}");
    }
    let mut command = house.command(&[]);
    command.env("CREDLEDGER_LISEN", "127.0.0.1:1");
    let said = house.refusal_of(command);
    assert!(said.contains("CREDLEDGER_LISEN is not a setting"), "{said}");
}

/// An ordinary user's service meets no other account, so there is nothing to refuse.
#[test]
fn a_data_directory_that_the_account_cannot_reach_is_refused_with_the_one_that_is_closed() {
    if !process::is_root() {
        return;
    }
    let house = House::new("closed-parent");
    fs::set_permissions(house.path(), fs::Permissions::from_mode(0o700)).expect("ours");
    let said = house.refusal(&[]);
    assert!(said.contains(&format!("{} is closed to it", house.path().display())), "{said}");
}
