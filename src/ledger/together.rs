//! Housekeeping on many credentials of one tenant: what it is decided on is read with one query; then each credential stands
//! for itself.

use std::sync::Arc;

use futures::{StreamExt, stream};

use super::execute::{ExecuteError, Ledger, Order};
use super::load::LoadedStreams;
use super::proposal::CommitError;
use super::read::ReadError;
use super::tally::Lane;
use crate::domain::credential::{CloseQuiet, CredentialCommand, Quiet, RecordDue, Warn};
use crate::domain::ids::{CredentialId, TenantId};

/// What is done on each of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chore {
    /// write down what came to its end by time
    RecordDue,
    /// close windows of secrets that are not used
    CloseQuiet(Arc<Quiet>),
    /// say that it will expire soon
    Warn,
}

impl Chore {
    fn command(&self) -> CredentialCommand {
        match self {
            Chore::RecordDue => CredentialCommand::RecordDue(RecordDue),
            Chore::CloseQuiet(quiet) => CredentialCommand::CloseQuiet(CloseQuiet { quiet: quiet.clone() }),
            Chore::Warn => CredentialCommand::Warn(Warn),
        }
    }
}

/// What came of it for those for whom it was not simply done.
#[derive(Debug, Default)]
pub struct Done {
    /// they, or what they are decided on, changed meanwhile: it is as due as before
    pub moved: Vec<CredentialId>,
    pub failed: Option<Failed>,
}

/// For how many it failed, and why for one of them.
#[derive(Debug)]
pub struct Failed {
    pub count: usize,
    pub cause: ExecuteError,
}

impl Ledger {
    /// The caller bounds how many they are, and how much their histories come to.
    pub async fn together(
        self: &Arc<Self>,
        chore: Chore,
        tenant: TenantId,
        credentials: Vec<CredentialId>,
    ) -> Done {
        let (ledger, count) = (self.clone(), credentials.len());
        let task = self.runtime.spawn(async move { ledger.each(chore, tenant, credentials).await });
        let lost = ExecuteError::Commit(CommitError::OutcomeUnknown);
        let done = task.await.unwrap_or(Err(Failed { count, cause: lost }));
        done.unwrap_or_else(|failed| Done { moved: Vec::new(), failed: Some(failed) })
    }

    async fn each(
        &self,
        chore: Chore,
        tenant: TenantId,
        credentials: Vec<CredentialId>,
    ) -> Result<Done, Failed> {
        let count = credentials.len();
        let (mut read, at_once): (Vec<_>, _) = match self.load_together(tenant, &credentials).await {
            Ok(loaded) => (loaded.into_iter().map(Some).collect(), count),
            // One stream that can't be read stops only itself: each is read alone then, one after the other.
            Err(ExecuteError::Read(
                ReadError::Forged { .. } | ReadError::Bad { .. } | ReadError::Unfoldable { .. },
            )) => (Vec::new(), 1),
            Err(cause) => return Err(Failed { count, cause }),
        };
        read.resize_with(count, || None);
        let each = credentials.into_iter().zip(read);
        let each: Vec<_> =
            each.map(|(credential, read)| self.one_of(&chore, tenant, credential, read)).collect();
        let mut outcomes = stream::iter(each).buffer_unordered(at_once.max(1));
        let mut done = Done::default();
        while let Some((credential, outcome)) = outcomes.next().await {
            match outcome {
                Ok(()) => {}
                Err(ExecuteError::Commit(CommitError::Conflict)) => done.moved.push(credential),
                Err(cause) => {
                    let count = done.failed.map_or(0, |failed| failed.count) + 1;
                    done.failed = Some(Failed { count, cause });
                }
            }
        }
        Ok(done)
    }

    async fn one_of(
        &self,
        chore: &Chore,
        tenant: TenantId,
        credential: CredentialId,
        read: Option<LoadedStreams>,
    ) -> (CredentialId, Result<(), ExecuteError>) {
        let order = Order::by_itself(tenant, credential, chore.command(), "housekeeping".to_owned());
        let order = Order { lane: Lane::Housekeeping, ..order };
        let executed = self.carry_out(&order, None, read).await;
        self.tally().command(Lane::Housekeeping, &executed);
        (credential, executed.map(drop))
    }
}
