//! Random histories over HTTP against one running service, each step held against the oracle (P9, P10), and what they leave
//! behind held against it as a whole (P9, P11).

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpStream;

use credledger::clock::Timestamp;
use credledger::domain::command::Command;
use credledger::domain::credential::CredentialCommand;
use credledger::domain::credential::Rotate;
use credledger::domain::event::Recorded;
use credledger::domain::ids::{MemberId, SecretId, StreamId, TenantId};
use credledger::domain::key_format::KeyFormat;
use credledger::domain::member::{self, MemberCommand};
use credledger::domain::scope::Scope;
use credledger::domain::tenant::{self, Settings, TenantCommand};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::oracle::{
    Oracle, comparable_key, comparable_member, key_as_told, member_as_told, status_and_code, tenant_as_told,
};
use crate::step::{About, Action, MEMBERS, Named, Sending, Step, TENANTS, Tag, history};
use crate::support::client::{Request, Response};
use crate::support::service::{Actor, Service, eventually};
use crate::{log, verdicts};

const SHORT: (u32, usize) = (40, 30);
const LONG: (u32, usize) = (1500, 80);

/// What a failure prints is the smallest history that fails; the long form draws others each time.
#[test]
fn any_history_is_answered_stored_and_judged_as_the_model_says() {
    let long = std::env::var_os("CREDLEDGER_TEST_LONG").is_some();
    let (cases, steps) = if long { LONG } else { SHORT };
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 300, ..Config::default() };
    let mut runner = match long {
        true => TestRunner::new(config),
        false => TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
    };
    let service = Service::start();
    let gateway = service.gateway();
    let outcome = runner.run(&history(steps), |steps| {
        let mut run = Run::new(&service);
        steps.iter().for_each(|step| run.step(step));
        log::holds_exactly(&service, &run);
        verdicts::agree(&gateway, &run);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    log::views_agree(&service);
}

/// One history on the way: tenants of its own, and what was asked of them so far.
pub struct Run<'a> {
    service: &'a Service,
    root: Actor,
    id: Uuid,
    pub oracle: Oracle,
    pub tenants: Vec<TenantId>,
    /// of each tenant
    pub members: Vec<Vec<MemberId>>,
    /// of each tenant, in the order of their mints
    pub keys: Vec<Vec<StreamId>>,
    /// the text of each secret
    pub secrets: BTreeMap<SecretId, String>,
    /// what each request must have left in the ledger, and the position that its answer told
    pub requests: Vec<(String, Vec<Recorded>, Option<u64>)>,
}

impl<'a> Run<'a> {
    fn new(service: &'a Service) -> Self {
        let mut run = Run {
            service,
            root: service.root(),
            id: Uuid::now_v7(),
            oracle: Oracle::default(),
            tenants: Vec::new(),
            members: vec![Vec::new(); usize::from(TENANTS)],
            keys: vec![Vec::new(); usize::from(TENANTS)],
            secrets: BTreeMap::new(),
            requests: Vec::new(),
        };
        (0..TENANTS).for_each(|number| run.take_in_tenant(number));
        (0..TENANTS).for_each(|number| (0..MEMBERS).for_each(|_| run.take_in_member(usize::from(number))));
        run
    }

    fn request_id(&self) -> String {
        format!("{}-{}", self.id.simple(), self.requests.len())
    }

    fn take_in_tenant(&mut self, number: u8) {
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

    fn take_in_member(&mut self, place: usize) {
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

    fn step(&mut self, step: &Step) {
        let place = usize::from(step.tenant) % self.tenants.len();
        let (owner, keys) = (self.tenants[place], &self.keys[place]);
        let creates = matches!(step.action, Action::Create { .. });
        let members = &self.members[place];
        let key = match (step.action.about(), keys.len()) {
            (About::Tenant, _) => None,
            (About::Member, _) => Some(members[usize::from(step.key) % members.len()].into()),
            (About::Key, _) if creates => None,
            (About::Key, 0) => return,
            (About::Key, length) => Some(keys[usize::from(step.key) % length]),
        };
        let foreign = step.foreign && key.is_some();
        let named = if foreign { self.tenants[(place + 1) % self.tenants.len()] } else { owner };
        let answer = self.send(step, named, key);
        let body =
            serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("no JSON: {}", answer.text()));
        self.hold(step, named, key, answer.status, &body);
        if answer.status < 300 && creates {
            let id = body["key"]["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
            self.keys[place].push(id);
        }
    }

    /// The secrets of a key that a step means, and the members of its tenant.
    fn named(&self, step: &Step, key: Option<StreamId>) -> Named {
        let known = key.and_then(|key| self.oracle.credential(key));
        let secrets = known.iter().flat_map(|key| key.secrets.iter().map(|secret| secret.facts.id)).collect();
        let place = usize::from(step.tenant) % self.tenants.len();
        let stranger = self.members[(place + 1) % self.tenants.len()].first();
        Named { secrets, members: self.members[place].iter().chain(stranger).copied().collect() }
    }

    fn versions(&self, step: &Step, subject: StreamId) -> Option<u64> {
        let present = self.oracle.memory.state(subject).people_version();
        match step.if_match {
            _ if step.foreign || matches!(step.action, Action::Create { .. }) => None,
            None => None,
            Some(Tag::Present) => Some(present),
            Some(Tag::Stale) => Some(present + 7),
        }
    }

    fn send(&self, step: &Step, tenant: TenantId, key: Option<StreamId>) -> Response {
        let (method, rest, body) = step.action.request(self.oracle.now, &self.named(step, key));
        let list = if step.action.about() == About::Member { "members" } else { "keys" };
        let below = key.map_or_else(String::new, |id| format!("/{list}/{id}"));
        let path = format!("/api/admin/v1/tenants/{tenant}{below}{rest}");
        let mut request = self.root.request(method, &path).header("X-Request-Id", &self.request_id());
        if let Some(version) = self.versions(step, key.unwrap_or(tenant.into())) {
            request = request.header("If-Match", &format!("\"{version}\""));
        }
        if let Some(body) = &body {
            request = request.json(body);
        }
        match step.sending {
            Sending::Once => self.root.send(&request),
            Sending::Repeated => self.repeat(request.header("Idempotency-Key", &self.request_id())),
            // A refusal is not kept: one that was hung up on could be decided anew when the history has gone on.
            Sending::Dropped if !self.would_accept(step, tenant, key) => self.root.send(&request),
            Sending::Dropped => {
                let request = request.header("Idempotency-Key", &self.request_id());
                hang_up_on(self.service, &request);
                let answered = || Some(self.root.send(&request)).filter(|answer| !still_runs(answer));
                eventually(answered).expect("the first one ends")
            }
        }
    }

    fn command(&self, step: &Step, tenant: TenantId, key: Option<StreamId>) -> Command {
        match step.action.about() {
            About::Tenant => Command::Tenant(step.action.on_tenant()),
            About::Member => Command::Member(tenant, step.action.on_member()),
            About::Key => {
                Command::Credential(tenant, step.action.on_key(self.oracle.now, &self.named(step, key)))
            }
        }
    }

    fn would_accept(&self, step: &Step, tenant: TenantId, key: Option<StreamId>) -> bool {
        let creates = matches!(step.action, Action::Create { .. });
        let subject = if creates { StreamId(Uuid::nil()) } else { key.unwrap_or(tenant.into()) };
        let versions = self.versions(step, subject).map(|version| vec![version]);
        self.oracle.would_accept(subject, self.command(step, tenant, key), versions)
    }

    /// Twice the same: one answer.
    fn repeat(&self, request: Request) -> Response {
        let (first, second) = (self.root.send(&request), self.root.send(&request));
        assert_eq!(first.status, second.status, "{} then {}", first.text(), second.text());
        let replayed = second.header("idempotency-replayed");
        assert_eq!(
            replayed.is_some(),
            first.status < 300,
            "only what was carried out is kept: {}",
            first.text()
        );
        if first.status < 300 {
            assert_eq!(first.json(), second.json(), "the answer of then");
        }
        first
    }

    fn hold(&mut self, step: &Step, tenant: TenantId, key: Option<StreamId>, status: u16, body: &Value) {
        let creates = matches!(step.action, Action::Create { .. });
        // What was refused has no id; any unknown one will do to see it refused.
        let made = body["key"]["id"].as_str().and_then(|id| id.parse().ok()).unwrap_or(StreamId(Uuid::nil()));
        let subject = if creates { made } else { key.unwrap_or(tenant.into()) };
        let versions = self.versions(step, subject).map(|version| vec![version]);
        let asked_at = self.oracle.now;
        let command = self.command(step, tenant, key);
        self.oracle.now = asked_at.max(latest(body));
        let now = self.decided_at(&command, tenant, key, body);
        let request_id = self.request_id();
        let decided = self.oracle.decide(subject, command, versions, &request_id, body, now);
        let events = match decided {
            Ok(events) => {
                let expected =
                    if creates || matches!(step.action, Action::Rotate { .. }) { 201 } else { 200 };
                assert_eq!(status, expected, "{step:?}: {body}");
                self.holds_state(subject, tenant, body);
                self.keep_secret(body);
                events
            }
            Err(refusal) => {
                let told = (status, body["code"].as_str().unwrap_or_default());
                assert_eq!(told, status_and_code(&refusal), "{step:?}: {body}, and the model: {refusal}");
                Vec::new()
            }
        };
        self.requests.push((request_id, events, body["position"].as_u64()));
    }

    /// When the service decided. Only a rotation lets it be seen: in the end of the secret that was active.
    fn decided_at(
        &self,
        command: &Command,
        tenant: TenantId,
        key: Option<StreamId>,
        body: &Value,
    ) -> Timestamp {
        let Command::Credential(_, actions) = command else { return self.oracle.now };
        let Some(CredentialCommand::Rotate(Rotate { grace_seconds })) = actions.first() else {
            return self.oracle.now;
        };
        let before = key.and_then(|key| self.oracle.credential(key));
        let active =
            before.as_ref().and_then(|key| key.active_secret()).map(|secret| secret.facts.id.to_string());
        // The key tells no end beyond its own; its history tells what was set.
        let (id, secrets) = (body["key"]["id"].as_str(), body["key"]["secrets"].as_array());
        let ends = id.map(|id| self.ends_of_last_rotation(tenant, id)).unwrap_or_default();
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

    fn ends_of_last_rotation(&self, tenant: TenantId, key: &str) -> Vec<Value> {
        let path = format!("/api/admin/v1/tenants/{tenant}/keys/{key}/history?order=desc&limit=500");
        let told = self.root.get(&path).expect(200);
        let mut events = told["data"].as_array().into_iter().flatten();
        let rotation = events.find(|event| event["type"] == "api_key.rotated");
        rotation.and_then(|event| event["data"]["ends"].as_array()).cloned().unwrap_or_default()
    }

    fn holds_state(&self, subject: StreamId, tenant: TenantId, body: &Value) {
        let tenant = self.oracle.tenant(tenant);
        match self.oracle.credential(subject) {
            Some(key) => {
                let expected = key_as_told(&key, self.oracle.owner(&key).as_ref(), &tenant, self.oracle.now);
                assert_eq!(comparable_key(&body["key"]), expected);
                let read =
                    self.root.get(&format!("/api/admin/v1/tenants/{}/keys/{subject}", tenant.id)).expect(200);
                assert_eq!(comparable_key(read.get("key").unwrap_or(&read)), expected, "read back");
            }
            None if body["member"].is_object() => {
                let state = self.oracle.memory.state(subject);
                let expected = member_as_told(state.member().expect("a member"));
                assert_eq!(comparable_member(&body["member"]), expected);
                let path = format!("/api/admin/v1/tenants/{}/members/{subject}", tenant.id);
                assert_eq!(comparable_member(&self.root.get(&path).expect(200)), expected, "read back");
            }
            None => {
                let mut told = body["tenant"].clone();
                assert!(told.as_object_mut().and_then(|told| told.remove("created_at")).is_some(), "{body}");
                assert_eq!(told, tenant_as_told(&tenant));
            }
        }
    }

    fn keep_secret(&mut self, body: &Value) {
        if let Some(secret) = body["secret"].as_str() {
            let id = body["key"]["secrets"].as_array().and_then(|all| all.last()?["id"].as_str());
            let id = id.and_then(|id| id.parse().ok()).expect("the new secret's id");
            self.secrets.insert(id, secret.to_owned());
        }
    }
}

fn still_runs(answer: &Response) -> bool {
    answer.status == 409 && answer.json()["code"] == "idempotency_in_progress"
}

/// Sends a request, and is gone before the answer.
fn hang_up_on(service: &Service, request: &Request) {
    let mut bytes = format!("{} {} HTTP/1.1\r\nHost: model\r\n", request.method, request.path);
    request.headers.iter().for_each(|(name, value)| bytes += &format!("{name}: {value}\r\n"));
    bytes += &format!("Content-Length: {}\r\n\r\n", request.body.len());
    let mut connection = TcpStream::connect(service.address()).expect("a connection");
    connection.write_all(&[bytes.as_bytes(), &request.body].concat()).expect("sent");
}

/// The latest instant that the service itself set in an answer.
fn latest(body: &Value) -> Timestamp {
    let mut instants = vec![
        &body["key"]["created_at"],
        &body["key"]["revoked"]["at"],
        &body["tenant"]["created_at"],
        &body["member"]["created_at"],
    ];
    for secret in body["key"]["secrets"].as_array().into_iter().flatten() {
        instants.push(&secret["created_at"]);
        if secret["status"] == "expired" || secret["status"] == "revoked" {
            instants.push(&secret["expires_at"]);
        }
    }
    let parsed = instants.into_iter().filter_map(|instant| instant.as_str().and_then(Timestamp::parse));
    // The end of a window that a revocation of the key cut short lies ahead.
    parsed.filter(|at| body["key"]["revoked"].is_null() || *at <= revoked_at(body)).max().unwrap_or_default()
}

fn revoked_at(body: &Value) -> Timestamp {
    body["key"]["revoked"]["at"].as_str().and_then(Timestamp::parse).unwrap_or(Timestamp::MAX)
}
