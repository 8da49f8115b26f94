//! The house, put together: every room made, and wired to the ones it needs.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;

use futures::FutureExt;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::StartError;
use super::migrate::{make_private_login, migrate, rebuild_projections};
use crate::activity::calls::{self, Calls};
use crate::clock::Clock;
use crate::cluster::lease::{self, Keeper, Lease, Node, TakeError};
use crate::db::{self, Database, Dedicated, Role, Settings};
use crate::ledger::doorbell::Doorbell;
use crate::ledger::execute::Ledger;
use crate::ledger::follow::{Follow, Progress};
use crate::ledger::once::Once;
use crate::ledger::read::Reader;
use crate::ledger::sequencer::Sequencer;
use crate::ledger::streams::Streams;
use crate::ledger::{Applier, Press};
use crate::limits;
use crate::projections::InlineProjections;
use crate::projections::active::ActiveView;
use crate::projections::behind::{self, Projector, Reached};
use crate::projections::list::Lists;
use crate::projections::load::load;
use crate::projections::rebuild::Rebuilt;
use crate::vault::{KeyFileError, MasterKeys, Vault};

/// The exit code of a service that ended itself: EX_SOFTWARE.
const EXIT_FAILED_ROOM: i32 = 70;

/// There is one ledger today; every table leads with its number.
pub const LEDGER: i32 = 1;

/// A database that is migrated and can be written to, and the keys that go with it.
pub struct Foundation {
    pub database: Database,
    pub vault: Arc<Vault>,
    pub append_only: bool,
}

/// The rooms in which commands are carried out and verdicts given.
pub struct House {
    pub ledger: Arc<Ledger>,
    pub view: Arc<ActiveView>,
    pub clock: Arc<Clock>,
    pub lease: Arc<Lease>,
    /// what may be used once
    pub once: Once,
    /// calls that were served; a node that gives verdicts alone takes them in
    pub calls: Option<Arc<Calls>>,
    /// how far what follows behind the ledger is
    pub reached: Reached,
    rooms: Vec<Room>,
    /// as whom it holds the lease; none beside a node
    pub node: Option<Node>,
    /// tells the lease's keeper to give it back
    stop: Option<watch::Sender<bool>>,
}

type Room = (&'static str, JoinHandle<()>);

impl Foundation {
    /// `private`: the cluster is the service's own.
    pub async fn lay(settings: &Settings, private: bool, key_file: &Path) -> Result<Self, StartError> {
        if private {
            make_private_login(settings).await.map_err(explained)?;
        }
        let migrated = migrate(settings).await.map_err(explained)?;
        for file in &migrated.applied {
            tracing::debug!(file, "applied to the database");
        }
        let database = Database::open(settings).await.map_err(explained)?;
        let system = database.system().await.map_err(explained)?;
        let append_only = db::append_only(&system).await.map_err(explained)?;
        if !append_only {
            tracing::warn!(
                "the database's login can change history; give the service a login of its own as database_url, and this \
                 one as database_admin_url"
            );
        }
        let head = system.query_one("select head from credledger.read_head($1)", &[&LEDGER]).await;
        let head: i64 = head.map_err(|cause| explained(db::DbError::from(cause)))?.get(0);
        system.give_back();
        let vault = Arc::new(Vault::new(&master_keys(key_file, head == 0)?));
        let foundation = Foundation { database, vault, append_only };
        if !migrated.changed_projections.is_empty() {
            foundation.rebuild(settings, &migrated.changed_projections).await?;
        }
        Ok(foundation)
    }

    /// Builds projections anew from the events; what they were stays until they are whole.
    pub async fn rebuild(
        &self,
        settings: &Settings,
        projections: &[&'static str],
    ) -> Result<Rebuilt, StartError> {
        tracing::info!(projections = projections.join(" "), "projections are built anew");
        let source = long_reader(&self.database).await?;
        let rebuilt =
            rebuild_projections(settings, projections, &self.reader(), &source).await.map_err(explained)?;
        tracing::info!(events = rebuilt.events, rows = rebuilt.rows, "projections are whole");
        Ok(rebuilt)
    }

    fn reader(&self) -> Reader {
        Reader { ledger: LEDGER, vault: self.vault.clone() }
    }
}

/// Made on the very first start; never again, because what it protects could not be read without it.
fn master_keys(file: &Path, first_start: bool) -> Result<MasterKeys, StartError> {
    let keys = match MasterKeys::read(file) {
        Err(KeyFileError::Missing(_)) if first_start => MasterKeys::create(file),
        read => read,
    };
    keys.map_err(|error| StartError::new(format!("{error}.")))
}

impl House {
    /// A node that gives verdicts: with the whole view and a lease, following the ledger.
    /// `spool`: where calls that were served wait while the database is away.
    pub async fn open(foundation: &Foundation, node: Uuid, spool: Option<&Path>) -> Result<Self, StartError> {
        let Foundation { database, vault, .. } = foundation;
        let node = Node { ledger: LEDGER, node, boot: vault.uuid(0) };
        let clock = Arc::new(lease::take(database, node).await.map_err(|error| match error {
            TakeError::HeldByAnother => StartError::new(
                "Another node serves this ledger. Stop it first; its lease lapses 2 seconds after that.",
            ),
            TakeError::Db(cause) => explained(cause),
        })?);
        let view = Arc::new(ActiveView::new().map_err(|full| StartError::new(format!("{full:?}")))?);
        let applied = load(database, LEDGER, vault, &view).await.map_err(explained)?;
        let (ledger, progress, mut rooms) = open_ledger(foundation, &clock, view.clone(), node.node, applied);
        let lease = Arc::new(Lease::default());
        let (stop, stopped) = watch::channel(false);
        let reached = open_behind(foundation, &progress, &stopped, &mut rooms);
        let keeper =
            Keeper { database: database.clone(), node, lease: lease.clone(), clock: clock.clone(), progress };
        let once = open_once(foundation, &mut rooms);
        let calls = open_calls(foundation, &clock, node, spool, &mut rooms).await?;
        // First, because it is given back first.
        rooms.insert(0, room("the lease", keeper.run(stopped)));
        Ok(House {
            ledger,
            view,
            clock,
            lease,
            once,
            calls: Some(calls),
            reached,
            rooms,
            node: Some(node),
            stop: Some(stop),
        })
    }

    /// Commands alone, beside a node that may be running: no lease, no verdicts.
    pub async fn open_beside(foundation: &Foundation) -> Result<Self, StartError> {
        let clock = Arc::new(measure_clock(&foundation.database).await?);
        let view = Arc::new(ActiveView::new().map_err(|full| StartError::new(format!("{full:?}")))?);
        let applied =
            load(&foundation.database, LEDGER, &foundation.vault, &view).await.map_err(explained)?;
        let writer = foundation.vault.uuid(clock.now().millis());
        let (ledger, _, mut rooms) = open_ledger(foundation, &clock, view.clone(), writer, applied);
        let once = open_once(foundation, &mut rooms);
        // What follows behind is the service's to fill.
        let reached = Reached::default();
        Ok(House {
            ledger,
            view,
            clock,
            lease: Arc::new(Lease::default()),
            once,
            calls: None,
            reached,
            rooms,
            node: None,
            stop: None,
        })
    }

    /// Finishes what was submitted, then closes room after room: within a bound, because a database that hangs would keep
    /// them open for as long as it does.
    pub async fn close(self) -> Result<(), LeftOpen> {
        let House { ledger, once, calls, mut rooms, stop, .. } = self;
        if let Some(stop) = stop {
            stop.send_replace(true);
        }
        let database = ledger.database().clone();
        // What still runs a command holds it too; with the last of them the sequencer's queues end.
        drop((ledger, once, calls));
        let all = async {
            while let Some((_, task)) = rooms.first_mut() {
                if let Err(cause) = task.await {
                    tracing::error!(%cause, "a room did not close in order");
                }
                rooms.remove(0);
            }
        };
        let in_time = tokio::time::timeout(limits::CLOSE_WAIT, all).await.is_ok();
        database.close();
        if in_time {
            return Ok(());
        }
        let left: Vec<&'static str> = rooms.iter().map(|(name, _)| *name).collect();
        tracing::error!(left = left.join(", "), waited = ?limits::CLOSE_WAIT, "the stop waits no longer for the database");
        Err(LeftOpen(left))
    }
}

/// Rooms that had not closed when the stop waited no longer. Nobody was told that what they had in hand was done.
#[derive(Debug)]
pub struct LeftOpen(pub Vec<&'static str>);

impl From<LeftOpen> for StartError {
    fn from(LeftOpen(rooms): LeftOpen) -> Self {
        StartError::new(format!(
            "The database did not answer within {} seconds of the stop, and was left with: {}. What was acknowledged is \
             in the ledger. Look after the database, then start again.",
            limits::CLOSE_WAIT.as_secs(),
            rooms.join(", ")
        ))
    }
}

/// A room whose code fails takes the process with it: half a house would answer what nobody writes down any more. Whoever
/// supervises the service starts it again, and the ledger is as it was.
fn room(name: &'static str, work: impl Future<Output = ()> + Send + 'static) -> Room {
    let task = tokio::spawn(async move {
        if AssertUnwindSafe(work).catch_unwind().await.is_err() {
            tracing::error!(name, "a room failed; the service ends");
            std::process::exit(EXIT_FAILED_ROOM);
        }
    });
    (name, task)
}

fn open_ledger(
    foundation: &Foundation,
    clock: &Arc<Clock>,
    applier: Arc<dyn Applier>,
    writer: Uuid,
    applied: u64,
) -> (Arc<Ledger>, watch::Receiver<Progress>, Vec<Room>) {
    let Foundation { database, vault, .. } = foundation;
    let streams = Arc::new(Streams::default());
    let (committed, following) = mpsc::channel(limits::BATCHES_HANDED_ON);
    let press = Press { ledger: LEDGER, vault: vault.clone(), inline: Arc::new(InlineProjections) };
    let (submit, sequencer) = Sequencer::new(press, database.clone(), clock.clone(), writer, committed);
    let (handle, doorbell) = Doorbell::new(database.clone(), LEDGER, writer);
    let reader = foundation.reader();
    let (progress, follow) =
        Follow::new(reader, database.clone(), applier, streams.clone(), following, handle, applied);
    let rooms = vec![
        room("the sequencer", sequencer.run()),
        room("following", follow.run()),
        room("the doorbell", doorbell.run()),
    ];
    let ledger = Ledger::new(
        foundation.reader(),
        database.clone(),
        clock.clone(),
        submit,
        streams,
        progress.clone(),
        Arc::new(Lists),
    );
    (Arc::new(ledger), progress, rooms)
}

/// It ends with the stop, whatever it has in hand: the next start takes it up from its checkpoints.
fn open_behind(
    foundation: &Foundation,
    progress: &watch::Receiver<Progress>,
    stopped: &watch::Receiver<bool>,
    rooms: &mut Vec<Room>,
) -> Reached {
    let (reader, database) = (foundation.reader(), foundation.database.clone());
    let projector = Projector::new(behind::ALL, reader, database, progress.clone());
    let reached = projector.reached();
    let mut stopped = stopped.clone();
    let following = room("what follows behind the ledger", async move {
        tokio::select! {
            () = projector.run() => {}
            // An error says that nobody is left who could tell.
            _ = stopped.wait_for(|stop| *stop) => {}
        }
    });
    // Before the others, so that it is not named as one that was left when it has ended.
    rooms.insert(0, following);
    reached
}

/// Before the others: it waits for none of them, and when it has ended it is not named as one that was left.
fn open_once(foundation: &Foundation, rooms: &mut Vec<Room>) -> Once {
    let (once, claims) = Once::new(foundation.database.clone(), foundation.vault.clone(), LEDGER);
    rooms.insert(0, room("what is claimed once", claims.run()));
    once
}

async fn open_calls(
    foundation: &Foundation,
    clock: &Arc<Clock>,
    node: Node,
    spool: Option<&Path>,
    rooms: &mut Vec<Room>,
) -> Result<Arc<Calls>, StartError> {
    let Foundation { database, vault, .. } = foundation;
    let node = (node.ledger, node.node, node.boot);
    let opened = spool.map(|path| (path, calls::Spool::open(path)));
    let spool = opened.map(|(path, opened)| {
        opened.map_err(|cause| StartError::new(format!("{} can't be opened: {cause}.", path.display())))
    });
    let begun =
        calls::Writer::begin(database.clone(), vault.clone(), clock.clone(), node, spool.transpose()?);
    let begun = begun.await;
    let (calls, writer) = begun.map_err(explained)?;
    rooms.insert(0, room("calls served", writer.run()));
    Ok(Arc::new(calls))
}

/// A connection on which the whole ledger may be read.
pub(super) async fn long_reader(database: &Database) -> Result<Dedicated, StartError> {
    let source = database.connect_dedicated(Role::System).await.map_err(explained)?;
    let set = source.batch_execute("set statement_timeout = 0").await;
    set.map_err(|cause| explained(db::DbError::from(cause)))?;
    Ok(source)
}

async fn measure_clock(database: &Database) -> Result<Clock, StartError> {
    let connection = database.connect_dedicated(Role::System).await.map_err(explained)?;
    let read = Clock::read(async || {
        let row =
            connection.query_one("select database_us from credledger.read_head($1)", &[&LEDGER]).await?;
        Ok::<i64, db::DbError>(row.get(0))
    });
    read.await.map_err(explained)
}

/// An error with its causes, as one sentence.
pub(super) fn explained(error: impl std::error::Error + 'static) -> StartError {
    StartError::new(format!("{}.", db::Chain(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::migrate::MigrateError;

    #[test]
    fn an_error_and_its_causes_are_one_sentence() {
        let refused = std::io::Error::other("Connection refused");
        let error = MigrateError::Database(db::DbError::Unavailable(refused.into()));
        let told = "The database could not be migrated: the database can't be reached: Connection refused.";
        assert_eq!(explained(error).to_string(), told);
    }
}
