//! S12 and S13: tokens given and asked about, against a handler that only reads and answers plus the one signature that it takes.

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
        let sign = || bare.rate(|bare| bare.sign());
        let told = ("S12", "token endpoint, ES256", "signatures", "≥ 0.6", 0.6);
        against_sum(service, told, &requests, &sign, lines);
    }
    if wants("S13") {
        let requests: Requests = Arc::new(move |nth| {
            let (client, asked) =
                (&clients[nth as usize % CLIENTS], &clients[(nth as usize * 7 + 1) % CLIENTS]);
            form("introspect", &format!("token={}&{}", asked.token, client.shown))
        });
        let check = || bare.rate(|bare| bare.check());
        let told = ("S13", "introspection of a live token", "checks", "≥ 0.7", 0.7);
        against_sum(service, told, &requests, &check, lines);
    }
}

/// In turns: the service, the handler alone, the arithmetic alone. What the two take one after the other is the limit.
fn against_sum(
    service: &Server,
    (row, what, arithmetic, budget, least): (&'static str, &str, &str, &'static str, f64),
    requests: &Requests,
    bare_rate: &dyn Fn() -> f64,
    lines: &mut Vec<Line>,
) {
    let sample = answer(service.address, &requests(1));
    assert!(sample.contains("\"access_token\"") || sample.contains("\"active\":true"), "{row}: {sample}");
    let bare = start_bare(&sample);
    let (mut own, mut hello, mut signed) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let measured = load::run(service.address, CONNECTIONS, SPAN, requests, "200");
        assert_eq!(measured.refused, 0, "{row}: some answers were no 200");
        own.push(measured.per_second);
        hello.push(load::run(bare.address, CONNECTIONS, SPAN, requests, "200").per_second);
        signed.push(bare_rate());
    }
    let (own, hello, signed) = (median(own), median(hello), median(signed));
    let limit = 1.0 / (1.0 / hello + 1.0 / signed);
    lines.push(Line {
        row,
        what: what.to_owned(),
        figure: format!("{own:.0}/s"),
        limit: format!("{limit:.0}/s: {hello:.0}/s bare answers and {signed:.0}/s bare {arithmetic}"),
        ratio: own / limit,
        budget,
        met: own / limit >= least,
    });
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

    /// A second, by all threads together.
    fn rate<T>(&self, work: impl Fn(&Self) -> T + Sync) -> f64 {
        let began = BootTime::now();
        let one = || {
            let mut done = 0u64;
            while BootTime::now().since(began) < SIGNED_FOR {
                std::hint::black_box(work(self));
                done += 1;
            }
            done
        };
        let done: u64 = std::thread::scope(|scope| {
            let threads = [(); THREADS].map(|()| scope.spawn(one));
            threads.into_iter().map(|thread| thread.join().expect("a thread")).sum()
        });
        done as f64 / BootTime::now().since(began).as_secs_f64()
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
