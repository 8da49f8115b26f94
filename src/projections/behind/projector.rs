//! Takes events from the ledger to one projection, in their order, page by page.
//!
//! It stands behind people: on a connection of its own, a bounded page at a time, with a rest between two. It is told when the ledger
//! has grown, and looks beside. An event that can't be folded stops it for good, loudly; nothing else of the service suffers.

use std::collections::HashMap;
use std::pin::pin;

use futures::TryStreamExt;
use tokio::sync::watch;

use super::kept::Kept;
use super::{Behind, Folded, Reach, Step};
use crate::db::{Database, DbError, Dedicated, Outage, Role};
use crate::domain::ids::StreamId;
use crate::ledger::follow::Progress;
use crate::ledger::read::{Positioned, ReadError, Reader};
use crate::ledger::row_text;
use crate::limits;

pub struct Projector {
    behind: Behind,
    reader: Reader,
    database: Database,
    progress: watch::Receiver<Progress>,
    reach: watch::Sender<Reach>,
    connection: Option<Dedicated>,
    outage: Outage,
    kept: Kept,
    /// how many events are in it; unknown until the database has said so
    applied: Option<u64>,
}

enum Halt {
    Database(ReadError),
    Poisoned(String),
}

impl Projector {
    pub fn new(
        behind: Behind,
        reader: Reader,
        database: Database,
        progress: watch::Receiver<Progress>,
    ) -> Self {
        Projector {
            behind,
            reader,
            database,
            progress,
            reach: watch::channel(Reach::default()).0,
            connection: None,
            outage: Outage::of("filling what follows behind the ledger"),
            kept: Kept::default(),
            applied: None,
        }
    }

    pub fn name(&self) -> &'static str {
        self.behind.name
    }

    pub fn reach(&self) -> watch::Receiver<Reach> {
        self.reach.subscribe()
    }

    /// Runs until the ledger is followed no more.
    pub async fn run(mut self) {
        loop {
            let turn = tokio::time::timeout(limits::BEHIND_TURN_WAIT, self.turn()).await;
            let late =
                |late: tokio::time::error::Elapsed| Halt::Database(DbError::Unavailable(late.into()).into());
            let more = match turn.unwrap_or_else(|elapsed| Err(late(elapsed))) {
                Ok(more) => {
                    self.outage.over();
                    more
                }
                Err(Halt::Database(cause)) => {
                    self.outage.failed(&cause);
                    // What was sent may have been written all the same: the next turn asks how far it is.
                    (self.connection, self.applied) = (None, None);
                    false
                }
                Err(Halt::Poisoned(why)) => {
                    let name = self.behind.name;
                    tracing::error!(
                        name,
                        why,
                        "what follows behind the ledger stopped; it answers nothing more"
                    );
                    self.reach.send_modify(|reach| reach.stopped = true);
                    return;
                }
            };
            // A rest also when there is more: others write, too.
            tokio::time::sleep(limits::BEHIND_REST).await;
            if !more && !self.waited().await {
                return;
            }
        }
    }

    /// Until there may be more; whether anybody still says so.
    async fn waited(&mut self) -> bool {
        tokio::select! {
            changed = self.progress.changed() => changed.is_ok(),
            () = tokio::time::sleep(limits::BEHIND_POLL) => true,
        }
    }

    /// One page. Whether there may be more.
    async fn turn(&mut self) -> Result<bool, Halt> {
        let first = match self.applied {
            Some(applied) => applied,
            None => self.ask().await?,
        };
        let reader = self.reader.clone();
        let connection = self.connected().await?;
        let events = reader.events(connection, first, limits::BEHIND_PAGE).await?;
        let full = events.len() as i64 == limits::BEHIND_PAGE;
        let (page, cut) = self.page(first, events)?;
        if page.is_empty() {
            self.tell(first);
            return Ok(false);
        }
        let end = first + page.len() as u64;
        let erased: Vec<StreamId> = page
            .iter()
            .filter_map(|event| event.recorded.erased())
            .map(|erased| StreamId(erased.subject.id))
            .collect();
        let before = self.folds_before(&page).await?;
        let (rows, upto, folds) = self.rows(page, before)?;
        let held = self.apply(first, upto, &rows).await?;
        if held != upto {
            // Somebody else fills it as well.
            self.kept.clear();
            self.applied = Some(held);
            return Ok(true);
        }
        for (stream, folded) in folds {
            self.kept.keep(stream, folded);
        }
        // What was folded before may say what is erased since.
        erased.into_iter().for_each(|stream| self.kept.forget(stream));
        self.tell(upto);
        Ok(full || cut || upto < end)
    }

    fn tell(&mut self, applied: u64) {
        self.applied = Some(applied);
        self.reach.send_if_modified(|reach| std::mem::replace(&mut reach.applied, applied) != applied);
    }

    /// As many events as may be worked on at once: what stood before them in their streams has to be read. At least one.
    fn page(&self, first: u64, events: Vec<Positioned>) -> Result<(Vec<Positioned>, bool), Halt> {
        let (mut page, mut earlier): (Vec<Positioned>, u64) = (Vec::new(), 0);
        let mut met = HashMap::new();
        for event in events {
            let expected = first + page.len() as u64;
            if event.position != expected {
                return Err(Halt::Poisoned(format!(
                    "position {} follows, and not {expected}",
                    event.position
                )));
            }
            let (stream, version) = (event.recorded.stream, event.recorded.version);
            if met.insert(stream, version).is_none() && self.kept.get(stream, version - 1).is_none() {
                earlier += u64::from(version - 1);
            }
            if earlier > limits::BEHIND_EARLIER_EVENTS && !page.is_empty() {
                return Ok((page, true));
            }
            page.push(event);
        }
        Ok((page, false))
    }

    /// What the streams of a page came to before it.
    async fn folds_before(&mut self, page: &[Positioned]) -> Result<HashMap<StreamId, Folded>, Halt> {
        let (mut folds, mut wanted) = (HashMap::new(), HashMap::new());
        for event in page {
            let (stream, version) = (event.recorded.stream, event.recorded.version);
            if folds.contains_key(&stream) || wanted.contains_key(&stream) {
                continue;
            }
            match self.kept.get(stream, version - 1) {
                _ if version == 1 => drop(folds.insert(stream, Folded::default())),
                Some(kept) => drop(folds.insert(stream, kept.clone())),
                None => drop(wanted.insert(stream, version)),
            }
        }
        if wanted.is_empty() {
            return Ok(folds);
        }
        let streams: Vec<StreamId> = wanted.keys().copied().collect();
        let reader = self.reader.clone();
        let connection = self.connected().await?;
        let mut events = pin!(reader.of_streams(connection, &streams).await?);
        while let Some(Positioned { position, recorded }) = events.try_next().await? {
            let before = wanted.get(&recorded.stream).is_some_and(|version| recorded.version < *version);
            if before {
                let folded = folds.entry(recorded.stream).or_default();
                let next = folded.next(&recorded);
                *folded = next.map_err(|cause| ReadError::Unfoldable { position, cause })?;
            }
        }
        Ok(folds)
    }

    /// The rows of the page, or of its beginning where they are very many; the position behind it, and the folds after it.
    #[allow(clippy::type_complexity)]
    fn rows(
        &self,
        page: Vec<Positioned>,
        mut folds: HashMap<StreamId, Folded>,
    ) -> Result<(Vec<String>, u64, HashMap<StreamId, Folded>), Halt> {
        let (mut rows, mut upto) = (Vec::new(), 0);
        for event in page {
            let stream = event.recorded.stream;
            let before = folds.remove(&stream).unwrap_or_default();
            let position = event.position;
            let after =
                before.next(&event.recorded).map_err(|cause| ReadError::Unfoldable { position, cause })?;
            let step = Step { before: &before, event: &event, after: &after };
            rows.extend((self.behind.rows)(&self.reader.vault, &step).iter().map(row_text));
            folds.insert(stream, after);
            upto = position + 1;
            if rows.len() >= limits::BEHIND_ROWS {
                break;
            }
        }
        Ok((rows, upto, folds))
    }

    /// How far it is.
    async fn ask(&mut self) -> Result<u64, Halt> {
        self.kept.clear();
        let nowhere = u64::MAX >> 1;
        self.apply(nowhere, nowhere, &[]).await
    }

    async fn apply(&mut self, first: u64, upto: u64, rows: &[String]) -> Result<u64, Halt> {
        let (ledger, apply) = (self.reader.ledger, self.behind.apply);
        let connection = self.connected().await?;
        let (first, upto) = (first.cast_signed(), upto.cast_signed());
        let row = connection.query_one(apply, &[&ledger, &first, &upto, &rows]).await;
        let row = row.map_err(|cause| Halt::Database(cause.into()))?;
        Ok(row.get::<_, i64>(0).cast_unsigned())
    }

    async fn connected(&mut self) -> Result<&Dedicated, Halt> {
        if self.connection.as_ref().is_none_or(|connection| connection.is_closed()) {
            let opened = self.database.connect_dedicated(Role::System).await;
            self.connection = Some(opened.map_err(|cause| Halt::Database(cause.into()))?);
        }
        let gone = || Halt::Database(DbError::Unavailable("its connection is gone".into()).into());
        self.connection.as_ref().ok_or_else(gone)
    }
}

impl From<ReadError> for Halt {
    fn from(cause: ReadError) -> Self {
        match cause {
            ReadError::Db(_) => Halt::Database(cause),
            poisoned => Halt::Poisoned(poisoned.to_string()),
        }
    }
}
