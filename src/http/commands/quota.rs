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
    /// Carries out what a plan may bound: once more, when something of the tenant was over and counted still.
    pub async fn within_plan(
        &self,
        tenant: TenantId,
        order: impl Fn() -> Result<Order, Problem>,
    ) -> Result<Executed, Problem> {
        let first = order()?;
        let request_id = first.caller.request_id.clone();
        match self.ledger.execute(first).await {
            Err(ExecuteError::Refused(refusal)) if refusal.kind == RefusalKind::QuotaExceeded => {
                match self.record_ended(tenant, &request_id).await? {
                    true => Ok(self.ledger.execute(order()?).await?),
                    false => Err(refusal.into()),
                }
            }
            executed => Ok(executed?),
        }
    }

    /// Whether anything counts no more.
    async fn record_ended(&self, tenant: TenantId, request_id: &str) -> Result<bool, Problem> {
        let scope = self.ledger.database().scope(Sight::Tenant(tenant.0)).await?;
        let of = (self.ledger.reader().ledger, tenant);
        let ended = list::ended(&scope, of, self.now(), limits::ENDED_AT_ONCE).await?;
        scope.finish().await?;
        let recorded = join_all(ended.into_iter().map(|credential| {
            let order = Order::record_due(tenant, credential, request_id.to_owned());
            self.ledger.execute(order)
        }));
        Ok(recorded.await.iter().any(Result::is_ok))
    }
}
