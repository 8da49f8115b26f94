//! What can be asked of the ledger, and how it is decided: authority first, then the action's own decision.

use super::Context;
use super::access_token;
use super::activity_log::ActivityLogCommand;
use super::authority::{self, Action, Role};
use super::credential::{Credential, CredentialCommand, Kind};
use super::erasure::{Erase, Held};
use super::event::{Actor, Event, Recorded};
use super::ids::{MemberId, OperatorId, StreamId, TenantId, TokenId};
use super::imports::Declare;
use super::member::{Member, MemberCommand};
use super::operator::{Beside, Operator, OperatorCommand};
use super::plan::{Plan, PlanName, SetPlan};
use super::refusal::{Refusal, RefusalKind};
use super::signing_keys::SigningKeysCommand;
use super::stream::StreamState;
use super::tenant::{Tenant, TenantCommand};

#[derive(Clone, Debug)]
pub enum Command {
    Tenant(Vec<TenantCommand>),
    /// Several actions on one credential are one atomic batch, an event each. Of the other kind it is not there, where a
    /// kind is named.
    Credential(TenantId, Option<Kind>, Vec<CredentialCommand>),
    /// Several actions on one member are one atomic batch, an event each.
    Member(TenantId, Vec<MemberCommand>),
    /// Several actions on one operator are one atomic batch, an event each.
    Operator(Vec<OperatorCommand>),
    Plan(SetPlan),
    /// one access token of a tenant's client
    AccessToken(TenantId, access_token::Revoke),
    /// what a tenant's import says of its keys
    Declare(TenantId, Declare),
    SigningKeys(SigningKeysCommand),
    /// of what stands under a tenant, or under none
    Erase(Option<TenantId>, Erase),
    /// the service's own
    ActivityLog(ActivityLogCommand),
}

/// The states of the other streams that the decision reads.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub tenant: Option<Tenant>,
    /// the operator who asks, and with which token
    pub operator: Option<(Operator, Option<TokenId>)>,
    /// the account that the command gives a credential to
    pub owner: Option<Member>,
    /// the plan that the command puts a tenant on, or that the tenant is on
    pub plan: Option<Plan>,
    /// an operator of [`Command::other_roots`] who is an active root
    pub other_root: Option<Operator>,
    /// what is personal in the stream that the command erases of
    pub held: Option<Held>,
}

/// A command with everything that its decision needs: the decision is a function of (state, this).
#[derive(Clone, Debug)]
pub struct Asked {
    pub command: Command,
    pub seen: Seen,
    pub context: Context,
    /// the versions that the caller's `If-Match` names
    pub if_versions: Option<Vec<u64>>,
}

impl Command {
    pub fn tenant(&self, stream: StreamId) -> Option<TenantId> {
        match self {
            Command::Tenant(_) => Some(TenantId(stream.0)),
            Command::Credential(tenant, ..)
            | Command::Member(tenant, _)
            | Command::AccessToken(tenant, _)
            | Command::Declare(tenant, _) => Some(*tenant),
            Command::Erase(tenant, _) => *tenant,
            Command::Operator(_) | Command::Plan(_) | Command::SigningKeys(_) | Command::ActivityLog(_) => {
                None
            }
        }
    }

    /// The tenant that its events stand under: what may be asked for a tenant's sake concerns them all.
    fn recorded_tenant(&self, stream: StreamId) -> Option<TenantId> {
        self.tenant(stream).filter(|_| !matches!(self, Command::Declare(..)))
    }

    /// The tenant whose settings the decision goes by.
    pub fn reads_tenant(&self) -> Option<TenantId> {
        match self {
            Command::Credential(tenant, ..) | Command::Member(tenant, _) | Command::Declare(tenant, _) => {
                Some(*tenant)
            }
            Command::Tenant(_)
            | Command::Operator(_)
            | Command::Plan(_)
            | Command::AccessToken(..)
            | Command::SigningKeys(_)
            | Command::Erase(..)
            | Command::ActivityLog(_) => None,
        }
    }

    /// The plan that bounds what it may do; `tenant` is the one of [`Command::reads_tenant`].
    pub fn reads_plan<'a>(&'a self, tenant: Option<&'a Tenant>) -> Option<&'a PlanName> {
        match self {
            Command::Tenant(actions) => actions.iter().find_map(|action| match action {
                TenantCommand::Create(create) => create.plan.as_ref(),
                TenantCommand::Edit(edit) => edit.plan.as_ref()?.as_ref(),
                _ => None,
            }),
            Command::Credential(..) if self.creates() || self.imports() => tenant?.plan.as_ref(),
            Command::Credential(..)
            | Command::Member(..)
            | Command::Operator(_)
            | Command::Plan(_)
            | Command::Declare(..)
            | Command::AccessToken(..)
            | Command::SigningKeys(_)
            | Command::Erase(..)
            | Command::ActivityLog(_) => None,
        }
    }

    /// The account that a credential is given to.
    pub fn owner(&self) -> Option<MemberId> {
        let Command::Credential(_, _, actions) = self else { return None };
        actions.iter().find_map(|action| match action {
            CredentialCommand::Create(create) => create.owner,
            CredentialCommand::Import(import) => import.create.owner,
            CredentialCommand::SetOwner(set) => set.owner,
            _ => None,
        })
    }

    /// Whether its stream is a new one, under an id made for it.
    pub fn creates(&self) -> bool {
        match self {
            Command::Tenant(actions) => matches!(actions.first(), Some(TenantCommand::Create(_))),
            Command::Credential(_, _, actions) => {
                matches!(actions.first(), Some(CredentialCommand::Create(_)))
            }
            Command::Member(_, actions) => matches!(actions.first(), Some(MemberCommand::Create(_))),
            Command::Operator(actions) => actions.first().is_some_and(OperatorCommand::begins),
            Command::Erase(..) => true,
            // Its stream is the same whether there is one or not.
            Command::Plan(_)
            | Command::Declare(..)
            | Command::AccessToken(..)
            | Command::SigningKeys(_)
            | Command::ActivityLog(_) => false,
        }
    }

    /// Whether its stream is a new one unless it was made by the same before: its id is made of what is imported.
    fn imports(&self) -> bool {
        matches!(self, Command::Credential(_, _, actions) if matches!(actions.first(), Some(CredentialCommand::Import(_))))
    }

    /// Of whom the decision reads the first that is an active root.
    pub fn other_roots(&self) -> &[OperatorId] {
        match self {
            Command::Operator(actions) => {
                let mut named = actions.iter().map(OperatorCommand::other_roots);
                named.find(|named| !named.is_empty()).unwrap_or_default()
            }
            Command::Tenant(_)
            | Command::Credential(..)
            | Command::Member(..)
            | Command::Plan(_)
            | Command::Declare(..)
            | Command::AccessToken(..)
            | Command::SigningKeys(_)
            | Command::Erase(..)
            | Command::ActivityLog(_) => &[],
        }
    }

    fn action(&self) -> Action {
        match self {
            Command::Tenant(actions) => {
                let configures = |action: &TenantCommand| match action {
                    TenantCommand::Edit(edit) => edit.plan.is_none(),
                    TenantCommand::Configure(_) => true,
                    _ => false,
                };
                if actions.iter().all(configures) { Action::ConfigureTenant } else { Action::RunTenants }
            }
            Command::Credential(..) | Command::Declare(..) | Command::AccessToken(..) => {
                Action::ChangeCredentials
            }
            Command::Operator(_) => Action::ManageOperators,
            Command::Member(..) => Action::ManageMembers,
            Command::Plan(_) => Action::RunTenants,
            Command::SigningKeys(_) => Action::ManageSigningKeys,
            Command::Erase(Some(_), _) => Action::Erase,
            Command::Erase(None, _) => Action::EraseOfPlatform,
            // No door leads there.
            Command::ActivityLog(_) => Action::RunTenants,
        }
    }
}

impl Asked {
    /// The events that carry the command out on this state, in order; none when there is nothing to do.
    pub fn decide(&self, stream: StreamId, state: &StreamState) -> Result<Vec<Recorded>, Refusal> {
        self.authorize(stream)?;
        self.find(state)?;
        if self.if_versions.as_ref().is_some_and(|versions| !versions.contains(&state.people_version())) {
            let detail = match state.people_version() {
                0 => "There is nothing yet that a version could match. Leave If-Match out.".to_owned(),
                version => {
                    format!("The resource is at version {version}. Read it again, then repeat your change.")
                }
            };
            return Err(Refusal::new(RefusalKind::Stale, detail));
        }
        match &self.command {
            Command::Tenant(actions) => self.in_turn(stream, state, actions, |action, state| {
                let events = action.decide(state.tenant(), self.seen.plan.as_ref(), &self.context)?;
                Ok(events.into_iter().map(Event::from).collect())
            }),
            Command::Credential(tenant, _, actions) => {
                self.in_turn(stream, state, actions, |action, state| {
                    let (tenant, owner) = (self.seen_tenant(*tenant)?, self.seen.owner.as_ref());
                    let events = action.decide(state.credential(), tenant, owner, &self.context)?;
                    let kind = state.credential().map_or_else(|| action.makes(), Credential::kind);
                    Ok(events.into_iter().map(|event| Event::Credential(kind, event)).collect())
                })
            }
            Command::Member(tenant, actions) => self.in_turn(stream, state, actions, |action, state| {
                let events = action.decide(state.member(), self.seen_tenant(*tenant)?, &self.context)?;
                Ok(events.into_iter().map(Event::from).collect())
            }),
            Command::Operator(actions) => self.in_turn(stream, state, actions, |action, state| {
                let events = action.decide(state.operator(), &self.beside(), &self.context)?;
                Ok(events.into_iter().map(Event::from).collect())
            }),
            Command::Plan(set) => self.in_turn(stream, state, std::slice::from_ref(set), |set, state| {
                Ok(set.decide(state.plan())?.into_iter().map(Event::from).collect())
            }),
            Command::SigningKeys(action) => {
                self.in_turn(stream, state, std::slice::from_ref(action), |action, state| {
                    let events = action.decide(state.signing_keys(), &self.context)?;
                    Ok(events.into_iter().map(Event::from).collect())
                })
            }
            Command::Erase(tenant, erase) => {
                let held = self.seen_held(*tenant)?;
                self.in_turn(stream, state, std::slice::from_ref(erase), |erase, state| {
                    let events = erase.decide(state.erasure(), held)?;
                    Ok(events.into_iter().map(Event::Erasure).collect())
                })
            }
            Command::ActivityLog(action) => {
                self.in_turn(stream, state, std::slice::from_ref(action), |action, state| {
                    let events = action.decide(state.activity_log(), &self.context)?;
                    Ok(events.into_iter().map(Event::from).collect())
                })
            }
            Command::AccessToken(tenant, revoke) => {
                self.in_turn(stream, state, std::slice::from_ref(revoke), |revoke, state| {
                    let events = revoke.decide(state.access_token(), *tenant, &self.context)?;
                    Ok(events.into_iter().map(Event::from).collect())
                })
            }
            Command::Declare(tenant, declare) => {
                let tenant = self.seen_tenant(*tenant)?.id;
                let by_root = self.beside().asker.is_none_or(|asker| asker.role == Role::Root);
                self.in_turn(stream, state, std::slice::from_ref(declare), |declare, state| {
                    let events = declare.decide(state.imports(), tenant, by_root)?;
                    Ok(events.into_iter().map(Event::from).collect())
                })
            }
        }
    }

    fn seen_tenant(&self, named: TenantId) -> Result<&Tenant, Refusal> {
        self.seen.tenant.as_ref().filter(|seen| seen.id == named).ok_or_else(Refusal::not_found)
    }

    /// What is erased of stands under the tenant that is named, and where it is an operator's, nobody it may not change.
    fn seen_held(&self, tenant: Option<TenantId>) -> Result<Option<&Held>, Refusal> {
        let held = self.seen.held.as_ref().filter(|held| held.tenant == tenant);
        if let (Some((role, reach)), Some(asker)) =
            (held.and_then(|held| held.operator.as_ref()), self.beside().asker)
        {
            authority::permit_over(asker.role, &asker.reach, (*role, reach))?;
        }
        Ok(held)
    }

    fn authorize(&self, stream: StreamId) -> Result<(), Refusal> {
        match self.context.caller.actor {
            Actor::System => Ok(()),
            Actor::Holder(id) if self.is_held_by(id, stream) => Ok(()),
            Actor::Holder(_) => Err(Refusal::not_found()),
            Actor::Operator(_) => {
                let Some((operator, token)) = &self.seen.operator else { return Err(Refusal::not_found()) };
                // A tenant that is being created is in nobody's list yet.
                let tenant =
                    self.command.tenant(stream).filter(|_| self.command.action() != Action::RunTenants);
                authority::permit(operator, *token, self.command.action(), tenant, self.context.now)
            }
        }
    }

    /// Whoever holds a credential may end it, or what it was given; whoever holds an operator's token may say that it leaked.
    fn is_held_by(&self, credential: uuid::Uuid, stream: StreamId) -> bool {
        match &self.command {
            Command::AccessToken(_, revoke) => revoke.credential.0 == credential,
            Command::Operator(actions) => {
                let says_so = |action: &OperatorCommand| matches!(action, OperatorCommand::ReportLeak(_));
                stream.0 == credential && actions.iter().all(says_so)
            }
            _ => stream.0 == credential,
        }
    }

    fn beside(&self) -> Beside<'_> {
        let asker = self.seen.operator.as_ref().map(|(operator, _)| operator);
        Beside { asker, other_root: self.seen.other_root.as_ref() }
    }

    /// What is another tenant's is not there, whatever else is wrong with the command.
    fn find(&self, state: &StreamState) -> Result<(), Refusal> {
        let found = match &self.command {
            command if command.creates() => true,
            Command::Plan(_)
            | Command::Declare(..)
            | Command::AccessToken(..)
            | Command::SigningKeys(_)
            | Command::ActivityLog(_) => true,
            command if command.imports() && state.version() == 0 => true,
            Command::Tenant(_) => state.tenant().is_some(),
            Command::Operator(_) => match (state.operator(), self.beside().asker) {
                (Some(operator), Some(asker)) => {
                    let over = (operator.role, &operator.reach);
                    return authority::permit_over(asker.role, &asker.reach, over);
                }
                (operator, _) => operator.is_some(),
            },
            Command::Credential(tenant, kind, _) => state.credential().is_some_and(|credential| {
                credential.tenant == *tenant && kind.is_none_or(|kind| credential.kind() == kind)
            }),
            Command::Member(tenant, _) => state.member().is_some_and(|member| member.tenant == *tenant),
            // What it erases of is looked for where that is decided.
            Command::Erase(..) => true,
        };
        if found { Ok(()) } else { Err(Refusal::not_found()) }
    }

    /// Each action decides on what the one before it left.
    fn in_turn<A>(
        &self,
        stream: StreamId,
        state: &StreamState,
        actions: &[A],
        decide: impl Fn(&A, &StreamState) -> Result<Vec<Event>, Refusal>,
    ) -> Result<Vec<Recorded>, Refusal> {
        let mut state = std::borrow::Cow::Borrowed(state);
        let mut decided = Vec::new();
        for action in actions {
            for event in decide(action, &state)? {
                let tenant = self.command.recorded_tenant(stream);
                let recorded = self.context.record(stream, state.version() + 1, tenant, event);
                let next = state.into_owned().folded(recorded.clone());
                state =
                    std::borrow::Cow::Owned(next.unwrap_or_else(|cause| panic!("a decision folds: {cause}")));
                decided.push(recorded);
            }
        }
        Ok(decided)
    }
}
