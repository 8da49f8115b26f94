//! Let a suspended tenant's credentials work again, each as it stands.

use serde::{Deserialize, Serialize};

use super::{Tenant, TenantEvent};
use crate::domain::refusal::Refusal;

#[derive(Clone, Debug)]
pub struct Resume;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resumed {}

impl Resume {
    pub(super) fn decide(&self, tenant: &Tenant) -> Result<Vec<TenantEvent>, Refusal> {
        if tenant.suspended_at.is_none() {
            return Ok(Vec::new());
        }
        tenant.history.takes_a_resumption()?;
        Ok(vec![TenantEvent::Resumed(Resumed {})])
    }
}
