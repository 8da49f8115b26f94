//! What the view answers.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use arc_swap::Guard;

use super::entries::{MemberEntry, OperatorEntry};
use crate::clock::Timestamp;
use crate::domain::access::{Reason, Refused, Verdict};
use crate::domain::authority::Role;
use crate::domain::credential::{Client, Kind, SecretStatus};
use crate::domain::effective::Effective;
use crate::domain::formats::Misfit;
use crate::domain::ids::{AccessTokenId, CredentialId, SecretId, TenantId, TokenId};
use crate::domain::operator::Reach;
use crate::domain::rate_limit::RateLimit;
use crate::domain::scope::Scope;
use crate::projections::policy::Policy;

/// The view is still loading, or has met an event that it can't explain. Nothing may be answered from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnswering;

impl fmt::Display for NotAnswering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the view of this node is not answering: it is loading, or has stopped; see the log")
    }
}

impl std::error::Error for NotAnswering {}

/// A verdict, with the state and the instant that it was right for.
#[derive(Debug)]
pub struct Judgement {
    pub verdict: Verdict,
    /// why a `malformed` text is none
    pub misfit: Option<Misfit>,
    /// the last event that the verdict knew of
    pub position: u64,
    /// never before the time of that event
    pub judged_at: Timestamp,
    /// whose secret it is; absent where the one who asks may not know that it exists
    pub known: Option<Known>,
}

impl Judgement {
    /// Told as of what is nothing: whoever asked has not proved to be whom this is about.
    pub fn disproved(self) -> Self {
        let refused = Refused { reason: Reason::NotFound, missing_scopes: Vec::new() };
        Judgement { verdict: Err(refused), misfit: None, known: None, ..self }
    }
}

/// A real secret and its credential, living or dead. Holds its texts within itself: to answer takes no allocation, but
/// for a name of more than [`InlineName`] bytes.
#[derive(Debug)]
pub struct Known {
    pub kind: Kind,
    pub credential_id: CredentialId,
    pub secret_id: SecretId,
    pub prefix: Prefix,
    /// none once it was erased
    pub name: Option<Name>,
    pub tenant_id: TenantId,
    pub secret_status: SecretStatus,
    /// of an expiring secret; the ends of dead ones are not kept
    pub secret_ends_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    /// scopes and IP rules; empty once the credential is revoked
    pub(super) policy: Option<Guard<Option<Arc<Policy>>>>,
    /// its own, or its tenant's default
    pub rate_limit: Option<RateLimit>,
    /// the account that it belongs to
    pub owner: Option<Arc<MemberEntry>>,
    /// how many events the credential has
    pub version: u32,
    /// the access token that was shown in the secret's place
    pub token: Option<Box<Issued>>,
}

/// What an access token says of itself, once its signature was found to hold.
#[derive(Clone, Debug)]
pub struct Issued {
    pub id: AccessTokenId,
    pub client_id: Box<str>,
    /// how many events its client had when it was issued
    pub client_version: u32,
    pub ends_at: Timestamp,
    /// to a key, which whoever presents it has to prove
    pub bound: bool,
    pub scopes: Vec<Scope>,
    /// whom it is for
    pub audience: Vec<String>,
}

impl Known {
    /// For whoever holds it while waiting for something: what is looked up in passing is lent, to few at a time.
    pub fn kept(mut self) -> Self {
        self.policy = self.policy.take().map(|policy| Guard::from_inner(Guard::into_inner(policy)));
        self
    }

    /// None of a key.
    pub fn client(&self) -> Option<&Client> {
        self.policy.as_deref()?.as_ref()?.client.as_ref()
    }

    /// What was granted: to the credential, or by the token.
    pub fn scopes(&self) -> &[Scope] {
        match &self.token {
            Some(token) => &token.scopes,
            None => self.credential_scopes(),
        }
    }

    fn credential_scopes(&self) -> &[Scope] {
        self.policy.as_deref().and_then(Option::as_ref).map_or(&[], |policy| &policy.scopes)
    }

    /// As far as its owner has them too, and of a token its client.
    pub fn effective(&self) -> Effective<'_> {
        let owner = self.owner.as_ref().map(|owner| &*owner.scopes);
        let Some(token) = &self.token else { return Effective::of(self.credential_scopes(), owner) };
        let of_client = Effective::of(&token.scopes, Some(self.credential_scopes()));
        let whole = Effective::of(&of_client.scopes, owner);
        let (scopes, truncated) = (whole.scopes.into_owned(), whole.truncated || of_client.truncated);
        Effective { scopes: scopes.into(), truncated }
    }
}

/// A text of at most `N` bytes, held in place.
#[derive(Clone, Copy)]
pub struct Inline<const N: usize> {
    bytes: [u8; N],
    length: u8,
}

/// Everything up to and with a secret's public characters.
pub type Prefix = Inline<64>;

/// As long as the longest name of ASCII characters.
pub type InlineName = Inline<{ crate::limits::NAME_CHARS }>;

#[derive(Clone, Debug)]
pub enum Name {
    Short(InlineName),
    Long(Box<str>),
}

impl<const N: usize> Inline<N> {
    pub(super) const EMPTY: Self = Self { bytes: [0; N], length: 0 };

    /// The first `length` of these bytes.
    #[inline]
    pub(super) fn within<const M: usize>(bytes: &[u8; M], length: u8) -> Self {
        const { assert!(M <= N) };
        let mut inline = Self { bytes: [0; N], length };
        inline.bytes[..M].copy_from_slice(bytes);
        inline
    }

    /// Whether there was room.
    #[inline]
    pub(super) fn push(&mut self, bytes: &[u8]) -> bool {
        let start = usize::from(self.length);
        let Some(length) = u8::try_from(start + bytes.len()).ok() else { return false };
        let Some(room) = self.bytes.get_mut(start..usize::from(length)) else { return false };
        room.copy_from_slice(bytes);
        self.length = length;
        true
    }
}

impl<const N: usize> Deref for Inline<N> {
    type Target = str;

    /// Only whole texts are ever pushed; what is none reads as empty.
    fn deref(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl<const N: usize> fmt::Debug for Inline<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl Name {
    /// `None` when the bytes are no text, or too many.
    pub(super) fn of(bytes: &[u8]) -> Option<Name> {
        let mut short = InlineName::EMPTY;
        if short.push(bytes) {
            return Some(Name::Short(short));
        }
        std::str::from_utf8(bytes).ok().map(|name| Name::Long(name.into()))
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Name::Short(name) => name,
            Name::Long(name) => name,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct CredentialSummary {
    pub id: CredentialId,
    pub tenant: TenantId,
    pub name: Option<String>,
    pub expires_at: Option<Timestamp>,
    pub suspended: bool,
    pub revoked: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct TenantSummary {
    pub id: TenantId,
    pub slug: String,
    pub suspended: bool,
    pub token_lifetime_seconds: u32,
}

/// What an operator may do, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct OperatorSummary {
    pub role: Role,
    pub reach: Arc<Reach>,
}

/// An operator token that exists, whether or not it works.
#[derive(Clone, Debug)]
pub struct OperatorPass {
    /// as it is now; shared, so that a request counts it once and nothing in it
    pub entry: Arc<OperatorEntry>,
    pub token: TokenId,
    pub expires_at: Timestamp,
    pub revoked: bool,
    /// the time of the last event that the view knew of; a token is never judged before it
    pub known_at: Timestamp,
}

impl OperatorPass {
    /// Neither revoked nor over, and its operator not disabled. Equality means over (P13).
    pub fn token_works(&self, now: Timestamp) -> bool {
        !self.entry.disabled && !self.revoked && now.max(self.known_at) < self.expires_at
    }
}

/// An operator as it is now.
#[derive(Clone, Debug)]
pub struct OperatorState {
    pub entry: Arc<OperatorEntry>,
    /// neither disabled nor merely invited
    pub works: bool,
    pub last_disabled_at: Option<Timestamp>,
    /// the time of the last event that the view knew of; nothing is judged before it
    pub known_at: Timestamp,
}

/// For metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub tenants: u64,
    pub credentials: u64,
    /// of credentials that are not revoked, and not ended by hand or by a recorded end
    pub living_secrets: u64,
    pub dead_secrets: u64,
    pub policies: u64,
    pub members: u64,
    pub operators: u64,
    pub operator_tokens: u64,
    /// access tokens that were revoked and are not forgotten yet
    pub revoked_tokens: u64,
    /// taken from the machine for records, indexes and names
    pub bytes: u64,
}
