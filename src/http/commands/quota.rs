//! What is over by time counts until that is recorded. Before somebody is told that a plan is full, it is.

use futures::future::join_all;

use crate::db::Sight;
use crate::domain::ids::TenantId;
use crate::domain::refusal::RefusalKind;
use crate::http::app::App;
use crate::http::problem::Problem;
use crate::ledger::execute::{ExecuteError, Executed, Order};
use crate::limits;
use crate::projections::list;

impl App {
    /// Carries out what a plan may bound. Whoever meets a full plan first records what of the tenant is over and counts still;
    /// when there is nothing of the kind, it is tried once more: others may just have done so.
    pub async fn within_plan(
        &self,
        tenant: TenantId,
        order: impl Fn() -> Result<Order, Problem>,
    ) -> Result<Executed, Problem> {
        let mut tried_last = false;
        for _ in 0..limits::QUOTA_ATTEMPTS {
            let order = order()?;
            let request_id = order.caller.request_id.clone();
            match self.ledger.execute(order).await {
                Err(ExecuteError::Refused(refusal))
                    if refusal.kind == RefusalKind::QuotaExceeded && !tried_last =>
                {
                    tried_last = self.record_ended(tenant, &request_id).await? == 0;
                }
                executed => return Ok(executed?),
            }
        }
        Err(Problem::unavailable(
            limits::RETRY_AFTER_SECONDS,
            "too many credentials of the tenant end at once; nothing was changed; ask again",
        ))
    }

    /// How many were over.
    async fn record_ended(&self, tenant: TenantId, request_id: &str) -> Result<usize, Problem> {
        let scope = self.ledger.database().scope(Sight::Tenant(tenant.0)).await?;
        let of = (self.ledger.reader().ledger, tenant);
        let ended = list::ended(&scope, of, self.now(), limits::ENDED_AT_ONCE).await?;
        scope.finish().await?;
        let found = ended.len();
        let recorded = ended.into_iter().map(|credential| {
            self.ledger.execute(Order::record_due(tenant, credential, request_id.to_owned()))
        });
        // Somebody else may have been quicker with one; what else fails is met by the next attempt.
        let _ = join_all(recorded).await;
        Ok(found)
    }
}
