//! nginx's `auth_request`: Debian's package, run as a child of the test.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::application::{Application, Seen};
use crate::support::client::{Client, Request, Response};
use crate::support::service::{Service, eventually, signal_process};

const PROGRAMS: [&str; 3] = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"];
// The addresses of the documented configuration.
const NGINX: &str = "127.0.0.1:8000";
const APPLICATION: &str = "127.0.0.1:9000";
const CREDLEDGER: &str = "127.0.0.1:8080";
/// How often a port that was free a moment ago is looked for.
const ATTEMPTS: usize = 5;

/// The one block of docs/PROXIES.md, as it stands there.
fn documented() -> String {
    let page = include_str!("../../docs/PROXIES.md");
    let block = page.split("```nginx\n").nth(1).and_then(|rest| rest.split("```").next());
    let block = block.expect("docs/PROXIES.md has a block of nginx's configuration").to_owned();
    for address in [NGINX, APPLICATION, CREDLEDGER] {
        assert_eq!(block.matches(address).count(), 1, "{address}");
    }
    block
}

struct Nginx {
    process: Child,
    folder: PathBuf,
    address: SocketAddr,
}

impl Nginx {
    fn start(service: &Service, application: &Application) -> Nginx {
        let program = PROGRAMS.iter().find(|program| Path::new(program).exists());
        let program = program.expect("nginx is installed; scripts/test sees to it");
        let folder = service.folder().join("nginx");
        std::fs::create_dir(&folder).expect("a folder");
        for _ in 0..ATTEMPTS {
            let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
            let address = free.expect("a free port");
            std::fs::write(folder.join("nginx.conf"), configuration(service, application, address))
                .expect("writable");
            let mut command = Command::new(program);
            command.arg("-p").arg(&folder).arg("-c").arg(folder.join("nginx.conf"));
            command.arg("-e").arg(folder.join("error.log")).stdin(Stdio::null());
            let mut process = command.spawn().expect("nginx runs");
            let listens = eventually(|| match process.try_wait().expect("a look") {
                Some(_) => Some(false),
                None => TcpStream::connect(address).is_ok().then_some(true),
            });
            if listens == Some(true) {
                return Nginx { process, folder, address };
            }
        }
        panic!(
            "nginx did not start:\n{}",
            std::fs::read_to_string(folder.join("error.log")).unwrap_or_default()
        );
    }

    fn errors(&self) -> String {
        std::fs::read_to_string(self.folder.join("error.log")).unwrap_or_default()
    }

    #[track_caller]
    fn send(&self, request: &Request) -> Response {
        let answer = Client::new(self.address).send(request);
        assert_ne!(answer.status, 500, "{}", self.errors());
        answer
    }

    #[track_caller]
    fn get(&self, secret: &str) -> Response {
        self.send(&Request::new("GET", "/orders").bearer(secret))
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        signal_process(self.process.id(), "-TERM");
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("nginx's log:\n{}", self.errors());
        }
    }
}

/// One process in the foreground, which keeps everything in its own folder.
fn configuration(service: &Service, application: &Application, address: SocketAddr) -> String {
    let own = documented()
        .replace(NGINX, &address.to_string())
        .replace(APPLICATION, &application.address.to_string())
        .replace(CREDLEDGER, &service.address().to_string());
    let temporary =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|kind| format!("{kind}_temp_path {kind};"));
    format!(
        "daemon off; master_process off; pid nginx.pid;\nevents {{ }}\nhttp {{\naccess_log off;\n{}\n{own}}}\n",
        temporary.join("\n")
    )
}

struct World {
    service: Service,
    application: Application,
    nginx: Nginx,
}

fn world() -> World {
    let service = Service::start();
    let application = Application::start();
    let nginx = Nginx::start(&service, &application);
    World { service, application, nginx }
}

impl World {
    /// The one request that reached the application.
    #[track_caller]
    fn passed(&self) -> Seen {
        let mut seen = self.application.take();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen.remove(0)
    }

    #[track_caller]
    fn is_refused(&self, answer: &Response, status: u16, reason: &str) {
        assert_eq!((answer.status, answer.header("x-credential-refusal")), (status, Some(reason)));
        assert_eq!(answer.header("www-authenticate").is_some(), status == 401);
        assert_eq!(self.application.take().len(), 0, "a refused request reached the application");
    }
}

#[test]
fn an_accepted_key_passes_and_the_application_learns_who_it_is_but_not_the_key() {
    let world = world();
    let root = world.service.root();
    let tenant = root.tenant("acme", json!({}));
    let key = tenant.mint_with(json!({"name": "nächtlich", "scopes": ["orders:*", "invoices:read"]}));
    assert_eq!(world.nginx.get(&key.secret).status, 200);
    let seen = world.passed();
    let secret_id = key.minted["key"]["secrets"][0]["id"].as_str();
    for (name, value) in [
        ("x-credential-id", Some(key.id.as_str())),
        ("x-credential-kind", Some("api_key")),
        ("x-credential-name", Some("n%C3%A4chtlich")),
        ("x-credential-tenant", Some(tenant.id.as_str())),
        ("x-credential-scopes", Some("orders:* invoices:read")),
        ("x-credential-secret-id", secret_id),
        ("authorization", None),
    ] {
        assert_eq!(seen.header(name), value, "{name}");
    }
}

#[test]
fn a_key_of_many_long_scopes_and_a_long_name_passes_and_the_application_learns_that_the_list_was_cut() {
    let world = world();
    let root = world.service.root();
    let long = (0..99).map(|number| format!("s{number:03}:{}", "x".repeat(195)));
    let scopes: Vec<String> = long.chain(["orders:read".to_owned()]).collect();
    let name = "\u{20000}".repeat(100);
    let key = root.tenant("acme", json!({})).mint_with(json!({"name": name, "scopes": scopes}));
    assert_eq!(world.nginx.get(&key.secret).status, 200);
    let seen = world.passed();
    assert_eq!(seen.header("x-credential-scopes-truncated"), Some("true"));
    let told = seen.header("x-credential-scopes").expect("the scopes");
    assert!(told.split(' ').all(|scope| scopes.iter().any(|held| held == scope)), "{told}");
}

#[test]
fn what_a_caller_says_of_itself_never_reaches_the_application() {
    let world = world();
    let root = world.service.root();
    let key = root.tenant("acme", json!({})).mint_with(json!({"name": "a", "scopes": ["*"]}));
    let mut request = Request::new("GET", "/orders").bearer(&key.secret);
    for name in ["Id", "Kind", "Name", "Tenant", "Scopes", "Scopes-Truncated", "Secret-Id", "Refusal"] {
        request = request
            .header(&format!("X-Credential-{name}"), "forged")
            .header(&format!("x-credential-{name}"), "forged");
        request = request.header(&format!("X_Credential_{name}"), "forged");
    }
    assert_eq!(world.nginx.send(&request).status, 200);
    let seen = world.passed();
    assert_eq!(seen.header("x-credential-id"), Some(key.id.as_str()));
    for name in seen.names().filter(|name| name.replace('_', "-").starts_with("x-credential-")) {
        assert_ne!(seen.header(&name), Some("forged"), "{name}");
    }
}

#[test]
fn each_refusal_keeps_its_status_and_its_reason() {
    let world = world();
    let root = world.service.root();
    let tenant = root.tenant("acme", json!({}));
    let good = tenant.mint_with(json!({"name": "good", "scopes": ["orders:read"]}));
    let narrow = tenant.mint_with(json!({"name": "narrow", "scopes": ["invoices:read"]}));
    let elsewhere = tenant.mint_with(json!({
        "name": "elsewhere", "scopes": ["*"], "ip_rules": {"allow": [{"cidr": "203.0.113.0/24"}]}
    }));
    let here = tenant.mint_with(json!({
        "name": "here", "scopes": ["*"], "ip_rules": {"allow": [{"cidr": "127.0.0.1"}]}
    }));
    assert_eq!(world.nginx.get(&here.secret).status, 200);
    world.passed();
    world.is_refused(&world.nginx.get(&narrow.secret), 403, "insufficient_scope");
    world.is_refused(&world.nginx.get(&elsewhere.secret), 403, "ip_denied");
    // An address that the caller claims is not believed.
    let claimed = Request::new("GET", "/").bearer(&elsewhere.secret).header("X-Forwarded-For", "203.0.113.7");
    world.is_refused(&world.nginx.send(&claimed), 403, "ip_denied");
    world.is_refused(&world.nginx.send(&Request::new("GET", "/")), 401, "malformed");
    assert_eq!(world.nginx.get(&good.secret).status, 200);
    world.passed();
    good.revoke("leaked");
    world.is_refused(&world.nginx.get(&good.secret), 401, "revoked");
}

#[test]
fn what_cannot_be_read_is_refused_and_never_an_error_of_the_proxy() {
    let world = world();
    let root = world.service.root();
    let key = root.tenant("acme", json!({})).mint_with(json!({"name": "a", "scopes": ["*"]}));
    let with = |value: &str| Request::new("GET", "/").header("Authorization", value);
    for value in [
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "Bearer  two",
        "nonsense",
        "Bearer \u{e4}",
        &format!("Bearer {}x", key.secret),
    ] {
        world.is_refused(&world.nginx.send(&with(value)), 401, "malformed");
    }
    // As long as nginx lets pass in one line, beside a long path and as many other headers as fit.
    let mut long = Request::new("GET", &format!("/{}", "p".repeat(8000)));
    long = long
        .header("Authorization", &format!("Bearer {}", "k".repeat(8000)))
        .header("X-Long", &"x".repeat(8000));
    world.is_refused(&world.nginx.send(&long), 401, "malformed");
    let huge = world.nginx.send(&with(&format!("Bearer {}", "k".repeat(100_000))));
    assert_eq!(huge.status, 400, "nginx refuses it by itself");
    assert_eq!(world.application.take().len(), 0);
}

#[test]
fn a_key_beyond_its_rate_limit_is_403_with_the_reason_and_when_to_come_again() {
    let world = world();
    let root = world.service.root();
    let a_day = json!({"requests": 2, "per_seconds": 86_400});
    let key = json!({"name": "slow", "scopes": ["orders:read"], "rate_limit": a_day});
    let key = root.tenant("acme", json!({})).mint_with(key);
    for _ in 0..2 {
        let answer = world.nginx.get(&key.secret);
        assert_eq!((answer.status, answer.header("retry-after")), (200, None));
        world.passed();
    }
    for _ in 0..3 {
        let answer = world.nginx.get(&key.secret);
        world.is_refused(&answer, 403, "rate_limited");
        let seconds = answer.header("retry-after").and_then(|text| text.parse::<u32>().ok());
        assert!(seconds.is_some_and(|seconds| (1..=43_200).contains(&seconds)), "{seconds:?}");
    }
}

#[test]
fn a_flood_of_unknown_keys_is_401_and_then_403_and_a_key_that_works_passes_all_the_while() {
    let world = world();
    let root = world.service.root();
    let key = json!({"name": "a", "scopes": ["orders:read"]});
    let key = root.tenant("acme", json!({})).mint_with(key);
    // The service gives an address a guess back every 0.6 s, and this sends them far faster.
    let mut told_to_wait = 0;
    for sent in 0.. {
        let answer = world.nginx.get("cl_live_nonsense");
        if answer.status == 401 && sent < 20_000 {
            world.is_refused(&answer, 401, "malformed");
            continue;
        }
        assert!(sent >= 100, "only {sent} were answered");
        world.is_refused(&answer, 403, "rate_limited");
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(world.nginx.get(&key.secret).status, 200);
        world.passed();
        told_to_wait += 1;
        if told_to_wait == 10 {
            return;
        }
    }
}

#[test]
fn any_method_and_any_body_passes_or_is_refused_as_a_get_would_be() {
    let world = world();
    let root = world.service.root();
    let key = root.tenant("acme", json!({})).mint_with(json!({"name": "a", "scopes": ["*"]}));
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "BREW"] {
        let request = Request::new(method, "/orders").body(vec![b'x'; 900_000]);
        assert_eq!(world.nginx.send(&request.clone().bearer(&key.secret)).status, 200, "{method}");
        let seen = world.passed();
        assert_eq!((seen.method.as_str(), seen.body_bytes), (method, 900_000));
    }
    for method in ["POST", "PROPFIND", "BREW"] {
        let refused =
            world.nginx.send(&Request::new(method, "/orders").json(&json!({})).bearer("cl_live_nonsense"));
        world.is_refused(&refused, 401, "malformed");
    }
}

#[test]
fn a_service_that_does_not_answer_lets_nobody_pass_and_says_so() {
    let mut world = world();
    let secret = {
        let root = world.service.root();
        root.tenant("acme", json!({})).mint_with(json!({"name": "a", "scopes": ["*"]})).secret
    };
    assert_eq!(world.service.stop(), Some(0));
    let answer = world.nginx.get(&secret);
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert_eq!(world.application.take().len(), 0);
}
