//! The view that auth checks read: every secret there ever was, in memory, whole.
//!
//! One writer applies events strictly in order; any number of readers ask. They share no lock, and a reader sees secret,
//! credential, tenant, policy and position of one and the same moment: `seqlock` has it look again otherwise. What there are
//! millions of stands in packed records (`layout`) of chunks that never move (`slab`), found by `index`; what there are few of
//! (tenants, members, policies, operators) is kept once and pointed to, so that suspending a tenant touches one record.

mod answer;
mod apply;
mod clients;
mod dump;
mod edit;
mod endings;
mod entries;
mod foreign;
mod forms;
mod index;
mod judge;
mod kept;
mod layout;
mod load;
mod look;
mod policies;
mod prefetch;
mod revoked;
mod seqlock;
mod slab;
mod store;
mod texts;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard};

pub use answer::{
    Counts, CredentialSummary, Inline, InlineName, Issued, Judgement, Known, Name, NotAnswering,
    OperatorPass, OperatorState, OperatorSummary, Prefix, TenantSummary,
};
pub use dump::{DumpedCredential, DumpedSecret, ViewDump};
pub use endings::{Revocations, SECONDS as ENDINGS_SECONDS, TooMany};
pub use entries::{MemberEntry, OperatorEntry, TenantEntry, TokenEntry};
pub use load::{LoadError, Loader, StoredRow};
pub use slab::Full;

use crate::clock::Timestamp;
use crate::domain::access::Request;
use crate::domain::authority::Role;
use crate::domain::event::Recorded;
use crate::domain::formats::{Formats, Misfit};
use crate::domain::ids::{CredentialId, MemberId, OperatorId, SecretId, TenantId};
use crate::domain::key_format::{self, KeyFormat, PublicPart};
use crate::domain::leak_rules::{LeakRules, Tail, What};
use crate::domain::operator::Reach;
use crate::domain::personal::Personal;
use crate::domain::signing_keys::Keys;
use crate::ledger::Applier;
use crate::limits;
use crate::vault::Vault;
use forms::{Form, Forms};
use layout::Credential;
use store::{Books, Store};

pub struct ActiveView {
    store: Store,
    /// held by whoever writes; readers never ask for it
    books: Mutex<Books>,
    token_format: KeyFormat,
}

impl ActiveView {
    /// Empty, answering, before the first event.
    pub fn new() -> Result<Self, Full> {
        let (store, books) = Store::new()?;
        Ok(ActiveView { store, books: Mutex::new(books), token_format: KeyFormat::operator_tokens() })
    }

    /// May this text do this, now? The caller looks at its lease besides.
    pub fn judge(
        &self,
        vault: &Vault,
        text: &str,
        request: &Request<'_>,
        now: Timestamp,
    ) -> Result<Judgement, NotAnswering> {
        judge::judge(&self.store, vault, text, request, now)
    }

    /// The same of a client that names itself and its secret.
    pub fn judge_client(
        &self,
        vault: &Vault,
        client: (&str, &str),
        request: &Request<'_>,
        now: Timestamp,
    ) -> Result<Judgement, NotAnswering> {
        clients::judge(&self.store, vault, client, request, now)
    }

    /// The same of a client that names itself and has no secret. Whether it is that client, is not asked here.
    pub fn judge_client_by_id(
        &self,
        vault: &Vault,
        id: &str,
        request: &Request<'_>,
        now: Timestamp,
    ) -> Result<Judgement, NotAnswering> {
        clients::judge_by_id(&self.store, vault, id, request, now)
    }

    /// The same of whoever shows an access token that was given for this secret, and whose signature holds.
    pub fn judge_token(
        &self,
        secret: SecretId,
        issued: &Issued,
        request: &Request<'_>,
        now: Timestamp,
    ) -> Result<Judgement, NotAnswering> {
        clients::judge_token(&self.store, secret, issued, request, now)
    }

    pub fn find_credential(&self, id: CredentialId) -> Result<Option<CredentialSummary>, NotAnswering> {
        self.look(|store| {
            let words = store.credentials.read(store.credential_ordinal(id.0)?)?;
            summary(store, &Credential::of(&words))
        })
    }

    pub fn tenant(&self, id: TenantId) -> Result<Option<TenantSummary>, NotAnswering> {
        self.look(|store| tenant_summary(store, store.tenants.ordinal(id.0)?))
    }

    pub fn tenant_by_slug(&self, slug: &str) -> Result<Option<TenantSummary>, NotAnswering> {
        self.look(|store| tenant_summary(store, store.tenant_ordinal_of_slug(slug)?))
    }

    pub fn member(&self, id: MemberId) -> Result<Option<Arc<MemberEntry>>, NotAnswering> {
        self.look(|store| store.members.at(store.members.ordinal(id.0)?))
    }

    /// Why this text has not the form of an operator token; `None` for one that has, and for one that is formed as a key: that is
    /// whole, and none of these tokens.
    pub fn operator_token_misfit(&self, text: &str) -> Option<Misfit> {
        let mut formats = Formats::default();
        formats.insert(&self.token_format);
        let formed =
            formats.fits(text) || self.store.forms.ask(|forms| !matches!(forms.of(text), Form::None(_)));
        (!formed).then(|| formats.misfit(text))
    }

    /// Whether a text is written as a key, a client's secret or an operator token is. Imported keys without a prefix are written as ids are, and
    /// can't be told from them.
    pub fn is_formed_as_a_secret(&self, text: &str) -> bool {
        key_format::read(&self.token_format, text).is_some()
            || self.store.forms.ask(|forms| {
                forms.own.fits(text)
                    || forms.client_secrets.fits(text)
                    || forms.foreign.fits_with_a_prefix(text)
            })
    }

    /// How a text begins that is written as a client's secret is: as much of it as may be told.
    pub fn client_secret_beginning<'t>(&self, text: &'t str) -> Option<PublicPart<'t>> {
        self.store.forms.ask(|forms| forms.client_secrets.candidates(text).next())
    }

    /// How every secret that there is may be written.
    pub fn leak_rules(&self) -> Result<LeakRules, NotAnswering> {
        let rules = self.look(|store| Some(store.forms.ask(Forms::leak_rules)))?;
        let mut rules = rules.ok_or(NotAnswering)?;
        let tokens = &self.token_format;
        let tail = tokens.chars() - tokens.prefix().len();
        rules.add(What::OperatorToken, tokens.prefix(), Tail::base62(tail));
        Ok(rules)
    }

    /// The operator token that this text is; `None` for any other text. Whether it works: [`OperatorPass::token_works`].
    pub fn operator_token(&self, vault: &Vault, text: &str) -> Result<Option<OperatorPass>, NotAnswering> {
        if key_format::read(&self.token_format, text).is_none() {
            return Ok(None);
        }
        for pepper in vault.numbers() {
            let Some(digest) = vault.digest(pepper, text.as_bytes()) else { continue };
            let digest = std::array::from_fn(|place| digest[place]);
            let found = self.look(|store| Some((store.token(&digest)?, store.head().1)))?;
            if let Some(((operator, place), known_at)) = found {
                return Ok(operator_pass(operator, place, known_at));
            }
        }
        Ok(None)
    }

    /// The oldest operator who is root and enabled; ids begin with the time they were made at.
    pub fn first_root(&self) -> Option<OperatorId> {
        self.roots().into_iter().next()
    }

    /// Some of the other operators who are root and enabled. Those who ask at the same time begin at different ones.
    pub fn roots_beside(&self, id: OperatorId) -> Vec<OperatorId> {
        let mut roots = self.roots();
        let older = roots.partition_point(|root| *root <= id);
        roots.rotate_left(older);
        roots.retain(|root| *root != id);
        roots.truncate(limits::OTHER_ROOTS);
        roots
    }

    /// The oldest first.
    fn roots(&self) -> Vec<OperatorId> {
        let Some(books) = self.books() else { return Vec::new() };
        let operators = self.store.operators.all(&books.operators);
        let mut roots: Vec<_> = operators
            .filter(|operator| operator.role == Role::Root && !operator.disabled && !operator.invited)
            .map(|operator| operator.id)
            .collect();
        roots.sort_unstable();
        roots
    }

    pub fn operator(&self, id: OperatorId) -> Result<Option<OperatorSummary>, NotAnswering> {
        self.look(|store| {
            let operator = store.operators.at(store.operators.ordinal(id.0)?)?;
            Some(OperatorSummary { role: operator.role, reach: operator.reach.clone() })
        })
    }

    /// What a session of the operator goes by; `None` for an unknown one.
    pub fn operator_state(&self, id: OperatorId) -> Result<Option<OperatorState>, NotAnswering> {
        self.look(|store| {
            let operator = store.operators.at(store.operators.ordinal(id.0)?)?;
            let (_, known_at) = store.head();
            Some(OperatorState {
                works: !operator.disabled && !operator.invited,
                last_disabled_at: operator.last_disabled_at,
                known_at: i64::try_from(known_at).ok().and_then(Timestamp::from_millis)?,
                entry: operator,
            })
        })
    }

    /// `None` for an unknown operator.
    pub fn operator_name(&self, id: OperatorId) -> Result<Option<Personal<String>>, NotAnswering> {
        self.look(|store| {
            let operator = store.operators.at(store.operators.ordinal(id.0)?)?;
            Some(operator.name.as_deref().map_or(Personal::Erased, |name| Personal::Known(name.to_owned())))
        })
    }

    /// What ended living access tokens of these tenants, all of one moment.
    pub fn revocations(
        &self,
        reach: &Reach,
        now: Timestamp,
        at_most: usize,
    ) -> Result<Result<Revocations, TooMany>, NotAnswering> {
        let books = self.books().filter(|_| !self.is_stopped()).ok_or(NotAnswering)?;
        Ok(endings::revocations(&self.store, &books, reach, now, at_most))
    }

    /// The keys that tokens are signed with: those that are published.
    pub fn signing_keys(&self) -> Result<Arc<Keys>, NotAnswering> {
        let keys = self.look(|store| Some(store.signing_keys.load_full()))?;
        keys.ok_or(NotAnswering)
    }

    /// How many events were applied: the next one's position.
    pub fn applied(&self) -> u64 {
        self.store.applied.load(std::sync::atomic::Ordering::Acquire)
    }

    /// The time of the last event that was applied.
    pub fn last_at(&self) -> Timestamp {
        look::Head::of(&self.store).last_at()
    }

    /// Stopped by an event that does not fit, or not yet loaded. It stays so; the process has to start anew.
    pub fn is_stopped(&self) -> bool {
        !self.store.lock.is_open()
    }

    pub fn counts(&self) -> Counts {
        self.books().map(|books| self.store.counts(&books)).unwrap_or_default()
    }

    /// For comparing views; takes the writer's lock and a copy of everything.
    pub fn dump(&self) -> Option<ViewDump> {
        self.books().map(|books| dump::dump(&self.store, &books))
    }

    /// `None` once a writer panicked: what it left behind is not answered from.
    fn books(&self) -> Option<MutexGuard<'_, Books>> {
        self.books.lock().inspect_err(|_| self.store.lock.shut()).ok()
    }

    fn look<T>(&self, look: impl Fn(&Store) -> Option<T>) -> Result<Option<T>, NotAnswering> {
        self.store.lock.read(|| look(&self.store)).ok_or(NotAnswering)
    }
}

impl Applier for ActiveView {
    fn apply(&self, position: u64, recorded: &Recorded) -> Result<(), String> {
        let Some(mut books) = self.books() else {
            return Err("the view's writer has failed before".to_owned());
        };
        apply::apply(&self.store, &mut books, position, recorded).map_err(|why| {
            let kind = recorded.event.kind().name;
            let stream = recorded.stream;
            format!("position {position} ({kind} of {stream}) does not fit the view: {why}")
        })
    }
}

fn summary(store: &Store, credential: &Credential) -> Option<CredentialSummary> {
    Some(CredentialSummary {
        id: CredentialId(credential.id),
        tenant: store.tenants.load(credential.tenant)?.as_ref()?.id,
        name: look::name_of(store, credential)?.map(|name| name.to_string()),
        expires_at: credential.expires_at,
        suspended: credential.suspended,
        revoked: credential.revoked,
    })
}

fn tenant_summary(store: &Store, ordinal: u32) -> Option<TenantSummary> {
    let entry = store.tenants.load(ordinal)?;
    let entry = entry.as_ref()?;
    Some(TenantSummary {
        id: entry.id,
        slug: entry.slug.to_string(),
        suspended: entry.suspended,
        token_lifetime_seconds: entry.token_lifetime_seconds,
    })
}

fn operator_pass(entry: Arc<OperatorEntry>, place: usize, known_at: u64) -> Option<OperatorPass> {
    let &TokenEntry { id: token, expires_at, revoked, .. } = entry.tokens.get(place)?;
    let known_at = i64::try_from(known_at).ok().and_then(Timestamp::from_millis)?;
    Some(OperatorPass { entry, token, expires_at, revoked, known_at })
}
