//! S12 and S13: tokens given and asked about, against a handler that only reads and answers plus the one signature that it takes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use credledger::clock::BootTime;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};
use serde_json::Value;

use super::Line;
use super::load::{self, Requests, request};
use super::verdicts::{CONNECTIONS, ROUNDS, SPAN, Server, answer, start_bare};
use super::world::median;

const CLIENTS: usize = 500;
/// As many as the service has workers.
const THREADS: usize = 2;
const SIGNED_FOR: Duration = Duration::from_secs(1);

/// As a form has them.
struct Client {
    shown: String,
    token: String,
}

pub fn over_http(
    service: &Server,
    root: &str,
    tenant: &str,
    wants: &impl Fn(&str) -> bool,
    lines: &mut Vec<Line>,
) {
    let clients: Arc<Vec<Client>> = Arc::new((0..CLIENTS).map(|_| client(service, root, tenant)).collect());
    let signed_length = clients[0].token.rfind('.').unwrap_or_default();
    let bare = Bare::of(signed_length);
    if wants("S12") {
        let clients = clients.clone();
        let requests: Requests = Arc::new(move |nth| {
            let client = &clients[nth as usize % CLIENTS];
            form("token", &format!("grant_type=client_credentials&{}", client.shown))
        });
        let sign = || bare.cost(|bare| bare.sign());
        let told = ("S12", "token endpoint, ES256", "signatures", "≥ 0.6", 0.6);
        against_sum(service, told, &requests, &sign, lines);
    }
    if wants("S13") {
        let requests: Requests = Arc::new(move |nth| {
            let (client, asked) =
                (&clients[nth as usize % CLIENTS], &clients[(nth as usize * 7 + 1) % CLIENTS]);
            form("introspect", &format!("token={}&{}", asked.token, client.shown))
        });
        let check = || bare.cost(|bare| bare.check());
        let told = ("S13", "introspection of a live token", "checks", "≥ 0.7", 0.7);
        against_sum(service, told, &requests, &check, lines);
    }
}

/// So many a second, and what one takes of a processor.
#[derive(Clone, Copy)]
struct Cost {
    per_second: f64,
    nanoseconds: f64,
}

impl Cost {
    fn median(costs: &[Cost]) -> Self {
        Cost {
            per_second: median(costs.iter().map(|cost| cost.per_second).collect()),
            nanoseconds: median(costs.iter().map(|cost| cost.nanoseconds).collect()),
        }
    }

    fn of_answers(server: &Server, requests: &Requests, row: &str) -> Self {
        let before = busy(server.process.id());
        let measured = load::run(server.address, CONNECTIONS, SPAN, requests, "200");
        assert_eq!(measured.refused, 0, "{row}: some answers were no 200");
        let nanoseconds = (busy(server.process.id()) - before) / measured.latencies.len() as f64;
        Cost { per_second: measured.per_second, nanoseconds }
    }
}

/// In turns: the service, the handler alone, the arithmetic alone. What the two take one after the other is the limit, by the
/// clock and, since others on the machine press harder on arithmetic than on a server with many threads, by the processor too.
fn against_sum(
    service: &Server,
    (row, what, arithmetic, budget, least): (&'static str, &str, &str, &'static str, f64),
    requests: &Requests,
    bare_cost: &dyn Fn() -> Cost,
    lines: &mut Vec<Line>,
) {
    let sample = answer(service.address, &requests(1));
    assert!(sample.contains("\"access_token\"") || sample.contains("\"active\":true"), "{row}: {sample}");
    let bare = start_bare(&sample);
    let (mut own, mut hello, mut signed) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        own.push(Cost::of_answers(service, requests, row));
        hello.push(Cost::of_answers(&bare, requests, row));
        signed.push(bare_cost());
    }
    let [own, hello, signed] = [own, hello, signed].map(|costs| Cost::median(&costs));
    let limit = 1.0 / (1.0 / hello.per_second + 1.0 / signed.per_second);
    let ratio = own.per_second / limit;
    let of_processor = (hello.nanoseconds + signed.nanoseconds) / own.nanoseconds;
    lines.push(Line {
        row,
        what: what.to_owned(),
        figure: format!("{:.0}/s, {:.1} µs of a processor", own.per_second, own.nanoseconds / 1e3),
        limit: format!(
            "{limit:.0}/s: {:.0}/s bare answers and {:.0}/s bare {arithmetic} ({:.1} + {:.1} µs of a processor: {of_processor:.2})",
            hello.per_second,
            signed.per_second,
            hello.nanoseconds / 1e3,
            signed.nanoseconds / 1e3
        ),
        ratio,
        budget,
        met: ratio.min(of_processor) >= least,
    });
}

/// Nanoseconds on a processor, of all the threads that a process has.
fn busy(process: u32) -> f64 {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).expect("Linux").flatten();
    threads.map(|thread| busy_thread(&thread.path().join("schedstat"))).sum()
}

fn busy_thread(path: &Path) -> f64 {
    let text = std::fs::read_to_string(path).unwrap_or_default(); // one that has just ended
    text.split(' ').next().and_then(|figure| figure.parse().ok()).unwrap_or(0.0)
}

/// ring alone, over as many bytes as a token signs.
struct Bare {
    key: EcdsaKeyPair,
    random: SystemRandom,
    text: Vec<u8>,
    signature: Vec<u8>,
}

impl Bare {
    fn of(length: usize) -> Self {
        let random = SystemRandom::new();
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random);
        let mut bare =
            Bare { key: key.expect("a key"), random, text: vec![b'x'; length], signature: Vec::new() };
        bare.signature = bare.sign();
        bare
    }

    fn sign(&self) -> Vec<u8> {
        self.key.sign(&self.random, &self.text).expect("a signature").as_ref().to_vec()
    }

    fn check(&self) {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.key.public_key());
        key.verify(&self.text, &self.signature).expect("its own signature");
    }

    /// By all threads together.
    fn cost<T>(&self, work: impl Fn(&Self) -> T + Sync) -> Cost {
        let began = BootTime::now();
        let one = || {
            let (own, mut done) = (Path::new("/proc/thread-self/schedstat"), 0u64);
            let before = busy_thread(own);
            while BootTime::now().since(began) < SIGNED_FOR {
                std::hint::black_box(work(self));
                done += 1;
            }
            (done as f64, busy_thread(own) - before)
        };
        let threads: Vec<(f64, f64)> = std::thread::scope(|scope| {
            let threads = [(); THREADS].map(|()| scope.spawn(one));
            threads.into_iter().map(|thread| thread.join().expect("a thread")).collect()
        });
        let done: f64 = threads.iter().map(|(done, _)| done).sum();
        let busy: f64 = threads.iter().map(|(_, busy)| busy).sum();
        Cost { per_second: done / BootTime::now().since(began).as_secs_f64(), nanoseconds: busy / done }
    }
}

fn form(endpoint: &str, body: &str) -> Vec<u8> {
    let path = format!("/api/v1/oauth/{endpoint}");
    format!(
        "POST {path} HTTP/1.1\r\nHost: ledger\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn client(service: &Server, root: &str, tenant: &str) -> Client {
    let body = "{\"name\":\"exporter\",\"scopes\":[\"logs:read\"]}";
    let minted =
        json(service, &request("POST", &format!("/api/admin/v1/tenants/{tenant}/clients"), root, body));
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("no client: {minted}")).to_owned();
    let shown = format!("client_id={}&client_secret={}", text(&minted["client_id"]), text(&minted["secret"]));
    let given = json(service, &form("token", &format!("grant_type=client_credentials&{shown}")));
    Client { shown, token: given["access_token"].as_str().expect("a token").to_owned() }
}

fn json(service: &Server, request: &[u8]) -> Value {
    let answer = answer(service.address, request);
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
    serde_json::from_str(body).unwrap_or_else(|fault| panic!("{fault}: {answer}"))
}
