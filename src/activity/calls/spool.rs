//! Where batches wait while the database is away: one file under the data directory, batch behind batch, each on disk before anybody
//! is told that it is taken in. They are written to the database in their order, and each has numbers of its own: what was written
//! already is found to be.
//!
//! A frame is `length ‖ first 8 bytes of SHA-256 ‖ the batch as JSON`. A process that ends in the middle of one leaves a torn tail, of
//! which nobody was told that it is taken in: the next start cuts it off and says so.
//!
//! A batch that the database refuses for good is set aside: it goes to a file of its own, `activity-refused-…` beside the spool, and a frame
//! says so. From that one on those behind it have its numbers, so that a node's rows stay dense.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::batch::Batch;
use crate::limits;
use crate::vault::sha256;

const HEADER: usize = 4 + DIGEST;
const DIGEST: usize = 8;

pub struct Spool {
    path: PathBuf,
    file: Arc<File>,
    frames: VecDeque<Frame>,
    end: u64,
}

/// One that holds a batch.
#[derive(Clone, Copy, Debug)]
struct Frame {
    begin: u64,
    /// of what it holds
    bytes: usize,
    /// How many rows before it were set aside after it was written: its numbers count them still.
    aside: u64,
}

/// What a frame holds that is none: the one that begins there was set aside.
#[derive(Serialize, Deserialize)]
struct Refused {
    refused: u64,
    rows: u64,
}

/// How the JSON of that begins, and of no batch.
const REFUSED: &[u8] = b"{\"refused\":";

/// Why a batch can't wait here.
#[derive(Debug)]
pub enum SpoolFault {
    /// no more than [`limits::ACTIVITY_SPOOL_BYTES`]
    Full,
    Io(io::Error),
}

impl std::fmt::Display for SpoolFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SpoolFault::Full => f.write_str("the activity spool holds as much as it may"),
            SpoolFault::Io(cause) => write!(f, "the activity spool can't be written: {cause}"),
        }
    }
}

impl std::error::Error for SpoolFault {}

impl From<io::Error> for SpoolFault {
    fn from(cause: io::Error) -> Self {
        SpoolFault::Io(cause)
    }
}

impl Spool {
    /// With what an earlier process left in it.
    pub fn open(path: &Path) -> io::Result<Spool> {
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let length = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(0))?;
        let mut reader = io::BufReader::new(&file);
        let (mut frames, mut end) = (VecDeque::new(), 0);
        while let Some(body) = whole_frame(&mut reader, length - end)? {
            match body.starts_with(REFUSED) {
                true => serde_json::from_slice::<Refused>(&body)?.leave_out(&mut frames),
                false => frames.push_back(Frame { begin: end, bytes: body.len(), aside: 0 }),
            }
            end += (HEADER + body.len()) as u64;
        }
        if end < length {
            tracing::warn!(
                bytes = length - end,
                "the activity spool ended in the middle of a batch, which nobody was told is taken in; it is cut off"
            );
            file.set_len(end)?;
            file.sync_data()?;
        }
        Ok(Spool { path: path.to_owned(), file: Arc::new(file), frames, end })
    }

    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    pub fn bytes(&self) -> u64 {
        self.end
    }

    /// The last batch that waits.
    pub async fn last(&self) -> io::Result<Option<Batch>> {
        match self.frames.back() {
            Some(frame) => self.read(*frame).await.map(Some),
            None => Ok(None),
        }
    }

    /// The first one.
    pub async fn first(&self) -> io::Result<Option<Batch>> {
        match self.frames.front() {
            Some(frame) => self.read(*frame).await.map(Some),
            None => Ok(None),
        }
    }

    async fn read(&self, frame: Frame) -> io::Result<Batch> {
        let file = self.file.clone();
        blocking(move || {
            let mut batch: Batch = serde_json::from_slice(&frame.body(&file)?)?;
            batch.first_seq = batch.first_seq.saturating_sub(frame.aside);
            Ok(batch)
        })
        .await
    }

    /// The batch is on disk once this returns without an error; with one, nothing of it is.
    pub async fn push(&mut self, batch: &Batch) -> Result<(), SpoolFault> {
        let body = serde_json::to_vec(batch).map_err(io::Error::from)?;
        let bytes = body.len();
        let end = self.end + (HEADER + bytes) as u64;
        if end > limits::ACTIVITY_SPOOL_BYTES {
            return Err(SpoolFault::Full);
        }
        self.append(body).await?;
        self.frames.push_back(Frame { begin: self.end, bytes, aside: 0 });
        self.end = end;
        Ok(())
    }

    /// On disk, or not there.
    async fn append(&self, body: Vec<u8>) -> io::Result<()> {
        let (file, begin) = (self.file.clone(), self.end);
        blocking(move || {
            let length = u32::try_from(body.len()).map_err(io::Error::other)?;
            let frame = [length.to_be_bytes().as_slice(), &sha256(&[&body])[..DIGEST], &body].concat();
            let written = file.write_all_at(&frame, begin).and_then(|()| file.sync_data());
            if written.is_err() {
                // What is left of it would be cut off by the next start; the next batch is written over it.
                let _ = file.set_len(begin);
            }
            written
        })
        .await
    }

    /// The first one, of so many rows, is refused for good. Where it is kept; none where as many are kept as may be.
    pub async fn set_aside(&mut self, rows: u64) -> io::Result<Option<PathBuf>> {
        let Some(frame) = self.frames.front().copied() else { return Ok(None) };
        let (file, beside) = (self.file.clone(), self.path.parent().map(Path::to_owned).unwrap_or_default());
        let kept = blocking(move || keep(&beside, &frame.body(&file)?)).await?;
        let refused = Refused { refused: frame.begin, rows };
        let body = serde_json::to_vec(&refused)?;
        let bytes = body.len();
        self.append(body).await?;
        self.end += (HEADER + bytes) as u64;
        refused.leave_out(&mut self.frames);
        self.cut_if_empty().await?;
        Ok(kept)
    }

    /// The first one is in the database. Once none is left, the file is empty.
    pub async fn done(&mut self) -> io::Result<()> {
        self.frames.pop_front();
        self.cut_if_empty().await
    }

    async fn cut_if_empty(&mut self) -> io::Result<()> {
        if self.frames.is_empty() {
            self.end = 0;
            let file = self.file.clone();
            blocking(move || file.set_len(0).and_then(|()| file.sync_data())).await?;
        }
        Ok(())
    }
}

impl Frame {
    fn body(&self, file: &File) -> io::Result<Vec<u8>> {
        let mut body = vec![0; self.bytes];
        file.read_exact_at(&mut body, self.begin + HEADER as u64)?;
        Ok(body)
    }
}

impl Refused {
    /// All that stand there stand behind it, or were written already.
    fn leave_out(&self, frames: &mut VecDeque<Frame>) {
        frames.retain(|frame| frame.begin != self.refused);
        let behind = frames.iter_mut().filter(|frame| frame.begin > self.refused);
        behind.for_each(|frame| frame.aside += self.rows);
    }
}

/// Under a name of its own: kept twice it is there once.
fn keep(beside: &Path, body: &[u8]) -> io::Result<Option<PathBuf>> {
    const NAME: &str = "activity-refused-";
    let names = std::fs::read_dir(beside)?.filter_map(Result::ok).map(|entry| entry.file_name());
    if names.filter(|name| name.to_string_lossy().starts_with(NAME)).count() >= limits::ACTIVITY_REFUSED_FILES
    {
        return Ok(None);
    }
    let digest = sha256(&[body])[..DIGEST].iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let path = beside.join(format!("{NAME}{digest}.json"));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    file.write_all(body)?;
    file.sync_all()?;
    File::open(beside)?.sync_all()?;
    Ok(Some(path))
}

/// What the next frame holds; none where no whole one is left.
fn whole_frame(reader: &mut impl Read, left: u64) -> io::Result<Option<Vec<u8>>> {
    let mut header = [0; HEADER];
    if left < HEADER as u64 {
        return Ok(None);
    }
    reader.read_exact(&mut header)?;
    let (length, digest) = header.split_at(4);
    let length = length.try_into().map(u32::from_be_bytes).map_err(io::Error::other)?;
    if u64::from(length) > left - HEADER as u64 {
        return Ok(None);
    }
    let mut body = vec![0; length as usize];
    reader.read_exact(&mut body)?;
    Ok((sha256(&[&body])[..DIGEST] == *digest).then_some(body))
}

/// A disk may be slow, and nobody else has to wait for it.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|cause| Err(io::Error::other(cause)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(first_seq: u64) -> Batch {
        Batch { first_seq, rows: Vec::new(), kept: Vec::new() }
    }

    fn scratch(name: &str) -> std::path::PathBuf {
        let file = std::env::temp_dir().join(format!("credledger-spool-{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&file);
        file
    }

    #[tokio::test]
    async fn batches_come_out_as_they_went_in_also_of_another_process() {
        let path = scratch("order");
        let mut spool = Spool::open(&path).expect("a spool");
        for seq in [1, 5, 9] {
            spool.push(&batch(seq)).await.expect("room");
        }
        drop(spool);
        let mut spool = Spool::open(&path).expect("a spool");
        assert_eq!(spool.last().await.expect("a read"), Some(batch(9)));
        for seq in [1, 5, 9] {
            assert_eq!(spool.first().await.expect("a read"), Some(batch(seq)));
            spool.done().await.expect("done");
        }
        assert!(spool.is_empty() && std::fs::metadata(&path).expect("the file").len() == 0);
        std::fs::remove_file(&path).expect("removed");
    }

    #[tokio::test]
    async fn a_tail_that_is_torn_anywhere_is_cut_off_and_the_rest_stays() {
        let path = scratch("torn");
        let mut spool = Spool::open(&path).expect("a spool");
        spool.push(&batch(1)).await.expect("room");
        let whole = spool.bytes();
        spool.push(&batch(2)).await.expect("room");
        drop(spool);
        let bytes = std::fs::read(&path).expect("the file");
        for length in usize::try_from(whole).expect("small")..bytes.len() {
            std::fs::write(&path, &bytes[..length]).expect("torn");
            let spool = Spool::open(&path).expect("a spool");
            assert_eq!((spool.frames.len(), spool.bytes()), (1, whole), "{length}");
            assert_eq!(spool.first().await.expect("a read"), Some(batch(1)));
        }
        let mut bent = bytes.clone();
        *bent.last_mut().expect("a byte") ^= 1;
        std::fs::write(&path, &bent).expect("bent");
        assert_eq!(Spool::open(&path).expect("a spool").frames.len(), 1);
        std::fs::remove_file(&path).expect("removed");
    }

    #[tokio::test]
    async fn what_is_set_aside_is_kept_and_those_behind_it_have_its_numbers_also_of_another_process() {
        let folder = scratch("aside");
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join("activity-spool");
        let mut spool = Spool::open(&path).expect("a spool");
        for seq in [1, 5, 9] {
            spool.push(&batch(seq)).await.expect("room");
        }
        spool.done().await.expect("done");
        let kept = spool.set_aside(4).await.expect("set aside").expect("a file");
        let whole: Batch = serde_json::from_slice(&std::fs::read(&kept).expect("kept")).expect("a batch");
        assert_eq!(whole, batch(5));
        assert_eq!(spool.first().await.expect("a read"), Some(batch(5)));
        // What comes after that is numbered as it is to be.
        spool.push(&batch(9)).await.expect("room");
        drop(spool);
        let mut spool = Spool::open(&path).expect("a spool");
        for seq in [1, 5, 9] {
            assert_eq!(spool.first().await.expect("a read"), Some(batch(seq)), "{seq}");
            if seq < 9 {
                spool.done().await.expect("done");
            }
        }
        spool.set_aside(1).await.expect("set aside").expect("a file");
        assert!(spool.is_empty() && std::fs::metadata(&path).expect("the file").len() == 0);
        assert_eq!(std::fs::read_dir(&folder).expect("a folder").count(), 3);
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
