//! To which keys and clients of a tenant something happened in a part of its trail.

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::find::{Span, TrailRow};
use crate::db::{Database, Errand, Sight};
use crate::domain::ids::TenantId;
use crate::ledger::read::ReadError;
use crate::vault::Vault;

const TOUCHED: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/trail/queries/touched.sql"));

/// Something that happened to a key or a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    pub credential: Uuid,
    pub position: u64,
    /// nothing had happened to it since the span began
    pub is_first: bool,
}

/// What happened to a tenant's keys and clients in a part of its trail, in order; the page begins at `from`.
pub async fn touched(
    database: &Database,
    vault: &Vault,
    (ledger, tenant): (i32, TenantId),
    (span, from): (Span, u64),
    rows: i64,
) -> Result<Vec<Touch>, ReadError> {
    let before = |position: u64| position.cast_signed() - 1;
    let params: [&(dyn ToSql + Sync); 6] =
        [&ledger, &tenant.0, &before(span.first), &before(from), &before(span.upto), &rows];
    let mut found = Vec::new();
    let take = |row: Row| {
        let read = TrailRow::read(vault, &row)?;
        if read.tenant != Some(tenant) {
            return Err(ReadError::Forged { position: read.position });
        }
        found.push(Touch { credential: read.subject, position: read.position, is_first: row.get(12) });
        Ok::<_, ReadError>(())
    };
    database.ask_each(Errand::Reading, Sight::Tenant(tenant.0), TOUCHED, &params, take).await?;
    Ok(found)
}
