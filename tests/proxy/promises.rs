//! What holds behind every proxy, with the service as its authority.

use serde_json::json;

use crate::front::{Front, Make};
use crate::support::client::{Client, Request};
use crate::support::holder::Holder;
use crate::support::service::Key;
use crate::world::{World, with_service};

/// A test of each promise, here and in questions.rs, for one make of proxy.
macro_rules! kept_by {
    ($make:expr) => {
        kept_by! { $make, promises:
            an_accepted_key_passes_and_the_application_learns_who_it_is_but_not_the_key
            a_key_of_many_long_scopes_and_a_long_name_passes_and_the_application_learns_that_the_list_was_cut
            what_a_caller_says_of_itself_never_reaches_the_application
            each_refusal_keeps_its_status_and_its_reason
            behind_another_proxy_the_address_is_the_one_which_that_proxy_saw
            a_key_is_refused_from_the_answer_of_its_revoke_on
            what_cannot_be_read_is_refused_and_never_an_error_of_the_proxy
            any_method_and_any_body_passes_or_is_refused_as_a_get_would_be
            a_service_that_does_not_answer_lets_nobody_pass_and_says_so
            a_key_beyond_its_rate_limit_is_told_so_and_when_to_come_again
            a_flood_of_unknown_keys_is_told_to_wait_and_a_key_that_works_passes_all_the_while
            a_token_that_is_bound_to_a_key_passes_once_with_each_proof_and_for_its_own_request_alone
        }
        kept_by! { $make, questions:
            the_question_holds_the_credential_and_the_address_of_the_caller_and_no_body
            callers_at_the_same_time_are_never_taken_for_one_another
            without_an_answer_that_can_be_read_nobody_passes
            what_the_application_answers_is_its_own
        }
    };
    ($make:expr, $module:ident: $($promise:ident)*) => {
        $(#[test]
        fn $promise() {
            crate::$module::$promise(&$make);
        })*
    };
}

/// What nginx can't do, or as the page configures it does not.
macro_rules! kept_besides_by {
    ($make:expr) => {
        kept_by! { $make, questions:
            any_refusal_goes_to_the_caller_as_it_is
            a_200_that_names_nobody_lets_nobody_pass
            an_upgrade_is_asked_of_the_application_alone
        }
    };
}

pub fn an_accepted_key_passes_and_the_application_learns_who_it_is_but_not_the_key(make: &Make) {
    let world = with_service(make);
    let root = world.authority.root();
    let tenant = root.tenant("acme", json!({}));
    let key = tenant.mint_with(json!({"name": "nächtlich", "scopes": ["orders:*", "invoices:read"]}));
    assert_eq!(world.proxy.get(&key.secret).status, 200);
    let seen = world.passed();
    let secret_id = key.minted["key"]["secrets"][0]["id"].as_str();
    for (name, value) in [
        ("x-credential-id", Some(key.id.as_str())),
        ("x-credential-kind", Some("api_key")),
        ("x-credential-name", Some("n%C3%A4chtlich")),
        ("x-credential-tenant", Some(tenant.id.as_str())),
        ("x-credential-scopes", Some("orders:* invoices:read")),
        ("x-credential-scopes-truncated", None),
        ("x-credential-secret-id", secret_id),
        ("x-forwarded-for", Some("127.0.0.1")),
        ("authorization", None),
    ] {
        assert_eq!(seen.header(name), value, "{name}");
    }
}

pub fn a_key_of_many_long_scopes_and_a_long_name_passes_and_the_application_learns_that_the_list_was_cut(
    make: &Make,
) {
    let world = with_service(make);
    let root = world.authority.root();
    let long = (0..99).map(|number| format!("s{number:03}:{}", "x".repeat(195)));
    let scopes: Vec<String> = long.chain(["orders:read".to_owned()]).collect();
    let name = "\u{20000}".repeat(100);
    let key = root.tenant("acme", json!({})).mint_with(json!({"name": name, "scopes": scopes}));
    // The caller's own head may be long besides.
    let long = |length| Request::new("GET", "/orders").header("X-Long", &"x".repeat(length));
    for request in [long(0), long(make.long)] {
        assert_eq!(world.proxy.send(&request.bearer(&key.secret)).status, 200);
        let seen = world.passed();
        assert_eq!(seen.header("x-credential-scopes-truncated"), Some("true"));
        let told = seen.header("x-credential-scopes").expect("the scopes");
        assert!(told.split(' ').all(|scope| scopes.iter().any(|held| held == scope)), "{told}");
    }
}

pub fn what_a_caller_says_of_itself_never_reaches_the_application(make: &Make) {
    let world = with_service(make);
    let root = world.authority.root();
    let key = root.tenant("acme", json!({})).mint_with(json!({"name": "a", "scopes": ["*"]}));
    let mut request = Request::new("GET", "/orders").bearer(&key.secret);
    request = request.header("X-Forwarded-For", "203.0.113.7");
    for name in ["Id", "Kind", "Name", "Tenant", "Scopes", "Scopes-Truncated", "Secret-Id", "Refusal"] {
        // Connection would have a hop take out what it names.
        request = request.header("Connection", &format!("x-credential-{name}"));
        for prefix in ["X-Credential-", "x-credential-", "X_Credential_", "X-Credential_", "x_CREDENTIAL-"] {
            request = request.header(&format!("{prefix}{name}"), "forged");
        }
    }
    assert_eq!(world.proxy.send(&request).status, 200);
    let seen = world.passed();
    for (name, value) in [("id", key.id.as_str()), ("kind", "api_key"), ("name", "a"), ("scopes", "*")] {
        assert_eq!(seen.header(&format!("x-credential-{name}")), Some(value), "{name}");
    }
    assert_eq!(seen.header("x-forwarded-for"), Some("127.0.0.1"));
    for name in seen.names().filter(|name| name.replace('_', "-").starts_with("x-credential-")) {
        assert_ne!(seen.header(&name), Some("forged"), "{name}");
    }
}

pub fn each_refusal_keeps_its_status_and_its_reason(make: &Make) {
    let world = with_service(make);
    let root = world.authority.root();
    let tenant = root.tenant("acme", json!({}));
    let narrow = tenant.mint_with(json!({"name": "narrow", "scopes": ["invoices:read"]}));
    let elsewhere = tenant.mint_with(json!({
        "name": "elsewhere", "scopes": ["*"], "ip_rules": {"allow": [{"cidr": "203.0.113.0/24"}]}
    }));
    let here = tenant.mint_with(json!({
        "name": "here", "scopes": ["*"], "ip_rules": {"allow": [{"cidr": "127.0.0.1"}]}
    }));
    assert_eq!(world.proxy.get(&here.secret).status, 200);
    world.passed();
    world.is_refused(&world.proxy.get(&narrow.secret), 403, "insufficient_scope");
    world.is_refused(&world.proxy.get(&elsewhere.secret), 403, "ip_denied");
    // An address that the caller claims is not believed.
    let claimed = Request::new("GET", "/").bearer(&elsewhere.secret).header("X-Forwarded-For", "203.0.113.7");
    world.is_refused(&world.proxy.send(&claimed), 403, "ip_denied");
    world.is_refused(&world.proxy.send(&Request::new("GET", "/")), 401, "malformed");
    let twice = Request::new("GET", "/").bearer(&here.secret).bearer(&narrow.secret);
    let answer = Client::new(world.proxy.address).send(&twice);
    assert!([400, 401].contains(&answer.status), "{answer:?}");
    world.nobody_passed();
}

pub fn behind_another_proxy_the_address_is_the_one_which_that_proxy_saw(make: &Make) {
    let World { authority, application, proxy } = with_service(make);
    drop(proxy);
    let proxy = Front::start_behind_another(make, authority.address(), application.address);
    let world = World { authority, application, proxy };
    let root = world.authority.root();
    let of = |cidr: &str| json!({"name": cidr, "scopes": ["*"], "ip_rules": {"allow": [{"cidr": cidr}]}});
    let tenant = root.tenant("acme", json!({}));
    let (there, here) = (tenant.mint_with(of("203.0.113.0/24")), tenant.mint_with(of("127.0.0.1")));
    let from = |told: &str, key: &Key| {
        world.proxy.send(&Request::new("GET", "/").bearer(&key.secret).header("X-Forwarded-For", told))
    };
    // What stands to the left of the address which the proxy before saw, the caller has said.
    for told in ["203.0.113.7", "127.0.0.1, 203.0.113.7"] {
        assert_eq!(from(told, &there).status, 200);
        assert!(world.passed().names().any(|name| name == "x-forwarded-for"));
        world.is_refused(&from(told, &here), 403, "ip_denied");
    }
    world.is_refused(&from("203.0.113.7, 198.51.100.7", &there), 403, "ip_denied");
}

pub fn a_key_is_refused_from_the_answer_of_its_revoke_on(make: &Make) {
    let world = with_service(make);
    let root = world.authority.root();
    let tenant = root.tenant("acme", json!({}));
    for name in ["one", "another", "a third"] {
        let key = tenant.mint_with(json!({"name": name, "scopes": ["orders:read"]}));
        assert_eq!(world.proxy.get(&key.secret).status, 200);
        world.passed();
        key.revoke("leaked");
        world.is_refused(&world.proxy.get(&key.secret), 401, "revoked");
    }
}

pub fn what_cannot_be_read_is_refused_and_never_an_error_of_the_proxy(make: &Make) {
    let world = with_service(make);
    let root = world.authority.root();
    let key = root.tenant("acme", json!({})).mint_with(json!({"name": "a", "scopes": ["*"]}));
    let with = |value: &str| Request::new("GET", "/").header("Authorization", value);
    for value in [
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "Bearer  two",
        "nonsense",
        "Bearer \u{e4}",
        &format!("Bearer {}x", key.secret),
    ] {
        world.is_refused(&world.proxy.send(&with(value)), 401, "malformed");
    }
    // As long as the proxy lets pass in one line, beside a long path and as many other headers as fit.
    let mut long = Request::new("GET", &format!("/{}", "p".repeat(make.long)));
    long = long
        .header("Authorization", &format!("Bearer {}", "k".repeat(make.long)))
        .header("X-Long", &"x".repeat(make.long));
    world.is_refused(&world.proxy.send(&long), 401, "malformed");
    // Too long for the one or the other: each length's refusal is a refusal still.
    for length in [15_000, 17_000, 20_000, 24_200, 24_500] {
        let answer = world.proxy.send(&with(&format!("Bearer {}", "k".repeat(length))));
        assert!([400, 401, 431].contains(&answer.status), "{length}: {answer:?}");
        world.nobody_passed();
    }
    let huge = world.proxy.send(&with(&format!("Bearer {}", "k".repeat(100_000))));
    assert_eq!(huge.status, make.too_large, "the proxy refuses it by itself");
    world.nobody_passed();
}

pub fn any_method_and_any_body_passes_or_is_refused_as_a_get_would_be(make: &Make) {
    let world = with_service(make);
    let root = world.authority.root();
    let key = root.tenant("acme", json!({})).mint_with(json!({"name": "a", "scopes": ["*"]}));
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "BREW"] {
        let request = Request::new(method, "/orders").body(vec![b'x'; 900_000]);
        assert_eq!(world.proxy.send(&request.clone().bearer(&key.secret)).status, 200, "{method}");
        let seen = world.passed();
        assert_eq!((seen.method.as_str(), seen.body_bytes), (method, 900_000));
    }
    let chunked = Request::new("POST", "/orders").bearer(&key.secret).header("Transfer-Encoding", "chunked");
    let head = chunked.head_bytes(&world.proxy.address);
    for (body, bytes) in [("0\r\n\r\n", 0), ("4\r\nbody\r\n1\r\n!\r\n0\r\n\r\n", 5)] {
        let answer = Client::new(world.proxy.address).send_raw(&[&head, body.as_bytes()].concat());
        assert_eq!(answer.status, 200);
        assert_eq!(world.passed().body_bytes, bytes);
    }
    assert_eq!(world.proxy.send(&Request::new("HEAD", "/orders").bearer(&key.secret)).status, 200);
    assert_eq!(world.passed().method, "HEAD");
    for method in ["POST", "PROPFIND", "BREW", "HEAD"] {
        let refused =
            world.proxy.send(&Request::new(method, "/orders").json(&json!({})).bearer("cl_live_nonsense"));
        world.is_refused(&refused, 401, "malformed");
    }
}

pub fn a_service_that_does_not_answer_lets_nobody_pass_and_says_so(make: &Make) {
    let mut world = with_service(make);
    let secret = {
        let root = world.authority.root();
        root.tenant("acme", json!({})).mint_with(json!({"name": "a", "scopes": ["*"]})).secret
    };
    assert_eq!(world.proxy.get(&secret).status, 200);
    world.passed();
    assert_eq!(world.authority.stop(), Some(0));
    world.is_unanswered(&world.proxy.get(&secret));
    world.is_unanswered(&world.proxy.get("nonsense"));
}

pub fn a_key_beyond_its_rate_limit_is_told_so_and_when_to_come_again(make: &Make) {
    let world = with_service(make);
    let root = world.authority.root();
    let a_day = json!({"requests": 2, "per_seconds": 86_400});
    let key = json!({"name": "slow", "scopes": ["orders:read"], "rate_limit": a_day});
    let key = root.tenant("acme", json!({})).mint_with(key);
    for _ in 0..2 {
        let answer = world.proxy.get(&key.secret);
        assert_eq!((answer.status, answer.header("retry-after")), (200, None));
        world.passed();
    }
    for _ in 0..3 {
        let answer = world.proxy.get(&key.secret);
        world.is_refused(&answer, make.limited, "rate_limited");
        let seconds = answer.header("retry-after").and_then(|text| text.parse::<u32>().ok());
        assert!(seconds.is_some_and(|seconds| (1..=43_200).contains(&seconds)), "{seconds:?}");
    }
}

pub fn a_flood_of_unknown_keys_is_told_to_wait_and_a_key_that_works_passes_all_the_while(make: &Make) {
    let world = with_service(make);
    let root = world.authority.root();
    let key = json!({"name": "a", "scopes": ["orders:read"]});
    let key = root.tenant("acme", json!({})).mint_with(key);
    // The service gives an address a guess back every 0.6 s, and this sends them far faster.
    let mut told_to_wait = 0;
    for sent in 0.. {
        let answer = world.proxy.get("cl_live_nonsense");
        if answer.status == 401 && sent < 20_000 {
            world.is_refused(&answer, 401, "malformed");
            continue;
        }
        assert!(sent >= 100, "only {sent} were answered");
        world.is_refused(&answer, make.limited, "rate_limited");
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(world.proxy.get(&key.secret).status, 200);
        world.passed();
        told_to_wait += 1;
        if told_to_wait == 10 {
            return;
        }
    }
}

pub fn a_token_that_is_bound_to_a_key_passes_once_with_each_proof_and_for_its_own_request_alone(make: &Make) {
    let world = with_service(make);
    let (root, holder) = (world.authority.root(), Holder::new());
    let tenant = root.tenant("acme", json!({}));
    let client = tenant.client_with(json!({"name": "bound", "scopes": ["orders:*"]}));
    let token = holder.token(&world.authority, &client);
    // As the caller knows the proxy.
    let url = format!("http://{}/orders", world.proxy.address);
    let with = |method: &str, path: &str, proof: &str| {
        let request = Request::new(method, path).header("Authorization", &format!("DPoP {token}"));
        request.header("DPoP", proof)
    };
    for method in ["GET", "POST"] {
        let proof = holder.proof(method, &url, &token);
        assert_eq!(world.proxy.send(&with(method, "/orders?page=2", &proof)).status, 200, "{method}");
        let seen = world.passed();
        assert_eq!((seen.method.as_str(), seen.header("x-credential-name")), (method, Some("bound")));
        assert_eq!(seen.header("authorization"), None);
        world.is_refused(&world.proxy.send(&with(method, "/orders", &proof)), 401, "proof_invalid");
    }
    let fresh = || holder.proof("GET", &url, &token);
    world.is_refused(&world.proxy.send(&with("GET", "/orders/7", &fresh())), 401, "proof_invalid");
    world.is_refused(&world.proxy.send(&with("POST", "/orders", &fresh())), 401, "proof_invalid");
    let other_host = with("GET", "/orders", &holder.proof("GET", "http://other.example/orders", &token));
    world.is_refused(&world.proxy.send(&other_host), 401, "proof_invalid");
    // What a caller says of its own request in headers is not believed.
    let mut forged = with("GET", "/orders/7", &fresh());
    for (name, value) in [
        ("X-Forwarded-Uri", "/orders"),
        ("X-Original-URI", "/orders"),
        ("X-Forwarded-Method", "GET"),
        ("X-Forwarded-Proto", "http"),
    ] {
        forged = forged.header(name, value);
    }
    world.is_refused(&world.proxy.send(&forged), 401, "proof_invalid");
    world.is_refused(&world.proxy.get(&token), 401, "proof_missing");
    let beside = Request::new("GET", "/orders").bearer(&token).header("DPoP", &fresh());
    world.is_refused(&world.proxy.send(&beside), 401, "proof_missing");
    assert_eq!(world.proxy.send(&with("GET", "/orders", &fresh())).status, 200);
    world.passed();
}
