//! A credential, be it a key or an OAuth client: its state, how it follows from its events, and the actions on it, one a file.
//!
//! It keeps its id for life and holds several dated secrets. Exactly one secret is active while the credential lives; its
//! only end is the credential's own. Older ones have a deadline of their own, or are over.

pub mod client_keys;
pub mod close_quiet;
pub mod configure;
pub mod create;
pub mod edit;
pub mod grace;
pub mod import;
pub mod leak;
pub mod limit;
pub mod record_due;
pub mod registration;
pub mod rescope;
pub mod restrict;
pub mod resume;
pub mod revoke;
pub mod revoke_secret;
pub mod revoke_tokens;
pub mod rotate;
mod secret;
pub mod self_revoke;
pub mod set_expiry;
pub mod set_owner;
pub mod suspend;
pub mod warn;

use serde::Serialize;
use serde_json::{Map, Value};

use super::event::{Actor, Claim, ClaimKind, Recorded, family};
use super::history::History;
use super::ids::{ClientId, CredentialId, MemberId, SecretId, TenantId};
use super::ip_rules::IpRules;
use super::member::Member;
use super::personal::Personal;
use super::rate_limit::OwnRateLimit;
use super::refusal::Refusal;
use super::scope::Scope;
use super::secret::Digest;
use super::tenant::Tenant;
use super::{Context, Unfoldable};
use crate::clock::Timestamp;

pub use client_keys::{BadKeys, ClientKeys};
pub use close_quiet::{CloseQuiet, Quiet};
pub use configure::{Configure, Configured};
pub use create::{Create, Created};
pub use edit::{Edit, Edited, metadata_fits};
pub use grace::{GraceMoved, MoveGrace};
pub use import::{ForeignSecret, Import, Imported, ImportedSecret};
pub use leak::{Finding, Leak, LeakReported, OnLeak, ReportLeak, Reporter};
pub use limit::{Limit, Limited};
pub use record_due::{EndCause, Expired, RecordDue, SecretExpired};
pub use registration::{AuthMethod, Client, ClientRotation, Kind, Registration, Resource};
pub use rescope::{Rescope, Rescoped};
pub use restrict::{Restrict, Restricted};
pub use resume::{Resume, Resumed};
pub use revoke::{Reason, Revoke, Revoked};
pub use revoke_secret::{RevokeSecret, SecretRevoked};
pub use revoke_tokens::{RevokeTokens, TokensRevoked};
pub use rotate::{Rotate, Rotated};
pub use secret::{Foreign, Salt, SaltBytes, Secret, SecretFacts, SecretStatus};
pub use self_revoke::SelfRevoke;
pub use set_expiry::{ExpirySet, SetExpiry};
pub use set_owner::{OwnerSet, SetOwner};
pub use suspend::{Suspend, Suspended};
pub use warn::{ExpiringSoon, Warn};

family! { CredentialEvent,
    Created = "api_key.created" | "oauth_client.created" v 1 personal ["description", "metadata", "name"];
    Imported = "api_key.imported" v 1 personal ["description", "metadata", "name", "old_id"];
    Edited = "api_key.edited" | "oauth_client.edited" v 1 personal ["description", "metadata", "name"];
    Configured = "oauth_client.configured" v 1 personal [];
    Rescoped = "api_key.rescoped" | "oauth_client.rescoped" v 1 personal [];
    ExpirySet = "api_key.expiry_set" | "oauth_client.expiry_set" v 1 personal [];
    Restricted = "api_key.restricted" | "oauth_client.restricted" v 1 personal [];
    Limited = "api_key.limited" | "oauth_client.limited" v 1 personal [];
    OwnerSet = "api_key.owner_set" | "oauth_client.owner_set" v 1 personal [];
    Rotated = "api_key.rotated" | "oauth_client.rotated" v 1 personal [];
    GraceMoved = "api_key.grace_moved" | "oauth_client.grace_moved" v 1 personal [];
    SecretRevoked = "api_key.secret_revoked" | "oauth_client.secret_revoked" v 1 personal [];
    SecretExpired = "api_key.secret_expired" | "oauth_client.secret_expired" v 1 personal [];
    TokensRevoked = "oauth_client.tokens_revoked" v 1 personal [];
    LeakReported = "api_key.leak_reported" | "oauth_client.leak_reported" v 1 personal ["source", "url"];
    Suspended = "api_key.suspended" | "oauth_client.suspended" v 1 personal [];
    Resumed = "api_key.resumed" | "oauth_client.resumed" v 1 personal [];
    ExpiringSoon = "api_key.expiring_soon" | "oauth_client.expiring_soon" v 1 personal [];
    Expired = "api_key.expired" | "oauth_client.expired" v 1 personal [];
    Revoked = "api_key.revoked" | "oauth_client.revoked" v 1 personal ["note"];
}

/// One action on a credential.
#[derive(Clone, Debug)]
pub enum CredentialCommand {
    Create(Create),
    Import(Box<Import>),
    Edit(Edit),
    Configure(Configure),
    Rescope(Rescope),
    SetExpiry(SetExpiry),
    Restrict(Restrict),
    Limit(Limit),
    SetOwner(SetOwner),
    Rotate(Rotate),
    MoveGrace(MoveGrace),
    RevokeSecret(RevokeSecret),
    RevokeTokens(RevokeTokens),
    ReportLeak(ReportLeak),
    Suspend(Suspend),
    Resume(Resume),
    Revoke(Revoke),
    SelfRevoke(SelfRevoke),
    RecordDue(RecordDue),
    CloseQuiet(CloseQuiet),
    Warn(Warn),
}

impl CredentialCommand {
    /// The kind of the credential that it begins.
    pub fn makes(&self) -> Kind {
        match self {
            Self::Create(Create { registration: Some(_), .. }) => Kind::OauthClient,
            _ => Kind::ApiKey,
        }
    }

    /// The events that carry it out on this state; none when there is nothing to do. `member` is the account that the
    /// command gives the credential to, where it names one that is there.
    pub fn decide(
        &self,
        credential: Option<&Credential>,
        tenant: &Tenant,
        member: Option<&Member>,
        context: &Context,
    ) -> Result<Vec<CredentialEvent>, Refusal> {
        if let Self::Create(create) = self {
            return create.decide(credential, tenant, member, context);
        }
        if let Self::Import(import) = self {
            return import.decide(credential, tenant, member, context);
        }
        let credential = credential.ok_or_else(Refusal::not_found)?;
        match self {
            Self::Create(_) | Self::Import(_) => unreachable!("handled above"),
            Self::Edit(edit) => edit.decide(credential, context),
            Self::Configure(configure) => configure.decide(credential, context),
            Self::Rescope(rescope) => rescope.decide(credential, tenant, context),
            Self::SetExpiry(set) => set.decide(credential, tenant, context),
            Self::Restrict(restrict) => restrict.decide(credential, context),
            Self::Limit(limit) => limit.decide(credential, context),
            Self::SetOwner(set) => set.decide(credential, tenant, member, context),
            Self::Rotate(rotate) => rotate.decide(credential, tenant, context),
            Self::MoveGrace(grace) => grace.decide(credential, tenant, context),
            Self::RevokeSecret(revoke) => revoke.decide(credential, context),
            Self::RevokeTokens(revoke) => revoke.decide(credential, context),
            Self::ReportLeak(report) => report.decide(credential, tenant, context),
            Self::Suspend(suspend) => suspend.decide(credential, context),
            Self::Resume(resume) => resume.decide(credential, context),
            Self::Revoke(revoke) => revoke.decide(credential, context),
            Self::SelfRevoke(revoke) => revoke.decide(credential, context),
            Self::RecordDue(due) => due.decide(credential, context),
            Self::CloseQuiet(close) => Ok(close.decide(credential, context)),
            Self::Warn(warn) => warn.decide(credential, tenant, context),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Credential {
    pub id: CredentialId,
    pub tenant: TenantId,
    pub name: Typed<String>,
    /// empty when there is none
    pub description: Typed<String>,
    pub metadata: Typed<Map<String, Value>>,
    pub scopes: Vec<Scope>,
    pub ip_rules: IpRules,
    pub rate_limit: OwnRateLimit,
    /// the account that it belongs to
    pub owner: Option<MemberId>,
    /// none: it is a key
    pub client: Option<Client>,
    pub expires_at: Option<Timestamp>,
    /// when that was said last
    pub expiry_since: Timestamp,
    /// the end that housekeeping's last warning named
    pub warned_of: Option<Timestamp>,
    /// oldest first
    pub secrets: Vec<Secret>,
    /// what was reported of them, oldest first
    pub leaks: Vec<Leak>,
    pub created_at: Timestamp,
    pub created_by: Actor,
    /// of an imported one: where it comes from
    pub origin: Option<Origin>,
    pub suspended_at: Option<Timestamp>,
    pub revoked: Option<Revocation>,
    /// housekeeping has said that it expired
    pub expiry_recorded: bool,
    /// what people did, not housekeeping
    pub version: u64,
    pub history: History,
}

/// A value that a person typed, and the version of the event whose personal row holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Typed<T> {
    pub value: Personal<T>,
    pub since: u32,
}

/// Where an imported credential comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    pub source: String,
    pub old_id: Personal<String>,
    pub imported_at: Timestamp,
    /// of the line that brought it
    pub content: Digest,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Revocation {
    pub at: Timestamp,
    pub by: Actor,
    pub reason: Reason,
    pub note: Option<Personal<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Active,
    Expiring,
    Expired,
    Suspended,
    Revoked,
}

impl Credential {
    pub fn kind(&self) -> Kind {
        if self.client.is_some() { Kind::OauthClient } else { Kind::ApiKey }
    }

    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// The first that applies, in the order of the API page.
    pub fn status(&self, now: Timestamp, warning_seconds: u32) -> Status {
        if self.revoked.is_some() {
            Status::Revoked
        } else if self.is_expired(now) {
            Status::Expired
        } else if self.suspended_at.is_some() {
            Status::Suspended
        } else if self.warning_starts(warning_seconds).is_some_and(|start| start <= now) {
            Status::Expiring
        } else {
            Status::Active
        }
    }

    /// The window before the expiry, at most half of the credential's life long.
    fn warning_starts(&self, warning_seconds: u32) -> Option<Timestamp> {
        let end = self.expires_at?.millis();
        let half_life = (end - self.created_at.millis()) / 2;
        Timestamp::from_millis(end - half_life.min(i64::from(warning_seconds) * 1000))
    }

    /// From when on it may be expiring, however long its tenant's window is.
    pub fn half_life(&self) -> Option<Timestamp> {
        self.warning_starts(u32::MAX)
    }

    /// A secret's status, which is over at the latest when the credential is.
    pub fn secret_status(&self, secret: &Secret, now: Timestamp) -> SecretStatus {
        match secret.status(now) {
            SecretStatus::Active | SecretStatus::Expiring if self.revoked.is_some() => SecretStatus::Revoked,
            SecretStatus::Active | SecretStatus::Expiring if self.is_expired(now) => SecretStatus::Expired,
            status => status,
        }
    }

    pub fn secret(&self, id: SecretId) -> Option<&Secret> {
        self.secrets.iter().find(|secret| secret.facts.id == id)
    }

    /// The one that the last mint or rotation made.
    pub fn active_secret(&self) -> Option<&Secret> {
        self.secrets.iter().rfind(|secret| secret.ends_at.is_none() && secret.revoked_at.is_none())
    }

    /// Of a client, the id that its last secret stands under.
    pub fn client_id(&self) -> Option<&ClientId> {
        self.secrets.last().and_then(|secret| secret.facts.client_id.as_ref())
    }

    pub fn living_secrets(&self, now: Timestamp) -> impl Iterator<Item = &Secret> {
        self.secrets.iter().filter(move |secret| !secret.is_over(now))
    }

    /// Counts against the tenant's plan: neither revoked nor recorded as expired.
    pub fn counts(&self) -> bool {
        self.revoked.is_none() && !self.expiry_recorded
    }

    /// The earliest instant at which housekeeping has something to record.
    pub fn due_at(&self) -> Option<Timestamp> {
        if !self.counts() {
            return None;
        }
        let windows = self
            .secrets
            .iter()
            .filter(|secret| secret.revoked_at.is_none() && !secret.end_recorded)
            .filter_map(|secret| secret.ends_at);
        windows.chain(self.expires_at).min()
    }

    /// Expired and revoked credentials are final: nothing changes them any more.
    fn still_open(&self, now: Timestamp) -> Result<(), Refusal> {
        if self.revoked.is_some() {
            return Err(Refusal::conflict("This credential is revoked, for ever. Create a new one."));
        }
        if self.is_expired(now) {
            return Err(Refusal::conflict("This credential has expired, for ever. Create a new one."));
        }
        Ok(())
    }

    /// Still open, and with room in its history. Ending it takes none.
    fn still_editable(&self, now: Timestamp) -> Result<(), Refusal> {
        self.still_open(now)?;
        self.history.takes_more("Create a new credential, then revoke this one.")
    }

    fn secret_mut(&mut self, id: SecretId) -> Result<&mut Secret, &'static str> {
        self.secrets
            .iter_mut()
            .find(|secret| secret.facts.id == id)
            .ok_or("it names a secret that is not there")
    }

    fn apply(&mut self, event: CredentialEvent, recorded: &Recorded) -> Result<(), &'static str> {
        match event {
            CredentialEvent::Created(_) | CredentialEvent::Imported(_) => {
                return Err("the credential is there already");
            }
            CredentialEvent::Edited(event) => event.apply(self, recorded.version),
            CredentialEvent::Configured(event) => event.apply(self)?,
            CredentialEvent::TokensRevoked(_) => TokensRevoked::apply(self, recorded.version)?,
            CredentialEvent::Rescoped(event) => self.scopes = event.scopes,
            CredentialEvent::ExpirySet(event) => event.apply(self, recorded.at),
            CredentialEvent::Restricted(event) => self.ip_rules = event.ip_rules,
            CredentialEvent::Limited(event) => self.rate_limit = event.rate_limit,
            CredentialEvent::OwnerSet(event) => self.owner = event.owner,
            CredentialEvent::Rotated(event) => event.apply(self, recorded)?,
            CredentialEvent::GraceMoved(event) => event.apply(self, recorded.version)?,
            CredentialEvent::SecretRevoked(event) => event.apply(self, recorded)?,
            CredentialEvent::SecretExpired(event) => event.apply(self, recorded.version)?,
            CredentialEvent::LeakReported(event) => event.apply(self, recorded)?,
            CredentialEvent::Suspended(_) => self.suspended_at = Some(recorded.at),
            CredentialEvent::Resumed(_) => self.suspended_at = None,
            CredentialEvent::ExpiringSoon(event) => event.apply(self)?,
            CredentialEvent::Expired(_) => self.expiry_recorded = true,
            CredentialEvent::Revoked(event) => self.revoked = Some(event.into_revocation(recorded)),
        }
        Ok(())
    }
}

impl CredentialEvent {
    /// Housekeeping only writes down what the clock did.
    pub fn is_housekeeping(&self) -> bool {
        matches!(self, Self::SecretExpired(_) | Self::ExpiringSoon(_) | Self::Expired(_))
    }
}

/// A key is found by how it begins, a client by its id; one that is kept was claimed before.
pub fn claims(kind: Kind, event: &CredentialEvent) -> Vec<Claim> {
    let facts = match event {
        CredentialEvent::Created(created) => &created.secret,
        CredentialEvent::Rotated(rotated) => &rotated.secret,
        CredentialEvent::Imported(imported) => return imported.claims(),
        _ => return Vec::new(),
    };
    let id = |id: &ClientId| Claim { kind: ClaimKind::ClientId, key: id.as_str().to_owned() };
    match kind {
        Kind::ApiKey => vec![Claim { kind: ClaimKind::SecretPrefix, key: facts.prefix.clone() }],
        Kind::OauthClient => facts.client_id.iter().map(id).collect(),
    }
}

/// The fold of one more event.
pub fn fold(
    state: Option<Credential>,
    kind: Kind,
    event: CredentialEvent,
    recorded: &Recorded,
) -> Result<Credential, Unfoldable> {
    let credential = folded(state, event, recorded)?;
    if credential.kind() == kind {
        return Ok(credential);
    }
    Err(Unfoldable { event: recorded.event.kind().name, why: "the credential is of the other kind" })
}

fn folded(
    state: Option<Credential>,
    event: CredentialEvent,
    recorded: &Recorded,
) -> Result<Credential, Unfoldable> {
    let unfoldable = |why| Unfoldable { event: recorded.event.kind().name, why };
    let housekeeping = event.is_housekeeping();
    let mut credential = match (state, event) {
        (None, CredentialEvent::Created(created)) => {
            return created.into_credential(recorded).map_err(unfoldable);
        }
        (None, CredentialEvent::Imported(imported)) => {
            return imported.into_credential(recorded).map_err(unfoldable);
        }
        (None, _) => return Err(unfoldable("nothing was created yet")),
        (Some(mut credential), event) => {
            credential.apply(event, recorded).map_err(unfoldable)?;
            credential
        }
    };
    credential.history = credential.history.with(recorded);
    credential.version += u64::from(!housekeeping);
    Ok(credential)
}
