//! Where housekeeping looks for credentials that its next warnings are about.
//!
//! A warning is due once two instants have come: the half of the credential's life, which its own row tells, and the start of its
//! tenant's window before its end, which moves when the tenant's setting does. So each is walked over in its own order, and whoever
//! walks tells how far it has come.

use tokio_postgres::Row;
use uuid::Uuid;

use super::list::{Due, DuePlace};
use crate::clock::Timestamp;
use crate::db::{DbError, Lent};
use crate::domain::ids::{CredentialId, TenantId};

const WARNABLE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/credentials/queries/warnable.sql"));
const ENTERING: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/credentials/queries/entering.sql"));
const WINDOWS: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/tenants/queries/windows.sql"));

/// A credential whose half of life has come, by which it has its place, and since or from when its warning is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warnable {
    pub credential: Due,
    pub due_at_ms: i64,
}

/// How long before its end a tenant's credential is warned of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub tenant: TenantId,
    pub millis: i64,
}

/// The ends of one tenant's credentials that are looked at: behind `after`, up to and with the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    pub tenant: TenantId,
    pub after: DuePlace,
    pub until_ms: i64,
}

/// Those whose half of life has come by `now`, the longest ago first.
pub async fn warnable(
    client: &Lent,
    ledger: i32,
    now: Timestamp,
    after: DuePlace,
    rows: i64,
) -> Result<Vec<Warnable>, DbError> {
    let statement = client.prepare_cached(WARNABLE).await?;
    let found =
        client.query(&statement, &[&ledger, &now.millis(), &after.due_at_ms, &after.id, &rows]).await?;
    let warnable = |row: &Row| Warnable {
        credential: Due {
            credential: CredentialId(row.get(0)),
            tenant: TenantId(row.get(1)),
            events: row.get::<_, i32>(2).unsigned_abs(),
            place: DuePlace { id: row.get(0), due_at_ms: row.get(3) },
        },
        due_at_ms: row.get(4),
    };
    Ok(found.iter().map(warnable).collect())
}

/// By id, after the last of the page before.
pub async fn windows(client: &Lent, ledger: i32, after: Uuid, rows: i64) -> Result<Vec<Window>, DbError> {
    let statement = client.prepare_cached(WINDOWS).await?;
    let found = client.query(&statement, &[&ledger, &after, &rows]).await?;
    Ok(found.iter().map(|row| Window { tenant: TenantId(row.get(0)), millis: row.get(1) }).collect())
}

/// Those with such an end that are to be warned of at `now`, in the order of `looked_at`, each with its number there; within a tenant
/// the nearest end first, by which they have their place.
pub async fn entering(
    client: &Lent,
    ledger: i32,
    now: Timestamp,
    looked_at: &[Ends],
    rows: i64,
) -> Result<Vec<(usize, Due)>, DbError> {
    let tenants: Vec<Uuid> = looked_at.iter().map(|ends| ends.tenant.0).collect();
    let after: Vec<i64> = looked_at.iter().map(|ends| ends.after.due_at_ms).collect();
    let after_ids: Vec<Uuid> = looked_at.iter().map(|ends| ends.after.id).collect();
    let until: Vec<i64> = looked_at.iter().map(|ends| ends.until_ms).collect();
    let statement = client.prepare_cached(ENTERING).await?;
    let found = client
        .query(&statement, &[&ledger, &now.millis(), &tenants, &after, &after_ids, &until, &rows])
        .await?;
    let due = |row: &Row| {
        // PostgreSQL counts from one.
        let number = usize::try_from(row.get::<_, i64>(0) - 1).ok()?;
        let credential = Due {
            credential: CredentialId(row.get(1)),
            tenant: looked_at.get(number)?.tenant,
            events: row.get::<_, i32>(2).unsigned_abs(),
            place: DuePlace { id: row.get(1), due_at_ms: row.get(3) },
        };
        Some((number, credential))
    };
    Ok(found.iter().filter_map(due).collect())
}
