//! What a caller meets on a real socket, the framework's own answers included.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt, web};

use super::body::{JsonBody, Wants};
use super::problem::Problem;
use super::request::Manners;
use super::routes::{self, Routes};
use crate::limits;

/// Longer than any answer takes, so that a test which waits in vain ends.
const PATIENCE: Duration = Duration::from_secs(20);

async fn read() -> HttpResponse {
    HttpResponse::Ok().body("read")
}

async fn write(request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, Problem> {
    let body = JsonBody::read(&request, payload, Wants::Json).await?;
    body.parse()?.decode(|members| members.optional("a", |node| node.boolean()))?;
    Ok(HttpResponse::Ok().body("written"))
}

struct Server {
    address: SocketAddr,
    handle: ServerHandle,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Server {
    fn start() -> Self {
        Self::start_with(PATIENCE, Duration::from_secs(1))
    }

    /// `linger` = how long a connection that is to be closed still swallows what comes.
    fn start_with(head_wait: Duration, linger: Duration) -> Self {
        let (tell, told) = mpsc::channel();
        let thread = thread::spawn(move || {
            rt::System::new().block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0")?;
                let address = listener.local_addr()?;
                let app = || {
                    App::new()
                        .service(Routes::at("/things").get(read).post(write).done())
                        .default_service(web::to(routes::not_found))
                        .wrap(Manners::new(|| [0xab; 16], &[]))
                };
                let server =
                    HttpServer::new(app).workers(1).disable_signals().client_request_timeout(head_wait);
                let server = server.client_disconnect_timeout(linger);
                let server = server.listen(listener)?.run();
                tell.send((address, server.handle())).map_err(io::Error::other)?;
                server.await
            })
        });
        let (address, handle) = told.recv().expect("the server starts");
        Self { address, handle, thread: Some(thread) }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket's option");
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket's option");
        stream
    }

    /// Sends all of it, and reads until the server closes.
    fn exchange(&self, request: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(request).expect("the server reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("the server answers and closes");
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The command is on its way once the future is made; the thread ends by it.
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

fn get(headers: &str) -> String {
    format!("GET /things HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}\r\n")
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

fn is_problem(answer: &str, code: &str) -> bool {
    body(answer).contains(&format!("\"code\":\"{code}\""))
}

#[test]
fn a_bearer_over_the_limit_of_the_head_is_431() {
    let server = Server::start();
    for length in [limits::HEAD_BYTES, 100_000] {
        let answer =
            server.exchange(get(&format!("Authorization: Bearer {}\r\n", "k".repeat(length))).as_bytes());
        assert_eq!(status(&answer), "431");
        assert!(is_problem(&answer, "headers_too_large"), "{answer}");
        assert!(answer.contains("x-request-id: abab"), "{answer}");
    }
    let fits = server.exchange(get(&format!("Authorization: Bearer {}\r\n", "k".repeat(1000))).as_bytes());
    assert_eq!((status(&fits), body(&fits)), ("200", "read"));
}

/// The framework's own limits lie in front of every middleware: its answers are right in status and have no body.
#[test]
fn what_the_framework_cannot_parse_gets_a_bare_answer() {
    let server = Server::start();
    let many: String = (0..97).map(|n| format!("x-{n}: 1\r\n")).collect();
    let cases = [
        ("over 96 headers", get(&many), "431"),
        ("a head that never ends", format!("GET / HTTP/1.1\r\nx: {}", "k".repeat(131_072 - 19)), "431"),
        ("a URL over 64 KiB", format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "k".repeat(65_536)), "400"),
        ("no HTTP", "nonsense\r\n\r\n".to_owned(), "400"),
        ("no Host", "GET /things HTTP/1.1\r\n\r\n".to_owned(), "400"),
        ("two lengths", get("Content-Length: 1\r\nContent-Length: 1\r\n"), "400"),
        (
            "smuggling",
            "POST /things HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                .to_owned(),
            "400",
        ),
    ];
    for (name, request, expected) in cases {
        let answer = server.exchange(request.as_bytes());
        assert_eq!((status(&answer), body(&answer)), (expected, ""), "{name}: {answer}");
    }
}

#[test]
fn a_long_url_is_414() {
    let server = Server::start();
    for length in [limits::URL_BYTES, 60_000] {
        let request = format!("GET /{} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "k".repeat(length));
        let answer = server.exchange(request.as_bytes());
        assert_eq!(status(&answer), "414");
        assert!(is_problem(&answer, "uri_too_long"), "{answer}");
    }
}

#[test]
fn a_body_announced_too_long_is_413_before_it_is_sent() {
    let server = Server::start();
    let head =
        "POST /things HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 10485760\r\n";
    let mut stream = server.connect();
    stream.write_all(format!("{head}\r\n").as_bytes()).expect("the server reads");
    stream.shutdown(std::net::Shutdown::Write).expect("half closed");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the server answers and closes");
    assert_eq!(status(&answer), "413");
    assert!(is_problem(&answer, "too_large") && answer.contains("connection: close"), "{answer}");
}

/// The framework's answer again, and so without a body.
#[test]
fn a_head_that_does_not_come_is_408() {
    let server = Server::start_with(Duration::from_millis(1), PATIENCE);
    let answer = server.exchange(b"GET /things HTTP/1.1\r\nHost:");
    assert_eq!((status(&answer), body(&answer)), ("408", ""));
}

#[test]
fn who_sends_ten_mebibytes_before_reading_gets_the_answer_too() {
    let server = Server::start();
    let head = "POST /things HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 10485760\r\n\r\n";
    let answer = server.exchange(format!("{head}{}", " ".repeat(10 * limits::BODY_BYTES)).as_bytes());
    assert_eq!(status(&answer), "413");
    assert!(is_problem(&answer, "too_large"), "{answer}");
}

/// Whether the body is read, refused by its type, or meets no route at all.
#[test]
fn an_endless_chunked_body_is_cut_off() {
    const CHUNKS: usize = 4096;
    let server = Server::start_with(PATIENCE, Duration::from_millis(50));
    for target in
        ["/things HTTP/1.1\r\nContent-Type: application/json", "/things HTTP/1.1", "/nowhere HTTP/1.1"]
    {
        let mut stream = server.connect();
        let head = format!("POST {target}\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("the server reads");
        let chunk = format!("100000\r\n{}\r\n", " ".repeat(0x10_0000));
        let sent = (0..CHUNKS).take_while(|_| stream.write_all(chunk.as_bytes()).is_ok()).count();
        assert!(sent < CHUNKS, "{target}: the server took {CHUNKS} chunks of 1 MiB");
    }
}

/// The answer is on its way before the body has ended.
#[test]
fn a_chunked_body_over_the_limit_is_413() {
    let server = Server::start();
    let head = "POST /things HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("{:x}\r\n{}\r\n", limits::BODY_BYTES + 1, " ".repeat(limits::BODY_BYTES + 1));
    let answer = server.exchange(format!("{head}{chunk}").as_bytes());
    assert_eq!(status(&answer), "413");
    assert!(is_problem(&answer, "too_large"), "{answer}");
}

#[test]
fn a_chunked_body_that_was_read_keeps_the_connection() {
    let server = Server::start();
    let head = "POST /things HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = server.exchange(format!("{head}1\r\n{{\r\n1\r\n}}\r\n0\r\n\r\n{}", get("")).as_bytes());
    let statuses: Vec<&str> = answer.split("HTTP/1.1 ").skip(1).map(|rest| &rest[..3]).collect();
    assert_eq!(statuses, ["200", "200"], "{answer}");
}

#[test]
fn a_bad_request_in_a_pipeline_stops_it_and_spoils_no_earlier_answer() {
    let server = Server::start();
    let good = "GET /things HTTP/1.1\r\nHost: a\r\n\r\n";
    let answer = server.exchange(format!("{good}{good}nonsense\r\n\r\n{good}").as_bytes());
    let statuses: Vec<&str> = answer.split("HTTP/1.1 ").skip(1).map(|rest| &rest[..3]).collect();
    assert_eq!(statuses, ["200", "200", "400"], "{answer}");
}

#[test]
fn a_refused_body_does_not_become_the_next_request() {
    let server = Server::start();
    let hidden = "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n";
    let request = format!(
        "POST /things HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{hidden}{}",
        hidden.len(),
        get("")
    );
    let answer = server.exchange(request.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 415") && !answer.contains("HTTP/1.1 404"), "{answer}");
}

#[test]
fn head_has_the_headers_of_get_and_no_body() {
    let server = Server::start();
    let answer = server.exchange(get("").replacen("GET", "HEAD", 1).as_bytes());
    assert_eq!((status(&answer), body(&answer)), ("200", ""));
    assert!(answer.contains("content-length: 4"), "{answer}");
    let options = server.exchange(get("").replacen("GET", "OPTIONS", 1).as_bytes());
    assert_eq!(status(&options), "405");
    assert!(
        options.contains("allow: GET, HEAD, POST") && is_problem(&options, "method_not_allowed"),
        "{options}"
    );
}

#[test]
fn an_expected_continue_comes_before_the_answer() {
    let server = Server::start();
    let request = "POST /things HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
    let answer = server.exchange(request.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200"), "{answer}");
}
