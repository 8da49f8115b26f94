//! A ledger worth forging, and the attacker's way into its tables.

use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::library;
use crate::support::service::{Actor, Service, eventually, text};

pub const ROWS: [&str; 8] = [
    "imports",
    "signing_keys",
    "tenants",
    "members",
    "operators",
    "operator_tokens",
    "credentials",
    "secrets",
];

/// A key, and the id and text of one of its secrets.
pub struct Known {
    pub id: String,
    pub secret: String,
    pub text: String,
}

pub struct Ledger {
    pub service: Service,
    pub tenant: String,
    /// suspended
    pub other: String,
    /// an org_admin
    pub operator: String,
    gateway: String,
    pub narrow: Known,
    pub wide: Known,
    /// of the other tenant
    pub foreign: Known,
    pub revoked: Known,
    pub dated: Known,
    /// a disabled member, and a key of it
    pub member: String,
    pub owned: Known,
    /// the secret whose grace window runs
    pub rotated: Known,
}

fn known(key: &Value, secret: &str) -> Known {
    let first = &key["key"]["secrets"][0];
    Known { id: text(&key["key"]["id"]), secret: text(&first["id"]), text: secret.to_owned() }
}

impl Ledger {
    pub fn new() -> Self {
        // Its tokens are its own after a start on another port.
        let service = Service::start_with(&["--public-url", "https://keys.example"]);
        let root = service.root();
        let (tenant, other) = (root.tenant("forged", json!({})), root.tenant("other", json!({})));
        let mint = |tenant: &crate::support::service::Tenant<'_>, name: &str, more: Value| {
            let mut body = json!({"name": name, "scopes": ["read"]});
            body.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
            let key = tenant.mint_with(body);
            known(&key.minted, &key.secret)
        };
        let narrow = mint(&tenant, "narrow", json!({}));
        let wide = mint(&tenant, "wide", json!({"scopes": ["*"]}));
        let dated = mint(&tenant, "dated", json!({"expires_at": "2999-01-01T00:00:00Z"}));
        let body = json!({"kind": "person", "name": "Ada", "scopes": ["read"]});
        let members = format!("{}/members", tenant.path());
        let member = text(&root.post(&members, &body).expect(201)["member"]["id"]);
        let owned = mint(&tenant, "owned", json!({"owner": member}));
        root.post(&format!("{members}/{member}/disable"), &json!({})).expect(200);
        let body = json!({"kind": "person", "name": "Bob", "scopes": ["*"]});
        root.post(&format!("{}/members", other.path()), &body).expect(201);
        let foreign = mint(&other, "foreign", json!({}));
        let revoked = tenant.mint("revoked");
        revoked.revoke("leaked");
        let rotating = tenant.mint("rotating");
        rotating.rotate(json!({"grace_seconds": 3600}));
        let (revoked, rotated) =
            (known(&revoked.minted, &revoked.secret), known(&rotating.minted, &rotating.secret));
        root.post(&format!("{}/suspend", other.path()), &json!({})).expect(200);
        let body = json!({"name": "admin", "role": "org_admin", "tenants": [tenant.id]});
        let operator = text(&root.post("/api/admin/v1/operators", &body).expect(201)["operator"]["id"]);
        root.post(&format!("/api/admin/v1/operators/{operator}/tokens"), &json!({})).expect(201);
        let gateway = service.gateway().token.expect("a token");
        let (tenant, other) = (tenant.id, other.id);
        Ledger {
            service,
            tenant,
            other,
            operator,
            gateway,
            narrow,
            wide,
            foreign,
            revoked,
            dated,
            member,
            owned,
            rotated,
        }
    }

    pub fn path(&self, key: &str) -> String {
        format!("/api/admin/v1/tenants/{}/keys/{key}", self.tenant)
    }

    pub fn gateway(&self) -> Actor {
        self.service.actor(&self.gateway)
    }

    /// The server's superuser: whatever the tables' owner may do, and more.
    pub async fn admin(&self) -> Client {
        library::superuser(&self.service).await
    }

    pub fn verdicts(&self) -> Vec<Value> {
        let gateway = self.gateway();
        let all =
            [&self.narrow, &self.wide, &self.foreign, &self.revoked, &self.dated, &self.owned, &self.rotated];
        all.map(|known| gateway.verify(&known.text).0).to_vec()
    }

    pub fn verdicts_are_right(&self) {
        let gateway = self.gateway();
        for known in [&self.narrow, &self.wide, &self.dated, &self.rotated] {
            gateway.verify(&known.text).is_accepted();
        }
        gateway
            .verify_as(json!({"credential": self.narrow.text, "scopes": ["write"]}))
            .is_refused("insufficient_scope");
        gateway.verify(&self.revoked.text).is_refused("revoked");
        gateway.verify(&self.owned.text).is_refused("owner_disabled");
        gateway.verify(&self.foreign.text).is_refused("tenant_suspended");
    }

    pub fn keep_rows(&self) {
        self.run("create schema kept");
        for table in ROWS {
            self.run(&format!("create table kept.{table} as table credledger.{table}"));
        }
    }

    pub fn put_rows_back(&self) {
        for table in ROWS {
            self.run(&format!(
                "delete from credledger.{table}; insert into credledger.{table} select * from kept.{table}"
            ));
        }
    }

    pub fn run(&self, sql: &str) {
        library::block_on(async {
            let admin = self.admin().await;
            admin.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        });
    }

    /// The running node meets what it can't explain: from then on it says nothing but that.
    pub fn stops_answering(&self, named: &str) {
        let gateway = self.gateway();
        let question =
            gateway.request("POST", "/api/v1/verify").json(&json!({"credential": self.narrow.text}));
        eventually(|| (gateway.send(&question).status == 503).then_some(()))
            .expect("no verdict is given any more");
        for _ in 0..20 {
            assert_eq!(gateway.send(&question).status, 503, "and none is given again");
        }
        let unready = self.service.anonymous().get("/readyz").expect(503);
        assert_eq!(unready["view"], false, "{unready}");
        let log = self.service.log();
        assert!(log.contains(named), "the log does not say {named:?}:\n{log}");
    }
}

/// What a start on this data directory says when it ends by itself; none when the service starts.
pub fn refusal(service: &Service) -> Option<String> {
    let database = service.database.as_ref().expect("a database of the tests' server");
    let ready_file = service.folder().join("refused.json");
    // One that was started before may have left its own.
    let _ = std::fs::remove_file(&ready_file);
    let mut child = Command::new(env!("CARGO_BIN_EXE_credledger"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(service.data_dir())
        .args(["--database-url", &database.url, "--database-admin-url", &database.admin_url])
        .args(["--allow-unsafe-database", "true", "--ready-file"])
        .arg(&ready_file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let refused = eventually(|| match child.try_wait().expect("a look") {
        Some(status) => Some(Some(status)),
        None => ready_file.exists().then_some(None),
    });
    // One that started, or hangs, is of no use to anybody.
    let _ = child.kill();
    let output = child.wait_with_output().expect("its end");
    let status = refused.expect("it starts or refuses")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(status.code(), Some(1), "{said}");
    Some(said)
}
