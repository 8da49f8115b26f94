//! After each kill: what everybody was told, against what the service says now.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Value, json};

use super::writer::{Attempt, Outcome};
use crate::support::client::Request;
use crate::support::service::{Actor, Service, text, without_use};

pub struct Checked {
    tenant: String,
    gateway: String,
    admin: String,
    /// where the first write of this test stands
    first: u64,
    /// which key's event stands where
    positions: BTreeMap<u64, String>,
}

/// One key's events, by the request that caused them.
type History = HashMap<String, Vec<(String, u64)>>;

impl Checked {
    pub fn new(tenant: String, (gateway, admin): (String, String), first: u64) -> Self {
        Checked { tenant, gateway, admin, first, positions: BTreeMap::new() }
    }

    pub fn next_position(&self) -> u64 {
        self.positions.last_key_value().map_or(self.first, |(last, _)| last + 1)
    }

    pub fn round(&mut self, service: &Service, mut attempts: Vec<Attempt>) {
        let own = service.root();
        for attempt in &mut attempts {
            self.find_what_was_made(&own, attempt);
        }
        let admin = service.actor(&self.admin);
        let before = self.histories(&admin, &attempts);
        for attempt in &attempts {
            there_as_told(attempt, attempt.key.as_ref().and_then(|key| before.get(key)));
        }
        let told = |attempt: &Attempt| matches!(attempt.outcome, Outcome::Acknowledged(_));
        let (told, mut untold): (Vec<Attempt>, Vec<Attempt>) = attempts.into_iter().partition(told);
        for attempt in told.iter().filter(|attempt| attempt.repeatable) {
            repeat_of_what_was_told(&own, attempt);
        }
        for attempt in untold.iter_mut().filter(|attempt| attempt.repeatable) {
            repeat_of_what_was_not(&own, attempt);
        }
        let after = self.histories(&admin, &untold);
        for attempt in &untold {
            there_as_told(attempt, attempt.key.as_ref().and_then(|key| after.get(key)));
        }
        let attempts = [told, untold].concat();
        self.state_is_what_was_told_last(&own, service, &attempts);
        self.dense(&own);
    }

    fn keys(&self) -> String {
        format!("/api/admin/v1/tenants/{}/keys", self.tenant)
    }

    /// The key that a mint made, told or not.
    fn find_what_was_made(&self, own: &Actor, attempt: &mut Attempt) {
        match (&attempt.key, &attempt.outcome) {
            (Some(_), _) => {}
            (None, Outcome::Acknowledged(told)) => attempt.key = Some(text(&told["key"]["id"])),
            (None, _) => {
                let found = own.get(&format!("{}?name={}", self.keys(), attempt.id)).expect(200);
                let found = found["data"].as_array().expect("a list");
                assert!(found.len() <= 1, "{} was minted {} times", attempt.id, found.len());
                attempt.key = found.first().map(|key| text(&key["id"]));
                if let Some(key) = found.first() {
                    assert_eq!(key["secrets"].as_array().map(Vec::len), Some(1), "{key}");
                }
            }
        }
    }

    /// Also learns which positions are taken, by whom.
    fn histories(&mut self, own: &Actor, attempts: &[Attempt]) -> HashMap<String, History> {
        let touched: BTreeSet<&String> = attempts.iter().filter_map(|attempt| attempt.key.as_ref()).collect();
        touched.into_iter().map(|key| (key.clone(), self.history(own, key))).collect()
    }

    fn history(&mut self, own: &Actor, key: &str) -> History {
        let page = own.get(&format!("{}/{key}/history?limit=500", self.keys())).expect(200);
        assert_eq!(page["next_cursor"], Value::Null, "one page holds it");
        let mut history = History::new();
        let mut last = None;
        for event in page["data"].as_array().expect("a list") {
            let position = event["position"].as_u64().expect("a position");
            assert!(last < Some(position), "{event} comes after {last:?}");
            last = Some(position);
            let holder = self.positions.entry(position).or_insert_with(|| key.to_owned());
            assert_eq!(holder, key, "position {position} was given twice");
            history.entry(text(&event["request_id"])).or_default().push((text(&event["type"]), position));
        }
        history
    }

    /// The last that was told of a key is what it is now, and its newest secret works for as long as it lives.
    fn state_is_what_was_told_last(&self, own: &Actor, service: &Service, attempts: &[Attempt]) {
        let mut last: BTreeMap<&String, Option<(u64, &Value)>> = BTreeMap::new();
        let mut secrets: BTreeMap<&String, (u64, String)> = BTreeMap::new();
        for attempt in attempts {
            let Some(key) = &attempt.key else { continue };
            let place = last.entry(key).or_insert(Some((0, &Value::Null)));
            let Outcome::Acknowledged(told) = &attempt.outcome else {
                // What became of it is not known, so neither is what the key is now.
                if matches!(attempt.outcome, Outcome::Unknown) {
                    *place = None;
                }
                continue;
            };
            let position = told["position"].as_u64().expect("a position");
            if let Some(known) = place.as_mut().filter(|(known, _)| *known <= position) {
                *known = (position, &told["key"]);
            }
            if let Some(secret) = told["secret"].as_str() {
                let newest = secrets.entry(key).or_default();
                if newest.0 <= position {
                    *newest = (position, secret.to_owned());
                }
            }
        }
        let gateway = service.actor(&self.gateway);
        for (key, told) in last {
            let Some((position, told)) = told.filter(|(position, _)| *position > 0) else { continue };
            let now = own.get(&format!("{}/{key}?min_position={position}", self.keys())).expect(200);
            let (now, known) = (without_use(now), without_use(told.clone()));
            assert_eq!(now, known, "{key} is what was told last, at {position}");
            let Some((_, secret)) = secrets.get(key) else { continue };
            let verdict = gateway.verify(secret);
            match told["revoked"] {
                Value::Null => verdict.is_accepted(),
                _ => verdict.is_refused("revoked"),
            };
        }
    }

    fn dense(&self, own: &Actor) {
        let ready = own.get("/readyz").expect(200);
        assert_eq!(
            ready["position"],
            json!(self.next_position() - 1),
            "the last position is the last write's"
        );
        let taken = self.positions.keys().copied();
        assert!(taken.eq(self.first..self.next_position()), "positions are dense");
    }
}

const REPLAYED: &str = "idempotency-replayed";

/// With the same Idempotency-Key: the very answer of then.
fn repeat_of_what_was_told(own: &Actor, attempt: &Attempt) {
    let Outcome::Acknowledged(then) = &attempt.outcome else { return };
    let again = own.send(&anew(attempt, "again"));
    assert_eq!(again.header(REPLAYED), Some("true"), "{}", attempt.id);
    assert_eq!(again.json(), *then, "{}", attempt.id);
}

/// With the same Idempotency-Key: the answer that was lost, or is given only now; and then that again.
fn repeat_of_what_was_not(own: &Actor, attempt: &mut Attempt) {
    let (first, second) = (own.send(&anew(attempt, "again")), own.send(&anew(attempt, "again2")));
    assert!(matches!(first.status, 200 | 201), "{}: {}", attempt.id, first.text());
    let told = first.json();
    assert_eq!(second.header(REPLAYED), Some("true"), "{}", attempt.id);
    assert_eq!(second.json(), told, "{}", attempt.id);
    if first.header(REPLAYED).is_none() {
        attempt.id = format!("{}-again", attempt.id);
    } else {
        assert!(matches!(attempt.outcome, Outcome::Unknown), "{} was refused, and is stored", attempt.id);
    }
    attempt.key.get_or_insert_with(|| text(&told["key"]["id"]));
    attempt.outcome = Outcome::Acknowledged(told);
}

/// The same request, under another request id.
fn anew(attempt: &Attempt, suffix: &str) -> Request {
    let mut request = attempt.request.clone();
    for (name, value) in &mut request.headers {
        if name == "X-Request-Id" {
            value.push('-');
            value.push_str(suffix);
        }
    }
    request
}

fn there_as_told(attempt: &Attempt, history: Option<&History>) {
    let found = history.and_then(|history| history.get(&attempt.id)).map(Vec::as_slice).unwrap_or_default();
    let types: Vec<&str> = found.iter().map(|(kind, _)| kind.as_str()).collect();
    match &attempt.outcome {
        Outcome::Acknowledged(told) => {
            assert_eq!(types, attempt.events, "{} was acknowledged: {told}", attempt.id);
            let last = found.last().map(|(_, position)| *position);
            assert_eq!(told["position"].as_u64(), last, "{}", attempt.id);
        }
        Outcome::Refused => assert!(types.is_empty(), "{} was refused, and is there: {types:?}", attempt.id),
        Outcome::Unknown => {
            assert!(
                types.is_empty() || types == attempt.events,
                "{} is there in part: {types:?}",
                attempt.id
            );
        }
    }
}
