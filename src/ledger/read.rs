//! Reading the ledger back: entries checked against their mac, decoded, in order.

use std::pin::pin;
use std::sync::Arc;

use futures::stream::try_unfold;
use futures::{Stream, StreamExt, TryStreamExt};
use tokio_postgres::types::{FromSql, ToSql, Type};
use tokio_postgres::{GenericClient, Row};
use uuid::Uuid;

use super::entry::{self, BadEntry, StoredSlots};
use crate::clock::Timestamp;
use crate::db::{CopyReader, CopyRow, Database, DbError, Errand, Scope, Sight, in_time};
use crate::domain::Unfoldable;
use crate::domain::event::Recorded;
use crate::domain::ids::StreamId;
use crate::domain::stream::StreamState;
use crate::vault::{Purpose, Vault};

const STREAMS: &str =
    "select position, stream_id, entry, mac, slots from credledger.read_streams($1, $2, $3)";
/// Of a stream that is read to its end.
const NO_LAST: u64 = i64::MAX.cast_unsigned();
const ENDINGS: &str = "select position, stream_id, entry, mac, slots from credledger.read_endings($1, $2)";
const AT: &str = "select position, stream_id, entry, mac, slots from credledger.read_at($1, $2)";
const NAMED: &str =
    "select position, stream_id, entry, mac, slots from credledger.read_named($1, $2, $3, $4)";
const EVENTS: &str = "select position, stream_id, entry, mac, slots from credledger.read_events($1, $2, $3)";

/// An event at its place in the ledger.
#[derive(Clone, Debug, PartialEq)]
pub struct Positioned {
    pub position: u64,
    pub recorded: Recorded,
}

/// A stream's fold, and where its last event stands.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    pub state: Arc<StreamState>,
    pub position: Option<u64>,
}

#[derive(Debug)]
pub enum ReadError {
    Db(DbError),
    /// bytes that no node of this ledger wrote
    Forged {
        position: u64,
    },
    Bad {
        position: u64,
        cause: BadEntry,
    },
    Unfoldable {
        position: u64,
        cause: Unfoldable,
    },
}

impl From<DbError> for ReadError {
    fn from(cause: DbError) -> Self {
        ReadError::Db(cause)
    }
}

impl From<tokio_postgres::Error> for ReadError {
    fn from(cause: tokio_postgres::Error) -> Self {
        ReadError::Db(cause.into())
    }
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ReadError::Db(cause) => cause.fmt(f),
            ReadError::Forged { position } => {
                write!(
                    f,
                    "the event at position {position} has no valid mac: no node of this ledger wrote it. Either this master \
                     key is not this ledger's: put the right one back. Or the event was changed by hand: restore the ledger \
                     from a backup, as docs/BACKUP.md says"
                )
            }
            ReadError::Bad { position, cause } => write!(f, "the event at position {position}: {cause}"),
            ReadError::Unfoldable { position, cause } => write!(f, "at position {position}: {cause}"),
        }
    }
}

impl std::error::Error for ReadError {}

/// Which ledger, and the keys that its macs are checked under. Cheap to clone.
#[derive(Clone)]
pub struct Reader {
    pub ledger: i32,
    pub vault: Arc<Vault>,
}

impl Reader {
    /// The events from a position on.
    pub async fn events(
        &self,
        client: &tokio_postgres::Client,
        first: u64,
        at_most: i64,
    ) -> Result<Vec<Positioned>, ReadError> {
        let rows = client.query(EVENTS, &[&self.ledger, &first.cast_signed(), &at_most]).await?;
        rows.iter().map(|row| self.positioned(row)).collect()
    }

    /// Every event, stream by stream, as they come.
    pub async fn by_stream(
        &self,
        client: &tokio_postgres::Client,
    ) -> Result<impl Stream<Item = Result<Positioned, ReadError>>, ReadError> {
        let rows = client.copy_out(&by_stream(self.ledger)).await?;
        let all = (self.clone(), CopyReader::new(Box::pin(rows)));
        Ok(try_unfold(all, async |(reader, mut rows)| {
            let Some(row) = rows.next().await? else { return Ok(None) };
            let event = reader.copied(&row)?;
            Ok(Some((event, (reader, rows))))
        }))
    }

    /// Every event of some streams, each stream's in order, as they come.
    pub async fn of_streams(
        &self,
        client: &tokio_postgres::Client,
        streams: &[StreamId],
    ) -> Result<impl Stream<Item = Result<Positioned, ReadError>> + use<>, ReadError> {
        let streams: Vec<Uuid> = streams.iter().map(|stream| stream.0).collect();
        let params: [&(dyn ToSql + Sync); 3] = [&self.ledger, &streams, &NO_LAST.cast_signed()];
        let rows = client.query_raw(STREAMS, params).await?;
        let reader = self.clone();
        Ok(rows.map(move |row| reader.positioned(&row?)))
    }

    /// Some events by their positions, and some by stream and version, as far as that sight goes.
    pub async fn named(
        &self,
        database: &Database,
        sight: Sight<'_>,
        positions: &[u64],
        places: &[(StreamId, u32)],
    ) -> Result<Vec<Positioned>, ReadError> {
        let positions: Vec<i64> = positions.iter().map(|position| position.cast_signed()).collect();
        let streams: Vec<Uuid> = places.iter().map(|(stream, _)| stream.0).collect();
        let versions: Vec<i32> = places.iter().map(|(_, version)| version.cast_signed()).collect();
        let mut events = Vec::with_capacity(positions.len() + places.len());
        let keep = |row: Row| {
            events.push(self.positioned(&row)?);
            Ok::<_, ReadError>(())
        };
        let params: [&(dyn ToSql + Sync); 4] = [&self.ledger, &positions, &streams, &versions];
        database.ask_each(Errand::Reading, sight, NAMED, &params, keep).await?;
        Ok(events)
    }

    /// What may have ended access tokens since, in order, as it comes; without what is personal of it.
    pub async fn endings(
        &self,
        client: &impl GenericClient,
        since: Timestamp,
    ) -> Result<impl Stream<Item = Result<Positioned, ReadError>>, ReadError> {
        let params: [&(dyn ToSql + Sync); 2] = [&self.ledger, &since.millis()];
        let rows = client.query_raw(ENDINGS, params).await?;
        let reader = self.clone();
        Ok(rows.map(move |row| reader.positioned(&row?)))
    }

    /// The folds of some streams, in the order in which they were asked for, as far as that sight goes.
    pub async fn streams(
        &self,
        database: &Database,
        errand: Errand,
        sight: Sight<'_>,
        streams: &[StreamId],
    ) -> Result<Vec<Loaded>, ReadError> {
        self.streams_until(database, errand, sight, streams, NO_LAST).await
    }

    /// The same as they stood after the event at that position.
    pub async fn streams_until(
        &self,
        database: &Database,
        errand: Errand,
        sight: Sight<'_>,
        streams: &[StreamId],
        last: u64,
    ) -> Result<Vec<Loaded>, ReadError> {
        let ids: Vec<Uuid> = streams.iter().map(|stream| stream.0).collect();
        let mut folds = Folds::of(streams);
        let fold = |row: Row| folds.fold(self.positioned(&row)?);
        let params: [&(dyn ToSql + Sync); 3] = [&self.ledger, &ids, &last.cast_signed()];
        database.ask_each(errand, sight, STREAMS, &params, fold).await?;
        Ok(folds.done())
    }

    /// The same in a scope that is open.
    pub async fn streams_in(&self, scope: &Scope, streams: &[StreamId]) -> Result<Vec<Loaded>, ReadError> {
        let ids: Vec<Uuid> = streams.iter().map(|stream| stream.0).collect();
        let mut folds = Folds::of(streams);
        in_time(async {
            let mut rows = pin!(scope.stream(STREAMS, &[&self.ledger, &ids, &NO_LAST.cast_signed()]).await?);
            while let Some(row) = rows.try_next().await? {
                folds.fold(self.positioned(&row)?)?;
            }
            Ok::<_, ReadError>(())
        })
        .await?;
        Ok(folds.done())
    }

    /// One stream's events, whosever it is: for the kernel's event store.
    pub async fn stream(
        &self,
        client: &tokio_postgres::Client,
        stream: StreamId,
    ) -> Result<Vec<Positioned>, ReadError> {
        let rows = client.query(STREAMS, &[&self.ledger, &vec![stream.0], &NO_LAST.cast_signed()]).await?;
        rows.iter().map(|row| self.positioned(row)).collect()
    }

    /// One stream's events, as far as that sight goes: as many as [`crate::domain::history`] lets a stream have.
    pub async fn history(
        &self,
        database: &Database,
        errand: Errand,
        sight: Sight<'_>,
        stream: StreamId,
    ) -> Result<Vec<Positioned>, ReadError> {
        self.history_until(database, errand, sight, stream, NO_LAST).await
    }

    /// The same up to a position.
    pub async fn history_until(
        &self,
        database: &Database,
        errand: Errand,
        sight: Sight<'_>,
        stream: StreamId,
        last: u64,
    ) -> Result<Vec<Positioned>, ReadError> {
        let mut events = Vec::new();
        let keep = |row: Row| {
            events.push(self.positioned(&row)?);
            Ok::<_, ReadError>(())
        };
        let params: [&(dyn ToSql + Sync); 3] = [&self.ledger, &vec![stream.0], &last.cast_signed()];
        database.ask_each(errand, sight, STREAMS, &params, keep).await?;
        Ok(events)
    }

    /// The event at a position, where that sight reaches it.
    pub async fn at(
        &self,
        database: &Database,
        sight: Sight<'_>,
        position: u64,
    ) -> Result<Option<Positioned>, ReadError> {
        let rows = database.ask(sight, AT, &[&self.ledger, &position.cast_signed()]).await?;
        rows.first().map(|row| self.positioned(row)).transpose()
    }

    fn positioned(&self, row: &Row) -> Result<Positioned, ReadError> {
        let slots = row.get::<_, Option<JsonText<'_>>>(4).map(|slots| slots.0);
        self.checked(row.get::<_, i64>(0).cast_unsigned(), row.get(1), row.get(2), row.get(3), slots)
    }

    fn copied(&self, row: &CopyRow<'_>) -> Result<Positioned, ReadError> {
        let slots = if row.optional(4)?.is_some() { Some(row.text(4)?) } else { None };
        self.checked(row.int8(0)?.cast_unsigned(), row.uuid(1)?, row.bytes(2)?, row.bytes(3)?, slots)
    }

    fn checked(
        &self,
        position: u64,
        stream: Uuid,
        entry: &[u8],
        mac: &[u8],
        slots: Option<&str>,
    ) -> Result<Positioned, ReadError> {
        if !self.vault.mac_holds(Purpose::Event, &[entry], mac) {
            return Err(ReadError::Forged { position });
        }
        let decoded = StoredSlots::read(slots).and_then(|slots| entry::decode(self.ledger, entry, &slots));
        let recorded = decoded.map_err(|cause| ReadError::Bad { position, cause })?;
        // The row says under which stream the entry is found; a transplanted one says another than its entry.
        if recorded.stream.0 != stream {
            return Err(ReadError::Forged { position });
        }
        Ok(Positioned { position, recorded })
    }
}

/// A value of type json as its text, which its reader reads in place.
struct JsonText<'a>(&'a str);

impl<'a> FromSql<'a> for JsonText<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(JsonText(std::str::from_utf8(raw)?))
    }

    fn accepts(of: &Type) -> bool {
        *of == Type::JSON
    }
}

/// COPY takes no parameters; a ledger's number prints as digits alone.
fn by_stream(ledger: i32) -> String {
    format!(
        "copy (select position, stream_id, entry, mac, slots from credledger.read_by_stream({ledger})) to stdout (format binary)"
    )
}

/// The folds of some streams whose events come in order, each stream's for itself.
struct Folds<'a> {
    streams: &'a [StreamId],
    loaded: Vec<(StreamState, Option<u64>)>,
}

impl<'a> Folds<'a> {
    fn of(streams: &'a [StreamId]) -> Self {
        Folds { streams, loaded: vec![(StreamState::Empty, None); streams.len()] }
    }

    fn fold(&mut self, Positioned { position, recorded }: Positioned) -> Result<(), ReadError> {
        let index = self.streams.iter().position(|stream| *stream == recorded.stream);
        let (state, last) = &mut self.loaded[index.ok_or(ReadError::Forged { position })?];
        *state = std::mem::take(state)
            .folded(recorded)
            .map_err(|cause| ReadError::Unfoldable { position, cause })?;
        *last = Some(position);
        Ok(())
    }

    fn done(self) -> Vec<Loaded> {
        let loaded = self.loaded.into_iter();
        loaded.map(|(state, position)| Loaded { state: Arc::new(state), position }).collect()
    }
}

/// The fold of a whole stream's events.
pub fn fold(events: impl IntoIterator<Item = Positioned>) -> Result<Loaded, ReadError> {
    let mut loaded = (StreamState::Empty, None);
    for Positioned { position, recorded } in events {
        let state = loaded.0.folded(recorded).map_err(|cause| ReadError::Unfoldable { position, cause })?;
        loaded = (state, Some(position));
    }
    Ok(Loaded { state: Arc::new(loaded.0), position: loaded.1 })
}
