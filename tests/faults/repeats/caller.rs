//! A caller whose connections break, and who sends its request again until it has an answer.

use std::io::{Read, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::random::Random;
use crate::support::client::{Client, Request, Response};

/// Long beyond any bound that the service promises.
const HANG: Duration = Duration::from_secs(60);
/// How often it may go on to no avail; a service that never answers is found out by it.
const ATTEMPTS: usize = 5_000;
/// Of an answer, at most, before it hangs up: into its head, or into its body.
const SEEN_BYTES: u64 = 1_200;

const BEFORE_IT_WAS_WHOLE: &str = "before the request was whole";
const BEFORE_THE_ANSWER: &str = "before the answer";
const IN_THE_ANSWER: &str = "in the answer";

/// What it was told in the end, the same twice.
pub struct Answered {
    pub body: Value,
    /// how it hung up before
    pub broken: Vec<&'static str>,
    /// the first answer that it got whole was one that had been given before
    pub replayed: bool,
}

pub fn insist(address: SocketAddr, request: &Request, mut random: Random) -> Answered {
    let (mut broken, mut seen) = (Vec::new(), Vec::new());
    let first = (0..ATTEMPTS).find_map(|_| {
        // Twice out of three times it hangs up.
        if !random.one_in(3) {
            let (how, part) = hang_up(address, request, &mut random);
            broken.push(how);
            seen.extend(part);
            return None;
        }
        Client::new(address).try_send(request).ok().filter(is_final)
    });
    let first = first.unwrap_or_else(|| panic!("{} {} got no answer", request.method, request.path));
    assert!(matches!(first.status, 200 | 201), "{} {}: {}", request.method, request.path, first.text());
    let again = (0..ATTEMPTS).find_map(|_| Client::new(address).try_send(request).ok().filter(is_final));
    let again = again.expect("an answer");
    assert_eq!((again.status, &again.body), (first.status, &first.body), "{}", request.path);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    for header in ["location", "etag"] {
        assert_eq!(again.header(header), first.header(header), "{header}");
    }
    seen.iter().for_each(|part| is_part_of(part, &first));
    Answered { body: first.json(), broken, replayed: first.header("idempotency-replayed").is_some() }
}

/// "Ask again" is no answer, and neither is that nobody knows, or that this node can't yet show that it enforces it.
fn is_final(answer: &Response) -> bool {
    match answer.status {
        202 | 503 => false,
        409 => answer.json()["code"] != "idempotency_in_progress",
        _ => true,
    }
}

/// How it hung up, and what it had seen of an answer.
fn hang_up(address: SocketAddr, request: &Request, random: &mut Random) -> (&'static str, Option<Vec<u8>>) {
    let bytes = bytes(address, request);
    let mut connection = TcpStream::connect_timeout(&address, HANG).expect("a connection");
    connection.set_read_timeout(Some(HANG)).expect("a time-out");
    match random.below(3) {
        0 => {
            let length = 1 + random.below(bytes.len() as u64 - 1) as usize;
            // A service that is stopping for lack of its database may close first.
            let _ = connection.write_all(&bytes[..length]);
            (BEFORE_IT_WAS_WHOLE, None)
        }
        1 => {
            let _ = connection.write_all(&bytes);
            if random.one_in(2) {
                let _ = connection.shutdown(Shutdown::Both);
            }
            (BEFORE_THE_ANSWER, None)
        }
        _ => {
            let mut part = Vec::new();
            let _ = connection.write_all(&bytes);
            let _ = connection.take(1 + random.below(SEEN_BYTES)).read_to_end(&mut part);
            (IN_THE_ANSWER, Some(part))
        }
    }
}

fn bytes(address: SocketAddr, request: &Request) -> Vec<u8> {
    // Read to its end, an answer of which too much was asked for is whole, and the connection closed.
    let request = request
        .clone()
        .header("Content-Length", &request.body.len().to_string())
        .header("Connection", "close");
    [request.head_bytes(&address), request.body].concat()
}

/// What was seen of an answer that was given is the beginning of the one answer there is.
fn is_part_of(part: &[u8], whole: &Response) {
    let text = String::from_utf8_lossy(part);
    let given = text.starts_with("HTTP/1.1 200") || text.starts_with("HTTP/1.1 201");
    let Some(head) = part.windows(4).position(|end| end == b"\r\n\r\n").filter(|_| given) else { return };
    assert!(text.starts_with(&format!("HTTP/1.1 {}", whole.status)), "{text}");
    let body = &part[head + 4..];
    assert!(whole.body.starts_with(body), "{text} is no part of {}", whole.text());
}
