//! Values that are erased of a key's history: the oracle forgets them too, and goes on from there.

use credledger::domain::command::Command;
use credledger::domain::erasure::{Erase, Held, Reason, Target as Erased};
use credledger::domain::ids::StreamId;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Run, Target, collection};
use crate::oracle::status_and_code;

/// What housekeeping writes, when it writes it: the oracle has none of it.
const HOUSEKEEPING: [&str; 3] = ["expiring_soon", "secret_expired", "expired"];

impl Run<'_> {
    pub(super) fn erase(&mut self, target: Target, event: u8, members: &[&str]) {
        let key = target.subject.expect("a key of the history");
        let own: Vec<_> =
            self.oracle.memory.all().into_iter().filter(|recorded| recorded.stream == key).collect();
        let told = self.told_by_people(target, key);
        assert_eq!(told.len(), own.len(), "the history tells what the model knows");
        let place = usize::from(event) % own.len();
        let position = told[place]["position"].as_u64().expect("a position");
        let held = Held::of(&own, &self.oracle.memory.state(key)).expect("events");
        self.oracle.held = Some(held.asked(position, &own[place]));
        let members: Vec<String> = members.iter().map(|member| (*member).to_owned()).collect();
        let request_id = self.request_id();
        let body = json!({"text": {"position": position, "members": members}, "reason": "other"});
        let path = format!("/api/admin/v1/tenants/{}/erasures", target.tenant);
        let request = self.root.request("POST", &path).header("X-Request-Id", &request_id);
        let answer = self.root.send(&request.json(&body));
        let (status, answer) = (answer.status, answer.json());
        let id = answer["erasure"]["id"].as_str().and_then(|id| id.parse().ok());
        let erase =
            Erase { target: Erased::Text { position, members: Some(members) }, reason: Reason::Other };
        let command = Command::Erase(Some(target.tenant), erase);
        let (stream, now) = (StreamId(id.unwrap_or(Uuid::nil())), self.oracle.now);
        let decided = self.oracle.decide(stream, command, None, &request_id, &answer, now);
        self.oracle.held = None;
        let events = match decided {
            Ok(events) => {
                assert_eq!(status, if events.is_empty() { 200 } else { 201 }, "{answer}");
                events
            }
            Err(refusal) => {
                let told = (status, answer["code"].as_str().unwrap_or_default());
                assert_eq!(told, status_and_code(&refusal), "{answer}");
                self.requests.push((request_id, Vec::new(), None));
                return self.meets("erasure.refused");
            }
        };
        for erased in events.iter().filter_map(|event| event.erased()) {
            self.meets("ledger.subject_erased");
            self.oracle.memory.erase(erased);
            let written = self.requests.iter_mut().flat_map(|(_, events, _)| events);
            written.for_each(|recorded| crate::memory::erase(recorded, erased));
        }
        self.holds_key(target.tenant, key);
        self.requests.push((request_id, events, answer["position"].as_u64()));
    }

    /// The key's history, without what comes when it comes.
    fn told_by_people(&self, target: Target, key: StreamId) -> Vec<Value> {
        let kind = self.oracle.credential(key).expect("a key of the history").kind();
        let path =
            format!("/api/admin/v1/tenants/{}/{}/{key}/history?limit=500", target.tenant, collection(kind));
        let told = self.root.get(&path).expect(200);
        let by_people = |event: &&Value| {
            let word = event["type"].as_str().and_then(|name| name.split('.').nth(1));
            !HOUSEKEEPING.contains(&word.expect("a type"))
        };
        told["data"].as_array().expect("a list").iter().filter(by_people).cloned().collect()
    }
}
