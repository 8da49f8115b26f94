//! The only applier: hands every event to the view, strictly `last + 1`. The sequencer's committed batches are a
//! shortcut; whatever lies before one is read from the database first. The doorbell wakes it when another process appends, and a
//! poll always runs beside.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::read::{ReadError, Reader};
use super::streams::Streams;
use super::{Applier, doorbell};
use crate::db::{Database, DbError, Dedicated, Outage, Role};
use crate::domain::event::Recorded;
use crate::limits;

/// Events that stand in the ledger one after the other, from `first` on.
pub struct Batch {
    pub first: u64,
    pub events: Vec<Arc<Recorded>>,
}

/// How far the view is: the number of events applied, or that it stopped for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub applied: u64,
    pub stopped: bool,
    /// how many of the events were met because the doorbell rang, and not by a poll
    pub rung: u64,
}

pub struct Follow {
    reader: Reader,
    database: Database,
    applier: Arc<dyn Applier>,
    streams: Arc<Streams>,
    committed: mpsc::Receiver<Batch>,
    progress: watch::Sender<Progress>,
    doorbell: doorbell::Handle,
    connection: Option<Dedicated>,
    outage: Outage,
    next: u64,
}

impl Follow {
    /// `applied` is how many events the applier holds already.
    pub fn new(
        reader: Reader,
        database: Database,
        applier: Arc<dyn Applier>,
        streams: Arc<Streams>,
        committed: mpsc::Receiver<Batch>,
        doorbell: doorbell::Handle,
        applied: u64,
    ) -> (watch::Receiver<Progress>, Follow) {
        let (progress, seen) = watch::channel(Progress { applied, stopped: false, rung: 0 });
        let follow = Follow {
            reader,
            database,
            applier,
            streams,
            committed,
            progress,
            doorbell,
            connection: None,
            outage: Outage::of("following the ledger"),
            next: applied,
        };
        (seen, follow)
    }

    /// Runs until the sequencer is gone, or an event is met that can't be applied: then the view is stopped, loudly.
    pub async fn run(mut self) {
        let stopped = loop {
            let outcome = tokio::select! {
                batch = self.committed.recv() => match batch {
                    Some(batch) => self.take(batch).await,
                    None => break false,
                },
                () = self.doorbell.heard.notified() => self.read_rung().await,
                () = tokio::time::sleep(limits::POLL) => self.read_on().await,
            };
            match outcome {
                Ok(()) => {}
                Err(Halt::Database(cause)) => {
                    self.outage.failed(&cause);
                    self.connection = None;
                }
                Err(Halt::Poisoned(why)) => {
                    tracing::error!(
                        position = self.next,
                        why,
                        "following the ledger stopped; this node answers nothing more"
                    );
                    break true;
                }
            }
        };
        let applied = self.next;
        self.progress.send_modify(|progress| (progress.applied, progress.stopped) = (applied, stopped));
    }

    async fn take(&mut self, batch: Batch) -> Result<(), Halt> {
        while self.next < batch.first {
            let before = self.next;
            self.read_on().await?;
            if self.next == before {
                return Err(Halt::Poisoned(format!("position {before} is missing in the ledger")));
            }
        }
        let known = usize::try_from(self.next - batch.first).unwrap_or(usize::MAX);
        for recorded in batch.events.into_iter().skip(known) {
            self.apply(&recorded)?;
        }
        self.tell();
        self.doorbell.appended.send_replace(self.next);
        Ok(())
    }

    async fn read_rung(&mut self) -> Result<(), Halt> {
        let before = self.next;
        let read = self.read_on().await;
        let met = self.next - before;
        self.progress.send_if_modified(|progress| {
            progress.rung += met;
            met > 0
        });
        read
    }

    /// Reads and applies what the database has after the last applied event.
    async fn read_on(&mut self) -> Result<(), Halt> {
        loop {
            let page = self.page().await?;
            let length = page.len();
            for positioned in page {
                if positioned.position != self.next {
                    return Err(Halt::Poisoned(format!(
                        "position {} follows in the ledger",
                        positioned.position
                    )));
                }
                self.streams.forget(positioned.recorded.stream);
                self.apply(&positioned.recorded)?;
            }
            self.tell();
            if (length as i64) < limits::FOLLOW_PAGE {
                return Ok(());
            }
        }
    }

    /// A connection that says nothing for as long as a lease lives is taken for dead, and another one is asked next.
    async fn page(&mut self) -> Result<Vec<super::read::Positioned>, Halt> {
        let page = tokio::time::timeout(limits::LEASE, self.next_page()).await;
        page.unwrap_or_else(|late| Err(Halt::Database(DbError::Unavailable(late.into()).into())))
    }

    async fn next_page(&mut self) -> Result<Vec<super::read::Positioned>, Halt> {
        if self.connection.as_ref().is_none_or(|connection| connection.is_closed()) {
            self.connection = Some(
                self.database
                    .connect_dedicated(Role::System)
                    .await
                    .map_err(|cause| Halt::Database(cause.into()))?,
            );
        }
        let Some(connection) = &self.connection else { return Ok(Vec::new()) };
        let events = self.reader.events(connection, self.next, limits::FOLLOW_PAGE).await?;
        self.outage.over();
        Ok(events)
    }

    fn apply(&mut self, recorded: &Recorded) -> Result<(), Halt> {
        self.applier.apply(self.next, recorded).map_err(Halt::Poisoned)?;
        self.next += 1;
        // Before anybody is told that it is applied: a decision on kept states is one on what is not erased.
        self.streams.erased(recorded, self.next);
        Ok(())
    }

    fn tell(&self) {
        let applied = self.next;
        self.progress
            .send_if_modified(|progress| std::mem::replace(&mut progress.applied, applied) != applied);
    }
}

enum Halt {
    Database(ReadError),
    Poisoned(String),
}

impl From<ReadError> for Halt {
    fn from(cause: ReadError) -> Self {
        match cause {
            ReadError::Db(_) => Halt::Database(cause),
            poisoned => Halt::Poisoned(poisoned.to_string()),
        }
    }
}
