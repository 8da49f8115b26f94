//! Calls that can't be written at once: they wait on disk, and are there once; what the database will never take keeps no other from it.

use std::convert::Infallible;
use std::sync::Arc;

use credledger::activity::calls::{Caller, Calls, NotTaken, Outcome, Row, Told, Writer};
use credledger::clock::Clock;
use credledger::domain::credential::Kind;
use credledger::domain::ids::{CredentialId, TenantId};
use credledger::limits;
use credledger::ops::house::Foundation;
use futures::FutureExt;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::activity::{LEDGER, Owner, ids, report};
use crate::library;
use crate::proxy::Proxy;
use crate::support::client::Response;
use crate::support::service::{Actor, Service, Tenant, eventually, text};
use crate::support::{Postgres, TestDatabase};

/// A service whose database can be taken away.
fn behind(proxy: &Proxy, database: &TestDatabase) -> Service {
    let (url, admin_url) = (proxy.url(&database.url), database.admin_url.clone());
    let flags =
        ["--database-url", &url, "--database-admin-url", &admin_url, "--allow-unsafe-database", "true"];
    Service::start_private(&flags)
}

/// Reports until the service says that it can't know who reports: how many calls were taken in.
fn reports_until_refused(gateway: &Actor, credential: &str) -> usize {
    let mut taken = 0;
    loop {
        let calls = vec![json!({"credential_id": credential, "request_id": format!("r{taken}")}); 3];
        let answer = gateway.post("/api/v1/activity", &json!({"calls": calls}));
        match answer.status {
            200 => taken += 3,
            503 => return taken,
            other => panic!("{other}: {}", answer.text()),
        }
    }
}

#[test]
fn what_is_taken_in_while_the_database_is_away_waits_on_disk_and_is_there_once_also_after_a_kill() {
    let database = library::block_on(Postgres::database());
    let proxy = Proxy::to(&database.url);
    let mut service = behind(&proxy, &database);
    let token = service.gateway().token.expect("a token");
    let id = service.root().tenant("acme", json!({})).mint("k").id.clone();
    let spool = service.data_dir().join("activity-spool");
    let waits = || std::fs::metadata(&spool).expect("the spool").len();
    let mut taken = 0;
    for killed in [false, true, true] {
        let gateway = service.actor(&token);
        // Whose key this is, is known from then on.
        report(&gateway, &id, 7);
        taken += 7;
        proxy.refuse();
        let now = reports_until_refused(&gateway, &id);
        assert!(now > 0 && waits() > 0, "{now} were taken in, {} bytes wait", waits());
        taken += now;
        if killed {
            service.kill();
        }
        proxy.heal();
        if killed {
            service.start_again();
        }
        eventually(|| (waits() == 0).then_some(())).expect("nothing waits any more");
        eventually(|| (service.anonymous().get("/readyz").status == 200).then_some(())).expect("it is ready");
        let root = service.root();
        let tenant_id = text(&root.get("/api/admin/v1/tenants/acme").expect(200)["id"]);
        let found = ids(&Tenant { admin: &root, id: tenant_id });
        let different: std::collections::BTreeSet<_> = found.iter().collect();
        assert_eq!((found.len(), different.len()), (taken, taken), "killed: {killed}");
    }
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&spool).expect("the spool").permissions());
    assert_eq!(mode & 0o777, 0o600);
}

const LOCK: &str = "begin; lock table credledger.activity_nodes in access exclusive mode";

/// Calls of this request id, reported.
fn send(gateway: &Actor, credential: &str, request_id: &str, count: usize) -> Response {
    let calls = vec![json!({"credential_id": credential, "request_id": request_id}); count];
    gateway.post("/api/v1/activity", &json!({"calls": calls}))
}

fn acme(service: &Service) -> (String, String) {
    let root = service.root();
    let tenant = root.tenant("acme", json!({}));
    let key = tenant.mint("k");
    (tenant.id.clone(), key.id.clone())
}

/// How many calls of this request id are there.
fn counted(owner: &Owner, request_id: &str) -> i64 {
    let ask = format!("select count(*) from credledger.activity where request_id = '{request_id}'");
    owner.one(&ask).expect("a count").get(0)
}

#[test]
fn a_batch_that_the_database_will_never_take_is_set_aside_and_those_behind_it_are_written() {
    let mut service = Service::start();
    let token = service.gateway().token.expect("a token");
    let (_, key) = acme(&service);
    let owner = Owner::of(&service);
    owner.run("alter table credledger.activity add constraint sound check (request_id <> 'bad')");
    let gateway = service.actor(&token);
    owner.run(LOCK);
    for (request_id, count) in [("first", 3), ("bad", 5), ("second", 7), ("bad", 11), ("third", 13)] {
        send(&gateway, &key, request_id, count).expect(200);
    }
    owner.run("rollback");
    eventually(|| (counted(&owner, "third") == 13).then_some(())).expect("what stands behind it is written");
    assert_eq!((counted(&owner, "first"), counted(&owner, "second"), counted(&owner, "bad")), (3, 7, 0));
    let dropped = || -> u64 {
        owner
            .events("ledger.activity_dropped")
            .iter()
            .map(|event| event["count"].as_u64().expect("a count"))
            .sum()
    };
    eventually(|| (dropped() == 16).then_some(())).expect("it is recorded");
    let files = std::fs::read_dir(service.data_dir()).expect("the data directory");
    let kept = files.filter_map(|file| {
        let path = file.expect("a file").path();
        let is_kept = path.file_name()?.to_str()?.starts_with("activity-refused-");
        is_kept.then(|| serde_json::from_slice::<Value>(&std::fs::read(path).expect("a file")).expect("JSON"))
    });
    let mut rows: Vec<usize> = kept.map(|batch| batch["rows"].as_array().map_or(0, Vec::len)).collect();
    rows.sort_unstable();
    assert_eq!(rows, [5, 11]);
    assert_eq!(service.log().matches("refused by the database for good").count(), 2);
    // The numbers stay dense, for the next process too.
    service.kill();
    service.start_again();
    send(&service.actor(&token), &key, "fourth", 2).expect(200);
    let row = owner.one("select count(*), max(seq) from credledger.activity").expect("a row");
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (25, 25));
}

#[test]
fn a_process_that_dies_in_the_middle_of_a_replay_leaves_each_call_once() {
    let mut service = Service::start();
    let token = service.gateway().token.expect("a token");
    let (_, key) = acme(&service);
    let owner = Owner::of(&service);
    // The batch in the middle is written as slowly as the owner wants.
    owner.run(
        "create function public.wait_here() returns trigger language plpgsql as \
           'begin perform pg_catalog.pg_advisory_xact_lock_shared(7); return new; end'; \
         create trigger waits before insert on credledger.activity for each row when (new.request_id = 'middle') \
           execute function public.wait_here(); \
         select pg_advisory_lock(7)",
    );
    let gateway = service.actor(&token);
    owner.run(LOCK);
    for request_id in ["first", "middle", "last"] {
        send(&gateway, &key, request_id, 3).expect(200);
    }
    owner.run("rollback");
    let waits = "select exists (select from pg_locks where locktype = 'advisory' and objid = 7 and not granted \
                   and database = (select oid from pg_database where datname = current_database()))";
    eventually(|| owner.one(waits).expect("a look").get::<_, bool>(0).then_some(()))
        .expect("it is in the middle");
    service.kill();
    assert_eq!((counted(&owner, "first"), counted(&owner, "last")), (3, 0));
    // What was on its way goes on, though nobody waits for it any more.
    owner.run("select pg_advisory_unlock(7)");
    service.start_again();
    eventually(|| (counted(&owner, "last") == 3).then_some(())).expect("the rest is written");
    assert_eq!((counted(&owner, "first"), counted(&owner, "middle"), counted(&owner, "last")), (3, 3, 3));
    // What waits for its seal when a process ends, the next one seals at once.
    service.kill();
    service.start_again();
    for seal in owner.sealed() {
        assert_eq!(owner.check(&seal), credledger::activity::calls::check::Finding::Whole, "{seal:?}");
    }
}

#[test]
fn where_neither_database_nor_disk_takes_it_nothing_is_said_to_be_taken_in() {
    let mut service = Service::start();
    let token = service.gateway().token.expect("a token");
    let (_, key) = acme(&service);
    service.stop();
    // A disk that is full from the first byte on.
    let spool = service.data_dir().join("activity-spool");
    std::fs::remove_file(&spool).expect("removed");
    std::os::unix::fs::symlink("/dev/full", &spool).expect("a full disk");
    service.start_again();
    let owner = Owner::of(&service);
    let gateway = service.actor(&token);
    send(&gateway, &key, "before", 2).expect(200);
    owner.run(LOCK);
    let request = gateway.request("POST", "/api/v1/activity").header("Idempotency-Key", "once");
    let request = request.json(&json!({"calls": [{"credential_id": key, "request_id": "during"}]}));
    let answer = gateway.send(&request);
    answer.problem(503, "outcome_unknown");
    assert!(answer.header("Retry-After").is_some());
    owner.run("rollback");
    // Repeated as it says, there is one of it.
    eventually(|| (gateway.send(&request).status == 200).then_some(())).expect("it is taken in");
    assert_eq!((counted(&owner, "before"), counted(&owner, "during")), (2, 1));
}

fn row(calls: &Calls, clock: &Clock) -> Row {
    let (id, salts) = calls.fresh(clock.now());
    Row {
        id,
        completes: None,
        judged: true,
        tenant: TenantId(Uuid::nil()),
        credential: CredentialId(Uuid::nil()),
        secret: None,
        kind: Caller::Credential(Kind::ApiKey),
        outcome: Some(Outcome::ACCEPTED),
        status: None,
        latency_ms: None,
        told: Told::default(),
        asked: None,
        salts,
    }
}

#[test]
fn what_finds_no_room_is_refused_at_once_and_what_verdicts_would_leave_is_counted() {
    let service = Service::start();
    library::block_on(async {
        let Foundation { database, vault, .. } = library::foundation(&service).await;
        let micros = || time::OffsetDateTime::now_utc().unix_timestamp_nanos() as i64 / 1000;
        let clock = Clock::read(async || Ok::<_, Infallible>(micros())).await.expect("a clock");
        let clock = Arc::new(clock);
        let node = (LEDGER, Uuid::now_v7(), Uuid::now_v7());
        // Nobody takes out what is put in.
        let (calls, _writer) =
            Writer::begin(database, vault, clock.clone(), node, None).await.expect("it begins");
        let row = || row(&calls, &clock);
        let mut waits = Box::pin(calls.report((0..limits::ACTIVITY_WAITING).map(|_| row()).collect(), None));
        assert_eq!(waits.as_mut().now_or_never(), None);
        assert_eq!(calls.report(vec![row()], None).await, Err(NotTaken::Full));
        assert_eq!(calls.waiting(), limits::ACTIVITY_WAITING);
        (0..limits::ACTIVITY_RECORDS).for_each(|_| calls.record(row()));
        assert_eq!((calls.tally.dropped(), calls.tally.take_unrecorded()), (0, None));
        let began = clock.now();
        (0..3).for_each(|_| calls.record(row()));
        assert_eq!(calls.tally.dropped(), 3);
        let (count, span) = calls.tally.take_unrecorded().expect("they are to be recorded");
        assert!(count == 3 && began <= span.first && span.first <= span.last, "{count} {span:?}");
        assert_eq!(calls.tally.take_unrecorded(), None, "once");
    });
}
