//! The one task that writes a node's rows: what came meanwhile together, batch after batch, so that whoever reported waits for one
//! commit. What is told as taken in is on disk.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use uuid::Uuid;

use super::batch::{Batch, Hand, Kept};
use super::leaf::Salts;
use super::row::{Row, instant_of};
use super::seal::{Begun, Unsealed};
use super::spool::{Spool, SpoolFault};
use crate::clock::{BootTime, Clock, Timestamp};
use crate::db::{Database, DbError, Outage};
use crate::domain::activity_log::Day;
use crate::limits;
use crate::vault::Vault;

/// Milliseconds of a day.
pub(super) const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The way in; the task ends with the last of them.
pub struct Calls {
    vault: Arc<Vault>,
    reports: mpsc::Sender<Report>,
    records: mpsc::Sender<Row>,
    rows: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    pub tally: Arc<Tally>,
    pub unsealed: Unsealed,
    pub begun: Begun,
}

/// What happened to rows, for metrics.
#[derive(Default)]
pub struct Tally {
    written: AtomicU64,
    dropped: AtomicU64,
    /// bytes that wait on disk
    spooled: AtomicU64,
    /// dropped, and not yet recorded as such
    unrecorded: Mutex<Option<(u64, Span)>>,
}

/// From the first to the last of some instants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub first: Timestamp,
    pub last: Timestamp,
}

impl Span {
    pub fn of(at: Timestamp) -> Self {
        Span { first: at, last: at }
    }

    pub fn with(self, at: Timestamp) -> Self {
        self.over(Span::of(at))
    }

    fn over(self, other: Span) -> Self {
        Span { first: self.first.min(other.first), last: self.last.max(other.last) }
    }
}

impl Tally {
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub fn spooled_bytes(&self) -> u64 {
        self.spooled.load(Ordering::Relaxed)
    }

    fn note_dropped(&self, count: u64, span: Span) {
        self.dropped.fetch_add(count, Ordering::Relaxed);
        self.give_back(count, span);
    }

    /// What is to be recorded as dropped, for whoever does that now.
    pub fn take_unrecorded(&self) -> Option<(u64, Span)> {
        self.unrecorded().take()
    }

    /// It could not be recorded after all.
    pub fn give_back(&self, count: u64, span: Span) {
        let mut unrecorded = self.unrecorded();
        *unrecorded = Some(match *unrecorded {
            None => (count, span),
            Some((before, other)) => (before + count, other.over(span)),
        });
    }

    fn unrecorded(&self) -> MutexGuard<'_, Option<(u64, Span)>> {
        self.unrecorded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a report was not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// more wait than may
    Full,
    /// It took too long; it may be written yet.
    Unknown,
    /// its Idempotency-Key came with another request just now
    KeyTaken,
    /// the database refused it, and the log says why
    Rejected,
}

struct Report {
    rows: Vec<Row>,
    kept: Option<Kept>,
    /// how much of what may wait it takes
    _room: (OwnedSemaphorePermit, OwnedSemaphorePermit),
    done: oneshot::Sender<Result<(), NotTaken>>,
}

impl Calls {
    /// Rows that are on disk once this returns without an error.
    pub async fn report(&self, rows: Vec<Row>, kept: Option<Kept>) -> Result<(), NotTaken> {
        let bytes = rows.iter().map(Row::bytes).sum::<usize>();
        let room = |of: &Arc<Semaphore>, wanted: usize| {
            let wanted = u32::try_from(wanted).map_err(|_| NotTaken::Full)?;
            of.clone().try_acquire_many_owned(wanted).map_err(|_| NotTaken::Full)
        };
        let room = (room(&self.rows, rows.len())?, room(&self.bytes, bytes)?);
        let (done, outcome) = oneshot::channel();
        let report = Report { rows, kept, _room: room, done };
        self.reports.try_send(report).map_err(|_| NotTaken::Full)?;
        match tokio::time::timeout(limits::ACTIVITY_WAIT, outcome).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) | Err(_) => Err(NotTaken::Unknown),
        }
    }

    /// What a verdict leaves. It waits for nothing, and is not waited for.
    pub fn record(&self, row: Row) {
        let at = instant_of(row.id).unwrap_or_default();
        if self.records.try_send(row).is_err() {
            self.tally.note_dropped(1, Span::of(at));
        }
    }

    /// A new row's id, and what its hashes are salted with.
    pub fn fresh(&self, at: Timestamp) -> (Uuid, Salts) {
        (self.vault.uuid(at.millis()), Salts::One(self.vault.bytes()))
    }

    /// How many rows wait.
    pub fn waiting(&self) -> usize {
        let reported = limits::ACTIVITY_WAITING - self.rows.available_permits();
        reported + self.records.max_capacity() - self.records.capacity()
    }
}

pub struct Writer {
    database: Database,
    clock: Arc<Clock>,
    hand: Hand,
    next_seq: u64,
    reports: mpsc::Receiver<Report>,
    records: mpsc::Receiver<Row>,
    tally: Arc<Tally>,
    unsealed: Unsealed,
    outage: Outage,
    /// none: nothing waits on disk
    spool: Option<Spool>,
    no_spool: Outage,
    /// when the database was last found to be away
    away_at: Option<BootTime>,
    /// the row that was next in the database when this process began
    began_at: u64,
}

/// What is written next.
#[derive(Default)]
struct Gathered {
    reports: Vec<Report>,
    records: Vec<Row>,
}

impl Gathered {
    fn rows(&self) -> usize {
        self.records.len() + self.reports.iter().map(|report| report.rows.len()).sum::<usize>()
    }
}

impl Writer {
    /// From now on the rows of this node are this process's to write.
    pub async fn begin(
        database: Database,
        vault: Arc<Vault>,
        clock: Arc<Clock>,
        (ledger, node, boot): (i32, Uuid, Uuid),
        spool: Option<Spool>,
    ) -> Result<(Calls, Writer), DbError> {
        let hand = Hand { ledger, node, boot };
        let begin = "select next_seq, unsealed_seq, sealing_day from credledger.begin_activity($1, $2, $3)";
        let rows = database.people(begin, &[&ledger, &node, &boot]).await?;
        let row = rows.first().ok_or_else(|| DbError::Unreadable("no node began".into()))?;
        let begun = Begun {
            hand,
            next_seq: row.try_get::<_, i64>(0)?.cast_unsigned(),
            unsealed_seq: row.try_get::<_, i64>(1)?.cast_unsigned(),
            sealing_day: Day(row.try_get::<_, i32>(2)?.cast_unsigned()),
        };
        let unsealed = Unsealed::from(begun.next_seq);
        let last = match &spool {
            Some(spool) => spool.last().await.map_err(|cause| DbError::Unreadable(cause.into()))?,
            None => None,
        };
        let next_seq = last.map_or(begun.next_seq, |last| last.end().max(begun.next_seq));
        let (reports, reported) = mpsc::channel(limits::ACTIVITY_REPORTS);
        let (records, recorded) = mpsc::channel(limits::ACTIVITY_RECORDS);
        let tally = Arc::<Tally>::default();
        let writer = Writer {
            database,
            clock,
            hand,
            next_seq,
            reports: reported,
            records: recorded,
            tally: tally.clone(),
            unsealed: unsealed.clone(),
            outage: Outage::of("writing calls that were served"),
            spool,
            no_spool: Outage::of("keeping calls that were served on disk"),
            away_at: None,
            began_at: begun.next_seq,
        };
        writer.make_days().await?;
        let (rows, bytes) = (limits::ACTIVITY_WAITING, limits::ACTIVITY_WAITING_BYTES);
        let (rows, bytes) = (Arc::new(Semaphore::new(rows)), Arc::new(Semaphore::new(bytes)));
        Ok((Calls { vault, reports, records, rows, bytes, tally, unsealed, begun }, writer))
    }

    /// Runs until every [`Calls`] is dropped and what it took in is written, or waits on disk for the next start.
    pub async fn run(mut self) {
        while let Some(gathered) = self.gather().await {
            if gathered.rows() > 0 || !gathered.reports.is_empty() {
                self.take_in(gathered).await;
            } else {
                self.replay().await;
            }
        }
    }

    /// All that waits, up to a batch; nothing of it when what waits on disk is to be tried again, and none once nobody can send any more.
    async fn gather(&mut self) -> Option<Gathered> {
        let mut gathered = Gathered::default();
        let waits_on_disk = self.spool.as_ref().is_some_and(|spool| !spool.is_empty());
        tokio::select! {
            biased;
            Some(report) = self.reports.recv() => gathered.reports.push(report),
            Some(row) = self.records.recv() => {
                gathered.records.push(row);
                // What verdicts leave is in no hurry: one commit for all that come within a moment.
                let first = tokio::time::timeout(limits::ACTIVITY_FLUSH, self.reports.recv()).await;
                gathered.reports.extend(first.ok().flatten());
            }
            () = tokio::time::sleep(limits::ACTIVITY_RETRY), if waits_on_disk && !self.reports.is_closed() => return Some(gathered),
            else => return None,
        }
        while gathered.rows() < limits::ACTIVITY_BATCH {
            match (self.reports.try_recv(), self.records.try_recv()) {
                (Err(_), Err(_)) => break,
                (report, record) => {
                    gathered.reports.extend(report.ok());
                    gathered.records.extend(record.ok());
                }
            }
        }
        Some(gathered)
    }

    /// Together, and where the database refuses that, one report after the other, so that none can hurt another.
    async fn take_in(&mut self, gathered: Gathered) {
        let Gathered { mut reports, records } = gathered;
        let mut rows: Vec<Row> = records.clone();
        rows.extend(reports.iter_mut().flat_map(|report| report.rows.iter().cloned()));
        let kept = reports.iter().filter_map(|report| report.kept.clone()).collect();
        if self.write(rows, kept).await.is_ok() {
            reports.into_iter().for_each(|report| report.told(Ok(())));
            return;
        }
        if !records.is_empty() {
            let (count, now) = (records.len() as u64, self.clock.now());
            if self.write(records, Vec::new()).await.is_err() {
                self.tally.note_dropped(count, Span::of(now));
            }
        }
        for mut report in reports {
            let rows = std::mem::take(&mut report.rows);
            let outcome = self.write(rows, report.kept.clone().into_iter().collect()).await;
            report.told(outcome);
        }
    }

    /// Until it is written, waits on disk, or is refused for good: what was sent once may have happened, and the numbers of its rows are
    /// nobody else's.
    async fn write(&mut self, rows: Vec<Row>, kept: Vec<Kept>) -> Result<(), NotTaken> {
        let mut batch = Batch { first_seq: self.next_seq, rows, kept };
        loop {
            // What waits on disk goes first. What of it is set aside gives its numbers back, and then this was never sent.
            let replayed = self.replay().await;
            batch.first_seq = self.next_seq;
            if replayed {
                match self.send(&batch).await {
                    Ok(()) => {
                        self.next_seq = batch.end();
                        return Ok(());
                    }
                    Err(DbError::Conflict { .. }) => return Err(NotTaken::KeyTaken),
                    Err(cause) if is_refused(&cause) => {
                        tracing::error!(%cause, rows = batch.rows.len(), "calls can't be written");
                        return Err(NotTaken::Rejected);
                    }
                    Err(cause) => self.away(&cause),
                }
            }
            match self.spool(&batch).await {
                Ok(()) => {
                    self.next_seq = batch.end();
                    return Ok(());
                }
                Err(cause) => self.no_spool.failed(&cause),
            }
            tokio::time::sleep(limits::ACTIVITY_RETRY).await;
        }
    }

    async fn spool(&mut self, batch: &Batch) -> Result<(), SpoolFault> {
        let Some(spool) = &mut self.spool else { return Err(SpoolFault::Full) };
        spool.push(batch).await?;
        self.no_spool.over();
        self.tally.spooled.store(spool.bytes(), Ordering::Relaxed);
        Ok(())
    }

    /// Whether nothing waits on disk any more.
    async fn replay(&mut self) -> bool {
        let rested = self.away_at.is_none_or(|at| BootTime::now().since(at) >= limits::ACTIVITY_RETRY);
        loop {
            let Some(spool) = self.spool.as_ref().filter(|spool| !spool.is_empty()) else { return rested };
            if !rested {
                return false;
            }
            let sent = match spool.first().await {
                Ok(Some(batch)) => self.send_spooled(batch).await,
                Ok(None) => return true,
                Err(cause) => Err(DbError::Unreadable(cause.into())),
            };
            if let Err(cause) = sent {
                self.away(&cause);
                return false;
            }
            let Some(spool) = &self.spool else { return true };
            self.tally.spooled.store(spool.bytes(), Ordering::Relaxed);
        }
    }

    /// It was taken in: that its answer can't be kept any more, since another request took the key meanwhile, takes nothing of it.
    async fn send_spooled(&mut self, mut batch: Batch) -> Result<(), DbError> {
        let mut sent = self.send(&batch).await;
        if let Err(DbError::Conflict { .. }) = sent {
            batch.kept.clear();
            sent = self.send(&batch).await;
        }
        match sent {
            Err(cause) if is_refused_for_good(&cause) => self.set_aside(&batch, &cause).await,
            Err(cause) => Err(cause),
            Ok(()) => {
                let Some(spool) = &mut self.spool else { return Ok(()) };
                if let Err(cause) = spool.done().await {
                    // Found written already, should it be met again.
                    tracing::error!(%cause, "the activity spool could not be emptied");
                }
                Ok(())
            }
        }
    }

    /// So that one batch does not keep all those behind it from being written.
    async fn set_aside(&mut self, batch: &Batch, cause: &DbError) -> Result<(), DbError> {
        let Some(spool) = &mut self.spool else { return Ok(()) };
        let rows = batch.rows.len() as u64;
        let kept = spool.set_aside(rows).await.map_err(|cause| DbError::Unreadable(cause.into()))?;
        self.next_seq -= rows;
        let at = |row: &Row| instant_of(row.completes.unwrap_or(row.id)).unwrap_or_default();
        if let Some(span) = batch.rows.iter().map(at).map(Span::of).reduce(Span::over) {
            self.tally.note_dropped(rows, span);
        }
        let file = kept
            .map_or_else(|| "none: too many are kept already".to_owned(), |path| path.display().to_string());
        tracing::error!(
            %cause, rows, file,
            "calls that waited on disk are refused by the database for good; they are set aside in this file, and recorded as dropped"
        );
        Ok(())
    }

    async fn send(&mut self, batch: &Batch) -> Result<(), DbError> {
        let mut days_made = false;
        loop {
            let sent =
                tokio::time::timeout(limits::ACTIVITY_WRITE_WAIT, batch.write(&self.database, self.hand));
            match sent.await.unwrap_or_else(|late| Err(DbError::OutcomeUnknown(late.into()))) {
                Ok(()) => break,
                // No partition takes them; housekeeping may have been kept from making it.
                Err(DbError::Rejected { .. }) if !days_made => {
                    days_made = true;
                    self.make_days().await?;
                }
                Err(cause) => return Err(cause),
            }
        }
        self.outage.over();
        self.away_at = None;
        // What stood there before this process began, it seals as what was left unsealed.
        if batch.first_seq >= self.began_at {
            self.unsealed.written(batch, self.hand.node);
        }
        self.tally.written.fetch_add(batch.rows.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    fn away(&mut self, cause: &DbError) {
        self.outage.failed(cause);
        self.away_at = Some(BootTime::now());
    }

    async fn make_days(&self) -> Result<(), DbError> {
        make_days(&self.database, self.clock.now()).await
    }
}

/// The partitions that calls of today, late ones and those of the next days go to.
pub async fn make_days(database: &Database, now: Timestamp) -> Result<(), DbError> {
    let today = i32::try_from(now.millis().div_euclid(DAY_MS)).unwrap_or(0);
    let (first, last) = (today - limits::ACTIVITY_DAYS_BACK, today + limits::ACTIVITY_DAYS_AHEAD);
    database.people("select credledger.make_activity_days($1, $2)", &[&first, &last]).await.map(drop)
}

/// Whether the same again would be refused again.
fn is_refused(cause: &DbError) -> bool {
    matches!(cause, DbError::Rejected { .. } | DbError::Forbidden(_) | DbError::Breach(..))
}

/// Whether that is for what a batch holds: not for a right or a function that is missing, which come back.
fn is_refused_for_good(cause: &DbError) -> bool {
    match cause {
        DbError::Conflict { .. } => true,
        DbError::Rejected { state, .. } => state.starts_with("22") || state.starts_with("23"),
        _ => false,
    }
}

impl Report {
    fn told(self, outcome: Result<(), NotTaken>) {
        // Nobody may be waiting any more; what is written stands.
        let _ = self.done.send(outcome);
    }
}

const _: () = assert!(limits::ACTIVITY_FLUSH.as_millis() < Duration::from_secs(1).as_millis());
