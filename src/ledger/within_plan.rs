//! What is over by time counts until that is recorded. Before somebody is told that a plan is full, it is.

use std::sync::Arc;

use futures::future::{BoxFuture, join_all};

use super::execute::{ExecuteError, Executed, Ledger, Order};
use super::proposal::CommitError;
use crate::clock::Timestamp;
use crate::db::{Database, DbError};
use crate::domain::ids::{CredentialId, TenantId};
use crate::domain::refusal::RefusalKind;
use crate::limits;

/// What the ledger asks of whoever keeps lists.
pub trait Ended: Send + Sync {
    /// Some of a tenant's credentials that are over and count still: [`limits::ENDED_AT_ONCE`] at most.
    fn ended<'a>(
        &'a self,
        database: &'a Database,
        of: (i32, TenantId),
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<CredentialId>, DbError>>;
}

impl Ledger {
    /// Carries out what a plan may bound. Whoever meets a full plan first records what of the tenant is over and counts still;
    /// when there is nothing of the kind, it is tried once more: others may just have done so.
    pub async fn execute_within_plan<E: From<ExecuteError>>(
        self: &Arc<Self>,
        tenant: TenantId,
        order: impl Fn() -> Result<Order, E>,
    ) -> Result<Executed, E> {
        let mut tried_last = false;
        for _ in 0..limits::QUOTA_ATTEMPTS {
            let order = order()?;
            let request_id = order.caller.request_id.clone();
            let executed = self.execute(order).await;
            if !is_full(&executed) || tried_last {
                return Ok(executed?);
            }
            tried_last = self.record_ended(tenant, &request_id).await? == 0;
        }
        Err(ExecuteError::Commit(CommitError::Busy).into())
    }

    /// How many were over.
    pub(super) async fn record_ended(
        self: &Arc<Self>,
        tenant: TenantId,
        request_id: &str,
    ) -> Result<usize, ExecuteError> {
        let ended =
            self.ended.ended(&self.database, (self.reader().ledger, tenant), self.clock.now()).await?;
        let found = ended.len();
        let recorded = ended
            .into_iter()
            .map(|credential| self.execute(Order::record_due(tenant, credential, request_id.to_owned())));
        // Somebody else may have been quicker with one; what else fails is met by the next attempt.
        let _ = join_all(recorded).await;
        Ok(found)
    }
}

/// Refused for the plan's sake alone.
pub(super) fn is_full(executed: &Result<Executed, ExecuteError>) -> bool {
    matches!(executed, Err(ExecuteError::Refused(refusal)) if refusal.kind == RefusalKind::QuotaExceeded)
}
