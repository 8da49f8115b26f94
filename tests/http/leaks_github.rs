//! What GitHub's secret scanning sends: taken when it is signed, byte for byte.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use credledger::domain::base64url;
use serde_json::{Value, json};

use crate::support::scanner::{Scanner, base64, bytes_of, list, message};
use crate::support::service::{Service, eventually};
use crate::{acme, without_an_event};

const URL: &str = "https://github.com/octocat/Hello-World/blob/main/config.yml";
/// The order of the curve.
const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn folder() -> Folder {
    let folder = PathBuf::from(format!("/tmp/credledger-scanner-{}", uuid::Uuid::now_v7().simple()));
    std::fs::create_dir(&folder).expect("a fresh folder");
    Folder(folder)
}

/// A service that knows the scanner by a file.
fn knowing(scanner: &Scanner) -> (Service, Folder) {
    let folder = folder();
    let file = folder.0.join("keys.json");
    std::fs::write(&file, list(&[scanner])).expect("writable");
    let service = Service::start_with(&["--github-secret-scanning-keys-file", file.to_str().expect("text")]);
    (service, folder)
}

fn finding(token: &str) -> Value {
    json!({"token": token, "type": "acme_api_key", "url": URL, "source": "commit", "added_later": true})
}

fn hash(token: &str) -> String {
    let digest = credledger::vault::sha256(&[token.as_bytes()]);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_signed_message_ends_what_it_names_and_tells_which_are_real() {
    let scanner = Scanner::new("one");
    let (service, _folder) = knowing(&scanner);
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let (key, dead) = (tenant.mint("k"), tenant.mint("dead"));
    dead.revoke("other");
    let found = json!([
        finding(&key.secret), 7, {"type": "no token"}, finding("cl_live_nothing"), finding(&dead.secret), {"token": "x"}
    ]);
    let labels = scanner.says(&service, &found).expect(200);
    let label = |token: &str, kind: &str, label: &str| json!({"token_hash": hash(token), "token_type": kind, "label": label});
    assert_eq!(
        labels,
        json!([
            label(&key.secret, "acme_api_key", "true_positive"),
            label("cl_live_nothing", "acme_api_key", "false_positive"),
            label(&dead.secret, "acme_api_key", "true_positive"),
            label("x", "", "false_positive"),
        ])
    );
    gateway.verify(&key.secret).is_refused("revoked");
    let leak = &key.read()["leak"];
    assert_eq!(
        (&leak["reporter"], &leak["source"], &leak["url"]),
        (&json!("scanner"), &json!("commit"), &json!(URL))
    );
    assert_eq!(dead.told().last().map(String::as_str), Some("api_key.leak_reported"));
    // Again, and reworded: nothing new.
    without_an_event(&root, || assert_eq!(scanner.says(&service, &found).expect(200), labels));
    assert!(!service.log().contains(&key.secret));
}

#[test]
fn a_clients_secret_alone_is_told_to_be_real() {
    let scanner = Scanner::new("one");
    let (service, _folder) = knowing(&scanner);
    let root = service.root();
    let (client, flagged) =
        (acme(&root).client("c"), root.tenant("flag", json!({"on_leak": "flag"})).client("f"));
    let guess = format!("{}{}", &client.secret[..client.secret.len() - 22], "0".repeat(22));
    let found = [&client.secret, &guess, &flagged.secret];
    let labels = scanner.says(&service, &found.map(|token| finding(token)).into()).expect(200);
    let labels: Vec<_> =
        labels.as_array().expect("labels").iter().map(|label| label["label"].clone()).collect();
    assert_eq!(labels, ["true_positive", "false_positive", "true_positive"]);
    assert_eq!((&client.read()["status"], &flagged.read()["status"]), (&json!("revoked"), &json!("active")));
    assert_eq!(flagged.read()["leak"]["reporter"], "scanner");
    assert!(!service.log().contains(&client.secret));
}

#[test]
fn what_cannot_be_kept_of_where_it_was_is_left_out_and_the_leak_is_reported_all_the_same() {
    let scanner = Scanner::new("one");
    let (service, _folder) = knowing(&scanner);
    let root = service.root();
    let tenant = acme(&root);
    for (source, url) in [
        (json!("\u{202e}"), json!("")),
        (json!(7), json!("some_url")),
        (json!("s".repeat(101)), json!(format!("https://{}", "u".repeat(3000)))),
    ] {
        let key = tenant.mint("k");
        let found = json!([{"token": key.secret, "type": "t", "source": source, "url": url}]);
        scanner.says(&service, &found).expect(200);
        let leak = &key.read()["leak"];
        assert_eq!((&leak["source"], &leak["url"]), (&json!("unknown"), &json!(null)), "{leak}");
    }
    let key = tenant.mint("k");
    let url = format!("https://github.com/?q={}", key.secret);
    scanner.says(&service, &json!([{"token": key.secret, "source": key.secret, "url": url}])).expect(200);
    let leak = &key.read()["leak"];
    assert_eq!((&leak["source"], &leak["url"]), (&json!("unknown"), &json!(null)), "{leak}");
}

#[test]
fn a_message_that_is_not_proved_changes_nothing() {
    let (scanner, stranger) = (Scanner::new("one"), Scanner::new("one"));
    let (service, _folder) = knowing(&scanner);
    let (root, gateway) = (service.root(), service.gateway());
    let key = acme(&root).mint("k");
    let body = json!([finding(&key.secret)]).to_string().into_bytes();
    let spaced = [&b" "[..], &body].concat();
    let good = scanner.signature(&body);
    let mut cut = good.clone();
    cut.pop();
    let unsigned = |missing: &str| {
        let mut request = scanner.signed(&body);
        request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case(missing));
        request
    };
    let twice = scanner.signed(&body).header("Github-Public-Key-Identifier", "one");
    without_an_event(&root, || {
        for request in [
            stranger.signed(&body),
            message("two", &base64(&good), &body),
            message("one", &base64(&good), &spaced),
            message("one", &base64(&cut), &body),
            message("one", &base64(&[0; 64]), &body),
            message("one", "", &body),
            message("one", "no base64!", &body),
            message("one", &base64url::encode(&[0xfb; 70]), &body),
            // What is no JSON is not even looked at.
            message("one", &base64(&good), b"{"),
            unsigned("Github-Public-Key-Identifier"),
            unsigned("Github-Public-Key-Signature"),
            twice,
        ] {
            service.anonymous().try_send(&request).expect("an answer").problem(403, "forbidden");
        }
    });
    gateway.verify(&key.secret).is_accepted();
    // Signed, and nonsense.
    for nonsense in ["{", "{}", "7", "\"x\""] {
        let request = scanner.signed(nonsense.as_bytes());
        service.anonymous().send(&request).problem(400, "invalid_request");
    }
    assert_eq!(scanner.says(&service, &json!([])).expect(200), json!([]));
}

/// The other signature that holds as well, with s taken from the curve's order: signers differ in which they give.
fn with_the_other_s(der: &[u8]) -> Vec<u8> {
    let integer = |at: usize| {
        let length = usize::from(der[at + 1]);
        (&der[at + 2..at + 2 + length], at + 2 + length)
    };
    let (r, next) = integer(2);
    let (s, _) = integer(next);
    let padded = |bytes: &[u8]| {
        let bytes = bytes.strip_prefix(&[0]).unwrap_or(bytes);
        [vec![0; 32 - bytes.len()], bytes.to_vec()].concat()
    };
    let (order, s) = (bytes_of(ORDER), padded(s));
    let (mut other, mut borrow) = (vec![0; 32], 0);
    for place in (0..32).rev() {
        let difference = i16::from(order[place]) - i16::from(s[place]) - borrow;
        borrow = i16::from(difference < 0);
        other[place] = u8::try_from(difference + 256 * borrow).expect("a byte");
    }
    let start = other.iter().position(|byte| *byte != 0).expect("not zero");
    let sign = if other[start] >= 0x80 { vec![0] } else { Vec::new() };
    let other = [sign, other[start..].to_vec()].concat();
    let r = [vec![2, u8::try_from(r.len()).expect("short")], r.to_vec()].concat();
    let s = [vec![2, u8::try_from(other.len()).expect("short")], other].concat();
    [vec![0x30, u8::try_from(r.len() + s.len()).expect("short")], r, s].concat()
}

#[test]
fn either_s_of_a_signature_holds() {
    let scanner = Scanner::new("one");
    let (service, _folder) = knowing(&scanner);
    let body = b"[]";
    let given = scanner.signature(body);
    let other = with_the_other_s(&given);
    assert_ne!(given, other);
    for signature in [given, other] {
        service.anonymous().send(&message("one", &base64(&signature), body)).expect(200);
    }
}

#[test]
fn without_the_scanners_keys_its_messages_are_refused_and_told_how_to_change_that() {
    let service = Service::start();
    let problem = Scanner::new("one").says(&service, &json!([])).problem(403, "forbidden");
    assert!(
        problem["detail"].as_str().is_some_and(|detail| detail.contains("github_secret_scanning_keys_url")),
        "{problem}"
    );
}

/// Serves the files of its folder over TLS, for as long as it lives.
struct Publisher {
    process: Child,
    port: u16,
}

impl Publisher {
    fn start(folder: &Folder) -> Self {
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        for args in [
            format!("req -x509 {key} -days 2 -subj /CN=ours -keyout ca.key -out ca.pem"),
            format!("req {key} -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout key.pem -out csr.pem"),
            "x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -copy_extensions copy -out cert.pem"
                .to_owned(),
        ] {
            let made = openssl(folder, &args).output().expect("openssl");
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        }
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("bound").port();
        drop(free);
        let serve = format!("s_server -accept 127.0.0.1:{port} -cert cert.pem -key key.pem -WWW -quiet");
        let process = openssl(folder, &serve).spawn().expect("openssl");
        let answers = || std::net::TcpStream::connect(("127.0.0.1", port)).ok();
        eventually(answers).expect("it serves");
        Publisher { process, port }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn openssl(folder: &Folder, args: &str) -> Command {
    let mut command = Command::new("openssl");
    command.current_dir(&folder.0).args(args.split_whitespace());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

#[test]
fn the_keys_are_asked_for_over_tls_where_the_scanner_publishes_them() {
    let (scanner, later) = (Scanner::new("one"), Scanner::new("later"));
    let folder = folder();
    std::fs::write(folder.0.join("keys.json"), list(&[&scanner])).expect("writable");
    let publisher = Publisher::start(&folder);
    let url = format!("https://localhost:{}/keys.json", publisher.port);
    let roots = folder.0.join("ca.pem");
    let roots = roots.to_str().expect("text");
    let service = Service::start_with(&[
        "--github-secret-scanning-keys-url",
        &url,
        "--github-secret-scanning-ca-file",
        roots,
    ]);
    let (root, gateway) = (service.root(), service.gateway());
    let key = acme(&root).mint("k");
    scanner.says(&service, &json!([finding(&key.secret)])).expect(200);
    gateway.verify(&key.secret).is_refused("revoked");
    // It was asked a moment ago, and is not asked again for every key that somebody names.
    std::fs::write(folder.0.join("keys.json"), list(&[&scanner, &later])).expect("writable");
    later.says(&service, &json!([])).problem(403, "forbidden");
    drop(publisher);
    scanner.says(&service, &json!([])).expect(200);

    // Under another authority's roots nobody is believed, and that is not the message's fault.
    let strange = Service::start_with(&["--github-secret-scanning-keys-url", &url]);
    scanner.says(&strange, &json!([])).problem(503, "unavailable");
}
