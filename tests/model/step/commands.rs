//! What a step asks of the domain.

use credledger::clock::Timestamp;
use credledger::domain::credential::*;
use credledger::domain::ip_rules::IpRules;
use credledger::domain::member::{self, MemberCommand};
use credledger::domain::operator::{self, OperatorCommand, Reach};
use credledger::domain::plan::{Bounds, SetPlan};
use credledger::domain::scope::{ConcreteScope, Scope};
use credledger::domain::tenant::settings::SettingsPatch;
use credledger::domain::tenant::{self, TenantCommand};
use serde_json::{Map, Value};

use super::{Action, Configured, Named, Patch, Reaching, later};

fn parsed(scopes: &[&str]) -> Vec<Scope> {
    scopes.iter().map(|text| Scope::parse(text).expect("a scope")).collect()
}

fn resources(of: &[&str]) -> Vec<Resource> {
    of.iter().map(|text| Resource::parse(text).expect("a resource")).collect()
}

fn ip_rules(rules: &Value) -> IpRules {
    serde_json::from_value(rules.clone()).expect("rules")
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

impl Action {
    pub fn on_key(&self, now: Timestamp, named: &Named) -> Vec<CredentialCommand> {
        use CredentialCommand as C;
        vec![match self {
            Action::Create { name, scopes, expires, rules, limit, owner, resources: of } => {
                C::Create(Create {
                    name: name.clone(),
                    description: String::new(),
                    metadata: Map::new(),
                    scopes: scopes.as_deref().map(parsed),
                    expires_at: expires.map(|seconds| later(now, seconds)),
                    ip_rules: rules.as_ref().map(ip_rules).unwrap_or_default(),
                    rate_limit: limit.unwrap_or_default(),
                    owner: owner.map(|number| named.member(number)),
                    registration: of.as_deref().map(|of| Registration {
                        token_endpoint_auth_method: AuthMethod::ClientSecretBasic,
                        resources: resources(of),
                        jwks: None,
                        dpop_bound_access_tokens: false,
                    }),
                })
            }
            Action::Edit(patch) => return patch.commands(now, named),
            Action::Rotate { grace, quiet } => {
                C::Rotate(Rotate { grace_seconds: *grace, close_when_quiet_seconds: *quiet })
            }
            Action::MoveGrace { secret, seconds, quiet } => C::MoveGrace(MoveGrace {
                secret: named.secret(*secret),
                ends_at: seconds.map(|seconds| later(now, seconds)),
                close_when_quiet_seconds: *quiet,
            }),
            Action::RevokeSecret { secret } => {
                C::RevokeSecret(RevokeSecret { secret: named.secret(*secret) })
            }
            Action::Suspend => C::Suspend(Suspend),
            Action::Resume => C::Resume(Resume),
            Action::Revoke { reason, note } => C::Revoke(Revoke { reason: *reason, note: note.clone() }),
            Action::Delete => C::Revoke(Revoke { reason: Reason::Deleted, note: None }),
            Action::TokensRevoke => C::RevokeTokens(RevokeTokens),
            _ => return Vec::new(),
        }]
    }

    pub fn on_member(&self) -> Vec<MemberCommand> {
        match self {
            Action::MemberDisable => vec![MemberCommand::Disable(member::Disable)],
            Action::MemberEnable => vec![MemberCommand::Enable(member::Enable)],
            Action::MemberEdit { name, email, scopes } => {
                let edit = member::Edit { name: name.clone(), email: email.clone(), description: None };
                let rescope = scopes.as_deref().map(|scopes| member::Rescope { scopes: parsed(scopes) });
                let rescope = rescope.map(MemberCommand::Rescope);
                [MemberCommand::Edit(edit)].into_iter().chain(rescope).collect()
            }
            _ => Vec::new(),
        }
    }

    pub fn on_tenant(&self, named: &Named) -> Vec<TenantCommand> {
        match self {
            Action::TenantSuspend => vec![TenantCommand::Suspend(tenant::Suspend)],
            Action::TenantResume => vec![TenantCommand::Resume(tenant::Resume)],
            Action::TenantEdit { name, plan, settings } => {
                let plan = plan.map(|plan| plan.map(|number| named.plan(number).clone()));
                let edit = [TenantCommand::Edit(tenant::Edit { name: name.clone(), plan })];
                let configure = settings.as_ref().map(|settings| {
                    TenantCommand::Configure(Box::new(tenant::Configure { patch: settings.patch() }))
                });
                edit.into_iter().chain(configure).collect()
            }
            _ => Vec::new(),
        }
    }

    pub fn on_operator(&self, now: Timestamp, named: &Named) -> Vec<OperatorCommand> {
        use OperatorCommand as C;
        let other_roots = named.other_roots.clone();
        vec![match self {
            Action::OperatorCreate { name, role, reaching } => C::Create(operator::Create {
                name: name.clone(),
                role: *role,
                reach: reaching.as_ref().map_or(Reach::All, |reaching| reaching.reach(named)),
                first: false,
                token: None,
            }),
            Action::OperatorEdit { role, reaching, disabled } => {
                let reach = reaching.as_ref().map(|reaching| reaching.reach(named));
                let assigns = role.is_some() || reach.is_some();
                let assign = operator::Assign { role: *role, reach, other_roots: other_roots.clone() };
                let switch = disabled.map(|disabled| match disabled {
                    true => C::Disable(operator::Disable { other_roots }),
                    false => C::Enable(operator::Enable),
                });
                return assigns.then_some(C::Assign(assign)).into_iter().chain(switch).collect();
            }
            Action::OperatorDelete => C::Disable(operator::Disable { other_roots }),
            Action::TokenMint { name, seconds } => {
                C::MintToken(operator::MintToken { name: name.clone(), expires_at: later(now, *seconds) })
            }
            Action::TokenRevoke { token } => {
                C::RevokeToken(operator::RevokeToken { token: named.token(*token) })
            }
            _ => return Vec::new(),
        }]
    }

    pub fn on_plan(&self, named: &Named) -> Option<SetPlan> {
        let Action::PlanSet { plan, active_credentials } = self else { return None };
        let bounds = Bounds { active_credentials: *active_credentials };
        Some(SetPlan { name: named.plan(*plan).clone(), bounds })
    }
}

impl Reaching {
    fn reach(&self, named: &Named) -> Reach {
        match self {
            Reaching::All => Reach::All,
            Reaching::Tenants(numbers) => {
                Reach::Tenants(numbers.iter().map(|number| named.tenant(*number)).collect())
            }
        }
    }
}

impl Patch {
    pub(super) fn commands(&self, now: Timestamp, named: &Named) -> Vec<CredentialCommand> {
        let edit = Edit {
            name: self.name.clone(),
            description: self.description.clone(),
            metadata: self.metadata.as_ref().map(|metadata| metadata.as_ref().map(object)),
        };
        let rescope = self.scopes.as_deref().map(|scopes| Rescope { scopes: Some(parsed(scopes)) });
        let expiry = self.expires.map(|end| SetExpiry { expires_at: end.map(|seconds| later(now, seconds)) });
        let restrict = self.rules.as_ref().map(|rules| Restrict { ip_rules: ip_rules(rules) });
        let limit = self.limit.map(|rate_limit| Limit { rate_limit });
        let own = self.owner.map(|owner| SetOwner { owner: owner.map(|number| named.member(number)) });
        let of_client = self.resources.as_deref().filter(|_| named.kind == Kind::OauthClient);
        let configure =
            of_client.map(|of| Configure { resources: Some(resources(of)), ..Configure::default() });
        let actions = [
            Some(CredentialCommand::Edit(edit)),
            rescope.map(CredentialCommand::Rescope),
            expiry.map(CredentialCommand::SetExpiry),
            restrict.map(CredentialCommand::Restrict),
            limit.map(CredentialCommand::Limit),
            own.map(CredentialCommand::SetOwner),
            configure.map(CredentialCommand::Configure),
        ];
        actions.into_iter().flatten().collect()
    }
}

impl Configured {
    fn patch(&self) -> SettingsPatch {
        let concrete = |text: &str| ConcreteScope::parse(text).expect("a scope");
        let operation = |(name, scope): &(&str, Option<&str>)| ((*name).to_owned(), scope.map(concrete));
        SettingsPatch {
            max_grace_seconds: self.max_grace_seconds,
            default_grace_seconds: self.default_grace_seconds,
            max_lifetime_seconds: self.max_lifetime_seconds,
            require_expiry: self.require_expiry,
            allowed_scopes: self.allowed_scopes.as_ref().map(|allowed| allowed.as_deref().map(parsed)),
            operations: self.operations.as_ref().map(|list| Some(list.iter().map(operation).collect())),
            default_rate_limit: self.default_rate_limit,
            expiry_warning_seconds: self.expiry_warning_seconds,
            client_rotation: self.client_rotation,
            token_lifetime_seconds: self.token_lifetime_seconds,
            on_leak: self.on_leak,
            ..SettingsPatch::default()
        }
    }
}
