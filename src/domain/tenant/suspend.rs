//! Stop every credential of a tenant, by one event.

use serde::{Deserialize, Serialize};

use super::{Tenant, TenantEvent};

#[derive(Clone, Debug)]
pub struct Suspend;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suspended {}

impl Suspend {
    pub(super) fn decide(&self, tenant: &Tenant) -> Vec<TenantEvent> {
        if tenant.suspended_at.is_some() { Vec::new() } else { vec![TenantEvent::Suspended(Suspended {})] }
    }
}
