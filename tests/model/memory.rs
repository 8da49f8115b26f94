//! An event store in memory: the smallest thing that keeps the kernel's contract, and the model's own memory.

use std::sync::{Arc, Mutex};

use credledger::domain::erasure::SubjectErased;
use credledger::domain::event::{Event, Recorded};
use credledger::domain::ids::StreamId;
use credledger::domain::stream::StreamState;
use credledger::ledger::store::StoreError;
use eventually::store::{EventStore, EventStream, Expected, Persisted, Select};
use futures::future::{BoxFuture, ready};
use futures::{FutureExt, StreamExt, stream};
use serde_json::Value;

#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Mutex<Vec<Recorded>>>);

impl MemoryStore {
    /// Every event there is, in order.
    pub fn all(&self) -> Vec<Recorded> {
        self.0.lock().expect("no test panicked in here").clone()
    }

    pub fn state(&self, stream: StreamId) -> StreamState {
        let events = self.all().into_iter().filter(|event| event.stream == stream);
        events.fold(StreamState::Empty, |state, event| state.folded(event).expect("it was checked"))
    }

    /// Its values are gone from every event that it covers.
    pub fn erase(&self, erased: &SubjectErased) {
        let mut events = self.0.lock().expect("no test panicked in here");
        events.iter_mut().for_each(|recorded| erase(recorded, erased));
    }

    fn append_now(&self, id: StreamId, expected: Expected, events: Vec<Recorded>) -> Result<u32, StoreError> {
        let mut state = self.state(id);
        if matches!(expected, Expected::Exact(version) if version != state.version()) {
            return Err(StoreError::Conflict);
        }
        let mut checked = Vec::new();
        for mut event in events {
            if event.stream != id {
                return Err(StoreError::ForeignEvent(event.stream));
            }
            if expected == Expected::Any {
                event.version = state.version() + 1;
            }
            state = state.folded(event.clone()).map_err(StoreError::Unfoldable)?;
            checked.push(event);
        }
        self.0.lock().expect("no test panicked in here").extend(checked);
        Ok(state.version())
    }

    fn numbered(&self, wanted: impl Fn(u32, &Recorded) -> bool + Send) -> EventStream<'_, Self> {
        let numbered = (0..).zip(self.all()).filter(|(number, event)| wanted(*number, event));
        let persisted = numbered.map(|(number, event)| {
            let (id, version) = (event.stream, event.version);
            Ok(Persisted::from(id, event).version(version).sequence_number(number))
        });
        stream::iter(persisted.collect::<Vec<_>>()).boxed()
    }
}

pub fn erase(recorded: &mut Recorded, erased: &SubjectErased) {
    let (kind, mut members) = (recorded.event.kind(), recorded.event.members());
    let gone = |member: &&&str| erased.covers(recorded.stream.0, recorded.version, member);
    for member in kind.personal.iter().filter(gone) {
        members.get_mut(*member).into_iter().for_each(|value| *value = Value::Null);
    }
    recorded.event = Event::read(kind.name, kind.schema, members).expect("an event reads with values erased");
}

fn first(select: Select) -> u32 {
    if let Select::From(first) = select { first } else { 0 }
}

impl EventStore for MemoryStore {
    type SourceId = StreamId;
    type Event = Recorded;
    type Error = StoreError;

    fn append(
        &mut self,
        id: StreamId,
        expected: Expected,
        events: Vec<Recorded>,
    ) -> BoxFuture<'_, Result<u32, StoreError>> {
        ready(self.append_now(id, expected, events)).boxed()
    }

    fn stream(
        &self,
        id: StreamId,
        select: Select,
    ) -> BoxFuture<'_, Result<EventStream<'_, Self>, StoreError>> {
        let wanted = move |_, event: &Recorded| event.stream == id && event.version >= first(select);
        ready(Ok(self.numbered(wanted))).boxed()
    }

    fn stream_all(&self, select: Select) -> BoxFuture<'_, Result<EventStream<'_, Self>, StoreError>> {
        ready(Ok(self.numbered(move |number, _| number >= first(select)))).boxed()
    }

    fn remove(&mut self, _: StreamId) -> BoxFuture<'_, Result<(), StoreError>> {
        ready(Err(StoreError::AppendOnly)).boxed()
    }
}
