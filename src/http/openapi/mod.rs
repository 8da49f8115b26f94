//! The OpenAPI document: the outside contract, in parts, put together once at start.
//!
//! A part holds members of one object of the document, under one subject. The parts are joined as texts, so that the
//! document reads in the order in which they are written. `tests/contract/openapi.rs` holds the whole to account.

use bytes::Bytes;

/// What every installation fills in for itself; each stands in the head as a whole string.
const VERSION: &str = "\"{version}\"";
const OVERVIEW: &str = "\"{overview}\"";
const PUBLIC_URL: &str = "\"{public_url}\"";

const HEAD: &str = include_str!("head.json");

const PATHS: &[&str] = &[
    include_str!("paths/tenants.json"),
    include_str!("paths/plans.json"),
    include_str!("paths/keys.json"),
    include_str!("paths/secrets.json"),
    include_str!("paths/clients.json"),
    include_str!("paths/client_secrets.json"),
    include_str!("paths/blast_radius.json"),
    include_str!("paths/members.json"),
    include_str!("paths/audit.json"),
    include_str!("paths/operators.json"),
    include_str!("paths/erasures.json"),
    include_str!("paths/people.json"),
    include_str!("paths/signing_keys.json"),
    include_str!("paths/usage.json"),
    include_str!("paths/verdicts.json"),
    include_str!("paths/decide.json"),
    include_str!("paths/activity.json"),
    include_str!("paths/oauth.json"),
    include_str!("paths/leaks.json"),
    include_str!("paths/service.json"),
];

const SCHEMAS: &[&str] = &[
    include_str!("schemas/common.json"),
    include_str!("schemas/tenant.json"),
    include_str!("schemas/plan.json"),
    include_str!("schemas/key.json"),
    include_str!("schemas/client.json"),
    include_str!("schemas/event.json"),
    include_str!("schemas/member.json"),
    include_str!("schemas/operator.json"),
    include_str!("schemas/erasure.json"),
    include_str!("schemas/people.json"),
    include_str!("schemas/signing_key.json"),
    include_str!("schemas/usage.json"),
    include_str!("schemas/blast_radius.json"),
    include_str!("schemas/verdict.json"),
    include_str!("schemas/decide.json"),
    include_str!("schemas/activity.json"),
    include_str!("schemas/oauth.json"),
    include_str!("schemas/leak.json"),
    include_str!("schemas/service.json"),
    include_str!("schemas/problem.json"),
];

const RESPONSES: &[&str] = &[
    include_str!("responses/tenants.json"),
    include_str!("responses/plans.json"),
    include_str!("responses/keys.json"),
    include_str!("responses/clients.json"),
    include_str!("responses/members.json"),
    include_str!("responses/events.json"),
    include_str!("responses/operators.json"),
    include_str!("responses/erasures.json"),
    include_str!("responses/people.json"),
    include_str!("responses/signing_keys.json"),
    include_str!("responses/usage.json"),
    include_str!("responses/blast_radius.json"),
    include_str!("responses/verdicts.json"),
    include_str!("responses/decide.json"),
    include_str!("responses/activity.json"),
    include_str!("responses/oauth.json"),
    include_str!("responses/leaks.json"),
    include_str!("responses/service.json"),
    include_str!("responses/problems.json"),
];

const PARAMETERS: &[&str] = &[include_str!("parameters.json")];
const HEADERS: &[&str] = &[include_str!("headers.json")];
const SECURITY_SCHEMES: &[&str] = &[include_str!("security.json")];

/// What `GET /openapi.json` answers. `public_url` is where callers reach this installation.
pub fn document(public_url: &str) -> Bytes {
    let components = [
        section("schemas", SCHEMAS),
        section("responses", RESPONSES),
        section("parameters", PARAMETERS),
        section("headers", HEADERS),
        section("securitySchemes", SECURITY_SCHEMES),
    ];
    let components = format!("\"components\": {{\n{}\n}}", components.join(",\n"));
    let text = format!("{{\n{},\n{},\n{components}\n}}\n", head(public_url), section("paths", PATHS));
    Bytes::from(text)
}

fn head(public_url: &str) -> String {
    let version = json_string(env!("CARGO_PKG_VERSION"));
    let overview = json_string(include_str!("overview.md"));
    let public_url = json_string(public_url.trim_end_matches('/'));
    // The caller's text last: nothing in it is taken for a placeholder.
    members(HEAD).replace(VERSION, &version).replace(OVERVIEW, &overview).replace(PUBLIC_URL, &public_url)
}

fn section(name: &str, parts: &[&str]) -> String {
    let parts: Vec<&str> = parts.iter().copied().map(members).collect();
    format!("{}: {{\n{}\n}}", json_string(name), parts.join(",\n"))
}

/// What stands between the braces of an object.
fn members(part: &str) -> &str {
    let part = part.trim();
    part.strip_prefix('{').and_then(|part| part.strip_suffix('}')).unwrap_or(part).trim_matches('\n')
}

fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
