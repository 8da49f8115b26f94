//! What a proxy asks, and what it makes of any answer: with an authority of the tests' own in the service's place.

use crate::front::{Front, Make};
use crate::peer::{Peer, Seen};
use crate::support::client::{Client, Request};
use crate::world::with_answer;

const ACCEPTED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Credential-Id: someone\r\n\r\n";
const CALLERS: usize = 24;
const CALLS: usize = 200;
/// With the answer to the key below, which is RFC 6455's example.
const UPGRADED: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
                        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
/// Far more than the connections that any proxy keeps, one for each of its threads.
const QUESTIONS: usize = 60;

pub fn the_question_holds_the_credential_and_the_address_of_the_caller_and_no_body(make: &Make) {
    let world = with_answer(make, ACCEPTED);
    let mut request = Request::new("POST", "/orders?scope=none").bearer("a-key").body(vec![b'x'; 100_000]);
    for (name, value) in [
        ("Cookie", "session=1"),
        ("Connection", "upgrade"),
        ("Upgrade", "websocket"),
        ("Expect", "100-continue"),
        ("X-Forwarded-For", "203.0.113.7"),
        ("X-Forwarded-Uri", "/elsewhere"),
        ("X-Forwarded-Method", "PUT"),
        ("X-Credential-Id", "forged"),
    ] {
        request = request.header(name, value);
    }
    assert_eq!(world.proxy.send(&request).status, 200);
    let asked = the_one(world.authority.take());
    assert!(asked.path.starts_with("/api/v1/authorize?"), "{asked:?}");
    assert!(asked.path.ends_with("scope=orders:read"), "{asked:?}");
    for (name, value) in [("authorization", "Bearer a-key"), ("x-forwarded-for", "127.0.0.1")] {
        assert_eq!(asked.header(name), Some(value), "{name}");
    }
    for (name, claimed) in [("x-forwarded-uri", "/elsewhere"), ("x-forwarded-method", "PUT")] {
        assert_ne!(asked.header(name), Some(claimed), "{name}");
    }
    assert_eq!(asked.body_bytes, 0);
    let of_the_caller =
        ["cookie", "upgrade", "expect", "content-length", "transfer-encoding", "x-credential-id"];
    for name in of_the_caller {
        assert_eq!(asked.header(name), None, "{name}");
    }
    let seen = world.passed();
    assert_eq!((seen.path.as_str(), seen.body_bytes), ("/orders?scope=none", 100_000));
    assert_eq!((seen.header("x-credential-id"), seen.header("authorization")), (Some("someone"), None));
}

#[track_caller]
fn the_one(mut seen: Vec<Seen>) -> Seen {
    assert_eq!(seen.len(), 1, "{seen:?}");
    seen.remove(0)
}

pub fn questions_share_a_connection(make: &Make) {
    let connections = connections_for_the_questions(make);
    assert!(connections <= QUESTIONS / 4, "{connections} connections for {QUESTIONS} questions");
}

/// The page says why.
pub fn each_question_has_a_connection_of_its_own(make: &Make) {
    assert_eq!(connections_for_the_questions(make), QUESTIONS);
}

fn connections_for_the_questions(make: &Make) -> usize {
    let world = with_answer(make, ACCEPTED);
    for _ in 0..QUESTIONS {
        assert_eq!(world.proxy.get("a-key").status, 200);
        world.passed();
    }
    assert_eq!(world.authority.take().len(), QUESTIONS);
    world.authority.connections()
}

pub fn callers_at_the_same_time_are_never_taken_for_one_another(make: &Make) {
    let authority = Peer::judging(|asked| {
        let who = asked.header("authorization").unwrap_or_default().replace("Bearer ", "");
        let status = if who.starts_with("good") { "200 OK" } else { "401 Unauthorized" };
        format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nX-Credential-Id: {who}\r\n\r\n")
    });
    // Tells the caller for whom it takes it; keeps its connections, as the authority does.
    let application = Peer::judging(|seen| {
        let who = seen.header("x-credential-id").unwrap_or_default();
        format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Taken-For: {who}\r\n\r\n")
    });
    let proxy = Front::start(make, authority.address, application.address);
    std::thread::scope(|scope| {
        for caller in 0..CALLERS {
            let client = Client::new(proxy.address);
            scope.spawn(move || call_in_turns(client, caller));
        }
    });
    for asked in authority.take() {
        assert!(asked.path.starts_with("/api/v1/authorize?"), "{asked:?}");
    }
    for seen in application.take() {
        assert_eq!((seen.path.as_str(), seen.header("authorization")), ("/orders", None), "{seen:?}");
    }
}

/// With a good key and a bad one.
fn call_in_turns(mut client: Client, caller: usize) {
    for call in 0..CALLS {
        let (kind, status) = if (caller + call).is_multiple_of(2) { ("good", 200) } else { ("bad", 401) };
        let who = format!("{kind}-{caller}-{call}");
        let answer = client.send(&Request::new("GET", "/orders").bearer(&who));
        let told = answer.header("x-taken-for").or(answer.header("x-credential-id"));
        assert_eq!(answer.status, status, "{who} {answer:?}");
        assert!(status == 401 || told == Some(who.as_str()), "{who} {answer:?}");
    }
}

pub fn without_an_answer_that_can_be_read_nobody_passes(make: &Make) {
    let silence = "";
    let world = with_answer(make, silence);
    world.is_unanswered(&world.proxy.get("a-key"));
    for answer in [
        "nonsense, and Connection: close\r\n\r\n",
        // Broken off: in the status line, in the head.
        "Connection: close",
        "HTTP/1.1 2",
        "HTTP/1.1 200 OK\r\nX-Credential-Id: someone\r\nConnection: close\r\n",
    ] {
        world.authority.now_answers(answer);
        world.is_unanswered(&world.proxy.get("a-key"));
    }
    world.authority.now_answers(ACCEPTED);
    assert_eq!(world.proxy.get("a-key").status, 200);
    world.passed();
}

pub fn what_the_application_answers_is_its_own(make: &Make) {
    let authority = Peer::answering(ACCEPTED);
    let application = Peer::application();
    let proxy = Front::start(make, authority.address, application.address);
    let request = Request::new("GET", "/").bearer("a-key");
    for status in [401, 403, 404, 429, 500, 503] {
        application.now_answers(&format!(
            "HTTP/1.1 {status} So\r\nContent-Length: 3\r\nX-Own: yes\r\nConnection: close\r\n\r\nown"
        ));
        let answer = Client::new(proxy.address).send(&request);
        assert_eq!((answer.status, answer.header("x-own")), (status, Some("yes")));
        assert_eq!((answer.text().as_str(), answer.header("retry-after")), ("own", None));
    }
    drop(proxy);
    // A port that was free a moment ago.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let proxy = Front::start(make, authority.address, nobody.expect("a free port"));
    let answer = Client::new(proxy.address).send(&request);
    assert_eq!((answer.status, answer.header("retry-after")), (make.no_application, None));
}

pub fn any_refusal_goes_to_the_caller_as_it_is(make: &Make) {
    let world = with_answer(make, ACCEPTED);
    for status in [400, 401, 403, 404, 418, 429, 431, 500, 503] {
        for body in ["Content-Length: 2\r\n\r\n{}", "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"]
        {
            world.authority.now_answers(&format!(
                "HTTP/1.1 {status} So\r\nContent-Type: application/problem+json\r\nRetry-After: 17\r\n\
                 X-Credential-Refusal: a_reason\r\nWWW-Authenticate: Bearer error=\"a\"\r\n\
                 RateLimit: \"credential\";r=0;t=17\r\nRateLimit-Policy: \"credential\";q=2;w=60\r\n{body}"
            ));
            for method in ["GET", "HEAD", "POST"] {
                let request = Request::new(method, "/orders").bearer("a-key");
                let answer = Client::new(world.proxy.address).send(&request);
                let text = if method == "HEAD" { "" } else { "{}" };
                assert_eq!((answer.status, answer.text().as_str()), (status, text), "{method}");
                for (name, value) in [
                    ("content-type", "application/problem+json"),
                    ("x-credential-refusal", "a_reason"),
                    ("www-authenticate", "Bearer error=\"a\""),
                    ("retry-after", "17"),
                    ("ratelimit", "\"credential\";r=0;t=17"),
                    ("ratelimit-policy", "\"credential\";q=2;w=60"),
                ] {
                    assert_eq!(answer.header(name), Some(value), "{status} {name}");
                }
                world.nobody_passed();
            }
        }
    }
}

/// Somebody else's, who listens where credledger did.
pub fn a_200_that_names_nobody_lets_nobody_pass(make: &Make) {
    let world = with_answer(make, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Own: yes\r\n\r\nhello");
    let answer = world.proxy.get("a-key");
    assert_eq!((answer.header("x-own"), answer.text().as_str()), (Some("yes"), "hello"));
    world.nobody_passed();
}

pub fn an_upgrade_is_asked_of_the_application_alone(make: &Make) {
    let world = with_answer(make, ACCEPTED);
    world.application.now_answers(UPGRADED);
    let mut request = Request::new("GET", "/live").bearer("a-key");
    for (name, value) in [
        ("Connection", "upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", "13"),
    ] {
        request = request.header(name, value);
    }
    let answer = world.proxy.send(&request);
    assert_eq!((answer.status, answer.header("upgrade")), (101, Some("websocket")));
    assert_eq!(the_one(world.authority.take()).header("upgrade"), None);
    let seen = world.passed();
    assert_eq!(
        (seen.header("upgrade"), seen.header("x-credential-id")),
        (Some("websocket"), Some("someone"))
    );
}
