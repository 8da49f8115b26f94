//! S1, S2, S3 and the first half of S8: over HTTP, against a handler that only reads and answers.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use credledger::domain::authority::Role;
use credledger::domain::operator::{Create, MintToken, OperatorCommand, Reach};

use super::load::{self, Measured, Requests, request};
use super::world::{World, median};
use super::{Line, Run};

pub const CONNECTIONS: usize = 64;
pub const ROUNDS: usize = 5;
pub const SPAN: Duration = Duration::from_secs(3);

pub struct Keys {
    pub living: Vec<String>,
    pub revoked: Vec<String>,
    pub gateway: String,
}

/// An operator who may verify, and mint.
pub async fn gateway_token(world: &Arc<World>) -> String {
    use credledger::domain::command::Command;
    use credledger::domain::ids::OperatorId;
    let id = OperatorId(world.foundation.vault.uuid(world.house.clock.now().millis()));
    let create =
        Create { name: "bench".to_owned(), role: Role::Root, reach: Reach::All, first: false, token: None };
    world.execute(id.into(), Command::Operator(vec![OperatorCommand::Create(create)])).await;
    let expires_at = world.house.clock.now().plus_seconds(86_400);
    let mint = MintToken { name: "bench".to_owned(), expires_at };
    let made = world.execute(id.into(), Command::Operator(vec![OperatorCommand::MintToken(mint)])).await;
    format!("{} {}", made["secret"].as_str().expect("a secret"), world.tenant)
}

/// A child process that listens; ended with the bench.
pub struct Server {
    pub process: Child,
    pub address: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status();
        let _ = self.process.wait();
    }
}

pub fn over_http(run: &Run, keys: &Keys, wants: &impl Fn(&str) -> bool, lines: &mut Vec<Line>) {
    let service = start_service(run);
    let (gateway, tenant) = keys.gateway.split_once(' ').expect("a token and a tenant");
    let random = |keys: &[String]| random_verifies(keys, gateway);
    let forged: Vec<String> =
        keys.living.iter().take(10_000).map(|key| changed(key, key.len() - 10)).collect();
    let unknown: Vec<String> =
        keys.living.iter().take(10_000).map(|key| rechecked(&changed(key, 12))).collect();
    let mut row = |row, what: &str, requests: Requests, budget, least: f64| {
        if wants(row) {
            against_bare(&service, row, what, &requests, (budget, least), lines);
        }
    };
    row("S1", "verify, random valid keys, usage kept", random(&keys.living), "≥ 0.85; p99 ≤ 1.5", 0.85);
    row("S2", "verify, forged (bad checksum)", random(&forged), "≥ 0.90", 0.90);
    row("S2", "verify, unknown", random(&unknown), "≥ 0.85", 0.85);
    row("S2", "verify, revoked", random(&keys.revoked), "≥ 0.85", 0.85);
    let living = keys.living.clone();
    let authorize: Requests = Arc::new(move |nth| {
        let key = &living[(nth.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) as usize % living.len()];
        format!("GET /api/v1/authorize?scope=logs:read HTTP/1.1\r\nHost: ledger\r\nAuthorization: Bearer {key}\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n").into_bytes()
    });
    row("S3", "authorize", authorize, "≥ 0.90", 0.90);
    if wants("S12") || wants("S13") {
        super::tokens::over_http(&service, gateway, tenant, wants, lines);
    }
    if wants("S8") {
        mint_over_http(&service, gateway, tenant, lines);
    }
}

/// In turns with a bare handler that answers the same bytes; medians.
fn against_bare(
    service: &Server,
    row: &'static str,
    what: &str,
    requests: &Requests,
    (budget, least): (&'static str, f64),
    lines: &mut Vec<Line>,
) {
    let bare = start_bare(&answer(service.address, &requests(1)));
    let (mut own, mut limit) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        own.push(load::run(service.address, CONNECTIONS, SPAN, requests, "200"));
        limit.push(load::run(bare.address, CONNECTIONS, SPAN, requests, "200"));
    }
    assert!(own.iter().all(|measured| measured.refused == 0), "{row}: some answers were no 200");
    let rate = |runs: &[Measured]| median(runs.iter().map(|run| run.per_second).collect());
    let p99 = |runs: &[Measured]| median(runs.iter().map(|run| run.percentile(0.99)).collect());
    let (ratio, tail) = (rate(&own) / rate(&limit), p99(&own) / p99(&limit));
    lines.push(Line {
        row,
        what: what.to_owned(),
        figure: format!("{:.0}/s, p99 {:.0} µs", rate(&own), p99(&own)),
        limit: format!("{:.0}/s, p99 {:.0} µs bare (tail × {tail:.2})", rate(&limit), p99(&limit)),
        ratio,
        budget,
        met: ratio >= least && (row != "S1" || tail <= 1.5),
    });
}

fn mint_over_http(service: &Server, token: &str, tenant: &str, lines: &mut Vec<Line>) {
    let path = format!("/api/admin/v1/tenants/{tenant}/keys");
    let token = token.to_owned();
    let requests: Requests = Arc::new(move |_| {
        request("POST", &path, &token, "{\"name\":\"ci-runner\",\"scopes\":[\"logs:read\"]}")
    });
    let runs: Vec<f64> =
        (0..ROUNDS).map(|_| load::run(service.address, 256, SPAN, &requests, "201").per_second).collect();
    let own = median(runs);
    let limit = lines
        .iter()
        .find(|line| line.row == "S7")
        .and_then(|line| line.limit.split('/').next()?.parse::<f64>().ok());
    let limit = limit.unwrap_or(f64::NAN);
    lines.push(Line {
        row: "S8",
        what: "mints over HTTP, 256 connections".to_owned(),
        figure: format!("{own:.0}/s"),
        limit: format!("{limit:.0}/s bare inserts"),
        ratio: own / limit,
        budget: "≥ 0.5",
        met: own / limit >= 0.5,
    });
}

fn changed(key: &str, place: usize) -> String {
    let mut bytes = key.as_bytes().to_vec();
    bytes[place] = if bytes[place] == b'x' { b'y' } else { b'x' };
    String::from_utf8(bytes).expect("ASCII")
}

/// With the right checksum for its changed text.
fn rechecked(key: &str) -> String {
    const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let body = &key[..key.len() - 6];
    let mut checksum = crc32fast::hash(body.as_bytes());
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(checksum % 62) as usize];
        checksum /= 62;
    }
    format!("{body}{}", String::from_utf8_lossy(&digits))
}

/// A whole answer, head and body.
pub fn answer(address: SocketAddr, request: &[u8]) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).expect("a connection");
    stream.write_all(request).expect("a request");
    let mut buffer = vec![0; 16 * 1024];
    let read = stream.read(&mut buffer).expect("an answer");
    String::from_utf8_lossy(&buffer[..read]).into_owned()
}

/// Of whatever length, from a server that closes behind it.
pub fn whole_answer(address: SocketAddr, request: &[u8]) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).expect("a connection");
    let closing = String::from_utf8_lossy(request).replacen("\r\n", "\r\nConnection: close\r\n", 1);
    stream.write_all(closing.as_bytes()).expect("a request");
    let mut text = Vec::new();
    stream.read_to_end(&mut text).expect("an answer");
    String::from_utf8_lossy(&text).into_owned()
}

/// One of many keys for each request, in no order.
pub fn random_verifies(keys: &[String], token: &str) -> Requests {
    let (keys, token) = (keys.to_vec(), token.to_owned());
    Arc::new(move |nth| {
        let key = &keys[(nth.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) as usize % keys.len()];
        request("POST", "/api/v1/verify", &token, &format!("{{\"credential\":\"{key}\"}}"))
    })
}

pub fn start_service(run: &Run) -> Server {
    let ready = run.folder.join("ready.json");
    let _ = std::fs::remove_file(&ready);
    // Started by root, the service becomes the account that the run's folder belongs to; the key is made its own.
    let key = run.folder.join("master.key");
    let _ = Command::new("chown").arg(format!("--reference={}", run.folder.display())).arg(&key).status();
    let mut command = Command::new(env!("CARGO_BIN_EXE_credledger"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--log", "warn", "--workers", "2"]);
    // S8 is about mints, and not about how many of them one operator is let make.
    command.args(["--operator-rate-limit", "none"]);
    command
        .arg("--data-dir")
        .arg(run.folder.join("data"))
        .arg("--master-key-file")
        .arg(run.folder.join("master.key"));
    command.arg("--ready-file").arg(&ready).args(["--database-url", &run.database]);
    for name in super::VARIABLES {
        command.env_remove(name);
    }
    let mut process = command.stdin(Stdio::null()).spawn().expect("the service");
    loop {
        assert!(process.try_wait().expect("a look").is_none(), "the service ended; its last lines say why");
        if let Ok(text) = std::fs::read_to_string(&ready)
            && let Ok(ready) = serde_json::from_str::<serde_json::Value>(&text)
        {
            let url = ready["url"].as_str().and_then(|url| url.strip_prefix("http://"));
            return Server { process, address: url.and_then(|url| url.parse().ok()).expect("an address") };
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

// The bare server is this same program, in a process of its own.
pub fn start_bare(answer: &str) -> Server {
    let program = std::env::current_exe().expect("this program");
    let mut process = Command::new(program)
        .args(["bare-http", answer])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the bare server");
    let mut line = String::new();
    let output = process.stdout.take().expect("its output");
    BufReader::new(output).read_line(&mut line).expect("its address");
    Server { process, address: line.trim().parse().expect("an address") }
}
