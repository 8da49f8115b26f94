//! What is no request of these endpoints: other methods, other types, too long, or of odd bytes. All of it is told as RFC 6749
//! tells errors.

use super::{ALL, FORM, GRANT, TOKEN, asks, by_body, exchange, id_of, is_error, reporter, sent};
use crate::acme;
use crate::support::client::{Client, Request};
use crate::support::service::Service;

/// A body has at most so many bytes.
const BODY_BYTES: usize = 1024 * 1024;

#[test]
fn any_method_but_post_is_told_of_post() {
    let service = Service::start();
    let anyone = service.anonymous();
    for path in ALL {
        for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
            let answer = anyone.send(&Request::new(method, path).header("Content-Type", FORM));
            assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")), "{method} {path}");
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            if method != "HEAD" {
                is_error(&answer, 405, "invalid_request");
            }
        }
    }
}

#[test]
fn the_body_is_a_form_and_nothing_else() {
    let service = Service::start();
    let root = service.root();
    let client = reporter(&acme(&root));
    let body = by_body("", &id_of(&client), &client.secret, &format!("{GRANT}&token=x")).body;
    let anyone = service.anonymous();
    let typed = |path: &str, media_type: Option<&str>| {
        let request = Request::new("POST", path).body(body.clone());
        anyone.send(&media_type.into_iter().fold(request, |request, own| request.header("Content-Type", own)))
    };
    for path in ALL {
        for media_type in [
            FORM.to_owned(),
            FORM.to_uppercase(),
            format!("{FORM};charset=UTF-8"),
            format!("{FORM}; charset=\"utf-8\""),
        ] {
            typed(path, Some(&media_type)).expect(200);
        }
        for media_type in [
            "application/json",
            "text/plain",
            "multipart/form-data; boundary=x",
            "application/x-www-form-urlencodedx",
            "application/x-www-form-urlencoded; charset=iso-8859-1",
            "*/*",
            "",
        ] {
            is_error(&typed(path, Some(media_type)), 415, "invalid_request");
        }
        is_error(&typed(path, None), 415, "invalid_request");
        let packed = sent(path, GRANT).header("Content-Encoding", "gzip");
        is_error(&anyone.send(&packed), 415, "invalid_request");
        let twice = sent(path, GRANT).header("Content-Type", "application/json");
        is_error(&anyone.send(&twice), 415, "invalid_request");
        let wanted = sent(path, GRANT).header("Accept", "text/html");
        is_error(&anyone.send(&wanted), 406, "invalid_request");
        // A form without a parameter is one, in which nobody shows who asks.
        is_error(&anyone.send(&sent(path, "")), 401, "invalid_client");
    }
}

#[test]
fn a_form_of_odd_bytes_is_refused_and_the_service_goes_on() {
    let service = Service::start();
    let root = service.root();
    let client = reporter(&acme(&root));
    for fields in
        ["x=%zz", "x=%", "x=%4", "%=1", "x=%ff", "x=%c3%28", "x=%00", "x=a%0Ab", "%0d%0a=x", "x=%ed%a0%80"]
    {
        is_error(&exchange(&service, &client, fields), 400, "invalid_request");
    }
    let anyone = service.anonymous();
    for bytes in [
        &b"\xff\xfe"[..],
        b"\x00",
        b"a=\x00",
        b"grant_type=\xc3",
        b"\xed\xa0\x80=x",
        b"a\nb",
        b"\x1f\x8b\x08",
    ] {
        let request = Request::new("POST", TOKEN).header("Content-Type", FORM).body(bytes.to_vec());
        is_error(&anyone.send(&request), 400, "invalid_request");
    }
    exchange(&service, &client, "").expect(200);
}

#[test]
fn a_long_form_is_read_to_its_bound_and_not_beyond() {
    let service = Service::start();
    let root = service.root();
    let client = reporter(&acme(&root));
    let whole = |fields: String| by_body(TOKEN, &id_of(&client), &client.secret, &format!("{GRANT}{fields}"));
    let room = BODY_BYTES - whole(String::new()).body.len();
    let anyone = || service.anonymous();
    // As many names as there is room for, each another one.
    let names: String = (0..room / 7).map(|number| format!("&{number:06x}")).collect();
    anyone().send(&whole(names)).expect(200);
    // Encoded again and again: it is decoded once.
    let deep = format!("&x={}", "%25".repeat((room - 3) / 3));
    anyone().send(&whole(deep)).expect(200);
    anyone().send(&whole(format!("&x={}", "y".repeat(room - 3)))).expect(200);
    let over = Client::new(service.address()).send_raw(&{
        let request = whole(format!("&x={}", "y".repeat(room - 2)));
        let head = Request { headers: request.headers, ..Request::new("POST", TOKEN) };
        let head = head.header("Content-Length", &request.body.len().to_string());
        [head.head_bytes(&service.address()), request.body].concat()
    });
    is_error(&over, 413, "invalid_request");
    for (field, error) in [("scope", "invalid_scope"), ("resource", "invalid_target")] {
        let long = format!("&{field}=https://x.example/{}", "y".repeat(100_000));
        is_error(&anyone().send(&whole(long)), 400, error);
        let many = "+a:b".repeat(50_000);
        is_error(&anyone().send(&whole(format!("&{field}=a:b{many}"))), 400, error);
    }
    let many = "&resource=urn:x".repeat(50_000);
    anyone().send(&whole(many)).expect(200);
    let many: String = (0..40_000).map(|number| format!("&resource=urn:{number}")).collect();
    is_error(&anyone().send(&whole(many)), 400, "invalid_target");
    let grant = asks(&service, TOKEN, &client, &format!("grant_type={}", "x".repeat(100_000)));
    is_error(&grant, 400, "unsupported_grant_type");
}

#[test]
fn beyond_its_bounds_a_head_is_refused_as_anywhere() {
    let service = Service::start();
    let long = sent(TOKEN, GRANT).header("Authorization", &format!("Basic {}", "A".repeat(20_000)));
    let answer = service.anonymous().send(&long);
    assert_eq!(answer.status, 431, "{}", answer.text());
    let long = sent(&format!("{TOKEN}?{}", "x".repeat(12_000)), GRANT);
    assert!([400, 414].contains(&service.anonymous().send(&long).status));
}
