//! Members: a tenant's accounts, and the keys that belong to them.

use serde_json::{Value, json};

use crate::matrix::{ABSENT, member_of};
use crate::support::client::Response;
use crate::support::service::{Actor, Service, Tenant, text};
use crate::{acme, without_an_event};

fn take_in<'a>(tenant: &Tenant<'a>, scopes: &[&str]) -> Account<'a> {
    let body = json!({"kind": "person", "name": "Ada", "email": "ada@acme.example", "scopes": scopes});
    let made = tenant.admin.post(&format!("{}/members", tenant.path()), &body).expect(201);
    let id = text(&made["member"]["id"]);
    Account { admin: tenant.admin, path: format!("{}/members/{id}", tenant.path()), id }
}

struct Account<'a> {
    admin: &'a Actor,
    path: String,
    id: String,
}

impl Account<'_> {
    #[track_caller]
    fn act(&self, action: &str) -> Value {
        let answer = self.admin.post(&format!("{}/{action}", self.path), &json!({})).expect(200);
        assert_eq!(answer["enforced"], true, "{answer}");
        answer
    }

    #[track_caller]
    fn edit(&self, change: Value) -> Value {
        self.admin.patch(&self.path, &change).expect(200)
    }
}

#[track_caller]
fn pointer(answer: &Response) -> String {
    text(&answer.problem(400, "invalid_request")["errors"][0]["pointer"])
}

#[test]
fn a_member_is_taken_in_read_and_edited() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let members = format!("{}/members", tenant.path());
    let body = json!({"kind": "service", "name": "nightly", "scopes": ["reports.*"], "description": "at 3"});
    let answer = root.post(&members, &body);
    let made = answer.expect(201)["member"].clone();
    assert_eq!(answer.header("location"), Some(&*format!("{members}/{}", text(&made["id"]))));
    let expected = json!({
        "id": made["id"], "tenant_id": tenant.id, "kind": "service", "name": "nightly", "email": null,
        "description": "at 3", "scopes": ["reports.*"], "status": "active", "created_at": made["created_at"],
        "created_by": made["created_by"], "version": 1,
    });
    assert_eq!(made, expected);
    assert_eq!(made["created_by"]["kind"], "operator");
    let path = format!("{members}/{}", text(&made["id"]));
    let read = root.get(&path);
    assert_eq!((read.header("etag"), read.expect(200)), (Some("\"1\""), made));

    let change = json!({"name": "weekly", "email": "ops@acme.example", "description": null, "scopes": ["reports.read"]});
    let edited = root.patch(&path, &change).expect(200);
    let member = &edited["member"];
    assert_eq!((&member["name"], &member["email"]), (&json!("weekly"), &json!("ops@acme.example")));
    assert_eq!((&member["description"], &member["scopes"]), (&Value::Null, &json!(["reports.read"])));
    assert_eq!((&member["version"], &edited["enforced"]), (&json!(3), &json!(true)), "two events");
    assert_eq!(
        without_an_event(&root, || root.patch(&path, &change).expect(200))["position"],
        edited["position"]
    );
    let stale = root.request("PATCH", &path).json(&json!({"name": "x"})).header("If-Match", "\"1\"");
    root.send(&stale).problem(412, "stale");
}

#[test]
fn a_bad_member_is_told_at_its_place() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({"allowed_scopes": ["logs:*"]}));
    let members = format!("{}/members", tenant.path());
    let good = json!({"kind": "person", "name": "Ada", "scopes": ["logs:read"]});
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    let long = format!("{}@acme.example", "a".repeat(250));
    let cases = [
        (with("kind", json!("robot")), "/kind"),
        (with("name", json!("")), "/name"),
        (with("email", json!("ada")), "/email"),
        (with("email", json!("")), "/email"),
        (with("email", json!("@acme.example")), "/email"),
        (with("email", json!("ada lovelace@acme.example")), "/email"),
        (with("email", json!(long)), "/email"),
        (with("scopes", json!(["a b"])), "/scopes/0"),
        (with("scopes", json!(["*"])), "/scopes"),
        (with("role", json!("root")), "/role"),
        (json!({"kind": "person", "name": "Ada"}), "/scopes"),
        (json!({"name": "Ada", "scopes": []}), "/kind"),
    ];
    without_an_event(&root, || {
        for (body, place) in cases {
            assert_eq!(pointer(&root.post(&members, &body)), place, "{body}");
        }
    });
    let member = root.post(&members, &good).expect(201);
    let path = format!("{members}/{}", text(&member["member"]["id"]));
    assert_eq!(pointer(&root.patch(&path, &json!({"scopes": ["*"]}))), "/scopes");
    assert_eq!(pointer(&root.patch(&path, &json!({"kind": "service"}))), "/kind", "that stays");
}

#[test]
fn disabling_and_enabling_twice_is_nothing_to_do() {
    let service = Service::start();
    let root = service.root();
    let ada = take_in(&acme(&root), &["*"]);
    for (action, status) in [("disable", "disabled"), ("enable", "active")] {
        let first = ada.act(action);
        assert_eq!(first["member"]["status"], status);
        assert_eq!(without_an_event(&root, || ada.act(action))["position"], first["position"]);
    }
}

#[test]
fn members_are_listed_newest_first_along_a_cursor_and_filtered() {
    let service = Service::start();
    let root = service.root();
    let (tenant, other) = (acme(&root), root.tenant("other", json!({})));
    let stranger = member_of(&other);
    let mut made: Vec<String> = (0..5).map(|_| member_of(&tenant)).collect();
    made.reverse();
    let members = format!("{}/members", tenant.path());
    let ids = |page: &Value| -> Vec<String> {
        page["data"].as_array().expect("a page").iter().map(|each| text(&each["id"])).collect()
    };
    let first = root.get(&format!("{members}?limit=3")).expect(200);
    let rest = root.get(&format!("{members}?limit=3&cursor={}", text(&first["next_cursor"]))).expect(200);
    assert_eq!([ids(&first), ids(&rest)].concat(), made);
    assert_eq!(rest["next_cursor"], Value::Null);
    assert!(!made.contains(&stranger));
    root.post(&format!("{members}/{}/disable", made[1]), &json!({})).expect(200);
    assert_eq!(ids(&root.get(&format!("{members}?status=disabled")).expect(200)), made[1..2]);
    assert_eq!(ids(&root.get(&format!("{members}?status=active")).expect(200)).len(), 4);
    // By the name of now: what it was called before is no way to it.
    root.patch(&format!("{members}/{}", made[2]), &json!({"name": "Grace"})).expect(200);
    root.patch(&format!("{members}/{}", made[2]), &json!({"email": "g@acme.example"})).expect(200);
    assert_eq!(ids(&root.get(&format!("{members}?name=Grace")).expect(200)), made[2..3]);
    assert_eq!(ids(&root.get(&format!("{members}?name=m")).expect(200)).len(), 4);
    assert_eq!(ids(&root.get(&format!("{members}?name=m&status=disabled")).expect(200)), made[1..2]);
    assert_eq!(ids(&root.get(&format!("{members}?name=Grace&status=disabled")).expect(200)), [""; 0]);
    root.get(&format!("{members}?cursor=abc")).problem(400, "invalid_request");
}

#[test]
fn a_key_shows_its_owner_and_what_it_may_do_at_present() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let ada = take_in(&tenant, &["logs:read", "billing.*"]);
    let key = tenant.mint_with(json!({"name": "k", "scopes": ["logs:*", "billing.read"], "owner": ada.id}));
    let effective = json!(["logs:read", "billing.read"]);
    for shown in [&key.minted["key"], &key.read()] {
        assert_eq!((&shown["owner"], &shown["effective_scopes"]), (&json!(ada.id), &effective), "{shown}");
        assert_eq!(shown["scopes"], json!(["logs:*", "billing.read"]));
    }
    let verdict = gateway.verify(&key.secret);
    assert_eq!(verdict.is_accepted()["effective_scopes"], effective);
    assert_eq!((&verdict.0["owner"], verdict.0.get("scopes_truncated")), (&json!(ada.id), None));
    assert_eq!(service.whoami(&key.secret).expect(200)["effective_scopes"], effective);
    let asked = |scope: &str| gateway.verify_as(json!({"credential": key.secret, "scopes": [scope]}));
    asked("logs:read").is_accepted();
    assert_eq!(asked("logs:write").is_refused("insufficient_scope")["missing_scopes"], json!(["logs:write"]));

    // A proxy is told the same.
    let authorize = service.actor(&key.secret).get("/api/v1/authorize");
    assert_eq!(
        (authorize.status, authorize.header("x-credential-scopes")),
        (200, Some("logs:read billing.read"))
    );

    let bare = tenant.mint_with(json!({"name": "bare", "scopes": ["a"]}));
    assert_eq!((&bare.read()["owner"], bare.read().get("effective_scopes")), (&Value::Null, None));
    let verdict = gateway.verify(&bare.secret);
    assert_eq!((&verdict.0["owner"], &verdict.0["effective_scopes"]), (&Value::Null, &json!(["a"])));
}

#[test]
fn scopes_that_are_too_many_to_tell_are_cut_and_it_is_said() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let of = |form: &dyn Fn(u32) -> String| -> Vec<String> { (0..12).map(form).collect() };
    let owners = of(&|n| format!("o{n}.*"));
    let ada = take_in(&tenant, &owners.iter().map(String::as_str).collect::<Vec<_>>());
    let granted = of(&|n| format!("*.g{n}"));
    let key = tenant.mint_with(json!({"name": "k", "scopes": granted, "owner": ada.id}));
    for shown in [key.read(), gateway.verify(&key.secret).is_accepted().clone()] {
        assert_eq!(shown["effective_scopes"].as_array().map(Vec::len), Some(100));
        assert_eq!(shown["scopes_truncated"], true);
    }
    let authorize = service.actor(&key.secret).get("/api/v1/authorize?scope=o11.g11");
    assert_eq!((authorize.status, authorize.header("x-credential-scopes-truncated")), (200, Some("true")));
}

#[test]
fn a_key_is_given_to_a_member_and_taken_back_in_one_patch_with_the_rest() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let ada = take_in(&tenant, &["a"]);
    let key = tenant.mint_with(json!({"name": "k", "scopes": ["a", "b"]}));
    let given = key.edit(json!({"name": "adas", "owner": ada.id}));
    assert_eq!((&given["key"]["owner"], &given["key"]["version"]), (&json!(ada.id), &json!(3)));
    assert_eq!(given["key"]["effective_scopes"], json!(["a"]));
    assert_eq!(gateway.verify(&key.secret).is_accepted()["effective_scopes"], json!(["a"]));
    let again = without_an_event(&root, || key.edit(json!({"owner": ada.id})));
    assert_eq!(again["position"], given["position"]);
    let taken = key.edit(json!({"owner": null}));
    assert_eq!((&taken["key"]["owner"], &taken["enforced"]), (&Value::Null, &json!(true)));
    assert_eq!(gateway.verify(&key.secret).is_accepted()["effective_scopes"], json!(["a", "b"]));
    assert_eq!(key.told(), ["api_key.created", "api_key.edited", "api_key.owner_set", "api_key.owner_set"]);
    let changes: Vec<Value> = key.history().iter().map(|event| event["changes"]["owner"].clone()).collect();
    assert_eq!(changes[2..], [json!({"from": null, "to": ada.id}), json!({"from": ada.id, "to": null})]);
}

#[test]
fn an_owner_is_a_member_of_the_same_tenant_that_works() {
    let service = Service::start();
    let root = service.root();
    let (tenant, other) = (acme(&root), root.tenant("other", json!({})));
    let (stranger, disabled) = (take_in(&other, &["*"]), take_in(&tenant, &["*"]));
    let key = tenant.mint("k");
    let keys = format!("{}/keys", tenant.path());
    disabled.act("disable");
    let mint = |owner: &Value| root.post(&keys, &json!({"name": "n", "owner": owner}));
    let give = |owner: &Value| root.patch(&key.path, &json!({"owner": owner}));
    without_an_event(&root, || {
        // Another tenant's member is like one that is not there, and so is what is no member at all.
        for id in [stranger.id.as_str(), ABSENT, &key.id, &tenant.id, "ada"] {
            assert_eq!(
                (pointer(&mint(&json!(id))), pointer(&give(&json!(id)))),
                ("/owner".into(), "/owner".into())
            );
        }
        mint(&json!(disabled.id)).problem(409, "conflict");
        give(&json!(disabled.id)).problem(409, "conflict");
    });
    let absent = pointer_detail(&mint(&json!(ABSENT)));
    assert_eq!(pointer_detail(&mint(&json!(stranger.id))), absent, "nothing tells the two apart");
    disabled.act("enable");
    mint(&json!(disabled.id)).expect(201);
    give(&json!(disabled.id)).expect(200);
}

fn pointer_detail(answer: &Response) -> Value {
    answer.problem(400, "invalid_request")["errors"].clone()
}

#[test]
fn keys_of_a_disabled_member_stop_at_once_and_can_still_be_worked_on() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let ada = take_in(&tenant, &["a"]);
    let mint = |name: &str| tenant.mint_with(json!({"name": name, "scopes": ["a"], "owner": ada.id}));
    let (one, other) = (mint("one"), mint("other"));
    ada.act("disable");
    for key in [&one, &other] {
        gateway.verify(&key.secret).is_refused("owner_disabled");
        assert_eq!(service.whoami(&key.secret).problem(401, "unauthorized")["reason"], "owner_disabled");
        let authorize = service.actor(&key.secret).get("/api/v1/authorize");
        assert_eq!(
            (authorize.status, authorize.header("x-credential-refusal")),
            (401, Some("owner_disabled"))
        );
    }
    one.edit(json!({"name": "renamed", "scopes": ["a", "b"]}));
    let (newer, _) = one.rotate(json!({"grace_seconds": 3600}));
    gateway.verify(&newer).is_refused("owner_disabled");
    other.revoke("owner_left");
    gateway.verify(&other.secret).is_refused("revoked");
    ada.edit(json!({"scopes": ["b"]}));
    ada.act("enable");
    for secret in [&one.secret, &newer] {
        assert_eq!(gateway.verify(secret).is_accepted()["effective_scopes"], json!(["b"]));
    }
    gateway.verify(&other.secret).is_refused("revoked");
    assert_eq!(
        one.told()[..2],
        ["api_key.created", "api_key.edited"],
        "nothing was written to its keys' histories"
    );
}

#[test]
fn keys_are_listed_by_their_owner() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let (ada, bob) = (take_in(&tenant, &["*"]), take_in(&tenant, &["*"]));
    let owned = tenant.mint_with(json!({"name": "owned", "owner": ada.id}));
    let given = tenant.mint("given");
    tenant.mint("nobodys");
    given.edit(json!({"owner": ada.id}));
    let names = |owner: &str| -> Vec<String> {
        let page = root.get(&format!("{}/keys?owner={owner}", tenant.path())).expect(200);
        page["data"].as_array().expect("a page").iter().map(|key| text(&key["name"])).collect()
    };
    assert_eq!(names(&ada.id), ["given", "owned"]);
    assert_eq!((names(&bob.id), names(ABSENT)), (Vec::new(), Vec::new()));
    owned.edit(json!({"owner": bob.id}));
    assert_eq!((names(&ada.id), names(&bob.id)), (vec!["given".to_owned()], vec!["owned".to_owned()]));
    root.get(&format!("{}/keys?owner=ada", tenant.path())).problem(400, "invalid_request");
}

#[test]
fn a_repeated_creation_is_one_member() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let members = format!("{}/members", tenant.path());
    let create = root
        .request("POST", &members)
        .json(&json!({"kind": "person", "name": "Ada", "scopes": []}))
        .header("Idempotency-Key", "once");
    let (first, second) = (root.send(&create), root.send(&create));
    assert_eq!(
        (first.expect(201), second.header("idempotency-replayed")),
        (second.expect(201), Some("true"))
    );
    assert_eq!(first.header("location"), second.header("location"));
    assert_eq!(root.get(&members).expect(200)["data"].as_array().map(Vec::len), Some(1));
}
