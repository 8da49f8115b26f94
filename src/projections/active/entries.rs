//! What is kept of tenants, of their members and of operators.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::kept::{Entity, Words};
use crate::clock::Timestamp;
use crate::domain::authority::Role;
use crate::domain::ids::{MemberId, OperatorId, TenantId, TokenId};
use crate::domain::operator::Reach;
use crate::domain::rate_limit::RateLimit;
use crate::domain::scope::{ConcreteScope, Scope};
use crate::projections::secrets::DigestHalf;

#[derive(Clone, Debug, PartialEq)]
pub struct TenantEntry {
    pub id: TenantId,
    pub slug: Box<str>,
    pub suspended: bool,
    pub operations: Arc<BTreeMap<String, ConcreteScope>>,
    pub default_rate_limit: Option<RateLimit>,
    pub token_lifetime_seconds: u32,
    pub version: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct MemberEntry {
    pub id: MemberId,
    pub tenant: TenantId,
    pub disabled: bool,
    pub scopes: Vec<Scope>,
    pub version: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct OperatorEntry {
    pub id: OperatorId,
    pub name: Option<Arc<str>>,
    pub role: Role,
    pub reach: Arc<Reach>,
    pub disabled: bool,
    /// its invitation has not been accepted
    pub invited: bool,
    /// sessions from before it are over
    pub last_disabled_at: Option<Timestamp>,
    pub tokens: Vec<TokenEntry>,
    pub version: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct TokenEntry {
    pub id: TokenId,
    pub digest: DigestHalf,
    pub expires_at: Timestamp,
    pub revoked: bool,
}

impl Entity for TenantEntry {
    const WHAT: Words = Words { unknown: "no such tenant", taken: "the tenant is there already" };

    fn id(&self) -> Uuid {
        self.id.0
    }
}

impl Entity for MemberEntry {
    const WHAT: Words = Words { unknown: "no such member", taken: "the member is there already" };

    fn id(&self) -> Uuid {
        self.id.0
    }
}

impl Entity for OperatorEntry {
    const WHAT: Words = Words { unknown: "no such operator", taken: "the operator is there already" };

    fn id(&self) -> Uuid {
        self.id.0
    }
}

impl OperatorEntry {
    /// Whether it has one of this id.
    pub fn end_token(&mut self, id: TokenId) -> bool {
        let token = self.tokens.iter_mut().find(|token| token.id == id);
        token.map(|token| token.revoked = true).is_some()
    }
}
