//! Rules for scanners of leaks: of the formats that this ledger has, held against what it made, and against code.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use credledger::domain::client_format::{self, ClientFormat};
use credledger::domain::key_format::{Checksum, KeyFormat, RANDOM_BYTES, compose};
use regex_lite::Regex;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::json;

use crate::support::service::{Service, text};

fn rules(service: &Service, tool: &[&str]) -> String {
    let output = run(service, tool);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn run(service: &Service, tool: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_credledger"));
    command.arg("leak-rules").args(tool).arg("--data-dir").arg(service.data_dir()).stdin(Stdio::null());
    let database = service.database.as_ref().expect("a database of its own");
    command.args(["--database-url", &database.url, "--database-admin-url", &database.admin_url]);
    command.args(["--allow-unsafe-database", "true"]).output().expect("the binary runs")
}

/// The expressions of a configuration of gitleaks.
fn gitleaks(config: &str) -> Vec<Regex> {
    let config: toml::Table = config.parse().expect("TOML");
    let rules = config["rules"].as_array().expect("rules");
    let expression = |rule: &toml::Value| {
        let keywords = rule["keywords"].as_array().expect("keywords");
        let lower = |word: &toml::Value| word.as_str().is_some_and(|word| word == word.to_lowercase());
        assert!(!keywords.is_empty() && keywords.iter().all(lower), "{rule:?}");
        Regex::new(rule["regex"].as_str().expect("a text")).expect("an expression")
    };
    rules.iter().map(expression).collect()
}

fn found<'t>(rules: &[Regex], text: &'t str) -> Vec<&'t str> {
    let hits = rules.iter().flat_map(|rule| rule.captures_iter(text));
    hits.filter_map(|hit| hit.get(1).map(|secret| secret.as_str())).collect()
}

fn random() -> [u8; RANDOM_BYTES] {
    let mut bytes = [0; RANDOM_BYTES];
    SystemRandom::new().fill(&mut bytes).expect("random bytes");
    bytes
}

#[test]
fn every_secret_of_every_format_is_found_and_none_in_this_code() {
    let service = Service::start();
    let root = service.root();
    let formats = [
        KeyFormat::new("acme_live_", 8, 24, Checksum::None).expect("a format"),
        KeyFormat::new("acme_live_", 6, 40, Checksum::Crc32).expect("a format"),
        KeyFormat::new("acme_", 12, 64, Checksum::Crc32).expect("a format"),
        KeyFormat::default(),
    ];
    let clients = ClientFormat::new("acme_id_", 20, "acme_secret_", 50).expect("a format");
    let tenant = root.tenant("acme", json!({"key_format": formats[0], "client_format": clients}));
    let mut secrets = vec![tenant.mint("k").secret, tenant.client("c").secret];
    for format in &formats[1..] {
        root.patch(&tenant.path(), &json!({"settings": {"key_format": format}})).expect(200);
        secrets.push(tenant.mint("k").secret);
    }
    secrets.push(root.token.clone().expect("a token"));
    let config = rules(&service, &[]);
    let rules_of = gitleaks(&config);
    for format in &formats {
        let made = std::iter::repeat_with(|| compose(format, &random()).expect("enough").secret);
        secrets.extend(made.take(2000).map(|secret| secret.reveal().to_owned()));
    }
    for format in [&clients, &ClientFormat::default()] {
        let made =
            std::iter::repeat_with(|| client_format::compose_secret(format, &random()).expect("enough"));
        secrets.extend(made.take(2000).map(|(secret, _)| secret.reveal().to_owned()));
    }
    let tokens =
        std::iter::repeat_with(|| compose(&KeyFormat::operator_tokens(), &random()).expect("enough"));
    secrets.extend(tokens.take(2000).map(|token| token.secret.reveal().to_owned()));
    for secret in &secrets {
        assert_eq!(found(&rules_of, &format!("KEY='{secret}'\n")), [secret], "{config}");
    }

    let (mut bytes, mut files) = (0, 0);
    for file in code(Path::new(env!("CARGO_MANIFEST_DIR"))) {
        let text = String::from_utf8_lossy(&std::fs::read(&file).expect("readable")).into_owned();
        let hits: Vec<&str> = found(&rules_of, &text).into_iter().filter(|hit| !is_an_example(hit)).collect();
        assert!(hits.is_empty(), "{}: {hits:?}", file.display());
        (bytes, files) = (bytes + text.len(), files + 1);
    }
    assert!(files > 500 && bytes > 2_000_000, "{files} files with {bytes} bytes are no large body of code");
}

/// What this code has that is written as a secret says that it is an example, or is one of few of the tests. This list may only
/// shrink.
fn is_an_example(hit: &str) -> bool {
    let of_tests = ["cl_live_1vXoUNdj", "cl_live_01234567", "cl_live_77777777", "cl_live_00000000"];
    let of_others = ["cl_operator_00000000", "cl_secret_00000000"];
    hit.contains("EXAMPLE") || of_tests.iter().chain(&of_others).any(|start| hit.starts_with(start))
}

fn code(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match path.is_dir() {
            true if name == "target" || name == "node_modules" || name.starts_with('.') => {}
            true => found.extend(code(&path)),
            false => found.push(path),
        }
    }
    found
}

#[test]
fn both_tools_are_told_the_same_of_imported_keys_too() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({}));
    let header = json!({"import": {"source": "elsewhere", "digest": {"algorithm": "sha256"},
                                   "format": {"prefix": "sk.live_", "alphabet": "base64url", "length": 40}}});
    let path = format!("{}/keys/import", tenant.path());
    let request = root.request("POST", &path).header("Content-Type", "application/x-ndjson");
    let answer = root.send(&request.body(format!("{header}\n").into_bytes()));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let config = rules(&service, &["--format", "gitleaks"]);
    let key = "sk.live_0123456789abcdef0123456789abcd-_";
    assert_eq!(found(&gitleaks(&config), &format!("key: {key};")), [key]);

    let yaml = rules(&service, &["--format", "trufflehog"]);
    let config: toml::Table = config.parse().expect("TOML");
    for rule in config["rules"].as_array().expect("rules") {
        let (id, regex) = (rule["id"].as_str().expect("a text"), rule["regex"].as_str().expect("a text"));
        let detector = format!("  - name: {id}\n    keywords:\n");
        assert!(yaml.contains(&detector) && yaml.contains(&format!("      token: '{regex}'\n")), "{yaml}");
    }
    assert_eq!(yaml.matches("  - name: ").count(), config["rules"].as_array().map_or(0, Vec::len));

    let refused = run(&service, &["--format", "other"]);
    let said = text(&json!(String::from_utf8_lossy(&refused.stderr)));
    assert!(!refused.status.success() && said.contains("gitleaks, trufflehog"), "{said}");
}
