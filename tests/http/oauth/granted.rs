//! What a token is given for: scopes, resources, and how long; and what it says (RFC 9068, RFC 8707).

use serde_json::{Value, json};

use super::{exchange, id_of, in_seconds, is_error, part, reporter, token};
use crate::acme;
use crate::support::service::{Key, Service, Tenant, millis, text};

fn claims(service: &Service, client: &Key<'_>, fields: &str) -> Value {
    part(&text(&exchange(service, client, fields).expect(200)["access_token"]), 1)
}

/// An account of the tenant that has these scopes.
fn account(tenant: &Tenant<'_>, scopes: &[&str]) -> String {
    let body = json!({"kind": "service", "name": "owner", "scopes": scopes});
    text(&tenant.admin.post(&format!("{}/members", tenant.path()), &body).expect(201)["member"]["id"])
}

#[test]
fn a_token_says_what_rfc_9068_asks_for() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let client = reporter(&tenant);
    let before = crate::matrix::since_1970() / 1000;
    let told = exchange(&service, &client, "").expect(200);
    let token = text(&told["access_token"]);
    let header = part(&token, 0);
    let signing = root.get("/api/admin/v1/signing-keys").expect(200)["data"].clone();
    let signing =
        signing.as_array().into_iter().flatten().find(|key| key["status"] == "signing").expect("a key");
    assert_eq!(header, json!({"typ": "at+jwt", "alg": "ES256", "kid": signing["kid"]}));
    let claims = part(&token, 1);
    let (issued_at, id) = (claims["iat"].as_i64().expect("seconds"), text(&claims["jti"]));
    assert_eq!(
        claims,
        json!({
            "iss": service.url(), "aud": service.url(), "sub": id_of(&client), "client_id": id_of(&client),
            "scope": "reports:read reports:write", "iat": issued_at, "exp": issued_at + 3600, "jti": id,
            "tenant_id": tenant.id, "credential_id": client.id,
            "secret_id": client.minted["client"]["secrets"][0]["id"], "client_version": client.minted["client"]["version"],
        })
    );
    assert!((before..=crate::matrix::since_1970() / 1000).contains(&issued_at), "{issued_at}");
    assert!(uuid::Uuid::parse_str(&id).is_ok());
}

#[test]
fn a_scope_is_granted_as_asked_or_not_at_all() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let client = tenant.client_with(json!({"name": "c", "scopes": ["reports:*", "jobs:run"]}));
    for (asked, granted) in [
        ("reports:read", "reports:read"),
        ("reports:*", "reports:*"),
        ("jobs:run+reports:read", "jobs:run reports:read"),
        ("jobs:run++jobs:run+", "jobs:run"),
        ("+jobs:run", "jobs:run"),
        ("jobs%3Arun%20reports%3Aread", "jobs:run reports:read"),
    ] {
        let told = exchange(&service, &client, &format!("scope={asked}")).expect(200);
        assert_eq!(told["scope"], granted, "{asked}");
        assert_eq!(part(&text(&told["access_token"]), 1)["scope"], granted, "{asked}");
    }
    let many = (0..101).map(|number| format!("reports:r{number}")).collect::<Vec<_>>().join("+");
    for beyond in [
        "admin:all",
        "jobs:*",
        "*",
        "*:*",
        "jobs:run+admin:all",
        "Jobs:run",
        "+",
        "%22",
        "jobs:run,reports:read",
        "jobs:run%09reports:read",
        "r%C3%A9ports:read",
        "%5C",
        many.as_str(),
    ] {
        let error = if beyond.contains("%09") { "invalid_request" } else { "invalid_scope" };
        is_error(&exchange(&service, &client, &format!("scope={beyond}")), 400, error);
    }
    is_error(&exchange(&service, &tenant.client("bare"), "scope=reports:read"), 400, "invalid_scope");
}

#[test]
fn what_the_owner_lacks_is_not_granted_by_name_and_what_is_stored_is_narrowed_at_use() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let owner = account(&tenant, &["reports:read", "reports:write"]);
    let body = json!({"name": "c", "scopes": ["reports:read", "reports:write"], "owner": owner});
    let client = tenant.client_with(body);
    root.patch(&format!("{}/members/{owner}", tenant.path()), &json!({"scopes": ["reports:read"]}))
        .expect(200);
    is_error(&exchange(&service, &client, "scope=reports:write"), 400, "invalid_scope");
    exchange(&service, &client, "scope=reports:read").expect(200);
    let whole = exchange(&service, &client, "").expect(200);
    assert_eq!(whole["scope"], "reports:read reports:write");
    let verdict = gateway.verify(&text(&whole["access_token"]));
    assert_eq!(verdict.is_accepted()["effective_scopes"], json!(["reports:read"]));
}

#[test]
fn a_token_is_for_the_resources_asked_for_of_those_registered() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let (api, jobs) = ("https://api.acme.example", "urn:acme:jobs");
    let bound = tenant.client_with(json!({"name": "bound", "resources": [api, jobs]}));
    let free = tenant.client("free");
    assert_eq!(claims(&service, &bound, "")["aud"], service.url());
    assert_eq!(claims(&service, &bound, &format!("resource={api}"))["aud"], api);
    assert_eq!(
        claims(&service, &bound, &format!("resource={jobs}&resource={api}"))["aud"],
        json!([jobs, api])
    );
    assert_eq!(claims(&service, &bound, &format!("resource={api}&resource={api}"))["aud"], api);
    assert_eq!(
        claims(&service, &free, "resource=https%3A%2F%2Fany.example%2Fx%3Fy")["aud"],
        "https://any.example/x?y"
    );
    for other in [format!("{api}/"), format!("{api}/v1"), "https://other.example".to_owned(), service.url()] {
        is_error(&exchange(&service, &bound, &format!("resource={other}")), 400, "invalid_target");
        is_error(
            &exchange(&service, &bound, &format!("resource={api}&resource={other}")),
            400,
            "invalid_target",
        );
    }
    for none in [
        "/relative",
        "relative",
        "//host/x",
        "https:",
        "https://x.example/%23f",
        "https://x.example%23",
        "%20",
    ] {
        is_error(&exchange(&service, &free, &format!("resource={none}")), 400, "invalid_target");
    }
    let several: String = (0..17).map(|number| format!("resource=urn:r{number}&")).collect();
    is_error(&exchange(&service, &free, &several), 400, "invalid_target");
}

#[test]
fn a_token_lives_as_long_as_the_tenant_says_and_never_beyond_its_client() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({"token_lifetime_seconds": 60}));
    let client = tenant.client("c");
    let lives = |client: &Key<'_>| {
        let told = exchange(&service, client, "").expect(200);
        let claims = part(&text(&told["access_token"]), 1);
        let [from, to] = ["iat", "exp"].map(|name| claims[name].as_i64().expect("seconds"));
        assert_eq!(told["expires_in"], json!(to - from), "a number, and what the token says");
        (to - from, to)
    };
    assert_eq!(lives(&client).0, 60);
    for seconds in [86_400, 61] {
        root.patch(&tenant.path(), &json!({"settings": {"token_lifetime_seconds": seconds}})).expect(200);
        assert_eq!(lives(&client).0, seconds);
    }
    for beyond in [json!(59), json!(86_401), json!("60")] {
        let body = json!({"settings": {"token_lifetime_seconds": beyond}});
        root.patch(&tenant.path(), &body).problem(400, "invalid_request");
    }
    let end = in_seconds(30);
    let short = tenant.client_with(json!({"name": "short", "expires_at": end}));
    let (seconds, until) = lives(&short);
    assert!(seconds <= 30 && until * 1000 <= millis(&end), "{seconds}");
    // Moved later, it is the tenant's time again; moved near, what is out already falls with it.
    short.edit(json!({"expires_at": in_seconds(3600)}));
    assert_eq!(lives(&short).0, 61);
    let early = token(&service, &short);
    short.edit(json!({"expires_at": in_seconds(2)}));
    let gateway = service.gateway();
    let over = || (gateway.verify(&early).0["reason"] == "expired").then_some(());
    crate::support::service::eventually(over).expect("its client's end");
}

#[test]
fn more_than_a_header_carries_is_not_granted_at_once() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let scopes: Vec<String> =
        (0..100).map(|number| format!("{}{number:02}:read", "long".repeat(20))).collect();
    let client = tenant.client_with(json!({"name": "c", "scopes": scopes}));
    is_error(&exchange(&service, &client, ""), 400, "invalid_scope");
    is_error(&exchange(&service, &client, &format!("scope={}", scopes.join("+"))), 400, "invalid_scope");
    // Near the bound of the claims and near that of the whole: it is the same answer.
    for number in [45, 50, 55, 60, 65, 70] {
        let fields = format!("scope={}", scopes[..number].join("+"));
        let answer = exchange(&service, &client, &fields);
        assert!(
            answer.status == 200 || is_error(&answer, 400, "invalid_scope").contains("fewer"),
            "{number}"
        );
    }
    exchange(&service, &client, &format!("scope={}", scopes[..20].join("+"))).expect(200);
    let resource = |number: usize| format!("resource=urn:{number:02}{}&", "x".repeat(490));
    let several: String = (0..16).map(resource).collect();
    is_error(&exchange(&service, &client, &format!("{several}scope={}", scopes[0])), 400, "invalid_target");
}
