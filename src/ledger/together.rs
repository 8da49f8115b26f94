//! Housekeeping on many credentials of one tenant: what it is decided on is read with one query; then each credential stands
//! for itself.

use std::sync::Arc;

use futures::{StreamExt, stream};

use super::execute::{ExecuteError, Ledger, Order};
use super::load::LoadedStreams;
use super::proposal::CommitError;
use super::read::ReadError;
use super::tally::Lane;
use crate::domain::ids::{CredentialId, TenantId};

/// For how many it failed, and why for one of them.
#[derive(Debug)]
pub struct Failed {
    pub count: usize,
    pub cause: ExecuteError,
}

impl Ledger {
    /// Writes down what of each of them came to its end by time. The caller bounds how many they are, and how much their histories come to.
    pub async fn record_due(
        self: &Arc<Self>,
        tenant: TenantId,
        credentials: Vec<CredentialId>,
    ) -> Result<(), Failed> {
        let (ledger, count) = (self.clone(), credentials.len());
        let task = self.runtime.spawn(async move { ledger.each(tenant, credentials).await });
        let lost = ExecuteError::Commit(CommitError::OutcomeUnknown);
        task.await.unwrap_or(Err(Failed { count, cause: lost }))
    }

    async fn each(&self, tenant: TenantId, credentials: Vec<CredentialId>) -> Result<(), Failed> {
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
        let each: Vec<_> = each.map(|(credential, read)| self.one_of(tenant, credential, read)).collect();
        let outcomes: Vec<_> = stream::iter(each).buffer_unordered(at_once.max(1)).collect().await;
        let failed: Vec<ExecuteError> = outcomes.into_iter().filter_map(Result::err).collect();
        let count = failed.len();
        failed.into_iter().next_back().map_or(Ok(()), |cause| Err(Failed { count, cause }))
    }

    async fn one_of(
        &self,
        tenant: TenantId,
        credential: CredentialId,
        read: Option<LoadedStreams>,
    ) -> Result<(), ExecuteError> {
        let order = Order::record_due(tenant, credential, "housekeeping".to_owned());
        let order = Order { lane: Lane::Housekeeping, ..order };
        let executed = self.carry_out(&order, None, read).await;
        self.tally().command(Lane::Housekeeping, &executed);
        match executed {
            // What has moved meanwhile is still due, and is met again on the next turn.
            Ok(_) | Err(ExecuteError::Commit(CommitError::Conflict)) => Ok(()),
            Err(cause) => Err(cause),
        }
    }
}
