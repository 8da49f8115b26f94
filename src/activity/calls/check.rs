//! A node's rows, read again: to be sealed after a crash, and to be held against the seal that the ledger has of them.

use tokio_postgres::Row as DbRow;
use uuid::Uuid;

use super::columns::{self, Columns, unreadable};
use super::leaf::{Salts, hash};
use super::merkle::Tree;
use super::row::{Row, first_of, last_of};
use crate::db::{Database, DbError};
use crate::domain::activity_log::Sealed;
use crate::domain::base64url;
use crate::domain::ids::TenantId;
use crate::limits;

/// How rows stand to their seal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// they are what was sealed
    Whole,
    /// Rows were taken away, or added under a number that another has: these.
    Numbers { missing: Vec<u64>, doubled: Vec<u64> },
    /// They are all there, and not what they were.
    Changed,
}

/// Whether the rows that a seal covers are those of then.
pub async fn check(database: &Database, ledger: i32, sealed: &Sealed) -> Result<Finding, DbError> {
    let mut tree = Tree::default();
    let (mut missing, mut doubled) = (Vec::new(), Vec::new());
    let (mut from, end) = (sealed.first_seq, sealed.end());
    let mut next = from;
    while from < end {
        let to = end.min(from + limits::ACTIVITY_ROWS_READ);
        let places = (first_of(sealed.first_at.millis()), last_of(sealed.last_at.millis()));
        for (seq, row) in rows(database, ledger, sealed.node, (from, to), places).await? {
            if seq < next {
                note(&mut doubled, seq);
                continue;
            }
            (next..seq).for_each(|gone| note(&mut missing, gone));
            tree.push(hash(&row, sealed.node, seq));
            next = seq + 1;
        }
        (next..to).for_each(|gone| note(&mut missing, gone));
        (from, next) = (to, to);
    }
    Ok(match () {
        () if !missing.is_empty() || !doubled.is_empty() => Finding::Numbers { missing, doubled },
        () if base64url::encode(&tree.root()) != sealed.root => Finding::Changed,
        () => Finding::Whole,
    })
}

/// The rows that were gone before anything was said of them: those between a node's seal and its next one, or before the first.
pub fn unsealed(before: Option<&Sealed>, after: &Sealed) -> std::ops::Range<u64> {
    before.map_or(1, Sealed::end)..after.first_seq
}

fn note(named: &mut Vec<u64>, seq: u64) {
    if named.len() < limits::ACTIVITY_ROWS_NAMED {
        named.push(seq);
    }
}

/// In the order of their numbers.
pub(super) async fn rows(
    database: &Database,
    ledger: i32,
    node: Uuid,
    (from, to): (u64, u64),
    (first, last): (Uuid, Uuid),
) -> Result<Vec<(u64, Row)>, DbError> {
    let sql = format!(
        "select seq, id, judged, tenant_id, salt, completes, {} from credledger.read_activity_rows($1, $2, $3, $4, $5, $6)",
        columns::NAMES
    );
    let rows = database
        .people(&sql, &[&ledger, &node, &from.cast_signed(), &to.cast_signed(), &first, &last])
        .await?;
    rows.iter().map(read).collect()
}

fn read(row: &DbRow) -> Result<(u64, Row), DbError> {
    let seq: i64 = row.try_get(0)?;
    let Columns { credential, secret, kind, outcome, status, latency_ms, told, asked } =
        Columns::read(row, 6)?;
    let row = Row {
        id: row.try_get(1)?,
        judged: row.try_get(2)?,
        tenant: TenantId(row.try_get(3)?),
        salts: Salts::read(row.try_get(4)?).ok_or_else(unreadable)?,
        completes: row.try_get(5)?,
        credential,
        secret,
        kind,
        outcome,
        status,
        latency_ms,
        told,
        asked,
    };
    Ok((seq.cast_unsigned(), row))
}
