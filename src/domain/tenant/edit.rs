//! Rename a tenant. Its slug stays.

use serde::{Deserialize, Serialize};

use super::{Tenant, TenantEvent};
use crate::domain::personal::Personal;

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
    pub(super) fn decide(&self, tenant: &Tenant) -> Vec<TenantEvent> {
        if tenant.name.known() == Some(&self.name) {
            return Vec::new();
        }
        vec![TenantEvent::Edited(Edited { name: Personal::Known(self.name.clone()) })]
    }
}
