//! A verdict's call, left in the activity log where the one who asks wants that. The verdict does not wait for it.

use std::net::IpAddr;

use super::app::App;
use super::call::Went;
use super::verdict::Judged;
use crate::activity::calls::{Outcome, Row, Told};

impl App {
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
        let request_id = went.told.request_id.clone().unwrap_or_else(|| request_id.to_owned());
        let told = Told {
            operation: operation.map(str::to_owned),
            client_ip,
            request_id: Some(request_id),
            ..went.told.clone()
        };
        // Where there is no room it is counted and told by the room itself.
        self.calls.record(Row {
            id: judged.decision_id,
            completes: None,
            judged: true,
            tenant: known.tenant_id,
            credential: known.credential_id,
            secret: Some(known.secret_id),
            kind: known.kind,
            outcome,
            status: went.status,
            latency_ms: went.latency_ms,
            told,
            salts,
        });
    }
}
