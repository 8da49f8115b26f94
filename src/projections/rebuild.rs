//! Projections from the events alone: every stream is folded again and its rows written anew. Whoever calls this
//! has emptied the tables, and keeps appends away meanwhile.

use futures::TryStreamExt;
use tokio_postgres::Transaction;
use tokio_postgres::types::ToSql;

use super::behind::{self, Behind, Folded, Step};
use crate::db::{DbError, Dedicated};
use crate::domain::ids::StreamId;
use crate::domain::stream::StreamState;
use crate::ledger::read::{ReadError, Reader};
use crate::ledger::{Inline, InlineRow, row_text};
use crate::limits;
use crate::vault::Vault;

const APPLY: &str = "select credledger.apply_inline($1, $2, $3, $4, $5, $6, $7, $8)";

/// What a rebuild went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    pub events: u64,
    pub rows: u64,
}

/// Reads all events over `source`, and writes the rows of the named projections over `target`.
pub async fn rebuild(
    reader: &Reader,
    inline: &dyn Inline,
    source: &Dedicated,
    target: &Transaction<'_>,
    projections: &[&str],
) -> Result<Rebuilt, ReadError> {
    let mut rebuilt = Rebuilt::default();
    let mut rows = Rows::default();
    let mut behind = BehindRows::of(projections);
    let mut stream: Option<(StreamId, Folded)> = None;
    let finish = |state: &StreamState, rows: &mut Rows| {
        for row in inline.rows(state, 0).into_iter().filter(|row| projections.contains(&row.projection)) {
            rows.push(&reader.vault, row);
        }
    };
    let events = reader.by_stream(source).await?;
    let mut events = std::pin::pin!(events);
    while let Some(positioned) = events.try_next().await? {
        rebuilt.events += 1;
        let id = positioned.recorded.stream;
        let before = match stream.take() {
            Some((same, folded)) if same == id => folded,
            Some((_, whole)) => {
                finish(&whole.state, &mut rows);
                Folded::default()
            }
            None => Folded::default(),
        };
        let position = positioned.position;
        let after = before.next(&positioned.recorded);
        let after = after.map_err(|cause| ReadError::Unfoldable { position, cause })?;
        behind.push(&reader.vault, &Step { before: &before, event: &positioned, after: &after });
        stream = Some((id, after));
        if rows.len() >= limits::REBUILD_ROWS {
            rebuilt.rows += rows.write(reader.ledger, target).await?;
        }
        rebuilt.rows += behind.write_full(reader.ledger, target).await?;
    }
    if let Some((_, whole)) = stream {
        finish(&whole.state, &mut rows);
    }
    rebuilt.rows += rows.write(reader.ledger, target).await?;
    rebuilt.rows += behind.finish(reader.ledger, target, rebuilt.events).await?;
    Ok(rebuilt)
}

/// Rows of what follows behind, on their way. How far each is stands at nothing until all of them are there.
struct BehindRows(Vec<(Behind, Vec<String>)>);

impl BehindRows {
    fn of(projections: &[&str]) -> Self {
        let named = behind::ALL.iter().filter(|each| projections.contains(&each.name));
        BehindRows(named.map(|each| (*each, Vec::new())).collect())
    }

    fn push(&mut self, vault: &Vault, step: &Step<'_>) {
        for (behind, rows) in &mut self.0 {
            rows.extend((behind.rows)(vault, step).iter().map(row_text));
        }
    }

    async fn write_full(&mut self, ledger: i32, target: &Transaction<'_>) -> Result<u64, DbError> {
        let mut written = 0;
        for (behind, rows) in self.0.iter_mut().filter(|(_, rows)| rows.len() >= limits::REBUILD_ROWS) {
            written += rows.len() as u64;
            target.query_one(behind.apply, &[&ledger, &0i64, &0i64, &*rows]).await?;
            rows.clear();
        }
        Ok(written)
    }

    async fn finish(self, ledger: i32, target: &Transaction<'_>, events: u64) -> Result<u64, DbError> {
        let mut written = 0;
        for (behind, rows) in self.0 {
            written += rows.len() as u64;
            target.query_one(behind.apply, &[&ledger, &0i64, &events.cast_signed(), &rows]).await?;
        }
        Ok(written)
    }
}

/// Rows on their way.
#[derive(Default)]
struct Rows(Vec<(InlineRow, Vec<u8>)>);

impl Rows {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn push(&mut self, vault: &Vault, row: InlineRow) {
        let mac = row.mac(vault);
        self.0.push((row, mac));
    }

    /// Writes what has gathered, and begins anew.
    async fn write(&mut self, ledger: i32, target: &Transaction<'_>) -> Result<u64, DbError> {
        let Rows(mut rows) = std::mem::take(self);
        // those of one projection are handed over together
        rows.sort_by_key(|(row, _)| row.projection);
        let (mut projection, mut id, mut tenant, mut version) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut record, mut macs, mut facts) = (Vec::new(), Vec::new(), Vec::new());
        for (row, mac) in &rows {
            projection.push(row.projection);
            id.push(row.id);
            tenant.push(row.tenant.map(|tenant| tenant.0));
            version.push(row.version.cast_signed());
            record.push(&row.record);
            macs.push(mac);
            facts.push(row.facts_text());
        }
        let parameters: [&(dyn ToSql + Sync); 8] =
            [&ledger, &projection, &id, &tenant, &version, &record, &macs, &facts];
        let written = target.query_one(APPLY, &parameters).await?;
        Ok(written.get::<_, i64>(0).unsigned_abs())
    }
}
