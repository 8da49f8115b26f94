//! Let a suspended tenant's credentials work again, each as it stands.

use serde::{Deserialize, Serialize};

use super::{Tenant, TenantEvent};

#[derive(Clone, Debug)]
pub struct Resume;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resumed {}

impl Resume {
    pub(super) fn decide(&self, tenant: &Tenant) -> Vec<TenantEvent> {
        if tenant.suspended_at.is_none() { Vec::new() } else { vec![TenantEvent::Resumed(Resumed {})] }
    }
}
