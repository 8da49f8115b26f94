//! A call that was served or refused, as it is shown.

use serde_json::{Value, json};

use crate::activity::calls::read::Call;
use crate::activity::calls::{Columns, PLATFORM};
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
    Column::of(&["asked"]),
];

/// What is of no tenant is the platform's.
pub fn call(call: &Call, tenant: TenantId, name: Option<&str>) -> Value {
    let Columns { credential, secret, kind, outcome, status, latency_ms, told, asked } = &call.of;
    json!({
        "id": call.id,
        "at": call.at,
        "tenant_id": Some(tenant).filter(|tenant| *tenant != PLATFORM),
        "credential_id": credential,
        "secret_id": secret,
        "prefix": call.prefix,
        "name": name,
        "kind": kind.word(),
        "operation": told.operation,
        "outcome": outcome,
        "provider": told.provider,
        "model": told.model,
        "status": status,
        "latency_ms": latency_ms,
        "error": told.error,
        "client_ip": told.client_ip,
        "request_id": told.request_id,
        "decision_id": call.decision_id,
        "completes": call.completes,
        "asked": asked,
    })
}
