//! The view from its rows: all of them by COPY, under one snapshot with the ledger's head.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;

use futures::TryStreamExt;
use tokio_postgres::IsolationLevel;

use super::active::{ActiveView, ENDINGS_SECONDS, LoadError, Loader, StoredRow};
use super::{credentials, imports, members, operator_tokens, operators, secrets, signing_keys, tenants};
use crate::clock::Timestamp;
use crate::db::{CopyReader, CopyRow, Database, DbError, Role};
use crate::domain::ids::TenantId;
use crate::ledger::read::{Positioned, ReadError, Reader};
use crate::vault::Vault;

macro_rules! load_query {
    ($projection:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/", $projection, "/queries/load.sql"))
    };
}

/// In an order in which each row's own are there before it.
pub const QUERIES: [(&str, &str); 8] = [
    (imports::NAME, load_query!("imports")),
    (signing_keys::NAME, load_query!("signing_keys")),
    (tenants::NAME, load_query!("tenants")),
    (members::NAME, load_query!("members")),
    (operators::NAME, load_query!("operators")),
    (operator_tokens::NAME, load_query!("operator_tokens")),
    (credentials::NAME, load_query!("credentials")),
    (secrets::NAME, load_query!("secrets")),
];

#[derive(Debug)]
pub enum ViewLoadError {
    Db(DbError),
    Row(LoadError),
    Event(ReadError),
    /// an event that does not go with the rows
    Misfit(u64, &'static str),
    /// loading is for an empty view
    NotEmpty,
}

impl fmt::Display for ViewLoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ViewLoadError::Db(cause) => write!(f, "the view can't be loaded: {cause}"),
            ViewLoadError::Row(cause) => write!(f, "the view can't be loaded: {cause}"),
            ViewLoadError::Event(cause) => write!(f, "the view can't be loaded: {cause}"),
            ViewLoadError::Misfit(position, why) => write!(
                f,
                "the view can't be loaded: the event at position {position} does not go with the rows: {why}. With the service \
                 stopped, `credledger rebuild` makes every row anew from the events; docs/BACKUP.md says how to restore"
            ),
            ViewLoadError::NotEmpty => f.write_str("the view was loaded before"),
        }
    }
}

impl std::error::Error for ViewLoadError {}

impl From<DbError> for ViewLoadError {
    fn from(cause: DbError) -> Self {
        ViewLoadError::Db(cause)
    }
}

impl From<tokio_postgres::Error> for ViewLoadError {
    fn from(cause: tokio_postgres::Error) -> Self {
        ViewLoadError::Db(cause.into())
    }
}

/// Loads the whole view; returns how many events it holds now.
pub async fn load(
    database: &Database,
    ledger: i32,
    vault: &Arc<Vault>,
    view: &ActiveView,
) -> Result<u64, ViewLoadError> {
    let mut connection = database.connect_dedicated(Role::System).await?;
    connection.batch_execute("set statement_timeout = 0").await?;
    let snapshot =
        connection.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    let transaction = snapshot.start().await?;
    let head = transaction
        .query_one("select head, last_at_ms, database_us from credledger.read_head($1)", &[&ledger])
        .await?;
    let now = Timestamp::from_millis(head.get::<_, i64>(2) / 1000).unwrap_or_default();
    let (head, last_at) = (head.get::<_, i64>(0).cast_unsigned(), Timestamp::from_millis(head.get(1)));
    let mut loader = Loader::new(view).ok_or(ViewLoadError::NotEmpty)?;
    for (projection, query) in QUERIES {
        let rows = transaction.copy_out(query).await?;
        let mut rows = CopyReader::new(Box::pin(rows));
        while let Some(row) = rows.next().await? {
            loader.row(vault, &stored(projection, &row)?).map_err(ViewLoadError::Row)?;
        }
    }
    let reader = Reader { ledger, vault: vault.clone() };
    endings(&reader, &transaction, now, &mut loader).await?;
    loader.finish(head, last_at.unwrap_or_default()).map_err(ViewLoadError::Row)?;
    transaction.commit().await?;
    Ok(head)
}

/// What ended tokens of late is read from the events themselves: a row of it could be taken away, and a token would live again.
async fn endings(
    reader: &Reader,
    transaction: &tokio_postgres::Transaction<'_>,
    now: Timestamp,
    loader: &mut Loader<'_>,
) -> Result<(), ViewLoadError> {
    let since = now.millis().saturating_sub(i64::from(ENDINGS_SECONDS) * 1000);
    let since = Timestamp::from_millis(since).unwrap_or_default();
    let mut events = pin!(reader.endings(transaction, since).await.map_err(ViewLoadError::Event)?);
    while let Some(Positioned { position, recorded }) =
        events.try_next().await.map_err(ViewLoadError::Event)?
    {
        loader.ending(&recorded).map_err(|why| ViewLoadError::Misfit(position, why))?;
    }
    Ok(())
}

fn stored<'a>(projection: &'a str, row: &CopyRow<'a>) -> Result<StoredRow<'a>, DbError> {
    let tenant = match row.optional(1)? {
        Some(_) => Some(TenantId(row.uuid(1)?)),
        None => None,
    };
    Ok(StoredRow {
        projection,
        id: row.uuid(0)?,
        tenant,
        version: row.int4(2)?.cast_unsigned(),
        record: row.bytes(3)?,
        mac: row.bytes(4)?,
        name: if row.optional(5)?.is_some() { Some(row.text(5)?) } else { None },
    })
}
