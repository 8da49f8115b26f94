//! What an access token says (RFC 9068, 2.2), written and read by one table: whatever is minted is what a check reads.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::domain::base64url;
use crate::domain::ids::{AccessTokenId, CredentialId, SecretId, TenantId};
use crate::domain::scope::Scope;
use crate::limits;
use crate::projections::active::Issued;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    pub issuer: String,
    /// also the subject: the client speaks for itself
    pub client_id: String,
    /// whom it is for
    pub audience: Vec<String>,
    /// as granted, words joined by single spaces; empty: none
    pub scope: String,
    pub tenant: TenantId,
    /// stays the same through rotations, as the client's id need not
    pub credential: CredentialId,
    /// by which it was asked for: it falls with it
    pub secret: SecretId,
    /// how many events the client had: what ends all tokens of before is told by this order
    pub client_version: u32,
    /// in seconds
    pub issued_at: i64,
    pub expires_at: i64,
    pub id: Uuid,
    /// the thumbprint of the key that whoever presents it has to prove (RFC 9449, 6.1)
    pub bound_to: Option<String>,
}

impl Claims {
    pub fn ends_at(&self) -> Timestamp {
        Timestamp::from_millis(self.expires_at.saturating_mul(1000)).unwrap_or_default()
    }

    /// As it is told beside a token (RFC 6749, 7.1; RFC 9449, 5).
    pub fn token_type(&self) -> &'static str {
        if self.bound_to.is_some() { "DPoP" } else { "Bearer" }
    }

    /// What the view is asked about.
    pub fn issued(&self) -> Issued {
        let scopes = self.scope.split(' ').filter_map(|word| Scope::parse(word).ok());
        Issued {
            id: AccessTokenId(self.id),
            client_id: self.client_id.as_str().into(),
            client_version: self.client_version,
            ends_at: self.ends_at(),
            bound: self.bound_to.is_some(),
            scopes: scopes.collect(),
            audience: self.audience.clone(),
        }
    }

    /// Whether it was issued later than now: of another clock, or of none.
    pub fn is_ahead(&self, now: Timestamp) -> bool {
        self.issued_at > now.millis() / 1000 + limits::TOKEN_AHEAD_SECONDS
    }

    /// Nothing is minted that is not so, and nothing else is read.
    pub fn are_sound(&self) -> bool {
        let named = |text: &String| (1..=limits::CLAIM_BYTES).contains(&text.len());
        let life = self.expires_at.checked_sub(self.issued_at);
        let thumbprint = |text: &String| base64url::decode(text).is_some_and(|bytes| bytes.len() == 32);
        named(&self.issuer)
            && named(&self.client_id)
            && (1..=limits::AUDIENCES).contains(&self.audience.len())
            && self.audience.iter().all(named)
            && self.scope.len() <= limits::ACCESS_TOKEN_BYTES
            && self.issued_at >= 0
            && life.is_some_and(|life| (1..=i64::from(limits::ACCESS_TOKEN_SECONDS)).contains(&life))
            && self.bound_to.as_ref().is_none_or(thumbprint)
    }

    pub fn members(&self) -> Map<String, Value> {
        let audience = match self.audience.as_slice() {
            [one] => json!(one),
            many => json!(many),
        };
        let mut members = Map::new();
        let mut put = |name: &str, value: Value| drop(members.insert(name.to_owned(), value));
        put("iss", json!(self.issuer));
        put("sub", json!(self.client_id));
        put("client_id", json!(self.client_id));
        put("aud", audience);
        if !self.scope.is_empty() {
            put("scope", json!(self.scope));
        }
        put("iat", json!(self.issued_at));
        put("exp", json!(self.expires_at));
        put("jti", json!(self.id));
        put("tenant_id", json!(self.tenant));
        put("credential_id", json!(self.credential));
        put("secret_id", json!(self.secret));
        put("client_version", json!(self.client_version));
        if let Some(thumbprint) = &self.bound_to {
            put("cnf", json!({"jkt": thumbprint}));
        }
        members
    }

    /// Every claim of its own type, or none of them. What else stands there is passed over.
    pub fn read(members: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| members.get(name)?.as_str().map(str::to_owned);
        // whole seconds: neither a text nor a fraction
        let seconds = |name: &str| members.get(name)?.as_i64();
        let client_id = text("client_id")?;
        if text("sub")? != client_id {
            return None;
        }
        let jti = text("jti")?;
        let id = Uuid::try_parse(&jti).ok().filter(|id| id.to_string() == jti)?;
        let claims = Claims {
            issuer: text("iss")?,
            client_id,
            audience: audience(members.get("aud")?)?,
            scope: absent_or(members, "scope", |_| text("scope"))?.unwrap_or_default(),
            tenant: text("tenant_id")?.parse().ok()?,
            credential: text("credential_id")?.parse().ok()?,
            secret: text("secret_id")?.parse().ok()?,
            client_version: u32::try_from(seconds("client_version")?).ok()?,
            issued_at: seconds("iat")?,
            expires_at: seconds("exp")?,
            id,
            bound_to: absent_or(members, "cnf", thumbprint)?,
        };
        claims.are_sound().then_some(claims)
    }
}

/// The outer none: it is there and can't be read.
fn absent_or<T>(
    members: &Map<String, Value>,
    name: &str,
    read: impl FnOnce(&Value) -> Option<T>,
) -> Option<Option<T>> {
    match members.get(name) {
        None => Some(None),
        Some(value) => read(value).map(Some),
    }
}

fn audience(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(one) => Some(vec![one.clone()]),
        Value::Array(many) => many.iter().map(|each| each.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

/// Of the one way to be bound that is asked for here. A token that is bound in another way, or in one more, is none: nobody would
/// ask for that proof.
fn thumbprint(confirmation: &Value) -> Option<String> {
    let members = confirmation.as_object().filter(|members| members.len() == 1)?;
    members.get("jkt")?.as_str().map(str::to_owned)
}
