//! Real PostgreSQL for tests: CREDLEDGER_TEST_POSTGRES names a server and a superuser of it (URL or key=value); each test gets a
//! database of its own, cloned from one that was migrated once.
#![allow(dead_code)] // each test binary uses its part of this

pub mod assertions;
pub mod batch;
pub mod client;
pub mod document;
pub mod holder;
pub mod hostile;
pub mod json_schema;
pub mod pieces;
pub mod scanner;
pub mod service;
mod walk;

use credledger::db::{Database, DatabaseUrl, Settings};
use credledger::ops::migrate::{self, Schema};
use ring::digest::{Context, SHA256};
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, NoTls};
use uuid::Uuid;

const LOGIN: &str = "credledger_test_login";
/// Of test servers alone; it opens nothing but databases that a test made.
const LOGIN_PASSWORD: &str = "credledger-test";

pub struct Postgres {
    config: Config,
}

pub struct TestDatabase {
    pub name: String,
    /// as the service logs in
    pub url: String,
    /// as the server's superuser
    pub admin_url: String,
    server: Config,
}

impl Postgres {
    pub fn from_environment() -> Self {
        let url = std::env::var("CREDLEDGER_TEST_POSTGRES").expect(
            "CREDLEDGER_TEST_POSTGRES must name a PostgreSQL server and its superuser; scripts/test starts one",
        );
        Self { config: url.parse().expect("CREDLEDGER_TEST_POSTGRES is no connection string") }
    }

    /// Migrated, and empty.
    pub async fn database() -> TestDatabase {
        let server = Self::from_environment();
        let admin = connect(&server.config).await;
        let template = server.template(&admin).await;
        server.create(&admin, &format!("template {template}")).await
    }

    /// With nothing in it at all.
    pub async fn empty_database() -> TestDatabase {
        let server = Self::from_environment();
        let admin = connect(&server.config).await;
        ensure_login(&admin).await;
        server.create(&admin, "template template0").await
    }

    async fn create(&self, admin: &Client, with: &str) -> TestDatabase {
        let name = format!("credledger_test_{}", Uuid::now_v7().simple());
        admin.batch_execute(&format!("create database {name} {with}")).await.expect("a database");
        self.named(&name)
    }

    fn named(&self, name: &str) -> TestDatabase {
        TestDatabase {
            name: name.to_owned(),
            url: text(&self.config, name, Some((LOGIN, LOGIN_PASSWORD))),
            admin_url: text(&self.config, name, None),
            server: self.config.clone(),
        }
    }

    /// Made once for each state of the schema; another test process may be making it just now.
    async fn template(&self, admin: &Client) -> String {
        let name = format!("credledger_template_{}", schema_digest());
        admin.batch_execute("select pg_advisory_lock(4711)").await.expect("the lock");
        ensure_login(admin).await;
        let exists =
            admin.query("select from pg_database where datname = $1", &[&name]).await.expect("a look");
        if exists.is_empty() {
            let unfinished = format!("{name}_unfinished");
            admin
                .batch_execute(&format!("drop database if exists {unfinished} with (force)"))
                .await
                .expect("a drop");
            admin
                .batch_execute(&format!("create database {unfinished} template template0"))
                .await
                .expect("a template");
            let made = self.named(&unfinished);
            migrate::migrate(&made.settings()).await.expect("the template's migration");
            std::mem::forget(made);
            admin
                .batch_execute(&format!(
                    "select pg_terminate_backend(pid) from pg_stat_activity where datname = '{unfinished}'"
                ))
                .await
                .expect("an end");
            admin
                .batch_execute(&format!("alter database {unfinished} rename to {name}"))
                .await
                .expect("a name");
        }
        admin.batch_execute("select pg_advisory_unlock(4711)").await.expect("the lock's end");
        name
    }
}

impl TestDatabase {
    pub fn settings(&self) -> Settings {
        Settings {
            url: DatabaseUrl::from(self.url.as_str()),
            admin_url: Some(DatabaseUrl::from(self.admin_url.as_str())),
            ca_file: None,
            // a test server may run without fsync, to be quick
            allow_unsafe_database: true,
        }
    }

    pub async fn open(&self) -> Database {
        Database::open(&self.settings()).await.expect("the service's database")
    }

    pub async fn admin(&self) -> Client {
        connect(&self.admin_url.parse().expect("our own text")).await
    }

    /// As the service logs in, and no role taken yet.
    pub async fn login(&self) -> Client {
        connect(&self.url.parse().expect("our own text")).await
    }

    pub async fn role(&self, role: &str) -> Client {
        let client = self.login().await;
        client.batch_execute(&format!("set role {role}")).await.expect("a role of the service");
        client
    }

    pub fn url_as(&self, user: &str) -> String {
        text(&self.server, &self.name, Some((user, LOGIN_PASSWORD)))
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        // a test's own runtime may be about to end: the drop gets one of its own, and is waited for
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map(|runtime| {
                runtime.block_on(async {
                    connect(&server).await.batch_execute(&format!("drop database {name} with (force)")).await
                })
            })
        })
        .join();
        if !matches!(dropped, Ok(Ok(Ok(())))) && !std::thread::panicking() {
            panic!("the test database {} could not be dropped: {dropped:?}", self.name);
        }
    }
}

pub async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.expect("the test server");
    tokio::spawn(connection);
    client
}

pub async fn server_version(client: &Client) -> i32 {
    let asked = client.query_one("select current_setting('server_version_num')::int", &[]).await;
    asked.expect("a version").get(0)
}

async fn ensure_login(admin: &Client) {
    let make = format!(
        "do $$ begin create role {LOGIN} login password '{LOGIN_PASSWORD}'; \
         exception when duplicate_object or unique_violation then null; end $$"
    );
    admin.batch_execute(&make).await.expect("the test's login role");
}

fn schema_digest() -> String {
    let mut context = Context::new(&SHA256);
    let schema = Schema::EMBEDDED;
    for file in schema.tables.iter().chain(schema.functions).chain(schema.privileges) {
        context.update(file.sql.as_bytes());
    }
    for projection in schema.projections {
        context.update(projection.table.as_bytes());
        context.update(projection.apply.as_bytes());
    }
    context.finish().as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn text(server: &Config, database: &str, login: Option<(&str, &str)>) -> String {
    let mut words = vec![format!("dbname={}", quoted(database))];
    for host in server.get_hosts() {
        match host {
            Host::Tcp(name) => words.push(format!("host={}", quoted(name))),
            Host::Unix(path) => words.push(format!("host={}", quoted(&path.to_string_lossy()))),
        }
    }
    for port in server.get_ports() {
        words.push(format!("port={port}"));
    }
    let own_password = server.get_password().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let (user, password) = match login {
        Some((user, password)) => (Some(user), Some(password.to_owned())),
        None => (server.get_user(), own_password),
    };
    words.extend(user.map(|user| format!("user={}", quoted(user))));
    words.extend(password.map(|password| format!("password={}", quoted(&password))));
    words.join(" ")
}
