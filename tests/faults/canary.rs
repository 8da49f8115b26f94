//! P6: secrets are seen once. After a day in the life of a service that logs all it can, every byte that it wrote is searched.

mod clients;
mod leaks;
pub mod search;

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use self::clients::has_clients;
use self::leaks::Scanning;
use self::search::Needles;
use crate::library;
use crate::processes::{owner, postmaster, status_line};
use crate::support::client::Request;
use crate::support::service::{Actor, Key, Service, Tenant, eventually, text};

/// What no byte may show, and what must be found for the search to be worth anything.
struct Told {
    hidden: Needles,
    shown: Vec<(&'static str, String)>,
    /// what was exported, by path
    exports: Vec<(String, String)>,
}

#[test]
fn p6_no_secret_no_token_and_no_idempotency_key_is_in_any_byte_that_was_written() {
    let scanning = Scanning::new();
    let flags = ["--log", "trace", "--github-secret-scanning-keys-file", scanning.flag()];
    let mut service = Service::start_private(&flags);
    assert_closed_to_dumps(&service);
    let told = a_day(&service, &scanning);
    library::block_on(async {
        let superuser = library::superuser(&service).await;
        superuser.batch_execute("checkpoint").await.expect("what is in memory goes to disk");
    });
    let mut told = told;
    library::block_on(signing_keys(&service, &mut told.hidden));
    let dump = dump(&service);
    service.stop();
    for (path, export) in &told.exports {
        told.hidden.are_not_in(path, export.as_bytes());
    }
    told.hidden.are_not_in("the dump", &dump);
    let files = search::files(service.folder());
    for (path, bytes) in &files {
        if !path.ends_with("ready.json") {
            told.hidden.are_not_in(&path.display().to_string(), bytes);
        }
    }
    master_keys(&service).are_not_in("the dump", &dump);
    for (path, bytes) in files.iter().filter(|(path, _)| !path.ends_with("master.key")) {
        master_keys(&service).are_not_in(&path.display().to_string(), bytes);
    }
    // The search can find: what may be known is there, in the tables, the write-ahead log and the service's own log.
    for (place, text) in &told.shown {
        let found = match *place {
            "dump" => Needles::of("shown", [text.as_str()]).found_in(&dump).is_some(),
            place => files
                .iter()
                .filter(|(path, _)| {
                    path.strip_prefix(service.folder()).is_ok_and(|path| path.starts_with(place))
                })
                .any(|(_, bytes)| Needles::of("shown", [text.as_str()]).found_in(bytes).is_some()),
        };
        assert!(found, "{text:?} was not found in {place}: is the search blind?");
    }
}

/// Keys from elsewhere: neither their texts nor their digests, nor the key of the digests, are written anywhere.
fn moves_in(tenant: &Tenant<'_>, gateway: &Actor, hidden: &mut Needles) {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let hmac_key = b"the key of another product";
    let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, hmac_key);
    let shown = credledger::domain::base64url::encode(hmac_key);
    for (digest, keyed) in [
        (json!({"algorithm": "sha256"}), false),
        (json!({"algorithm": "hmac_sha256", "hmac_key": shown}), true),
    ] {
        let secret_part = if keyed { "kV9wq3LtZr7YpX2mNc8BhJ5sDf" } else { "u4TgQ6zEoR1iWnA0jKbM3xPvSy" };
        let text = format!("moved_Ab1dEf2h{secret_part}");
        let made = match keyed {
            true => ring::hmac::sign(&secret, text.as_bytes()).as_ref().to_vec(),
            false => credledger::vault::sha256(&[text.as_bytes()]).to_vec(),
        };
        let format = json!({"prefix": "moved_", "alphabet": "base62", "length": 40});
        let header = json!({"import": {"source": "elsewhere", "format": format, "digest": digest}});
        let line = json!({"old_id": format!("{keyed}"), "name": "moved", "digest": hex(&made)});
        let path = format!("{}/keys/import", tenant.path());
        let request = tenant.admin.request("POST", &path).header("Content-Type", "application/x-ndjson");
        let answer = tenant.admin.send(&request.body(format!("{header}\n{line}\n{{\n").into_bytes()));
        assert!(answer.text().contains("\"imported\""), "{}", answer.text());
        gateway.verify(&text).is_accepted();
        hidden.add("an imported key", &text);
        hidden.add("a foreign digest", &hex(&made));
        hidden.add("a foreign digest in base64url", &credledger::domain::base64url::encode(&made));
    }
    hidden.add("the key of foreign digests", "the key of another product");
    hidden.add("the key of foreign digests in base64url", &shown);
}

/// The private halves of the keys that sign tokens, those that were made and those that were brought, as their seals hold them.
async fn signing_keys(service: &Service, hidden: &mut Needles) {
    let (client, vault) = (library::superuser(service).await, library::vault(service));
    let rows = client.query("select kid, sealed from credledger.sealed_keys", &[]).await.expect("rows");
    assert!(rows.len() >= 5, "only {} private halves are kept", rows.len());
    for row in rows {
        let (kid, sealed): (String, Vec<u8>) = (row.get(0), row.get(1));
        let context = [b"credledger signing key\0".as_slice(), kid.as_bytes()].concat();
        let der = vault.open(&context, &sealed).expect("it opens under its own name");
        // What is private of each kind: the scalar, the seed, and of RSA what comes behind the modulus.
        let private = match der.len() {
            length if length < 100 => &der[18..46],
            length if length < 300 => &der[38..66],
            length => &der[length / 2..length / 2 + 200],
        };
        hidden.add_bytes(&format!("the private half of {kid}"), private);
    }
}

/// Keys are rotated, and brought, and brought wrongly.
fn rotates(root: &Actor, hidden: &mut Needles) {
    let whole = include_str!("../../src/vault/private_key_test.pem");
    let path = "/api/admin/v1/signing-keys/rotate";
    for name in ["p256", "ed25519", "rsa2048", "sec1", "p384"] {
        let start = whole.find(&format!("# {name}\n")).expect("a key of that name") + name.len() + 3;
        let pem = whole[start..].split("\n# ").next().expect("its text");
        let answer = root.post(path, &json!({"private_key": pem}));
        assert_eq!(answer.status, if ["sec1", "p384"].contains(&name) { 400 } else { 200 });
        // Of an RSA key the first half says what is public.
        let lines: Vec<&str> = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let private = if name == "rsa2048" { &lines[lines.len() / 2..] } else { &lines[..1] };
        private.iter().for_each(|line| hidden.add(&format!("a line of {name}"), line));
    }
    root.post(path, &json!({"algorithm": "EdDSA"})).expect(200);
    root.get("/.well-known/jwks.json").expect(200);
    root.get("/api/admin/v1/signing-keys").expect(200);
}

/// Everything that holds or shows a secret, once, and everything that people get wrong with one.
fn a_day(service: &Service, scanning: &Scanning) -> Told {
    let root = service.root();
    let gateway = service.gateway();
    let tenant = root.tenant("canary", json!({}));
    let org_admin = service.operator("org_admin", &[&tenant.id]);
    let mut hidden = Needles::default();
    for (who, actor) in [("root", &root), ("gateway", &gateway), ("org_admin", &org_admin)] {
        hidden.add(&format!("the token of {who}"), actor.token.as_deref().expect("a token"));
    }
    let key = tenant.mint("seen in lists");
    let (rotated, _) = key.rotate(json!({"grace_seconds": 3600}));
    let (newest, _) = key.rotate(json!({"grace_seconds": 3600}));
    let own = tenant.mint("ends itself");
    let client = has_clients(&tenant, &gateway, &mut hidden);
    for (what, secret) in [
        ("a minted", &key.secret),
        ("a rotated", &rotated),
        ("the newest", &newest),
        ("an ended", &own.secret),
    ] {
        hidden.add(&format!("{what} secret"), secret);
    }
    for secret in [&key.secret, &rotated, &newest] {
        gateway.verify(secret).is_accepted();
        gateway.verify_as(json!({"credential": secret, "scopes": ["not.given"], "client_ip": "192.0.2.1", "operation": "o"}));
    }
    gateway
        .post(
            "/api/v1/verify/batch",
            &json!({"items": [{"credential": newest}, {"credential": format!("{newest}x")}]}),
        )
        .expect(200);
    moves_in(&tenant, &gateway, &mut hidden);
    let page = scanning.has_leaks(service, &tenant, &mut hidden);
    rotates(&root, &mut hidden);
    mistakes(service, &gateway, &newest);
    repeats(&org_admin, &key, &mut hidden);
    let ending = service.actor(&own.secret);
    ending.get("/api/v1/whoami").expect(200);
    ending.post("/api/v1/self/revoke", &json!({})).expect(200);
    ending.get("/api/v1/whoami").problem(401, "unauthorized");
    key.history();
    root.get("/metrics");
    let prefix = text(&key.minted["key"]["secrets"][0]["prefix"]);
    let shown = vec![
        ("dump", "seen in lists".to_owned()),
        ("dump", page),
        ("dump", prefix.clone()),
        ("dump", client.clone()),
        ("data/postgres/pg_wal", client),
        ("data/postgres/base", prefix.clone()),
        ("data/postgres/pg_wal", prefix),
        ("log", "/api/v1/self/revoke".to_owned()),
        ("log", "TRACE".to_owned()),
    ];
    let exports = exports(&root, &tenant, &key);
    Told { hidden, shown, exports }
}

/// Everything that is told as a whole, in each of its forms; none of them is empty.
fn exports(root: &Actor, tenant: &Tenant<'_>, key: &Key<'_>) -> Vec<(String, String)> {
    let read = |path: String, shown: &str| {
        // A call shows a moment after its verdict.
        let export =
            eventually(|| Some(root.get_caught_up(&path).text()).filter(|text| text.contains(shown)));
        (path, export.unwrap_or_else(|| panic!("the export shows {shown}")))
    };
    let forms = ["csv", "ndjson"].into_iter().flat_map(|form| {
        [
            (format!("{}/audit?format={form}", tenant.path()), "seen in lists"),
            (format!("{}/history?format={form}", key.path), "seen in lists"),
            (format!("{}/activity?format={form}", tenant.path()), key.id.as_str()),
        ]
    });
    let feed = ("/api/admin/v1/ledger/events?format=ndjson".to_owned(), "seen in lists");
    forms.chain([feed]).map(|(path, shown)| read(path, shown)).collect()
}

/// A secret in every place where people put one by mistake.
fn mistakes(service: &Service, gateway: &Actor, secret: &str) {
    let anyone = service.anonymous();
    let truncated = &secret[..secret.len() - 3];
    for header in [
        format!("Bearer  {secret}"),
        format!("Bearer {secret} "),
        format!("Bearer {truncated}"),
        format!("Bearer {secret}{secret}"),
        format!("Bearer {secret}, Bearer {secret}"),
        format!("Basic {secret}"),
        format!("Token {secret}"),
        secret.to_owned(),
        format!("Bearer \"{secret}\""),
    ] {
        for path in ["/api/v1/whoami", "/api/v1/authorize", "/api/admin/v1/tenants"] {
            anyone.send(&Request::new("GET", path).header("Authorization", &header));
        }
        gateway.verify_as(json!({"credential": header}));
    }
    anyone.get(&format!("/api/v1/whoami?access_token={secret}"));
    anyone.get(&format!("/api/v1/authorize?token={secret}"));
    let forwarded = Request::new("GET", "/api/v1/authorize").bearer(truncated);
    anyone.send(
        &forwarded.header("X-Forwarded-Uri", &format!("/things?key={secret}")).header("Cookie", secret),
    );
    for body in [
        json!({"credential": secret, "tenant": secret}),
        json!({"credential": secret, "client_ip": secret}),
        json!({"credential": secret, "scopes": [secret]}),
        json!({"credential": [secret]}),
        json!({secret: true}),
    ] {
        gateway.send(&gateway.request("POST", "/api/v1/verify").json(&body));
    }
    // In the activity log too: what a verdict leaves, and what is reported.
    let call = json!({"provider": "p", "error": format!("it sent {secret}")});
    let question = json!({"credential": secret, "operation": secret, "record": true, "call": call});
    gateway.send(&gateway.request("POST", "/api/v1/verify").header("X-Request-Id", secret).json(&question));
    let calls = json!({"calls": [{"credential_id": uuid::Uuid::now_v7(), "operation": secret, "model": format!("m {secret}")}]});
    gateway.send(&gateway.request("POST", "/api/v1/activity").json(&calls));
    let calls =
        json!({"calls": [{"credential_id": uuid::Uuid::now_v7(), "request_id": format!("req-{secret}")}]});
    gateway.send(&gateway.request("POST", "/api/v1/activity").json(&calls));
    request_ids(gateway, secret);
    let broken = format!("{{\"credential\": \"{secret}\"");
    let request = gateway.request("POST", "/api/v1/verify").header("Content-Type", "application/json");
    gateway.send(&request.body(broken.into_bytes())).problem(400, "invalid_request");
}

/// Whatever stands around it: the log, events and rows of calls tell another id, and so does the answer.
fn request_ids(gateway: &Actor, secret: &str) {
    for id in
        [secret.to_owned(), format!("req-{secret}"), format!("req_{secret}.2"), format!("{secret}-retry-1")]
    {
        let question = json!({"credential": secret, "record": true});
        let judged = gateway.request("POST", "/api/v1/verify").header("X-Request-Id", &id).json(&question);
        let refused =
            gateway.request("POST", "/api/admin/v1/tenants").header("X-Request-Id", &id).json(&json!({}));
        for request in [judged, refused] {
            let answer = gateway.send(&request);
            let told = answer.header("X-Request-Id").expect("a request id").to_owned();
            assert!(!told.contains(secret) && !answer.text().contains(secret), "{}", told.len());
        }
    }
}

fn repeats(admin: &Actor, key: &Key<'_>, hidden: &mut Needles) {
    let keys = key.path.rsplit_once('/').expect("a path").0.to_owned();
    let repeat_key = "idempotency-canary-bx71-vq08-mmz5";
    hidden.add("an Idempotency-Key", repeat_key);
    let mint =
        |body| admin.send(&admin.request("POST", &keys).header("Idempotency-Key", repeat_key).json(&body));
    let minted = mint(json!({"name": "repeated"})).expect(201);
    assert_eq!(mint(json!({"name": "repeated"})).expect(201)["secret"], minted["secret"]);
    hidden.add("a repeated secret", &text(&minted["secret"]));
    assert_eq!(mint(json!({"name": "another"})).status, 422);
    let quoted = "\"idempotency-canary-quoted-77aa\"";
    hidden.add("a quoted Idempotency-Key", quoted.trim_matches('"'));
    let rotate = admin.request("POST", &format!("{}/rotate", key.path)).header("Idempotency-Key", quoted);
    let rotated = admin.send(&rotate.json(&json!({"grace_seconds": 60}))).expect(201);
    hidden.add("a secret rotated with a key", &text(&rotated["secret"]));
}

fn master_keys(service: &Service) -> Needles {
    let file = std::fs::read_to_string(service.data_dir().join("master.key")).expect("the master keys");
    let keys: Vec<&str> = file.split_whitespace().filter(|word| word.len() == 64).collect();
    assert!(!keys.is_empty(), "the file holds a key");
    Needles::of("a master key", keys)
}

/// With the pg_dump of the server that runs.
fn dump(service: &Service) -> Vec<u8> {
    let pid = postmaster(service).expect("a private PostgreSQL");
    let server = std::fs::read_link(format!("/proc/{pid}/exe")).expect("its program");
    let output = Command::new(server.with_file_name("pg_dump"))
        .arg("--host")
        .arg(service.data_dir().join("run"))
        .args(["--username", "postgres", "--no-password", "credledger"])
        .stderr(Stdio::inherit())
        .output()
        .expect("pg_dump runs");
    assert!(output.status.success() && output.stdout.len() > 10_000, "a whole dump");
    output.stdout
}

/// Memory holds key material, so none of it may be written by the system either.
fn assert_closed_to_dumps(service: &Service) {
    let pid = service.pid();
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).expect("it runs");
    let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).expect("a limit");
    let core: Vec<&str> = core.split_whitespace().collect();
    assert_eq!(core[..2], ["0", "0"], "soft and hard");
    // The files of a process that may not be dumped belong to root, whoever it runs as.
    let runs_as = status_line(pid, "Uid");
    assert_ne!(runs_as.split_whitespace().next(), Some("0"), "it does not run as root");
    assert_eq!(owner(Path::new(&format!("/proc/{pid}/status"))), 0, "it is not dumpable");
}
