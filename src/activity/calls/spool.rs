//! Where batches wait while the database is away: one file under the data directory, batch behind batch, each on disk before anybody
//! is told that it is taken in. They are written to the database in their order, and each has numbers of its own: what was written
//! already is found to be.
//!
//! A frame is `length ‖ first 8 bytes of SHA-256 ‖ the batch as JSON`. A process that ends in the middle of one leaves a torn tail, of
//! which nobody was told that it is taken in: the next start cuts it off and says so.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use super::batch::Batch;
use crate::limits;
use crate::vault::sha256;

const HEADER: usize = 4 + DIGEST;
const DIGEST: usize = 8;

pub struct Spool {
    file: Arc<File>,
    /// where frames begin, and how long what they hold is
    frames: VecDeque<(u64, usize)>,
    end: u64,
}

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
        while let Some(bytes) = whole_frame(&mut reader, length - end)? {
            frames.push_back((end, bytes));
            end += (HEADER + bytes) as u64;
        }
        if end < length {
            tracing::warn!(
                bytes = length - end,
                "the activity spool ended in the middle of a batch, which nobody was told is taken in; it is cut off"
            );
            file.set_len(end)?;
            file.sync_data()?;
        }
        Ok(Spool { file: Arc::new(file), frames, end })
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

    async fn read(&self, (begin, bytes): (u64, usize)) -> io::Result<Batch> {
        let file = self.file.clone();
        blocking(move || {
            let mut body = vec![0; bytes];
            file.read_exact_at(&mut body, begin + HEADER as u64)?;
            serde_json::from_slice(&body).map_err(io::Error::from)
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
        let (file, begin) = (self.file.clone(), self.end);
        let pushed = blocking(move || {
            let length = u32::try_from(bytes).map_err(io::Error::other)?;
            let frame = [length.to_be_bytes().as_slice(), &sha256(&[&body])[..DIGEST], &body].concat();
            let written = file.write_all_at(&frame, begin).and_then(|()| file.sync_data());
            if written.is_err() {
                // What is left of it would be cut off by the next start; the next batch is written over it.
                let _ = file.set_len(begin);
            }
            written
        });
        pushed.await?;
        self.frames.push_back((self.end, bytes));
        self.end = end;
        Ok(())
    }

    /// The first one is in the database. Once none is left, the file is empty.
    pub async fn done(&mut self) -> io::Result<()> {
        self.frames.pop_front();
        if self.frames.is_empty() {
            self.end = 0;
            let file = self.file.clone();
            blocking(move || file.set_len(0).and_then(|()| file.sync_data())).await?;
        }
        Ok(())
    }
}

/// How long what the next frame holds is; none where no whole one is left.
fn whole_frame(reader: &mut impl Read, left: u64) -> io::Result<Option<usize>> {
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
    Ok((sha256(&[&body])[..DIGEST] == *digest).then_some(body.len()))
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
}
