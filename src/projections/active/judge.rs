//! One question: text in, verdict out. The state is looked at once, whole; then [`access::judge`] decides.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arc_swap::Guard;

use super::answer::{Judgement, Kind, Known, Name, NotAnswering, Prefix};
use super::entries::{MemberEntry, TenantEntry};
use super::foreign::{Sought, seek};
use super::layout::{
    ACTIVE, CREDENTIAL_WORDS, Credential, Dead, EXPIRING, Expiring, PublicTag, SecretView, holds, holds_dead,
    tag_of_public, tail_of_name, touch,
};
use super::prefetch::prefetch;
use super::store::Store;
use crate::clock::Timestamp;
use crate::domain::access::{self, Facts, Owner, Reason, Refused, Request};
use crate::domain::formats::{Formats, Misfit};
use crate::domain::ids::{CredentialId, SecretId};
use crate::projections::policy::Policy;
use crate::projections::secrets::DigestHalf;
use crate::vault::{Digesting, Vault};

/// What one look found of a real secret.
pub struct Seen {
    credential: Credential,
    secret: SecretView,
    prefix: Prefix,
    name: Option<Name>,
    tenant: Guard<Option<Arc<TenantEntry>>>,
    policy: Arc<Policy>,
    owner: Option<Arc<MemberEntry>>,
}

/// How many events were applied when it was looked, and the time of the last.
#[derive(Clone, Copy)]
pub struct Head {
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
    // The head comes first: formats are only ever added, so that a misfit is one at every earlier position too. What is
    // asked of the formats comes before the first touch: it takes and gives back a count, and that waits for what was touched.
    let mut first = head(store)?;
    let formats = store.formats.load();
    let tag = tag_of_public(store.seed, text);
    if let Some(public) = tag {
        store.secrets.touch(public.tag);
    }
    if !formats.fits(text) {
        return elsewhere(store, vault, text, (first, Some(&formats)), request, now);
    }
    let Some(tag) = tag else { return Ok(first.refusal(Reason::NotFound, None, now)) };
    // The text is taken in while the index is on its way, and worked out while the record is.
    let mut taken_in = vault.digesting(vault.newest(), text.as_bytes());
    let record = fetch(store, tag.tag);
    for (turn, pepper) in vault.numbers().enumerate() {
        let digesting = taken_in.take().or_else(|| vault.digesting(pepper, text.as_bytes()));
        let Some(digest) = digesting.map(Digesting::finish) else { continue };
        let digest: DigestHalf = std::array::from_fn(|place| digest[place]);
        if let Some(place) = record.and_then(tail_of_name) {
            store.texts.touch(place);
        }
        let (head, seen) = store.lock.read(|| look(store, text, tag, &digest)).ok_or(NotAnswering)?;
        if let Some(seen) = seen {
            return Ok(answer(seen, head, request, now));
        }
        // Secrets are only ever added: what was not there later was not there at the first look.
        if turn == 0 {
            first = head;
        }
    }
    // A key from elsewhere may be written as one of our own.
    elsewhere(store, vault, text, (first, None), request, now)
}

/// A text that is no key of our own, apart from the way of those that are. With `formats` it has not even their form.
#[cold]
#[inline(never)]
fn elsewhere(
    store: &Store,
    vault: &Vault,
    text: &str,
    (first, formats): (Head, Option<&Formats>),
    request: &Request<'_>,
    now: Timestamp,
) -> Result<Judgement, NotAnswering> {
    let Sought { fits, found } = seek(store, vault, text)?;
    Ok(match (found, formats) {
        (Some((seen, head)), _) => answer(seen, head, request, now),
        (None, Some(formats)) if !fits => first.refusal(Reason::Malformed, Some(formats.misfit(text)), now),
        (None, _) => first.refusal(Reason::NotFound, None, now),
    })
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
    pub fn of(store: &Store) -> Head {
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
fn look(store: &Store, text: &str, tag: PublicTag, digest: &DigestHalf) -> (Head, Option<Seen>) {
    let found = find(store, tag.tag, digest);
    // The text is the secret's own, its digest says so: then so is its prefix.
    let complete = |(credential, secret): (Credential, SecretView)| {
        let mut prefix = Prefix::EMPTY;
        let shown = text.as_bytes().get(..tag.shared + secret.public.chars())?;
        if prefix.push(shown) { complete(store, prefix, credential, secret) } else { None }
    };
    (Head::of(store), found.and_then(complete))
}

/// Part of a look for a key from elsewhere, whose prefix is shown as it is known.
pub fn found_by_digest(store: &Store, tag: u32, digest: &DigestHalf) -> Option<Seen> {
    let (credential, secret) = find(store, tag, digest)?;
    complete(store, prefix_of(store, &secret), credential, secret)
}

/// What is known of how a secret begins.
pub fn prefix_of(store: &Store, secret: &SecretView) -> Prefix {
    let mut prefix = Prefix::EMPTY;
    if let Some(shared) = store.prefixes.get(secret.prefix).and_then(|cell| cell.get()) {
        prefix.push(shared.as_bytes());
    }
    secret.public.unpack(&mut prefix);
    prefix
}

#[inline]
fn find(store: &Store, tag: u32, digest: &DigestHalf) -> Option<(Credential, SecretView)> {
    store.secrets.find(tag, |entry| match entry.kind {
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
    })
}

/// `None` only for a look that met the writer.
#[inline]
fn complete(store: &Store, prefix: Prefix, credential: Credential, secret: SecretView) -> Option<Seen> {
    Some(Seen {
        tenant: store.tenants.load(credential.tenant).filter(|tenant| tenant.is_some())?,
        policy: store.policies.at(credential.policy)?,
        owner: owner_of(store, &credential)?,
        // The last: its tail may still be on its way.
        name: name_of(store, &credential)?,
        credential,
        secret,
        prefix,
    })
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

#[inline]
fn answer(seen: Seen, head: Head, request: &Request<'_>, now: Timestamp) -> Judgement {
    let Seen { credential, secret, prefix, name, tenant, policy, owner } = seen;
    let judged_at = now.max(head.last_at);
    let Some(tenant) = tenant.as_deref() else { return head.refusal(Reason::NotFound, None, now) };
    let facts = Facts {
        tenant: tenant.id,
        revoked: credential.revoked,
        secret_revoked: secret.revoked,
        secret_ends_at: secret.ends_at,
        expires_at: credential.expires_at,
        tenant_suspended: tenant.suspended,
        suspended: credential.suspended,
        owner: owner.as_deref().map(|owner| Owner { disabled: owner.disabled, scopes: &owner.scopes }),
        scopes: &policy.scopes,
        ip_rules: &policy.ip_rules,
        operations: &tenant.operations,
    };
    let verdict = access::judge(&facts, request, judged_at);
    // Whoever may not see the tenant learns nothing of what is in it.
    let unseen = matches!(&verdict, Err(refused) if refused.reason == Reason::NotFound);
    let known = (!unseen).then(|| Known {
        kind: Kind::ApiKey,
        credential_id: CredentialId(credential.id),
        secret_id: SecretId(secret.id),
        prefix,
        name,
        tenant_id: tenant.id,
        secret_status: secret.status(judged_at),
        secret_ends_at: secret.ends_at.filter(|_| !secret.dead),
        expires_at: credential.expires_at,
        rate_limit: policy.rate_limit.under(tenant.default_rate_limit),
        policy,
        owner,
    });
    Judgement { verdict, misfit: None, position: head.position(), judged_at, known }
}
