//! Plans: how many active credentials a tenant may have.

use credledger::clock::Timestamp;
use serde_json::{Value, json};

use crate::matrix::since_1970;
use crate::support::service::{Actor, Service, Tenant, eventually, text};
use crate::without_an_event;

const PLANS: &str = "/api/admin/v1/plans";

fn set(root: &Actor, name: &str, active: Value) -> Value {
    let answer = root.put(&format!("{PLANS}/{name}"), &json!({"active_credentials": active}));
    assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
    answer.json()
}

fn on_plan<'a>(root: &'a Actor, slug: &str, plan: &str) -> Tenant<'a> {
    let tenant = root.tenant(slug, json!({}));
    let changed = root.patch(&tenant.path(), &json!({"plan": plan})).expect(200);
    assert_eq!(changed["tenant"]["plan"], plan);
    tenant
}

fn mint(tenant: &Tenant<'_>) -> crate::support::client::Response {
    tenant.admin.post(&format!("{}/keys", tenant.path()), &json!({"name": "k"}))
}

#[test]
fn a_plan_is_made_read_changed_and_listed_by_name() {
    let service = Service::start();
    let root = service.root();
    let made = root.put(&format!("{PLANS}/free"), &json!({"active_credentials": 3}));
    let plan = made.expect(201)["plan"].clone();
    assert_eq!((&plan["name"], &plan["active_credentials"]), (&json!("free"), &json!(3)));
    assert_eq!(made.header("location"), Some("/api/admin/v1/plans/free"));
    let read = root.get(&format!("{PLANS}/free"));
    assert_eq!((read.header("etag"), read.expect(200)), (Some("\"1\""), plan));
    let changed = root.put(&format!("{PLANS}/free"), &json!({"active_credentials": null})).expect(200);
    let told = (&changed["plan"]["active_credentials"], &changed["plan"]["version"]);
    assert_eq!(told, (&Value::Null, &json!(2)));
    without_an_event(&root, || {
        let again = root.put(&format!("{PLANS}/free"), &json!({"active_credentials": null})).expect(200);
        assert_eq!(again["position"], changed["position"]);
        root.get(&format!("{PLANS}/none")).problem(404, "not_found");
        root.get(&format!("{PLANS}/No%20Name")).problem(404, "not_found");
    });
    for name in ["zebra", "a", "premium"] {
        set(&root, name, json!(1));
    }
    let first = root.get(&format!("{PLANS}?limit=3")).expect(200);
    let names = |page: &Value| -> Vec<String> {
        page["data"].as_array().expect("a page").iter().map(|plan| text(&plan["name"])).collect()
    };
    assert_eq!(names(&first), ["a", "free", "premium"]);
    let next = text(&first["next_cursor"]);
    let second = root.get(&format!("{PLANS}?limit=3&cursor={next}")).expect(200);
    assert_eq!((names(&second), &second["next_cursor"]), (vec!["zebra".to_owned()], &Value::Null));
}

#[test]
fn what_is_no_bound_or_no_plan_is_400_and_leaves_no_event() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({}));
    without_an_event(&root, || {
        for (body, pointer) in [
            (json!({}), "/active_credentials"),
            (json!({"active_credentials": -1}), "/active_credentials"),
            (json!({"active_credentials": 4_294_967_296_u64}), "/active_credentials"),
            (json!({"active_credentials": "3"}), "/active_credentials"),
            (json!({"active_credentials": 3, "keys": 3}), "/keys"),
        ] {
            let problem = root.put(&format!("{PLANS}/free"), &body).problem(400, "invalid_request");
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
        }
        for plan in [json!("none"), json!("No name"), json!(""), json!(3)] {
            let change = root.patch(&tenant.path(), &json!({"plan": plan})).problem(400, "invalid_request");
            assert_eq!(change["errors"][0]["pointer"], "/plan", "{plan}");
            let body = json!({"name": "Other", "plan": plan});
            let creation = root.post("/api/admin/v1/tenants", &body).problem(400, "invalid_request");
            assert_eq!(creation["errors"][0]["pointer"], "/plan", "{plan}");
        }
    });
}

#[test]
fn only_root_puts_a_tenant_on_a_plan_and_nothing_else_of_that_change_takes_place() {
    let service = Service::start();
    let root = service.root();
    set(&root, "free", json!(1));
    let tenant = on_plan(&root, "acme", "free");
    let admin = service.operator("org_admin", &[&tenant.id]);
    without_an_event(&root, || {
        for plan in [json!("free"), Value::Null] {
            let change = json!({"name": "Mine", "plan": plan});
            admin.patch(&tenant.path(), &change).problem(403, "forbidden");
        }
        admin.put(&format!("{PLANS}/free"), &json!({"active_credentials": 9})).problem(403, "forbidden");
    });
    assert_eq!(admin.get(&tenant.path()).expect(200)["plan"], "free");
    assert_eq!(admin.get(&format!("{PLANS}/free")).expect(200)["active_credentials"], 1);
    admin.patch(&tenant.path(), &json!({"name": "Mine"})).expect(200);
    let created = root.post("/api/admin/v1/tenants", &json!({"name": "Other", "plan": "free"})).expect(201);
    assert_eq!(created["tenant"]["plan"], "free");
}

#[test]
fn a_full_plan_is_told_with_its_name_and_limit_and_has_room_again_after_a_revoke() {
    let service = Service::start();
    let root = service.root();
    set(&root, "free", json!(2));
    let tenant = on_plan(&root, "acme", "free");
    let (first, _) = (tenant.mint("one"), tenant.mint("two"));
    without_an_event(&root, || {
        let problem = mint(&tenant).problem(409, "quota_exceeded");
        let detail = text(&problem["detail"]);
        assert!(detail.contains("\"free\"") && detail.contains(" 2 "), "{detail}");
    });
    // What is suspended or rotated counts as before.
    first.rotate(json!({}));
    root.post(&format!("{}/suspend", first.path), &json!({})).expect(200);
    mint(&tenant).problem(409, "quota_exceeded");
    // Nobody else is bounded by it.
    mint(&root.tenant("free-of-it", json!({}))).expect(201);
    root.delete(&first.path).expect(200);
    mint(&tenant).expect(201);
    mint(&tenant).problem(409, "quota_exceeded");
}

#[test]
fn lowering_a_plan_takes_nothing_away_and_raising_it_admits_at_once() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    set(&root, "free", json!(3));
    let tenant = on_plan(&root, "acme", "free");
    let keys = ["one", "two", "three"].map(|name| tenant.mint(name));
    set(&root, "free", json!(0));
    for key in &keys {
        gateway.verify(&key.secret).is_accepted();
    }
    mint(&tenant).problem(409, "quota_exceeded");
    set(&root, "free", json!(4));
    mint(&tenant).expect(201);
    mint(&tenant).problem(409, "quota_exceeded");
    root.patch(&tenant.path(), &json!({"plan": null})).expect(200);
    mint(&tenant).expect(201);
    set(&root, "small", json!(1));
    root.patch(&tenant.path(), &json!({"plan": "small"})).expect(200);
    mint(&tenant).problem(409, "quota_exceeded");
    for key in &keys {
        gateway.verify(&key.secret).is_accepted();
    }
}

#[test]
fn a_key_that_is_over_by_time_makes_room_without_anybody_waiting_for_housekeeping() {
    let service = Service::start();
    let root = service.root();
    set(&root, "free", json!(1));
    let tenant = on_plan(&root, "acme", "free");
    let now = Timestamp::from_millis(since_1970()).expect("an instant");
    let key = tenant.mint_with(json!({"name": "short", "expires_at": now.plus_seconds(2)}));
    let made = eventually(|| {
        let answer = mint(&tenant);
        (answer.status == 201).then(|| answer.json())
    });
    assert!(made.is_some(), "room");
    assert_eq!(key.told().last().map(String::as_str), Some("api_key.expired"));
    mint(&tenant).problem(409, "quota_exceeded");
}

#[test]
fn a_repeated_mint_is_answered_though_the_plan_is_full_by_it() {
    let service = Service::start();
    let root = service.root();
    set(&root, "free", json!(1));
    let tenant = on_plan(&root, "acme", "free");
    let request = root
        .request("POST", &format!("{}/keys", tenant.path()))
        .header("Idempotency-Key", "once")
        .json(&json!({"name": "k"}));
    let first = root.send(&request).expect(201);
    let again = root.send(&request);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.expect(201), first);
}
