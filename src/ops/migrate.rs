//! Brings a database to this version's schema, and only forwards: each file in a transaction of its own, under an advisory lock.
//!
//! What kinds of file there are, and when each is applied, says schema/README.md.

use std::collections::HashMap;
use std::fmt;

use ring::digest::{SHA256, digest};
use tokio_postgres::{Client, Transaction};

use crate::db::{DatabaseUrl, DbError, Dedicated, Settings, connect_plain};
use crate::ledger::read::{ReadError, Reader};
use crate::limits;
use crate::projections::InlineProjections;
use crate::projections::rebuild::{Rebuilt, rebuild};

/// One for all versions of credledger; it only has to differ from other programs'.
const MIGRATION_LOCK: i64 = 0x6372_6564_6c65_6467;

#[derive(Clone, Copy, Debug)]
pub struct File {
    pub name: &'static str,
    pub sql: &'static str,
}

#[derive(Clone, Copy, Debug)]
pub struct Projection {
    pub name: &'static str,
    pub table: &'static str,
    pub apply: &'static str,
}

macro_rules! files {
    ($folder:literal: $($name:literal)*) => {
        &[$(File {
            name: $name,
            sql: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $folder, "/", $name, ".sql")),
        }),*]
    };
}

macro_rules! projections {
    ($($name:literal)*) => {
        &[$(Projection {
            name: $name,
            table: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/", $name, "/table.sql")),
            apply: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/", $name, "/apply.sql")),
        }),*]
    };
}

/// What a database is brought to. [`Schema::EMBEDDED`] is the binary's own.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    /// Frozen, in this order. The first makes the table that remembers the others.
    pub tables: &'static [File],
    pub projections: &'static [Projection],
    pub functions: &'static [File],
    /// Applied in this order whenever anything was.
    pub privileges: &'static [File],
}

impl Schema {
    pub const EMBEDDED: Schema = Schema {
        tables: files!("schema/tables":
            "0001_migrations" "0002_heads" "0003_writers" "0004_events" "0005_personal" "0006_claims" "0007_counters"
            "0008_idempotency" "0009_nodes"),
        projections: projections!("tenants" "credentials" "secrets" "operators" "operator_tokens"),
        functions: files!("schema/functions":
            "refuse_change" "append_only" "assert_batch" "assert_rows" "judge_guards" "judge_claims" "judge_quotas" "apply_inline" "append" "settle"
            "register_writer" "forget_answers" "read_head" "read_streams" "read_events" "read_by_stream" "read_answer" "lease_take" "lease_renew" "lease_release" "doorbell_listen" "doorbell_ring" "begin_rebuild"),
        privileges: files!("schema/privileges": "defaults" "append" "system" "app" "tenant_isolation"),
    };
}

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

#[derive(Debug)]
pub enum MigrateError {
    Database(DbError),
    /// A frozen file is not what was applied here.
    FrozenFileChanged {
        name: String,
    },
    /// The ledger could not be read for a rebuild; the old projections are as they were.
    Unreadable(Box<ReadError>),
    /// A file was refused by the server and rolled back.
    Refused {
        file: String,
        cause: DbError,
    },
}

impl fmt::Display for MigrateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(_) => f.write_str("The database could not be migrated."),
            Self::Unreadable(_) => f.write_str("The projections could not be rebuilt, and are as they were."),
            Self::FrozenFileChanged { name } => write!(
                f,
                "schema/tables/{name}.sql is not the file that this database was made with. Tables are changed by a new file: \
                 put this one back as it was, or start the version that belongs to this database."
            ),
            Self::Refused { file, .. } => {
                write!(f, "{file} could not be applied. Nothing of it was kept; the files before it were.")
            }
        }
    }
}

impl std::error::Error for MigrateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Database(cause) | Self::Refused { cause, .. } => Some(cause),
            Self::Unreadable(cause) => Some(cause),
            Self::FrozenFileChanged { .. } => None,
        }
    }
}

impl From<DbError> for MigrateError {
    fn from(error: DbError) -> Self {
        Self::Database(error)
    }
}

impl From<tokio_postgres::Error> for MigrateError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
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

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Kind {
    Table,
    Projection,
    Function,
    Privilege,
}

impl Kind {
    fn folder(self) -> &'static str {
        match self {
            Kind::Table => "schema/tables",
            Kind::Projection => "projections",
            Kind::Function => "schema/functions",
            Kind::Privilege => "schema/privileges",
        }
    }
}

/// What is applied in one transaction.
struct Step {
    kind: Kind,
    name: &'static str,
    sql: Vec<&'static str>,
}

impl Step {
    fn file(&self) -> String {
        format!("{}/{}", self.kind.folder(), self.name)
    }

    fn digest(&self) -> Vec<u8> {
        digest(&SHA256, self.sql.join("\n").as_bytes()).as_ref().to_vec()
    }
}

/// Folder and name → digest, as it was applied.
type Recorded = HashMap<(String, String), Vec<u8>>;

fn steps(kind: Kind, files: &[File]) -> impl Iterator<Item = Step> {
    files.iter().map(move |file| Step { kind, name: file.name, sql: vec![file.sql] })
}

fn projection_steps(schema: &Schema) -> impl Iterator<Item = Step> {
    let step = |p: &Projection| Step { kind: Kind::Projection, name: p.name, sql: vec![p.table, p.apply] };
    schema.projections.iter().map(step)
}

fn recorded_digest<'a>(recorded: &'a Recorded, step: &Step) -> Option<&'a Vec<u8>> {
    recorded.get(&(step.kind.folder().to_owned(), step.name.to_owned()))
}

/// What is still to be applied, in order.
fn pending(schema: &Schema, recorded: &Recorded) -> Result<Vec<Step>, MigrateError> {
    let mut pending = Vec::new();
    for step in steps(Kind::Table, schema.tables) {
        match recorded_digest(recorded, &step) {
            None => pending.push(step),
            Some(digest) if *digest == step.digest() => {}
            Some(_) => return Err(MigrateError::FrozenFileChanged { name: step.name.to_owned() }),
        }
    }
    // a changed projection is rebuilt beside the old one, not here
    pending.extend(projection_steps(schema).filter(|step| recorded_digest(recorded, step).is_none()));
    let differs = |step: &Step| recorded_digest(recorded, step) != Some(&step.digest());
    pending.extend(steps(Kind::Function, schema.functions).filter(differs));
    if !pending.is_empty() || steps(Kind::Privilege, schema.privileges).any(|step| differs(&step)) {
        pending.extend(steps(Kind::Privilege, schema.privileges));
    }
    Ok(pending)
}

fn changed_projections(schema: &Schema, recorded: &Recorded) -> Vec<&'static str> {
    let changed =
        |step: &Step| recorded_digest(recorded, step).is_some_and(|digest| *digest != step.digest());
    projection_steps(schema).filter(changed).map(|step| step.name).collect()
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

async fn apply(admin: &mut Dedicated, step: &Step) -> Result<(), MigrateError> {
    let change = admin.transaction().await?;
    change.batch_execute("set local role credledger_owner").await?;
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

/// Builds projections anew, in one transaction: their old tables are there until the new ones are whole. Appends wait.
pub async fn rebuild_projections(
    settings: &Settings,
    names: &[&'static str],
    reader: &Reader,
    source: &Dedicated,
) -> Result<Rebuilt, MigrateError> {
    let schema = &Schema::EMBEDDED;
    let admin_url = settings.admin_url.as_ref().unwrap_or(&settings.url);
    let mut admin = connect_plain(admin_url, settings).await?;
    let change = admin.transaction().await?;
    change.batch_execute("set local role credledger_owner").await?;
    change.execute("select credledger.begin_rebuild($1)", &[&names]).await?;
    for step in projection_steps(schema).filter(|step| names.contains(&step.name)) {
        run(&change, &step).await?;
    }
    let rebuilt = rebuild(reader, &InlineProjections, source, &change, names).await;
    let rebuilt = rebuilt.map_err(|cause| MigrateError::Unreadable(Box::new(cause)))?;
    // Last: they lock every table for a moment, the events too, which were read just now.
    for step in steps(Kind::Privilege, schema.privileges) {
        run(&change, &step).await?;
    }
    change.commit().await?;
    Ok(rebuilt)
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    fn names_in(folder: &str, is_dir: bool) -> BTreeSet<String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        std::fs::read_dir(path)
            .expect("the folder")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.is_dir() == is_dir)
            .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
            .collect()
    }

    fn listed(files: &[File]) -> BTreeSet<String> {
        files.iter().map(|file| file.name.to_owned()).collect()
    }

    #[test]
    fn every_file_of_the_schema_stands_in_its_list() {
        let schema = Schema::EMBEDDED;
        assert_eq!(listed(schema.tables), names_in("schema/tables", false));
        assert_eq!(listed(schema.functions), names_in("schema/functions", false));
        let mut privileges = listed(schema.privileges);
        privileges.extend(["roles", "login", "private_login"].map(str::to_owned));
        assert_eq!(privileges, names_in("schema/privileges", false));
        let projections: BTreeSet<_> = schema.projections.iter().map(|p| p.name.to_owned()).collect();
        assert_eq!(projections, names_in("projections", true));
    }

    #[test]
    fn tables_are_numbered_without_a_gap_in_the_order_they_are_applied() {
        for (place, file) in Schema::EMBEDDED.tables.iter().enumerate() {
            assert!(file.name.starts_with(&format!("{:04}_", place + 1)), "{}", file.name);
        }
    }

    #[test]
    fn each_object_file_is_named_as_its_object() {
        for file in Schema::EMBEDDED.functions {
            let makes = format!("create or replace function credledger.{}(", file.name);
            assert!(file.sql.contains(&makes), "{}", file.name);
        }
        for projection in Schema::EMBEDDED.projections {
            assert!(projection.table.contains(&format!("create table credledger.{} (", projection.name)));
            assert!(projection.apply.contains(&format!("credledger.apply_{}(", projection.name)));
        }
    }

    fn as_recorded(schema: &Schema) -> Recorded {
        let nothing = Recorded::new();
        let steps = pending(schema, &nothing).expect("steps");
        steps
            .iter()
            .map(|step| ((step.kind.folder().to_owned(), step.name.to_owned()), step.digest()))
            .collect()
    }

    #[test]
    fn what_is_recorded_is_not_applied_again() {
        let recorded = as_recorded(&Schema::EMBEDDED);
        assert!(pending(&Schema::EMBEDDED, &recorded).expect("steps").is_empty());
        assert!(changed_projections(&Schema::EMBEDDED, &recorded).is_empty());
    }

    #[test]
    fn a_changed_function_is_applied_with_all_privileges_after_it() {
        let mut recorded = as_recorded(&Schema::EMBEDDED);
        recorded.insert((Kind::Function.folder().to_owned(), "append".to_owned()), vec![0; 32]);
        let files: Vec<_> =
            pending(&Schema::EMBEDDED, &recorded).expect("steps").iter().map(Step::file).collect();
        let mut expected = vec!["schema/functions/append".to_owned()];
        expected.extend(steps(Kind::Privilege, Schema::EMBEDDED.privileges).map(|step| step.file()));
        assert_eq!(files, expected);
    }

    #[test]
    fn a_changed_projection_is_named_and_left_alone() {
        let mut recorded = as_recorded(&Schema::EMBEDDED);
        recorded.insert((Kind::Projection.folder().to_owned(), "secrets".to_owned()), vec![0; 32]);
        assert!(pending(&Schema::EMBEDDED, &recorded).expect("steps").is_empty());
        assert_eq!(changed_projections(&Schema::EMBEDDED, &recorded), ["secrets"]);
    }
}
