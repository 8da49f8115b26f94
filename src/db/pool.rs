//! A connection becomes its role when it is made, and stays it. Reading has pools of its own, so that no command waits
//! behind a list, nor behind whoever reads one history again and again.

use std::pin::pin;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use futures::TryStreamExt;
use futures::future::join3;
use tokio_postgres::types::ToSql;
use tokio_postgres::{NoTls, Row, Statement};

use super::target::Target;
use super::{
    DatabaseUrl, DbError, Dedicated, Durability, Lent, Scope, Settings, Sight, check_server, in_time,
};
use crate::limits;

/// What a connection of the service may be (schema/privileges/roles.sql).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Append,
    System,
    Writer,
    App,
}

impl Role {
    pub const ALL: [Role; 4] = [Role::Append, Role::System, Role::Writer, Role::App];

    pub fn name(self) -> &'static str {
        match self {
            Role::Append => "credledger_append",
            Role::System => "credledger_system",
            Role::Writer => "credledger_writer",
            Role::App => "credledger_app",
        }
    }

    /// What each new connection is told. A weaker synchronous_commit is raised to `on`; a stronger one stays. Nothing that is asked here is
    /// long enough for the server to compile it, which takes longer than any of it.
    fn session(self) -> String {
        format!(
            "set role {}; set statement_timeout = {}; set idle_in_transaction_session_timeout = {}; set jit = off; \
             select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') in ('off', 'local', 'remote_write')",
            self.name(),
            limits::STATEMENT_WAIT.as_millis(),
            limits::IDLE_IN_TRANSACTION.as_millis(),
        )
    }
}

/// What a read is for: each has a pool of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// what a command decides on, or answers with
    Command,
    /// one resource or its history, for whoever reads it
    Reading,
}

/// Connections of one pool, and who waits for one.
#[derive(Clone, Copy, Debug)]
pub struct PoolUse {
    pub in_use: usize,
    pub idle: usize,
    pub most: usize,
    pub waiting: usize,
}

/// The service's database. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    system: Pool,
    /// of the app role: one statement each, for commands
    asks: Pool,
    /// the same, for reading
    reads: Pool,
    /// of the app role: several statements under one snapshot of settings, or a long one
    scopes: Pool,
    /// of the writer role: people's sessions, and sealed signing keys
    people: Pool,
    target: Target,
}

impl Database {
    /// Connects once, to refuse an unfit server; the pools fill as they are used.
    pub async fn open(settings: &Settings) -> Result<Self, DbError> {
        let target = Target::of(&settings.url, settings.ca_file.as_deref())?;
        let durability =
            if settings.allow_unsafe_database { Durability::Waived } else { Durability::Demanded };
        check_server(&*Dedicated::open(&target, "credledger start").await?, durability).await?;
        Ok(Self {
            system: pool(&target, Role::System, limits::POOL_SYSTEM)?,
            asks: pool(&target, Role::App, limits::POOL_ASKS)?,
            reads: pool(&target, Role::App, limits::POOL_READS)?,
            scopes: pool(&target, Role::App, limits::POOL_SCOPES)?,
            people: pool(&target, Role::Writer, limits::POOL_PEOPLE)?,
            target,
        })
    }

    /// Sees every tenant: each use of it in `src` stands, with its reason, in tests/contract/system_reads.rs.
    pub async fn system(&self) -> Result<Lent, DbError> {
        Ok(Lent::new(self.system.get().await?))
    }

    /// People's sessions, and sealed signing keys, through functions alone. What it asks is bounded as every read is.
    pub async fn people(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, DbError> {
        let client = Lent::new(self.people.get().await?);
        let rows = in_time(async {
            let statement = client.prepare_cached(sql).await?;
            Ok::<_, DbError>(client.query(&statement, params).await?)
        });
        let rows = rows.await?;
        client.give_back();
        Ok(rows)
    }

    pub async fn scope(&self, sight: Sight<'_>) -> Result<Scope, DbError> {
        Scope::open(self.scopes.get().await?, sight).await
    }

    /// The few rows that one statement of a command has.
    pub async fn ask(
        &self,
        sight: Sight<'_>,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, DbError> {
        let mut rows = Vec::new();
        let keep = |row| {
            rows.push(row);
            Ok::<_, DbError>(())
        };
        self.ask_each(Errand::Command, sight, sql, params, keep).await?;
        Ok(rows)
    }

    /// One statement in a scope of its own, whose rows are taken as they come. Its begin and its end travel with it: one
    /// round trip in all. Where the begin fails, the statement sees nothing.
    pub async fn ask_each<E: From<DbError>>(
        &self,
        errand: Errand,
        sight: Sight<'_>,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
        take: impl FnMut(Row) -> Result<(), E>,
    ) -> Result<(), E> {
        let pool = match errand {
            Errand::Command => &self.asks,
            Errand::Reading => &self.reads,
        };
        self.ask_begun(pool, &sight.begin(), sql, params, take).await
    }

    /// The same for reading, of a statement whose rows have an index in the order that they are asked for: they are read in it, however few
    /// of them the planner expects; and planned once, whatever values it is asked with later.
    pub async fn ask_in_order<E: From<DbError>>(
        &self,
        sight: Sight<'_>,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
        take: impl FnMut(Row) -> Result<(), E>,
    ) -> Result<(), E> {
        self.ask_begun(&self.reads, &sight.begin_in_order(), sql, params, take).await
    }

    async fn ask_begun<E: From<DbError>>(
        &self,
        pool: &Pool,
        begin: &str,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
        take: impl FnMut(Row) -> Result<(), E>,
    ) -> Result<(), E> {
        let client = Lent::new(pool.get().await.map_err(DbError::from)?);
        in_time(async {
            let statement = client.prepare_cached(sql).await.map_err(DbError::from)?;
            let (begun, taken, ended) = join3(
                client.batch_execute(begin),
                each(&client, &statement, params, take),
                client.batch_execute("commit"),
            )
            .await;
            begun.and(ended).map_err(DbError::from)?;
            taken
        })
        .await?;
        client.give_back();
        Ok(())
    }

    pub async fn connect_dedicated(&self, role: Role) -> Result<Dedicated, DbError> {
        let name = format!("{} dedicated", role.name());
        let opened = tokio::time::timeout(limits::CONNECT_WAIT, async {
            let dedicated = Dedicated::open(&self.target, &name).await?;
            dedicated.batch_execute(&role.session()).await.map_err(DbError::connecting)?;
            Ok(dedicated)
        });
        opened.await.unwrap_or_else(|late| Err(DbError::Unavailable(late.into())))
    }

    /// How each pool is used at the moment.
    pub fn pools(&self) -> [(&'static str, PoolUse); 5] {
        let usage = |pool: &Pool| {
            let status = pool.status();
            let in_use = status.size.saturating_sub(status.available);
            PoolUse { in_use, idle: status.available, most: status.max_size, waiting: status.waiting }
        };
        [
            ("system", usage(&self.system)),
            ("commands", usage(&self.asks)),
            ("reads", usage(&self.reads)),
            ("lists", usage(&self.scopes)),
            ("people", usage(&self.people)),
        ]
    }

    /// Nothing is lent any more; what is lent ends when it is given back.
    pub fn close(&self) {
        for pool in [&self.system, &self.asks, &self.reads, &self.scopes, &self.people] {
            pool.close();
        }
    }
}

async fn each<E: From<DbError>>(
    client: &Lent,
    statement: &Statement,
    params: &[&(dyn ToSql + Sync)],
    mut take: impl FnMut(Row) -> Result<(), E>,
) -> Result<(), E> {
    let rows = client.query_raw(statement, params.iter().copied()).await.map_err(DbError::from)?;
    let mut rows = pin!(rows);
    while let Some(row) = rows.try_next().await.map_err(DbError::from)? {
        take(row)?;
    }
    Ok(())
}

/// A plain connection as whoever the URL names, with no role taken: for migrations.
pub(crate) async fn connect_plain(url: &DatabaseUrl, settings: &Settings) -> Result<Dedicated, DbError> {
    let target = Target::of(url, settings.ca_file.as_deref())?;
    Dedicated::open(&target, "credledger migrate").await
}

fn pool(target: &Target, role: Role, connections: usize) -> Result<Pool, DbError> {
    let mut config = target.config.clone();
    config.application_name(role.name());
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = match &target.tls {
        Some(tls) => Manager::from_config(config, tls.clone(), recycling),
        None => Manager::from_config(config, NoTls, recycling),
    };
    let become_role = Hook::async_fn(move |client: &mut deadpool_postgres::ClientWrapper, _| {
        Box::pin(async move {
            // The pool's own bound is on the connection alone, and not on what becomes of it.
            let session = role.session();
            let becoming = tokio::time::timeout(limits::CONNECT_WAIT, client.batch_execute(&session));
            let became =
                becoming.await.map_err(|_| HookError::message("it did not become its role in time"))?;
            became.map_err(HookError::Backend)
        })
    });
    Pool::builder(manager)
        .max_size(connections)
        .wait_timeout(Some(limits::POOL_WAIT))
        .create_timeout(Some(limits::CONNECT_WAIT))
        .recycle_timeout(Some(limits::POOL_WAIT))
        .runtime(Runtime::Tokio1)
        .post_create(become_role)
        .build()
        .map_err(DbError::connecting)
}
