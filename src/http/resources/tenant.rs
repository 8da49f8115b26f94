//! A tenant, wherever it appears.

use serde_json::{Value, json};

use crate::domain::tenant::Tenant;

pub fn tenant(tenant: &Tenant) -> Value {
    let status = if tenant.suspended_at.is_some() { "suspended" } else { "active" };
    json!({
        "id": tenant.id,
        "slug": tenant.slug,
        "name": super::shown(&tenant.name),
        "status": status,
        "plan": tenant.plan,
        "settings": tenant.settings,
        "created_at": tenant.created_at,
        "version": tenant.version,
    })
}
