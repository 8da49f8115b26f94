//! Write access to the database opens no session.

use std::collections::BTreeSet;

use crate::browser::SESSION;
use crate::support::Postgres;
use crate::support::service::Service;
use crate::world::World;

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(work)
}

fn change(service: &Service, sql: &str) {
    let database = service.database.as_ref().expect("a database of its own");
    run(async { database.admin().await.batch_execute(sql).await.expect("a superuser may") });
}

/// The processes that serve the service's questions about people.
pub fn connections_for_people(service: &Service) -> BTreeSet<i32> {
    let database = service.database.as_ref().expect("a database of its own");
    run(async {
        let serving = "select pid from pg_stat_activity
            where datname = current_database() and application_name = 'credledger_writer'";
        let rows = database.admin().await.query(serving, &[]).await.expect("rows");
        rows.iter().map(|row| row.get(0)).collect()
    })
}

/// Every row of every table, as text.
pub fn everything_kept(service: &Service) -> String {
    let database = service.database.as_ref().expect("a database of its own");
    run(async {
        let admin = database.admin().await;
        let tables = "select tablename::text from pg_tables where schemaname = 'credledger'";
        let mut all = String::new();
        for table in admin.query(tables, &[]).await.expect("tables") {
            let table: String = table.get(0);
            let rows = format!(
                "select t::text || coalesce(encode(convert_to(t::text, 'utf8'), 'escape'), '') from credledger.{table} t"
            );
            for row in admin.query(&rows, &[]).await.expect("rows") {
                all.push_str(&row.get::<_, String>(0));
                all.push('\n');
            }
        }
        all
    })
}

#[test]
fn a_session_made_or_changed_by_hand_opens_nothing() {
    let world = World::new(&["--session-idle-seconds", "3600"]);
    let (mut ada, _) = world.invited("ada", "auditor");
    let (mut grace, root_id) = world.invited("grace", "root");
    assert_eq!(ada.read("/session").expect(200)["operator"]["role"], "auditor");
    let keep = "create table kept as select * from credledger.sessions";
    change(&world.service, keep);
    for forgery in [
        format!("update credledger.sessions set operator_id = '{root_id}'"),
        "update credledger.sessions set ends_at_ms = ends_at_ms + 1000".to_owned(),
        "update credledger.sessions set seen_at_ms = seen_at_ms + 1000".to_owned(),
        "update credledger.sessions set opened_at_ms = opened_at_ms + 1".to_owned(),
        "update credledger.sessions s set mac = (select o.mac from credledger.sessions o where o.operator_id <> s.operator_id)".to_owned(),
        // Somebody's own genuine row, under another session's digest.
        "update credledger.sessions s set digest = (select o.digest from credledger.sessions o where o.operator_id <> s.operator_id) || '\\x00'::bytea; \
         update credledger.sessions set digest = substr(digest, 1, 32)".to_owned(),
    ] {
        change(&world.service, &forgery);
        let refused = ada.read("/session");
        let also = grace.read("/session");
        assert!(
            refused.status == 401 && (also.status == 401 || also.json()["operator"]["id"] == serde_json::json!(root_id)),
            "{forgery}: {} {}",
            refused.text(),
            also.text()
        );
        change(
            &world.service,
            "delete from credledger.sessions; insert into credledger.sessions select * from kept",
        );
        ada.read("/session").expect(200);
    }
    assert!(ada.cookie(SESSION).is_some());
}

#[test]
fn what_is_over_is_forgotten_and_nothing_else() {
    run(async {
        let database = Postgres::database().await;
        let writer = database.role("credledger_writer").await;
        for (digest, ends) in [("\\x01", 100), ("\\x02", 101)] {
            let open = format!(
                "select credledger.open_session(1, '{digest}', '019f0000-0000-7000-8000-000000000000', 1, {ends}, '\\x', 20)"
            );
            writer.batch_execute(&open).await.expect("a session");
            let spend = format!("select credledger.spend_sign_in(1, '{digest}', {ends})");
            for first in [true, false] {
                let spent = writer.query_one(&spend, &[]).await.expect("an answer");
                assert_eq!(spent.get::<_, bool>(0), first, "a sign-in is completed once");
            }
        }
        let forgotten =
            writer.query_one("select credledger.forget_sessions(1, 100, 10)", &[]).await.expect("an answer");
        assert_eq!(forgotten.get::<_, i64>(0), 1, "equality means over");
        for (digest, there) in [("\\x01", 0), ("\\x02", 1)] {
            let read = format!("select * from credledger.read_session(1, '{digest}')");
            assert_eq!(writer.query(&read, &[]).await.expect("an answer").len(), there, "{digest}");
        }
        for table in ["sessions", "spent_sign_ins"] {
            let read = writer.query(&format!("select * from credledger.{table}"), &[]).await;
            assert!(read.is_err(), "the role that keeps them reads {table} through functions alone");
            let rows = database.admin().await.query(&format!("select * from credledger.{table}"), &[]).await;
            assert_eq!(rows.expect("a superuser may").len(), 1, "{table}");
        }
    });
}
