//! Somebody who changes keys of their own, one change after the other, and remembers what they were told.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::random::Random;
use crate::support::client::{Request, Response};
use crate::support::service::{Actor, eventually, text};

/// A sixth living secret would be one too many. Windows end long after the test, so housekeeping adds no event of its own.
const ROTATIONS: u32 = 4;

#[derive(Clone, Debug)]
pub enum Outcome {
    Acknowledged(Value),
    /// "nothing was changed"
    Refused,
    /// no answer, or one that says so
    Unknown,
}

#[derive(Clone, Debug)]
pub struct Attempt {
    pub request: Request,
    pub id: String,
    /// with an Idempotency-Key
    pub repeatable: bool,
    /// none: it makes one
    pub key: Option<String>,
    /// the types of its events
    pub events: &'static [&'static str],
    pub outcome: Outcome,
}

struct OwnKey {
    id: String,
    rotations: u32,
}

pub struct Writer {
    number: u64,
    random: Random,
    keys: Vec<OwnKey>,
    attempts: u64,
}

impl Writer {
    pub fn new(number: u64, random: Random) -> Self {
        Writer { number, random, keys: Vec::new(), attempts: 0 }
    }

    /// Until it is told to stop, or nobody is there to answer.
    pub fn write(
        &mut self,
        own: &Actor,
        tenant: &str,
        round: u64,
        going: &AtomicBool,
        acknowledged: &AtomicU64,
    ) -> Vec<Attempt> {
        // One key lives through to the next round; the history of the others ends here.
        self.keys.truncate(1);
        let mut attempts = Vec::new();
        while going.load(Ordering::Relaxed) {
            self.attempts += 1;
            let id = format!("r{round}-w{}-{}", self.number, self.attempts);
            let mut attempt = self.next(own, tenant, id);
            let answer = own.try_send(&attempt.request);
            let gone = answer.is_err();
            attempt.outcome = outcome(&attempt, answer.ok());
            match &attempt.outcome {
                Outcome::Acknowledged(told) => {
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                    self.learn(&attempt, told);
                }
                // From here on its state is not known: it is looked at, and not used again.
                Outcome::Refused | Outcome::Unknown => {
                    self.keys.retain(|key| Some(&key.id) != attempt.key.as_ref())
                }
            }
            let refused = matches!(attempt.outcome, Outcome::Refused);
            attempts.push(attempt);
            if gone {
                break;
            }
            if refused {
                // It says "ask again"; so that is done once it can be of use.
                let ready = own.request("GET", "/readyz");
                let came_back =
                    || own.try_send(&ready).map_or(Some(()), |it| (it.status == 200).then_some(()));
                eventually(|| came_back().or((!going.load(Ordering::Relaxed)).then_some(())));
            }
        }
        attempts
    }

    fn next(&mut self, own: &Actor, tenant: &str, id: String) -> Attempt {
        let keys = format!("/api/admin/v1/tenants/{tenant}/keys");
        let choice = if self.keys.is_empty() { 0 } else { self.random.below(8) };
        let place = self.random.below(self.keys.len().max(1) as u64) as usize;
        let key = self.keys.get_mut(place).filter(|_| choice > 0);
        let path = key.as_ref().map(|key| format!("{keys}/{}", key.id)).unwrap_or_default();
        let key_id = key.as_ref().map(|key| key.id.clone());
        let (request, body, events): (_, _, &[&str]) = match (choice, key) {
            (0, _) => {
                (own.request("POST", &keys), json!({"name": id, "scopes": ["first"]}), &["api_key.created"])
            }
            (1..=3, Some(key)) if key.rotations < ROTATIONS => {
                key.rotations += 1;
                let body = json!({"grace_seconds": 3600});
                (own.request("POST", &format!("{path}/rotate")), body, &["api_key.rotated"])
            }
            (7, _) => {
                let body = json!({"reason": "unused"});
                (own.request("POST", &format!("{path}/revoke")), body, &["api_key.revoked"])
            }
            _ => {
                let body = json!({"name": id, "scopes": [format!("of.{id}")]});
                (own.request("PATCH", &path), body, &["api_key.edited", "api_key.rescoped"])
            }
        };
        let repeatable = self.random.one_in(2);
        let mut request = request.header("X-Request-Id", &id).json(&body);
        if repeatable {
            request = request.header("Idempotency-Key", &id);
        }
        Attempt { request, id, repeatable, key: key_id, events, outcome: Outcome::Unknown }
    }

    fn learn(&mut self, attempt: &Attempt, told: &Value) {
        match (&attempt.key, attempt.events) {
            (None, _) => self.keys.push(OwnKey { id: text(&told["key"]["id"]), rotations: 0 }),
            (Some(ended), ["api_key.revoked"]) => self.keys.retain(|key| key.id != *ended),
            _ => {}
        }
    }
}

fn outcome(attempt: &Attempt, answer: Option<Response>) -> Outcome {
    let Some(answer) = answer else { return Outcome::Unknown };
    let body = answer.json();
    match (answer.status, body["code"].as_str()) {
        (200..=202, _) => Outcome::Acknowledged(body),
        (503, Some("unavailable")) => Outcome::Refused,
        (503, Some("outcome_unknown")) => Outcome::Unknown,
        _ => panic!("{}: {}", attempt.id, answer.text()),
    }
}
