//! Moving in: many keys in one go over HTTP, and what of memory that takes beside the view.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};

use credledger::clock::BootTime;
use credledger::vault::sha256;

use super::verdicts::{self, Keys};
use super::{Line, Run};

/// As much as one body may hold, and a little less.
const BODY_BYTES: usize = 60 * 1024 * 1024;
const LINES_A_CHUNK: u64 = 500;
/// How often the memory is looked at: every so many lines of the answer.
const LOOK_EVERY: u64 = 5_000;
const MOST_BESIDE_KIB: u64 = 64 * 1024;

const HEADER: &str = "{\"import\":{\"source\":\"bench\",\"format\":{\"prefix\":\"sk_bench_\",\"alphabet\":\"base62\",\"length\":45},\"digest\":{\"algorithm\":\"sha256\"}}}\n";

fn key(number: u64) -> String {
    format!("sk_bench_{number:036}")
}

fn line(number: u64, out: &mut String) {
    let digest = sha256(&[key(number).as_bytes()]);
    let hex = digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let _ = writeln!(
        out,
        "{{\"old_id\":\"key_{number}\",\"name\":\"ci-runner\",\"digest\":\"{hex}\",\"scopes\":[\"logs:read\"]}}"
    );
}

pub fn over_http(run: &Run, keys: &Keys, lines: &mut Vec<Line>) {
    let service = verdicts::start_service(run);
    let (token, tenant) = keys.gateway.split_once(' ').expect("a token and a tenant");
    let pid = service.process.id();
    let (before, view_before) = (resident_kib(pid), view_kib(service.address));
    let began = BootTime::now();
    let (mut done, mut most) = (0, before);
    while done < run.keys {
        let (sent, peak) = one_body(service.address, (token, tenant), done, run.keys, pid);
        (done, most) = (sent, most.max(peak));
    }
    let seconds = BootTime::now().since(began).as_secs_f64();
    let view = view_kib(service.address).saturating_sub(view_before);
    let beside = (most - before).saturating_sub(view);
    check(service.address, token, run.keys);
    let mint = lines.iter().find(|line| line.row == "S7");
    let mint = mint.and_then(|line| line.figure.split('/').next()?.parse::<f64>().ok()).unwrap_or(f64::NAN);
    let rate = run.keys as f64 / seconds;
    lines.push(Line {
        row: "import",
        what: format!("{} keys imported over HTTP; memory beside the view's {} MiB", run.keys, view / 1024),
        figure: format!("{rate:.0}/s, {:.1} MiB", beside as f64 / 1024.0),
        limit: format!("{mint:.0}/s mints in process"),
        ratio: rate / mint,
        budget: "≥ 0.5; ≤ 64 MiB",
        met: rate / mint >= 0.5 && beside <= MOST_BESIDE_KIB,
    });
}

/// As many lines as one body holds, from this one on: up to which, and the most memory that was seen meanwhile.
fn one_body(
    address: SocketAddr,
    (token, tenant): (&str, &str),
    from: u64,
    upto: u64,
    pid: u32,
) -> (u64, u64) {
    let mut out = TcpStream::connect(address).expect("a connection");
    let mut answer = BufReader::new(out.try_clone().expect("a clone"));
    let head = format!(
        "POST /api/admin/v1/tenants/{tenant}/keys/import HTTP/1.1\r\nHost: ledger\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    );
    out.write_all(head.as_bytes()).expect("room");
    let writer = std::thread::spawn(move || {
        let (mut next, mut sent, mut chunk) = (from, 0, HEADER.to_owned());
        while next < upto && sent + chunk.len() < BODY_BYTES {
            for _ in 0..LINES_A_CHUNK.min(upto - next) {
                line(next, &mut chunk);
                next += 1;
            }
            sent += chunk.len();
            out.write_all(format!("{:x}\r\n{chunk}\r\n", chunk.len()).as_bytes()).expect("room");
            chunk.clear();
        }
        out.write_all(b"0\r\n\r\n").expect("room");
        next
    });
    let (mut text, mut told, mut most) = (String::new(), 0, 0);
    loop {
        text.clear();
        if answer.read_line(&mut text).expect("an answer") == 0 || text.contains("\"summary\"") {
            break;
        }
        told += u64::from(text.contains("\"imported\""));
        if told % LOOK_EVERY == 0 {
            most = most.max(resident_kib(pid));
        }
    }
    let next = writer.join().expect("a writer");
    assert!(text.contains("\"complete\":true"), "{text}");
    assert_eq!(told, next - from, "every line was imported");
    (next, most.max(resident_kib(pid)))
}

/// The first and the last of them work.
fn check(address: SocketAddr, token: &str, keys: u64) {
    for number in [0, keys / 2, keys - 1] {
        let body = format!("{{\"credential\":\"{}\"}}", key(number));
        let answer = ask(address, &super::load::request("POST", "/api/v1/verify", token, &body));
        assert!(answer.contains("\"valid\":true"), "{answer}");
    }
}

fn ask(address: SocketAddr, request: &[u8]) -> String {
    let mut connection = TcpStream::connect(address).expect("a connection");
    connection.write_all(request).expect("room");
    let mut answer = BufReader::new(connection);
    let (mut text, mut length) = (String::new(), 0);
    loop {
        let start = text.len();
        answer.read_line(&mut text).expect("an answer");
        let line = text[start..].trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    std::io::Read::read_exact(&mut answer, &mut body).expect("a body");
    String::from_utf8(body).expect("text")
}

fn view_kib(address: SocketAddr) -> u64 {
    let page = ask(address, b"GET /metrics HTTP/1.1\r\nHost: ledger\r\n\r\n");
    let line = page.lines().find_map(|line| line.strip_prefix("credledger_view_bytes "));
    line.and_then(|bytes| bytes.parse::<f64>().ok()).expect("a gauge") as u64 / 1024
}

fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.split_whitespace().next().and_then(|kib| kib.parse().ok()).expect("a number")
}
