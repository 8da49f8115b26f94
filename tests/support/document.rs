//! Every answer that an actor gets is held against the API document: one that the document does not promise fails the test,
//! whatever the test is about.

use std::sync::OnceLock;

use credledger::http::openapi;

use super::client::{Request, Response};
use super::json_schema::Validator;

/// The document, as the service serves it but for its own address.
pub fn api() -> &'static Validator {
    static API: OnceLock<Validator> = OnceLock::new();
    API.get_or_init(|| {
        let document = openapi::document("http://127.0.0.1:8080");
        Validator::new(serde_json::from_slice(&document).expect("the document is JSON"))
    })
}

#[track_caller]
pub fn holds(request: &Request, answer: &Response) {
    let (method, status) = (documented_method(request), answer.status);
    let operations: Vec<_> = api().operations(&request.path).collect();
    let Some((_, own)) = operations.iter().find(|(each, _)| each.eq_ignore_ascii_case(method)) else {
        // Beside the document there is nothing: the path is none, or has no such method.
        let expected: &[u16] =
            if operations.is_empty() { &[401, 404, 414, 431] } else { &[401, 405, 414, 431] };
        return assert!(expected.contains(&status), "{} {} answers {status}", request.method, request.path);
    };
    let header = |name: &str| answer.header(name).map(str::to_owned);
    let outcome = match request.method.as_str() {
        "HEAD" => own.response(status).check_headers(header),
        _ => own.response(status).check(header, &answer.body),
    };
    let shown = String::from_utf8_lossy(&request.body);
    assert_eq!(outcome, Ok(()), "{} {} {shown} → {status} {}", request.method, request.path, answer.text());
}

/// HEAD is GET's, and forward-auth takes any method as GET.
fn documented_method(request: &Request) -> &str {
    let any = request.path.split('?').next() == Some("/api/v1/authorize");
    if any || request.method == "HEAD" { "GET" } else { &request.method }
}
