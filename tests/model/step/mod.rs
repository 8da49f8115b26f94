//! One step of a history, as it is drawn; and how it reads to the domain and on the wire.

mod commands;
mod draw;
mod requests;

use credledger::clock::Timestamp;
use credledger::domain::authority::Role;
use credledger::domain::credential::{ClientRotation, Kind, OnLeak, Reason};
use credledger::domain::ids::{MemberId, OperatorId, SecretId, TenantId, TokenId};
use credledger::domain::plan::PlanName;
use credledger::domain::rate_limit::{OwnRateLimit, RateLimit};
use serde_json::Value;

pub use draw::history;

/// Far from every instant of the run: nothing here depends on how fast it runs.
pub const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

pub const TENANTS: u8 = 2;
/// of each tenant, there from the start
pub const MEMBERS: u8 = 2;
/// that may be set, and a tenant be put on
pub const PLANS: u8 = 2;
/// where secrets are found
pub const LEAK_SOURCES: [&str; 2] = ["a public paste", "a build log"];
/// whom tokens are asked for
pub const RESOURCES: [&str; 3] = ["https://a.example", "https://b.example/v1", "urn:model:c"];

#[derive(Clone, Debug)]
pub struct Step {
    /// which tenant and which of its keys or members, or which operator; taken modulo what there is
    pub tenant: u8,
    pub key: u8,
    pub action: Action,
    pub if_match: Option<Tag>,
    pub sending: Sending,
    /// the key or member is asked for under the other tenant's path
    pub foreign: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    Present,
    Stale,
}

/// What the caller does about an answer that may be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    Once,
    /// sends it again under the same Idempotency-Key
    Repeated,
    /// hangs up before the answer, then repeats
    Dropped,
}

#[derive(Clone, Debug)]
pub enum Action {
    Create {
        name: String,
        scopes: Option<Vec<&'static str>>,
        expires: Option<i64>,
        rules: Option<Value>,
        limit: Option<OwnRateLimit>,
        owner: Option<u8>,
        /// a client, whose tokens are for these; none: a key
        resources: Option<Vec<&'static str>>,
    },
    Edit(Patch),
    Rotate {
        grace: Option<u32>,
        quiet: Option<u32>,
    },
    /// of one of the key's secrets, to so many seconds from now; and whether it is closed before that
    MoveGrace {
        secret: u8,
        seconds: Option<i64>,
        quiet: Option<Option<u32>>,
    },
    RevokeSecret {
        secret: u8,
    },
    Suspend,
    Resume,
    Revoke {
        reason: Reason,
        note: Option<String>,
    },
    Delete,
    /// all that a client was given so far
    TokensRevoke,
    /// by one of the client's secrets
    Exchange {
        secret: u8,
        scope: Option<&'static str>,
        resources: Vec<&'static str>,
    },
    /// by whoever holds it: one of those that the client was given
    GiveBack {
        token: u8,
    },
    /// of one of the key's events, what of these is personal in it
    Erase {
        event: u8,
        members: Vec<&'static str>,
    },
    /// by whoever found it
    ReportLeak {
        secret: u8,
        source: u8,
    },
    MemberEdit {
        name: Option<String>,
        email: Option<String>,
        scopes: Option<Vec<&'static str>>,
    },
    MemberDisable,
    MemberEnable,
    TenantSuspend,
    TenantResume,
    TenantEdit {
        name: Option<String>,
        plan: Option<Option<u8>>,
        settings: Option<Configured>,
    },
    OperatorCreate {
        name: String,
        role: Role,
        /// only root says nothing of it
        reaching: Option<Reaching>,
    },
    OperatorEdit {
        role: Option<Role>,
        reaching: Option<Reaching>,
        disabled: Option<bool>,
    },
    OperatorDelete,
    TokenMint {
        name: String,
        seconds: i64,
    },
    TokenRevoke {
        token: u8,
    },
    PlanSet {
        plan: u8,
        active_credentials: Option<u32>,
    },
}

/// Which tenants an operator is to reach: one or more of the history's, or all that there are.
#[derive(Clone, Debug)]
pub enum Reaching {
    All,
    Tenants(Vec<u8>),
}

/// Members that are absent stay; an inner `None` is null.
#[derive(Clone, Debug, Default)]
pub struct Patch {
    pub name: Option<String>,
    pub description: Option<String>,
    pub metadata: Option<Option<Value>>,
    pub scopes: Option<Vec<&'static str>>,
    pub expires: Option<Option<i64>>,
    pub rules: Option<Value>,
    pub limit: Option<OwnRateLimit>,
    pub owner: Option<Option<u8>>,
    /// said of a client alone
    pub resources: Option<Vec<&'static str>>,
}

#[derive(Clone, Debug, Default)]
pub struct Configured {
    pub max_grace_seconds: Option<u32>,
    pub default_grace_seconds: Option<u32>,
    pub max_lifetime_seconds: Option<Option<u32>>,
    pub require_expiry: Option<bool>,
    pub allowed_scopes: Option<Option<Vec<&'static str>>>,
    pub operations: Option<Vec<(&'static str, Option<&'static str>)>>,
    pub default_rate_limit: Option<Option<RateLimit>>,
    pub expiry_warning_seconds: Option<u32>,
    pub client_rotation: Option<ClientRotation>,
    pub token_lifetime_seconds: Option<u32>,
    pub on_leak: Option<OnLeak>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    Tenant,
    Member,
    /// a key or a client
    Key,
    Operator,
    Plan,
}

impl Action {
    pub fn about(&self) -> About {
        match self {
            Action::TenantSuspend | Action::TenantResume | Action::TenantEdit { .. } => About::Tenant,
            Action::OperatorCreate { .. }
            | Action::OperatorEdit { .. }
            | Action::OperatorDelete
            | Action::TokenMint { .. }
            | Action::TokenRevoke { .. } => About::Operator,
            Action::PlanSet { .. } => About::Plan,
            Action::MemberEdit { .. } | Action::MemberDisable | Action::MemberEnable => About::Member,
            _ => About::Key,
        }
    }

    /// Which plan it sets.
    pub fn plan(&self) -> u8 {
        if let Action::PlanSet { plan, .. } = self { *plan } else { 0 }
    }

    /// Whether its subject is there only afterwards, under an id that the service gives.
    pub fn creates(&self) -> bool {
        matches!(self, Action::Create { .. } | Action::OperatorCreate { .. })
    }

    /// Whether there is no such thing of a key.
    pub fn is_of_a_client(&self) -> bool {
        matches!(self, Action::TokensRevoke | Action::Exchange { .. } | Action::GiveBack { .. })
    }

    /// Which of the two kinds it makes.
    pub fn makes(&self) -> Kind {
        match self {
            Action::Create { resources: Some(_), .. } => Kind::OauthClient,
            _ => Kind::ApiKey,
        }
    }
}

/// What the numbers of a step stand for.
pub struct Named {
    /// the key's or client's; none of nobody's when there is neither
    pub secrets: Vec<SecretId>,
    /// of what is asked about
    pub kind: Kind,
    /// the tenant's members, and one of another tenant
    pub members: Vec<MemberId>,
    /// the operator's; none of nobody's when there is none
    pub tokens: Vec<TokenId>,
    /// the history's
    pub tenants: Vec<TenantId>,
    pub plans: Vec<PlanName>,
    /// of whom the service looks for another root
    pub other_roots: Vec<OperatorId>,
}

impl Named {
    pub fn secret(&self, number: u8) -> SecretId {
        let nobodys = SecretId(uuid::Uuid::nil());
        if self.secrets.is_empty() { nobodys } else { self.secrets[usize::from(number) % self.secrets.len()] }
    }

    fn token(&self, number: u8) -> TokenId {
        let nobodys = TokenId(uuid::Uuid::nil());
        if self.tokens.is_empty() { nobodys } else { self.tokens[usize::from(number) % self.tokens.len()] }
    }

    fn tenant(&self, number: u8) -> TenantId {
        self.tenants[usize::from(number) % self.tenants.len()]
    }

    pub fn plan(&self, number: u8) -> &PlanName {
        &self.plans[usize::from(number) % self.plans.len()]
    }

    fn member(&self, number: u8) -> MemberId {
        self.members[usize::from(number) % self.members.len()]
    }
}

pub fn later(now: Timestamp, seconds: i64) -> Timestamp {
    Timestamp::from_millis(now.millis() + seconds * 1000).expect("within the years")
}
