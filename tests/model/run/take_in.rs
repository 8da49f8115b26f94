//! What is there from the start of a history on.

use credledger::domain::authority::Role;
use credledger::domain::command::Command;
use credledger::domain::ids::{MemberId, OperatorId, TenantId};
use credledger::domain::key_format::KeyFormat;
use credledger::domain::member::{self, MemberCommand};
use credledger::domain::operator::{self, OperatorCommand, Reach};
use credledger::domain::scope::Scope;
use credledger::domain::tenant::{self, Settings, TenantCommand};
use serde_json::{Value, json};

use super::{Run, latest};

const OPERATORS: &str = "/api/admin/v1/operators";

impl Run<'_> {
    /// Whoever asks: the first operator, and the only root that works. What histories before have left of roots is disabled.
    pub(super) fn take_in_root(&mut self) {
        let roots = self.root.get(&format!("{OPERATORS}?role=root&status=active&limit=500")).expect(200);
        let roots = roots["data"].as_array().expect("a list").clone();
        let id = |root: &Value| -> OperatorId {
            root["id"].as_str().and_then(|id| id.parse().ok()).expect("an id")
        };
        let (first, others) = roots.split_last().expect("the first, who came before all others");
        for other in others {
            let path = format!("{OPERATORS}/{}", id(other));
            self.root.patch(&path, &json!({"disabled": true})).expect(200);
        }
        // Its token is nothing that a history touches.
        let token =
            operator::MintToken { name: "first".into(), expires_at: credledger::clock::Timestamp::MAX };
        let (name, role) = ("first".to_owned(), Role::Root);
        let create = operator::Create { name, role, reach: Reach::All, first: true, token: Some(token) };
        let (root, now) = (id(first), self.oracle.now);
        let command = Command::Operator(vec![OperatorCommand::Create(create)]);
        self.oracle.decide(root.into(), command, None, "", &Value::Null, now).expect("accepted");
        assert_eq!(first["version"], self.oracle.memory.state(root.into()).people_version());
        self.operators.push(root);
        self.oracle.root = Some(root);
    }

    pub(super) fn take_in_tenant(&mut self, number: u8) {
        let (slug, request_id) = (format!("t{}-{number}", self.id.simple()), self.request_id());
        let request = self.root.request("POST", "/api/admin/v1/tenants").header("X-Request-Id", &request_id);
        let answer = self.root.send(&request.json(&json!({"name": slug, "slug": slug}))).expect(201);
        let id: TenantId = answer["tenant"]["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
        let settings = Settings::starting(KeyFormat::default());
        let create =
            TenantCommand::Create(tenant::Create { slug: slug.clone(), name: slug, plan: None, settings });
        self.oracle.now = latest(&answer);
        let now = self.oracle.now;
        let events =
            self.oracle.decide(id.into(), Command::Tenant(vec![create]), None, &request_id, &answer, now);
        self.tenants.push(id);
        self.requests.push((request_id, events.expect("accepted"), answer["position"].as_u64()));
    }

    pub(super) fn take_in_member(&mut self, place: usize) {
        let (tenant, request_id) = (self.tenants[place], self.request_id());
        let path = format!("/api/admin/v1/tenants/{tenant}/members");
        let request = self.root.request("POST", &path).header("X-Request-Id", &request_id);
        let body = json!({"kind": "service", "name": "m", "scopes": ["orders.*"]});
        let answer = self.root.send(&request.json(&body)).expect(201);
        let id: MemberId = answer["member"]["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
        let create = MemberCommand::Create(member::Create {
            kind: member::Kind::Service,
            name: "m".to_owned(),
            email: String::new(),
            description: String::new(),
            scopes: Scope::parse("orders.*").into_iter().collect(),
        });
        self.oracle.now = self.oracle.now.max(latest(&answer));
        let now = self.oracle.now;
        let command = Command::Member(tenant, vec![create]);
        let events = self.oracle.decide(id.into(), command, None, &request_id, &answer, now);
        self.members[place].push(id);
        self.requests.push((request_id, events.expect("accepted"), answer["position"].as_u64()));
    }
}
