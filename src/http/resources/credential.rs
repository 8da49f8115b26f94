//! A credential, wherever it appears: a key or a client, by the route that it stands under.

use actix_web::HttpRequest;
use serde_json::{Map, Value, json};

use super::{Names, actor, revocation, shown};
use crate::activity::usage::read::{LastUse, LastUses};
use crate::clock::Timestamp;
use crate::domain::credential::{Credential, Kind, Leak, Secret};
use crate::domain::effective::Effective;
use crate::domain::ids::SecretId;
use crate::domain::scope::Scope;
use crate::domain::shown::{of_credential, typed_of_credential};
use crate::http::export::Column;
use crate::http::problem::Problem;

/// What the routes of each kind are called by.
pub fn collection(kind: Kind) -> &'static str {
    match kind {
        Kind::ApiKey => "keys",
        Kind::OauthClient => "clients",
    }
}

/// The member that holds one in an answer.
pub fn member(kind: Kind) -> &'static str {
    match kind {
        Kind::ApiKey => "key",
        Kind::OauthClient => "client",
    }
}

/// The kind that the routes around a request are about.
pub fn kind_of(request: &HttpRequest) -> Result<Kind, Problem> {
    let kind = request.app_data::<Kind>().copied();
    kind.ok_or_else(|| Problem::internal("a route for credentials says of no kind that it is about it"))
}

/// Of a table of credentials, in this order for good; a new one is added at the end.
pub const COLUMNS: &[Column] = &[
    Column::of(&["id"]),
    Column::of(&["kind"]),
    Column::of(&["tenant_id"]),
    Column::of(&["name"]),
    Column::of(&["status"]),
    Column::of(&["scopes"]),
    Column::of(&["effective_scopes"]),
    Column::of(&["ip_rules"]),
    Column::of(&["owner"]),
    Column::of(&["expires_at"]),
    Column::of(&["secrets"]),
    Column::of(&["created_at"]),
    Column::within("created_by_id", &["created_by", "id"]),
    Column::within("created_by_name", &["created_by", "name"]),
    Column::within("revoked_at", &["revoked", "at"]),
    Column::within("revoked_reason", &["revoked", "reason"]),
    Column::of(&["last_used_at"]),
    Column::of(&["last_used_ip"]),
    Column::of(&["description"]),
    Column::of(&["metadata"]),
    Column::of(&["rate_limit"]),
    Column::of(&["version"]),
];

/// `owner` are the scopes of the account that it belongs to, as far as this node knows it.
pub fn credential(
    credential: &Credential,
    owner: Option<&[Scope]>,
    names: Names<'_>,
    uses: &LastUses,
    now: Timestamp,
    warning_seconds: u32,
) -> Value {
    let mut members = members(credential);
    let revoked = credential.revoked.as_ref().map(|revoked| revocation(revoked, names));
    members.extend([
        ("id".to_owned(), json!(credential.id)),
        ("kind".to_owned(), json!(credential.kind().word())),
        ("tenant_id".to_owned(), json!(credential.tenant)),
        ("status".to_owned(), json!(credential.status(now, warning_seconds))),
        ("created_at".to_owned(), json!(credential.created_at)),
        ("created_by".to_owned(), actor(credential.created_by, names(credential.created_by))),
        ("revoked".to_owned(), json!(revoked)),
        ("leak".to_owned(), json!(credential.leaks.last().map(|said| leak(credential, said)))),
        (
            "secrets".to_owned(),
            credential.secrets.iter().map(|each| secret(credential, each, uses, now)).collect(),
        ),
        ("version".to_owned(), json!(credential.version)),
    ]);
    let used =
        credential.secrets.iter().filter_map(|secret| uses.of(secret.facts.id)).max_by_key(|used| used.at_ms);
    members.extend(last_used(used));
    if let Some(origin) = &credential.origin {
        let origin =
            json!({"source": origin.source, "old_id": shown(&origin.old_id), "at": origin.imported_at});
        members.insert("imported".to_owned(), origin);
    }
    if let Some(owner) = owner {
        let effective = Effective::of(&credential.scopes, Some(owner));
        members.insert("effective_scopes".to_owned(), json!(effective.scopes));
        if effective.truncated {
            members.insert("scopes_truncated".to_owned(), json!(true));
        }
    }
    Value::Object(members)
}

/// What was reported last; the history has every report.
pub fn leak(credential: &Credential, leak: &Leak) -> Value {
    let prefix = credential.secret(leak.secret).map(|secret| &secret.facts.prefix);
    json!({
        "reported_at": leak.reported_at,
        "reporter": leak.reporter,
        "source": shown(&leak.source),
        "url": leak.url.as_ref().map(shown),
        "secret_id": leak.secret,
        "prefix": prefix,
    })
}

/// Beside a leak stands where it is told what the secret did.
pub fn link_leak(told: &mut Value, credential: &Credential, place: impl Fn(String) -> String) {
    if let Some(last) = credential.leaks.last() {
        told["leak"]["blast_radius"] = json!(place(blast_radius(credential, last.secret)));
    }
}

/// Below the operators' API.
pub fn path_of(credential: &Credential) -> String {
    format!("/tenants/{}/{}/{}", credential.tenant, collection(credential.kind()), credential.id)
}

pub fn blast_radius(credential: &Credential, secret: SecretId) -> String {
    format!("{}/secrets/{secret}/blast-radius", path_of(credential))
}

/// Null of what was never let in; the address, of what was let in from nobody knows where.
pub fn last_used(used: Option<LastUse>) -> [(String, Value); 2] {
    let at = used.and_then(|used| Timestamp::from_millis(used.at_ms));
    let client_ip = used.and_then(|used| used.client_ip);
    [("last_used_at".to_owned(), json!(at)), ("last_used_ip".to_owned(), json!(client_ip))]
}

fn secret(credential: &Credential, secret: &Secret, uses: &LastUses, now: Timestamp) -> Value {
    let ended = secret.revoked_at.into_iter().chain(credential.window_end(secret)).min();
    let mut told = json!({
        "id": secret.facts.id,
        "prefix": secret.facts.prefix,
        "status": credential.secret_status(secret, now),
        "created_at": secret.created_at,
        "expires_at": ended,
        "close_when_quiet_seconds": secret.close_when_quiet_seconds,
    });
    for (member, value) in last_used(uses.of(secret.facts.id)) {
        told[member] = value;
    }
    if let Some(client_id) = &secret.facts.client_id {
        told["client_id"] = json!(client_id);
    }
    told
}

/// What people set, under the names they set it by.
fn members(credential: &Credential) -> Map<String, Value> {
    let typed = typed_of_credential(credential).into_iter();
    let typed = typed.map(|(name, value)| (name.to_owned(), shown(&value)));
    typed.chain(of_credential(credential)).collect()
}
