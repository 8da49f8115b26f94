//! The view from the inline rows of one snapshot, at the start. Every row's mac is checked; a row that this service did not
//! write stops the loading, and the error says which.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use uuid::Uuid;

use super::ActiveView;
use super::edit::{Edit, NewCredential, NewSecret, Why};
use super::endings;
use super::entries::{MemberEntry, OperatorEntry, TenantEntry, TokenEntry};
use super::store::{Books, Store};
use crate::clock::Timestamp;
use crate::domain::access_token;
use crate::domain::event::{Event, Recorded};
use crate::domain::ids::{CredentialId, MemberId, OperatorId, SecretId, TenantId, TokenId};
use crate::ledger::InlineRow;
use crate::projections::bytes::BadRecord;
use crate::projections::credentials::{self, CredentialRecord};
use crate::projections::imports;
use crate::projections::members::{self, MemberRecord};
use crate::projections::operator_tokens::{self, TokenRecord};
use crate::projections::operators::{self, OperatorRecord};
use crate::projections::secrets::{self, SecretRecord};
use crate::projections::signing_keys;
use crate::projections::tenants::{self, TenantRecord};
use crate::vault::{MAC_BYTES, Purpose, Vault};

/// A row as it is stored.
#[derive(Clone, Copy, Debug)]
pub struct StoredRow<'a> {
    pub projection: &'a str,
    pub id: Uuid,
    pub tenant: Option<TenantId>,
    pub version: u32,
    pub record: &'a [u8],
    pub mac: &'a [u8],
    /// of a credential or an operator: the personal value that its record points to, unless it was erased
    pub name: Option<&'a str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    pub projection: String,
    pub id: Uuid,
    pub why: &'static str,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LoadError { projection, id, why } = self;
        write!(
            f,
            "row {id} of projection {projection:?} is refused: {why}. Either this master key is not this ledger's: put the right \
             one back. Or the row was changed by hand: with the service stopped, `credledger rebuild` makes every row anew from \
             the events; docs/BACKUP.md says how to restore"
        )
    }
}

impl std::error::Error for LoadError {}

impl StoredRow<'_> {
    /// Whether this service wrote the row, and gave it this name. Free of the view, so that another thread may do it.
    pub fn check(&self, vault: &Vault) -> Result<(), LoadError> {
        let (tenant, version) =
            (self.tenant.map_or(Uuid::nil(), |tenant| tenant.0), self.version.to_be_bytes());
        let parts = InlineRow::mac_parts(self.projection, &self.id, &tenant, &version, self.record);
        let (own, of_name) = self.mac.split_at_checked(MAC_BYTES).unwrap_or((self.mac, &[]));
        if !vault.mac_holds(Purpose::Row, &parts, own) {
            return Err(self.refused("its mac does not hold"));
        }
        // An erasure takes the name's mac with the name: one that is left over tells of a name that went another way.
        match self.name {
            None if !of_name.is_empty() => Err(self.refused("its name is gone, and no erasure took it")),
            Some(name) if !vault.mac_holds(Purpose::Name, &[own, name.as_bytes()], of_name) => {
                Err(self.refused("its name is not the one that was given: the name's mac does not hold"))
            }
            _ => Ok(()),
        }
    }

    fn refused(&self, why: &'static str) -> LoadError {
        LoadError { projection: self.projection.to_owned(), id: self.id, why }
    }
}

/// Fills an empty view. Until [`Loader::finish`] nothing is answered from it; a loader that is dropped before leaves it shut.
pub struct Loader<'a> {
    view: &'a ActiveView,
    books: std::sync::MutexGuard<'a, Books>,
    credentials: u64,
    actives: u64,
    last: Uuid,
}

impl<'a> Loader<'a> {
    /// `None` when the view is not empty: it is loaded once.
    pub fn new(view: &'a ActiveView) -> Option<Self> {
        let books = view.books()?;
        if view.store.head() != (0, 0) || books.tenants.in_use() + books.operators.in_use() > 0 {
            return None;
        }
        // In a turn, so that a look that has begun meanwhile is thrown away.
        let turn = view.store.lock.write();
        view.store.lock.shut();
        drop(turn);
        Some(Loader { view, books, credentials: 0, actives: 0, last: Uuid::nil() })
    }

    /// Rows come by projection: tenants, members, credentials, secrets, operators, operator tokens.
    pub fn row(&mut self, vault: &Vault, row: &StoredRow<'_>) -> Result<(), LoadError> {
        row.check(vault)?;
        self.checked_row(row)
    }

    /// For a row that was found to be sound.
    pub fn checked_row(&mut self, row: &StoredRow<'_>) -> Result<(), LoadError> {
        let store: &Store = &self.view.store;
        let mut edit = Edit { store, books: &mut self.books };
        let outcome = match row.projection {
            tenants::NAME => tenant(&mut edit, row),
            members::NAME => member(&mut edit, row),
            imports::NAME => imports::decode(row.record).map(|prefixes| edit.declare(row.version, prefixes)),
            signing_keys::NAME => {
                signing_keys::decode(row.record).map(|keys| edit.set_signing_keys(row.version, keys))
            }
            credentials::NAME => {
                self.credentials += 1;
                self.last = row.id;
                credential(&mut edit, row)
            }
            secrets::NAME => secret(&mut edit, row).map(|active| self.actives += u64::from(active)),
            operators::NAME => operator(&mut edit, row),
            operator_tokens::NAME => token(&mut edit, row),
            _ => Err(BadRecord("the projection is unknown")),
        };
        outcome.map_err(|bad| row.refused(bad.0))
    }

    /// What may have ended tokens, in order, after all rows: of that there are none. The caller has checked its mac.
    pub fn ending(&mut self, recorded: &Recorded) -> Result<(), Why> {
        let mut edit = Edit { store: &self.view.store, books: &mut self.books };
        if let Event::AccessToken(event) = &recorded.event {
            let token = access_token::fold(None, event.clone(), recorded).map_err(|bad| bad.why)?;
            edit.revoke_token(recorded.stream, token.ends_at, recorded.at)?;
        }
        match endings::note(&mut edit, recorded)? {
            true => Ok(()),
            false => Err("it ends no token"),
        }
    }

    /// `applied` events had been applied when the snapshot was taken, the last of them at `last_at`.
    pub fn finish(self, applied: u64, last_at: Timestamp) -> Result<(), LoadError> {
        if self.credentials != self.actives {
            let why = "some credential has no active secret";
            return Err(LoadError { projection: secrets::NAME.to_owned(), id: self.last, why });
        }
        let store = &self.view.store;
        store.forms.set_own(self.books.formats.clone(), self.books.client_secrets.clone());
        let turn = store.lock.write();
        store.applied.store(applied, Ordering::Relaxed);
        store.last_at.store(last_at.millis().unsigned_abs(), Ordering::Relaxed);
        drop(turn);
        store.lock.reopen();
        Ok(())
    }
}

fn fits(why: Why) -> BadRecord {
    BadRecord(why)
}

fn tenant(edit: &mut Edit<'_>, row: &StoredRow<'_>) -> Result<(), BadRecord> {
    let record = TenantRecord::decode(row.record)?;
    edit.add_formats(&record.formats, &record.client_secrets);
    edit.add_tenant(TenantEntry {
        id: TenantId(row.id),
        slug: record.slug.into(),
        suspended: record.suspended,
        operations: Arc::new(record.operations),
        default_rate_limit: record.default_rate_limit,
        token_lifetime_seconds: record.token_lifetime_seconds,
        version: row.version,
    })
    .map_err(fits)
}

fn member(edit: &mut Edit<'_>, row: &StoredRow<'_>) -> Result<(), BadRecord> {
    let record = MemberRecord::decode(row.record)?;
    edit.add_member(MemberEntry {
        id: MemberId(row.id),
        tenant: row.tenant.ok_or(BadRecord("it belongs to no tenant"))?,
        disabled: record.disabled,
        scopes: record.scopes,
        version: row.version,
    })
    .map_err(fits)
}

fn credential(edit: &mut Edit<'_>, row: &StoredRow<'_>) -> Result<(), BadRecord> {
    let record = CredentialRecord::decode(row.record)?;
    edit.add_credential(&NewCredential {
        id: CredentialId(row.id),
        tenant: row.tenant.ok_or(BadRecord("it belongs to no tenant"))?.0,
        version: row.version,
        owner: record.owner,
        name: row.name,
        expires_at: record.expires_at,
        suspended: record.suspended,
        revoked: record.revoked,
        policy: record.policy,
    })
    .map(drop)
    .map_err(fits)
}

/// Whether it is its credential's active one.
fn secret(edit: &mut Edit<'_>, row: &StoredRow<'_>) -> Result<bool, BadRecord> {
    let record = SecretRecord::decode(row.record)?;
    let SecretRecord { digest, prefix, ends_at, form, .. } = record;
    let new = NewSecret { id: SecretId(row.id), digest, prefix, ends_at, form };
    let ordinal = edit.store.credential_ordinal(record.credential.0);
    let ordinal = ordinal.ok_or(BadRecord("its credential is unknown"))?;
    let mut credential = edit.credential(ordinal).map_err(fits)?;
    let active = ends_at.is_none() && !record.revoked;
    if active && credential.has_active {
        return Err(BadRecord("its credential has another active secret"));
    }
    let dead = record.revoked || record.end_recorded || credential.revoked;
    let outcome = match (active, dead) {
        (true, _) => edit.add_active(ordinal, &mut credential, &new),
        (false, false) => edit.add_expiring(ordinal, &mut credential, &new),
        (false, true) => edit.add_dead(ordinal, &new, record.revoked),
    };
    outcome.map_err(fits)?;
    edit.write_credential(ordinal, &credential);
    Ok(active)
}

fn operator(edit: &mut Edit<'_>, row: &StoredRow<'_>) -> Result<(), BadRecord> {
    let record = OperatorRecord::decode(row.record)?;
    let entry = OperatorEntry {
        id: OperatorId(row.id),
        name: row.name.map(Arc::from),
        role: record.role,
        reach: Arc::new(record.reach),
        disabled: record.disabled,
        invited: record.invited,
        last_disabled_at: record.last_disabled_at,
        tokens: Vec::new(),
        version: row.version,
    };
    edit.store.operators.add(&mut edit.books.operators, entry).map(drop).map_err(fits)
}

fn token(edit: &mut Edit<'_>, row: &StoredRow<'_>) -> Result<(), BadRecord> {
    let record = TokenRecord::decode(row.record)?;
    let (ordinal, entry) = edit.store.operators.find(record.operator.0).map_err(fits)?;
    let mut entry = OperatorEntry::clone(&entry);
    let TokenRecord { digest, expires_at, revoked, .. } = record;
    entry.tokens.push(TokenEntry { id: TokenId(row.id), digest, expires_at, revoked });
    edit.index_token(ordinal, &digest).map_err(fits)?;
    edit.store.operators.put(ordinal, entry);
    Ok(())
}
