//! A call that was served or refused, as it is shown.

use serde_json::{Value, json};

use crate::activity::calls::read::Call;
use crate::domain::ids::TenantId;
use crate::http::export::Column;

/// Of a table of calls, for good; new ones stand at the end.
pub const COLUMNS: &[Column] = &[
    Column::of(&["id"]),
    Column::of(&["at"]),
    Column::of(&["tenant_id"]),
    Column::of(&["credential_id"]),
    Column::of(&["secret_id"]),
    Column::of(&["prefix"]),
    Column::of(&["name"]),
    Column::of(&["kind"]),
    Column::of(&["operation"]),
    Column::of(&["outcome"]),
    Column::of(&["provider"]),
    Column::of(&["model"]),
    Column::of(&["status"]),
    Column::of(&["latency_ms"]),
    Column::of(&["error"]),
    Column::of(&["client_ip"]),
    Column::of(&["request_id"]),
    Column::of(&["decision_id"]),
    Column::of(&["completes"]),
];

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
