//! One row an erasure, for the lists of them. The view knows none: what was erased is in nothing that it holds.

use serde_json::json;
use uuid::Uuid;

use super::bytes::Writer;
use crate::domain::erasure::Erasure;
use crate::domain::ids::TenantId;
use crate::ledger::InlineRow;

pub const NAME: &str = "erasures";
const VERSION: u8 = 1;

pub fn row(erasure: &Erasure) -> InlineRow {
    InlineRow {
        projection: NAME,
        id: erasure.id.0,
        tenant: erasure.tenant,
        version: erasure.history.events,
        record: Writer::new(VERSION, 1).0,
        name: None,
        facts: json!({"under_id": under(erasure.tenant)}),
    }
}

/// What a list of them goes by: the tenant, or all zeros for the platform.
pub fn under(tenant: Option<TenantId>) -> Uuid {
    tenant.map_or(Uuid::nil(), |tenant| tenant.0)
}
