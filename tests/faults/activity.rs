//! Calls that were served: what is sealed is held against its rows, nothing that was told as taken in is lost or there twice, and days go.

use credledger::activity::calls::check::{Finding, check, unsealed};
use credledger::db::Database;
use credledger::domain::activity_log::Sealed;
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::support::service::{Actor, Service, Tenant, eventually, text};

pub(crate) const LEDGER: i32 = 1;

pub(crate) fn report(gateway: &Actor, credential: &str, count: usize) {
    let calls = vec![
        json!({"credential_id": credential, "operation": "x", "client_ip": "192.0.2.1", "error": "e"});
        count
    ];
    let taken = gateway.post("/api/v1/activity", &json!({"calls": calls})).expect(200);
    assert_eq!(taken["accepted"], count);
}

/// The database behind a service, in the hands of its owner.
pub(crate) struct Owner {
    runtime: tokio::runtime::Runtime,
    admin: Client,
    database: Database,
}

impl Owner {
    pub(crate) fn of(service: &Service) -> Owner {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let held = service.database.as_ref().expect("a database");
        let (admin, database) = runtime.block_on(async { (held.admin().await, held.open().await) });
        // A runtime that nobody drives answers nobody: each question drives it.
        Owner { runtime, admin, database }
    }

    pub(crate) fn run(&self, sql: &str) {
        self.runtime
            .block_on(self.admin.batch_execute(sql))
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    pub(crate) fn one(&self, sql: &str) -> Result<tokio_postgres::Row, tokio_postgres::Error> {
        self.runtime.block_on(self.admin.query_one(sql, &[]))
    }

    pub(crate) fn events(&self, kind: &str) -> Vec<Value> {
        let ask = "select entry from credledger.events where type = $1 order by position";
        let rows = self.runtime.block_on(self.admin.query(ask, &[&kind])).expect("events");
        let body = |row: &tokio_postgres::Row| {
            let entry: Vec<u8> = row.get(0);
            let is_body = |at: &usize| {
                serde_json::from_slice::<Value>(&entry[*at..]).is_ok_and(|body| body.is_object())
            };
            let begin = (0..entry.len()).find(is_body).expect("a body");
            serde_json::from_slice(&entry[begin..]).expect("JSON")
        };
        rows.iter().map(body).collect()
    }

    fn seals(&self) -> Vec<Sealed> {
        let seals = self.events("ledger.activity_sealed");
        seals.into_iter().map(|body| serde_json::from_value(body).expect("a seal")).collect()
    }

    /// Once all rows that are there are sealed.
    pub(crate) fn sealed(&self) -> Vec<Sealed> {
        let found = eventually(|| {
            let row = self.one("select coalesce(max(seq), 0) + 1 from credledger.activity").expect("a row");
            let seals = self.seals();
            (seals.last().map(Sealed::end) == Some(row.get::<_, i64>(0).cast_unsigned())).then_some(seals)
        });
        found.expect("all rows are sealed")
    }

    pub(crate) fn check(&self, seal: &Sealed) -> Finding {
        self.runtime.block_on(check(&self.database, LEDGER, seal)).expect("a check")
    }
}

pub(crate) fn ids(tenant: &Tenant<'_>) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = tenant.admin.get(&format!("{}/activity?limit=500{cursor}", tenant.path())).expect(200);
        ids.extend(page["data"].as_array().expect("a page").iter().map(|call| text(&call["id"])));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
    }
}

#[test]
fn a_row_that_was_changed_taken_away_or_added_is_found_by_its_seal() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = root.tenant("acme", json!({}));
    let key = tenant.mint("k");
    report(&gateway, &key.id, 1000);
    let owner = Owner::of(&service);
    let seal = owner.sealed().remove(0);
    assert!(seal.count > 0 && seal.first_seq == 1, "{seal:?}");
    let (look, run) = (|| owner.check(&seal), |sql: &str| owner.run(sql));
    assert_eq!(look(), Finding::Whole);
    for (member, other) in [
        ("operation", "'y'"),
        ("error", "null"),
        ("client_ip", "'192.0.2.2'"),
        ("outcome", "'revoked'"),
        ("status", "200"),
        ("secret_id", "id"),
        ("asked", "'order=desc'"),
        ("salt", "decode(md5('other'), 'hex')"),
    ] {
        run("create table public.kept as select * from credledger.activity where seq = 1");
        run(&format!("update credledger.activity set {member} = {other} where seq = 1"));
        assert_eq!(look(), Finding::Changed, "{member}");
        run(
            "delete from credledger.activity where seq = 1; insert into credledger.activity select * from public.kept; \
             drop table public.kept",
        );
        assert_eq!(look(), Finding::Whole, "{member} was put back");
    }
    run("create table public.kept as select * from credledger.activity where seq = 1; \
         delete from credledger.activity where seq = 1");
    assert_eq!(look(), Finding::Numbers { missing: vec![1], doubled: vec![] });
    run("insert into credledger.activity select * from public.kept; \
         update public.kept set id = place, completes = null; \
         update public.kept set place = ((place::text)::uuid), id = place; \
         insert into credledger.activity select ledger_id, p, p, tenant_id, credential_id, secret_id, kind, judged, completes, outcome, status, \
           latency_ms, operation, provider, model, error, client_ip, request_id, salt, node, seq \
           from public.kept, lateral (select (left(place::text, 35) || case right(place::text, 1) when '0' then '1' else '0' end)::uuid as p) o");
    assert_eq!(look(), Finding::Numbers { missing: vec![], doubled: vec![1] });
}

#[test]
fn what_was_taken_in_is_there_once_and_sealed_without_a_gap_whenever_the_service_is_killed() {
    let mut service = Service::start();
    let token = service.gateway().token.expect("a token");
    let id = {
        let root = service.root();
        let tenant = root.tenant("acme", json!({}));
        tenant.mint("k").id.clone()
    };
    for round in 1..=3 {
        let gateway = service.actor(&token);
        report(&gateway, &id, 100 * round);
        // What is on its way when the kill comes was acknowledged to nobody.
        service.kill();
        service.start_again();
    }
    let root = service.root();
    let tenant = root.tenant("other", json!({}));
    drop(tenant);
    let tenant_id = text(&root.get("/api/admin/v1/tenants/acme").expect(200)["id"]);
    let tenant = Tenant { admin: &root, id: tenant_id };
    let found = ids(&tenant);
    let different: std::collections::BTreeSet<_> = found.iter().collect();
    assert_eq!((found.len(), different.len()), (600, 600));
    let owner = Owner::of(&service);
    let mut next = 1;
    for seal in owner.sealed() {
        assert_eq!(seal.first_seq, next);
        next = seal.end();
        let finding = owner.check(&seal);
        assert_eq!(finding, Finding::Whole, "{seal:?}");
    }
    assert_eq!(next, 601);
}

#[test]
fn a_day_that_was_kept_for_long_enough_goes_and_the_ledger_says_so_once() {
    let mut service = Service::start_with(&["--activity-retention-days", "30"]);
    let root = service.root();
    let tenant = root.tenant("acme", json!({}));
    let key = tenant.mint("k");
    report(&service.gateway(), &key.id, 5);
    let tenant_path = tenant.path();
    let owner = Owner::of(&service);
    owner.sealed();
    let days = "(current_date - date '1970-01-01')";
    let old = |days_ago: i32| {
        format!(
            "select credledger.make_activity_days({days} - {days_ago}, {days} - {days_ago}); \
             insert into credledger.activity select ledger_id, p, p, tenant_id, credential_id, secret_id, kind, judged, completes, outcome, \
               status, latency_ms, operation, provider, model, error, client_ip, request_id, salt, node, seq \
               from credledger.activity, \
                 lateral (select (lpad(to_hex(({days} - {days_ago})::bigint * 86400000 + 1000), 12, '0') || right(replace(id::text, '-', ''), 20))::uuid as p) o \
               where seq <= 3 and place >= (lpad(to_hex({days}::bigint * 86400000 - 86400000), 12, '0') || repeat('0', 20))::uuid"
        )
    };
    owner.run(&format!("{}; {}", old(31), old(30)));
    service.stop();
    service.start_again();
    let partition = "select to_regclass('credledger.activity_' || to_char(current_date - 31, 'YYYYMMDD')) is null, \
                to_regclass('credledger.activity_' || to_char(current_date - 30, 'YYYYMMDD')) is null";
    eventually(|| {
        let row = owner.one(partition).expect("a look");
        assert!(!row.get::<_, bool>(1), "a day that is to be kept went");
        row.get::<_, bool>(0).then_some(())
    })
    .expect("the day goes");
    let said = owner.events("ledger.retention_applied");
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(
        (&said[0]["rows"], &said[0]["sealed"], &said[0]["kept_days"]),
        (&json!(3), &json!(3), &json!(30))
    );
    let root = service.root();
    let page = root.get(&format!("{tenant_path}/activity")).expect(200);
    assert_eq!(
        page["data"].as_array().map(Vec::len),
        Some(8),
        "five of today, three of the oldest day that is kept"
    );
    // Whoever asks, what is younger than a week stays.
    let young = owner.one("select credledger.drop_activity_day(current_date - date '1970-01-01' - 6)");
    assert!(young.is_err());
}

#[test]
fn rows_that_are_gone_before_their_seal_stop_no_other_from_being_sealed_and_stand_between_seals() {
    let mut service = Service::start();
    let token = service.gateway().token.expect("a token");
    let id = service.root().tenant("acme", json!({})).mint("k").id.clone();
    let owner = Owner::of(&service);
    // Until enough of them wait for their seal when the service dies.
    let first = loop {
        report(&service.actor(&token), &id, 100);
        service.kill();
        let row = owner.one("select coalesce(max(seq), 0) + 1 from credledger.activity").expect("a row");
        let (end, sealed) =
            (row.get::<_, i64>(0).cast_unsigned(), owner.seals().last().map_or(1, Sealed::end));
        if end - sealed >= 100 {
            break end - 100;
        }
        service.start_again();
    };
    let gone = [first + 30..first + 33, first + 50..first + 51, first + 97..first + 100];
    for rows in &gone {
        owner.run(&format!(
            "delete from credledger.activity where seq >= {} and seq < {}",
            rows.start, rows.end
        ));
    }
    service.start_again();
    report(&service.actor(&token), &id, 10);
    service.kill();
    service.start_again();
    let seals = owner.sealed();
    let before = std::iter::once(None).chain(seals.iter().map(Some));
    let found = before.zip(&seals).map(|(before, after)| unsealed(before, after));
    assert_eq!(found.filter(|rows| !rows.is_empty()).collect::<Vec<_>>(), gone);
    for seal in &seals {
        assert_eq!(owner.check(seal), Finding::Whole, "{seal:?}");
    }
    assert_eq!(seals.last().map(Sealed::end), Some(first + 110));
    let told = service.log().matches("gone before they were sealed").count();
    assert!((1..=2).contains(&told), "once by each of the two processes at most, not {told} times");
}
