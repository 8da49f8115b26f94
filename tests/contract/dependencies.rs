//! What is linked into the service: nothing that is banned, nothing from elsewhere, nothing under a licence that binds its
//! users, and nothing that nobody has argued for. Works from the lock file, without a network.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Crates that must not come in, not by way of others either.
const BANNED: [(&str, &str); 8] = [
    ("openssl", "ring and rustls are the one TLS stack"),
    ("openssl-sys", "ring and rustls are the one TLS stack"),
    ("native-tls", "ring and rustls are the one TLS stack"),
    ("aws-lc-rs", "ring is the one provider of cryptography, and builds in a tenth of the time"),
    ("aws-lc-sys", "ring is the one provider of cryptography, and builds in a tenth of the time"),
    ("zstd-sys", "a C build for a compression that nobody here asks for"),
    ("eventually-util", "it brings tokio 0.2 and its advisories; take eventually-core"),
    ("eventually-postgres", "it does not compile; the ledger is our own"),
];

/// Permissive ones, each read by us; a new one is added here by somebody who has read it.
const LICENCES: [&str; 10] = [
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "MIT",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "CDLA-Permissive-2.0",
    "0BSD",
];

const DIRECT: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn locked() -> Vec<toml::Table> {
    let lock: toml::Table = read("Cargo.lock").parse().expect("a lock file");
    let packages = lock["package"].as_array().expect("it lists packages");
    packages.iter().map(|package| package.as_table().expect("a package").clone()).collect()
}

fn text<'a>(package: &'a toml::Table, member: &str) -> &'a str {
    package.get(member).and_then(toml::Value::as_str).unwrap_or_default()
}

#[test]
fn no_banned_crate_is_locked() {
    let packages = locked();
    assert!(packages.len() > 100, "the lock file was not read whole");
    for package in &packages {
        let name = text(package, "name");
        let banned = BANNED.iter().find(|(banned, _)| *banned == name);
        assert!(banned.is_none(), "{name} is banned: {}", banned.map_or("", |(_, reason)| reason));
        let old_runtime = name == "tokio" && text(package, "version").starts_with("0.");
        assert!(!old_runtime, "a tokio before 1 has open advisories");
    }
}

#[test]
fn every_crate_comes_from_the_registry_with_its_checksum() {
    for package in locked().iter().filter(|package| text(package, "name") != env!("CARGO_PKG_NAME")) {
        let name = text(package, "name");
        assert!(text(package, "source").starts_with("registry+"), "{name} is not from the registry");
        assert_eq!(text(package, "checksum").len(), 64, "{name} has no checksum");
    }
}

#[test]
fn every_direct_dependency_is_argued_for() {
    let manifest: toml::Table = read("Cargo.toml").parse().expect("a manifest");
    let argued = read("docs/DEPENDENCIES.md");
    let subjects: Vec<&str> = argued.lines().filter_map(|line| line.split('`').nth(1)).collect();
    let direct = DIRECT.iter().filter_map(|kind| manifest.get(*kind)?.as_table()).flat_map(toml::Table::keys);
    for name in direct {
        assert!(
            subjects.contains(&name.as_str()),
            "docs/DEPENDENCIES.md has no line about `{name}`: what it is for, who keeps it, what was refused instead"
        );
    }
}

#[test]
fn every_licence_in_the_binary_is_one_we_have_read() {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--offline",
            "--prefix",
            "none",
            "--edges",
            "normal,build",
            "--format",
            "{p}\t{l}",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listed = String::from_utf8(output.stdout).expect("text");
    assert!(listed.lines().count() > 100, "the tree was not read whole");
    for line in listed.lines() {
        let (package, licence) = line.split_once('\t').expect("both were asked for");
        let licence = licence.trim_end_matches(" (*)");
        assert!(permitted(licence), "{package} is under {licence:?}, which nobody here has read");
    }
}

/// A choice needs one that is permitted; what is joined needs all. `AND` binds tighter than `OR`.
fn permitted(expression: &str) -> bool {
    let flat = expression.replace('/', " OR ");
    let mut words = flat.replace('(', " ( ").replace(')', " ) ");
    words = words.replace(" WITH ", "\u{1}");
    let words: Vec<String> = words.split_whitespace().map(|word| word.replace('\u{1}', " WITH ")).collect();
    let mut at = 0;
    let outcome = any_of(&words, &mut at);
    outcome && at == words.len()
}

fn any_of(words: &[String], at: &mut usize) -> bool {
    let mut outcome = all_of(words, at);
    while words.get(*at).is_some_and(|word| word == "OR") {
        *at += 1;
        let other = all_of(words, at);
        outcome = outcome || other;
    }
    outcome
}

fn all_of(words: &[String], at: &mut usize) -> bool {
    let mut outcome = one(words, at);
    while words.get(*at).is_some_and(|word| word == "AND") {
        *at += 1;
        let other = one(words, at);
        outcome = outcome && other;
    }
    outcome
}

fn one(words: &[String], at: &mut usize) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if word != "(" {
        return LICENCES.contains(&word.as_str());
    }
    let outcome = any_of(words, at);
    let closed = words.get(*at).is_some_and(|word| word == ")");
    *at += usize::from(closed);
    outcome && closed
}

#[test]
fn a_licence_expression_is_read_as_spdx_means_it() {
    let cases = [
        ("MIT", true),
        ("MIT OR GPL-3.0", true),
        ("MIT/GPL-3.0", true),
        ("MIT AND GPL-3.0", false),
        ("(MIT OR GPL-3.0) AND Unicode-3.0", true),
        ("GPL-3.0 OR MIT AND ISC", true),
        ("(GPL-3.0 OR MIT) AND GPL-2.0", false),
        ("Apache-2.0 WITH LLVM-exception OR GPL-2.0", true),
        ("GPL-3.0", false),
        ("(MIT", false),
        ("MIT ISC", false),
        ("", false),
    ];
    for (expression, expected) in cases {
        assert_eq!(permitted(expression), expected, "{expression}");
    }
}
