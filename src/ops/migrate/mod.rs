//! Brings a database to this version's schema, and only forwards: each file in a transaction of its own, under an advisory lock.
//!
//! What kinds of file there are, and when each is applied, says schema/README.md.

mod error;
mod rebuild;
mod schema;
mod steps;

use tokio_postgres::{Client, Transaction};

use crate::db::{DatabaseUrl, DbError, Dedicated, Settings, connect_plain};
use crate::limits;
use steps::{Kind, Recorded, Step, changed_projections, pending};

pub use error::MigrateError;
pub use rebuild::rebuild_projections;
pub use schema::{File, Projection, Schema};

/// One for all versions of credledger; it only has to differ from other programs'.
const MIGRATION_LOCK: i64 = 0x6372_6564_6c65_6467;

/// Roles and the login's membership belong to the cluster: looked after at every start that can.
const ROLES: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/schema/privileges/roles.sql"));
const LOGIN: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/schema/privileges/login.sql"));

const PRIVATE_LOGIN: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/schema/privileges/private_login.sql"));
/// The service's login in its private cluster.
pub const PRIVATE_LOGIN_ROLE: &str = "credledger_service";

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Migrated {
    /// `kind/name` of what was applied, in order.
    pub applied: Vec<String>,
    /// Projections whose files differ from those their table was built by: to be rebuilt.
    pub changed_projections: Vec<&'static str>,
}

/// In the private cluster: makes the login that the service then uses.
pub async fn make_private_login(settings: &Settings) -> Result<(), MigrateError> {
    let admin_url = settings.admin_url.as_ref().unwrap_or(&settings.url);
    connect_plain(admin_url, settings).await?.batch_execute(PRIVATE_LOGIN).await?;
    Ok(())
}

/// Over `admin_url`, else over `url`, which is enough where its role owns the database and may create roles, or where another has
/// migrated already.
pub async fn migrate(settings: &Settings) -> Result<Migrated, MigrateError> {
    migrate_to(&Schema::EMBEDDED, settings).await
}

pub async fn migrate_to(schema: &Schema, settings: &Settings) -> Result<Migrated, MigrateError> {
    let admin_url = settings.admin_url.as_ref().unwrap_or(&settings.url);
    let mut admin = connect_plain(admin_url, settings).await?;
    if settings.admin_url.is_none()
        && let Some(recorded) = recorded_as_the_service_sees_it(&admin).await?
        && pending(schema, &recorded)?.is_empty()
    {
        return Ok(Migrated {
            applied: Vec::new(),
            changed_projections: changed_projections(schema, &recorded),
        });
    }
    admin.batch_execute(&format!("set lock_timeout = {}", limits::MIGRATION_WAIT.as_millis())).await?;
    admin.execute("select pg_advisory_lock($1)", &[&MIGRATION_LOCK]).await?;
    let migrated = migrate_locked(schema, &mut admin).await?;
    admit_login(&admin, &settings.url, settings).await?;
    admin.execute("select pg_advisory_unlock($1)", &[&MIGRATION_LOCK]).await?;
    Ok(migrated)
}

async fn migrate_locked(schema: &Schema, admin: &mut Dedicated) -> Result<Migrated, MigrateError> {
    let refused = |error: tokio_postgres::Error| MigrateError::Refused {
        file: "schema/privileges/roles.sql".to_owned(),
        cause: error.into(),
    };
    admin.batch_execute(ROLES).await.map_err(refused)?;
    if let Some(first) = schema.tables.first() {
        apply(admin, &Step { kind: Kind::Table, name: first.name, sql: vec![first.sql] }).await?;
    }
    admin.batch_execute("set role credledger_owner").await?;
    let recorded = recorded(admin).await?;
    admin.batch_execute("reset role").await?;
    let mut applied = Vec::new();
    for step in pending(schema, &recorded)? {
        apply(admin, &step).await?;
        applied.push(step.file());
    }
    Ok(Migrated { applied, changed_projections: changed_projections(schema, &recorded) })
}

async fn recorded(client: &Client) -> Result<Recorded, DbError> {
    let mut recorded = Recorded::new();
    for row in client.query("select kind, name, digest from credledger.migrations", &[]).await? {
        recorded.insert((row.try_get(0)?, row.try_get(1)?), row.try_get(2)?);
    }
    Ok(recorded)
}

/// `None` when the service's roles can't be taken here, or nothing was ever migrated.
async fn recorded_as_the_service_sees_it(client: &Client) -> Result<Option<Recorded>, DbError> {
    let taken = client.batch_execute("set role credledger_system").await.map_err(DbError::from);
    let seen = match taken {
        Ok(()) => recorded(client).await.map(Some),
        Err(error) => Err(error),
    };
    client.batch_execute("reset role").await?;
    match seen {
        Err(DbError::Forbidden(_) | DbError::Rejected { .. }) => Ok(None),
        other => other,
    }
}

async fn as_owner(admin: &mut Dedicated) -> Result<Transaction<'_>, MigrateError> {
    let change = admin.transaction().await?;
    change.batch_execute("set local role credledger_owner").await?;
    Ok(change)
}

async fn apply(admin: &mut Dedicated, step: &Step) -> Result<(), MigrateError> {
    let change = as_owner(admin).await?;
    run(&change, step).await?;
    Ok(change.commit().await?)
}

/// Applies a step and remembers its digest.
async fn run(change: &Transaction<'_>, step: &Step) -> Result<(), MigrateError> {
    let refused =
        |error: tokio_postgres::Error| MigrateError::Refused { file: step.file(), cause: error.into() };
    for sql in &step.sql {
        change.batch_execute(sql).await.map_err(refused)?;
    }
    let (folder, name, digest) = (step.kind.folder(), step.name, step.digest());
    let remember = match step.kind {
        // frozen: the digest of the first time stands
        Kind::Table => {
            "insert into credledger.migrations (kind, name, digest) values ($1, $2, $3) on conflict do nothing"
        }
        _ => {
            "insert into credledger.migrations (kind, name, digest) values ($1, $2, $3) \
             on conflict (kind, name) do update set digest = excluded.digest, applied_at = clock_timestamp()"
        }
    };
    let changed = change.execute(remember, &[&folder, &name, &digest]).await.map_err(refused)? > 0;
    if changed && step.kind != Kind::Privilege {
        // They are owed again from here on, whatever interrupts: a new table has no row security before they ran.
        let owed = "delete from credledger.migrations where kind = $1";
        change.execute(owed, &[&Kind::Privilege.folder()]).await.map_err(refused)?;
    }
    Ok(())
}

/// Lets the role that the service logs in as become the service's roles.
async fn admit_login(admin: &Client, url: &DatabaseUrl, settings: &Settings) -> Result<(), MigrateError> {
    let asked = "select session_user::text";
    let login: String = match settings.admin_url {
        None => admin.query_one(asked, &[]).await?.try_get(0)?,
        Some(_) => connect_plain(url, settings).await?.query_one(asked, &[]).await?.try_get(0)?,
    };
    admin.execute("select set_config('credledger.login', $1, false)", &[&login]).await?;
    admin.batch_execute(LOGIN).await.map_err(|error| MigrateError::Refused {
        file: "schema/privileges/login.sql".to_owned(),
        cause: error.into(),
    })
}
