//! The real binary, started for one test, and the actors who talk to it. Tests speak HTTP to it and nothing else.
#![allow(dead_code)] // each test binary uses its part of this

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::{Client, Request, Response};
use super::document;
use super::{Postgres, TestDatabase};

/// Far beyond what a start or a stop may take.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Service {
    /// none: the service's own private server
    pub database: Option<TestDatabase>,
    folder: PathBuf,
    flags: Vec<String>,
    process: Option<Child>,
    address: Option<SocketAddr>,
    first_token: String,
}

impl Service {
    /// Over a database of its own on the tests' server.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    pub fn start_with(flags: &[&str]) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let database = runtime.block_on(Postgres::database());
        let mut flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        for (flag, value) in [
            ("--database-url", database.url.as_str()),
            ("--database-admin-url", &database.admin_url),
            ("--allow-unsafe-database", "true"),
        ] {
            flags.extend([flag.to_owned(), value.to_owned()]);
        }
        Self::start_from(Some(database), flags)
    }

    /// Over a private PostgreSQL of its own.
    pub fn start_private(flags: &[&str]) -> Self {
        Self::start_from(None, flags.iter().map(|flag| (*flag).to_owned()).collect())
    }

    /// Its first start is yet to come.
    pub fn placed(flags: &[&str]) -> Self {
        Self::placed_on(None, flags.iter().map(|flag| (*flag).to_owned()).collect())
    }

    fn start_from(database: Option<TestDatabase>, flags: Vec<String>) -> Self {
        let mut service = Self::placed_on(database, flags);
        service.start_again();
        service
    }

    fn placed_on(database: Option<TestDatabase>, flags: Vec<String>) -> Self {
        let folder = PathBuf::from(format!("/tmp/credledger-{}", uuid::Uuid::now_v7().simple()));
        std::fs::create_dir(&folder).expect("a folder");
        Service { database, folder, flags, process: None, address: None, first_token: String::new() }
    }

    /// Starts the service on its data directory, for whoever looks after it.
    pub fn begin_start(&self) -> Child {
        let ready_file = self.ready_file();
        let _ = std::fs::remove_file(&ready_file);
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log_file()).expect("a log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_credledger"));
        command.arg("serve").args(["--listen", "127.0.0.1:0"]).arg("--data-dir").arg(self.data_dir());
        // A test asks as fast as it can; what a flag says goes before the environment.
        command
            .arg("--ready-file")
            .arg(&ready_file)
            .args(&self.flags)
            .env("CREDLEDGER_WORKERS", "2")
            .env("CREDLEDGER_OPERATOR_RATE_LIMIT", "none");
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a log")).stderr(log);
        command.spawn().expect("the binary starts")
    }

    fn ready_file(&self) -> PathBuf {
        self.folder.join("ready.json")
    }

    /// Starts the service on its data directory, and waits until it is ready.
    pub fn start_again(&mut self) {
        let (mut process, ready_file) = (self.begin_start(), self.ready_file());
        let ready = self.wait_for("the ready file", || {
            if let Some(status) = process.try_wait().expect("a look") {
                panic!("the service ended with {status}; the log says:\n{}", self.log());
            }
            let text = std::fs::read_to_string(&ready_file).ok()?;
            serde_json::from_str::<Value>(&text).ok()
        });
        self.process = Some(process);
        let url = ready["url"].as_str().expect("a url");
        self.address = url.strip_prefix("http://").and_then(|address| address.parse().ok());
        if let Some(token) = ready["operator_token"].as_str() {
            self.first_token = token.to_owned();
        }
    }

    pub fn data_dir(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn log_file(&self) -> PathBuf {
        self.folder.join("log")
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    pub fn address(&self) -> SocketAddr {
        self.address.expect("a started service")
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("a running service").id()
    }

    /// SIGTERM, and its exit.
    pub fn stop(&mut self) -> Option<i32> {
        self.signal("-TERM");
        self.ended()
    }

    /// SIGKILL: nothing is finished, nothing is said.
    pub fn kill(&mut self) {
        self.signal("-KILL");
        self.ended();
    }

    pub fn signal(&self, signal: &str) {
        signal_process(self.pid(), signal);
    }

    /// Its exit, which something else has caused.
    pub fn ended(&mut self) -> Option<i32> {
        let mut process = self.process.take().expect("a running service");
        let status = self.wait_for("the end of the service", || process.try_wait().expect("a wait"));
        status.code()
    }

    #[track_caller]
    fn wait_for<T>(&self, what: &str, look: impl FnMut() -> Option<T>) -> T {
        eventually(look).unwrap_or_else(|| panic!("{what} did not come; the log says:\n{}", self.log()))
    }

    /// The first operator, who is root.
    pub fn root(&self) -> Actor {
        self.actor(&self.first_token)
    }

    pub fn actor(&self, token: &str) -> Actor {
        Actor { token: Some(token.to_owned()), client: RefCell::new(Client::new(self.address())) }
    }

    pub fn anonymous(&self) -> Actor {
        Actor { token: None, client: RefCell::new(Client::new(self.address())) }
    }

    /// An operator of a role, made by root. No tenants: all of them.
    pub fn operator(&self, role: &str, tenants: &[&str]) -> Actor {
        let root = self.root();
        let body = match tenants {
            [] => json!({"name": role, "role": role, "all_tenants": true}),
            tenants => json!({"name": role, "role": role, "tenants": tenants}),
        };
        let operator = root.post("/api/admin/v1/operators", &body).expect(201);
        let id = operator["operator"]["id"].as_str().expect("an id");
        let token = root.post(&format!("/api/admin/v1/operators/{id}/tokens"), &json!({})).expect(201);
        self.actor(token["secret"].as_str().expect("a secret"))
    }

    pub fn gateway(&self) -> Actor {
        self.operator("gateway", &[])
    }

    /// What the service tells whoever presents this key.
    #[track_caller]
    pub fn whoami(&self, secret: &str) -> Response {
        self.actor(secret).get("/api/v1/whoami")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // A private PostgreSQL stops with the service in order; a killed one takes it along.
            signal_process(process.id(), "-CONT");
            signal_process(process.id(), "-TERM");
            if eventually(|| process.try_wait().ok().flatten()).is_none() {
                let _ = process.kill();
                let _ = process.wait();
            }
        }
        if std::thread::panicking() {
            eprintln!("the service's log:\n{}", self.log());
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub fn signal_process(pid: u32, signal: &str) {
    let _ = Command::new("kill").args([signal, &pid.to_string()]).stderr(Stdio::null()).status();
}

/// Looks again and again, without end but for patience; for conditions that come by themselves.
pub fn eventually<T>(look: impl FnMut() -> Option<T>) -> Option<T> {
    eventually_every(Duration::from_millis(10), look)
}

/// The same, for looks that are limited to so many in a while.
pub fn eventually_every<T>(pause: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if began.elapsed() > PATIENCE {
            return None;
        }
        std::thread::sleep(pause);
    }
}

/// Somebody with a token, or without one, on a connection of their own.
pub struct Actor {
    pub token: Option<String>,
    client: RefCell<Client>,
}

impl Actor {
    pub fn request(&self, method: &str, path: &str) -> Request {
        let request = Request::new(method, path);
        match &self.token {
            Some(token) => request.bearer(token),
            None => request,
        }
    }

    #[track_caller]
    pub fn send(&self, request: &Request) -> Response {
        let answer = self.client.borrow_mut().send(request);
        document::holds(request, &answer);
        answer
    }

    #[track_caller]
    pub fn try_send(&self, request: &Request) -> std::io::Result<Response> {
        let answer = self.client.borrow_mut().try_send(request)?;
        document::holds(request, &answer);
        Ok(answer)
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Response {
        self.send(&self.request("GET", path))
    }

    /// The same, asked again while what is read has not caught up with the ledger: a busy machine may take longer than a read waits.
    #[track_caller]
    pub fn get_caught_up(&self, path: &str) -> Response {
        self.send_caught_up(&self.request("GET", path))
    }

    #[track_caller]
    pub fn send_caught_up(&self, request: &Request) -> Response {
        let asked = eventually(|| {
            let answer = self.send(request);
            let behind = answer.status == 503 && answer.json()["code"] == "behind";
            (!behind).then_some(answer)
        });
        asked.expect("it catches up")
    }

    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Response {
        self.send(&self.request("POST", path).json(body))
    }

    #[track_caller]
    pub fn patch(&self, path: &str, body: &Value) -> Response {
        self.send(&self.request("PATCH", path).json(body))
    }

    #[track_caller]
    pub fn put(&self, path: &str, body: &Value) -> Response {
        self.send(&self.request("PUT", path).json(body))
    }

    pub fn delete(&self, path: &str) -> Response {
        self.send(&self.request("DELETE", path))
    }

    // ---- what admins do ----

    /// A tenant of this slug, with these settings.
    #[track_caller]
    pub fn tenant(&self, slug: &str, settings: Value) -> Tenant<'_> {
        let body = json!({"name": slug, "slug": slug, "settings": settings});
        let tenant = self.post("/api/admin/v1/tenants", &body).expect(201);
        Tenant { admin: self, id: text(&tenant["tenant"]["id"]) }
    }

    /// What the API layer is told of a text.
    #[track_caller]
    pub fn verify(&self, credential: &str) -> Verdict {
        self.verify_as(json!({"credential": credential}))
    }

    #[track_caller]
    pub fn verify_as(&self, question: Value) -> Verdict {
        Verdict(self.post("/api/v1/verify", &question).expect(200))
    }
}

/// A tenant, in the hands of an admin.
pub struct Tenant<'a> {
    pub admin: &'a Actor,
    pub id: String,
}

impl<'a> Tenant<'a> {
    pub fn path(&self) -> String {
        format!("/api/admin/v1/tenants/{}", self.id)
    }

    /// The same tenant, in somebody else's hands.
    pub fn seen_by<'b>(&self, admin: &'b Actor) -> Tenant<'b> {
        Tenant { admin, id: self.id.clone() }
    }

    #[track_caller]
    pub fn mint(&self, name: &str) -> Key<'a> {
        self.mint_with(json!({"name": name}))
    }

    #[track_caller]
    pub fn mint_with(&self, body: Value) -> Key<'a> {
        self.made("key", body)
    }

    #[track_caller]
    pub fn client(&self, name: &str) -> Key<'a> {
        self.client_with(json!({"name": name}))
    }

    #[track_caller]
    pub fn client_with(&self, body: Value) -> Key<'a> {
        self.made("client", body)
    }

    #[track_caller]
    fn made(&self, kind: &str, body: Value) -> Key<'a> {
        let collection = format!("{}/{kind}s", self.path());
        let minted = self.admin.post(&collection, &body).expect(201);
        let id = text(&minted[kind]["id"]);
        Key {
            admin: self.admin,
            path: format!("{collection}/{id}"),
            id,
            // A client that shows assertions has none.
            secret: minted["secret"].as_str().unwrap_or_default().to_owned(),
            minted,
        }
    }
}

/// A key, or a client, in the hands of the admin who minted it.
pub struct Key<'a> {
    pub admin: &'a Actor,
    pub path: String,
    pub id: String,
    pub secret: String,
    /// the whole answer of the mint
    pub minted: Value,
}

impl Key<'_> {
    #[track_caller]
    pub fn read(&self) -> Value {
        self.admin.get(&self.path).expect(200)
    }

    /// As it is but for its use, which every call moves.
    #[track_caller]
    pub fn read_unused(&self) -> Value {
        let mut read = self.read();
        let secrets = read["secrets"].as_array_mut().into_iter().flatten();
        for used in secrets.flat_map(Value::as_object_mut) {
            used.retain(|member, _| !member.starts_with("last_used_"));
        }
        let members = read.as_object_mut().expect("a resource");
        members.retain(|member, _| !member.starts_with("last_used_"));
        read
    }

    #[track_caller]
    pub fn history(&self) -> Vec<Value> {
        let page = self.admin.get(&format!("{}/history?limit=500", self.path)).expect(200);
        page["data"].as_array().expect("a list").clone()
    }

    #[track_caller]
    pub fn edit(&self, body: Value) -> Value {
        self.admin.patch(&self.path, &body).expect(200)
    }

    /// The new secret, and the whole answer.
    #[track_caller]
    pub fn rotate(&self, body: Value) -> (String, Value) {
        let rotated = self.admin.post(&format!("{}/rotate", self.path), &body).expect(201);
        (text(&rotated["secret"]), rotated)
    }

    /// The types of its events, oldest first.
    #[track_caller]
    pub fn told(&self) -> Vec<String> {
        self.history().iter().map(|event| text(&event["type"])).collect()
    }

    /// Where its secrets stand, oldest first.
    #[track_caller]
    pub fn secret_path(&self, index: usize) -> String {
        format!("{}/secrets/{}", self.path, text(&self.read()["secrets"][index]["id"]))
    }

    #[track_caller]
    pub fn revoke(&self, reason: &str) -> Value {
        self.admin.post(&format!("{}/revoke", self.path), &json!({"reason": reason})).expect(200)
    }
}

/// What verify said.
#[derive(Clone, Debug)]
pub struct Verdict(pub Value);

impl Verdict {
    #[track_caller]
    pub fn is_accepted(&self) -> &Value {
        assert_eq!(self.0["valid"], true, "{}", self.0);
        &self.0
    }

    #[track_caller]
    pub fn is_refused(&self, reason: &str) -> &Value {
        assert_eq!((&self.0["valid"], &self.0["reason"]), (&json!(false), &json!(reason)), "{}", self.0);
        &self.0
    }
}

/// Milliseconds since 1970 of an instant in an answer.
#[track_caller]
pub fn millis(value: &Value) -> i64 {
    let instant = value.as_str().and_then(credledger::clock::Timestamp::parse);
    instant.unwrap_or_else(|| panic!("no instant: {value}")).millis()
}

/// The window of the secret before the newest is this long. It is reckoned from the decision, which lies between an instant
/// before the rotation and the new secret's creation.
#[track_caller]
pub fn is_window_of(seconds: i64, before: &Value, key: &Value) {
    let secrets = key["secrets"].as_array().expect("secrets");
    let [.., old, new] = secrets.as_slice() else { panic!("no window: {key}") };
    let end = millis(&old["expires_at"]);
    let bounds = millis(before) + seconds * 1000..=millis(&new["created_at"]) + seconds * 1000;
    assert!(bounds.contains(&end), "{end} is not in {bounds:?}");
}

#[track_caller]
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
