//! Inline projections from the events alone: every stream is folded again and its rows written anew. Whoever calls this
//! has emptied the tables, and keeps appends away meanwhile.

use futures::TryStreamExt;
use tokio_postgres::Transaction;
use tokio_postgres::types::ToSql;

use crate::db::{DbError, Dedicated};
use crate::domain::ids::StreamId;
use crate::domain::stream::StreamState;
use crate::ledger::read::{ReadError, Reader};
use crate::ledger::{Inline, InlineRow};
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
    let mut stream: Option<(StreamId, StreamState)> = None;
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
        let state = match stream.take() {
            Some((same, state)) if same == id => state,
            Some((_, whole)) => {
                finish(&whole, &mut rows);
                StreamState::Empty
            }
            None => StreamState::Empty,
        };
        let position = positioned.position;
        let state = state.folded(positioned.recorded);
        stream = Some((id, state.map_err(|cause| ReadError::Unfoldable { position, cause })?));
        if rows.len() >= limits::REBUILD_ROWS {
            rebuilt.rows += rows.write(reader.ledger, target).await?;
        }
    }
    if let Some((_, whole)) = stream {
        finish(&whole, &mut rows);
    }
    rebuilt.rows += rows.write(reader.ledger, target).await?;
    Ok(rebuilt)
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
