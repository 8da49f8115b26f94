//! A service, a provider, and what both are set to.

use serde_json::{Value, json};

use crate::browser::{Browser, SITE};
use crate::provider::{CLIENT_SECRET, Provider};
use crate::support::client::Response;
use crate::support::service::{Service, eventually, text};

pub struct World {
    pub service: Service,
    pub provider: Provider,
    _secret: SecretFile,
}

pub struct SecretFile(pub std::path::PathBuf);

impl SecretFile {
    pub fn new() -> Self {
        let file = SecretFile(format!("/tmp/credledger-secret-{}", uuid::Uuid::now_v7().simple()).into());
        std::fs::write(&file.0, format!("{CLIENT_SECRET}\n")).expect("a file");
        file
    }
}

impl Drop for SecretFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl World {
    pub fn new(flags: &[&str]) -> Self {
        Self::with(json!({}), flags)
    }

    pub fn with(how: Value, flags: &[&str]) -> Self {
        let provider = Provider::start(how);
        let issuer = provider.issuer();
        let (service, secret) = service(&issuer, flags);
        World { service, provider, _secret: secret }
    }

    pub fn browser(&self, login: &str) -> Browser {
        Browser::new(self.service.address(), login)
    }

    /// An invitation by root; the operator's id.
    #[track_caller]
    pub fn invite(&self, body: Value) -> String {
        let invited = self.service.root().post("/api/admin/v1/operators", &body).expect(201);
        assert_eq!(invited["operator"]["status"], "invited");
        text(&invited["operator"]["id"])
    }

    /// Somebody who signs in and reaches all, as this role.
    #[track_caller]
    pub fn invited(&self, login: &str, role: &str) -> (Browser, String) {
        let all = role == "root";
        let mut body = json!({"email": format!("{login}@example.com"), "role": role});
        if !all {
            body["all_tenants"] = true.into();
        }
        let id = self.invite(body);
        let mut browser = self.browser(login);
        browser.signs_in();
        (browser, id)
    }

    #[track_caller]
    pub fn operator(&self, id: &str) -> Value {
        self.service.root().get(&format!("/api/admin/v1/operators/{id}")).expect(200)
    }

    pub fn operators(&self) -> usize {
        let page = self.service.root().get("/api/admin/v1/operators").expect(200);
        page["data"].as_array().expect("a list").len()
    }

    pub fn sign_ins(&self, outcome: &str) -> u64 {
        let page = self.service.anonymous().get("/metrics").text();
        let line = format!("credledger_sign_ins_total{{outcome=\"{outcome}\"}} ");
        let found = page.lines().find_map(|told| told.strip_prefix(&line));
        found.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("no {outcome} in {page}"))
    }

    /// Denied: the browser hears nothing but a reference, the log says this.
    #[track_caller]
    pub fn denied(&self, answer: &Response, outcome: &str, why: &str) {
        let status = match outcome {
            "provider_away" | "unavailable" => 503,
            "no_attempt" | "late" | "state" | "spent" | "mix_up" | "no_code" => 400,
            _ => 403,
        };
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        let page = answer.text();
        let reference = answer.header("x-request-id").expect("a reference");
        assert!(page.contains(reference) && !page.contains(why), "{page}");
        assert!(!page.contains("<script") && answer.header("content-security-policy").is_some());
        let told = eventually(|| {
            let log = self.service.log();
            log.lines().find(|line| line.contains(reference) && line.contains(outcome)).map(str::to_owned)
        });
        let told = told.unwrap_or_else(|| panic!("the log does not tell {outcome}:\n{}", self.service.log()));
        assert!(told.contains(why), "{told}");
        assert_ne!(self.sign_ins(outcome), 0);
    }
}

pub fn service(issuer: &str, flags: &[&str]) -> (Service, SecretFile) {
    let secret = SecretFile::new();
    let file = secret.0.to_str().expect("text");
    let mut all = vec![
        "--oidc-issuer",
        issuer,
        "--oidc-client-id",
        "console",
        "--oidc-client-secret-file",
        file,
        "--public-url",
        SITE,
    ];
    if !flags.contains(&"--log") {
        all.extend(["--log", "debug"]);
    }
    all.extend(flags);
    (Service::start_with(&all), secret)
}
