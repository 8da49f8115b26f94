//! Methods, types and sizes that a route does not take.

use serde_json::json;

use crate::support::client::{Client, Request};
use crate::support::service::{Service, text};
use crate::{acme, without_an_event};

#[test]
fn a_method_that_a_path_does_not_have_is_405_with_those_that_it_has() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let key = tenant.mint("k");
    let cases = [
        ("PUT", tenant.path(), "GET, HEAD, PATCH"),
        ("DELETE", tenant.path(), "GET, HEAD, PATCH"),
        ("POST", key.path.clone(), "GET, HEAD, PATCH, DELETE"),
        ("GET", format!("{}/rotate", key.path), "POST"),
        ("OPTIONS", format!("{}/history", key.path), "GET, HEAD"),
        ("POST", "/healthz".to_owned(), "GET, HEAD"),
    ];
    for (method, path, allow) in cases {
        let answer = root.send(&root.request(method, &path));
        answer.problem(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
    }
    let head = root.send(&root.request("HEAD", &key.path));
    assert_eq!((head.status, head.header("etag"), head.body.len()), (200, Some("\"1\""), 0));
}

#[test]
fn who_accepts_no_json_is_406_before_anything_is_done() {
    let service = Service::start();
    let root = service.root();
    let path = acme(&root).path();
    let (keys, members) = (format!("{path}/keys"), format!("{path}/members"));
    without_an_event(&root, || {
        for accept in ["text/html", "application/xml;q=1", "application/json;q=0", "text/*"] {
            let mint = root.request("POST", &keys).json(&json!({"name": "k"})).header("Accept", accept);
            root.send(&mint).problem(406, "not_acceptable");
            root.send(&root.request("GET", &members).header("Accept", accept)).problem(406, "not_acceptable");
        }
    });
    for accept in ["*/*", "application/*", "application/json", "text/html, */*;q=0.1"] {
        for list in [&keys, &members] {
            root.send(&root.request("GET", list).header("Accept", accept)).expect(200);
        }
    }
}

#[test]
fn a_body_of_another_type_is_415() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let key = tenant.mint("k");
    let keys = format!("{}/keys", tenant.path());
    let send = |method: &str, path: &str, types: &[(&str, &str)]| {
        let request = root.request(method, path).body(br#"{"name":"k"}"#.to_vec());
        root.send(&types.iter().fold(request, |request, (name, value)| request.header(name, value)))
    };
    let refused: &[&[(&str, &str)]] = &[
        &[],
        &[("Content-Type", "text/plain")],
        &[("Content-Type", "application/jsonp")],
        &[("Content-Type", "application/json; charset=latin1")],
        &[("Content-Type", "application/x-www-form-urlencoded")],
        &[("Content-Type", "application/json"), ("Content-Type", "text/plain")],
        &[("Content-Type", "application/json"), ("Content-Encoding", "gzip")],
    ];
    without_an_event(&root, || {
        for types in refused {
            send("POST", &keys, types).problem(415, "unsupported_media_type");
            send("PATCH", &key.path, types).problem(415, "unsupported_media_type");
        }
        let patch = &[("Content-Type", "application/merge-patch+json")];
        send("POST", &keys, patch).problem(415, "unsupported_media_type");
        let json_patch = send("PATCH", &key.path, &[("Content-Type", "application/json-patch+json")]);
        json_patch.problem(415, "unsupported_media_type");
        assert_eq!(json_patch.header("accept-patch"), Some("application/merge-patch+json, application/json"));
    });
    send("POST", &keys, &[("Content-Type", "Application/JSON; charset=UTF-8")]).expect(201);
    send("PATCH", &key.path, &[("Content-Type", "application/merge-patch+json")]).expect(200);
}

#[test]
fn where_no_member_is_needed_no_body_and_no_type_are() {
    let service = Service::start();
    let root = service.root();
    let key = acme(&root).mint("k");
    for (rest, status) in [("/suspend", 200), ("/resume", 200), ("/rotate", 201)] {
        root.send(&root.request("POST", &format!("{}{rest}", key.path))).expect(status);
    }
    root.send(&root.request("DELETE", &key.path)).expect(200);
    // Where one is needed, it is named.
    for (path, member) in
        [(format!("{}/revoke", key.path), "/reason"), ("/api/admin/v1/tenants".to_owned(), "/name")]
    {
        let problem = root.send(&root.request("POST", &path)).problem(400, "invalid_request");
        assert_eq!(problem["errors"][0]["pointer"], member, "{problem}");
    }
    // But a body that is there is read like any other.
    let untyped = root.request("POST", &format!("{}/rotate", key.path)).body(b"{}".to_vec());
    root.send(&untyped).problem(415, "unsupported_media_type");
}

#[test]
fn what_is_too_long_is_told_by_what_it_is() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let keys = format!("{}/keys", tenant.path());
    root.get(&format!("{keys}?q={}", "x".repeat(8 * 1024))).problem(414, "uri_too_long");
    root.get(&format!("{keys}?name={}", "x".repeat(4000))).problem(400, "invalid_request");
    let heavy = root.request("GET", &keys).header("X-Padding", &"x".repeat(16 * 1024));
    root.send(&heavy).problem(431, "headers_too_large");
    let just_fits = root.request("GET", &keys).header("X-Padding", &"x".repeat(15 * 1024));
    root.send(&just_fits).expect(200);

    let body = |bytes: usize| {
        let frame = json!({"name": "k", "metadata": {"long": ""}}).to_string().len();
        let text = json!({"name": "k", "metadata": {"long": "x".repeat(bytes - frame)}}).to_string();
        assert_eq!(text.len(), bytes);
        root.request("POST", &keys).header("Content-Type", "application/json").body(text.into())
    };
    without_an_event(&root, || {
        // At its bound a body is read, and judged; over it, it is not.
        root.send(&body(1024 * 1024)).problem(400, "invalid_request");
        root.send(&body(1024 * 1024 + 1)).problem(413, "too_large");
    });
}

#[test]
fn a_request_id_of_another_form_is_replaced() {
    let service = Service::start();
    let anyone = service.anonymous();
    for (sent, kept) in [
        ("a.b_c-1", true),
        (&*"x".repeat(128), true),
        (&*"x".repeat(129), false),
        ("a b", false),
        ("é", false),
    ] {
        let request = Request::new("GET", "/healthz").header("X-Request-Id", sent);
        let answer = Client::new(service.address()).send(&request);
        let echoed = answer.header("x-request-id").expect("always there");
        assert_eq!(echoed == sent, kept, "{sent}: {echoed}");
        assert!(
            echoed.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)),
            "{echoed}"
        );
    }
    // What is a secret's text is nobody's name of a request: it would stand in the log, and in events.
    let root = service.root();
    let tenant = acme(&root);
    let key = tenant.mint("k").secret;
    for secret in [key.as_str(), root.token.as_deref().expect("a token")] {
        let request = root.request("POST", &format!("{}/keys", tenant.path())).json(&json!({"name": "k"}));
        let answer = root.send(&request.header("X-Request-Id", secret));
        let made = answer.expect(201);
        assert_ne!(answer.header("x-request-id"), Some(secret));
        let history = format!("{}/keys/{}/history", tenant.path(), text(&made["key"]["id"]));
        assert!(!root.get(&history).text().contains(secret));
        assert!(!service.log().contains(secret));
    }
    assert_ne!(anyone.get("/healthz").header("x-request-id"), anyone.get("/healthz").header("x-request-id"));
}
