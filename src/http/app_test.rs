//! The manners together, in an application.

use std::cell::RefCell;
use std::sync::Once;

use actix_web::dev::{Service as _, ServiceResponse};
use actix_web::http::{Method, StatusCode, header};
use actix_web::test::{TestRequest, call_service, init_service, read_body, read_body_json};
use actix_web::{App, HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::body::{JsonBody, Wants};
use super::problem::{Code, Problem};
use super::request::{Manners, RequestContext};
use super::routes::{self, Routes};
use crate::db::{Breach, DbError};
use crate::ledger::proposal::CommitError;
use crate::limits;

async fn read(context: RequestContext) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "request_id": context.request_id.as_str() }))
}

async fn write(request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, Problem> {
    let body = JsonBody::read(&request, payload, Wants::Json).await?;
    let name =
        body.parse()?.decode(|members| members.required("name", |node| node.text().map(str::to_owned)))?;
    Ok(HttpResponse::Created()
        .insert_header((header::CACHE_CONTROL, "max-age=1"))
        .json(json!({ "name": name })))
}

async fn rotate(request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, Problem> {
    let body = JsonBody::read(&request, payload, Wants::JsonOrNothing).await?;
    let grace = body.parse()?.decode(|members| members.optional("grace", |node| node.integer(0..=1)))?;
    Ok(HttpResponse::Ok().json(grace))
}

async fn fail(code: web::Path<String>) -> Result<HttpResponse, Problem> {
    Err(match code.as_str() {
        "internal" => Problem::internal("canary: the disk is gone"),
        "unauthorized" => Problem::credential_missing(),
        "refused" => Problem::credential_refused("revoked", "it was revoked"),
        "bare" => Problem::new(Code::Unauthorized, "no"),
        "scope" => Problem::insufficient_scope(vec!["a".to_owned(), "b:c".to_owned()]),
        "limited" => Problem::rate_limited(7, "slower"),
        "behind" => Problem::retry_later(Code::Behind, 1, "not yet"),
        _ => Problem::not_found(),
    })
}

async fn number(number: web::Path<u32>) -> String {
    number.to_string()
}

async fn answer(request: TestRequest) -> ServiceResponse {
    let app = App::new()
        .service(Routes::at("/things").get(read).post(write).done())
        .service(Routes::at("/things/rotate").post(rotate).done())
        .service(Routes::at("/fail/{code}").get(fail).done())
        .service(Routes::at("/any").any(read).done())
        .service(Routes::at("/number/{number}").get(number).done())
        .service(
            Routes::at("/export")
                .on(Method::GET, &["application/x-ndjson", "text/csv"], routes::not_found)
                .done(),
        )
        .default_service(web::to(routes::not_found))
        .wrap(Manners::new(|| [0xab; 16], &[]));
    let app = init_service(app).await;
    call_service(&app, request.to_request()).await
}

fn header_of<'a>(answer: &'a ServiceResponse, name: &str) -> Option<&'a str> {
    answer.headers().get(name).and_then(|value| value.to_str().ok())
}

async fn problem_of(answer: ServiceResponse) -> Value {
    assert_eq!(header_of(&answer, "content-type"), Some("application/problem+json"));
    assert_eq!(header_of(&answer, "cache-control"), Some("no-store"));
    read_body_json(answer).await
}

#[actix_web::test]
async fn every_answer_carries_its_request_id() {
    let minted = "ab".repeat(16);
    for (sent, echoed) in [(Some("mine-1"), "mine-1"), (Some("not mine"), &minted), (None, &minted)] {
        for path in ["/things", "/nowhere", "/fail/internal"] {
            let mut request = TestRequest::get().uri(path);
            if let Some(sent) = sent {
                request = request.insert_header(("x-request-id", sent));
            }
            let answer = answer(request).await;
            assert_eq!(header_of(&answer, "x-request-id"), Some(echoed), "{path}");
            assert_eq!(header_of(&answer, "x-content-type-options"), Some("nosniff"), "{path}");
            let body: Value = read_body_json(answer).await;
            assert_eq!(body["request_id"], echoed, "{path}");
        }
    }
}

#[actix_web::test]
async fn an_answer_is_stored_nowhere_unless_it_says_so() {
    let silent = answer(TestRequest::get().uri("/things")).await;
    assert_eq!(header_of(&silent, "cache-control"), Some("no-store"));
    let json = TestRequest::post().uri("/things").set_json(json!({ "name": "a" }));
    let spoken = answer(json).await;
    assert_eq!(
        (spoken.status(), header_of(&spoken, "cache-control")),
        (StatusCode::CREATED, Some("max-age=1"))
    );
}

#[actix_web::test]
async fn a_problem_is_whole() {
    let body = problem_of(answer(TestRequest::get().uri("/fail/refused")).await).await;
    let expected = json!({
        "type": "/docs/problems#unauthorized", "title": "The credential is not accepted", "status": 401,
        "detail": "it was revoked", "code": "unauthorized", "reason": "revoked", "request_id": "ab".repeat(16),
    });
    assert_eq!(body, expected);
    let scope = problem_of(answer(TestRequest::get().uri("/fail/scope")).await).await;
    assert_eq!(
        (&scope["reason"], &scope["missing_scopes"]),
        (&json!("insufficient_scope"), &json!(["a", "b:c"]))
    );
}

#[actix_web::test]
async fn a_problem_brings_the_headers_of_its_status() {
    const REALM: &str = "Bearer realm=\"credledger\"";
    let cases = [
        ("/fail/unauthorized", 401, "www-authenticate", REALM.to_owned()),
        ("/fail/bare", 401, "www-authenticate", REALM.to_owned()),
        ("/fail/refused", 401, "www-authenticate", format!("{REALM}, error=\"invalid_token\"")),
        (
            "/fail/scope",
            403,
            "www-authenticate",
            format!("{REALM}, error=\"insufficient_scope\", scope=\"a b:c\""),
        ),
        ("/fail/limited", 429, "retry-after", "7".to_owned()),
        ("/fail/behind", 503, "retry-after", "1".to_owned()),
    ];
    for (path, status, name, value) in cases {
        let answer = answer(TestRequest::get().uri(path)).await;
        assert_eq!(answer.status().as_u16(), status, "{path}");
        assert_eq!(header_of(&answer, name), Some(value.as_str()), "{path}");
        assert_eq!(answer.headers().get_all(name).count(), 1, "{path}");
    }
}

#[actix_web::test]
async fn an_internal_cause_never_leaves() {
    let answer = answer(TestRequest::get().uri("/fail/internal")).await;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let text = String::from_utf8(read_body(answer).await.to_vec()).expect("UTF-8");
    assert!(text.contains("\"code\":\"internal\"") && !text.contains("canary"), "{text}");
}

thread_local! {
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct ThisThread;

impl std::io::Write for ThisThread {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LINES.with_borrow_mut(|lines| lines.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What the log got while one request was served. One subscriber for the whole process, one buffer for each thread: a
/// subscriber of one thread alone misses what another thread's first use has switched off.
async fn logged(request: TestRequest) -> String {
    static SUBSCRIBER: Once = Once::new();
    SUBSCRIBER.call_once(|| {
        let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_ansi(false);
        let subscriber = subscriber.with_writer(|| ThisThread).finish();
        tracing::subscriber::set_global_default(subscriber).expect("no other test sets one");
    });
    LINES.take();
    answer(request).await;
    let text = String::from_utf8(LINES.take()).expect("UTF-8");
    text.lines().filter(|line| line.contains(" http: ")).map(|line| format!("{line}\n")).collect()
}

#[actix_web::test]
async fn the_log_has_one_line_a_request_and_nothing_of_its_url() {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let request = TestRequest::get().uri("/number/7?canary=1").insert_header(("traceparent", trace));
    let line = logged(request.insert_header(("authorization", "Bearer canary"))).await;
    assert_eq!(line.lines().count(), 1, "{line}");
    for part in
        ["DEBUG", "method=\"GET\"", "route=\"/number/{number}\"", "status=200", "trace_id=\"4bf92f3577b34da6"]
    {
        assert!(line.contains(part), "{part} in {line}");
    }
    assert!(!line.contains("canary"), "{line}");
    let write = logged(TestRequest::post().uri("/nowhere/canary")).await;
    assert!(write.contains("INFO") && write.contains("status=404") && !write.contains("canary"), "{write}");
}

#[actix_web::test]
async fn an_internal_cause_is_logged_once_under_the_request_id() {
    let lines =
        logged(TestRequest::get().uri("/fail/internal").insert_header(("x-request-id", "mine"))).await;
    let told: Vec<&str> = lines.lines().filter(|line| line.contains("the disk is gone")).collect();
    assert_eq!(told.len(), 1, "{lines}");
    assert!(told[0].contains("ERROR") && told[0].contains("request_id=\"mine\""), "{lines}");
}

#[actix_web::test]
async fn a_middleware_that_gives_up_still_answers_a_whole_problem() {
    let app = App::new()
        .wrap_fn(|_, _| std::future::ready(Err::<ServiceResponse, _>(Problem::credential_missing().into())))
        .wrap(Manners::new(|| [0xab; 16], &[]));
    let app = init_service(app).await;
    let Err(error) = app.call(TestRequest::get().to_request()).await else {
        panic!("an error goes out");
    };
    let response = error.error_response();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert!(response.headers().contains_key("x-request-id"));
    let body = actix_web::body::to_bytes(response.into_body()).await.expect("a body");
    assert!(String::from_utf8_lossy(&body).contains("\"request_id\":\"abab"), "{body:?}");
}

#[actix_web::test]
async fn what_is_no_route_and_no_method_is_a_problem() {
    let cases = [
        (Method::GET, "/nowhere", 404, None),
        (Method::GET, "/number/x", 404, None),
        (Method::DELETE, "/things", 405, Some("GET, HEAD, POST")),
        (Method::OPTIONS, "/things", 405, Some("GET, HEAD, POST")),
        (Method::TRACE, "/things", 405, Some("GET, HEAD, POST")),
        (Method::GET, "/things/rotate", 405, Some("POST")),
        (Method::HEAD, "/things/rotate", 405, Some("POST")),
        (Method::HEAD, "/things", 200, None),
    ];
    for (method, path, status, allow) in cases {
        let answer = answer(TestRequest::default().method(method.clone()).uri(path)).await;
        assert_eq!(answer.status().as_u16(), status, "{method} {path}");
        assert_eq!(header_of(&answer, "allow"), allow, "{method} {path}");
        if status != 200 {
            assert_eq!(problem_of(answer).await["status"], status, "{method} {path}");
        }
    }
}

#[actix_web::test]
async fn a_form_that_is_not_offered_is_406() {
    let get = |path: &str, accept: &'static str| {
        TestRequest::get().uri(path).insert_header((header::ACCEPT, accept))
    };
    assert_eq!(answer(get("/things", "*/*")).await.status(), StatusCode::OK);
    let refused = problem_of(answer(get("/things", "text/html")).await).await;
    assert_eq!(refused["code"], "not_acceptable");
    let refused = problem_of(answer(get("/export", "application/json")).await).await;
    assert_eq!(refused["detail"], "this route offers application/x-ndjson, text/csv");
}

#[actix_web::test]
async fn a_route_for_any_method_refuses_none() {
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::OPTIONS, Method::TRACE] {
        let request = TestRequest::default().method(method.clone()).uri("/any");
        let answer = answer(request.insert_header((header::ACCEPT, "text/html"))).await;
        assert_eq!(answer.status(), StatusCode::OK, "{method}");
    }
}

#[actix_web::test]
async fn long_urls_and_long_heads_are_refused() {
    let path = |length: usize| format!("/things?{}", "x".repeat(length - "/things?".len()));
    let cases = [
        (path(limits::URL_BYTES), 0, 200, None),
        (path(limits::URL_BYTES + 1), 0, 414, Some("uri_too_long")),
        ("/things".to_owned(), limits::HEAD_BYTES - 100, 200, None),
        ("/things".to_owned(), limits::HEAD_BYTES, 431, Some("headers_too_large")),
    ];
    for (path, filler, status, code) in cases {
        let request = TestRequest::get().uri(&path).insert_header(("x-filler", "x".repeat(filler)));
        let answer = answer(request).await;
        assert_eq!(answer.status().as_u16(), status);
        let body: Value = read_body_json(answer).await;
        assert_eq!(body["code"].as_str(), code);
    }
}

#[actix_web::test]
async fn a_bad_body_is_told_with_every_pointer() {
    let post = |path: &str, body: &'static str| {
        TestRequest::post()
            .uri(path)
            .insert_header((header::CONTENT_TYPE, "application/json"))
            .set_payload(body)
    };
    let body = problem_of(answer(post("/things", r#"{"nam":1,"x":2}"#)).await).await;
    let expected = json!([
        { "pointer": "/name", "detail": "this member is required" },
        { "pointer": "/nam", "detail": "there is no such member here" },
        { "pointer": "/x", "detail": "there is no such member here" },
    ]);
    assert_eq!((&body["status"], &body["errors"]), (&json!(400), &expected));
    let cases = [
        (post("/things", "{").uri("/things"), 400),
        (post("/things", ""), 400),
        // Nothing at all: what is missing are members.
        (TestRequest::post().uri("/things"), 400),
        (TestRequest::post().uri("/things").set_payload("{}"), 415),
        (TestRequest::post().uri("/things").set_payload("{}"), 415),
        (TestRequest::post().uri("/things/rotate"), 200),
        (TestRequest::post().uri("/things/rotate").set_payload("{}"), 415),
        (post("/things/rotate", r#"{"grace":1}"#), 200),
        (post("/things/rotate", r#"{"grace":2}"#), 400),
        (post("/things", "").set_payload(vec![b' '; limits::BODY_BYTES + 1]), 413),
    ];
    for (index, (request, status)) in cases.into_iter().enumerate() {
        assert_eq!(answer(request).await.status().as_u16(), status, "case {index}");
    }
}

#[test]
fn only_a_database_that_may_answer_next_time_is_asked_again() {
    let again: [fn() -> DbError; 5] = [
        || DbError::Unavailable("refused".into()),
        || DbError::Full("no space left".into()),
        || DbError::OutcomeUnknown("closed".into()),
        || DbError::TryAgain("deadlock".into()),
        || DbError::Cancelled("timeout".into()),
    ];
    let never: [fn() -> DbError; 6] = [
        || DbError::Conflict { constraint: None, cause: "twice".into() },
        || DbError::Forbidden("no privilege".into()),
        || DbError::Breach(Breach::MalformedBatch, "CL002".into()),
        || DbError::Rejected { state: "22021".to_owned(), cause: "invalid byte sequence".into() },
        || DbError::Unreadable("a column".into()),
        || DbError::Unfit("fsync is off".to_owned()),
    ];
    for error in again {
        assert_eq!(Problem::from(error()).code(), Code::Unavailable, "{}", error());
    }
    for full in [Problem::from(DbError::Full("no space left".into())), CommitError::Full.into()] {
        assert!(full.detail().contains("the database's disk is full"), "{full}");
    }
    for error in never {
        assert_eq!(Problem::from(error()).code(), Code::Internal, "{}", error());
    }
}
