//! A signing key, wherever it appears: what it is at that instant, and never its private half.

use serde_json::{Value, json};

use super::{Names, revocation};
use crate::clock::Timestamp;
use crate::domain::signing_keys::{SigningKey, SigningKeys};

pub fn signing_key(keys: &SigningKeys, key: &SigningKey, names: Names<'_>, now: Timestamp) -> Value {
    json!({
        "kid": key.kid,
        "algorithm": key.algorithm,
        "status": key.status(now).word(),
        "made_at": key.made_at,
        "signs_from": key.signs_from,
        "retires_at": key.retires_at(),
        "retired_at": key.retired_at,
        "revoked": keys.revocations.get(&key.kid).map(|revoked| revocation(revoked, names)),
    })
}
