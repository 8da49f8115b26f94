//! Closes batches: one time for all that is in it, and every row made from it. Also while another batch is under way.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::append::{Draft, Prepared, Press};
use super::proposal::{CommitError, Committed};
use crate::clock::{Clock, Timestamp};

pub(super) type Reply = oneshot::Sender<Result<Committed, CommitError>>;
pub(super) type Submission = (Draft, Reply);

/// A batch that nothing is added to any more, under one time.
pub(super) struct Closed {
    pub(super) at: Timestamp,
    pub(super) prepared: Vec<Prepared>,
    pub(super) replies: Vec<Reply>,
}

#[derive(Clone)]
pub(super) struct Closer {
    pub(super) press: Arc<Press>,
    pub(super) clock: Arc<Clock>,
}

impl Closer {
    /// `last_at`: the time of the batch before.
    pub(super) fn close(&self, batch: Vec<Submission>, last_at: Timestamp) -> Closed {
        let (drafts, replies): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let at = self.clock.now().max(last_at);
        Closed { at, prepared: self.prepare(drafts, at), replies }
    }

    pub(super) fn prepare(&self, drafts: impl IntoIterator<Item = Draft>, at: Timestamp) -> Vec<Prepared> {
        drafts.into_iter().map(|draft| self.press.prepare(draft, at)).collect()
    }
}
