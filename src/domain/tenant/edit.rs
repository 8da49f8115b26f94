//! Rename a tenant. Its slug stays.

use serde::{Deserialize, Serialize};

use super::{Tenant, TenantEvent};
use crate::domain::personal::Personal;
use crate::domain::refusal::Refusal;

#[derive(Clone, Debug)]
pub struct Edit {
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edited {
    pub name: Personal<String>,
}

impl Edit {
    pub(super) fn decide(&self, tenant: &Tenant) -> Result<Vec<TenantEvent>, Refusal> {
        if tenant.name.known() == Some(&self.name) {
            return Ok(Vec::new());
        }
        tenant.still_editable()?;
        Ok(vec![TenantEvent::Edited(Edited { name: Personal::Known(self.name.clone()) })])
    }
}
