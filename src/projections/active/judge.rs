//! One question: text in, verdict out. The state is looked at once, whole; then [`access::judge`] decides.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arc_swap::Guard;

use super::answer::{Judgement, Kind, Known, Name, NotAnswering, Prefix};
use super::entries::{MemberEntry, TenantEntry};
use super::layout::{
    ACTIVE, CREDENTIAL_WORDS, Credential, Dead, EXPIRING, Expiring, SecretView, Tenant, holds, holds_dead,
    tag_of_public, tail_of_name, touch,
};
use super::prefetch::prefetch;
use super::store::Store;
use crate::clock::Timestamp;
use crate::domain::access::{self, Facts, Owner, Reason, Refused, Request};
use crate::domain::formats::Misfit;
use crate::domain::scope::ConcreteScope;
use crate::domain::ids::{CredentialId, SecretId, TenantId};
use crate::projections::policy::Policy;
use crate::projections::secrets::DigestHalf;
use crate::vault::{Digesting, Vault};

/// What one look found of a real secret, but for its name.
struct Seen {
    credential: Credential,
    secret: SecretView,
    tenant: Tenant,
    /// only for a call that names an operation
    operations: Option<Kept<TenantEntry>>,
    policy: Kept<Policy>,
    owner: Option<Arc<MemberEntry>>,
}

/// Shared, and not counted by this reader.
type Kept<T> = Guard<Option<Arc<T>>>;

/// How many events were applied when it was looked, and the time of the last.
#[derive(Clone, Copy)]
struct Head {
    applied: u64,
    last_at: Timestamp,
}

pub fn judge(
    store: &Store,
    vault: &Vault,
    text: &str,
    request: &Request<'_>,
    now: Timestamp,
) -> Result<Judgement, NotAnswering> {
    // What is longest on its way is asked for first.
    let public = tag_of_public(store.seed, text);
    if let Some(public) = public {
        store.secrets.touch(public.tag);
    }
    // The head comes before the formats: they are only ever added, so that a misfit is one at every earlier position too.
    let mut first = head(store)?;
    if let Some(misfit) = store.ask_formats(|formats| (!formats.fits(text)).then(|| formats.misfit(text))) {
        return Ok(first.refusal(Reason::Malformed, Some(misfit), now));
    }
    let Some(public) = public else { return Ok(first.refusal(Reason::NotFound, None, now)) };
    // The inner half of the digest is worked out while the index is on its way, the outer one while the record is.
    let mut begun = vault.digesting(vault.newest(), text.as_bytes());
    let record = fetch(store, public.tag);
    for (turn, pepper) in vault.numbers().enumerate() {
        let digesting = begun.take().or_else(|| vault.digesting(pepper, text.as_bytes()));
        let Some(digest) = digesting.map(Digesting::finish) else { continue };
        let digest: DigestHalf = std::array::from_fn(|place| digest[place]);
        if let Some(place) = record.and_then(tail_of_name) {
            store.texts.touch(place);
        }
        // Written where it stays: it is the greater part of what a look finds.
        let mut name = None;
        let look = || look(store, public.tag, &digest, request.operation.is_some(), &mut name);
        let (head, seen) = store.lock.read(look).ok_or(NotAnswering)?;
        if let Some(seen) = seen {
            let shown = text.get(..public.shared + seen.secret.public.chars()).unwrap_or_default();
            return Ok(answer(seen, shown, name, head, request, now));
        }
        // Secrets are only ever added: what was not there later was not there at the first look.
        if turn == 0 {
            first = head;
        }
    }
    Ok(first.refusal(Reason::NotFound, None, now))
}

/// Has the machine fetch what the look will read, while the text is being hashed. Gives the record of an active secret,
/// which says where its name stands once it is there.
#[inline]
fn fetch(store: &Store, tag: u32) -> Option<&[AtomicU64; CREDENTIAL_WORDS]> {
    store.secrets.find(tag, |entry| match entry.kind {
        ACTIVE => store.credentials.get(entry.ordinal).inspect(|record| touch(record)),
        EXPIRING => {
            prefetch(store.expiring.get(entry.ordinal)?);
            None
        }
        _ => {
            prefetch(store.dead.get(entry.ordinal)?);
            None
        }
    })
}

fn head(store: &Store) -> Result<Head, NotAnswering> {
    store.lock.read(|| Head::of(store)).ok_or(NotAnswering)
}

impl Head {
    fn of(store: &Store) -> Head {
        let (applied, last_at) = store.head();
        let last_at = i64::try_from(last_at).ok().and_then(Timestamp::from_millis).unwrap_or_default();
        Head { applied, last_at }
    }

    fn position(self) -> u64 {
        self.applied.saturating_sub(1)
    }

    fn refusal(self, reason: Reason, misfit: Option<Misfit>, now: Timestamp) -> Judgement {
        Judgement {
            verdict: Err(Refused { reason, missing_scopes: Vec::new() }),
            misfit,
            position: self.position(),
            judged_at: now.max(self.last_at),
            known: None,
        }
    }
}

#[inline]
fn look(
    store: &Store,
    tag: u32,
    digest: &DigestHalf,
    by_operation: bool,
    name: &mut Option<Name>,
) -> (Head, Option<Seen>) {
    let found = store.secrets.find(tag, |entry| match entry.kind {
        ACTIVE => {
            let words = store.credentials.read(entry.ordinal).filter(|words| holds(words, digest))?;
            let credential = Credential::of(&words);
            let secret = SecretView::from(credential.secret);
            Some((credential, secret))
        }
        EXPIRING => {
            let words = store.expiring.read(entry.ordinal).filter(|words| holds(words, digest))?;
            let expiring = Expiring::of(&words);
            let credential = Credential::of(&store.credentials.read(expiring.credential)?);
            Some((credential, expiring.secret.into()))
        }
        _ => {
            let words = store.dead.read(entry.ordinal).filter(|words| holds_dead(words, digest))?;
            let dead = Dead::of(&words);
            let credential = Credential::of(&store.credentials.read(dead.credential)?);
            Some((credential, dead.into()))
        }
    });
    let seen = found.and_then(|(credential, secret)| complete(store, credential, secret, by_operation, name));
    (Head::of(store), seen)
}

/// `None` only for a look that met the writer.
#[inline]
fn complete(
    store: &Store,
    credential: Credential,
    secret: SecretView,
    by_operation: bool,
    name: &mut Option<Name>,
) -> Option<Seen> {
    let tenant = Tenant::of(&store.tenant_records.read(credential.tenant)?);
    let operations = if by_operation { Some(store.tenants.load(credential.tenant)?) } else { None };
    let policy = store.policies.load(credential.policy)?;
    let owner = owner_of(store, &credential)?;
    // The last: its tail may still be on its way.
    *name = name_of(store, &credential)?;
    Some(Seen { credential, secret, tenant, operations, policy, owner })
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
    credential.name.read(|place| store.texts.word(place))
}

/// `shown` is the part of the text that may be told. The text is the secret's own, its digest says so: then so is this.
#[inline]
fn answer(
    seen: Seen,
    shown: &str,
    name: Option<Name>,
    head: Head,
    request: &Request<'_>,
    now: Timestamp,
) -> Judgement {
    const NO_OPERATIONS: &BTreeMap<String, ConcreteScope> = &BTreeMap::new();
    let Seen { credential, secret, tenant, operations, policy: kept, owner } = seen;
    let judged_at = now.max(head.last_at);
    // It is there: a look finds none without.
    let Some(policy) = &*kept else { return head.refusal(Reason::NotFound, None, now) };
    let facts = Facts {
        tenant: TenantId(tenant.id),
        revoked: credential.revoked,
        secret_revoked: secret.revoked,
        secret_ends_at: secret.ends_at,
        expires_at: credential.expires_at,
        tenant_suspended: tenant.suspended,
        suspended: credential.suspended,
        owner: owner.as_deref().map(|owner| Owner { disabled: owner.disabled, scopes: &owner.scopes }),
        scopes: &policy.scopes,
        ip_rules: &policy.ip_rules,
        operations: operations.as_deref().and_then(Option::as_ref).map_or(NO_OPERATIONS, |tenant| &tenant.operations),
    };
    let verdict = access::judge(&facts, request, judged_at);
    let rate_limit = policy.rate_limit.under(tenant.default_rate_limit);
    // Whoever may not see the tenant learns nothing of what is in it.
    let unseen = matches!(&verdict, Err(refused) if refused.reason == Reason::NotFound);
    let known = (!unseen).then(|| Known {
        kind: Kind::ApiKey,
        credential_id: CredentialId(credential.id),
        secret_id: SecretId(secret.id),
        prefix: Prefix::of(shown),
        name,
        tenant_id: TenantId(tenant.id),
        secret_status: secret.status(judged_at),
        secret_ends_at: secret.ends_at.filter(|_| !secret.dead),
        expires_at: credential.expires_at,
        rate_limit,
        policy: kept,
        owner,
    });
    Judgement { verdict, misfit: None, position: head.position(), judged_at, known }
}
