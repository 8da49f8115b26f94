//! An operator and its tokens, wherever they appear.

use serde_json::{Value, json};

use super::{shown, shown_text};
use crate::clock::Timestamp;
use crate::domain::operator::{Operator, Reach, Token};

pub fn operator(operator: &Operator, now: Timestamp) -> Value {
    let tenants = match &operator.reach {
        Reach::All => json!([]),
        Reach::Tenants(tenants) => json!(tenants),
    };
    json!({
        "id": operator.id,
        "name": shown(&operator.name),
        "email": shown_text(&operator.email),
        "role": operator.role,
        "tenants": tenants,
        "all_tenants": operator.reach == Reach::All,
        "status": status(operator),
        "invitation_expires_at": operator.invitation.map(|invitation| invitation.expires_at),
        "signs_in": operator.identity.is_some(),
        "tokens": operator.tokens.iter().map(|each| token(each, now)).collect::<Vec<_>>(),
        "created_at": operator.created_at,
        "version": operator.version,
    })
}

fn status(operator: &Operator) -> &'static str {
    match (&operator.disabled_at, &operator.invitation) {
        (Some(_), _) => "disabled",
        (None, Some(_)) => "invited",
        (None, None) => "active",
    }
}

pub fn token(token: &Token, now: Timestamp) -> Value {
    let status = match token.revoked_at {
        Some(_) => "revoked",
        None if token.works(now) => "active",
        None => "expired",
    };
    json!({
        "id": token.id(),
        "name": shown(&token.name),
        "prefix": token.facts.prefix,
        "status": status,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
    })
}
