//! Mint a credential with its first secret.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    AuthMethod, Client, Credential, CredentialEvent, Registration, Secret, SecretFacts, Typed, edit, rescope,
    set_expiry, set_owner,
};
use crate::clock::Timestamp;
use crate::domain::Context;
use crate::domain::event::Recorded;
use crate::domain::history::History;
use crate::domain::ids::{CredentialId, MemberId, TenantId};
use crate::domain::ip_rules::IpRules;
use crate::domain::member::Member;
use crate::domain::personal::Personal;
use crate::domain::rate_limit::OwnRateLimit;
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::domain::tenant::Tenant;

#[derive(Clone, Debug)]
pub struct Create {
    pub name: String,
    pub description: String,
    pub metadata: Map<String, Value>,
    /// absent: the tenant's default
    pub scopes: Option<Vec<Scope>>,
    pub expires_at: Option<Timestamp>,
    pub ip_rules: IpRules,
    pub rate_limit: OwnRateLimit,
    pub owner: Option<MemberId>,
    /// none: a key
    pub registration: Option<Registration>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Created {
    pub tenant_id: TenantId,
    pub name: Personal<String>,
    pub description: Personal<String>,
    pub metadata: Personal<Map<String, Value>>,
    pub scopes: Vec<Scope>,
    pub expires_at: Option<Timestamp>,
    pub ip_rules: IpRules,
    pub rate_limit: OwnRateLimit,
    pub owner: Option<MemberId>,
    /// of a client
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<Registration>,
    pub secret: SecretFacts,
}

impl Create {
    pub(super) fn decide(
        &self,
        credential: Option<&Credential>,
        tenant: &Tenant,
        member: Option<&Member>,
        context: &Context,
    ) -> Result<Vec<CredentialEvent>, Refusal> {
        if credential.is_some() {
            return Err(Refusal::conflict("This id is taken. Send the request again."));
        }
        tenant.takes_new_credentials()?;
        let scopes = self.scopes.clone().unwrap_or_else(|| tenant.settings.default_scopes.clone());
        rescope::allowed(&scopes, tenant)?;
        set_expiry::allowed(self.expires_at, tenant, context.now, context.now)?;
        set_owner::allowed(self.owner, tenant, member)?;
        edit::unlike_erased(Some(&self.metadata))?;
        if let Some(registration) = &self.registration {
            registration.checked()?;
        }
        Ok(vec![CredentialEvent::Created(Created {
            tenant_id: tenant.id,
            name: Personal::Known(self.name.clone()),
            description: Personal::Known(self.description.clone()),
            metadata: Personal::Known(self.metadata.clone()),
            scopes,
            expires_at: self.expires_at,
            ip_rules: self.ip_rules.clone(),
            rate_limit: self.rate_limit,
            owner: self.owner,
            registration: self.registration.clone(),
            secret: match &self.registration {
                None => context.fresh.secret(&tenant.settings.key_format),
                Some(registration) => fresh_client(registration, tenant, context),
            },
        })])
    }
}

fn fresh_client(registration: &Registration, tenant: &Tenant, context: &Context) -> SecretFacts {
    let format = &tenant.settings.client_format;
    match registration.token_endpoint_auth_method {
        AuthMethod::ClientSecretBasic => context.fresh.client(format, None),
        AuthMethod::PrivateKeyJwt => context.fresh.client_without_secret(format),
    }
}

impl Created {
    /// What it is beside a key.
    pub fn client(&self) -> Option<Client> {
        let registration = self.registration.clone()?;
        Some(Client { registration, tokens_revoked: 0 })
    }

    pub(super) fn into_credential(self, recorded: &Recorded) -> Result<Credential, &'static str> {
        if recorded.version != 1 {
            return Err("a credential is created by its stream's first event");
        }
        if recorded.tenant != Some(self.tenant_id) {
            return Err("it names another tenant than its envelope");
        }
        if self.registration.is_some() != self.secret.client_id.is_some() {
            return Err("it has a client's id without a registration, or a registration without one");
        }
        if self.registration.as_ref().is_some_and(|registration| !registration.is_sound()) {
            return Err("it has keys where there is a secret, or neither");
        }
        let client = self.client();
        Ok(Credential {
            id: CredentialId(recorded.stream.0),
            tenant: self.tenant_id,
            name: Typed { value: self.name, since: recorded.version },
            description: Typed { value: self.description, since: recorded.version },
            metadata: Typed { value: self.metadata, since: recorded.version },
            scopes: self.scopes,
            ip_rules: self.ip_rules,
            rate_limit: self.rate_limit,
            owner: self.owner,
            client,
            expires_at: self.expires_at,
            expiry_since: recorded.at,
            warned_of: None,
            secrets: vec![Secret::new(self.secret, recorded.at, recorded.version)],
            leaks: Vec::new(),
            created_at: recorded.at,
            created_by: recorded.actor,
            origin: None,
            suspended_at: None,
            revoked: None,
            expiry_recorded: false,
            version: 1,
            history: History::begun_by(recorded),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::credential::{CredentialCommand, Kind};
    use crate::domain::event::{ClaimKind, Event};
    use crate::domain::refusal::RefusalKind;
    use crate::domain::stream::StreamState;
    use crate::domain::testing::*;

    fn create() -> Create {
        Create {
            name: "ci-runner".into(),
            description: String::new(),
            metadata: Map::new(),
            scopes: None,
            expires_at: None,
            ip_rules: IpRules::default(),
            rate_limit: OwnRateLimit::Default,
            owner: None,
            registration: None,
        }
    }

    #[test]
    fn a_mint_takes_the_tenants_default_scopes_and_format() {
        let tenant = tenant_with(|settings| settings.default_scopes = scopes(&["logs:read"]));
        let made = given([]).tenant(tenant).when(CredentialCommand::Create(create())).state();
        assert_eq!(made.scopes, scopes(&["logs:read"]));
        assert_eq!(made.secrets.len(), 1);
        assert!(made.secrets[0].facts.prefix.starts_with("cl_live_"));
        assert_eq!(made.version, 1);
    }

    #[test]
    fn a_scope_that_the_tenant_does_not_allow_is_refused() {
        let tenant = tenant_with(|settings| settings.allowed_scopes = Some(scopes(&["logs:*"])));
        let command =
            CredentialCommand::Create(Create { scopes: Some(scopes(&["billing:read"])), ..create() });
        given([]).tenant(tenant).when(command).refused(RefusalKind::Invalid, Some("/scopes"));
    }

    #[test]
    fn an_expiry_in_the_past_now_or_missing_where_demanded_is_refused() {
        for (expires_at, demanded) in [(Some(at(-1)), false), (Some(at(0)), false), (None, true)] {
            let tenant = tenant_with(|settings| settings.require_expiry = demanded);
            let command = CredentialCommand::Create(Create { expires_at, ..create() });
            given([]).tenant(tenant).when(command).refused(RefusalKind::Invalid, Some("/expires_at"));
        }
    }

    #[test]
    fn a_mint_for_a_member_needs_one_of_the_tenant_that_works() {
        let ada = member_with(&["logs:read"]);
        let mint = || CredentialCommand::Create(Create { owner: Some(ada.id), ..create() });
        assert_eq!(given([]).member(ada.clone()).when(mint()).state().owner, Some(ada.id));
        given([]).when(mint()).refused(RefusalKind::Invalid, Some("/owner"));
        let foreign = Member { tenant: tenant_id(2), ..ada.clone() };
        given([]).member(foreign).when(mint()).refused(RefusalKind::Invalid, Some("/owner"));
        let disabled = Member { disabled_at: Some(at(-1)), ..ada.clone() };
        given([]).member(disabled).when(mint()).refused(RefusalKind::Conflict, None);
    }

    #[test]
    fn a_client_is_made_as_a_key_is_with_an_id_of_its_own_kind() {
        let create = Create { registration: Some(registration()), ..create() };
        let made = given_client([]).when(CredentialCommand::Create(create));
        let events: Vec<_> = made.events().into_iter().map(|recorded| recorded.event).collect();
        let [event] = events.as_slice() else { panic!("one event, not {events:?}") };
        assert_eq!(event.kind().name, "oauth_client.created");
        let claims: Vec<_> = event.claims().into_iter().map(|claim| (claim.kind, claim.key)).collect();
        assert!(
            matches!(claims.as_slice(), [(ClaimKind::ClientId, id)] if id.starts_with("cl_client_")),
            "{claims:?}"
        );
    }

    #[test]
    fn a_client_with_keys_has_an_id_and_no_secret_that_it_could_show() {
        let create = Create { registration: Some(keyed(1)), ..create() };
        let made = given_client([]).when(CredentialCommand::Create(create)).state();
        let [secret] = made.secrets.as_slice() else { panic!("one, not {:?}", made.secrets) };
        let id = secret.facts.client_id.as_ref().expect("an id");
        assert!(
            secret.facts.prefix.starts_with("cl_client_") && id.as_str().starts_with(&secret.facts.prefix)
        );
        assert_eq!(made.client.expect("a client").registration, keyed(1));
    }

    #[test]
    fn keys_are_of_a_client_that_proves_itself_by_them_and_of_no_other() {
        let without = Registration { jwks: None, ..keyed(1) };
        let beside = Registration { jwks: Some(client_keys(1)), ..registration() };
        for registration in [without, beside] {
            let create = Create { registration: Some(registration.clone()), ..create() };
            given_client([])
                .when(CredentialCommand::Create(create))
                .refused(RefusalKind::Invalid, Some("/jwks"));
            let CredentialEvent::Created(created) = client_created() else { panic!("a creation") };
            let created = Created { registration: Some(registration), ..created };
            let event = Event::Credential(Kind::OauthClient, CredentialEvent::Created(created));
            let recorded = Recorded { tenant: Some(tenant_id(1)), ..recorded_on(1, event) };
            assert!(StreamState::Empty.folded(recorded).is_err());
        }
    }

    #[test]
    fn a_registration_without_an_id_or_an_id_without_one_is_no_creation() {
        let CredentialEvent::Created(client) = client_created() else { panic!("a creation") };
        let CredentialEvent::Created(key) = created() else { panic!("a creation") };
        let odd = [
            (Kind::OauthClient, Created { secret: key.secret.clone(), ..client.clone() }),
            (Kind::ApiKey, Created { secret: client.secret.clone(), ..key.clone() }),
            (Kind::ApiKey, client),
            (Kind::OauthClient, key),
        ];
        for (kind, created) in odd {
            let event = Event::Credential(kind, CredentialEvent::Created(created));
            let recorded = Recorded { tenant: Some(tenant_id(1)), ..recorded_on(1, event) };
            assert!(StreamState::Empty.folded(recorded).is_err());
        }
    }

    #[test]
    fn a_suspended_tenant_mints_nothing() {
        let tenant = suspended_tenant();
        given([])
            .tenant(tenant)
            .when(CredentialCommand::Create(create()))
            .refused(RefusalKind::Conflict, None);
    }
}
