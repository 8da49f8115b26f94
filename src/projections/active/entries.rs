//! What there are few of, and big: kept once each, and replaced whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::domain::authority::Role;
use crate::domain::ids::{OperatorId, TenantId, TokenId};
use crate::domain::operator::Reach;
use crate::domain::scope::ConcreteScope;
use crate::projections::secrets::DigestHalf;

#[derive(Clone, Debug, PartialEq)]
pub struct TenantEntry {
    pub id: TenantId,
    pub slug: Box<str>,
    pub suspended: bool,
    pub operations: Arc<BTreeMap<String, ConcreteScope>>,
    pub version: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct OperatorEntry {
    pub id: OperatorId,
    pub name: Option<Arc<str>>,
    pub role: Role,
    pub reach: Arc<Reach>,
    pub disabled: bool,
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
