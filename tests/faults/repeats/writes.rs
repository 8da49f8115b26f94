//! Every kind of write that admins have, each on something of its own.

use std::cell::Cell;

use serde_json::{Value, json};

use crate::support::client::Request;
use crate::support::service::{Actor, Key, Tenant, text};

const ADMIN: &str = "/api/admin/v1";

pub struct Write {
    pub what: String,
    pub request: Request,
    /// how many it leaves
    pub events: u64,
    pub effect: Effect,
}

/// Where one effect is seen.
pub enum Effect {
    /// the resource is at this version, and the answer says so where it tells the resource
    Version { path: String, kind: Option<&'static str>, version: u64 },
    /// the list has this one
    OneIn { list: String, kind: &'static str },
    /// the operator has this one token
    Token { operator: String },
}

/// One tenant for all, and what is in it for each of the writes.
pub struct World<'a> {
    root: &'a Actor,
    round: u64,
    tenant: Tenant<'a>,
    written: Cell<u64>,
}

impl<'a> World<'a> {
    pub fn new(root: &'a Actor, round: u64) -> Self {
        World {
            root,
            round,
            tenant: root.tenant(&format!("world-{round}"), json!({})),
            written: Cell::new(0),
        }
    }

    fn path(&self, rest: &str) -> String {
        format!("{}{rest}", self.tenant.path())
    }

    /// A write on a resource, which is read for its version first: the repeat does not meet its own 412.
    fn on(&self, kind: &'static str, path: &str, write: (&str, &str, Value), events: u64) -> Write {
        let (method, rest, body) = write;
        let version = self.root.get(path).expect(200)["version"].as_u64().expect("a version");
        let effect = Effect::Version { path: path.to_owned(), kind: Some(kind), version: version + events };
        let write = self.write(method, &format!("{path}{rest}"), &body, (events, effect));
        Write { request: write.request.header("If-Match", &format!("\"{version}\"")), ..write }
    }

    fn write(&self, method: &str, path: &str, body: &Value, (events, effect): (u64, Effect)) -> Write {
        let what = format!("{method} {path} {body}");
        self.written.set(self.written.get() + 1);
        let key = format!("round-{}-write-{}", self.round, self.written.get());
        let request = self.root.request(method, path).header("Idempotency-Key", &key);
        let request = if method == "DELETE" { request } else { request.json(body) };
        Write { what, request, events, effect }
    }

    fn key(&self) -> Key<'a> {
        self.tenant.mint("subject")
    }

    fn rotated(&self) -> Key<'a> {
        let key = self.key();
        key.rotate(json!({"grace_seconds": 3600}));
        key
    }

    fn suspended(&self) -> String {
        let path = self.key().path;
        self.root.post(&format!("{path}/suspend"), &json!({})).expect(200);
        path
    }

    fn member(&self) -> String {
        let body = json!({"kind": "service", "name": "subject", "scopes": ["a"]});
        let made = self.root.post(&self.path("/members"), &body).expect(201);
        self.path(&format!("/members/{}", text(&made["member"]["id"])))
    }

    fn operator(&self) -> String {
        let body = json!({"name": "subject", "role": "auditor", "all_tenants": true});
        let made = self.root.post(&format!("{ADMIN}/operators"), &body).expect(201);
        format!("{ADMIN}/operators/{}", text(&made["operator"]["id"]))
    }

    fn other_tenant(&self, name: &str) -> String {
        self.root.tenant(&format!("{name}-{}", self.round), json!({})).path()
    }

    pub fn writes(&self) -> Vec<Write> {
        [self.of_keys(), self.of_secrets(), self.of_members(), self.of_operators(), self.of_tenants()]
            .into_iter()
            .flatten()
            .collect()
    }

    fn of_keys(&self) -> Vec<Write> {
        let one_in =
            |name: &str| Effect::OneIn { list: self.path(&format!("/keys?name={name}")), kind: "key" };
        let mint = |name: &str| {
            let body = json!({"name": name, "scopes": ["a:b"]});
            self.write("POST", &self.path("/keys"), &body, (1, one_in(name)))
        };
        let on = |path: &str, write, events| self.on("key", path, write, events);
        let edit = json!({"name": "renamed", "scopes": ["a:b"], "metadata": {"a": 1}});
        vec![
            mint("minted-1"),
            mint("minted-2"),
            mint("minted-3"),
            on(&self.key().path, ("PATCH", "", edit), 2),
            on(&self.key().path, ("PATCH", "", json!({"expires_at": "9000-01-01T00:00:00Z"})), 1),
            on(&self.key().path, ("POST", "/rotate", json!({"grace_seconds": 3600})), 1),
            on(&self.key().path, ("POST", "/suspend", json!({})), 1),
            on(&self.suspended(), ("POST", "/resume", json!({})), 1),
            on(&self.key().path, ("POST", "/revoke", json!({"reason": "leaked"})), 1),
            on(&self.key().path, ("DELETE", "", Value::Null), 1),
        ]
    }

    fn of_secrets(&self) -> Vec<Write> {
        // The version stands in the key, and not where the write goes.
        let of = |key: Key<'_>, method: &str, rest: &str, body: Value| {
            let place = key.secret_path(0);
            let rest = format!("{}{rest}", place.strip_prefix(&key.path).expect("below its key"));
            self.on("key", &key.path, (method, &rest, body), 1)
        };
        let rotated = self.rotated();
        let end = rotated.read()["secrets"][1]["created_at"].clone();
        let later = credledger::clock::Timestamp::parse(&text(&end)).expect("an instant").plus_seconds(7200);
        vec![
            of(rotated, "PATCH", "", json!({"expires_at": later})),
            of(self.rotated(), "POST", "/revoke", json!({})),
        ]
    }

    fn of_members(&self) -> Vec<Write> {
        let list = self.path("/members?name=made");
        let body = json!({"kind": "person", "name": "made", "scopes": []});
        let on = |path: &str, write, events| self.on("member", path, write, events);
        let disabled = self.member();
        self.root.post(&format!("{disabled}/disable"), &json!({})).expect(200);
        vec![
            self.write("POST", &self.path("/members"), &body, (1, Effect::OneIn { list, kind: "member" })),
            on(&self.member(), ("PATCH", "", json!({"name": "renamed", "scopes": ["b"]})), 2),
            on(&self.member(), ("POST", "/disable", json!({})), 1),
            on(&disabled, ("POST", "/enable", json!({})), 1),
        ]
    }

    fn of_operators(&self) -> Vec<Write> {
        let (operators, name) = (format!("{ADMIN}/operators"), format!("made-{}", self.round));
        let list = format!("{operators}?name={name}");
        let body = json!({"name": name, "role": "gateway", "tenants": [self.tenant.id]});
        let on = |path: &str, write, events| self.on("operator", path, write, events);
        let (holder, spender) = (self.operator(), self.operator());
        let token = self.root.post(&format!("{spender}/tokens"), &json!({})).expect(201);
        let token = format!("/tokens/{}", text(&token["token"]["id"]));
        let minted = Effect::Token { operator: holder.clone() };
        // Its answer tells the token, and not the operator's version.
        let effect = Effect::Version { path: spender.clone(), kind: None, version: 3 };
        let spent = self.on("token", &spender, ("DELETE", &token, Value::Null), 1);
        let spent = Write { effect, ..spent };
        vec![
            self.write("POST", &operators, &body, (1, Effect::OneIn { list, kind: "operator" })),
            self.write("POST", &format!("{holder}/tokens"), &json!({"name": "t"}), (1, minted)),
            spent,
            on(&self.operator(), ("PATCH", "", json!({"role": "gateway", "disabled": true})), 2),
            on(&self.operator(), ("DELETE", "", Value::Null), 1),
        ]
    }

    fn of_tenants(&self) -> Vec<Write> {
        let slug = format!("made-{}", self.round);
        let body = json!({"name": "Made", "slug": slug});
        let made =
            Effect::Version { path: format!("{ADMIN}/tenants/{slug}"), kind: Some("tenant"), version: 1 };
        let plan = format!("{ADMIN}/plans/plan-{}", self.round);
        let set = Effect::Version { path: plan.clone(), kind: Some("plan"), version: 1 };
        let on = |path: &str, write, events| self.on("tenant", path, write, events);
        let suspended = self.other_tenant("suspended");
        self.root.post(&format!("{suspended}/suspend"), &json!({})).expect(200);
        let settings = json!({"name": "Renamed", "settings": {"default_grace_seconds": 60}});
        vec![
            self.write("POST", &format!("{ADMIN}/tenants"), &body, (1, made)),
            self.write("PUT", &plan, &json!({"active_credentials": 3}), (1, set)),
            on(&self.other_tenant("configured"), ("PATCH", "", settings), 2),
            on(&self.other_tenant("stopped"), ("POST", "/suspend", json!({})), 1),
            on(&suspended, ("POST", "/resume", json!({})), 1),
        ]
    }
}
