//! Migrations: from nothing to this version's schema, once, and the same each time.

use credledger::clock::Timestamp;
use credledger::db::{CopyReader, Database, DatabaseUrl, Settings};
use credledger::ops::migrate::{self, File, MigrateError, Schema};
use credledger::projections::list::{self, DuePlace};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::support::{Postgres, TestDatabase, connect, server_version};

/// Everything in the schema that a migration makes, in words.
async fn described(database: &TestDatabase) -> Vec<String> {
    let sql = "
        select 'column ' || c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull
          from pg_class c join pg_attribute a on a.attrelid = c.oid
          where c.relnamespace = 'credledger'::regnamespace and a.attnum > 0 and not a.attisdropped
        union all
        select 'relation ' || relname || ' ' || relkind::text || ' ' || relowner::regrole || ' ' || coalesce(relacl::text, '') || ' '
               || coalesce(reloptions::text, '') || relrowsecurity || relforcerowsecurity
          from pg_class where relnamespace = 'credledger'::regnamespace
        union all
        select 'constraint ' || conname || ' ' || pg_get_constraintdef(oid) from pg_constraint
          where connamespace = 'credledger'::regnamespace
        union all
        select 'function ' || md5(pg_get_functiondef(oid)) || ' ' || oid::regprocedure || ' ' || coalesce(proacl::text, '') || ' '
               || proowner::regrole
          from pg_proc where pronamespace = 'credledger'::regnamespace
        union all
        select 'policy ' || tablename || ' ' || policyname || ' ' || roles::text || coalesce(qual, '') || coalesce(with_check, '')
          from pg_policies where schemaname = 'credledger'
        union all
        select 'trigger ' || tgname || ' ' || tgenabled::text || pg_get_triggerdef(oid) from pg_trigger
          where tgrelid = 'credledger.events'::regclass
        order by 1";
    let client = database.admin().await;
    client.query(sql, &[]).await.expect("a description").iter().map(|row| row.get(0)).collect()
}

async fn applied(database: &TestDatabase) -> i64 {
    let asked = "select count(*) from credledger.migrations";
    database.admin().await.query_one(asked, &[]).await.expect("a count").get(0)
}

#[tokio::test]
async fn a_schema_from_nothing_is_the_same_each_time_and_is_not_made_twice() {
    let (one, two) = (Postgres::empty_database().await, Postgres::empty_database().await);
    let first = migrate::migrate(&one.settings()).await.expect("a migration");
    assert!(first.applied.len() > 20 && first.changed_projections.is_empty(), "{first:?}");
    let made = described(&one).await;
    assert!(made.iter().any(|line| line.starts_with("policy events app_reaches_its_tenant")));
    migrate::migrate(&two.settings()).await.expect("a migration");
    assert_eq!(made, described(&two).await);
    assert_eq!(
        migrate::migrate(&one.settings()).await.expect("a second start").applied,
        Vec::<String>::new()
    );
    assert_eq!(made, described(&one).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrations_at_once_migrate_once() {
    let database = Postgres::empty_database().await;
    let starts = (0..4).map(|_| {
        let settings = database.settings();
        tokio::spawn(async move { migrate::migrate(&settings).await })
    });
    let mut working = 0;
    for start in futures::future::join_all(starts).await {
        let migrated = start.expect("a task").expect("a migration");
        working += usize::from(!migrated.applied.is_empty());
    }
    assert_eq!(working, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_databases_of_one_cluster_may_be_migrated_at_once() {
    let mut databases = Vec::new();
    for _ in 0..4 {
        databases.push(Postgres::empty_database().await);
    }
    let starts = databases.iter().map(|database| {
        let settings = database.settings();
        tokio::spawn(async move { migrate::migrate(&settings).await })
    });
    for start in futures::future::join_all(starts).await {
        assert!(!start.expect("a task").expect("a migration").applied.is_empty());
    }
}

#[tokio::test]
async fn a_changed_frozen_file_stops_the_start_by_name() {
    let database = Postgres::database().await;
    let mut tables = Schema::EMBEDDED.tables.to_vec();
    let changed = tables.iter_mut().find(|file| file.name == "0004_events").expect("the events");
    changed.sql = "create table credledger.events (position bigint)";
    let schema = Schema { tables: tables.leak(), ..Schema::EMBEDDED };
    let before = described(&database).await;
    let refused = migrate::migrate_to(&schema, &database.settings()).await.expect_err("a refusal");
    assert!(
        matches!(&refused, MigrateError::FrozenFileChanged { name } if name == "0004_events"),
        "{refused:?}"
    );
    assert!(refused.to_string().contains("schema/tables/0004_events.sql"), "{refused}");
    assert_eq!(before, described(&database).await);
}

#[tokio::test]
async fn a_file_that_is_refused_leaves_nothing_of_itself() {
    let database = Postgres::database().await;
    let mut tables = Schema::EMBEDDED.tables.to_vec();
    tables.push(File {
        name: "0099_bad",
        sql: "create table credledger.half (x int); select no_such_function();",
    });
    let schema = Schema { tables: tables.leak(), ..Schema::EMBEDDED };
    let before = (described(&database).await, applied(&database).await);
    let refused = migrate::migrate_to(&schema, &database.settings()).await.expect_err("a refusal");
    assert!(
        matches!(&refused, MigrateError::Refused { file, .. } if file == "schema/tables/0099_bad"),
        "{refused:?}"
    );
    assert_eq!(before, (described(&database).await, applied(&database).await));
}

#[tokio::test]
async fn a_migration_cut_off_before_its_privileges_gives_them_to_the_new_table_later() {
    let database = Postgres::database().await;
    let mut tables = Schema::EMBEDDED.tables.to_vec();
    tables
        .push(File { name: "0099_visits", sql: "create table credledger.visits (tenant_id uuid not null)" });
    let whole = Schema { tables: tables.leak(), ..Schema::EMBEDDED };
    let cut = File { name: "cut", sql: "select no_such_function()" };
    let cut_off = Schema { privileges: vec![cut].leak(), ..whole };
    let refused = migrate::migrate_to(&cut_off, &database.settings()).await.expect_err("a refusal");
    assert!(
        matches!(&refused, MigrateError::Refused { file, .. } if file == "schema/privileges/cut"),
        "{refused:?}"
    );

    migrate::migrate_to(&whole, &database.settings()).await.expect("a migration");
    let asked = "select relrowsecurity and relforcerowsecurity,
                        (select count(*) from pg_policies where schemaname = 'credledger' and tablename = 'visits')
                   from pg_class where oid = 'credledger.visits'::regclass";
    let row = database.admin().await.query_one(asked, &[]).await.expect("the new table");
    assert_eq!((row.get::<_, bool>(0), row.get::<_, i64>(1)), (true, 3));
    let again = migrate::migrate_to(&whole, &database.settings()).await.expect("a second start");
    assert_eq!(again.applied, Vec::<String>::new());
}

#[tokio::test]
async fn a_plain_owner_of_the_database_who_may_create_roles_can_migrate() {
    let database = Postgres::empty_database().await;
    let admin = database.admin().await;
    let owner = format!("credtest_{}", Uuid::now_v7().simple());
    let make = format!(
        "create role {owner} login createrole password 'credledger-test'; alter database {} owner to {owner}",
        database.name
    );
    admin.batch_execute(&make).await.expect("an owner");
    // from 16 on, whoever may create roles administers only those it made; these another has made
    if server_version(&admin).await >= 160_000 {
        let _migrated = Postgres::database().await;
        let admit = format!("grant credledger_owner, credledger_login to {owner} with admin option");
        admin.batch_execute(&admit).await.expect("an administrator of the roles");
    }
    let url = database.url_as(&owner);
    let mut settings = Settings::at(url.as_str());
    settings.allow_unsafe_database = true;
    let migrated = migrate::migrate(&settings).await.expect("a migration by a plain owner");
    assert!(!migrated.applied.is_empty());
    assert!(migrate::migrate(&settings).await.expect("a second start").applied.is_empty());
    let service = Database::open(&settings).await.expect("the service");
    let system = service.system().await.expect("a connection as system");
    assert!(!credledger::db::append_only(&system).await.expect("an answer"));
    drop(system);
    service.close();
    admin.batch_execute(&format!("alter database {} owner to current_user; revoke credledger_owner, credledger_login from {owner}; drop role {owner}", database.name)).await.expect("an end");
}

#[tokio::test]
async fn a_restricted_login_starts_on_what_another_has_migrated() {
    let database = Postgres::database().await;
    let mut settings = database.settings();
    settings.admin_url = None;
    let migrated = migrate::migrate(&settings).await.expect("a start");
    assert!(migrated.applied.is_empty());
    let nothing = Postgres::empty_database().await;
    settings.url = DatabaseUrl::from(nothing.url.as_str());
    assert!(matches!(migrate::migrate(&settings).await, Err(MigrateError::Refused { .. })));
}

async fn plan(client: &Client, query: &str, arguments: &str) -> String {
    client
        .batch_execute(&format!("prepare q as {query}; set plan_cache_mode = force_custom_plan"))
        .await
        .expect(query);
    let rows = client.query(&format!("explain execute q({arguments})"), &[]).await.expect("a plan");
    rows.iter().map(|row| row.get::<_, String>(0) + "\n").collect()
}

#[tokio::test]
async fn every_query_of_the_projections_uses_its_index() {
    let database = Postgres::database().await;
    const TENANT: &str = "'0197e7a0-0000-7000-8000-000000000000'";
    let page = |filters: &str| format!("1, {TENANT}, 9, {TENANT}, 50, 9, 0, {filters}");
    let of_keys = |filters: &str| page(&format!("{filters}, 'api_key', null"));
    let pages = include_str!("../../projections/credentials/queries/page.sql");
    let queries = [
        (
            pages,
            of_keys("null, null, null, null, null, null, null"),
            "Scan Backward using credentials_by_age",
        ),
        (
            pages,
            of_keys("array['active'], 'x', 'a', 9, null, 'x', null"),
            "Scan Backward using credentials_by_age",
        ),
        (pages, of_keys("null, null, null, null, 'cl_live_3fK9x0Qa', null, null"), "using secrets_by_prefix"),
        (pages, of_keys("null, null, null, null, 'cl_client_3f', null, null"), "using secrets_by_client_id"),
        (
            pages,
            of_keys(&format!("null, null, null, null, null, null, {TENANT}")),
            "using credentials_by_owner",
        ),
        (
            include_str!("../../projections/members/queries/page.sql"),
            format!("1, {TENANT}, {TENANT}, 50, 'disabled', 'Ada'"),
            "Scan Backward using members_by_tenant",
        ),
        (
            include_str!("../../projections/credentials/queries/due.sql"),
            format!("1, 9, 0, {TENANT}, 64"),
            "Scan using credentials_due",
        ),
        (
            include_str!("../../projections/credentials/queries/ended.sql"),
            format!("1, {TENANT}, 9, 8"),
            "Scan using credentials_due_in_tenant",
        ),
        (
            include_str!("../../projections/credentials/queries/warnable.sql"),
            format!("1, 9, 0, {TENANT}, 500"),
            "Scan using credentials_warnable on",
        ),
        (
            include_str!("../../projections/credentials/queries/entering.sql"),
            format!("1, 9, array[{TENANT}]::uuid[], '{{0}}', array[{TENANT}]::uuid[], '{{9}}', 500"),
            "Scan using credentials_warnable_in_tenant",
        ),
        (
            include_str!("../../projections/plans/queries/page.sql"),
            "1, 'free', 64".to_owned(),
            "Scan using plans_by_name",
        ),
    ];
    for (query, arguments, expected) in queries {
        let client = database.admin().await;
        client
            .batch_execute("set enable_seqscan = off; set enable_bitmapscan = off")
            .await
            .expect("settings");
        let plan = plan(&client, query, &arguments).await;
        assert!(plan.contains(expected) && !plan.contains("Seq Scan"), "{plan}");
    }
}

#[tokio::test]
async fn a_walk_over_what_is_due_meets_each_once_though_nothing_is_recorded() {
    let database = Postgres::database().await;
    // many at one instant, more than a page; one that is not due yet, and one that never is
    let rows = "
        insert into credledger.credentials (ledger_id, id, tenant_id, version, record, mac, created_at_ms, kind, suspended, revoked,
            scopes, description_version, name_version, due_at_ms)
          select 1, gen_random_uuid(), gen_random_uuid(), 1, '', '', 1, 'api_key', false, false, '{}', 1, 1,
                 case when n = 10 then 101 when n < 10 then 90 + n / 5 end
            from generate_series(0, 11) n";
    database.admin().await.batch_execute(rows).await.expect("the rows");
    let service = database.open().await;
    let system = service.system().await.expect("a connection");
    let now = Timestamp::from_millis(100).expect("an instant");
    let (mut after, mut met) = (DuePlace::START, Vec::new());
    loop {
        let page = list::due(&system, 1, now, after, 3).await.expect("a page");
        let Some(last) = page.last() else { break };
        after = last.place;
        met.extend(page.iter().map(|due| (due.place.due_at_ms, due.credential.0)));
    }
    assert_eq!(met.len(), 10);
    assert!(met.is_sorted_by(|a, b| a < b), "{met:?}");
    drop(system);
    service.close();
}

#[tokio::test]
async fn copy_binary_is_read_as_the_server_writes_it() {
    let database = Postgres::empty_database().await;
    let client = connect(&database.admin_url.parse().expect("our own text")).await;
    let sql = "copy (select n::bigint, n::int, n::smallint, gen_random_uuid(), n % 2 = 0, repeat('x', n), \
               case when n % 3 = 0 then null else n::text::bytea end from generate_series(0, 9999) n) to stdout (format binary)";
    let pieces = Box::pin(client.copy_out(sql).await.expect("a copy"));
    let mut reader = CopyReader::new(pieces);
    let mut rows = 0i64;
    while let Some(row) = reader.next().await.expect("a row") {
        assert_eq!(row.int8(0).expect("int8"), rows);
        assert_eq!(i64::from(row.int4(1).expect("int4")), rows);
        assert_eq!(i64::from(row.int2(2).expect("int2")), rows);
        assert_eq!(row.uuid(3).expect("a uuid").get_version_num(), 4);
        assert_eq!(row.boolean(4).expect("a boolean"), rows % 2 == 0);
        assert_eq!(row.text(5).expect("a text").len() as i64, rows);
        let tail = row.optional(6).expect("bytes").map(<[u8]>::to_vec);
        assert_eq!(tail, (rows % 3 != 0).then(|| rows.to_string().into_bytes()));
        rows += 1;
    }
    assert_eq!(rows, 10_000);
}
