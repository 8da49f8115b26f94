//! Takes events from the ledger to the projections that follow behind, in their order, page by page: each event is read and folded once
//! for all of them.
//!
//! It stands behind people: on a connection of its own, a bounded page at a time, with a rest between two. It is told when the ledger
//! has grown, and looks beside. An event that can't be folded stops it for good, loudly; nothing else of the service suffers.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;

use futures::TryStreamExt;
use tokio::sync::watch;

use super::kept::Kept;
use super::{Behind, Folded, Reach, Reached, Step};
use crate::db::{Database, DbError, Dedicated, Outage, Role};
use crate::domain::ids::StreamId;
use crate::ledger::follow::Progress;
use crate::ledger::read::{Positioned, ReadError, Reader};
use crate::ledger::row_text;
use crate::limits;

pub struct Projector {
    fed: Vec<Fed>,
    reader: Reader,
    database: Database,
    progress: watch::Receiver<Progress>,
    connection: Option<Dedicated>,
    outage: Outage,
    kept: Kept,
}

/// One projection that it fills.
struct Fed {
    behind: Behind,
    reach: watch::Sender<Reach>,
    /// how many events are in it; unknown until the database has said so
    applied: Option<u64>,
}

/// What a page came to.
struct Made {
    /// of each projection, those that it does not have yet
    rows: Vec<Vec<String>>,
    /// the position behind the last event that was worked on
    upto: u64,
    folds: HashMap<StreamId, Folded>,
}

enum Halt {
    Database(ReadError),
    Poisoned(String),
}

impl Projector {
    pub fn new(
        behinds: &[Behind],
        reader: Reader,
        database: Database,
        progress: watch::Receiver<Progress>,
    ) -> Self {
        let fed = |behind: &Behind| Fed {
            behind: *behind,
            reach: watch::channel(Reach::default()).0,
            applied: None,
        };
        Projector {
            fed: behinds.iter().map(fed).collect(),
            reader,
            database,
            progress,
            connection: None,
            outage: Outage::of("filling what follows behind the ledger"),
            kept: Kept::default(),
        }
    }

    /// How far each is.
    pub fn reached(&self) -> Reached {
        Reached(Arc::new(self.fed.iter().map(|fed| (fed.behind.name, fed.reach.subscribe())).collect()))
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
                    self.connection = None;
                    self.fed.iter_mut().for_each(|fed| fed.applied = None);
                    false
                }
                Err(Halt::Poisoned(why)) => {
                    tracing::error!(why, "what follows behind the ledger stopped; it answers nothing more");
                    self.fed.iter().for_each(|fed| fed.reach.send_modify(|reach| reach.stopped = true));
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

    /// One page, from where the first of them stands. Whether there may be more.
    async fn turn(&mut self) -> Result<bool, Halt> {
        let Some(first) = self.first().await? else { return Ok(false) };
        let reader = self.reader.clone();
        let events = reader.events(self.connected().await?, first, limits::BEHIND_PAGE).await?;
        let full = events.len() as i64 == limits::BEHIND_PAGE;
        let (page, cut) = self.page(first, events)?;
        if page.is_empty() {
            self.fed.iter_mut().for_each(Fed::tell);
            return Ok(false);
        }
        let end = first + page.len() as u64;
        let erased: Vec<StreamId> = page
            .iter()
            .filter_map(|event| event.recorded.erased())
            .map(|erased| StreamId(erased.subject.id))
            .collect();
        let before = self.folds_before(&page).await?;
        let made = self.made(page, before)?;
        if !self.hand_over(&made.rows, made.upto).await? {
            // Somebody else fills it as well.
            self.kept.clear();
            return Ok(true);
        }
        for (stream, folded) in made.folds {
            self.kept.keep(stream, folded);
        }
        // What was folded before may say what is erased since.
        erased.into_iter().for_each(|stream| self.kept.forget(stream));
        Ok(full || cut || made.upto < end)
    }

    /// Where the one that is furthest behind stands.
    async fn first(&mut self) -> Result<Option<u64>, Halt> {
        let nowhere = u64::MAX >> 1;
        for place in 0..self.fed.len() {
            if self.fed[place].applied.is_none() {
                self.kept.clear();
                let applied = self.apply(place, nowhere, nowhere, &[]).await?;
                self.fed[place].applied = Some(applied);
            }
        }
        Ok(self.fed.iter().filter_map(|fed| fed.applied).min())
    }

    /// To each what it does not have yet; each takes its rows together with how far it came. Whether all were where they were left.
    async fn hand_over(&mut self, rows: &[Vec<String>], upto: u64) -> Result<bool, Halt> {
        let mut all = true;
        for (place, rows) in rows.iter().enumerate() {
            let Some(applied) = self.fed[place].applied.filter(|applied| *applied < upto) else { continue };
            let held = self.apply(place, applied, upto, rows).await?;
            all &= held == upto;
            self.fed[place].applied = Some(held);
            self.fed[place].tell();
        }
        Ok(all)
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

    /// The rows of the page, or of its beginning where they are very many.
    fn made(&self, page: Vec<Positioned>, mut folds: HashMap<StreamId, Folded>) -> Result<Made, Halt> {
        let (mut rows, mut upto) = (vec![Vec::new(); self.fed.len()], 0);
        for event in page {
            let stream = event.recorded.stream;
            let before = folds.remove(&stream).unwrap_or_default();
            let position = event.position;
            let after =
                before.next(&event.recorded).map_err(|cause| ReadError::Unfoldable { position, cause })?;
            let step = Step { before: &before, event: &event, after: &after };
            for (fed, rows) in self.fed.iter().zip(&mut rows) {
                if fed.applied.is_some_and(|applied| applied <= position) {
                    rows.extend((fed.behind.rows)(&self.reader.vault, &step).iter().map(row_text));
                }
            }
            folds.insert(stream, after);
            upto = position + 1;
            if rows.iter().map(Vec::len).sum::<usize>() >= limits::BEHIND_ROWS {
                break;
            }
        }
        Ok(Made { rows, upto, folds })
    }

    async fn apply(&mut self, place: usize, first: u64, upto: u64, rows: &[String]) -> Result<u64, Halt> {
        let (ledger, apply) = (self.reader.ledger, self.fed[place].behind.apply);
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

impl Fed {
    fn tell(&mut self) {
        if let Some(applied) = self.applied {
            self.reach.send_if_modified(|reach| std::mem::replace(&mut reach.applied, applied) != applied);
        }
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
