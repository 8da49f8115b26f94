//! What each event changes in the view. Every one is named: a new event does not compile before it was thought of here.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::edit::{Edit, NewCredential, NewSecret, Why, counted};
use super::endings;
use super::entries::{MemberEntry, OperatorEntry, TenantEntry, TokenEntry};
use super::layout::Credential;
use super::store::{Books, Store};
use crate::domain::access_token::AccessTokenEvent;
use crate::domain::credential::{Client, Created, CredentialEvent, Imported, Kind, Rotated, SecretFacts};
use crate::domain::erasure::{ErasureEvent, SubjectErased};
use crate::domain::event::{Event, Recorded};
use crate::domain::ids::{CredentialId, MemberId, OperatorId, TenantId, TokenId};
use crate::domain::imports::{self, ForeignPrefix, ImportsEvent};
use crate::domain::member::MemberEvent;
use crate::domain::operator::OperatorEvent;
use crate::domain::personal::Personal;
use crate::domain::signing_keys::{self, Keys, SigningKeysEvent};
use crate::domain::tenant::{Settings, TenantEvent};
use crate::projections::policy::Policy;
use crate::projections::secrets::{Form, half};

/// Applies the next event. After an error the view is shut: what it holds may be half of a change.
pub fn apply(store: &Store, books: &mut Books, position: u64, recorded: &Recorded) -> Result<(), Why> {
    if !store.lock.is_open() {
        return Err("the view has stopped, or is loading");
    }
    let outcome = check_order(store, position, recorded).and_then(|()| {
        store.prepare(books)?;
        let mut edit = Edit { store, books };
        let _turn = store.lock.write();
        let outcome = change(&mut edit, recorded).and_then(|()| endings::note(&mut edit, recorded).map(drop));
        match outcome {
            Ok(()) => {
                store.applied.store(position + 1, Ordering::Relaxed);
                store.last_at.store(recorded.at.millis().unsigned_abs(), Ordering::Relaxed);
            }
            Err(_) => store.lock.shut(),
        }
        outcome
    });
    if outcome.is_err() {
        store.lock.shut();
    }
    outcome
}

fn check_order(store: &Store, position: u64, recorded: &Recorded) -> Result<(), Why> {
    let (applied, last_at) = store.head();
    if position != applied {
        return Err("it is not the next position");
    }
    if recorded.at.millis().unsigned_abs() < last_at {
        return Err("its time is before that of the event before it");
    }
    Ok(())
}

fn change(edit: &mut Edit<'_>, recorded: &Recorded) -> Result<(), Why> {
    match &recorded.event {
        Event::Tenant(event) => tenant(edit, recorded, event),
        Event::Credential(_, CredentialEvent::Created(created)) => create(edit, recorded, created),
        Event::Credential(_, CredentialEvent::Imported(imported)) => import(edit, recorded, imported),
        Event::Credential(kind, event) => credential(edit, recorded, *kind, event),
        Event::Operator(event) => operator(edit, recorded, event),
        Event::Member(event) => member(edit, recorded, event),
        // Bounds what is made, and no verdict; or is about what was called.
        Event::Plan(_) | Event::ActivityLog(_) => Ok(()),
        Event::Imports(event) => declare(edit, recorded, event),
        Event::SigningKeys(event) => signing_keys(edit, recorded, event),
        Event::Erasure(ErasureEvent::SubjectErased(erased)) => erase(edit, erased),
        Event::AccessToken(AccessTokenEvent::Revoked(revoked)) => {
            edit.revoke_token(recorded.stream, revoked.ends_at, recorded.at)
        }
    }
}

fn declare(edit: &mut Edit<'_>, recorded: &Recorded, event: &ImportsEvent) -> Result<(), Why> {
    if recorded.stream != imports::stream() {
        return Err("it stands in another stream");
    }
    follows(edit.books.declared, recorded)?;
    let ImportsEvent::Declared(declared) = event;
    let mut prefixes = edit.store.forms.foreign().prefixes();
    ForeignPrefix::declare(&mut prefixes, declared.clone());
    edit.declare(recorded.version, prefixes);
    Ok(())
}

fn signing_keys(edit: &mut Edit<'_>, recorded: &Recorded, event: &SigningKeysEvent) -> Result<(), Why> {
    if recorded.stream != signing_keys::stream() {
        return Err("it stands in another stream");
    }
    follows(edit.books.signing_keys, recorded)?;
    let mut keys = Keys::clone(&edit.store.signing_keys.load());
    keys.apply(event, recorded.at)?;
    edit.set_signing_keys(recorded.version, keys.without_ended());
    Ok(())
}

/// Of what is personal the view holds what credentials and operators are called now.
fn erase(edit: &mut Edit<'_>, erased: &SubjectErased) -> Result<(), Why> {
    let id = erased.subject.id;
    if !erased.unnames {
        return Ok(());
    }
    if let Some(ordinal) = edit.store.credential_ordinal(id) {
        let mut credential = edit.credential(ordinal)?;
        edit.set_name(&mut credential, None)?;
        edit.write_credential(ordinal, &credential);
    } else if let Ok((ordinal, entry)) = edit.store.operators.find(id) {
        edit.store.operators.put(ordinal, OperatorEntry { name: None, ..OperatorEntry::clone(&entry) });
    }
    Ok(())
}

fn follows(version: u32, recorded: &Recorded) -> Result<(), Why> {
    if version.checked_add(1) == Some(recorded.version) {
        Ok(())
    } else {
        Err("its version is not the next one of its stream")
    }
}

// ---- tenants ----

fn tenant(edit: &mut Edit<'_>, recorded: &Recorded, event: &TenantEvent) -> Result<(), Why> {
    let id = TenantId(recorded.stream.0);
    if let TenantEvent::Created(created) = event {
        follows(0, recorded)?;
        let entry = TenantEntry {
            id,
            slug: created.slug.as_str().into(),
            suspended: false,
            operations: Arc::new(created.settings.operations.clone()),
            default_rate_limit: created.settings.default_rate_limit,
            token_lifetime_seconds: created.settings.token_lifetime_seconds,
            version: recorded.version,
        };
        edit.add_tenant(entry)?;
        use_formats(edit, &created.settings);
        return Ok(());
    }
    let (ordinal, entry) = edit.store.tenants.find(id.0)?;
    follows(entry.version, recorded)?;
    let mut entry = TenantEntry { version: recorded.version, ..TenantEntry::clone(&entry) };
    match event {
        TenantEvent::Created(_) => return Err("the tenant is there already"),
        TenantEvent::Edited(_) => {}
        TenantEvent::Configured(event) => {
            entry.operations = Arc::new(event.settings.operations.clone());
            entry.default_rate_limit = event.settings.default_rate_limit;
            entry.token_lifetime_seconds = event.settings.token_lifetime_seconds;
            use_formats(edit, &event.settings);
        }
        TenantEvent::Suspended(_) => entry.suspended = true,
        TenantEvent::Resumed(_) => entry.suspended = false,
    }
    edit.put_tenant(ordinal, entry);
    Ok(())
}

fn use_formats(edit: &mut Edit<'_>, settings: &Settings) {
    let (of_keys, of_clients) = (&settings.key_format, settings.client_format.secret_form());
    if edit.add_formats(std::slice::from_ref(of_keys), &[of_clients]) {
        edit.publish_formats();
    }
}

// ---- credentials ----

fn new_secret(facts: &SecretFacts) -> NewSecret<'_> {
    let digest = half(&facts.digest);
    NewSecret { id: facts.id, digest, prefix: &facts.prefix, ends_at: None, form: Form::of(facts, None) }
}

fn create(edit: &mut Edit<'_>, recorded: &Recorded, created: &Created) -> Result<(), Why> {
    begin(edit, recorded, created, false, &new_secret(&created.secret))
}

fn import(edit: &mut Edit<'_>, recorded: &Recorded, imported: &Imported) -> Result<(), Why> {
    let (created, foreign) = (imported.as_minted(), imported.secret.foreign());
    let secret = NewSecret { form: Form::of(&created.secret, Some(&foreign)), ..new_secret(&created.secret) };
    begin(edit, recorded, &created, imported.suspended, &secret)
}

fn begin(
    edit: &mut Edit<'_>,
    recorded: &Recorded,
    created: &Created,
    suspended: bool,
    secret: &NewSecret<'_>,
) -> Result<(), Why> {
    follows(0, recorded)?;
    let policy = Policy {
        scopes: created.scopes.clone(),
        ip_rules: created.ip_rules.clone(),
        rate_limit: created.rate_limit,
        client: created.client(),
    };
    let credential = NewCredential {
        id: CredentialId(recorded.stream.0),
        tenant: created.tenant_id.0,
        version: recorded.version,
        owner: created.owner,
        name: created.name.known().map(String::as_str),
        expires_at: created.expires_at,
        suspended,
        revoked: false,
        policy: &policy.encode(),
    };
    add(edit, &credential, secret)
}

/// A credential with its first secret.
fn add(edit: &mut Edit<'_>, new: &NewCredential<'_>, secret: &NewSecret<'_>) -> Result<(), Why> {
    let ordinal = edit.add_credential(new)?;
    let mut credential = edit.credential(ordinal)?;
    edit.add_active(ordinal, &mut credential, secret)?;
    edit.write_credential(ordinal, &credential);
    Ok(())
}

fn credential(
    edit: &mut Edit<'_>,
    recorded: &Recorded,
    kind: Kind,
    event: &CredentialEvent,
) -> Result<(), Why> {
    let ordinal = edit.store.credential_ordinal(recorded.stream.0).ok_or("no such credential")?;
    let mut credential = edit.credential(ordinal)?;
    follows(credential.version, recorded)?;
    credential.version = counted(recorded.version)?;
    match event {
        CredentialEvent::Created(_) | CredentialEvent::Imported(_) => {
            return Err("the credential is there already");
        }
        CredentialEvent::Edited(event) => {
            if let Some(name) = &event.name {
                edit.set_name(&mut credential, name.known().map(String::as_str))?;
            }
        }
        CredentialEvent::Rescoped(event) => {
            repolicy(edit, &mut credential, |policy| policy.scopes.clone_from(&event.scopes))?;
        }
        CredentialEvent::Restricted(event) => {
            repolicy(edit, &mut credential, |policy| policy.ip_rules.clone_from(&event.ip_rules))?;
        }
        CredentialEvent::Limited(event) => {
            repolicy(edit, &mut credential, |policy| policy.rate_limit = event.rate_limit)?;
        }
        CredentialEvent::ExpirySet(event) => credential.expires_at = event.expires_at,
        CredentialEvent::OwnerSet(event) => {
            let owner = edit.owner(credential.tenant, event.owner)?;
            if kind == Kind::OauthClient {
                edit.books.endings.own(ordinal, credential.owner, owner);
            }
            credential.owner = owner;
        }
        CredentialEvent::Configured(event) => {
            reclient(edit, &mut credential, |client| client.registration.clone_from(&event.registration))?;
        }
        CredentialEvent::TokensRevoked(_) => {
            reclient(edit, &mut credential, |client| client.tokens_revoked = recorded.version)?;
        }
        CredentialEvent::Rotated(event) => rotate(edit, ordinal, &mut credential, kind, event)?,
        CredentialEvent::GraceMoved(event) => {
            let (place, expiring) = edit.find_expiring(&credential, event.secret_id)?;
            edit.move_end(place, &expiring, event.ends_at);
        }
        CredentialEvent::SecretRevoked(event) => match edit.find_expiring(&credential, event.secret_id) {
            Ok((place, expiring)) => edit.bury(ordinal, &mut credential, place, &expiring, true)?,
            Err(_) => edit.end_dead_by_hand(ordinal, event.secret_id)?,
        },
        CredentialEvent::SecretExpired(event) => {
            let (place, expiring) = edit.find_expiring(&credential, event.secret_id)?;
            edit.bury(ordinal, &mut credential, place, &expiring, false)?;
        }
        CredentialEvent::Suspended(_) => credential.suspended = true,
        CredentialEvent::Resumed(_) => credential.suspended = false,
        // What leaked goes on as it is, until the event that ends it.
        CredentialEvent::LeakReported(_) => {}
        // Its end stands in the record, and is judged at the instant of the question.
        CredentialEvent::ExpiringSoon(_) | CredentialEvent::Expired(_) => {}
        CredentialEvent::Revoked(_) => edit.revoke(ordinal, &mut credential)?,
    }
    edit.write_credential(ordinal, &credential);
    Ok(())
}

fn repolicy(
    edit: &mut Edit<'_>,
    credential: &mut Credential,
    change: impl FnOnce(&mut Policy),
) -> Result<(), Why> {
    if credential.revoked {
        return Err("the credential is revoked");
    }
    let policies = &edit.store.policies;
    let old = policies.at(credential.policy).ok_or("a credential's policy is missing")?;
    let mut policy = Policy::clone(&old);
    change(&mut policy);
    let policy = policies.take(&mut edit.books.policies, &policy.encode())?;
    policies.give_back(&mut edit.books.policies, credential.policy);
    credential.policy = policy;
    Ok(())
}

fn reclient(
    edit: &mut Edit<'_>,
    credential: &mut Credential,
    change: impl FnOnce(&mut Client),
) -> Result<(), Why> {
    let mut of_client = false;
    repolicy(edit, credential, |policy| {
        of_client = policy.client.as_mut().map(change).is_some();
    })?;
    if of_client { Ok(()) } else { Err("it is a key, and no client") }
}

fn rotate(
    edit: &mut Edit<'_>,
    ordinal: u32,
    credential: &mut Credential,
    kind: Kind,
    event: &Rotated,
) -> Result<(), Why> {
    if credential.revoked {
        return Err("the credential is revoked");
    }
    for end in &event.ends {
        if credential.has_active && credential.secret.id == end.secret_id.0 {
            edit.rotate_out(ordinal, credential, end.ends_at)?;
        } else {
            let (place, expiring) = edit.find_expiring(credential, end.secret_id)?;
            edit.move_end(place, &expiring, end.ends_at);
        }
    }
    if credential.has_active {
        return Err("the rotation gives the active secret no end");
    }
    // Its id may be the one before, and then it is not named again.
    let form = if kind == Kind::OauthClient { Form::Client } else { Form::Key };
    edit.add_active(ordinal, credential, &NewSecret { form, ..new_secret(&event.secret) })
}

// ---- members ----

fn member(edit: &mut Edit<'_>, recorded: &Recorded, event: &MemberEvent) -> Result<(), Why> {
    let id = MemberId(recorded.stream.0);
    if let MemberEvent::Created(created) = event {
        follows(0, recorded)?;
        return edit.add_member(MemberEntry {
            id,
            tenant: created.tenant_id,
            disabled: false,
            scopes: created.scopes.clone(),
            version: recorded.version,
        });
    }
    let (ordinal, entry) = edit.store.members.find(id.0)?;
    follows(entry.version, recorded)?;
    let mut entry = MemberEntry { version: recorded.version, ..MemberEntry::clone(&entry) };
    match event {
        MemberEvent::Created(_) => return Err("the member is there already"),
        MemberEvent::Edited(_) => {}
        MemberEvent::Rescoped(event) => entry.scopes.clone_from(&event.scopes),
        MemberEvent::Disabled(_) => entry.disabled = true,
        MemberEvent::Enabled(_) => entry.disabled = false,
    }
    edit.store.members.put(ordinal, entry);
    Ok(())
}

// ---- operators ----

fn operator(edit: &mut Edit<'_>, recorded: &Recorded, event: &OperatorEvent) -> Result<(), Why> {
    let id = OperatorId(recorded.stream.0);
    let begun = match event {
        OperatorEvent::Invited(invited) => Some((&invited.name, invited.role, &invited.reach, true)),
        OperatorEvent::Created(created) if recorded.version == 1 => {
            Some((&created.name, created.role, &created.reach, false))
        }
        _ => None,
    };
    if let Some((name, role, reach, invited)) = begun {
        follows(0, recorded)?;
        let entry = OperatorEntry {
            id,
            name: known(name),
            role,
            reach: Arc::new(reach.clone()),
            disabled: false,
            invited,
            last_disabled_at: None,
            tokens: Vec::new(),
            version: recorded.version,
        };
        return edit.store.operators.add(&mut edit.books.operators, entry).map(drop);
    }
    let (ordinal, entry) = edit.store.operators.find(id.0)?;
    follows(entry.version, recorded)?;
    let mut entry = OperatorEntry { version: recorded.version, ..OperatorEntry::clone(&entry) };
    match event {
        OperatorEvent::Created(event) if entry.invited => {
            entry.invited = false;
            entry.name = known(&event.name);
            entry.role = event.role;
            entry.reach = Arc::new(event.reach.clone());
        }
        OperatorEvent::Invited(_) | OperatorEvent::Created(_) => {
            return Err("the operator is there already");
        }
        OperatorEvent::Assigned(event) => {
            entry.role = event.role;
            entry.reach = Arc::new(event.reach.clone());
        }
        OperatorEvent::Disabled(_) => {
            entry.disabled = true;
            entry.last_disabled_at = Some(recorded.at);
        }
        OperatorEvent::Enabled(_) => entry.disabled = false,
        OperatorEvent::TokenMinted(event) => {
            let digest = half(&event.token.digest);
            let (id, expires_at) = (TokenId(event.token.id.0), event.expires_at);
            entry.tokens.push(TokenEntry { id, digest, expires_at, revoked: false });
            edit.index_token(ordinal, &digest)?;
        }
        OperatorEvent::TokenRevoked(event) if entry.end_token(event.token_id) => {}
        OperatorEvent::TokenRevoked(_) => return Err("it names a token that is not there"),
    }
    edit.store.operators.put(ordinal, entry);
    Ok(())
}

fn known(name: &Personal<String>) -> Option<Arc<str>> {
    name.known().map(|name| Arc::from(name.as_str()))
}
