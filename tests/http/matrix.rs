//! Every operators' route × every role × the own tenant, a foreign one and one that is not there. What is foreign looks exactly
//! like what does not exist; what a role may not do is told before either.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::acme;
use crate::support::client::Response;
use crate::support::document;
use crate::support::service::{Actor, Key, Service, Tenant, text};

pub const ABSENT: &str = "019f0000-0000-7000-8000-000000000000";
const ROLES: [&str; 4] = ["root", "org_admin", "auditor", "gateway"];

/// Who may: by the roles of the API, for an operator of some tenants, and whether it takes one of all.
pub struct Row {
    pub method: &'static str,
    pub path: &'static str,
    body: &'static str,
    roles: &'static [&'static str],
    /// needs an operator of all tenants
    whole: bool,
}

const fn row(
    method: &'static str,
    path: &'static str,
    body: &'static str,
    roles: &'static [&'static str],
) -> Row {
    Row { method, path, body, roles, whole: false }
}

const fn whole(
    method: &'static str,
    path: &'static str,
    body: &'static str,
    roles: &'static [&'static str],
) -> Row {
    Row { method, path, body, roles, whole: true }
}

const ROOT: &[&str] = &["root"];
const WRITERS: &[&str] = &["root", "org_admin"];
const READERS: &[&str] = &["root", "org_admin", "auditor"];
const LEDGER_READERS: &[&str] = &["root", "auditor"];
const ASKERS: &[&str] = &["root", "gateway"];

/// Paths with a tenant, or with an operator, are tried on own, foreign and absent ones; the others are the platform's.
pub const ROWS: &[Row] = &[
    whole("POST", "/api/admin/v1/tenants", r#"{"name":"@"}"#, ROOT),
    row("GET", "/api/admin/v1/tenants", "", READERS),
    row("GET", "/api/admin/v1/tenants/{tenant}", "", READERS),
    row("PATCH", "/api/admin/v1/tenants/{tenant}", r#"{"name":"@"}"#, WRITERS),
    whole("POST", "/api/admin/v1/tenants/{tenant}/suspend", "{}", ROOT),
    whole("POST", "/api/admin/v1/tenants/{tenant}/resume", "{}", ROOT),
    row("GET", "/api/admin/v1/tenants/{tenant}/audit", "", READERS),
    row("GET", "/api/admin/v1/tenants/{tenant}/changes", "", READERS),
    whole("GET", "/api/admin/v1/ledger/events", "", &["root", "auditor"]),
    row("GET", "/api/admin/v1/session", "", &ROLES),
    row("GET", "/api/admin/v1/plans", "", READERS),
    row("GET", "/api/admin/v1/plans/{plan}", "", READERS),
    whole("PUT", "/api/admin/v1/plans/{plan}", r#"{"active_credentials":3}"#, ROOT),
    row("POST", "/api/admin/v1/tenants/{tenant}/keys", r#"{"name":"k"}"#, WRITERS),
    row(
        "POST",
        "/api/admin/v1/tenants/{tenant}/keys/import",
        r#"{"import":{"source":"s","format":{"prefix":"mx_","alphabet":"hex","length":40},"digest":{"algorithm":"sha256"}}}"#,
        WRITERS,
    ),
    row("GET", "/api/admin/v1/tenants/{tenant}/keys", "", READERS),
    row("GET", "/api/admin/v1/tenants/{tenant}/keys/{key}", "", READERS),
    row("PATCH", "/api/admin/v1/tenants/{tenant}/keys/{key}", r#"{"name":"@"}"#, WRITERS),
    row("DELETE", "/api/admin/v1/tenants/{tenant}/keys/{key}", "", WRITERS),
    row("POST", "/api/admin/v1/tenants/{tenant}/keys/{key}/rotate", "{}", WRITERS),
    row("POST", "/api/admin/v1/tenants/{tenant}/keys/{key}/revoke", r#"{"reason":"other"}"#, WRITERS),
    row("POST", "/api/admin/v1/tenants/{tenant}/keys/{key}/suspend", "{}", WRITERS),
    row("POST", "/api/admin/v1/tenants/{tenant}/keys/{key}/resume", "{}", WRITERS),
    row("GET", "/api/admin/v1/tenants/{tenant}/keys/{key}/history", "", READERS),
    row("GET", "/api/admin/v1/tenants/{tenant}/keys/{key}/usage", "", READERS),
    row(
        "PATCH",
        "/api/admin/v1/tenants/{tenant}/keys/{key}/secrets/{secret}",
        r#"{"expires_at":"!"}"#,
        WRITERS,
    ),
    row("POST", "/api/admin/v1/tenants/{tenant}/keys/{key}/secrets/{secret}/revoke", "{}", WRITERS),
    row("GET", "/api/admin/v1/tenants/{tenant}/keys/{key}/secrets/{secret}/blast-radius", "", READERS),
    row("POST", "/api/admin/v1/tenants/{tenant}/clients", r#"{"name":"c"}"#, WRITERS),
    row("GET", "/api/admin/v1/tenants/{tenant}/clients", "", READERS),
    row("GET", "/api/admin/v1/tenants/{tenant}/clients/{client}", "", READERS),
    row("PATCH", "/api/admin/v1/tenants/{tenant}/clients/{client}", r#"{"name":"@"}"#, WRITERS),
    row("DELETE", "/api/admin/v1/tenants/{tenant}/clients/{client}", "", WRITERS),
    row("POST", "/api/admin/v1/tenants/{tenant}/clients/{client}/rotate", "{}", WRITERS),
    row("POST", "/api/admin/v1/tenants/{tenant}/clients/{client}/revoke", r#"{"reason":"other"}"#, WRITERS),
    row("POST", "/api/admin/v1/tenants/{tenant}/clients/{client}/suspend", "{}", WRITERS),
    row("POST", "/api/admin/v1/tenants/{tenant}/clients/{client}/resume", "{}", WRITERS),
    row("POST", "/api/admin/v1/tenants/{tenant}/clients/{client}/tokens/revoke", "{}", WRITERS),
    row("GET", "/api/admin/v1/tenants/{tenant}/clients/{client}/history", "", READERS),
    row("GET", "/api/admin/v1/tenants/{tenant}/clients/{client}/usage", "", READERS),
    row("GET", "/api/admin/v1/tenants/{tenant}/usage", "", READERS),
    whole("GET", "/api/admin/v1/usage", "", LEDGER_READERS),
    row(
        "PATCH",
        "/api/admin/v1/tenants/{tenant}/clients/{client}/secrets/{secret}",
        r#"{"expires_at":"!"}"#,
        WRITERS,
    ),
    row("POST", "/api/admin/v1/tenants/{tenant}/clients/{client}/secrets/{secret}/revoke", "{}", WRITERS),
    row("GET", "/api/admin/v1/tenants/{tenant}/clients/{client}/secrets/{secret}/blast-radius", "", READERS),
    row(
        "POST",
        "/api/admin/v1/tenants/{tenant}/members",
        r#"{"kind":"service","name":"m","scopes":["*"]}"#,
        WRITERS,
    ),
    row("GET", "/api/admin/v1/tenants/{tenant}/members", "", READERS),
    row("GET", "/api/admin/v1/tenants/{tenant}/members/{member}", "", READERS),
    row("PATCH", "/api/admin/v1/tenants/{tenant}/members/{member}", r#"{"name":"@"}"#, WRITERS),
    row("POST", "/api/admin/v1/tenants/{tenant}/members/{member}/disable", "{}", WRITERS),
    row("POST", "/api/admin/v1/tenants/{tenant}/members/{member}/enable", "{}", WRITERS),
    row(
        "POST",
        "/api/admin/v1/tenants/{tenant}/erasures",
        r#"{"member":"{member}","reason":"other"}"#,
        WRITERS,
    ),
    row("GET", "/api/admin/v1/tenants/{tenant}/erasures", "", READERS),
    row("GET", "/api/admin/v1/tenants/{tenant}/erasures/{erasure}", "", READERS),
    whole("POST", "/api/admin/v1/erasures", r#"{"operator":"{operator}","reason":"other"}"#, ROOT),
    whole("GET", "/api/admin/v1/erasures", "", LEDGER_READERS),
    whole("GET", "/api/admin/v1/erasures/{erasure}", "", LEDGER_READERS),
    row(
        "POST",
        "/api/admin/v1/tenants/{tenant}/decide",
        r#"{"credential_id":"{key}","position":1}"#,
        READERS,
    ),
    row(
        "POST",
        "/api/admin/v1/operators",
        r#"{"name":"o","role":"gateway","tenants":["{tenant}"]}"#,
        WRITERS,
    ),
    row("GET", "/api/admin/v1/operators", "", READERS),
    row("GET", "/api/admin/v1/operators/{operator}", "", READERS),
    row("PATCH", "/api/admin/v1/operators/{operator}", r#"{"role":"auditor"}"#, WRITERS),
    row("DELETE", "/api/admin/v1/operators/{operator}", "", WRITERS),
    row("POST", "/api/admin/v1/operators/{operator}/tokens", "{}", WRITERS),
    row("DELETE", "/api/admin/v1/operators/{operator}/tokens/{token}", "", WRITERS),
    whole("GET", "/api/admin/v1/signing-keys", "", ROOT),
    whole("POST", "/api/admin/v1/signing-keys/rotate", "{}", ROOT),
    whole("POST", "/api/admin/v1/signing-keys/{kid}/revoke", r#"{"reason":"other"}"#, ROOT),
    row("POST", "/api/v1/verify", r#"{"credential":"x"}"#, ASKERS),
    row("POST", "/api/v1/verify/batch", r#"{"items":[]}"#, ASKERS),
    row("POST", "/api/v1/activity", r#"{"calls":[]}"#, ASKERS),
    row("GET", "/api/admin/v1/tenants/{tenant}/activity", "", READERS),
    whole("GET", "/api/admin/v1/activity", "", LEDGER_READERS),
    row("GET", "/api/v1/revocations", "", ASKERS),
];

impl Row {
    /// By somebody, on a path whose parts are filled in.
    fn send(&self, actor: &Actor, parts: &[(&str, &str)]) -> Response {
        let request = actor.request(self.method, &self.path_of(parts));
        match self.body(parts) {
            None => actor.send_caught_up(&request),
            Some(body) => actor.send(&request.header("Content-Type", self.media_type()).body(body.into())),
        }
    }

    /// Lines are no one document: their faults are tried by themselves, in `import.rs`.
    pub fn is_lines(&self) -> bool {
        self.path.ends_with("/import")
    }

    pub fn media_type(&self) -> &'static str {
        if self.is_lines() { "application/x-ndjson" } else { "application/json" }
    }

    pub fn path_of(&self, parts: &[(&str, &str)]) -> String {
        let path = parts.iter().fold(self.path.to_owned(), |path, (name, id)| path.replace(name, id));
        assert!(!path.contains('{'), "{path}");
        path
    }

    /// One that does something.
    pub fn body(&self, parts: &[(&str, &str)]) -> Option<String> {
        // A window may end within the tenant's longest one.
        let now = credledger::clock::Timestamp::from_millis(since_1970()).expect("an instant");
        let later = now.plus_seconds(24 * 3600).to_string();
        let unique = format!("n-{}", uuid::Uuid::now_v7().simple());
        let body = parts.iter().fold(self.body.to_owned(), |body, (name, id)| body.replace(name, id));
        (!body.is_empty()).then(|| body.replace('@', &unique).replace('!', &later))
    }
}

pub fn since_1970() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
    i64::try_from(now.as_millis()).expect("an instant")
}

/// What the resources of a tenant are called by, for the rows that may end them.
pub struct Named {
    pub key: String,
    pub secret: String,
    pub client: String,
    /// a client's secret stands under its client
    window: String,
    pub member: String,
    /// of the signing key that is published ahead
    kid: String,
    pub erasure: String,
    /// one of the platform stands under no tenant
    erasure_of_platform: String,
}

impl Named {
    /// Fresh ones: a key and a client, each with a window, and a member; and a signing key that nobody has revoked.
    pub fn fresh(tenant: &Tenant<'_>) -> Named {
        let (key, client) = (tenant.mint("k"), tenant.client("c"));
        let window = |of: &Key<'_>, kind: &str| {
            let (_, rotated) = of.rotate(json!({"grace_seconds": 3600}));
            text(&rotated[kind]["secrets"][0]["id"])
        };
        let (secret, of_client) = (window(&key, "key"), window(&client, "client"));
        let window = format!("{}/secrets/{of_client}", client.id);
        let kid = crate::signing_key_ends::of_status(tenant.admin, "next");
        let erasure = erasure_of(tenant);
        let erasure_of_platform = format!("admin/v1/erasures/{}", erasure_of_platform(tenant.admin));
        let member = member_of(tenant);
        Named { key: key.id, secret, client: client.id, window, member, kid, erasure, erasure_of_platform }
    }

    /// Each of them is called so.
    pub fn all(id: &str) -> Named {
        let window = format!("{id}/secrets/{id}");
        let [key, secret, client, member, kid, erasure] = [id; 6].map(str::to_owned);
        let erasure_of_platform = format!("admin/v1/erasures/{id}");
        Named { key, secret, client, window, member, kid, erasure, erasure_of_platform }
    }

    /// These secrets, under something of this id.
    fn under(&self, id: &str) -> Named {
        let secret = self.window.rsplit('/').next().expect("an id");
        Named { window: format!("{id}/secrets/{secret}"), secret: self.secret.clone(), ..Named::all(id) }
    }

    pub fn parts<'a>(
        &'a self,
        tenant: &'a str,
        operator: &'a str,
        token: &'a str,
    ) -> [(&'static str, &'a str); 12] {
        [
            ("{tenant}", tenant),
            ("{client}/secrets/{secret}", &self.window),
            ("{client}", &self.client),
            ("{key}", &self.key),
            ("{secret}", &self.secret),
            ("{member}", &self.member),
            ("{operator}", operator),
            ("{token}", token),
            ("{plan}", "free"),
            ("{kid}", &self.kid),
            ("admin/v1/erasures/{erasure}", &self.erasure_of_platform),
            ("{erasure}", &self.erasure),
        ]
    }
}

/// A fresh member of a tenant.
pub fn member_of(tenant: &Tenant<'_>) -> String {
    let body = json!({"kind": "person", "name": "m", "scopes": []});
    let made = tenant.admin.post(&format!("{}/members", tenant.path()), &body).expect(201);
    text(&made["member"]["id"])
}

/// A name of a tenant's that was erased.
fn erasure_of(tenant: &Tenant<'_>) -> String {
    let body = json!({"member": member_of(tenant), "reason": "other"});
    let made = tenant.admin.post(&format!("{}/erasures", tenant.path()), &body).expect(201);
    text(&made["erasure"]["id"])
}

/// The same of an operator's.
fn erasure_of_platform(root: &Actor) -> String {
    let body = json!({"operator": operator_of(root, "gateway", &[]).0, "reason": "other"});
    text(&root.post("/api/admin/v1/erasures", &body).expect(201)["erasure"]["id"])
}

/// An operator that reaches these tenants (none: all of them), and its token.
pub fn operator_of(root: &Actor, role: &str, tenants: &[&str]) -> (String, String) {
    let operators = "/api/admin/v1/operators";
    let body = match tenants {
        [] => json!({"name": "o", "role": role, "all_tenants": true}),
        tenants => json!({"name": "o", "role": role, "tenants": tenants}),
    };
    let operator = text(&root.post(operators, &body).expect(201)["operator"]["id"]);
    let token = root.post(&format!("{operators}/{operator}/tokens"), &json!({})).expect(201);
    (operator, text(&token["token"]["id"]))
}

/// All of an answer but what names the request and the time.
pub fn told(answer: &Response) -> (u16, Vec<(String, String)>, Value) {
    let mut body = answer.json();
    body.as_object_mut().expect("a problem").remove("request_id");
    let mut headers = answer.headers.clone();
    headers.retain(|(name, _)| name != "x-request-id" && name != "date");
    headers.sort();
    (answer.status, headers, body)
}

#[test]
fn the_table_has_every_route_of_operators() {
    let paths = document::api().document()["paths"].as_object().expect("paths");
    let documented: BTreeSet<(String, &str)> = paths
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().expect("a path").iter().map(move |(method, own)| (method, path, own))
        })
        .filter(|(_, _, own)| {
            own["security"].as_array().is_some_and(|ways| {
                // Where clients ask too, errors are told in another form: `oauth/introspect.rs`.
                let others = [json!({}), json!({"clientBasic": []})];
                ways.contains(&json!({"operatorToken": []})) && !others.iter().any(|way| ways.contains(way))
            })
        })
        .map(|(method, path, _)| (method.to_uppercase(), path.as_str()))
        .collect();
    let tried = ROWS.iter().map(|row| (row.method.to_owned(), row.path)).collect();
    assert_eq!(documented, tried);
}

#[test]
fn without_a_token_every_route_is_401_whatever_stands_behind_it() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let (named, absent) = (Named::fresh(&tenant), Named::all(ABSENT));
    let anonymous = service.anonymous();
    for row in ROWS {
        let there = row.send(&anonymous, &named.parts(&tenant.id, ABSENT, ABSENT));
        there.problem(401, "unauthorized");
        assert_eq!(
            told(&there),
            told(&row.send(&anonymous, &absent.parts(ABSENT, ABSENT, ABSENT))),
            "{} {}",
            row.method,
            row.path
        );
    }
}

#[test]
fn a_role_does_what_it_may_in_its_own_tenant_and_nothing_else_is_there_for_it() {
    let service = Service::start();
    let root = service.root();
    let (own, foreign) = (root.tenant("own", json!({})), root.tenant("foreign", json!({})));
    root.put("/api/admin/v1/plans/free", &json!({"active_credentials": 1})).expect(201);
    let theirs = Named::fresh(&foreign);
    let out_of_reach: Vec<(String, String)> = [
        operator_of(&root, "gateway", &[&foreign.id]),
        operator_of(&root, "gateway", &[&own.id, &foreign.id]),
        operator_of(&root, "gateway", &[]),
        operator_of(&root, "root", &[]),
    ]
    .into();
    let before: Vec<Value> = out_of_reach.iter().map(|(id, _)| read_operator(&root, id)).collect();
    // What imported keys look like is root's to say, once; others import what is known.
    let import = ROWS.iter().find(|row| row.is_lines()).expect("a row");
    assert_eq!(import.send(&root, &[("{tenant}", &own.id)]).status, 200);
    for role in ROLES {
        // Root reaches all tenants in any case.
        let actor =
            if role == "root" { service.operator(role, &[]) } else { service.operator(role, &[&own.id]) };
        for row in ROWS {
            let place = format!("{role} {} {}", row.method, row.path);
            // The row before may have suspended it.
            root.post(&format!("{}/resume", own.path()), &json!({})).expect(200);
            let named = Named::fresh(&own);
            let (operator, token) = operator_of(&root, "gateway", &[&own.id]);
            let send =
                |tenant: &str, named: &Named| row.send(&actor, &named.parts(tenant, &operator, &token));
            let mine = send(&own.id, &named);
            let allowed = row.roles.contains(&role) && (!row.whole || role == "root");
            match allowed {
                true => assert!(matches!(mine.status, 200 | 201), "{place}: {}", mine.text()),
                false => drop(mine.problem(403, "forbidden")),
            }
            if row.path.contains("{operator}") {
                let on = |operator, token| {
                    told(&row.send(&actor, &[("{operator}", operator), ("{token}", token)]))
                };
                let (status, code) = if allowed { (404, "not_found") } else { (403, "forbidden") };
                let absent = on(ABSENT, ABSENT);
                assert_eq!((absent.0, &absent.2["code"]), (status, &json!(code)), "{place}");
                // What is no operator's id at all is told as early as one that is out of sight.
                for id in ["nonsense", &own.id] {
                    assert_eq!((on(id, ABSENT).0, on(id, ABSENT).2), (absent.0, absent.2.clone()), "{place}");
                }
                if role != "root" {
                    for (id, token) in &out_of_reach {
                        assert_eq!(on(id, token), absent, "{place} {id}");
                    }
                }
            }
            if !row.path.contains("{tenant}") {
                continue;
            }
            let absent = send(ABSENT, &Named::all(ABSENT));
            let nonsense = send("no-such-slug", &Named::all("nonsense"));
            absent.problem(if allowed { 404 } else { 403 }, if allowed { "not_found" } else { "forbidden" });
            assert_eq!(told(&nonsense), told(&absent), "{place}");
            if role != "root" {
                assert_eq!(told(&send(&foreign.id, &theirs)), told(&absent), "{place}");
                assert_eq!(told(&send("foreign", &theirs)), told(&absent), "{place}");
            }
            if ["{key}", "{client}", "{member}", "{erasure}"].iter().any(|part| row.path.contains(part)) {
                // Under one's own tenant a foreign one is like one that is not there, and so is what is another thing or none.
                let under_own = |id: &str| told(&send(&own.id, &theirs.under(id)));
                let foreign_ones = [&theirs.key, &theirs.client, &theirs.member, &theirs.erasure];
                let of_another_kind =
                    [("{key}", &named.key), ("{client}", &named.client), ("{member}", &named.member)]
                        .into_iter()
                        .filter_map(|(part, id)| (!row.path.contains(part)).then_some(id));
                for id in foreign_ones.into_iter().chain([&own.id]).chain(of_another_kind) {
                    assert_eq!(under_own(id), under_own(ABSENT), "{place} {id}");
                }
                // An ill-formed id is told before the body is read, which the connection shows.
                let ((status, _, body), (absent_status, _, absent_body)) =
                    (under_own("nonsense"), told(&absent));
                assert_eq!((status, body), (absent_status, absent_body), "{place}");
            }
        }
    }
    let after: Vec<Value> = out_of_reach.iter().map(|(id, _)| read_operator(&root, id)).collect();
    assert_eq!(after, before, "nothing that was refused has touched an operator out of reach");
    // Nothing that was refused has touched the foreign key but root's own doing; it is there still.
    assert_eq!(
        root.get(&format!("{}/keys/{}/history?limit=1", foreign.path(), theirs.key)).expect(200)["data"][0]["type"],
        "api_key.created"
    );
}

fn read_operator(root: &Actor, id: &str) -> Value {
    root.get(&format!("/api/admin/v1/operators/{id}")).expect(200)
}

#[test]
fn an_operator_of_all_tenants_reaches_each_within_its_role() {
    let service = Service::start();
    let root = service.root();
    let (one, other) = (root.tenant("one", json!({})), root.tenant("other", json!({})));
    for role in ["org_admin", "auditor"] {
        let actor = service.operator(role, &[]);
        for tenant in [&one, &other] {
            actor.get(&tenant.path()).expect(200);
            let mint = actor.post(&format!("{}/keys", tenant.path()), &json!({"name": "k"}));
            assert_eq!(mint.status, if role == "org_admin" { 201 } else { 403 });
        }
    }
}
