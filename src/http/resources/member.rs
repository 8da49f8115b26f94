//! A member, wherever it appears.

use serde_json::{Value, json};

use super::{Names, actor};
use crate::domain::member::Member;
use crate::domain::personal::Personal;

pub fn member(member: &Member, names: Names<'_>) -> Value {
    let given = |text: &Personal<String>| text.known().filter(|text| !text.is_empty()).cloned();
    json!({
        "id": member.id,
        "tenant_id": member.tenant,
        "kind": member.kind,
        "name": member.name,
        "email": given(&member.email),
        "description": given(&member.description),
        "scopes": member.scopes,
        "status": if member.disabled_at.is_some() { "disabled" } else { "active" },
        "created_at": member.created_at,
        "created_by": actor(member.created_by, names(member.created_by)),
        "version": member.version,
    })
}
