//! The ledger's feed: all events of all tenants, as pages, as lines, and as they come.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use credledger::limits;
use serde_json::{Value, json};

use crate::acme;
use crate::support::service::{Actor, Service, eventually, text};

pub const FEED: &str = "/api/admin/v1/ledger/events";

fn head_of(root: &Actor) -> u64 {
    let lines = root.get_caught_up(&format!("{FEED}?format=ndjson")).text();
    lines.lines().count() as u64
}

#[test]
fn a_page_begins_where_it_is_told_to_and_the_head_is_its_end() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    (0..5).for_each(|number| drop(tenant.mint(&format!("k{number}"))));
    let head = head_of(&root);
    let page = root.get_caught_up(&format!("{FEED}?from=2&limit=3")).expect(200);
    let positions = |page: &Value| -> Vec<u64> {
        page["data"]
            .as_array()
            .expect("a page")
            .iter()
            .map(|event| event["position"].as_u64().expect("one"))
            .collect()
    };
    assert_eq!(positions(&page), [2, 3, 4]);
    let next = root
        .get_caught_up(&format!("{FEED}?from=2&limit=3&cursor={}", text(&page["next_cursor"])))
        .expect(200);
    assert_eq!(positions(&next)[0], 5);
    let at_head = root.get_caught_up(&format!("{FEED}?from={head}")).expect(200);
    assert_eq!(at_head, json!({"data": [], "next_cursor": null}));
    for bad in [
        format!("from={}", head + 1),
        "from=-1".to_owned(),
        "from=x".to_owned(),
        "type=plan.set".to_owned(),
        format!("from={}", u64::MAX),
        "format=csv".to_owned(),
        "format=ndjson&limit=3".to_owned(),
        "limit=0".to_owned(),
    ] {
        root.get_caught_up(&format!("{FEED}?{bad}")).problem(400, "invalid_request");
    }
    let lines = root.get_caught_up(&format!("{FEED}?format=ndjson&from=3")).text();
    let read: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let all = root.get_caught_up(&format!("{FEED}?from=3&limit=500")).expect(200);
    assert_eq!(json!(read), all["data"]);
    assert_eq!(read.len() as u64, head - 3);
}

#[test]
fn nothing_secret_is_told() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let key = tenant.mint("k");
    let client = tenant.client("c");
    let header = json!({"import": {"source": "s", "format": {"prefix": "mx_", "alphabet": "hex", "length": 40},
        "digest": {"algorithm": "hmac_sha256", "hmac_key": "c2VjcmV0LWhtYWMta2V5LXNlY3JldA=="}}});
    let import = root
        .request("POST", &format!("{}/keys/import", tenant.path()))
        .header("Content-Type", "application/x-ndjson")
        .body(format!("{header}\n").into_bytes());
    assert_eq!(root.send(&import).status, 200);
    let lines = root.get_caught_up(&format!("{FEED}?format=ndjson")).text();
    for secret in [&key.secret, &client.secret] {
        assert!(!lines.contains(secret.as_str()));
    }
    for word in ["digest\"", "pepper", "sealed", "fingerprint", "\"content\"", "salt", "\"identity\""] {
        assert!(!lines.contains(word), "{word}: {lines}");
    }
    let declared = lines.lines().find(|line| line.contains("import.declared")).expect("the import");
    let declared: Value = serde_json::from_str(declared).expect("JSON");
    assert_eq!(declared["subject"]["name"], "mx_");
    assert_eq!(declared["data"]["scheme"], json!({"algorithm": "hmac_sha256"}));
    let trail = root.get_caught_up(&format!("{}/audit?type=import.*", tenant.path())).expect(200);
    assert_eq!(trail["data"][0]["data"], declared["data"]);
}

/// One who follows.
pub struct Follower {
    reader: BufReader<TcpStream>,
    status: String,
}

impl Follower {
    pub fn begin(service: &Service, actor: &Actor, query: &str, last: Option<u64>) -> Follower {
        let mut stream = TcpStream::connect(service.address()).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
        let token = actor.token.as_ref().expect("a token");
        let last = last.map_or(String::new(), |last| format!("Last-Event-ID: {last}\r\n"));
        let head = format!(
            "GET {FEED}{query} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nAccept: text/event-stream\r\n{last}\r\n"
        );
        stream.write_all(head.as_bytes()).expect("a connection that takes it");
        let mut reader = BufReader::new(stream);
        let mut status = String::new();
        reader.read_line(&mut status).expect("a status");
        Follower { reader, status }
    }

    /// The next event: its id and what it tells. None at the end of the connection.
    pub fn next(&mut self) -> Option<(u64, Value)> {
        let mut id = None;
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(told) = line.strip_prefix("id: ") {
                id = told.trim().parse().ok();
            }
            if let (Some(id), Some(told)) = (id, line.strip_prefix("data: ")) {
                return Some((id, serde_json::from_str(told).expect("JSON")));
            }
        }
    }

    /// Whether the answer ended as answers end: with the last chunk.
    fn ends_in_order(mut self) -> bool {
        let mut last = String::new();
        loop {
            let mut line = String::new();
            match self.reader.read_line(&mut line) {
                Ok(0) | Err(_) => return last.trim() == "0",
                Ok(_) if line.trim().is_empty() => {}
                Ok(_) => last = line,
            }
        }
    }
}

#[test]
fn a_follower_is_told_what_is_there_and_then_what_comes_and_goes_on_where_it_was() {
    let mut service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    tenant.mint("before");
    let head = head_of(&root);
    let mut follower = Follower::begin(&service, &root, "?from=0", None);
    assert!(follower.status.contains("200"), "{}", follower.status);
    for position in 0..head {
        let (id, event) = follower.next().expect("what is there");
        assert_eq!((id, &event["position"]), (position, &json!(position)));
    }
    for number in 0..3 {
        tenant.mint(&format!("k{number}"));
        let (id, event) = follower.next().expect("what comes");
        assert_eq!((id, &event["subject"]["name"]), (head + number, &json!(format!("k{number}"))));
    }
    let mut resumed = Follower::begin(&service, &root, "?from=0", Some(head));
    assert_eq!(resumed.next().map(|(id, _)| id), Some(head + 1), "what it has had is not told again");
    let beyond = Follower::begin(&service, &root, &format!("?from={}", head + 100), None);
    assert!(beyond.status.contains("400"), "{}", beyond.status);
    let nonsense =
        root.request("GET", FEED).header("Accept", "text/event-stream").header("Last-Event-ID", "x");
    root.try_send(&nonsense).expect("an answer").problem(400, "invalid_request");
    // The service's stop is the end of it, in order.
    assert_eq!(service.stop(), Some(0));
    assert!(follower.ends_in_order() && resumed.ends_in_order());
}

#[test]
fn who_may_read_no_more_follows_no_more() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let auditor = service.operator("auditor", &[]);
    let id = text(&auditor.get("/api/admin/v1/session").expect(200)["operator"]["id"]);
    let head = head_of(&root);
    let mut follower = Follower::begin(&service, &auditor, &format!("?from={head}"), None);
    tenant.mint("seen");
    assert_eq!(follower.next().expect("an event").1["subject"]["name"], "seen");
    root.delete(&format!("/api/admin/v1/operators/{id}")).expect(200);
    tenant.mint("unseen");
    while let Some((_, event)) = follower.next() {
        assert_ne!(event["subject"]["name"], "unseen");
    }
    assert!(!follower.ends_in_order(), "it broke off");
}

#[test]
fn no_more_follow_than_there_are_places() {
    let service = Service::start();
    let root = service.root();
    root.get_caught_up(FEED).expect(200);
    let follow = || Follower::begin(&service, &root, "", None);
    let mut following: Vec<Follower> = (0..limits::FOLLOWERS_AT_ONCE).map(|_| follow()).collect();
    assert!(following.iter().all(|follower| follower.status.contains("200")));
    assert!(follow().status.contains("503"));
    // Pages are told all the same, and the place of one that leaves is free for another.
    root.get_caught_up(FEED).expect(200);
    following.pop();
    acme(&root);
    let next = eventually(|| Some(follow()).filter(|next| next.status.contains("200")));
    assert!(next.is_some());
}
