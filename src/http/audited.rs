//! What auditors and root read of the past leaves a row in the activity log: who, when, from where, by which request, and what was
//! asked. The answer does not wait for it, and it fails nothing: where there is no room it is counted and told (P12).

use std::fmt::Write;

use actix_web::HttpRequest;

use super::app::App;
use super::export::Form;
use super::operator::Operator;
use super::query::Query;
use super::request::RequestContext;
use crate::activity::calls::{Caller, Outcome, PLATFORM, Row, Told};
use crate::domain::authority::Role;
use crate::domain::credential::Kind;
use crate::domain::ids::{CredentialId, SecretId, TenantId};
use crate::limits;

/// What was read, and of whom.
#[derive(Clone, Copy, Debug)]
pub enum Read {
    History(TenantId),
    Trail(TenantId),
    /// a table of calls; of a page nothing is left
    Activity(TenantId),
    Decide(TenantId),
    BlastRadius(TenantId),
    /// as they were, or as a table; of a page of the present ones nothing is left
    Credentials(TenantId, Kind),
    Changes(TenantId),
    /// every tenant's events
    Ledger,
}

impl Read {
    fn told(self) -> (TenantId, &'static str) {
        match self {
            Read::History(tenant) => (tenant, "audit.history"),
            Read::Trail(tenant) => (tenant, "audit.trail"),
            Read::Activity(tenant) => (tenant, "audit.activity"),
            Read::Decide(tenant) => (tenant, "audit.decide"),
            Read::BlastRadius(tenant) => (tenant, "audit.blast_radius"),
            Read::Credentials(tenant, Kind::ApiKey) => (tenant, "audit.keys"),
            Read::Credentials(tenant, Kind::OauthClient) => (tenant, "audit.clients"),
            Read::Changes(tenant) => (tenant, "audit.changes"),
            Read::Ledger => (PLATFORM, "audit.ledger"),
        }
    }
}

impl App {
    /// Once it has succeeded. Of those who run a tenant nothing is noted: it is theirs.
    pub fn note_read(&self, by: &Operator, request: &HttpRequest, read: Read, mut asked: String) {
        let who = by.who();
        if !matches!(who.operator.role, Role::Root | Role::Auditor) {
            return;
        }
        if let Some((cut, _)) = asked.char_indices().nth(limits::ACTIVITY_ASKED_CHARS) {
            asked.truncate(cut);
        }
        let (tenant, operation) = read.told();
        let request_id = RequestContext::of(request).ok().map(|context| context.request_id);
        let (id, salts) = self.calls.fresh(self.now());
        self.calls.record(Row {
            id,
            completes: None,
            judged: false,
            tenant,
            credential: CredentialId(who.operator.id.0),
            secret: by.token().map(|token| SecretId(token.0)),
            kind: Caller::Operator,
            outcome: Some(Outcome::ACCEPTED),
            status: Some(200),
            latency_ms: None,
            told: Told {
                operation: Some(operation.to_owned()),
                client_ip: self.client_ip(request),
                request_id: request_id.map(|id| id.as_str().to_owned()),
                ..Told::default()
            },
            asked: Some(asked),
            salts,
        });
    }
}

/// Whose values say nothing of people and can hold no text of theirs: ids, instants, numbers and words of ours.
const PLAIN: &[&str] = &[
    "type",
    "actor",
    "subject",
    "credential",
    "secret",
    "owner",
    "status",
    "valid",
    "outcome",
    "at",
    "position",
    "from",
    "from_position",
    "to",
    "to_position",
    "expires_before",
    "order",
    "limit",
];

impl Query<'_> {
    /// What was asked, for whoever is to know that it was. Of other filters than the plain ones it is told that they were there.
    pub fn told(&self, form: Form) -> String {
        let mut told = String::new();
        for (name, value) in self.each().filter(|(name, _)| *name != "format") {
            separate(&mut told);
            told.push_str(name);
            if PLAIN.contains(&name) {
                told.push('=');
                told.push_str(value);
            }
        }
        if form != Form::Page {
            add(&mut told, "format", form.word());
        }
        told
    }
}

/// One more thing that was asked.
pub fn add(told: &mut String, name: &str, value: impl std::fmt::Display) {
    separate(told);
    // Writing to a String cannot fail.
    let _ = write!(told, "{name}={value}");
}

fn separate(told: &mut String) {
    if !told.is_empty() {
        told.push('&');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_people_typed_and_where_they_are_only_the_name_is_told() {
        let told = |text: &str, form| Query::parse(text).ok().map(|query| query.told(form));
        let query = "type=api_key.*&client_ip=192.0.2.7&order=desc&operation=a%26b&prefix=x&format=csv";
        let plain = "type=api_key.*&client_ip&order=desc&operation&prefix";
        assert_eq!(told(query, Form::Page).as_deref(), Some(plain));
        assert_eq!(told(query, Form::Csv), Some(format!("{plain}&format=csv")));
        assert_eq!(told("", Form::Page).as_deref(), Some(""));
        assert_eq!(told("", Form::Follow).as_deref(), Some("format=sse"));
    }
}
