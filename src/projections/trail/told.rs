//! Rows of the trail with their events: each event checked by its mac, each row held against its event, and what a person typed
//! before taken from where it stands.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};
use uuid::Uuid;

use super::find::TrailRow;
use super::{actor_id, changed};
use crate::db::{Database, Sight};
use crate::domain::ids::{StreamId, TenantId};
use crate::domain::personal::Personal;
use crate::domain::shown;
use crate::domain::stream::StreamState;
use crate::ledger::read::{Positioned, ReadError, Reader};

/// An event as it is told.
pub struct Told {
    pub event: Positioned,
    pub tenant: Option<TenantId>,
    pub subject: Uuid,
    pub shown_version: u32,
    /// absent: it has none
    pub name: Option<Personal<Value>>,
    /// of a stream's first event: all that it says
    pub changes: Vec<Change>,
}

pub struct Change {
    pub member: String,
    pub from: Personal<Value>,
    pub to: Personal<Value>,
}

impl Told {
    /// Of an event whose stream was folded: what it came to before and after it.
    pub fn of(before: &StreamState, event: Positioned, after: &StreamState) -> Told {
        let changes = match event.recorded.version {
            1 => since_nothing(after, None),
            _ => between(before, &event, after),
        };
        let mut typed = shown::typed(after).into_iter();
        Told {
            tenant: event.recorded.tenant,
            subject: shown::subject(&event.recorded),
            shown_version: u32::try_from(after.people_version()).unwrap_or(u32::MAX),
            name: typed.find(|(member, _)| *member == "name").map(|(_, name)| name),
            changes,
            event,
        }
    }
}

fn between(before: &StreamState, event: &Positioned, after: &StreamState) -> Vec<Change> {
    let plain = changed(&shown::plain(before, None), shown::plain(after, None)).into_iter();
    let plain = plain.filter_map(|(member, pair)| {
        let Value::Array(pair) = pair else { return None };
        let [from, to] = <[Value; 2]>::try_from(pair).ok()?;
        Some(Change { member, from: Personal::Known(from), to: Personal::Known(to) })
    });
    let (old, new) = (shown::typed(before), shown::typed(after));
    let of = |typed: &[(&str, Personal<Value>)], member: &str| {
        let found = typed.iter().find(|(own, _)| *own == member);
        found.map_or(Personal::Known(Value::Null), |(_, value)| value.clone())
    };
    let typed = shown::sets(&event.recorded).map(|member| Change {
        member: member.to_owned(),
        from: of(&old, member),
        to: of(&new, member),
    });
    plain.chain(typed).collect()
}

/// Of an event, by stream and version.
type Place = (StreamId, u32);

/// Reads the events of these rows, in their order.
pub async fn told(
    reader: &Reader,
    database: &Database,
    sight: Sight<'_>,
    rows: Vec<TrailRow>,
) -> Result<Vec<Told>, ReadError> {
    let own: HashSet<Place> = rows.iter().map(|row| (StreamId(row.stream), row.version)).collect();
    let mut changes = Vec::with_capacity(rows.len());
    let mut earlier = HashSet::new();
    for row in &rows {
        let read = read_changes(row)?;
        let named = read.values().filter_map(Value::as_u64).filter_map(|version| u32::try_from(version).ok());
        let places = named.chain(row.name_version).map(|version| (StreamId(row.stream), version));
        earlier.extend(places.filter(|place| !own.contains(place)));
        changes.push(read);
    }
    let positions: Vec<u64> = rows.iter().map(|row| row.position).collect();
    let earlier: Vec<Place> = earlier.into_iter().collect();
    let events = reader.named(database, sight, &positions, &earlier).await?;
    let events: HashMap<Place, Positioned> =
        events.into_iter().map(|event| ((event.recorded.stream, event.recorded.version), event)).collect();
    let told = rows.into_iter().zip(changes).map(|(row, changes)| one(row, changes, &events));
    told.collect()
}

fn read_changes(row: &TrailRow) -> Result<Map<String, Value>, ReadError> {
    let Some(text) = &row.changes else { return Ok(Map::new()) };
    serde_json::from_str(text).map_err(|_| ReadError::Forged { position: row.position })
}

fn one(
    row: TrailRow,
    changes: Map<String, Value>,
    events: &HashMap<Place, Positioned>,
) -> Result<Told, ReadError> {
    let stream = StreamId(row.stream);
    let forged = || ReadError::Forged { position: row.position };
    let event = events.get(&(stream, row.version)).ok_or_else(forged)?;
    if !goes_with(&row, event) {
        return Err(forged());
    }
    let typed = |version: u32, member: &str| -> Result<Personal<Value>, ReadError> {
        let event = events.get(&(stream, version)).ok_or_else(forged)?;
        event.recorded.event.members().remove(member).map(typed_value).ok_or_else(forged)
    };
    let name = row.name_version.map(|version| typed(version, "name")).transpose()?;
    let changes = match row.version {
        1 => all_of(event, row.tenant.filter(|_| event.recorded.tenant.is_none()))?,
        version => {
            let change = |(member, change): (String, Value)| {
                let (from, to) = match change {
                    Value::Array(pair) => {
                        let [from, to] = <[Value; 2]>::try_from(pair).map_err(|_| forged())?;
                        (Personal::Known(from), Personal::Known(to))
                    }
                    Value::Number(since) => {
                        let since = since.as_u64().and_then(|since| u32::try_from(since).ok());
                        (typed(since.ok_or_else(forged)?, &member)?, typed(version, &member)?)
                    }
                    // No event said it before.
                    Value::Null => (Personal::Known(Value::Null), typed(version, &member)?),
                    _ => return Err(forged()),
                };
                Ok(Change { member, from, to })
            };
            changes.into_iter().map(change).collect::<Result<_, ReadError>>()?
        }
    };
    Ok(Told {
        event: event.clone(),
        tenant: row.tenant,
        subject: row.subject,
        shown_version: row.shown_version,
        name,
        changes,
    })
}

/// A typed value as an event tells it: null where it was erased.
fn typed_value(value: Value) -> Personal<Value> {
    if value.is_null() { Personal::Erased } else { Personal::Known(shown::shown(value)) }
}

/// What the first event of a stream says of it: everything, from nothing.
fn all_of(event: &Positioned, seen_by: Option<TenantId>) -> Result<Vec<Change>, ReadError> {
    let position = event.position;
    let state = StreamState::Empty.folded(event.recorded.clone());
    let state = state.map_err(|cause| ReadError::Unfoldable { position, cause })?;
    Ok(since_nothing(&state, seen_by))
}

fn since_nothing(state: &StreamState, seen_by: Option<TenantId>) -> Vec<Change> {
    let plain =
        shown::plain(state, seen_by).into_iter().map(|(member, value)| (member, Personal::Known(value)));
    let typed = shown::typed(state).into_iter().map(|(member, value)| (member.to_owned(), value));
    let change = |(member, to)| Change { member, from: Personal::Known(Value::Null), to };
    plain.chain(typed).map(change).collect()
}

/// A row that says other than its event was made by nobody of ours, or moved. Whose trail it stands in, its mac says.
fn goes_with(row: &TrailRow, event: &Positioned) -> bool {
    let recorded = &event.recorded;
    event.position == row.position
        && recorded.event.kind().name == row.kind
        && recorded.at.millis() == row.at_ms
        && shown::subject(recorded) == row.subject
        && actor_id(recorded.actor) == row.actor
        && (recorded.tenant.is_none() || recorded.tenant == row.tenant)
}
