//! A credential with a key from elsewhere, of which only a digest is known. Nobody has to be given another one.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Create, Created, Credential, CredentialEvent, Foreign, Origin, Salt, Secret, SecretFacts};
use super::{edit, rescope, set_expiry, set_owner};
use crate::clock::Timestamp;
use crate::domain::Context;
use crate::domain::base64url;
use crate::domain::event::{Claim, ClaimKind, Recorded};
use crate::domain::ids::{MemberId, SecretId, TenantId};
use crate::domain::ip_rules::IpRules;
use crate::domain::member::Member;
use crate::domain::personal::Personal;
use crate::domain::rate_limit::OwnRateLimit;
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::domain::secret::{Digest, PepperNumber};
use crate::domain::tenant::Tenant;

#[derive(Clone, Debug)]
pub struct Import {
    /// what a mint would be asked for
    pub create: Create,
    pub suspended: bool,
    /// when it was made where it comes from
    pub created_at: Option<Timestamp>,
    pub source: String,
    pub old_id: String,
    /// a keyed digest of everything that was said of it, its foreign digest among it
    pub content: Digest,
    pub secret: ForeignSecret,
}

/// What is kept of a foreign digest: an HMAC of it, and what leads from a text to it.
#[derive(Clone, Debug)]
pub struct ForeignSecret {
    /// what is known of how the key begins
    pub prefix: String,
    /// the part of it that all keys of its format have
    pub format: String,
    /// [`crate::domain::imports::Scheme::label`]
    pub scheme: String,
    pub salt: Option<Salt>,
    /// the same for the same foreign digest, whichever pepper is the newest
    pub claim: Digest,
    pub pepper: PepperNumber,
    pub digest: Digest,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Imported {
    pub tenant_id: TenantId,
    pub source: String,
    pub old_id: Personal<String>,
    pub content: Digest,
    pub created_at: Option<Timestamp>,
    pub suspended: bool,
    pub name: Personal<String>,
    pub description: Personal<String>,
    pub metadata: Personal<Map<String, Value>>,
    pub scopes: Vec<Scope>,
    pub expires_at: Option<Timestamp>,
    pub ip_rules: IpRules,
    pub rate_limit: OwnRateLimit,
    pub owner: Option<MemberId>,
    pub secret: Box<ImportedSecret>,
}

/// All that is ever stored of an imported key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportedSecret {
    pub id: SecretId,
    pub prefix: String,
    pub format: String,
    pub scheme: String,
    pub salt: Option<Salt>,
    pub claim: Digest,
    pub pepper: PepperNumber,
    pub digest: Digest,
}

impl Import {
    pub(super) fn decide(
        &self,
        credential: Option<&Credential>,
        tenant: &Tenant,
        member: Option<&Member>,
        context: &Context,
    ) -> Result<Vec<CredentialEvent>, Refusal> {
        if let Some(credential) = credential {
            return self.repeated(credential);
        }
        tenant.takes_new_credentials()?;
        let create = &self.create;
        let scopes = create.scopes.clone().unwrap_or_else(|| tenant.settings.default_scopes.clone());
        rescope::allowed(&scopes, tenant)?;
        set_expiry::allowed(create.expires_at, tenant, context.now, context.now)?;
        set_owner::allowed(create.owner, tenant, member)?;
        edit::unlike_erased(Some(&create.metadata))?;
        if self.created_at.is_some_and(|at| at > context.now) {
            let detail = format!("It lies ahead of now ({}).", context.now);
            return Err(Refusal::invalid("/created_at", detail));
        }
        Ok(vec![CredentialEvent::Imported(Imported {
            tenant_id: tenant.id,
            source: self.source.clone(),
            old_id: Personal::Known(self.old_id.clone()),
            content: self.content,
            created_at: self.created_at,
            suspended: self.suspended,
            name: Personal::Known(create.name.clone()),
            description: Personal::Known(create.description.clone()),
            metadata: Personal::Known(create.metadata.clone()),
            scopes,
            expires_at: create.expires_at,
            ip_rules: create.ip_rules.clone(),
            rate_limit: create.rate_limit,
            owner: create.owner,
            secret: Box::new(self.secret.imported(SecretId(context.fresh.uuid()))),
        })])
    }

    /// The same line again, after an import that broke off: whatever became of the credential since stands.
    fn repeated(&self, credential: &Credential) -> Result<Vec<CredentialEvent>, Refusal> {
        match &credential.origin {
            Some(origin) if origin.content == self.content => Ok(Vec::new()),
            _ => Err(Refusal::conflict(format!(
                "This old_id of {:?} was imported before, and the line said something else then. The credential stays as it is; \
                 change it by itself, or import this key under another old_id.",
                self.source
            ))),
        }
    }
}

impl ForeignSecret {
    fn imported(&self, id: SecretId) -> ImportedSecret {
        let Self { prefix, format, scheme, salt, claim, pepper, digest } = self.clone();
        ImportedSecret { id, prefix, format, scheme, salt, claim, pepper, digest }
    }
}

impl ImportedSecret {
    pub fn facts(&self) -> SecretFacts {
        let Self { id, prefix, pepper, digest, .. } = self;
        SecretFacts { id: *id, client_id: None, prefix: prefix.clone(), pepper: *pepper, digest: *digest }
    }

    pub fn foreign(&self) -> Foreign {
        Foreign { format: self.format.clone(), salt: self.salt.clone() }
    }
}

impl Imported {
    pub(super) fn claims(&self) -> Vec<Claim> {
        vec![Claim { kind: ClaimKind::ImportedKey, key: base64url::encode(self.secret.claim.bytes()) }]
    }

    /// All that it has in common with a key that was minted here.
    pub fn as_minted(&self) -> Created {
        Created {
            tenant_id: self.tenant_id,
            name: self.name.clone(),
            description: self.description.clone(),
            metadata: self.metadata.clone(),
            scopes: self.scopes.clone(),
            expires_at: self.expires_at,
            ip_rules: self.ip_rules.clone(),
            rate_limit: self.rate_limit,
            owner: self.owner,
            registration: None,
            secret: self.secret.facts(),
        }
    }

    pub(super) fn into_credential(self, recorded: &Recorded) -> Result<Credential, &'static str> {
        let as_minted = self.as_minted();
        let mut secret = Secret::new(self.secret.facts(), recorded.at, recorded.version);
        secret.foreign = Some(self.secret.foreign());
        Ok(Credential {
            secrets: vec![secret],
            leaks: Vec::new(),
            created_at: self.created_at.unwrap_or(recorded.at),
            origin: Some(Origin {
                source: self.source,
                old_id: self.old_id,
                imported_at: recorded.at,
                content: self.content,
            }),
            suspended_at: self.suspended.then_some(recorded.at),
            ..as_minted.into_credential(recorded)?
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::credential::{CredentialCommand, Edit, Reason, Revoke, Rotate, SecretStatus};
    use crate::domain::refusal::RefusalKind;
    use crate::domain::testing::*;

    fn again(import: Import) -> CredentialCommand {
        CredentialCommand::Import(Box::new(import))
    }

    #[test]
    fn an_import_is_a_creation_that_says_where_it_comes_from() {
        let made = given([]).when(again(import())).state();
        let origin = made.origin.as_ref().expect("an origin");
        assert_eq!((origin.source.as_str(), origin.old_id.known()), ("unkey", Some(&"key_1".to_owned())));
        assert_eq!((made.version, made.created_at), (1, at(-500)));
        assert_eq!(made.secrets[0].facts.prefix, "sk_abcd");
        assert_eq!(made.secrets[0].foreign.as_ref().map(|foreign| foreign.format.as_str()), Some("sk_"));
        let young = given([]).when(again(Import { created_at: None, ..import() })).state();
        assert_eq!(young.created_at, at(0));
    }

    #[test]
    fn what_was_switched_off_there_is_suspended_here() {
        let off = given([]).when(again(Import { suspended: true, ..import() })).state();
        assert_eq!(off.suspended_at, Some(at(0)));
        assert_eq!(given([]).when(again(import())).state().suspended_at, None);
    }

    #[test]
    fn the_same_line_again_is_no_event_whatever_became_of_the_key() {
        given([]).when(again(import())).and(again(import())).then([]);
        let rename = CredentialCommand::Edit(Edit { name: Some("other".into()), ..Edit::default() });
        given([]).when(again(import())).and(rename).and(again(import())).then([]);
        let revoke = CredentialCommand::Revoke(Revoke { reason: Reason::Leaked, note: None });
        let revoked = given([]).when(again(import())).and(revoke).state();
        given_state(revoked).tenant(suspended_tenant()).when(again(import())).then([]);
    }

    #[test]
    fn another_line_under_the_same_old_id_is_a_conflict() {
        let other = Import { content: Digest::new([9; 32]), ..import() };
        given([]).when(again(import())).and(again(other)).refused(RefusalKind::Conflict, None);
        given([created()]).when(again(import())).refused(RefusalKind::Conflict, None);
    }

    #[test]
    fn the_tenants_rules_hold_as_at_a_mint() {
        let with = |change: fn(&mut Create)| {
            let mut create = import().create;
            change(&mut create);
            again(Import { create, ..import() })
        };
        let narrow = tenant_with(|settings| settings.allowed_scopes = Some(scopes(&["logs:*"])));
        let wide = with(|create| create.scopes = Some(scopes(&["billing:read"])));
        given([]).tenant(narrow).when(wide).refused(RefusalKind::Invalid, Some("/scopes"));
        let ending = tenant_with(|settings| settings.require_expiry = true);
        given([]).tenant(ending).when(again(import())).refused(RefusalKind::Invalid, Some("/expires_at"));
        let over = with(|create| create.expires_at = Some(at(0)));
        given([]).when(over).refused(RefusalKind::Invalid, Some("/expires_at"));
        let owned = with(|create| create.owner = Some(member_with(&[]).id));
        given([]).when(owned.clone()).refused(RefusalKind::Invalid, Some("/owner"));
        given([]).member(member_with(&[])).when(owned).accepted();
        given([]).tenant(suspended_tenant()).when(again(import())).refused(RefusalKind::Conflict, None);
        let defaults = tenant_with(|settings| settings.default_scopes = scopes(&["a"]));
        assert_eq!(given([]).tenant(defaults).when(again(import())).state().scopes, scopes(&["a"]));
        let ahead = again(Import { created_at: Some(at(1)), ..import() });
        given([]).when(ahead).refused(RefusalKind::Invalid, Some("/created_at"));
    }

    #[test]
    fn a_rotation_gives_a_key_of_our_own_and_the_imported_one_lives_through_its_window() {
        let rotate = CredentialCommand::Rotate(Rotate::with_grace(60));
        let after = given([]).when(again(import())).and(rotate).state();
        assert_eq!(after.secrets[0].status(at(59)), SecretStatus::Expiring);
        assert!(after.secrets[0].foreign.is_some());
        assert!(after.secrets[1].foreign.is_none());
        assert!(after.secrets[1].facts.prefix.starts_with("cl_live_"));
    }

    #[test]
    fn one_foreign_digest_is_claimed_once_under_any_pepper() {
        let of = |pepper: u32| {
            let secret = ForeignSecret { pepper: PepperNumber(pepper), ..import().secret };
            let secret = ForeignSecret { digest: Digest::new([pepper as u8; 32]), ..secret };
            let made = given([]).when(again(Import { secret, ..import() }));
            made.events()[0].event.claims()
        };
        assert_eq!(of(1), of(2));
        assert_eq!(of(1).len(), 1);
    }
}
