//! What a history left in the trails of its tenants: each event of theirs once, in order, over any page and filter, and told as the
//! histories tell it.

use std::collections::{BTreeMap, BTreeSet};

use credledger::domain::event::{Actor, Event, Recorded};
use credledger::domain::ids::TenantId;
use credledger::domain::operator::Reach;
use credledger::domain::stream::StreamState;
use credledger::ledger::read::Positioned;
use serde_json::Value;
use uuid::Uuid;

use crate::log;
use crate::run::{Run, collection};
use crate::support::service::Service;

/// How many keys' histories are held against their trails, for each tenant.
const HISTORIES: usize = 2;
/// Each history asks for every so-many-th type.
const TURNS: usize = 5;

pub fn agree(service: &Service, run: &Run<'_>) {
    let first = run.requests.first().and_then(|(_, _, position)| *position).expect("a tenant was taken in");
    let events = log::block_on(log::events(service, first, u64::MAX));
    // What housekeeping records from here on is in the trails as soon as it has happened.
    let last = events.last().map_or(first, |event| event.position);
    let seen = |event: &Value| (first..=last).contains(&event["position"].as_u64().expect("a position"));
    let reached = reached(&events);
    for tenant in &run.tenants {
        let of = |event: &&Positioned| match event.recorded.tenant {
            Some(own) => own == *tenant,
            None => reached.get(&event.position).is_some_and(|reached| reached.contains(tenant)),
        };
        let own: Vec<&Positioned> = events.iter().filter(of).collect();
        Trail { run, tenant: *tenant, seen: &seen, own: &own }.holds();
        for (key, subject) in run.oracle.credentials(*tenant).iter().map(|key| (key, key.id)).take(HISTORIES)
        {
            let list = collection(key.kind());
            let tenants = format!("/api/admin/v1/tenants/{tenant}");
            let mut history = run.root.walk(&format!("{tenants}/{list}/{subject}/history?"), 500);
            let mut trail = run.root.walk(&format!("{tenants}/audit?subject={subject}&"), 4);
            history.retain(seen);
            trail.retain(seen);
            assert_eq!(trail, history, "{subject}");
        }
    }
}

/// Position → whom an operator's event concerns, as the operators' own folds have it.
fn reached(events: &[Positioned]) -> BTreeMap<u64, BTreeSet<TenantId>> {
    let (mut states, mut reached): (BTreeMap<Uuid, StreamState>, _) = (BTreeMap::new(), BTreeMap::new());
    for Positioned { position, recorded } in events {
        // Of whoever was made before this history, all tenants are reached, or none of its.
        if !matches!(recorded.event, Event::Operator(_))
            || (recorded.version > 1 && !states.contains_key(&recorded.stream.0))
        {
            continue;
        }
        let before = states.remove(&recorded.stream.0).unwrap_or_default();
        let after = before.clone().folded(recorded.clone()).expect("an operator");
        let (old, new) = (tenants_of(&before), tenants_of(&after));
        let role = |state: &StreamState| state.operator().map(|operator| operator.role);
        let moved_alone = recorded.event.kind().name == "operator.assigned" && role(&before) == role(&after);
        let concerned = match moved_alone {
            true => old.symmetric_difference(&new).copied().collect(),
            false => old.union(&new).copied().collect(),
        };
        reached.insert(*position, concerned);
        states.insert(recorded.stream.0, after);
    }
    reached
}

fn tenants_of(state: &StreamState) -> BTreeSet<TenantId> {
    match state.operator().map(|operator| &operator.reach) {
        Some(Reach::Tenants(tenants)) => tenants.clone(),
        _ => BTreeSet::new(),
    }
}

struct Trail<'a> {
    run: &'a Run<'a>,
    tenant: TenantId,
    seen: &'a dyn Fn(&Value) -> bool,
    own: &'a [&'a Positioned],
}

impl Trail<'_> {
    fn holds(&self) {
        self.tells("", 7, &|_| true);
        let kinds: BTreeSet<&str> = self.own.iter().map(|event| event.recorded.event.kind().name).collect();
        // Over all histories each kind is met with each turn.
        let turn = self.own.len() % TURNS;
        for (place, kind) in kinds.iter().enumerate().filter(|(place, _)| place % TURNS == turn) {
            self.tells(&format!("type={kind}&"), 3, &|event| event.event.kind().name == *kind);
            let family = kind.split('.').next().expect("a family");
            let within = |event: &Recorded| event.event.kind().name.split('.').next() == Some(family);
            self.tells(&format!("type={family}.*&"), 50, &within);
            let other = kinds.iter().nth(place / 2).expect("a kind");
            let either = |event: &Recorded| [kind, other].contains(&&event.event.kind().name);
            self.tells(&format!("type={kind}&type={other}&"), 20, &either);
        }
        let actors: BTreeSet<Uuid> = self.own.iter().map(|event| actor(&event.recorded)).collect();
        for own in actors {
            let asked = if own.is_nil() { "system".to_owned() } else { own.to_string() };
            self.tells(&format!("actor={asked}&"), 50, &|event| actor(event) == own);
            let both = |event: &Recorded| actor(event) == own && event.event.kind().name == "api_key.rotated";
            self.tells(&format!("actor={asked}&type=api_key.rotated&"), 4, &both);
        }
        if let Some(middle) = self.own.get(self.own.len() / 2) {
            let at = middle.recorded.at;
            self.tells(&format!("from={at}&"), 50, &|event| event.at >= at);
            self.tells(&format!("to={at}&"), 50, &|event| event.at < at);
        }
    }

    fn tells(&self, query: &str, limit: usize, admits: &dyn Fn(&Recorded) -> bool) {
        let admitted = self.own.iter().filter(|event| admits(&event.recorded));
        let expected: Vec<(u64, &str)> =
            admitted.map(|event| (event.position, event.recorded.event.kind().name)).collect();
        let path = format!("/api/admin/v1/tenants/{}/audit?{query}", self.tenant);
        let turned = (self.own.len() + query.len()).is_multiple_of(2);
        let order = if turned { "order=desc&" } else { "" };
        let mut told = self.run.root.walk(&format!("{path}{order}"), limit);
        if turned {
            told.reverse();
        }
        let told: Vec<(u64, &str)> = told
            .iter()
            .filter(|event| (self.seen)(event))
            .map(|event| (event["position"].as_u64().expect("one"), event["type"].as_str().expect("a type")))
            .collect();
        assert_eq!(told, expected, "{query} pages of {limit}");
    }
}

fn actor(recorded: &Recorded) -> Uuid {
    match recorded.actor {
        Actor::Operator(id) => id.0,
        Actor::Holder(id) => id,
        Actor::System => Uuid::nil(),
    }
}
