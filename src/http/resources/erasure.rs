//! An erasure, wherever it appears: what went, and never the value.

use serde_json::{Value, json};

use super::{Names, actor};
use crate::domain::erasure::{Erasure, What};

pub fn erasure(erasure: &Erasure, names: Names<'_>) -> Value {
    let erased = &erasure.erased;
    let versions = match erased.what {
        What::Text => Value::Null,
        What::Member | What::Operator => json!({"from": erased.first_version, "to": erased.last_version}),
    };
    json!({
        "id": erasure.id,
        "tenant_id": erasure.tenant,
        "what": erased.what,
        "subject": erased.subject,
        "position": erased.position,
        "members": erased.members,
        "versions": versions,
        "values": erased.values,
        "reason": erased.reason,
        "at": erasure.at,
        "by": actor(erasure.by, names(erasure.by)),
        "version": erasure.version,
    })
}
