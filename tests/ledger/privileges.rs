//! Who may do what: history is out of reach (P3), and tenants do not see each other (P8).

use credledger::db::{self, Database, DbError, Role, Sight};
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use crate::support::batch::{Batch, LEDGER, Writer};
use crate::support::{Postgres, TestDatabase, connect, server_version};

const CHANGES: [&str; 3] = [
    "update credledger.events set type = 'forged'",
    "delete from credledger.events",
    "truncate credledger.events",
];

/// Two tenants with one event, one personal row, and one row of each of their projections.
async fn two_tenants(database: &TestDatabase) -> [Uuid; 2] {
    let writer = Writer::register(database.role("credledger_append").await).await;
    let tenants = [Uuid::now_v7(), Uuid::now_v7()];
    let mut batch = Batch::new();
    for tenant in tenants {
        let command = batch.command();
        batch.guards.push((command, tenant, 0));
        batch.events.push((command, tenant, 1, Some(tenant)));
        batch.personal.push((command, tenant, 1, Some(tenant)));
        let credential = r#"{"created_at_ms": 1, "description_version": 1, "due_at_ms": null, "ended_at_ms": null, "expires_at_ms": null, "kind": "api_key",
                "name_version": 1, "owner_id": null, "quiet_from_ms": null, "revoked": false, "scopes": [], "suspended": false, "warnable_from_ms": null}"#;
        let erasure = format!(r#"{{"under_id": "{tenant}"}}"#);
        let member = r#"{"disabled": false, "name_version": 1}"#;
        let secret = format!(
            r#"{{"client_id": null, "credential_id": "{tenant}", "ends_at_ms": null, "prefix": "p"}}"#
        );
        for (projection, facts) in [
            ("tenants", r#"{"expiry_warning_ms": 0, "slug": "s"}"#),
            ("credentials", credential),
            ("secrets", secret.as_str()),
            ("members", member),
            ("erasures", erasure.as_str()),
        ] {
            batch.rows.push((command, projection, tenant, Some(tenant), 1, facts.to_owned()));
        }
    }
    assert_eq!(writer.append(1, &batch).await.verdicts, [0, 0]);
    tenants
}

async fn names(client: &Client, sql: &str) -> Vec<String> {
    client.query(sql, &[]).await.expect("names").iter().map(|row| row.get(0)).collect()
}

/// Asked of the catalog, so that a role added later is covered.
const REACHABLE: &str =
    "select rolname::text from pg_roles where pg_has_role(session_user, oid, 'MEMBER') order by 1";

async fn state(client: &Client, sql: &str) -> String {
    let refusal = client.batch_execute(sql).await.expect_err(sql);
    refusal.code().unwrap_or_else(|| panic!("{sql}: {refusal}")).code().to_owned()
}

#[tokio::test]
async fn no_role_that_the_service_can_become_may_change_history() {
    let database = Postgres::database().await;
    two_tenants(&database).await;
    let reachable = names(&database.login().await, REACHABLE).await;
    for role in Role::ALL {
        assert!(reachable.contains(&role.name().to_owned()), "{role:?}");
    }
    let more = [
        "insert into credledger.events (ledger_id) values (1)",
        "alter table credledger.events disable trigger all",
        "alter table credledger.events disable trigger events_row_is_immutable",
        "alter table credledger.events disable row level security",
        "alter table credledger.events add column forged int",
        "drop trigger events_row_is_immutable on credledger.events",
        "drop table credledger.events",
        "drop schema credledger cascade",
        "create rule forged as on update to credledger.events do instead nothing",
        "set role credledger_owner",
        "set session_replication_role = replica",
        "create or replace function credledger.refuse_change() returns trigger language sql as 'select null'",
    ];
    for role in reachable {
        let client = database.role(&role).await;
        for sql in CHANGES.iter().chain(&more) {
            assert_eq!(state(&client, sql).await, "42501", "{role}: {sql}");
        }
    }
    let admin = database.admin().await;
    let kept = admin.query_one("select count(*) from credledger.events where type = 'test.happened'", &[]);
    assert_eq!(kept.await.expect("a count").get::<_, i64>(0), 2);
}

#[tokio::test]
async fn history_raises_even_for_its_owner_and_a_superuser_in_replica_mode() {
    let database = Postgres::database().await;
    two_tenants(&database).await;
    let admin = database.admin().await;
    for mode in
        ["reset role", "set role credledger_owner", "reset role; set session_replication_role = replica"]
    {
        admin.batch_execute(mode).await.expect(mode);
        for sql in CHANGES {
            assert_eq!(state(&admin, sql).await, "CL003", "{mode}: {sql}");
        }
    }
}

#[tokio::test]
async fn service_roles_write_no_table_but_through_functions() {
    let database = Postgres::database().await;
    let admin = database.admin().await;
    let may_write = "select r.rolname || ' ' || c.relname from pg_roles r, pg_class c \
        where r.rolname like 'credledger%' and r.rolname <> 'credledger_owner' \
          and r.rolname <> (select session_user) and not r.rolsuper \
          and c.relnamespace = 'credledger'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'S') \
          and has_table_privilege(r.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')";
    assert_eq!(names(&admin, may_write).await, Vec::<String>::new());
    let of_everyone = "select p.proname::text from pg_proc p where p.pronamespace = 'credledger'::regnamespace \
        and (p.proacl is null or exists (select from aclexplode(p.proacl) a where a.grantee = 0))";
    assert_eq!(names(&admin, of_everyone).await, Vec::<String>::new());
    let unpinned = "select p.proname::text from pg_proc p where p.pronamespace = 'credledger'::regnamespace \
        and p.prosecdef and not coalesce('search_path=pg_catalog, pg_temp' = any (p.proconfig), false)";
    assert_eq!(names(&admin, unpinned).await, Vec::<String>::new());
}

#[tokio::test]
async fn only_the_append_role_may_append_and_it_reads_no_table() {
    let database = Postgres::database().await;
    for role in Role::ALL {
        let client = database.role(role.name()).await;
        let called = client
            .query("select * from credledger.register_writer($1, $2)", &[&LEDGER, &Uuid::now_v7()])
            .await;
        assert_eq!(called.is_ok(), role == Role::Append, "{role:?}");
        let reads = client.query("select from credledger.events", &[]).await.is_ok();
        assert_eq!(reads, matches!(role, Role::System | Role::App), "{role:?}");
    }
    let login = database.login().await;
    assert_eq!(state(&login, "select from credledger.events").await, "42501", "a login has to take a role");
}

#[tokio::test]
async fn every_table_with_a_tenant_is_under_forced_row_level_security() {
    let database = Postgres::database().await;
    let admin = database.admin().await;
    let with_tenant = "select c.relname::text from pg_class c join pg_attribute a on a.attrelid = c.oid \
        where c.relnamespace = 'credledger'::regnamespace and c.relkind in ('r', 'p') and a.attname = 'tenant_id'";
    let tables = names(&admin, with_tenant).await;
    assert!(tables.contains(&"events".to_owned()) && tables.contains(&"personal".to_owned()), "{tables:?}");
    let open = format!("{with_tenant} and not (c.relrowsecurity and c.relforcerowsecurity)");
    assert_eq!(names(&admin, &open).await, Vec::<String>::new());
    let dangerous = "select rolname::text from pg_roles where rolname like 'credledger%' and rolname <> session_user \
        and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb)";
    assert_eq!(names(&admin, dangerous).await, Vec::<String>::new());
    let readable_untenanted = "select c.relname::text from pg_class c where c.relnamespace = 'credledger'::regnamespace \
        and c.relkind in ('r', 'p', 'v', 'm') and has_table_privilege('credledger_app', c.oid, 'SELECT') \
        and not c.relforcerowsecurity";
    assert_eq!(names(&admin, readable_untenanted).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_scope_sees_its_own_tenant_and_no_other() {
    let database = Postgres::database().await;
    let [own, other] = two_tenants(&database).await;
    let service = database.open().await;
    for table in ["events", "personal", "tenants", "credentials", "secrets", "erasures"] {
        for tenant in [own, other, Uuid::now_v7()] {
            let scope = service.scope(Sight::Tenant(tenant)).await.expect("a scope");
            let rows =
                scope.query(&format!("select tenant_id from credledger.{table}"), &[]).await.expect("rows");
            let seen: Vec<Uuid> = rows.iter().map(|row| row.get(0)).collect();
            let expected = if tenant == own || tenant == other { vec![tenant] } else { Vec::new() };
            assert_eq!(seen, expected, "{table}");
            scope.finish().await.expect("an end");
        }
        let app = database.role("credledger_app").await;
        let count = format!("select count(*) from credledger.{table}");
        let unset = [
            String::new(),
            format!("begin; set local credledger.tenant = '{own}'; commit"),
            "set credledger.tenant = ''".to_owned(),
        ];
        for how in unset {
            app.batch_execute(&how).await.expect("a setting");
            assert_eq!(
                app.query_one(&count, &[]).await.expect("a count").get::<_, i64>(0),
                0,
                "{table}: {how}"
            );
        }
    }
}

#[tokio::test]
async fn a_scope_only_reads_and_leaves_no_tenant_behind() {
    let database = Postgres::database().await;
    let [own, _] = two_tenants(&database).await;
    let service = database.open().await;
    let scope = service.scope(Sight::Tenant(own)).await.expect("a scope");
    let refused = scope.query("create temporary table t (x int)", &[]).await;
    assert!(matches!(refused, Err(DbError::Unavailable(_) | DbError::Forbidden(_))), "{refused:?}");
    drop(scope);
    let scope = service.scope(Sight::Tenant(Uuid::now_v7())).await.expect("a scope on a fresh connection");
    assert!(scope.query_opt("select from credledger.events", &[]).await.expect("rows").is_none());
    scope.finish().await.expect("an end");
}

#[tokio::test]
async fn append_only_is_told_honestly() {
    let database = Postgres::database().await;
    let dedicated = database.open().await.connect_dedicated(Role::System).await.expect("a connection");
    assert!(db::append_only(&dedicated).await.expect("an answer"), "the service's own login");
    let admin = database.admin().await;
    assert!(!db::append_only(&admin).await.expect("an answer"), "a superuser");
    admin.batch_execute("set role credledger_system").await.expect("a role");
    assert!(!db::append_only(&admin).await.expect("an answer"), "a superuser in a role's clothes");
    admin.batch_execute("reset role").await.expect("a role");

    let unfit = [
        ("owner's member", "login", "grant credledger_owner to ROLE"),
        ("may create roles", "login createrole", "select"),
        ("may write the server's files", "login", "grant pg_write_server_files to ROLE"),
        ("may write all data", "login", "grant pg_write_all_data to ROLE"),
    ];
    for (what, options, grant) in unfit {
        if what == "may create roles" && server_version(&admin).await >= 160_000 {
            continue; // such a role may no longer join any other
        }
        let role = format!("credtest_{}", Uuid::now_v7().simple());
        let make = format!(
            "create role {role} {options} password 'credledger-test'; grant credledger_login to {role}; {}",
            grant.replace("ROLE", &role)
        );
        admin.batch_execute(&make).await.expect(what);
        let client = connect(&database.url_as(&role).parse().expect("our own text")).await;
        client.batch_execute("set role credledger_system").await.expect(what);
        let honest = db::append_only(&client).await.expect("an answer");
        drop(client);
        admin.batch_execute(&format!("drop role {role}")).await.expect(what);
        assert!(!honest, "{what}");
    }
}

#[tokio::test]
async fn the_services_connections_are_their_role_and_durable() {
    let database = Postgres::database().await;
    let service = database.open().await;
    let settings = "select current_user::text, current_setting('synchronous_commit'), \
        current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout')";
    let told = |row: &Row| -> [String; 4] { [0, 1, 2, 3].map(|column| row.get(column)) };
    let expected = |role: Role| [role.name(), "on", "30s", "10s"].map(str::to_owned);
    let system = service.system().await.expect("a connection");
    assert_eq!(told(&system.query_one(settings, &[]).await.expect("settings")), expected(Role::System));
    let sight = Sight::Tenant(Uuid::now_v7());
    let asked = service.ask(sight, settings, &[]).await.expect("settings");
    let scope = service.scope(sight).await.expect("a scope");
    let scoped = scope.query(settings, &[]).await.expect("settings");
    for rows in [asked, scoped] {
        assert_eq!(rows.iter().map(told).collect::<Vec<_>>(), [expected(Role::App)]);
    }
    for role in Role::ALL {
        let client = service.connect_dedicated(role).await.expect("a connection");
        assert_eq!(told(&client.query_one(settings, &[]).await.expect("settings")), expected(role));
    }
}

#[tokio::test]
async fn a_server_that_may_lose_what_it_acknowledged_is_refused_unless_waived() {
    let database = Postgres::database().await;
    let weaken = format!("alter database {} set synchronous_commit = off", database.name);
    database.admin().await.batch_execute(&weaken).await.expect("a setting");
    let mut settings = database.settings();
    settings.allow_unsafe_database = false;
    let refused = Database::open(&settings).await.err();
    assert!(matches!(refused, Some(DbError::Unfit(_))), "{refused:?}");
    let service = database.open().await;
    let system = service.system().await.expect("a connection");
    let raised =
        system.query_one("select current_setting('synchronous_commit')", &[]).await.expect("a setting");
    assert_eq!(raised.get::<_, String>(0), "on");
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_is_unavailable() {
    let database = Postgres::database().await;
    let gone = database.url.replace(&database.name, "credledger_no_such_database");
    let mut settings = database.settings();
    settings.url = gone.as_str().into();
    let refused = Database::open(&settings).await.err();
    assert!(matches!(refused, Some(DbError::Unavailable(_))), "{refused:?}");
}

#[tokio::test]
async fn a_refusal_of_the_server_is_told_by_its_state() {
    let database = Postgres::database().await;
    let service = database.open().await;
    let system = service.system().await.expect("a connection");
    type Expected = fn(&DbError) -> bool;
    let cases: [(&str, Expected); 3] = [
        ("delete from credledger.events", |error| matches!(error, DbError::Forbidden(_))),
        ("select 1/0", |error| matches!(error, DbError::Rejected { state, .. } if state == "22012")),
        ("set statement_timeout = 1; select pg_sleep(60)", |error| matches!(error, DbError::Cancelled(_))),
    ];
    for (sql, expected) in cases {
        let error = DbError::from(system.batch_execute(sql).await.expect_err(sql));
        assert!(expected(&error) && !error.may_have_happened(), "{sql}: {error:?}");
    }
    let victim = service.connect_dedicated(Role::System).await.expect("a connection");
    let pid: i32 = victim.query_one("select pg_backend_pid()", &[]).await.expect("a pid").get(0);
    let admin = database.admin().await;
    admin.execute("select pg_terminate_backend($1)", &[&pid]).await.expect("an end");
    victim.rung().await;
    let error = DbError::from(victim.batch_execute("select").await.expect_err("a lost connection"));
    assert!(error.may_have_happened(), "{error:?}");
}

#[tokio::test]
async fn a_doorbell_rings_a_dedicated_connection() {
    let database = Postgres::database().await;
    let service = database.open().await;
    let listener = service.connect_dedicated(Role::System).await.expect("a connection");
    listener.batch_execute("listen credledger_doorbell").await.expect("listening");
    let ringer = service.connect_dedicated(Role::System).await.expect("a connection");
    ringer.batch_execute("notify credledger_doorbell").await.expect("ringing");
    listener.rung().await;
    assert!(!listener.is_closed());
}
