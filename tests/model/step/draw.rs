//! Drawing steps.

use credledger::domain::authority::Role;
use credledger::domain::credential::{ClientRotation, OnLeak, Reason};
use credledger::domain::rate_limit::{OwnRateLimit, RateLimit};
use credledger::limits;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::{
    Action, Configured, DAY, HOUR, MEMBERS, PLANS, Patch, RESOURCES, Reaching, Sending, Step, TENANTS, Tag,
};

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
        11 => (
            name(),
            option::of(scopes()),
            option::weighted(0.3, seconds()),
            option::weighted(0.3, rules()),
            option::weighted(0.4, own_limit()),
            option::weighted(0.4, owner()),
            option::weighted(0.45, resources()),
        )
            .prop_map(|(name, scopes, expires, rules, limit, owner, resources)| {
                Action::Create { name, scopes, expires, rules, limit, owner, resources }
            }),
        6 => patch().prop_map(Action::Edit),
        7 => (option::of(select(vec![0, 3600, 7 * 24 * 3600, limits::GRACE_SECONDS])), option::weighted(0.3, quiet()))
            .prop_map(|(grace, quiet)| Action::Rotate { grace, quiet }),
        8 => (0..6u8, option::weighted(0.8, seconds()), option::weighted(0.5, option::of(quiet())))
            .prop_filter("something is changed", |(_, seconds, quiet)| seconds.is_some() || quiet.is_some())
            .prop_map(|(secret, seconds, quiet)| Action::MoveGrace { secret, seconds, quiet }),
        4 => (0..6u8).prop_map(|secret| Action::RevokeSecret { secret }),
        2 => Just(Action::Suspend),
        3 => Just(Action::Resume),
        1 => (select(Reason::ALL.to_vec()), option::of(name()))
            .prop_map(|(reason, note)| Action::Revoke { reason, note }),
        1 => Just(Action::Delete),
        2 => Just(Action::TokensRevoke),
        10 => (0..6u8, option::weighted(0.5, asked_scope()), resources())
            .prop_map(|(secret, scope, resources)| Action::Exchange { secret, scope, resources }),
        4 => (0..6u8).prop_map(|token| Action::GiveBack { token }),
        5 => (0..12u8, prop::sample::subsequence(vec!["description", "metadata", "name", "note"], 1..=2))
            .prop_map(|(event, members)| Action::Erase { event, members }),
        2 => (0..6u8, 0..2u8).prop_map(|(secret, source)| Action::ReportLeak { secret, source }),
        3 => (option::of(name()), option::of(select(vec!["", "a@b.example"])), option::of(scopes())).prop_map(
            |(name, email, scopes)| Action::MemberEdit { name, email: email.map(str::to_owned), scopes }
        ),
        1 => Just(Action::MemberDisable),
        3 => Just(Action::MemberEnable),
        1 => Just(Action::TenantSuspend),
        7 => Just(Action::TenantResume),
        4 => (option::weighted(0.3, name()), option::weighted(0.7, option::weighted(0.8, 0..PLANS)), option::of(configured()))
            .prop_map(|(name, plan, settings)| Action::TenantEdit { name, plan, settings }),
        4 => (0..PLANS, option::weighted(0.9, 0..3u32))
            .prop_map(|(plan, active_credentials)| Action::PlanSet { plan, active_credentials }),
        18 => of_operators(),
    ]
}

fn of_operators() -> impl Strategy<Value = Action> {
    let created = (name(), role(), reaching()).prop_map(|(name, role, reaching)| {
        // Root reaches all; now and then it is told to reach less, and refused.
        let reaching = Some(reaching).filter(|_| role != Role::Root || name == "x");
        Action::OperatorCreate { name, role, reaching }
    });
    prop_oneof![
        2 => created,
        4 => (option::of(role()), option::weighted(0.3, reaching()), option::weighted(0.4, any::<bool>()))
            .prop_map(|(role, reaching, disabled)| Action::OperatorEdit { role, reaching, disabled }),
        2 => Just(Action::OperatorDelete),
        3 => Just(Action::OperatorEdit { role: None, reaching: None, disabled: Some(false) }),
        6 => (name(), seconds()).prop_map(|(name, seconds)| Action::TokenMint { name, seconds }),
        6 => (0..4u8).prop_map(|token| Action::TokenRevoke { token }),
    ]
}

fn role() -> impl Strategy<Value = Role> {
    select(Role::ALL.to_vec())
}

fn reaching() -> impl Strategy<Value = Reaching> {
    let some = prop::collection::btree_set(0..TENANTS, 1..=usize::from(TENANTS));
    prop_oneof![Just(Reaching::All), some.prop_map(|some| Reaching::Tenants(some.into_iter().collect()))]
}

/// Whom tokens are for.
fn resources() -> impl Strategy<Value = Vec<&'static str>> {
    prop_oneof![
        3 => Just(Vec::new()),
        2 => prop::sample::subsequence(RESOURCES.to_vec(), 1..=2),
    ]
}

/// Within what most clients have, beyond it, and none at all.
fn asked_scope() -> impl Strategy<Value = &'static str> {
    select(vec!["orders.read", "orders.* orders.read", "orders.write a.b.c", "payments:*.read", "*", "a..b"])
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

/// Longer than any run takes, and none that a window is just as long as.
fn quiet() -> impl Strategy<Value = u32> {
    select(vec![1800, 5400, 100_000])
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
        option::weighted(0.5, option::weighted(0.8, seconds())),
        option::weighted(0.3, rules()),
        option::weighted(0.3, own_limit()),
        option::weighted(0.4, option::of(owner())),
        option::weighted(0.5, resources()),
    );
    (texts, metadata, limits).prop_map(
        |((name, description), metadata, (scopes, expires, rules, limit, owner, resources))| Patch {
            name,
            description,
            metadata,
            scopes,
            expires,
            rules,
            limit,
            owner,
            resources,
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
    let warning = option::weighted(0.3, select(vec![0, 60, 400 * DAY as u32]));
    let of_clients = (
        option::weighted(0.5, select(ClientRotation::ALL.to_vec())),
        option::weighted(0.4, select(vec![600, 7200, 86_400])),
        option::weighted(0.7, select(vec![OnLeak::Flag, OnLeak::Flag, OnLeak::Revoke])),
    );
    (graces, lives, option::weighted(0.3, allowed), option::of(operations), (limits, warning), of_clients)
        .prop_map(
            |(
                (max_grace_seconds, default_grace_seconds),
                (max_lifetime_seconds, require_expiry),
                allowed_scopes,
                operations,
                (default_rate_limit, expiry_warning_seconds),
                (client_rotation, token_lifetime_seconds, on_leak),
            )| {
                Configured {
                    max_grace_seconds,
                    default_grace_seconds,
                    max_lifetime_seconds,
                    require_expiry,
                    allowed_scopes,
                    operations,
                    default_rate_limit,
                    expiry_warning_seconds,
                    client_rotation,
                    token_lifetime_seconds,
                    on_leak,
                }
            },
        )
}
