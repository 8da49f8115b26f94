//! Secrets that are reported as found: nobody's command, and held against the model like one.

use credledger::domain::command::Command;
use credledger::domain::credential::{CredentialCommand, Finding, ReportLeak, Reporter, Secret};
use credledger::domain::ids::StreamId;
use serde_json::json;

use super::{Run, Target, collection, latest};
use crate::step::LEAK_SOURCES;
use crate::told::{comparable_key, key_as_told};

impl Run<'_> {
    pub(super) fn report_leak(&mut self, target: Target, secret: u8, source: u8) {
        let subject = target.subject.expect("a key or a client of the history");
        let before = self.oracle.credential(subject).expect("it is there");
        let secret = before.secrets[usize::from(secret) % before.secrets.len()].clone();
        let source = LEAK_SOURCES[usize::from(source) % LEAK_SOURCES.len()];
        let request_id = self.request_id();
        let anyone = self.service.anonymous();
        let body = json!({"token": self.text_of(&secret), "source": source});
        let report = anyone.request("POST", "/api/v1/leaks").header("X-Request-Id", &request_id).json(&body);
        // Each from an address of its own, or they would come too often.
        let [high, low, ..] = *self.id.as_bytes().last_chunk::<4>().expect("sixteen bytes");
        let from = format!("2001:db8:{:x}:{:x}::1", u16::from_be_bytes([high, low]), self.requests.len());
        anyone.send(&report.header("X-Forwarded-For", &from)).expect(202);

        let finding = Finding { source: source.to_owned(), url: None, reporter: Reporter::Finder };
        let command = CredentialCommand::ReportLeak(ReportLeak { secret: secret.facts.id, finding });
        let command = Command::Credential(before.tenant, None, vec![command]);
        let path = format!("/api/admin/v1/tenants/{}/{}/{subject}", before.tenant, collection(before.kind()));
        let read = self.root.get(&path).expect(200);
        self.oracle.now = self.oracle.now.max(latest(&json!({"key": read})));
        let now = self.oracle.now;
        let decided = self.oracle.decide(subject, command, None, &request_id, &json!({}), now);
        let events = decided.expect("a report is never refused");
        events.iter().for_each(|event| self.meets(event.event.kind().name));
        if events.is_empty() {
            self.meets("leak.no_news");
        }
        let after = self.oracle.credential(subject).expect("it is there");
        let (owner, tenant) = (self.oracle.owner(&after), self.oracle.tenant(after.tenant));
        assert_eq!(comparable_key(&read), key_as_told(&after, owner.as_ref(), &tenant, now), "read back");
        let position = self.last_position(&path);
        self.reported.insert(request_id.clone(), subject);
        self.requests.push((request_id, events, Some(position)));
    }

    /// As it is found: of a client with its id.
    fn text_of(&self, secret: &Secret) -> String {
        let text = self.secrets.get(&secret.facts.id).expect("the text of every secret is known");
        match &secret.facts.client_id {
            Some(id) => format!("{}:{text}", id.as_str()),
            None => text.clone(),
        }
    }

    fn last_position(&self, path: &str) -> u64 {
        let told = self.root.get(&format!("{path}/history?order=desc&limit=10")).expect(200);
        let mut events = told["data"].as_array().into_iter().flatten();
        let last = events.find(|event| !is_housekeeping(event["type"].as_str().unwrap_or_default()));
        last.and_then(|event| event["position"].as_u64()).expect("it has a history")
    }

    /// Who held what a request was about, where that was a report.
    pub fn reported_by(&self, request_id: &str) -> Option<StreamId> {
        self.reported.get(request_id).copied()
    }
}

fn is_housekeeping(kind: &str) -> bool {
    ["expiring_soon", "expired", "secret_expired"].into_iter().any(|word| kind.ends_with(&format!(".{word}")))
}
