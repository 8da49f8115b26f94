//! A verdict on full states, as events fold to them; and the events that decided it: of each fact that it rests on, the last that
//! changed it.

use std::borrow::Cow;

use super::Unfoldable;
use super::access::{self, Facts, Owner, Reason, Request, Verdict};
use super::credential::{Credential, Secret};
use super::event::Recorded;
use super::ids::{MemberId, SecretId, TenantId};
use super::ip_rules::IpRules;
use super::member::Member;
use super::scope::{ConcreteScope, Scope};
use super::stream::StreamState;
use super::tenant::Tenant;
use crate::clock::Timestamp;

/// All that a verdict on a secret depends on.
#[derive(Clone, Copy, Debug)]
pub struct Whole<'a> {
    pub credential: &'a Credential,
    pub secret: &'a Secret,
    pub tenant: &'a Tenant,
    /// the account that the credential belongs to
    pub owner: Option<&'a Member>,
}

impl<'a> Whole<'a> {
    /// With the secret itself shown, and no token in its place.
    pub fn facts(&self) -> Facts<'a> {
        let Whole { credential, secret, tenant, owner } = *self;
        Facts {
            tenant: credential.tenant,
            token: None,
            revoked: credential.revoked.is_some(),
            secret_revoked: secret.revoked_at.is_some(),
            secret_ends_at: secret.ends_at,
            expires_at: credential.expires_at,
            tenant_suspended: tenant.suspended_at.is_some(),
            suspended: credential.suspended_at.is_some(),
            owner: owner.map(|owner| Owner { disabled: owner.disabled_at.is_some(), scopes: &owner.scopes }),
            scopes: &credential.scopes,
            ip_rules: &credential.ip_rules,
            operations: &tenant.settings.operations,
        }
    }
}

/// Whether a credential works as such at an instant: whether its active secret does.
pub fn stands(credential: &Credential, tenant: &Tenant, owner: Option<&Member>, at: Timestamp) -> bool {
    let secret = credential.active_secret();
    secret.is_some_and(|secret| access::stands(&Whole { credential, secret, tenant, owner }.facts(), at))
}

/// Whether anything of a tenant may work then, were nothing else against it.
pub fn may_stand(tenant: &Tenant, at: Timestamp) -> bool {
    let facts = Facts {
        tenant: tenant.id,
        token: None,
        revoked: false,
        secret_revoked: false,
        secret_ends_at: None,
        expires_at: None,
        tenant_suspended: tenant.suspended_at.is_some(),
        suspended: false,
        owner: None,
        scopes: &[],
        ip_rules: &IpRules::default(),
        operations: &tenant.settings.operations,
    };
    access::stands(&facts, at)
}

/// What an event may change, and a verdict rest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// that there is such a secret
    Secret,
    /// whose the credential is
    Tenant,
    Revoked,
    SecretRevoked,
    /// when the secret's window ends
    Window,
    Expiry,
    TenantSuspended,
    Suspended,
    /// to which account it belongs
    Owner,
    OwnerDisabled,
    OwnerScopes,
    IpRules,
    Scopes,
    /// which scope the operation demands
    Operation,
}

/// An acceptance rests on every fact that was looked at, a refusal on those that its reason names; and both on the secret's being
/// there. Of what is not found there is nothing to tell.
pub fn rests_on(facts: &Facts<'_>, request: &Request<'_>, verdict: &Verdict) -> Vec<Fact> {
    let refused = match verdict {
        Ok(()) => return accepted(facts, request),
        Err(refused) => refused,
    };
    let mut rests = vec![Fact::Secret];
    match refused.reason {
        Reason::Malformed | Reason::NotFound => rests.clear(),
        Reason::Revoked => {
            rests.extend(facts.revoked.then_some(Fact::Revoked));
            rests.extend(facts.secret_revoked.then_some(Fact::SecretRevoked));
        }
        Reason::RotatedOut => rests.push(Fact::Window),
        Reason::Expired => rests.push(Fact::Expiry),
        // Of access tokens alone, and no event of the ledger decides it.
        Reason::ProofMissing | Reason::ProofInvalid | Reason::WrongAudience => {}
        Reason::TenantSuspended => rests.push(Fact::TenantSuspended),
        Reason::Suspended => rests.push(Fact::Suspended),
        Reason::OwnerDisabled => rests.extend([Fact::Owner, Fact::OwnerDisabled]),
        Reason::WrongTenant => rests.push(Fact::Tenant),
        Reason::IpDenied => rests.push(Fact::IpRules),
        Reason::InsufficientScope => rests.extend(lacking(facts, request, &refused.missing_scopes)),
    }
    rests
}

fn accepted(facts: &Facts<'_>, request: &Request<'_>) -> Vec<Fact> {
    use Fact::*;
    let mut rests = vec![Secret, Tenant, Revoked, SecretRevoked, Window, Expiry, TenantSuspended, Suspended];
    rests.extend([Owner, IpRules]);
    rests.extend(facts.owner.map(|_| OwnerDisabled));
    rests.extend(request.operation.map(|_| Operation));
    if !request.scopes.is_empty() || demanded(facts, request).is_some() {
        rests.push(Scopes);
        rests.extend(facts.owner.map(|_| OwnerScopes));
    }
    rests
}

fn demanded<'a>(facts: &Facts<'a>, request: &Request<'_>) -> Option<&'a ConcreteScope> {
    request.operation.and_then(|operation| facts.operations.get(operation))
}

/// Whose scopes are too few, and what demanded more.
fn lacking(facts: &Facts<'_>, request: &Request<'_>, missing: &[ConcreteScope]) -> Vec<Fact> {
    let lacks =
        |scopes: &[Scope]| missing.iter().any(|scope| !scopes.iter().any(|granted| granted.admits(scope)));
    let mut rests = Vec::new();
    rests.extend(lacks(facts.scopes).then_some(Fact::Scopes));
    if facts.owner.is_some_and(|owner| lacks(owner.scopes)) {
        rests.extend([Fact::Owner, Fact::OwnerScopes]);
    }
    let by_operation = demanded(facts, request).filter(|scope| !request.scopes.contains(scope));
    rests.extend(by_operation.filter(|scope| missing.contains(scope)).map(|_| Fact::Operation));
    rests
}

/// Follows facts through the histories of those whom they are about.
pub struct Trace<'q> {
    secret: SecretId,
    operation: Option<&'q str>,
    /// each as it was seen last, and since which position
    facts: Vec<(Fact, Option<(Seen<'static>, u64)>)>,
}

/// The value of a fact.
#[derive(Clone, Debug, PartialEq)]
enum Seen<'a> {
    Flag(bool),
    End(Option<Timestamp>),
    Tenant(TenantId),
    Owner(Option<MemberId>),
    Scopes(Cow<'a, [Scope]>),
    Rules(Cow<'a, IpRules>),
    Demanded(Option<Cow<'a, ConcreteScope>>),
}

impl<'q> Trace<'q> {
    pub fn of(facts: Vec<Fact>, secret: SecretId, operation: Option<&'q str>) -> Self {
        Trace { secret, operation, facts: facts.into_iter().map(|fact| (fact, None)).collect() }
    }

    /// One stream's events, each with its position, from its first on.
    pub fn follow(
        &mut self,
        history: impl IntoIterator<Item = (u64, Recorded)>,
    ) -> Result<(), (u64, Unfoldable)> {
        let mut state = StreamState::Empty;
        for (position, recorded) in history {
            state = state.folded(recorded).map_err(|cause| (position, cause))?;
            for (fact, last) in &mut self.facts {
                let seen = fact.seen(&state, self.secret, self.operation);
                let Some(seen) = seen else { continue };
                if last.as_ref().is_none_or(|(last, _)| *last != seen) {
                    *last = Some((seen.kept(), position));
                }
            }
        }
        Ok(())
    }

    /// In the order of the ledger, each once.
    pub fn positions(self) -> Vec<u64> {
        let mut positions: Vec<u64> =
            self.facts.into_iter().filter_map(|(_, last)| last.map(|(_, position)| position)).collect();
        positions.sort_unstable();
        positions.dedup();
        positions
    }
}

impl Fact {
    /// None where the state says nothing of it: it is another's, or the secret is not there yet.
    fn seen<'s>(self, state: &'s StreamState, secret: SecretId, operation: Option<&str>) -> Option<Seen<'s>> {
        let credential = state.credential();
        let secret = || credential?.secret(secret);
        Some(match self {
            Fact::Secret => Seen::Flag(secret().map(|_| true)?),
            Fact::Tenant => Seen::Tenant(credential?.tenant),
            Fact::Revoked => Seen::Flag(credential?.revoked.is_some()),
            Fact::SecretRevoked => Seen::Flag(secret()?.revoked_at.is_some()),
            Fact::Window => Seen::End(secret()?.ends_at),
            Fact::Expiry => Seen::End(credential?.expires_at),
            Fact::Suspended => Seen::Flag(credential?.suspended_at.is_some()),
            Fact::Owner => Seen::Owner(credential?.owner),
            Fact::IpRules => Seen::Rules(Cow::Borrowed(&credential?.ip_rules)),
            Fact::Scopes => Seen::Scopes(Cow::Borrowed(&credential?.scopes)),
            Fact::TenantSuspended => Seen::Flag(state.tenant()?.suspended_at.is_some()),
            Fact::Operation => {
                Seen::Demanded(state.tenant()?.settings.operations.get(operation?).map(Cow::Borrowed))
            }
            Fact::OwnerDisabled => Seen::Flag(state.member()?.disabled_at.is_some()),
            Fact::OwnerScopes => Seen::Scopes(Cow::Borrowed(&state.member()?.scopes)),
        })
    }
}

impl Seen<'_> {
    fn kept(self) -> Seen<'static> {
        match self {
            Seen::Flag(flag) => Seen::Flag(flag),
            Seen::End(end) => Seen::End(end),
            Seen::Tenant(tenant) => Seen::Tenant(tenant),
            Seen::Owner(owner) => Seen::Owner(owner),
            Seen::Scopes(scopes) => Seen::Scopes(Cow::Owned(scopes.into_owned())),
            Seen::Rules(rules) => Seen::Rules(Cow::Owned(rules.into_owned())),
            Seen::Demanded(scope) => Seen::Demanded(scope.map(|scope| Cow::Owned(scope.into_owned()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::{Request, judge};
    use crate::domain::credential::Status;
    use crate::domain::testing::*;

    /// Every way in which something may have come to an end, each by itself and with each other.
    #[test]
    fn what_stands_is_what_the_verdict_accepts_of_some_call_and_reads_as_active_or_expiring() {
        let member = member_with(&["*"]);
        let mut disabled = member.clone();
        disabled.disabled_at = Some(at(0));
        let ended = given([created(), revoked()]).state();
        for ways in 0..32 {
            let is = |way: u32| ways & (1 << way) != 0;
            let created = if is(0) { created_until(at(5)) } else { created() };
            let mut credential = given([created]).state();
            credential.suspended_at = is(1).then(|| at(0));
            credential.revoked = ended.revoked.clone().filter(|_| is(2));
            let tenant = if is(3) { suspended_tenant() } else { tenant_with(|_| ()) };
            let owner = if is(4) { &disabled } else { &member };
            for (owner, against) in [(Some(owner), ways), (None, ways & !16)] {
                let stands = stands(&credential, &tenant, owner, at(5));
                assert_eq!(stands, against == 0, "{ways:b}");
                let secret = credential.active_secret().expect("one");
                let whole = Whole { credential: &credential, secret, tenant: &tenant, owner };
                assert_eq!(stands, judge(&whole.facts(), &Request::AT_ALL, at(5)).is_ok(), "{ways:b}");
                let status = credential.status(at(5), 0);
                assert!(!stands || matches!(status, Status::Active | Status::Expiring), "{ways:b}");
                assert!(!stands || may_stand(&tenant, at(5)), "{ways:b}");
            }
        }
    }

    #[test]
    fn where_calls_may_come_from_is_for_each_call() {
        let credential = given([created(), restricted("192.0.2.0/24")]).state();
        assert!(stands(&credential, &tenant_with(|_| ()), None, at(1)));
    }
}
