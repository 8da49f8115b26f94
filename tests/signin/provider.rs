//! A real provider as a child process.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

const PROGRAM: &str = include_str!("provider/provider.mjs");

pub const CLIENT_SECRET: &str = "canary-client-secret-4711";

pub struct Provider {
    process: Child,
    pub port: u16,
    /// where it answers over TLS, if it does
    pub tls_port: Option<u16>,
    how: Value,
}

/// Where scripts/test has installed what the provider is made of.
fn installed() -> PathBuf {
    let told = std::env::var_os("CREDLEDGER_TEST_PROVIDER");
    PathBuf::from(
        told.expect(
            "CREDLEDGER_TEST_PROVIDER names where oidc-provider is installed; scripts/test does that",
        ),
    )
}

impl Provider {
    /// Of the accounts that the tests know, changed as `how` says.
    pub fn start(how: Value) -> Self {
        let mut whole = json!({
            "client_secret": CLIENT_SECRET,
            "accounts": {
                "ada": account("ada", &["everybody", "key-admins"]),
                "grace": account("grace", &["everybody"]),
                "unverified": {"claims": {"email": "ada@example.com", "email_verified": false, "groups": []}},
            },
        });
        whole.as_object_mut().expect("an object").extend(how.as_object().expect("an object").clone());
        let (process, port, tls_port) = start(&whole);
        Provider { process, port, tls_port, how: whole }
    }

    pub fn issuer(&self) -> String {
        match self.tls_port {
            Some(port) => format!("https://localhost:{port}"),
            None => format!("http://127.0.0.1:{}", self.port),
        }
    }

    pub fn stop(&mut self) {
        let _ = self.process.kill();
        self.process.wait().expect("its end");
    }

    /// Another process at the same place, with new keys, that remembers nothing.
    pub fn restart(&mut self, how: Value) {
        self.stop();
        let how = how.as_object().expect("an object").clone();
        let whole = self.how.as_object_mut().expect("an object");
        whole.extend(how);
        whole.insert("port".to_owned(), self.port.into());
        (self.process, self.port, self.tls_port) = start(&self.how);
    }
}

pub fn account(name: &str, groups: &[&str]) -> Value {
    json!({
        "claims": {
            "email": format!("{name}@example.com"),
            "email_verified": true,
            "name": name,
            "groups": groups,
            "org": ["own"],
        },
        "amr": ["pwd"],
    })
}

fn start(how: &Value) -> (Child, u16, Option<u16>) {
    let folder = installed();
    // Written whole under a name of its own: other tests may be starting theirs.
    let program = folder.join(format!("provider-{}.mjs", uuid::Uuid::now_v7().simple()));
    std::fs::write(&program, PROGRAM).expect("the provider's program");
    let mut process = Command::new("node")
        .arg(&program)
        .arg(how.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("node");
    let mut line = String::new();
    BufReader::new(process.stdout.take().expect("its output")).read_line(&mut line).expect("its port");
    std::fs::remove_file(&program).expect("the provider's program");
    let (port, tls_port) = line.trim_end_matches('\n').split_once(' ').unwrap_or_default();
    let port = port.parse().unwrap_or_else(|_| panic!("the provider does not start: {line:?}"));
    (process, port, tls_port.parse().ok())
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.stop();
    }
}
