//! One step of a history, as it is drawn; and how it reads to the domain and on the wire.

use credledger::clock::Timestamp;
use credledger::domain::credential::*;
use credledger::domain::ids::{MemberId, SecretId};
use credledger::domain::ip_rules::IpRules;
use credledger::domain::member::{self, MemberCommand};
use credledger::domain::rate_limit::{OwnRateLimit, RateLimit};
use credledger::domain::scope::Scope;
use credledger::domain::tenant::settings::SettingsPatch;
use credledger::domain::tenant::{self, TenantCommand};
use credledger::limits;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

/// Far from every instant of the run: nothing here depends on how fast it runs.
pub const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

pub const TENANTS: u8 = 2;
/// of each tenant, there from the start
pub const MEMBERS: u8 = 2;

#[derive(Clone, Debug)]
pub struct Step {
    /// which tenant and which of its keys or members; taken modulo what there is
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
    },
    Edit(Patch),
    Rotate {
        grace: Option<u32>,
    },
    /// of one of the key's secrets, to so many seconds from now
    MoveGrace {
        secret: u8,
        seconds: i64,
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
        settings: Option<Configured>,
    },
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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    Tenant,
    Member,
    Key,
}

impl Action {
    pub fn about(&self) -> About {
        match self {
            Action::TenantSuspend | Action::TenantResume | Action::TenantEdit { .. } => About::Tenant,
            Action::MemberEdit { .. } | Action::MemberDisable | Action::MemberEnable => About::Member,
            _ => About::Key,
        }
    }
}

/// What the numbers of a step stand for.
pub struct Named {
    /// the key's; none of nobody's when there is no key
    pub secrets: Vec<SecretId>,
    /// the tenant's members, and one of another tenant
    pub members: Vec<MemberId>,
}

impl Named {
    fn secret(&self, number: u8) -> SecretId {
        let nobodys = SecretId(uuid::Uuid::nil());
        if self.secrets.is_empty() { nobodys } else { self.secrets[usize::from(number) % self.secrets.len()] }
    }

    fn member(&self, number: u8) -> MemberId {
        self.members[usize::from(number) % self.members.len()]
    }
}

// ---- drawing ----

pub fn history(steps: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), steps / 2..=steps)
}

fn step() -> impl Strategy<Value = Step> {
    let tag = prop_oneof![8 => Just(None), 1 => Just(Some(Tag::Present)), 1 => Just(Some(Tag::Stale))];
    let sending =
        prop_oneof![6 => Just(Sending::Once), 2 => Just(Sending::Repeated), 1 => Just(Sending::Dropped)];
    let foreign = prop_oneof![19 => Just(false), 1 => Just(true)];
    (0..TENANTS, 0..6u8, action(), tag, sending, foreign).prop_map(
        |(tenant, key, action, if_match, sending, foreign)| Step {
            tenant,
            key,
            action,
            if_match,
            sending,
            foreign,
        },
    )
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        9 => (
            name(),
            option::of(scopes()),
            option::weighted(0.3, seconds()),
            option::weighted(0.3, rules()),
            option::weighted(0.4, own_limit()),
            option::weighted(0.4, owner()),
        )
            .prop_map(|(name, scopes, expires, rules, limit, owner)| {
                Action::Create { name, scopes, expires, rules, limit, owner }
            }),
        6 => patch().prop_map(Action::Edit),
        5 => option::of(select(vec![0, 0, 3600, 7 * 24 * 3600, limits::GRACE_SECONDS])).prop_map(|grace| Action::Rotate { grace }),
        3 => (0..6u8, seconds()).prop_map(|(secret, seconds)| Action::MoveGrace { secret, seconds }),
        3 => (0..6u8).prop_map(|secret| Action::RevokeSecret { secret }),
        2 => Just(Action::Suspend),
        2 => Just(Action::Resume),
        1 => (select(Reason::ALL.to_vec()), option::of(name()))
            .prop_map(|(reason, note)| Action::Revoke { reason, note }),
        1 => Just(Action::Delete),
        3 => (option::of(name()), option::of(select(vec!["", "a@b.example"])), option::of(scopes())).prop_map(
            |(name, email, scopes)| Action::MemberEdit { name, email: email.map(str::to_owned), scopes }
        ),
        1 => Just(Action::MemberDisable),
        2 => Just(Action::MemberEnable),
        1 => Just(Action::TenantSuspend),
        2 => Just(Action::TenantResume),
        2 => (option::of(name()), option::of(configured()))
            .prop_map(|(name, settings)| Action::TenantEdit { name, settings }),
    ]
}

fn name() -> impl Strategy<Value = String> {
    select(vec!["ci", "Ärger", "deploy bot", "東京", "x"]).prop_map(str::to_owned)
}

/// Mostly of the tenant, now and then another's.
fn owner() -> impl Strategy<Value = u8> {
    prop_oneof![6 => 0..MEMBERS, 1 => Just(MEMBERS)]
}

fn scopes() -> impl Strategy<Value = Vec<&'static str>> {
    let one = select(vec!["*", "orders.*", "orders.read", "orders.write", "payments:*.read", "a.*.c"]);
    prop::collection::btree_set(one, 0..3).prop_map(|scopes| scopes.into_iter().collect())
}

fn seconds() -> impl Strategy<Value = i64> {
    select(vec![-DAY, HOUR, 2 * DAY, 40 * DAY, 400 * DAY])
}

fn rules() -> impl Strategy<Value = Value> {
    select(vec![
        json!({}),
        json!({"allow": [{"cidr": "192.0.2.0/24"}]}),
        json!({"allow": [{"cidr": "192.0.2.7", "enabled": false}], "deny": [{"cidr": "::/0"}]}),
        json!({"deny": [{"cidr": "192.0.2.7"}, {"cidr": "2001:db8::/32"}]}),
    ])
}

/// Far more in a day than a history asks for: what holds is told, and nobody meets it.
fn limit() -> impl Strategy<Value = RateLimit> {
    (select(vec![500_000, 700_000, 1_000_000]), select(vec![DAY as u32 - 1, DAY as u32]))
        .prop_map(|(requests, seconds)| RateLimit::new(requests, seconds).expect("in bounds"))
}

fn own_limit() -> impl Strategy<Value = OwnRateLimit> {
    prop_oneof![Just(OwnRateLimit::Default), Just(OwnRateLimit::None), limit().prop_map(OwnRateLimit::Of),]
}

fn metadata() -> impl Strategy<Value = Value> {
    select(vec![
        json!({}),
        json!({"team": "a"}),
        json!({"team": null, "n": 1.5}),
        json!({"deep": {"x": [1, 2], "y": null}}),
    ])
}

fn patch() -> impl Strategy<Value = Patch> {
    let texts = (option::of(name()), option::weighted(0.3, prop_oneof![Just(String::new()), name()]));
    let metadata = option::weighted(0.3, option::of(metadata()));
    let limits = (
        option::weighted(0.4, scopes()),
        option::weighted(0.3, option::of(seconds())),
        option::weighted(0.3, rules()),
        option::weighted(0.3, own_limit()),
        option::weighted(0.4, option::of(owner())),
    );
    (texts, metadata, limits).prop_map(
        |((name, description), metadata, (scopes, expires, rules, limit, owner))| Patch {
            name,
            description,
            metadata,
            scopes,
            expires,
            rules,
            limit,
            owner,
        },
    )
}

fn configured() -> impl Strategy<Value = Configured> {
    let allowed = option::of(select(vec![vec!["orders.*", "payments:*.read"], vec!["*"], vec![]]));
    let operations = select(vec![
        vec![("GET /orders", Some("orders.read"))],
        vec![("GET /orders", None), ("POST /orders", Some("orders.write"))],
    ]);
    let graces =
        (option::of(select(vec![7200, 90 * 24 * 3600])), option::of(select(vec![600, 7 * 24 * 3600])));
    let lives =
        (option::weighted(0.3, option::of(Just(30 * 24 * 3600))), option::weighted(0.3, any::<bool>()));
    let limits = option::weighted(0.4, option::of(limit()));
    (graces, lives, option::weighted(0.3, allowed), option::of(operations), limits).prop_map(
        |(
            (max_grace_seconds, default_grace_seconds),
            (max_lifetime_seconds, require_expiry),
            allowed_scopes,
            operations,
            default_rate_limit,
        )| {
            Configured {
                max_grace_seconds,
                default_grace_seconds,
                max_lifetime_seconds,
                require_expiry,
                allowed_scopes,
                operations,
                default_rate_limit,
            }
        },
    )
}

// ---- to the domain ----

pub fn later(now: Timestamp, seconds: i64) -> Timestamp {
    Timestamp::from_millis(now.millis() + seconds * 1000).expect("within the years")
}

fn parsed(scopes: &[&str]) -> Vec<Scope> {
    scopes.iter().map(|text| Scope::parse(text).expect("a scope")).collect()
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
            Action::Create { name, scopes, expires, rules, limit, owner } => C::Create(Create {
                name: name.clone(),
                description: String::new(),
                metadata: Map::new(),
                scopes: scopes.as_deref().map(parsed),
                expires_at: expires.map(|seconds| later(now, seconds)),
                ip_rules: rules.as_ref().map(ip_rules).unwrap_or_default(),
                rate_limit: limit.unwrap_or_default(),
                owner: owner.map(|number| named.member(number)),
            }),
            Action::Edit(patch) => return patch.commands(now, named),
            Action::Rotate { grace } => C::Rotate(Rotate { grace_seconds: *grace }),
            Action::MoveGrace { secret, seconds } => {
                C::MoveGrace(MoveGrace { secret: named.secret(*secret), ends_at: later(now, *seconds) })
            }
            Action::RevokeSecret { secret } => {
                C::RevokeSecret(RevokeSecret { secret: named.secret(*secret) })
            }
            Action::Suspend => C::Suspend(Suspend),
            Action::Resume => C::Resume(Resume),
            Action::Revoke { reason, note } => C::Revoke(Revoke { reason: *reason, note: note.clone() }),
            Action::Delete => C::Revoke(Revoke { reason: Reason::Deleted, note: None }),
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

    pub fn on_tenant(&self) -> Vec<TenantCommand> {
        match self {
            Action::TenantSuspend => vec![TenantCommand::Suspend(tenant::Suspend)],
            Action::TenantResume => vec![TenantCommand::Resume(tenant::Resume)],
            Action::TenantEdit { name, settings } => {
                let edit = name
                    .clone()
                    .map(|name| TenantCommand::Edit(tenant::Edit { name: Some(name), plan: None }));
                let configure = settings.as_ref().map(|settings| {
                    TenantCommand::Configure(Box::new(tenant::Configure { patch: settings.patch() }))
                });
                edit.into_iter().chain(configure).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Method, path below the key, member or tenant, and body.
    pub fn request(&self, now: Timestamp, named: &Named) -> (&'static str, String, Option<Value>) {
        let at = |seconds: i64| json!(later(now, seconds));
        let (method, path, body) = match self {
            Action::Create { name, scopes, expires, rules, limit, owner } => {
                let mut body = json!({"name": name});
                let members = [
                    ("scopes", scopes.as_ref().map(|scopes| json!(scopes))),
                    ("expires_at", expires.map(at)),
                    ("ip_rules", rules.clone()),
                    ("rate_limit", limit.map(|limit| json!(limit))),
                    ("owner", owner.map(|number| json!(named.member(number)))),
                ];
                members
                    .into_iter()
                    .for_each(|(name, value)| value.into_iter().for_each(|value| body[name] = value));
                ("POST", "/keys".to_owned(), Some(body))
            }
            Action::Edit(patch) => ("PATCH", String::new(), Some(patch.body(now, named))),
            Action::Rotate { grace } => {
                let body = grace.map_or_else(|| json!({}), |grace| json!({"grace_seconds": grace}));
                ("POST", "/rotate".to_owned(), Some(body))
            }
            Action::MoveGrace { secret, seconds } => (
                "PATCH",
                format!("/secrets/{}", named.secret(*secret)),
                Some(json!({"expires_at": at(*seconds)})),
            ),
            Action::RevokeSecret { secret } => {
                ("POST", format!("/secrets/{}/revoke", named.secret(*secret)), None)
            }
            Action::Suspend | Action::TenantSuspend => ("POST", "/suspend".to_owned(), None),
            Action::Resume | Action::TenantResume => ("POST", "/resume".to_owned(), None),
            Action::Revoke { reason, note } => {
                ("POST", "/revoke".to_owned(), Some(json!({"reason": reason, "note": note})))
            }
            Action::Delete => ("DELETE", String::new(), None),
            Action::MemberDisable => ("POST", "/disable".to_owned(), None),
            Action::MemberEnable => ("POST", "/enable".to_owned(), None),
            Action::MemberEdit { name, email, scopes } => {
                let mut body = json!({});
                name.iter().for_each(|name| body["name"] = json!(name));
                email
                    .iter()
                    .for_each(|email| body["email"] = json!(Some(email).filter(|email| !email.is_empty())));
                scopes.iter().for_each(|scopes| body["scopes"] = json!(scopes));
                ("PATCH", String::new(), Some(body))
            }
            Action::TenantEdit { name, settings } => {
                let mut body = json!({});
                name.iter().for_each(|name| body["name"] = json!(name));
                settings.iter().for_each(|settings| body["settings"] = settings.body());
                ("PATCH", String::new(), Some(body))
            }
        };
        (method, path, body)
    }
}

impl Patch {
    fn commands(&self, now: Timestamp, named: &Named) -> Vec<CredentialCommand> {
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
        let actions = [
            Some(CredentialCommand::Edit(edit)),
            rescope.map(CredentialCommand::Rescope),
            expiry.map(CredentialCommand::SetExpiry),
            restrict.map(CredentialCommand::Restrict),
            limit.map(CredentialCommand::Limit),
            own.map(CredentialCommand::SetOwner),
        ];
        actions.into_iter().flatten().collect()
    }

    fn body(&self, now: Timestamp, named: &Named) -> Value {
        let members = [
            ("name", self.name.as_ref().map(|name| json!(name))),
            ("description", self.description.as_ref().map(|text| json!(text))),
            ("metadata", self.metadata.as_ref().map(|metadata| json!(metadata))),
            ("scopes", self.scopes.as_ref().map(|scopes| json!(scopes))),
            ("expires_at", self.expires.map(|end| json!(end.map(|seconds| later(now, seconds))))),
            ("ip_rules", self.rules.clone()),
            ("rate_limit", self.limit.map(|limit| json!(limit))),
            ("owner", self.owner.map(|owner| json!(owner.map(|number| named.member(number))))),
        ];
        let given = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(given.collect())
    }
}

impl Configured {
    fn patch(&self) -> SettingsPatch {
        let concrete = |text: &str| credledger::domain::scope::ConcreteScope::parse(text).expect("a scope");
        let operation = |(name, scope): &(&str, Option<&str>)| ((*name).to_owned(), scope.map(concrete));
        SettingsPatch {
            max_grace_seconds: self.max_grace_seconds,
            default_grace_seconds: self.default_grace_seconds,
            max_lifetime_seconds: self.max_lifetime_seconds,
            require_expiry: self.require_expiry,
            allowed_scopes: self.allowed_scopes.as_ref().map(|allowed| allowed.as_deref().map(parsed)),
            operations: self.operations.as_ref().map(|list| Some(list.iter().map(operation).collect())),
            default_rate_limit: self.default_rate_limit,
            ..SettingsPatch::default()
        }
    }

    fn body(&self) -> Value {
        let operations = |list: &Vec<(&str, Option<&str>)>| {
            list.iter().map(|(name, scope)| ((*name).to_owned(), json!(scope))).collect::<Map<_, _>>()
        };
        let members = [
            ("max_grace_seconds", self.max_grace_seconds.map(|seconds| json!(seconds))),
            ("default_grace_seconds", self.default_grace_seconds.map(|seconds| json!(seconds))),
            ("max_lifetime_seconds", self.max_lifetime_seconds.map(|seconds| json!(seconds))),
            ("require_expiry", self.require_expiry.map(|required| json!(required))),
            ("allowed_scopes", self.allowed_scopes.as_ref().map(|allowed| json!(allowed))),
            ("operations", self.operations.as_ref().map(|list| json!(operations(list)))),
            ("default_rate_limit", self.default_rate_limit.map(|limit| json!(limit))),
        ];
        let given = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(given.collect())
    }
}
