//! One look at the state, whole, and the verdict that it gives: then [`access::judge`] decides. Part of the look is the answer
//! too. It is written where it stays, since to hand it on costs more than to find it; and the last that is read is what may
//! still be on its way from memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::answer::{Issued, Judgement, Known, Name, NotAnswering, Prefix};
use super::entries::MemberEntry;
use super::index::{Entry, Spot};
use super::layout::{
    ACTIVE, Credential, DEAD_WORDS, Dead, EXPIRING, Expiring, SecretView, Tenant, holds, holds_dead, is_of_id,
};
use super::store::Store;
use crate::clock::Timestamp;
use crate::domain::access::{self, Facts, Owner, Reason, Refused, Request, Token};
use crate::domain::access_token;
use crate::domain::credential::Kind;
use crate::domain::ids::{CredentialId, SecretId, TenantId};
use crate::domain::scope::ConcreteScope;
use crate::projections::policy::Policy;
use crate::projections::secrets::DigestHalf;

/// How many events were applied when it was looked, and the time of the last.
#[derive(Clone, Copy)]
pub struct Head {
    applied: u64,
    last_at: Timestamp,
}

/// What was shown: the secret itself, or an access token in its place.
#[derive(Clone, Copy)]
pub enum Presented<'l> {
    Secret,
    Token(&'l Issued),
}

/// For whom it is looked, and when.
pub struct Look<'l> {
    pub store: &'l Store,
    pub presented: Presented<'l>,
    pub request: &'l Request<'l>,
    pub now: Timestamp,
    /// of before the look
    pub since: Head,
}

/// The secret that is looked for.
pub struct Sought<'s, W> {
    pub tag: u32,
    /// where it stood before
    pub spot: Option<&'s Spot<'s>>,
    pub wanted: &'s W,
    pub shown: Shown<'s>,
}

/// What a secret is known by in its record.
pub trait Wanted {
    fn is_living(&self, words: &[u64]) -> bool;
    fn is_dead(&self, words: &[u64; DEAD_WORDS]) -> bool;
}

impl Wanted for DigestHalf {
    #[inline]
    fn is_living(&self, words: &[u64]) -> bool {
        holds(words, self)
    }

    #[inline]
    fn is_dead(&self, words: &[u64; DEAD_WORDS]) -> bool {
        holds_dead(words, self)
    }
}

/// The secret that an access token was given for.
impl Wanted for SecretId {
    fn is_living(&self, words: &[u64]) -> bool {
        is_of_id(words, self.0)
    }

    fn is_dead(&self, words: &[u64; DEAD_WORDS]) -> bool {
        Dead::of(words).id == self.0
    }
}

/// What is told of how the secret begins.
#[derive(Clone, Copy)]
pub enum Shown<'s> {
    /// The text is the secret's own, its digest says so: then so is the part of it that may be told.
    OfText {
        text: &'s str,
        /// how much of it is its format's prefix
        shared: usize,
    },
    /// of a key from elsewhere, whose text does not say where its public part ends
    AsKnown,
}

impl Head {
    #[inline]
    pub fn of(store: &Store) -> Head {
        let (applied, last_at) = store.head();
        let last_at = i64::try_from(last_at).ok().and_then(Timestamp::from_millis).unwrap_or_default();
        Head { applied, last_at }
    }

    pub fn last_at(self) -> Timestamp {
        self.last_at
    }

    pub fn position(self) -> u64 {
        self.applied.saturating_sub(1)
    }

    #[inline]
    pub fn refusal(self, reason: Reason, now: Timestamp) -> Judgement {
        Judgement {
            verdict: Err(Refused { reason, missing_scopes: Vec::new() }),
            misfit: None,
            position: self.position(),
            judged_at: now.max(self.last_at),
            known: None,
        }
    }
}

impl Look<'_> {
    /// Whether there is such a secret. `judged` is the answer either way; that there is none is told as of before the look:
    /// secrets are only ever added, so what is not there now was not there then.
    #[inline]
    pub fn at<W: Wanted>(
        &self,
        sought: &Sought<'_, W>,
        judged: &mut Judgement,
    ) -> Result<bool, NotAnswering> {
        let found = self.store.lock.read(|| self.find(sought, judged).is_some()).ok_or(NotAnswering)?;
        if !found {
            // A look that met the writer may have found nonsense before.
            *judged = self.unknown();
        }
        Ok(found)
    }

    pub fn unknown(&self) -> Judgement {
        self.since.refusal(Reason::NotFound, self.now)
    }

    /// It is looked for first where it stood before.
    #[inline]
    fn find<W: Wanted>(&self, sought: &Sought<'_, W>, judged: &mut Judgement) -> Option<()> {
        let spot = sought.spot.filter(|spot| spot.holds());
        let there = spot.and_then(|spot| self.secret(sought.wanted, spot.entry));
        let (credential, secret) = there
            .or_else(|| self.store.secrets.find(sought.tag, |entry| self.secret(sought.wanted, entry)))?;
        self.answer(&credential, &secret, sought.shown, judged)
    }

    #[inline]
    fn secret<W: Wanted>(&self, wanted: &W, entry: Entry) -> Option<(Credential, SecretView)> {
        let Store { credentials, expiring, dead, .. } = self.store;
        let credential = |ordinal: u32| Some(Credential::of(&credentials.read(ordinal)?));
        match entry.kind {
            ACTIVE => {
                let words = credentials.read(entry.ordinal).filter(|words| wanted.is_living(words))?;
                let credential = Credential::of(&words);
                Some((credential, credential.secret.into()))
            }
            EXPIRING => {
                let words = expiring.read(entry.ordinal).filter(|words| wanted.is_living(words))?;
                let expiring = Expiring::of(&words);
                Some((credential(expiring.credential)?, expiring.secret.into()))
            }
            _ => {
                let words = dead.read(entry.ordinal).filter(|words| wanted.is_dead(words))?;
                let dead = Dead::of(&words);
                Some((credential(dead.credential)?, dead.into()))
            }
        }
    }

    /// `None` only for a look that met the writer.
    #[inline]
    fn answer(
        &self,
        credential: &Credential,
        secret: &SecretView,
        shown: Shown<'_>,
        judged: &mut Judgement,
    ) -> Option<()> {
        const NO_OPERATIONS: &BTreeMap<String, ConcreteScope> = &BTreeMap::new();
        let store = self.store;
        let tenant = Tenant::of(&store.tenant_records.read(credential.tenant)?);
        // All that a tenant allows is asked for only by a call that names an operation.
        let by_operation = match self.request.operation {
            Some(_) => Some(store.tenants.load(credential.tenant)?),
            None => None,
        };
        let operations = by_operation.as_deref().and_then(Option::as_ref);
        let policy = store.policies.load(credential.policy)?;
        let allowed = policy.as_ref()?;
        let owner = owner_of(store, credential)?;
        let head = Head::of(store);
        let judged_at = self.now.max(head.last_at);
        let token = match self.presented {
            Presented::Secret => None,
            Presented::Token(token) => Some(self.token(token, credential, allowed)),
        };
        let facts = Facts {
            tenant: TenantId(tenant.id),
            token,
            revoked: credential.revoked,
            secret_revoked: secret.revoked,
            secret_ends_at: secret.ends_at,
            expires_at: credential.expires_at,
            tenant_suspended: tenant.suspended,
            suspended: credential.suspended,
            owner: owner.as_deref().map(|owner| Owner { disabled: owner.disabled, scopes: &owner.scopes }),
            scopes: &allowed.scopes,
            ip_rules: &allowed.ip_rules,
            operations: operations.map_or(NO_OPERATIONS, |tenant| &tenant.operations),
        };
        (judged.position, judged.judged_at, judged.known) = (head.position(), judged_at, None);
        judged.verdict = access::judge(&facts, self.request, judged_at);
        // Whoever may not see the tenant learns nothing of what is in it.
        if matches!(&judged.verdict, Err(refused) if refused.reason == Reason::NotFound) {
            return Some(());
        }
        let kind = if allowed.client.is_some() { Kind::OauthClient } else { Kind::ApiKey };
        let rate_limit = allowed.rate_limit.under(tenant.default_rate_limit);
        let known = judged.known.insert(Known {
            kind,
            credential_id: CredentialId(credential.id),
            secret_id: SecretId(secret.id),
            prefix: Prefix::EMPTY,
            name: None,
            tenant_id: TenantId(tenant.id),
            secret_status: secret.status(judged_at),
            secret_ends_at: secret.ends_at.filter(|_| !secret.dead),
            expires_at: credential.expires_at,
            rate_limit,
            policy: Some(policy),
            version: credential.version,
            owner,
            token: None,
        });
        shown.write(store, secret, &mut known.prefix);
        credential.name.read(|place| store.texts.word(place), &mut known.name)
    }
}

impl Look<'_> {
    /// Of a client that is over there is no cut-off left, and no need of one.
    fn token<'t>(&self, issued: &'t Issued, credential: &Credential, allowed: &Policy) -> Token<'t> {
        let cut_off = allowed.client.as_ref().map_or(0, |client| client.tokens_revoked);
        let with_all = issued.client_version < cut_off;
        let stream = access_token::stream(CredentialId(credential.id), issued.id);
        let revoked = with_all || self.store.revoked_tokens.holds(stream.0);
        let Issued { ends_at, bound, scopes, audience, .. } = issued;
        Token { ends_at: *ends_at, revoked, bound: *bound, scopes, audience }
    }
}

impl Shown<'_> {
    #[inline]
    fn write(self, store: &Store, secret: &SecretView, prefix: &mut Prefix) {
        match self {
            Shown::OfText { text, shared } => {
                let public = text.get(..shared + secret.public.chars()).unwrap_or_default();
                prefix.push(public.as_bytes());
            }
            Shown::AsKnown => write_prefix(store, secret, prefix),
        }
    }
}

/// What is known of how a secret begins.
pub fn write_prefix(store: &Store, secret: &SecretView, prefix: &mut Prefix) {
    if let Some(shared) = store.prefixes.get(secret.prefix).and_then(|cell| cell.get()) {
        prefix.push(shared.as_bytes());
    }
    secret.public.unpack(prefix);
}

/// The outer `None` only for a look that met the writer.
#[inline]
pub fn owner_of(store: &Store, credential: &Credential) -> Option<Option<Arc<MemberEntry>>> {
    match credential.owner.checked_sub(1) {
        None => Some(None),
        Some(ordinal) => store.members.at(ordinal).map(Some),
    }
}

/// The outer `None` only for a look that met the writer.
pub fn name_of(store: &Store, credential: &Credential) -> Option<Option<Name>> {
    let mut name = None;
    credential.name.read(|place| store.texts.word(place), &mut name)?;
    Some(name)
}
