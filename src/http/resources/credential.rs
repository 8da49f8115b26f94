//! A credential, wherever it appears: a key or a client, by the route that it stands under.

use actix_web::HttpRequest;
use serde_json::{Map, Value, json};

use super::{Names, actor, revocation, shown, shown_text};
use crate::clock::Timestamp;
use crate::domain::credential::{Credential, Kind, Registration, Secret};
use crate::domain::effective::Effective;
use crate::domain::scope::Scope;
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

/// `owner` are the scopes of the account that it belongs to, as far as this node knows it.
pub fn credential(
    credential: &Credential,
    owner: Option<&[Scope]>,
    names: Names<'_>,
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
        ("secrets".to_owned(), credential.secrets.iter().map(|each| secret(credential, each, now)).collect()),
        ("version".to_owned(), json!(credential.version)),
    ]);
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

fn secret(credential: &Credential, secret: &Secret, now: Timestamp) -> Value {
    let ended = secret.revoked_at.into_iter().chain(credential.window_end(secret)).min();
    let mut told = json!({
        "id": secret.facts.id,
        "prefix": secret.facts.prefix,
        "status": credential.secret_status(secret, now),
        "created_at": secret.created_at,
        "expires_at": ended,
    });
    if let Some(client_id) = &secret.facts.client_id {
        told["client_id"] = json!(client_id);
    }
    told
}

/// What people set, under the names they set it by.
pub fn members(credential: &Credential) -> Map<String, Value> {
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
        ("name".to_owned(), shown(&credential.name.value)),
        ("description".to_owned(), shown_text(&credential.description.value)),
        ("metadata".to_owned(), shown(&credential.metadata.value)),
        ("scopes".to_owned(), json!(credential.scopes)),
        ("ip_rules".to_owned(), json!(credential.ip_rules)),
        ("rate_limit".to_owned(), json!(credential.rate_limit)),
        ("owner".to_owned(), json!(credential.owner)),
        ("expires_at".to_owned(), json!(credential.expires_at)),
    ];
    of_any.into_iter().chain(registration).collect()
}
