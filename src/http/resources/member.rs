//! A member, wherever it appears.

use serde_json::{Value, json};

use super::{Names, actor, shown, shown_text};
use crate::domain::member::Member;

pub fn member(member: &Member, names: Names<'_>) -> Value {
    json!({
        "id": member.id,
        "tenant_id": member.tenant,
        "kind": member.kind,
        "name": shown(&member.name),
        "email": shown_text(&member.email),
        "description": shown_text(&member.description),
        "scopes": member.scopes,
        "status": if member.disabled_at.is_some() { "disabled" } else { "active" },
        "created_at": member.created_at,
        "created_by": actor(member.created_by, names(member.created_by)),
        "version": member.version,
    })
}
