//! What the service has to tell of a state; written here once more, apart from its own code.

use credledger::clock::Timestamp;
use credledger::domain::credential::{Credential, SecretStatus};
use credledger::domain::effective::Effective;
use credledger::domain::member::Member;
use credledger::domain::operator::{Operator, Reach, Token};
use credledger::domain::personal::Personal;
use credledger::domain::plan::Plan;
use credledger::domain::tenant::Tenant;
use serde_json::{Value, json};

use crate::run::collection;

/// What was erased is told as that, and is no null.
fn shown<T: serde::Serialize>(value: &Personal<T>) -> Value {
    value.known().map_or_else(|| json!({"erased": true}), |value| json!(value))
}

fn shown_text(text: &Personal<String>) -> Value {
    if text.known().is_some_and(String::is_empty) { Value::Null } else { shown(text) }
}

/// The members of an answer that are the model's to say.
pub fn key_as_told(key: &Credential, owner: Option<&Member>, tenant: &Tenant, now: Timestamp) -> Value {
    let revoked = key.revoked.as_ref().map(|revoked| {
        let note = revoked.note.as_ref().map(shown);
        json!({"reason": revoked.reason.word(), "note": note})
    });
    let secrets: Vec<Value> = key
        .secrets
        .iter()
        .map(|secret| {
            let status = key.secret_status(secret, now);
            // When one was ended by hand is an instant of the service's own.
            let window = secret.ends_at.filter(|_| status != SecretStatus::Revoked);
            let end = window.map(|end| key.expires_at.map_or(end, |own| own.min(end)));
            let mut told = json!({
                "id": secret.facts.id,
                "prefix": secret.facts.prefix,
                "status": status,
                "expires_at": end,
                "close_when_quiet_seconds": secret.close_when_quiet_seconds,
            });
            if let Some(id) = &secret.facts.client_id {
                told["client_id"] = json!(id.as_str());
            }
            told
        })
        .collect();
    let leak = key.leaks.last().map(|leak| {
        let prefix = key.secret(leak.secret).map(|secret| &secret.facts.prefix);
        let (source, url) = (shown(&leak.source), leak.url.as_ref().map(shown));
        let (list, secret) = (collection(key.kind()), leak.secret);
        let at = format!("/api/admin/v1/tenants/{}/{list}/{}/secrets/{secret}/blast-radius", key.tenant, key.id);
        json!({"reporter": "finder", "source": source, "url": url, "secret_id": secret, "prefix": prefix, "blast_radius": at})
    });
    let description = shown_text(&key.description.value);
    let mut told = json!({
        "id": key.id,
        "kind": if key.client.is_some() { "oauth_client" } else { "api_key" },
        "tenant_id": key.tenant,
        "name": shown(&key.name.value),
        "description": description,
        "metadata": shown(&key.metadata.value),
        "status": key.status(now, tenant.settings.expiry_warning_seconds),
        "scopes": key.scopes,
        "ip_rules": key.ip_rules,
        "rate_limit": key.rate_limit,
        "owner": key.owner,
        "expires_at": key.expires_at,
        "revoked": revoked,
        "leak": leak,
        "secrets": secrets,
        "version": key.version,
    });
    if let Some(client) = &key.client {
        told["token_endpoint_auth_method"] = json!("client_secret_basic");
        told["resources"] = json!(client.registration.resources);
        told["dpop_bound_access_tokens"] = json!(client.registration.dpop_bound_access_tokens);
    }
    if let Some(owner) = owner {
        told["effective_scopes"] = json!(Effective::of(&key.scopes, Some(&owner.scopes)).scopes);
    }
    told
}

pub fn member_as_told(member: &Member) -> Value {
    json!({
        "id": member.id,
        "tenant_id": member.tenant,
        "kind": member.kind.word(),
        "name": member.name.known(),
        "email": member.email.known().filter(|text| !text.is_empty()),
        "description": member.description.known().filter(|text| !text.is_empty()),
        "scopes": member.scopes,
        "status": if member.disabled_at.is_some() { "disabled" } else { "active" },
        "version": member.version,
    })
}

/// The service's answer without what the model can't know: who and when, and when it was used.
pub fn comparable(told: &Value) -> Value {
    let mut told = told.clone();
    let members = told.as_object_mut().expect("an object");
    assert!(members.remove("created_at").is_some(), "no created_at: {members:?}");
    members.remove("created_by");
    for token in members.get_mut("tokens").and_then(Value::as_array_mut).into_iter().flatten() {
        *token = comparable(token);
    }
    told
}

/// The service's answer without what the model can't know: who and when, and when it was used.
pub fn comparable_key(key: &Value) -> Value {
    let mut key = key.clone();
    let members = key.as_object_mut().expect("a key");
    for unknown in ["created_at", "created_by", "last_used_at", "last_used_ip"] {
        assert!(members.remove(unknown).is_some(), "no {unknown}");
    }
    if let Some(revoked) = members["revoked"].as_object_mut() {
        revoked.retain(|name, _| name == "reason" || name == "note");
    }
    if let Some(leak) = members["leak"].as_object_mut() {
        assert!(leak.remove("reported_at").is_some(), "no reported_at");
    }
    for secret in members["secrets"].as_array_mut().expect("secrets") {
        let secret = secret.as_object_mut().expect("a secret");
        for unknown in ["created_at", "last_used_at", "last_used_ip"] {
            assert!(secret.remove(unknown).is_some(), "no {unknown}");
        }
        if secret["status"] == "revoked" {
            secret["expires_at"] = Value::Null;
        }
    }
    key
}

pub fn tenant_as_told(tenant: &Tenant) -> Value {
    json!({
        "id": tenant.id,
        "slug": tenant.slug,
        "name": tenant.name.known(),
        "status": if tenant.suspended_at.is_some() { "suspended" } else { "active" },
        "plan": tenant.plan,
        "settings": tenant.settings,
        "version": tenant.version,
    })
}

pub fn operator_as_told(operator: &Operator, now: Timestamp) -> Value {
    let tenants = match &operator.reach {
        Reach::All => Vec::new(),
        Reach::Tenants(tenants) => tenants.iter().collect(),
    };
    json!({
        "id": operator.id,
        "name": operator.name.known(),
        "role": operator.role.word(),
        "tenants": tenants,
        "all_tenants": tenants.is_empty(),
        "status": if operator.disabled_at.is_some() { "disabled" } else { "active" },
        "email": null,
        "invitation_expires_at": null,
        "signs_in": operator.identity.is_some(),
        "tokens": operator.tokens.iter().map(|token| token_as_told(token, now)).collect::<Vec<_>>(),
        "version": operator.version,
    })
}

pub fn token_as_told(token: &Token, now: Timestamp) -> Value {
    let status = match (token.revoked_at, token.expires_at <= now) {
        (Some(_), _) => "revoked",
        (None, true) => "expired",
        (None, false) => "active",
    };
    json!({
        "id": token.id(),
        "name": token.name.known(),
        "prefix": token.facts.prefix,
        "status": status,
        "expires_at": token.expires_at,
    })
}

pub fn plan_as_told(plan: &Plan) -> Value {
    json!({
        "id": plan.name.id(),
        "name": plan.name.as_str(),
        "active_credentials": plan.bounds.active_credentials,
        "version": plan.version,
    })
}
