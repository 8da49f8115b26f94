//! What was answered, held against what the oracle decides.

use credledger::clock::Timestamp;
use credledger::domain::command::Command;
use credledger::domain::credential::{CredentialCommand, Kind, Rotate};
use credledger::domain::ids::{StreamId, TenantId};
use credledger::domain::stream::StreamState;
use serde_json::Value;
use uuid::Uuid;

use super::{Run, Target, collection, latest, made};
use crate::oracle::{credential_in, status_and_code};
use crate::step::{Action, Step};
use crate::told::{
    comparable, comparable_key, key_as_told, member_as_told, operator_as_told, plan_as_told, tenant_as_told,
    token_as_told,
};

impl Run<'_> {
    pub(super) fn hold(&mut self, step: &Step, target: Target, status: u16, body: &Value) {
        // What was refused has no id; any unknown one will do to see it refused.
        let subject = target.subject.or_else(|| made(body)).unwrap_or(StreamId(Uuid::nil()));
        let (command, versions) = (self.command(step, target), self.versions(step, target));
        let expected = self.status_of_success(step, subject);
        self.oracle.now = self.oracle.now.max(latest(body));
        let now = self.decided_at(&command, target, body);
        let request_id = self.request_id();
        let decided = self.oracle.decide(subject, command, versions, &request_id, body, now);
        let events = match decided {
            Ok(events) => {
                assert_eq!(status, expected, "{step:?}: {body}");
                self.keep_secret(body);
                events.iter().for_each(|event| self.meets(event.event.kind().name));
                self.holds_state(step, target.tenant, subject, body);
                events
            }
            Err(refusal) => {
                let told = (status, body["code"].as_str().unwrap_or_default());
                assert_eq!(told, status_and_code(&refusal), "{step:?}: {body}, and the model: {refusal}");
                self.meets(told.1);
                if refusal.detail.starts_with("This is the last enabled operator of role root") {
                    self.meets("last_root");
                }
                Vec::new()
            }
        };
        self.requests.push((request_id, events, body["position"].as_u64()));
    }

    pub fn meets(&mut self, what: &str) {
        *self.met.entry(what.to_owned()).or_default() += 1;
    }

    fn status_of_success(&self, step: &Step, subject: StreamId) -> u16 {
        let makes = match step.action {
            Action::Rotate { .. } | Action::TokenMint { .. } => true,
            Action::PlanSet { .. } => self.oracle.memory.state(subject).plan().is_none(),
            _ => step.action.creates(),
        };
        if makes { 201 } else { 200 }
    }

    /// When the service decided. Only a rotation lets it be seen: in the end of the secret that was active.
    fn decided_at(&self, command: &Command, target: Target, body: &Value) -> Timestamp {
        let Command::Credential(_, _, actions) = command else { return self.oracle.now };
        let Some(CredentialCommand::Rotate(Rotate { grace_seconds, .. })) = actions.first() else {
            return self.oracle.now;
        };
        let tenant = target.tenant;
        let before = target.subject.and_then(|key| self.oracle.credential(key));
        let active =
            before.as_ref().and_then(|key| key.active_secret()).map(|secret| secret.facts.id.to_string());
        // The key tells no end beyond its own; its history tells what was set.
        let told = credential_in(body);
        let (id, secrets) = (told["id"].as_str(), told["secrets"].as_array());
        let kind = before.as_ref().map(|key| key.kind());
        let of = id.zip(kind);
        let ends = of.map(|(id, kind)| self.ends_of_last_rotation(tenant, kind, id)).unwrap_or_default();
        let rotated_out = ends.iter().find(|end| end["secret_id"].as_str() == active.as_deref());
        let end = rotated_out.and_then(|end| end["ends_at"].as_str()).and_then(Timestamp::parse);
        let grace = grace_seconds.unwrap_or(self.oracle.tenant(tenant).settings.default_grace_seconds);
        let decided = end.and_then(|end| Timestamp::from_millis(end.millis() - i64::from(grace) * 1000));
        decided.map_or(self.oracle.now, |decided| {
            let stamped =
                secrets.and_then(|all| all.last()?["created_at"].as_str()).and_then(Timestamp::parse);
            assert!(Some(decided) <= stamped, "decided at {decided}, and stamped at {stamped:?}");
            decided
        })
    }

    fn ends_of_last_rotation(&self, tenant: TenantId, kind: Kind, key: &str) -> Vec<Value> {
        let list = collection(kind);
        let path = format!("/api/admin/v1/tenants/{tenant}/{list}/{key}/history?order=desc&limit=500");
        let told = self.root.get(&path).expect(200);
        let mut events = told["data"].as_array().into_iter().flatten();
        let rotation = events.find(|event| event["type"] == format!("{}.rotated", kind.word()));
        rotation.and_then(|event| event["data"]["ends"].as_array()).cloned().unwrap_or_default()
    }

    /// The answer tells the state, and so does whoever reads it afterwards.
    fn holds_state(&self, step: &Step, tenant: TenantId, subject: StreamId, body: &Value) {
        let read = |path: String| self.root.get(&format!("/api/admin/v1{path}")).expect(200);
        let now = self.oracle.now;
        match self.oracle.memory.state(subject) {
            StreamState::Credential(key) => {
                let (owner, of) = (self.oracle.owner(&key), self.oracle.tenant(tenant));
                let expected = key_as_told(&key, owner.as_ref(), &of, now);
                assert_eq!(comparable_key(credential_in(body)), expected);
                let read = read(format!("/tenants/{tenant}/{}/{subject}", collection(key.kind())));
                assert_eq!(comparable_key(&read), expected, "read back");
            }
            StreamState::Member(member) => {
                let expected = member_as_told(&member);
                assert_eq!(comparable(&body["member"]), expected);
                let read = read(format!("/tenants/{tenant}/members/{subject}"));
                assert_eq!(comparable(&read), expected, "read back");
            }
            StreamState::Operator(operator) => {
                let expected = operator_as_told(&operator, now);
                let told_of = match step.action {
                    Action::TokenMint { .. } | Action::TokenRevoke { .. } => {
                        let id = body["token"]["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
                        let token = operator.token(id).expect("a token of the history");
                        assert_eq!(comparable(&body["token"]), token_as_told(token, now));
                        None
                    }
                    _ => Some(&body["operator"]),
                };
                // Of whoever asks, the token is none of the history's.
                if subject != self.operators[0].into() {
                    told_of.iter().for_each(|told| assert_eq!(comparable(told), expected));
                    assert_eq!(comparable(&read(format!("/operators/{subject}"))), expected, "read back");
                }
            }
            StreamState::Plan(plan) => {
                assert_eq!(comparable(&body["plan"]), plan_as_told(&plan));
                let read = read(format!("/plans/{}", plan.name.as_str()));
                assert_eq!(comparable(&read), plan_as_told(&plan), "read back");
            }
            StreamState::Tenant(tenant) => {
                assert_eq!(comparable(&body["tenant"]), tenant_as_told(&tenant));
                let read = read(format!("/tenants/{subject}"));
                assert_eq!(comparable(&read), tenant_as_told(&tenant), "read back");
            }
            StreamState::Empty
            | StreamState::Imports(_)
            | StreamState::SigningKeys(_)
            | StreamState::Erasure(_)
            | StreamState::ActivityLog(_)
            | StreamState::AccessToken(_) => {
                panic!("no step makes this: {body}")
            }
        }
    }

    /// Whoever reads it is told what the model says.
    pub(super) fn holds_key(&self, tenant: TenantId, subject: StreamId) {
        let key = self.oracle.credential(subject).expect("a key of the history");
        let (owner, of) = (self.oracle.owner(&key), self.oracle.tenant(tenant));
        let expected = key_as_told(&key, owner.as_ref(), &of, self.oracle.now);
        let path = format!("/api/admin/v1/tenants/{tenant}/{}/{subject}", collection(key.kind()));
        assert_eq!(comparable_key(&self.root.get(&path).expect(200)), expected, "after an erasure");
    }

    fn keep_secret(&mut self, body: &Value) {
        let Some(secret) = body["secret"].as_str() else { return };
        if let Some(token) = body["token"]["id"].as_str() {
            self.tokens.insert(token.parse().expect("an id"), secret.to_owned());
            return;
        }
        let id = credential_in(body)["secrets"].as_array().and_then(|all| all.last()?["id"].as_str());
        let id = id.and_then(|id| id.parse().ok()).expect("the new secret's id");
        self.secrets.insert(id, secret.to_owned());
    }
}
