//! P9, for what the clock changes: every end that came by time has its event soon, whatever else goes on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use credledger::clock::Timestamp;
use serde_json::json;
use tokio_postgres::Client;

use crate::library;
use crate::support::service::{Actor, Key, Service, Tenant, eventually};

const KEYS: usize = 40;
/// Until they end, all are minted and the service is stopped; on a machine that is too busy for that, there is more time.
const SOON_MS: [i64; 3] = [6_000, 20_000, 60_000];

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock that is set");
    i64::try_from(since.as_millis()).expect("this century")
}

/// Keys that all end at the same instant.
fn ending_soon<'a>(tenant: &Tenant<'a>, end_ms: i64) -> Vec<Key<'a>> {
    let end = Timestamp::from_millis(end_ms).expect("an instant");
    (0..KEYS).map(|_| tenant.mint_with(json!({"name": "dated", "expires_at": end}))).collect()
}

fn until_ended(key: &Key) {
    let ended = || key.told().contains(&"api_key.expired".to_owned()).then_some(());
    eventually(ended).expect("its end is recorded");
}

/// Sends one command after the other until it is told to stop.
fn act_without_rest(own: &Actor, path: &str, stop: &AtomicBool) {
    let mut turn = 0;
    while !stop.load(Ordering::Relaxed) {
        turn += 1;
        own.patch(path, &json!({"description": format!("turn {turn}")})).expect(200);
    }
}

#[test]
fn p9_ends_by_time_are_recorded_though_people_never_rest() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("busy", json!({}));
    let dated = ending_soon(&tenant, now_ms() + SOON_MS[0]);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for name in ["one", "two"] {
            let (own, path, stop) = (service.root(), tenant.mint(name).path, &stop);
            scope.spawn(move || act_without_rest(&own, &path, stop));
        }
        let ended = catch_unwind(AssertUnwindSafe(|| dated.iter().for_each(until_ended)));
        stop.store(true, Ordering::Relaxed);
        ended.expect("every end has its event while they act");
    });
}

/// A service that was stopped before the ends came, and their keys.
fn stopped_before_the_ends() -> (Service, Vec<String>) {
    let stopped = SOON_MS.into_iter().find_map(|soon| {
        let mut service = Service::start();
        let (root, end) = (service.root(), now_ms() + soon);
        let keys = ending_soon(&root.tenant("due", json!({})), end).into_iter().map(|key| key.id).collect();
        drop(root);
        service.stop();
        (now_ms() < end).then_some((service, keys))
    });
    stopped.expect("the service is stopped before the ends come")
}

fn as_owner<T>(service: &Service, act: impl AsyncFnOnce(Client) -> T) -> T {
    library::block_on(async { act(library::superuser(service).await).await })
}

async fn counted(admin: Client, sql: &str) -> i64 {
    admin.query_one(sql, &[]).await.expect("a count").get(0)
}

fn until_recorded(service: &Service, ends: usize) {
    const ENDS: &str = "select count(*) from credledger.events where type = 'api_key.expired'";
    let ends = i64::try_from(ends).expect("few");
    let recorded = || as_owner(service, async |admin| counted(admin, ENDS).await);
    eventually(|| (recorded() == ends).then_some(())).expect("the ends are recorded");
}

/// The function by which streams are read, in a form whose calls PostgreSQL counts.
const COUNTED: &str = "
    do $$ begin
      execute format('alter database %I set track_functions = %L', current_database(), 'all');
    end $$;
    create or replace function credledger.read_streams(ledger int, streams uuid[], last_position bigint)
    returns table (\"position\" bigint, stream_id uuid, entry bytea, mac bytea, slots json)
    language plpgsql stable set search_path = pg_catalog, pg_temp as $function$
    #variable_conflict use_column
    begin
      return query select e.position, e.stream_id, e.entry, e.mac, p.slots
        from credledger.events e
        left join credledger.personal p
          on p.ledger_id = e.ledger_id and p.stream_id = e.stream_id and p.version = e.version
        where e.ledger_id = ledger and e.stream_id = any (streams) and e.position <= last_position
        order by e.stream_id, e.version;
    end $function$";

#[test]
fn p9_ends_that_came_at_once_are_decided_on_what_one_query_reads() {
    const CALLS: &str =
        "select coalesce(sum(calls), 0)::bigint from pg_stat_user_functions where funcname = 'read_streams'";
    let (mut service, keys) = stopped_before_the_ends();
    as_owner(&service, async |admin| admin.batch_execute(COUNTED).await.expect("an owner's right"));
    service.start_again();
    until_recorded(&service, keys.len());
    // What connections count is all there once they have ended.
    service.stop();
    let calls = as_owner(&service, async |admin| counted(admin, CALLS).await);
    // A few by the decisions, and a few by the trail, which reads what stood before each page of its own.
    assert!((1..=10).contains(&calls), "{calls} queries for {KEYS} keys of one tenant");
}

#[test]
fn p9_one_stream_that_cannot_be_read_keeps_no_other_end_from_its_record() {
    let (mut service, keys) = stopped_before_the_ends();
    as_owner(&service, async |admin| {
        // Whoever owns the tables can do it; no role of the service can.
        let rights = "alter table credledger.events disable trigger all";
        admin.batch_execute(rights).await.expect("an owner's right");
        let forge = "update credledger.events set entry = set_byte(entry, octet_length(entry) - 3, 42) \
                     where stream_id = $1::text::uuid";
        assert_eq!(admin.execute(forge, &[&keys[0]]).await.expect("a change"), 1);
    });
    service.start_again();
    until_recorded(&service, keys.len() - 1);
    let told = || service.log().contains("some ends can't be recorded").then_some(());
    eventually(told).expect("it is told that one is not");
    assert!(service.log().contains("has no valid mac"), "{}", service.log());
}

/// All that a plan admits is over by time, and nobody may have recorded it yet: as many are minted at once as there is room for.
#[test]
fn what_is_over_by_time_makes_room_for_as_many_of_many_mints_at_once() {
    let service = Service::start();
    let root = service.root();
    root.put("/api/admin/v1/plans/free", &json!({"active_credentials": KEYS})).expect(201);
    let tenant = root.tenant("acme", json!({}));
    root.patch(&tenant.path(), &json!({"plan": "free"})).expect(200);
    let path = format!("{}/keys", tenant.path());
    let short = ending_soon(&tenant, now_ms() + SOON_MS[0]);
    let gateway = service.gateway();
    let over = |key: &Key<'_>| (gateway.verify(&key.secret).0["reason"] == "expired").then_some(());
    eventually(|| short.iter().map(over).collect::<Option<Vec<_>>>()).expect("all are over");
    let answers: Vec<_> = std::thread::scope(|scope| {
        let mints: Vec<_> = (0..2 * KEYS)
            .map(|_| {
                let (own, path) = (service.root(), &path);
                scope.spawn(move || own.post(path, &json!({"name": "raced"})))
            })
            .collect();
        mints.into_iter().map(|mint| mint.join().expect("a mint")).collect()
    });
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(made, KEYS);
    answers
        .iter()
        .filter(|answer| answer.status != 201)
        .for_each(|answer| drop(answer.problem(409, "quota_exceeded")));
}
