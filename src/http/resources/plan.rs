//! A plan, wherever it appears.

use serde_json::{Value, json};

use crate::domain::plan::Plan;

pub fn plan(plan: &Plan) -> Value {
    json!({
        "id": plan.name.id(),
        "name": plan.name,
        "active_credentials": plan.bounds.active_credentials,
        "created_at": plan.created_at,
        "version": plan.version,
    })
}
