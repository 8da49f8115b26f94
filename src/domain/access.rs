//! The verdict: may this secret do this, now? The one place that decides. Verify, forward-auth and replay all call
//! [`judge`]; the in-memory view and the full state only differ in how they come by the [`Facts`].

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::ids::TenantId;
use super::ip_rules::IpRules;
use super::operator::Reach;
use super::scope::{ConcreteScope, Scope};
use crate::clock::Timestamp;

/// What is true of a secret, its credential, its tenant and its owner; and of the access token that stands for it.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    pub tenant: TenantId,
    /// none: the secret itself is shown
    pub token: Option<Token<'a>>,
    pub revoked: bool,
    pub secret_revoked: bool,
    pub secret_ends_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    pub tenant_suspended: bool,
    pub suspended: bool,
    pub owner: Option<Owner<'a>>,
    pub scopes: &'a [Scope],
    pub ip_rules: &'a IpRules,
    pub operations: &'a BTreeMap<String, ConcreteScope>,
}

/// An access token. It lives by its own end and not by its secret's window, and falls with all that it was given by.
#[derive(Clone, Copy, Debug)]
pub struct Token<'a> {
    pub ends_at: Timestamp,
    /// itself, or with all that its client had been given when they were ended
    pub revoked: bool,
    /// to a key: whoever shows it has to prove that the key is theirs (RFC 9449)
    pub bound: bool,
    /// what it was given for; what its client has no more, it has no more
    pub scopes: &'a [Scope],
    /// whom it is for
    pub audience: &'a [String],
}

impl Token<'_> {
    /// A key is for whoever takes keys; a token is for those whom it names.
    fn is_for(&self, audience: &str) -> bool {
        self.audience.iter().any(|own| own == audience)
    }

    /// Of one that is over by itself nobody knows any more whether it had been revoked.
    fn is_revoked(&self, at: Timestamp) -> bool {
        self.revoked && at < self.ends_at
    }
}

/// How a credential is shown, as to the key that it may be bound to. A proof was held against the token, the request and the
/// instant before; here it is a fact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Possession {
    /// as whoever bears it shows it, with no proof
    #[default]
    Bare,
    /// with a proof that holds, and was not used before
    Proven,
    /// with one that does not hold, or as if there were one
    NotProven,
    /// whoever asks about it does not use it, and tells on to whom it is bound
    NotAsked,
}

impl Possession {
    /// What is bound is shown with its proof, and what is not is shown with none: a proof for nothing is a mistake of somebody.
    fn refusal(self, bound: bool) -> Option<Reason> {
        match (self, bound) {
            (Possession::Bare, true) => Some(Reason::ProofMissing),
            (Possession::NotProven, _) | (Possession::Proven, false) => Some(Reason::ProofInvalid),
            (Possession::Bare, false) | (Possession::Proven, true) | (Possession::NotAsked, _) => None,
        }
    }
}

/// The account that a credential belongs to: it has at every moment at most this one's scopes.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    pub disabled: bool,
    pub scopes: &'a [Scope],
}

/// What is asked of it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub possession: Possession,
    pub client_ip: Option<IpAddr>,
    pub scopes: &'a [ConcreteScope],
    pub operation: Option<&'a str>,
    pub tenant: Option<TenantId>,
    /// whom an access token has to be for
    pub audience: Option<&'a str>,
    /// the tenants that the one who asks may see
    pub reach: &'a Reach,
}

impl Request<'static> {
    /// Whether it works at all: nothing in particular is asked, wherever it belongs.
    pub const AT_ALL: Request<'static> = Request {
        possession: Possession::Bare,
        client_ip: None,
        scopes: &[],
        operation: None,
        tenant: None,
        audience: None,
        reach: &Reach::All,
    };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    Malformed,
    NotFound,
    Revoked,
    RotatedOut,
    Expired,
    ProofMissing,
    ProofInvalid,
    TenantSuspended,
    Suspended,
    OwnerDisabled,
    WrongTenant,
    WrongAudience,
    IpDenied,
    InsufficientScope,
}

impl Reason {
    pub const ALL: [Reason; 14] = [
        Reason::Malformed,
        Reason::NotFound,
        Reason::Revoked,
        Reason::RotatedOut,
        Reason::Expired,
        Reason::ProofMissing,
        Reason::ProofInvalid,
        Reason::TenantSuspended,
        Reason::Suspended,
        Reason::OwnerDisabled,
        Reason::WrongTenant,
        Reason::WrongAudience,
        Reason::IpDenied,
        Reason::InsufficientScope,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Reason::Malformed => "malformed",
            Reason::NotFound => "not_found",
            Reason::Revoked => "revoked",
            Reason::RotatedOut => "rotated_out",
            Reason::Expired => "expired",
            Reason::ProofMissing => "proof_missing",
            Reason::ProofInvalid => "proof_invalid",
            Reason::TenantSuspended => "tenant_suspended",
            Reason::Suspended => "suspended",
            Reason::OwnerDisabled => "owner_disabled",
            Reason::WrongTenant => "wrong_tenant",
            Reason::WrongAudience => "wrong_audience",
            Reason::IpDenied => "ip_denied",
            Reason::InsufficientScope => "insufficient_scope",
        }
    }

    /// Whether it is the secret that does not work (401), or the call that goes beyond it (403).
    pub fn is_about_the_call(self) -> bool {
        use Reason::{InsufficientScope, IpDenied, WrongAudience, WrongTenant};
        matches!(self, WrongTenant | WrongAudience | IpDenied | InsufficientScope)
    }

    /// One sentence for whoever has to find out why a call was refused.
    pub fn detail(self) -> &'static str {
        match self {
            Reason::Malformed => "The text is no credential of this installation.",
            Reason::NotFound => "No such credential.",
            Reason::Revoked => "Revoked, for ever. Create a new credential.",
            Reason::RotatedOut => {
                "This secret was rotated out and its grace window is over. Use the newer one."
            }
            Reason::Expired => "The credential has expired. Create a new one.",
            Reason::ProofMissing => {
                "The access token is bound to a key. Send it with the scheme DPoP, and a proof that the key is yours."
            }
            Reason::ProofInvalid => "The proof that the key is yours does not hold.",
            Reason::TenantSuspended => "The tenant is suspended.",
            Reason::Suspended => "The credential is suspended.",
            Reason::OwnerDisabled => "The account that owns this credential is disabled.",
            Reason::WrongTenant => "The credential belongs to another tenant than the one asked for.",
            Reason::WrongAudience => "The access token is for another resource than the one asked for.",
            Reason::IpDenied => "The credential's IP rules don't admit this client address.",
            Reason::InsufficientScope => "The credential lacks a scope that this call needs.",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub reason: Reason,
    /// of `insufficient_scope`
    pub missing_scopes: Vec<ConcreteScope>,
}

pub type Verdict = Result<(), Refused>;

pub fn judge(facts: &Facts<'_>, request: &Request<'_>, at: Timestamp) -> Verdict {
    match refusal(facts, request, at) {
        Some(reason) => Err(Refused { reason, missing_scopes: Vec::new() }),
        None => judge_scopes(facts, request),
    }
}

/// Whether it works as such: for some call, from somewhere. The same rule as [`judge`]: what is refused for the call alone (where it comes
/// from, what it needs) may be accepted of another.
pub fn stands(facts: &Facts<'_>, at: Timestamp) -> bool {
    match refusal(facts, &Request::AT_ALL, at) {
        None | Some(Reason::IpDenied) => true,
        Some(_) => false,
    }
}

/// The reasons in their order of precedence; the first that applies is the answer. An end is over in its own instant.
fn refusal(facts: &Facts<'_>, request: &Request<'_>, at: Timestamp) -> Option<Reason> {
    let ended = |end: Option<Timestamp>| end.is_some_and(|end| end <= at);
    let unseen = |tenant: TenantId| !request.reach.includes(tenant);
    let token = facts.token;
    let unproven = request.possession.refusal(token.is_some_and(|token| token.bound));
    Some(match () {
        () if unseen(facts.tenant) || request.tenant.is_some_and(unseen) => Reason::NotFound,
        () if facts.revoked || facts.secret_revoked => Reason::Revoked,
        () if token.is_some_and(|token| token.is_revoked(at)) => Reason::Revoked,
        () if token.is_none() && ended(facts.secret_ends_at) => Reason::RotatedOut,
        () if ended(facts.expires_at) || ended(token.map(|token| token.ends_at)) => Reason::Expired,
        // Who does not hold the key learns nothing more of the token, and can do nothing with it.
        () if unproven.is_some() => return unproven,
        () if facts.tenant_suspended => Reason::TenantSuspended,
        () if facts.suspended => Reason::Suspended,
        () if facts.owner.is_some_and(|owner| owner.disabled) => Reason::OwnerDisabled,
        () if request.tenant.is_some_and(|tenant| tenant != facts.tenant) => Reason::WrongTenant,
        () if is_for_others(token, request) => Reason::WrongAudience,
        () if !facts.ip_rules.admits(request.client_ip) => Reason::IpDenied,
        () => return None,
    })
}

fn is_for_others(token: Option<Token<'_>>, request: &Request<'_>) -> bool {
    token.zip(request.audience).is_some_and(|(token, audience)| !token.is_for(audience))
}

fn judge_scopes(facts: &Facts<'_>, request: &Request<'_>) -> Verdict {
    let demanded = request.operation.and_then(|operation| facts.operations.get(operation));
    let has = |scope: &ConcreteScope| {
        let granted = |scopes: &[Scope]| scopes.iter().any(|granted| granted.admits(scope));
        granted(facts.scopes)
            && facts.owner.is_none_or(|owner| granted(owner.scopes))
            && facts.token.is_none_or(|token| granted(token.scopes))
    };
    let mut missing_scopes: Vec<ConcreteScope> = Vec::new();
    for scope in request.scopes.iter().chain(demanded) {
        if !has(scope) && !missing_scopes.contains(scope) {
            missing_scopes.push(scope.clone());
        }
    }
    if missing_scopes.is_empty() {
        Ok(())
    } else {
        Err(Refused { reason: Reason::InsufficientScope, missing_scopes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::*;

    struct World {
        rules: IpRules,
        scopes: Vec<Scope>,
        operations: BTreeMap<String, ConcreteScope>,
        reach: Reach,
    }

    impl World {
        fn new() -> Self {
            let operations = [("logs.list".to_owned(), concrete("logs:read"))].into();
            World { rules: IpRules::default(), scopes: scopes(&["logs:*"]), operations, reach: Reach::All }
        }

        fn facts(&self) -> Facts<'_> {
            Facts {
                tenant: tenant_id(1),
                token: None,
                revoked: false,
                secret_revoked: false,
                secret_ends_at: None,
                expires_at: None,
                tenant_suspended: false,
                suspended: false,
                owner: None,
                scopes: &self.scopes,
                ip_rules: &self.rules,
                operations: &self.operations,
            }
        }

        fn request(&self) -> Request<'_> {
            Request {
                possession: Possession::Bare,
                client_ip: None,
                scopes: &[],
                operation: None,
                tenant: None,
                audience: None,
                reach: &self.reach,
            }
        }
    }

    fn reason(verdict: Verdict) -> Option<Reason> {
        verdict.err().map(|refused| refused.reason)
    }

    #[test]
    fn a_living_credential_with_the_scope_is_accepted() {
        let world = World::new();
        let asked = [concrete("logs:write")];
        let request = Request { scopes: &asked, operation: Some("logs.list"), ..world.request() };
        assert_eq!(judge(&world.facts(), &request, at(0)), Ok(()));
    }

    /// Everything wrong at once, then one reason after the other taken away: what is left shows the precedence.
    #[test]
    fn the_reasons_come_in_their_order_of_precedence() {
        let mut world = World::new();
        world.rules = allow_list("10.0.0.0/8");
        world.reach = Reach::Tenants([tenant_id(2)].into());
        let asked = [concrete("billing:read")];
        let all = Reach::All;
        let mut facts = Facts {
            revoked: true,
            secret_ends_at: Some(at(0)),
            expires_at: Some(at(0)),
            tenant_suspended: true,
            suspended: true,
            owner: Some(Owner { disabled: true, scopes: &[] }),
            ..world.facts()
        };
        let of_others = ["https://other.example".to_owned()];
        let token = Token { ends_at: at(1), revoked: false, bound: false, scopes: &[], audience: &of_others };
        let mut request = Request {
            scopes: &asked,
            tenant: Some(tenant_id(2)),
            audience: Some("https://api.example"),
            possession: Possession::NotProven,
            ..world.request()
        };
        let now = |facts: &Facts<'_>, request: &Request<'_>| reason(judge(facts, request, at(0)));
        assert_eq!(now(&facts, &request), Some(Reason::NotFound));
        request.reach = &all;
        assert_eq!(now(&facts, &request), Some(Reason::Revoked));
        facts.revoked = false;
        assert_eq!(now(&facts, &request), Some(Reason::RotatedOut));
        facts.secret_ends_at = None;
        facts.token = Some(token);
        assert_eq!(now(&facts, &request), Some(Reason::Expired));
        facts.expires_at = None;
        assert_eq!(now(&facts, &request), Some(Reason::ProofInvalid));
        request.possession = Possession::Bare;
        assert_eq!(now(&facts, &request), Some(Reason::TenantSuspended));
        facts.tenant_suspended = false;
        assert_eq!(now(&facts, &request), Some(Reason::Suspended));
        facts.suspended = false;
        assert_eq!(now(&facts, &request), Some(Reason::OwnerDisabled));
        facts.owner = None;
        assert_eq!(now(&facts, &request), Some(Reason::WrongTenant));
        request.tenant = None;
        assert_eq!(now(&facts, &request), Some(Reason::WrongAudience));
        request.audience = None;
        assert_eq!(now(&facts, &request), Some(Reason::IpDenied));
        request.client_ip = "10.1.2.3".parse().ok();
        assert_eq!(now(&facts, &request), Some(Reason::InsufficientScope));
        request.scopes = &[];
        assert_eq!(now(&facts, &request), None);
    }

    #[test]
    fn an_end_is_over_in_its_own_instant_and_not_before() {
        let world = World::new();
        let expiring = Facts { expires_at: Some(at(10)), ..world.facts() };
        let rotated = Facts { secret_ends_at: Some(at(10)), ..world.facts() };
        for (facts, over) in [(expiring, Reason::Expired), (rotated, Reason::RotatedOut)] {
            assert_eq!(reason(judge(&facts, &world.request(), at(9))), None);
            assert_eq!(reason(judge(&facts, &world.request(), at(10))), Some(over));
        }
    }

    #[test]
    fn every_missing_scope_is_named_once() {
        let world = World::new();
        let asked =
            [concrete("billing:read"), concrete("logs:read"), concrete("billing:read"), concrete("admin")];
        let refused = judge(&world.facts(), &Request { scopes: &asked, ..world.request() }, at(0))
            .expect_err("too much");
        assert_eq!(refused.missing_scopes, [concrete("billing:read"), concrete("admin")]);
    }

    #[test]
    fn an_operation_demands_its_scope_only_where_the_tenant_says_so() {
        let mut world = World::new();
        world.scopes = scopes(&["billing:read"]);
        let with = |operation| {
            reason(judge(&world.facts(), &Request { operation: Some(operation), ..world.request() }, at(0)))
        };
        assert_eq!(with("logs.list"), Some(Reason::InsufficientScope));
        assert_eq!(with("anything.else"), None);
    }

    #[test]
    fn an_owner_narrows_what_its_credential_may() {
        let world = World::new();
        let owners = scopes(&["logs:read"]);
        let facts = Facts { owner: Some(Owner { disabled: false, scopes: &owners }), ..world.facts() };
        let ask = |scope: &str| {
            reason(judge(&facts, &Request { scopes: &[concrete(scope)], ..world.request() }, at(0)))
        };
        assert_eq!(ask("logs:read"), None);
        assert_eq!(ask("logs:write"), Some(Reason::InsufficientScope));
    }

    #[test]
    fn a_token_lives_by_its_own_end_and_falls_with_all_that_it_was_given_by() {
        let world = World::new();
        let token = Token {
            ends_at: at(10),
            revoked: false,
            bound: false,
            scopes: &scopes(&["logs:*"]),
            audience: &[],
        };
        let facts = Facts { token: Some(token), ..world.facts() };
        let now = |facts: &Facts<'_>, seconds| reason(judge(facts, &world.request(), at(seconds)));
        assert_eq!((now(&facts, 9), now(&facts, 10)), (None, Some(Reason::Expired)));
        assert_eq!(now(&Facts { secret_ends_at: Some(at(5)), ..facts }, 9), None);
        assert_eq!(now(&Facts { expires_at: Some(at(5)), ..facts }, 9), Some(Reason::Expired));
        assert_eq!(now(&Facts { secret_revoked: true, ..facts }, 9), Some(Reason::Revoked));
        let revoked = Token { revoked: true, ..token };
        let facts = Facts { token: Some(revoked), ..facts };
        assert_eq!((now(&facts, 9), now(&facts, 10)), (Some(Reason::Revoked), Some(Reason::Expired)));
    }

    #[test]
    fn what_is_bound_to_a_key_is_shown_with_its_proof_and_what_is_not_with_none() {
        let world = World::new();
        let scopes = scopes(&["logs:*"]);
        let token = |bound| Token { ends_at: at(10), revoked: false, bound, scopes: &scopes, audience: &[] };
        for (token, expected) in [
            (None, [None, Some(Reason::ProofInvalid), Some(Reason::ProofInvalid), None]),
            (Some(token(false)), [None, Some(Reason::ProofInvalid), Some(Reason::ProofInvalid), None]),
            (Some(token(true)), [Some(Reason::ProofMissing), None, Some(Reason::ProofInvalid), None]),
        ] {
            let facts = Facts { token, ..world.facts() };
            let shown = [Possession::Bare, Possession::Proven, Possession::NotProven, Possession::NotAsked];
            let told = shown
                .map(|possession| reason(judge(&facts, &Request { possession, ..world.request() }, at(0))));
            assert_eq!(told, expected, "{token:?}");
        }
    }

    #[test]
    fn a_token_has_no_scope_that_it_was_not_given_or_that_its_client_lost() {
        let world = World::new();
        let ask = |given: &[&str], scope: &str| {
            let given = scopes(given);
            let token =
                Token { ends_at: at(10), revoked: false, bound: false, scopes: &given, audience: &[] };
            let facts = Facts { token: Some(token), ..world.facts() };
            reason(judge(&facts, &Request { scopes: &[concrete(scope)], ..world.request() }, at(0)))
        };
        assert_eq!(ask(&["logs:read"], "logs:read"), None);
        assert_eq!(ask(&["logs:read"], "logs:write"), Some(Reason::InsufficientScope));
        assert_eq!(ask(&["billing:read"], "billing:read"), Some(Reason::InsufficientScope));
    }

    #[test]
    fn a_token_is_admitted_only_where_it_is_for_and_a_key_wherever_keys_are() {
        let world = World::new();
        let [one, other] = ["https://a.example", "https://b.example/v1"].map(str::to_owned);
        let ask = |audience: Option<&[String]>, asked: Option<&str>| {
            let token = audience.map(|audience| Token {
                ends_at: at(10),
                revoked: false,
                bound: false,
                scopes: &world.scopes,
                audience,
            });
            let request = Request { audience: asked, ..world.request() };
            reason(judge(&Facts { token, ..world.facts() }, &request, at(0)))
        };
        let of_one = std::slice::from_ref(&one);
        assert_eq!(ask(Some(of_one), None), None, "whoever does not look admits it");
        assert_eq!(ask(Some(of_one), Some(&one)), None);
        let both = [one.clone(), other.clone()];
        assert_eq!((ask(Some(&both), Some(&one)), ask(Some(&both), Some(&other))), (None, None));
        for near in
            ["https://A.example", "https://a.example/", "https://a.example.evil", "https://a.exampl", ""]
        {
            assert_eq!(ask(Some(of_one), Some(near)), Some(Reason::WrongAudience), "{near}");
        }
        assert_eq!(ask(Some(of_one), Some(&other)), Some(Reason::WrongAudience));
        assert_eq!(ask(None, Some(&one)), None);
    }

    #[test]
    fn whoever_sees_only_one_of_two_tenants_learns_of_neither() {
        let mut world = World::new();
        world.reach = Reach::Tenants([tenant_id(1)].into());
        let ask = |tenant| {
            reason(judge(&world.facts(), &Request { tenant: Some(tenant), ..world.request() }, at(0)))
        };
        assert_eq!(ask(tenant_id(1)), None);
        assert_eq!(ask(tenant_id(2)), Some(Reason::NotFound));
    }
}
