//! What people set of each kind of subject, under the names they set it by: what a resource shows of it, and what an event says that
//! it changed. What a person typed stands apart from the rest: it may be erased.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::credential::{Credential, Registration};
use super::event::{Event, Recorded};
use super::ids::TenantId;
use super::operator::{Operator, OperatorEvent, Reach};
use super::personal::Personal;
use super::stream::StreamState;
use super::tenant::Tenant;

/// Members that stand in the entry.
pub fn plain(state: &StreamState, seen_by: Option<TenantId>) -> Map<String, Value> {
    match state {
        StreamState::Credential(credential) => of_credential(credential),
        StreamState::Tenant(tenant) => of_tenant(tenant),
        StreamState::Operator(operator) => of_operator(operator, seen_by),
        StreamState::Member(member) => Map::from_iter([
            ("kind".to_owned(), json!(member.kind)),
            ("scopes".to_owned(), json!(member.scopes)),
        ]),
        StreamState::Plan(plan) => {
            Map::from_iter([("active_credentials".to_owned(), json!(plan.bounds.active_credentials))])
        }
        StreamState::Empty
        | StreamState::Imports(_)
        | StreamState::AccessToken(_)
        | StreamState::SigningKeys(_)
        | StreamState::Erasure(_)
        | StreamState::ActivityLog(_) => Map::new(),
    }
}

/// Members that a person typed, as they are now; `Erased` where that was erased.
pub fn typed(state: &StreamState) -> Vec<(&'static str, Personal<Value>)> {
    match state {
        StreamState::Credential(credential) => typed_of_credential(credential).to_vec(),
        StreamState::Tenant(tenant) => vec![("name", text(&tenant.name))],
        StreamState::Operator(operator) => {
            vec![("name", text(&operator.name)), ("email", text(&operator.email))]
        }
        StreamState::Member(member) => vec![
            ("name", text(&member.name)),
            ("email", text(&member.email)),
            ("description", text(&member.description)),
        ],
        StreamState::Empty
        | StreamState::Plan(_)
        | StreamState::Imports(_)
        | StreamState::AccessToken(_)
        | StreamState::SigningKeys(_)
        | StreamState::Erasure(_)
        | StreamState::ActivityLog(_) => Vec::new(),
    }
}

/// Which of the typed members an event sets, and holds.
pub fn sets(recorded: &Recorded) -> impl Iterator<Item = &'static str> {
    const TYPED: [&str; 4] = ["name", "description", "metadata", "email"];
    // What a token is called is no name of its operator.
    let of_a_token = matches!(recorded.event, Event::Operator(OperatorEvent::TokenMinted(_)));
    let held = if of_a_token { Map::new() } else { recorded.event.members() };
    let typed = recorded.event.kind().personal.iter().copied().filter(|member| TYPED.contains(member));
    typed.filter(move |member| held.contains_key(*member))
}

/// A typed value as it is shown: an empty text is none.
pub fn shown(value: Value) -> Value {
    if value == "" { Value::Null } else { value }
}

fn text(text: &Personal<String>) -> Personal<Value> {
    match value(text) {
        Personal::Known(value) => Personal::Known(shown(value)),
        Personal::Erased => Personal::Erased,
    }
}

fn value<T: serde::Serialize>(value: &Personal<T>) -> Personal<Value> {
    value.known().map_or(Personal::Erased, |value| Personal::Known(json!(value)))
}

pub fn typed_of_credential(credential: &Credential) -> [(&'static str, Personal<Value>); 3] {
    [
        ("name", text(&credential.name.value)),
        ("description", text(&credential.description.value)),
        ("metadata", value(&credential.metadata.value)),
    ]
}

pub fn of_credential(credential: &Credential) -> Map<String, Value> {
    let registration = credential.client.iter().flat_map(|client| {
        let Registration { token_endpoint_auth_method, resources, jwks, dpop_bound_access_tokens } =
            &client.registration;
        let of_any = [
            ("token_endpoint_auth_method".to_owned(), json!(token_endpoint_auth_method)),
            ("resources".to_owned(), json!(resources)),
            ("dpop_bound_access_tokens".to_owned(), json!(dpop_bound_access_tokens)),
        ];
        of_any.into_iter().chain(jwks.as_ref().map(|jwks| ("jwks".to_owned(), json!(jwks))))
    });
    let of_any = [
        ("scopes".to_owned(), json!(credential.scopes)),
        ("ip_rules".to_owned(), json!(credential.ip_rules)),
        ("rate_limit".to_owned(), json!(credential.rate_limit)),
        ("owner".to_owned(), json!(credential.owner)),
        ("expires_at".to_owned(), json!(credential.expires_at)),
    ];
    of_any.into_iter().chain(registration).collect()
}

/// Each setting by itself: of a whole that is told twice nobody sees what changed.
fn of_tenant(tenant: &Tenant) -> Map<String, Value> {
    let settings = match json!(tenant.settings) {
        Value::Object(settings) => settings,
        _ => Map::new(),
    };
    let settings = settings.into_iter().map(|(name, value)| (format!("settings.{name}"), value));
    let own = [("slug".to_owned(), json!(tenant.slug)), ("plan".to_owned(), json!(tenant.plan))];
    own.into_iter().chain(settings).collect()
}

/// A tenant sees of an operator's tenants itself alone.
fn of_operator(operator: &Operator, seen_by: Option<TenantId>) -> Map<String, Value> {
    Map::from_iter([
        ("role".to_owned(), json!(operator.role)),
        ("tenants".to_owned(), json!(tenants_seen(&operator.reach, seen_by))),
        ("all_tenants".to_owned(), json!(operator.reach == Reach::All)),
    ])
}

pub fn tenants_seen(reach: &Reach, seen_by: Option<TenantId>) -> Vec<TenantId> {
    let Reach::Tenants(tenants) = reach else { return Vec::new() };
    let seen = |tenant: &TenantId| seen_by.is_none_or(|own| own == *tenant);
    tenants.iter().copied().filter(seen).collect()
}

/// What an event is about, by the id that people know it by: a token by its own, all else by its stream.
pub fn subject(recorded: &Recorded) -> Uuid {
    match &recorded.event {
        Event::AccessToken(super::access_token::AccessTokenEvent::Revoked(revoked)) => revoked.token_id.0,
        _ => recorded.stream.0,
    }
}
