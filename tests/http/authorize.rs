//! Forward-auth for a proxy.

use serde_json::json;

use crate::acme;
use crate::support::client::Response;
use crate::support::service::Service;

const AUTHORIZE: &str = "/api/v1/authorize";

#[track_caller]
fn is_refused(answer: &Response, status: u16, refusal: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    answer.problem(status, if status == 401 { "unauthorized" } else { "forbidden" });
    assert_eq!(answer.header("x-credential-refusal"), Some(refusal), "{}", answer.text());
}

#[test]
fn an_admitted_call_is_told_whose_it_is_in_headers() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let key = tenant.mint_with(json!({"name": "Nächtlich / 夜", "scopes": ["a:b", "c:*"]}));
    let answer =
        service.actor(&key.secret).get(&format!("{AUTHORIZE}?scope=a:b&scope=c:d&operation=x&tenant=acme"));
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    let secret_id = key.minted["key"]["secrets"][0]["id"].as_str();
    let headers = [
        ("x-credential-id", Some(key.id.as_str())),
        ("x-credential-kind", Some("api_key")),
        ("x-credential-name", Some("N%C3%A4chtlich%20%2F%20%E5%A4%9C")),
        ("x-credential-tenant", Some(tenant.id.as_str())),
        ("x-credential-scopes", Some("a:b c:*")),
        ("x-credential-scopes-truncated", None),
        ("x-credential-secret-id", secret_id),
        ("x-credential-refusal", None),
    ];
    for (header, value) in headers {
        assert_eq!(answer.header(header), value, "{header}");
    }
}

#[test]
fn a_refusal_is_401_or_403_with_its_word_and_nothing_else() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    root.tenant("other", json!({}));
    let key = tenant.mint("k");
    let fenced =
        tenant.mint_with(json!({"name": "fenced", "ip_rules": {"deny": [{"cidr": "192.0.2.0/24"}]}}));
    let (revoked, suspended, rotated) =
        (tenant.mint("revoked"), tenant.mint("suspended"), tenant.mint("rotated"));
    revoked.revoke("other");
    root.post(&format!("{}/suspend", suspended.path), &json!({})).expect(200);
    rotated.rotate(json!({"grace_seconds": 0}));
    let ask = |secret: &str, query: &str| service.actor(secret).get(&format!("{AUTHORIZE}{query}"));
    is_refused(&service.anonymous().get(AUTHORIZE), 401, "malformed");
    is_refused(&ask("no-key", ""), 401, "malformed");
    is_refused(&ask(&revoked.secret, ""), 401, "revoked");
    is_refused(&ask(&suspended.secret, ""), 401, "suspended");
    is_refused(&ask(&rotated.secret, ""), 401, "rotated_out");
    is_refused(&ask(&key.secret, "?scope=a:b"), 403, "insufficient_scope");
    is_refused(&ask(&key.secret, "?tenant=other"), 403, "wrong_tenant");
    is_refused(&ask(&key.secret, "?tenant=nowhere"), 403, "wrong_tenant");
    let holder = service.actor(&fenced.secret);
    let from =
        |address: &str| holder.send(&holder.request("GET", AUTHORIZE).header("X-Forwarded-For", address));
    is_refused(&from("192.0.2.9"), 403, "ip_denied");
    // What can't be read is the proxy's fault, and no 400, which nginx would turn into a 500.
    for query in
        ["?scope=a:*", "?scope=", "?colour=red", "?tenant=a&tenant=b", "?operation=%ff", "?scope=a%zz"]
    {
        is_refused(&ask(&key.secret, query), 403, "malformed_request");
    }
    let basic = service.anonymous().request("GET", AUTHORIZE).header("Authorization", "Basic eDp5");
    is_refused(&service.anonymous().send(&basic), 401, "malformed");
}

#[test]
fn any_method_type_and_body_is_judged_alike() {
    let service = Service::start();
    let root = service.root();
    let key = acme(&root).mint("k");
    let holder = service.actor(&key.secret);
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"] {
        let request = holder.request(method, AUTHORIZE).header("Accept", "image/png");
        let answer =
            holder.send(&request.header("Content-Type", "image/png").header("X-Forwarded-Method", "BREW"));
        assert_eq!(answer.status, 200, "{method}: {}", answer.text());
    }
    let with_body =
        holder.request("POST", AUTHORIZE).header("Content-Type", "text/plain").body(vec![b'x'; 10_000]);
    assert_eq!(holder.send(&with_body).status, 200);
}

#[test]
fn the_client_is_found_from_the_right_past_trusted_proxies() {
    let service = Service::start_with(&["--trusted-proxies", "127.0.0.0/8,10.0.0.0/8"]);
    let root = service.root();
    let key = acme(&root).mint_with(json!({"name": "k", "ip_rules": {"allow": [{"cidr": "192.0.2.0/24"}]}}));
    let holder = service.actor(&key.secret);
    let cases: &[(&[&str], bool)] = &[
        (&["192.0.2.1"], true),
        (&["192.0.2.1:4711"], true),
        (&["203.0.113.1, 192.0.2.1"], true),
        (&["203.0.113.1", "192.0.2.1, 10.0.0.1"], true),
        // What the client wrote itself stands left of what the proxies wrote.
        (&["192.0.2.1, 203.0.113.1"], false),
        (&["192.0.2.1, 203.0.113.1, 10.1.2.3"], false),
        (&["192.0.2.1, unknown"], false),
        (&["192.0.2.1,"], false),
        (&[], false),
    ];
    for (headers, admitted) in cases {
        for path in [AUTHORIZE, "/api/v1/whoami"] {
            let request = headers
                .iter()
                .fold(holder.request("GET", path), |request, hops| request.header("X-Forwarded-For", hops));
            let answer = holder.send(&request);
            assert_eq!(answer.status, if *admitted { 200 } else { 403 }, "{headers:?}: {}", answer.text());
        }
    }
}

#[test]
fn a_proxy_that_tells_no_client_is_not_taken_for_the_client() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let ask = |secret: &str, hops: &[&str]| {
        let holder = service.actor(secret);
        let request = holder.request("GET", AUTHORIZE);
        holder.send(&hops.iter().fold(request, |request, hops| request.header("X-Forwarded-For", hops)))
    };
    for rules in [json!({"allow": [{"cidr": "127.0.0.0/8"}]}), json!({"deny": [{"cidr": "192.0.2.0/24"}]})] {
        let fenced = tenant.mint_with(json!({"name": "fenced", "ip_rules": rules}));
        is_refused(&ask(&fenced.secret, &[]), 403, "ip_denied");
        assert_eq!(ask(&fenced.secret, &["127.0.0.1"]).status, 200, "{rules}");
    }
    assert_eq!(ask(&tenant.mint("open").secret, &[]).status, 200);
}

#[test]
fn a_list_of_scopes_that_no_proxy_would_take_is_cut_after_a_whole_one_and_says_so() {
    let service = Service::start();
    let root = service.root();
    let scopes: Vec<String> = (0..100).map(|number| format!("s{number:03}:{}", "x".repeat(195))).collect();
    let key = acme(&root).mint_with(json!({"name": "夜".repeat(100), "scopes": scopes}));
    // What is not told is held all the same.
    let answer = service.actor(&key.secret).get(&format!("{AUTHORIZE}?scope={}", scopes[99]));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let told = answer.header("x-credential-scopes").expect("the scopes");
    let told: Vec<&str> = told.split(' ').collect();
    assert_eq!(told, scopes[..10], "ten scopes of 200 bytes fit 2 KiB");
    assert_eq!(answer.header("x-credential-scopes-truncated"), Some("true"));
}

#[test]
fn a_challenge_names_as_many_scopes_as_a_proxy_takes_and_the_body_names_all() {
    let service = Service::start();
    let root = service.root();
    let key = acme(&root).mint("k");
    let scopes: Vec<String> = (0..30).map(|number| format!("s{number:02}:{}", "x".repeat(196))).collect();
    let answer = service.actor(&key.secret).get(&format!("{AUTHORIZE}?scope={}", scopes.join("&scope=")));
    is_refused(&answer, 403, "insufficient_scope");
    assert_eq!(answer.json()["missing_scopes"], json!(scopes));
    let challenge = answer.header("www-authenticate").expect("a challenge");
    let told = challenge.rsplit_once("scope=\"").and_then(|(_, rest)| rest.strip_suffix('"'));
    let told: Vec<&str> = told.expect("the scopes").split(' ').collect();
    assert_eq!(told, scopes[..10], "ten scopes of 200 bytes fit 2 KiB");
}

#[test]
fn a_proxy_that_is_not_trusted_is_refused_and_its_headers_are_not_believed() {
    let service = Service::start_with(&["--trusted-proxies", "10.0.0.0/8"]);
    let root = service.root();
    let key = acme(&root).mint_with(json!({"name": "k", "ip_rules": {"allow": [{"cidr": "127.0.0.1"}]}}));
    let holder = service.actor(&key.secret);
    is_refused(&holder.get(AUTHORIZE), 403, "untrusted_proxy");
    is_refused(&service.anonymous().get(AUTHORIZE), 403, "untrusted_proxy");
    holder.send(&holder.request("GET", "/api/v1/whoami").header("X-Forwarded-For", "192.0.2.1")).expect(200);
}
