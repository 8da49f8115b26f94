//! What a tenant's lists of keys and of clients held at moments of a history, under any filter, is what its events fold to then; what was
//! another between two moments is what the two lists say (N2).

use std::collections::{BTreeMap, BTreeSet};

use credledger::clock::Timestamp;
use credledger::domain::credential::{Credential, Kind};
use credledger::domain::decided::stands;
use credledger::domain::ids::{StreamId, TenantId};
use credledger::domain::stream::StreamState;
use credledger::domain::tenant::Tenant;
use credledger::ledger::read::Positioned;
use serde_json::Value;

use crate::lists::{Filter, filter, filters};
use crate::log;
use crate::run::{Run, collection};
use crate::support::service::Service;

/// Each moment is asked by every so-many-th filter; over all histories each is met by each.
const TURNS: usize = 10;
/// As moments go, of which each history is asked for two.
const MOMENTS: usize = 5;

pub fn agree(service: &Service, run: &Run<'_>) {
    let first = run.requests.first().and_then(|(_, _, position)| *position).expect("a tenant was taken in");
    let events = log::block_on(log::events(service, first, u64::MAX));
    // Over all histories each of them.
    if let Some(id) = run.tenants.get(events.len() % run.tenants.len()) {
        let own: Vec<&Positioned> =
            events.iter().filter(|event| event.recorded.tenant == Some(*id)).collect();
        let moments = moments(&own);
        // Over all histories each is asked for, and compared with each.
        let turn = own.len() + first as usize;
        let [one, other] = [turn, turn + 1 + turn / MOMENTS].map(|place| place % moments.len());
        for place in [one, other] {
            Then::fold(run, *id, &events, moments[place]).holds(turn + place);
        }
        differ(run, *id, &events, [moments[one.min(other)], moments[one.max(other)]]);
    }
}

/// After an event, or at an instant.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moment {
    Position(u64),
    At(Timestamp),
}

impl Moment {
    fn query(self, [at, position]: [&str; 2]) -> String {
        match self {
            Moment::Position(own) => format!("{position}={own}"),
            Moment::At(own) => format!("{at}={own}"),
        }
    }

    fn is_before(self, event: &Positioned) -> bool {
        match self {
            Moment::Position(position) => event.position > position,
            Moment::At(at) => event.recorded.at > at,
        }
    }
}

/// Some of a tenant's life, in their order: after events of it, at instants of events, and at those at which something ended by time.
fn moments(own: &[&Positioned]) -> Vec<Moment> {
    let (first, last) = (own[0].recorded.at, own[own.len() - 1].recorded.at);
    let place = |part: usize| &own[(own.len() - 1) * part / 4];
    let mut states: BTreeMap<StreamId, StreamState> = BTreeMap::new();
    let mut ends: BTreeSet<Timestamp> = BTreeSet::new();
    for event in own {
        let state = states.remove(&event.recorded.stream).unwrap_or_default();
        let state = state.folded(event.recorded.clone()).expect("a stream");
        let found = state.credential().into_iter().flat_map(|key| {
            let windows = key.secrets.iter().filter_map(|secret| secret.ends_at);
            windows.chain(key.expires_at).chain(key.half_life())
        });
        ends.extend(found.filter(|end| (first..=last).contains(end)));
        states.insert(event.recorded.stream, state);
    }
    let mut found: Vec<(Timestamp, u64, Moment)> = [0, 2, 3]
        .map(|part| (place(part).recorded.at, place(part).position, Moment::Position(place(part).position)))
        .to_vec();
    let by_time = [place(1).recorded.at].into_iter().chain(ends.iter().nth(ends.len() / 2).copied());
    let before =
        |at: Timestamp| own.iter().rfind(|event| event.recorded.at <= at).map_or(0, |event| event.position);
    found.extend(by_time.map(|at| (at, before(at), Moment::At(at))));
    found.sort_by_key(|(at, position, _)| (*at, *position));
    found.into_iter().map(|(_, _, moment)| moment).collect()
}

/// A tenant at a moment, as the events fold.
struct Then<'a> {
    run: &'a Run<'a>,
    moment: Moment,
    at: Timestamp,
    tenant: Tenant,
    states: BTreeMap<StreamId, StreamState>,
}

impl<'a> Then<'a> {
    fn fold(run: &'a Run<'a>, tenant: TenantId, events: &[Positioned], moment: Moment) -> Then<'a> {
        let mut states: BTreeMap<StreamId, StreamState> = BTreeMap::new();
        let mut last = Timestamp::default();
        for event in events.iter().take_while(|event| !moment.is_before(event)) {
            last = event.recorded.at;
            if event.recorded.tenant == Some(tenant) {
                let state = states.remove(&event.recorded.stream).unwrap_or_default();
                let state = state.folded(event.recorded.clone()).expect("a stream");
                states.insert(event.recorded.stream, state);
            }
        }
        let at = match moment {
            Moment::Position(_) => last,
            Moment::At(at) => at,
        };
        let tenant = states[&tenant.into()].tenant().expect("it was there").clone();
        Then { run, moment, at, tenant, states }
    }

    fn keys(&self, kind: Kind) -> Vec<Credential> {
        let all = self.states.values().filter_map(StreamState::credential);
        all.filter(|key| key.kind() == kind).cloned().collect()
    }

    fn stands(&self, key: &Credential) -> bool {
        let owner = key.owner.and_then(|owner| self.states.get(&owner.into())?.member());
        stands(key, &self.tenant, owner, self.at)
    }

    fn holds(&self, turn: usize) {
        for kind in Kind::ALL {
            let keys = self.keys(kind);
            self.tells(kind, &keys, &[]);
            let mut filters = filters(self.run, &self.tenant, &keys, self.at);
            filters.retain(|filter| kind == Kind::ApiKey || !filter.query.starts_with("prefix="));
            for valid in [true, false] {
                let standing: BTreeSet<_> =
                    keys.iter().filter(|key| self.stands(key) == valid).map(|key| key.id).collect();
                filters.push(filter("valid", &valid.to_string(), move |key| standing.contains(&key.id)));
            }
            let (count, own) = (filters.len(), |place: usize| place % TURNS == turn % TURNS);
            for (place, one) in
                filters.iter().enumerate().filter(|(place, _)| own(*place) || place + 2 >= count)
            {
                self.tells(kind, &keys, &[one]);
                let other = &filters[(place + turn + 1) % count];
                if one.query.split('=').next() != other.query.split('=').next() {
                    self.tells(kind, &keys, &[one, other]);
                }
            }
        }
    }

    /// Newest first, each once, each as it was.
    fn tells(&self, kind: Kind, keys: &[Credential], filters: &[&Filter]) {
        let query: String = filters.iter().map(|filter| format!("&{}", filter.query)).collect();
        let moment = self.moment.query(["at", "position"]);
        let list = collection(kind);
        let path = format!("/api/admin/v1/tenants/{}/{list}?{moment}{query}", self.tenant.id);
        let told = self.run.root.walk(&path, 2);
        let place = |key: &Value| (key["created_at"].to_string(), key["id"].to_string());
        assert!(told.is_sorted_by(|one, next| place(one) > place(next)), "newest first, each once: {told:?}");
        let warning = self.tenant.settings.expiry_warning_seconds;
        let admitted = keys.iter().filter(|key| filters.iter().all(|filter| (filter.admits)(key)));
        let expected: BTreeSet<String> =
            admitted.map(|key| said(&key.id, &key.status(self.at, warning), key.version)).collect();
        let told: BTreeSet<String> = told
            .iter()
            .map(|key| said(&key["id"], &key["status"], key["version"].as_u64().expect("one")))
            .collect();
        assert_eq!(told, expected, "{list} {moment} {query}");
    }
}

fn said(id: &impl serde::Serialize, status: &impl serde::Serialize, version: u64) -> String {
    serde_json::json!([id, status, version]).to_string()
}

/// What was another, and what it was at both, is what the lists of both moments say.
fn differ(run: &Run<'_>, tenant: TenantId, events: &[Positioned], moments: [Moment; 2]) {
    let [before, after] = moments.map(|moment| {
        let moment = moment.query(["at", "position"]);
        let lists = Kind::ALL.map(|kind| {
            run.root.walk(&format!("/api/admin/v1/tenants/{tenant}/{}?{moment}", collection(kind)), 500)
        });
        let all = lists.into_iter().flatten().map(|key| (key["id"].to_string(), key));
        all.collect::<BTreeMap<String, Value>>()
    });
    let expected: BTreeMap<&String, [Value; 2]> = after
        .iter()
        .map(|(id, after)| (id, [before.get(id).cloned().unwrap_or_default(), after.clone()]))
        .filter(|(_, [before, after])| own(before) != own(after))
        .collect();
    let query =
        [moments[0].query(["from", "from_position"]), moments[1].query(["to", "to_position"])].join("&");
    let told = run.root.walk(&format!("/api/admin/v1/tenants/{tenant}/changes?{query}"), 2);
    let ids: Vec<String> = told.iter().map(|change| change["id"].to_string()).collect();
    let told: BTreeMap<&String, [Value; 2]> = ids
        .iter()
        .zip(&told)
        .map(|(id, change)| (id, [change["before"].clone(), change["after"].clone()]))
        .collect();
    assert_eq!(told.len(), ids.len(), "each once: {ids:?}");
    assert_eq!(told, expected, "{query} of {} events", events.len());
}

/// What a credential says of itself, and not of others.
fn own(told: &Value) -> Value {
    let mut own = told.clone();
    let Some(members) = own.as_object_mut() else { return own };
    for others in ["version", "effective_scopes", "scopes_truncated"] {
        members.remove(others);
    }
    for actor in [Some("created_by"), Some("revoked")] {
        let Some(found) = actor.and_then(|actor| members.get_mut(actor)) else { continue };
        for place in ["/name", "/by/name"] {
            found.pointer_mut(place).map(Value::take);
        }
    }
    own
}
