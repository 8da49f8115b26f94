//! A verdict's call, left in the activity log where the one who asks wants that. The verdict does not wait for it.

use std::net::IpAddr;

use super::app::App;
use super::call::Went;
use super::commands::secret_free;
use super::verdict::Judged;
use crate::activity::calls::{Caller, Outcome, Row, Told};

impl App {
    /// A verdict is given whatever stands beside the question; what is kept of it is read by many.
    fn holds_a_secret(&self, text: &str) -> bool {
        secret_free::holds(text, &|text| self.is_formed_as_a_secret(text))
    }

    /// Of a real secret; of what is none nothing is left here.
    pub fn record(
        &self,
        judged: &Judged,
        went: &Went,
        (client_ip, operation): (Option<IpAddr>, Option<&str>),
        request_id: &str,
    ) {
        let Some(known) = &judged.judgement.known else { return };
        let outcome = match judged.refused() {
            Some(refused) => Outcome::refused(refused.reason),
            None if judged.is_limited() => Some(Outcome::RATE_LIMITED),
            None => Some(Outcome::ACCEPTED),
        };
        let (_, salts) = self.calls.fresh(judged.judgement.judged_at);
        let Told { provider, model, error, request_id: own, .. } = &went.told;
        let kept = |text: Option<&str>| text.filter(|text| !self.holds_a_secret(text)).map(str::to_owned);
        let told = Told {
            operation: kept(operation),
            provider: kept(provider.as_deref()),
            model: kept(model.as_deref()),
            error: kept(error.as_deref()),
            client_ip,
            request_id: kept(own.as_deref().or(Some(request_id))),
        };
        // Where there is no room it is counted and told by the room itself.
        self.calls.record(Row {
            id: judged.decision_id,
            completes: None,
            judged: true,
            tenant: known.tenant_id,
            credential: known.credential_id,
            secret: Some(known.secret_id),
            kind: Caller::Credential(known.kind),
            outcome,
            status: went.status,
            latency_ms: went.latency_ms,
            told,
            asked: None,
            salts,
        });
    }
}
