//! One row a plan, for the list of them. The view knows none: a plan bounds what is made, and no verdict.

use serde_json::json;

use super::bytes::Writer;
use crate::domain::plan::Plan;
use crate::ledger::InlineRow;

pub const NAME: &str = "plans";
const VERSION: u8 = 1;

pub fn row(plan: &Plan) -> InlineRow {
    InlineRow {
        projection: NAME,
        id: plan.name.id().0,
        tenant: None,
        version: plan.history.events,
        record: Writer::new(VERSION, 1).0,
        name: None,
        facts: json!({"name": plan.name}),
    }
}
