//! A call that was served or refused, as it is shown.

use serde_json::{Value, json};

use crate::activity::calls::read::Call;
use crate::domain::ids::TenantId;

pub fn call(call: &Call, tenant: TenantId, name: Option<&str>) -> Value {
    json!({
        "id": call.id,
        "at": call.at,
        "tenant_id": tenant,
        "credential_id": call.credential,
        "secret_id": call.secret,
        "prefix": call.prefix,
        "name": name,
        "kind": call.kind,
        "operation": call.operation,
        "outcome": call.outcome,
        "provider": call.provider,
        "model": call.model,
        "status": call.status,
        "latency_ms": call.latency_ms,
        "error": call.error,
        "client_ip": call.client_ip,
        "request_id": call.request_id,
        "decision_id": call.decision_id,
        "completes": call.completes,
    })
}
