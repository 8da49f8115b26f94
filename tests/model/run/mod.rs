//! One history on its way through the service, and what the oracle says of each step.

mod erase;
mod hold;
mod leaks;
mod send;
mod take_in;
mod tokens;

use std::collections::BTreeMap;

use credledger::clock::Timestamp;
use credledger::domain::command::Command;
use credledger::domain::credential::Kind;
use credledger::domain::event::Recorded;
use credledger::domain::ids::{MemberId, OperatorId, SecretId, StreamId, TenantId, TokenId};
use credledger::domain::plan::PlanName;
use serde_json::Value;
use uuid::Uuid;

use crate::oracle::{Oracle, credential_in};
use crate::step::{About, Action, MEMBERS, Named, PLANS, Step, TENANTS, Tag};
use crate::support::service::{Actor, Service};

pub use send::collection;
pub use tokens::Taken;

pub struct Run<'a> {
    service: &'a Service,
    pub root: Actor,
    id: Uuid,
    pub oracle: Oracle,
    pub tenants: Vec<TenantId>,
    /// of each tenant
    pub members: Vec<Vec<MemberId>>,
    /// of each tenant, keys and clients in the order of their mints
    pub keys: Vec<Vec<StreamId>>,
    /// whoever asks, and those who were made since
    pub operators: Vec<OperatorId>,
    pub plans: Vec<PlanName>,
    /// the text of each secret of a key or a client
    pub secrets: BTreeMap<SecretId, String>,
    /// what clients were given
    pub taken: Vec<Taken>,
    /// the text of each operator token
    pub tokens: BTreeMap<TokenId, String>,
    /// how often each kind of event was decided, and each kind of refusal
    pub met: BTreeMap<String, usize>,
    /// what each request must have left in the ledger, and the position that its answer told
    pub requests: Vec<(String, Vec<Recorded>, Option<u64>)>,
    /// which of them reported a leak, and of what
    reported: BTreeMap<String, StreamId>,
}

/// What a step is about, as far as it is there.
#[derive(Clone, Copy, Debug)]
struct Target {
    /// under whose path it is asked for
    tenant: TenantId,
    subject: Option<StreamId>,
}

impl<'a> Run<'a> {
    pub fn new(service: &'a Service) -> Self {
        let id = Uuid::now_v7();
        let plan = |number| PlanName::parse(&format!("p{}-{number}", id.simple())).expect("a name");
        let mut run = Run {
            service,
            root: service.root(),
            id,
            oracle: Oracle::default(),
            tenants: Vec::new(),
            members: vec![Vec::new(); usize::from(TENANTS)],
            keys: vec![Vec::new(); usize::from(TENANTS)],
            operators: Vec::new(),
            plans: (0..PLANS).map(plan).collect(),
            secrets: BTreeMap::new(),
            taken: Vec::new(),
            tokens: BTreeMap::new(),
            met: BTreeMap::new(),
            requests: Vec::new(),
            reported: BTreeMap::new(),
        };
        run.take_in_root();
        (0..TENANTS).for_each(|number| run.take_in_tenant(number));
        (0..TENANTS).for_each(|number| (0..MEMBERS).for_each(|_| run.take_in_member(usize::from(number))));
        run
    }

    fn request_id(&self) -> String {
        format!("{}-{}", self.id.simple(), self.requests.len())
    }

    pub fn step(&mut self, step: &Step) {
        let Some(target) = self.target(step) else { return };
        match &step.action {
            Action::Exchange { secret, scope, resources } => {
                return self.exchange(target, *secret, *scope, resources);
            }
            Action::GiveBack { token } => return self.give_back(target, *token),
            Action::Erase { event, members } if !step.foreign => return self.erase(target, *event, members),
            Action::Erase { .. } => return,
            Action::ReportLeak { secret, source } => return self.report_leak(target, *secret, *source),
            _ => {}
        }
        if self.would_lock_everybody_out(step, target) {
            return;
        }
        let answer = self.send(step, target);
        let body: Value =
            serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("no JSON: {}", answer.text()));
        self.hold(step, target, answer.status, &body);
        if answer.status < 300 && step.action.creates() {
            let id = made(&body).expect("an id");
            match step.action.about() {
                About::Operator => self.operators.push(OperatorId(id.0)),
                _ => {
                    let place = self.place(step);
                    self.keys[place].push(id);
                }
            }
        }
    }

    fn place(&self, step: &Step) -> usize {
        usize::from(step.tenant) % self.tenants.len()
    }

    /// None when there is nothing yet that the step could be about.
    fn target(&self, step: &Step) -> Option<Target> {
        fn nth<T: Copy + Into<StreamId>>(all: &[T], number: u8) -> Option<StreamId> {
            Some((*all.get(usize::from(number) % all.len().max(1))?).into())
        }
        let place = self.place(step);
        let subject = match step.action.about() {
            _ if step.action.creates() => None,
            About::Tenant => Some(self.tenants[place].into()),
            About::Member => nth(&self.members[place], step.key),
            About::Key if step.action.is_of_a_client() => Some(nth(&self.clients(place), step.key)?),
            About::Key => Some(nth(&self.keys[place], step.key)?),
            // Whoever asks is one of those whom it may be about.
            About::Operator if step.key == 0 => nth(&self.operators, 0),
            About::Operator => Some(nth(&self.operators[1..], step.key)?),
            About::Plan => Some(self.named(step, None).plan(step.action.plan()).id().into()),
        };
        let of_a_tenant = matches!(step.action.about(), About::Member | About::Key);
        let foreign = step.foreign && of_a_tenant && subject.is_some();
        let tenant = self.tenants[(place + usize::from(foreign)) % self.tenants.len()];
        Some(Target { tenant, subject })
    }

    fn clients(&self, place: usize) -> Vec<StreamId> {
        let is_client = |id: &&StreamId| {
            self.oracle.credential(**id).is_some_and(|credential| credential.kind() == Kind::OauthClient)
        };
        self.keys[place].iter().filter(is_client).copied().collect()
    }

    /// Whoever asks is left as it is: it is asked only for what is refused, or changes nothing.
    fn would_lock_everybody_out(&self, step: &Step, target: Target) -> bool {
        let root = self.operators[0].into();
        let on_root = step.action.about() == About::Operator && target.subject == Some(root);
        let of_tokens = matches!(step.action, Action::TokenMint { .. } | Action::TokenRevoke { .. });
        on_root && (of_tokens || self.would_change(step, target))
    }

    /// What the numbers of a step stand for.
    fn named(&self, step: &Step, subject: Option<StreamId>) -> Named {
        let state = subject.map(|subject| self.oracle.memory.state(subject)).unwrap_or_default();
        let secrets =
            state.credential().map(|key| key.secrets.iter().map(|secret| secret.facts.id).collect());
        let tokens =
            state.operator().map(|operator| operator.tokens.iter().map(|token| token.id()).collect());
        let place = self.place(step);
        let stranger = self.members[(place + 1) % self.tenants.len()].first();
        let itself = subject == Some(self.operators[0].into());
        let kind = state.credential().map_or_else(|| step.action.makes(), |credential| credential.kind());
        Named {
            kind,
            secrets: secrets.unwrap_or_default(),
            members: self.members[place].iter().chain(stranger).copied().collect(),
            tokens: tokens.unwrap_or_default(),
            tenants: self.tenants.clone(),
            plans: self.plans.clone(),
            other_roots: if itself { self.operators[1..].to_vec() } else { Vec::new() },
        }
    }

    fn versions(&self, step: &Step, target: Target) -> Option<Vec<u64>> {
        let present = self.oracle.memory.state(target.subject?).people_version();
        match step.if_match {
            _ if step.foreign => None,
            None => None,
            Some(Tag::Present) => Some(vec![present]),
            Some(Tag::Stale) => Some(vec![present + 7]),
        }
    }

    fn command(&self, step: &Step, target: Target) -> Command {
        let named = self.named(step, target.subject);
        match step.action.about() {
            About::Tenant => Command::Tenant(step.action.on_tenant(&named)),
            About::Member => Command::Member(target.tenant, step.action.on_member()),
            About::Operator => Command::Operator(step.action.on_operator(self.oracle.now, &named)),
            About::Plan => Command::Plan(step.action.on_plan(&named).expect("a plan is set")),
            About::Key => {
                Command::Credential(target.tenant, None, step.action.on_key(self.oracle.now, &named))
            }
        }
    }

    /// Whether it would be carried out, and leave events.
    fn would_accept(&self, step: &Step, target: Target) -> bool {
        let subject = target.subject.unwrap_or(StreamId(Uuid::nil()));
        let (command, versions) = (self.command(step, target), self.versions(step, target));
        self.oracle.would_leave(subject, command, versions).is_some()
    }

    fn would_change(&self, step: &Step, target: Target) -> bool {
        let subject = target.subject.unwrap_or(StreamId(Uuid::nil()));
        let (command, versions) = (self.command(step, target), self.versions(step, target));
        self.oracle.would_leave(subject, command, versions).is_some_and(|events| events > 0)
    }
}

/// The id that the service gave to what it made.
fn made(body: &Value) -> Option<StreamId> {
    ["key", "client", "operator"].iter().find_map(|kind| body[*kind]["id"].as_str()?.parse().ok())
}

/// The latest instant that the service itself set in an answer.
fn latest(body: &Value) -> Timestamp {
    let credential = credential_in(body);
    let mut instants = vec![
        &credential["created_at"],
        &credential["revoked"]["at"],
        &body["tenant"]["created_at"],
        &body["member"]["created_at"],
        &body["operator"]["created_at"],
        &body["token"]["created_at"],
        &body["plan"]["created_at"],
    ];
    for secret in credential["secrets"].as_array().into_iter().flatten() {
        instants.push(&secret["created_at"]);
        if secret["status"] == "expired" || secret["status"] == "revoked" {
            instants.push(&secret["expires_at"]);
        }
    }
    let parsed = instants.into_iter().filter_map(|instant| instant.as_str().and_then(Timestamp::parse));
    // The end of a window that a revocation of the key cut short lies ahead.
    parsed.filter(|at| credential["revoked"].is_null() || *at <= revoked_at(body)).max().unwrap_or_default()
}

fn revoked_at(body: &Value) -> Timestamp {
    credential_in(body)["revoked"]["at"].as_str().and_then(Timestamp::parse).unwrap_or(Timestamp::MAX)
}
