//! `at=` and `position=`: whatever one resource was, it is told so for ever, whatever came after.

use serde_json::{Value, json};

use crate::acme;
use crate::matrix::ABSENT;
use crate::support::client::Response;
use crate::support::service::{Actor, Key, Service, Tenant, millis, text};

/// The resource as it was after the event at a position.
#[track_caller]
fn then(actor: &Actor, path: &str, position: u64) -> Value {
    let answer = actor.get(&format!("{path}?position={position}"));
    assert_eq!(answer.header("etag"), None, "what is past has no tag");
    answer.expect(200)
}

#[track_caller]
fn position(written: &Value) -> u64 {
    written["position"].as_u64().expect("a position")
}

fn instant(millis: i64) -> String {
    credledger::clock::Timestamp::from_millis(millis).expect("an instant").to_string()
}

/// A resource, what it was after each of some changes, and the position of each.
struct Told {
    path: String,
    states: Vec<(u64, Value)>,
}

impl Told {
    fn of(path: String) -> Self {
        Told { path, states: Vec::new() }
    }

    /// Reads what a change has made of it.
    #[track_caller]
    fn after(&mut self, root: &Actor, written: &Value) {
        self.states.push((position(written), root.get(&self.path).expect(200)));
    }

    #[track_caller]
    fn holds(&self, reader: &Actor) {
        for (position, state) in &self.states {
            assert_eq!(then(reader, &self.path, *position), *state, "{} at {position}", self.path);
        }
    }
}

fn key_through_its_life(root: &Actor, key: &Key<'_>, owner: &str) -> Told {
    let mut told = Told::of(key.path.clone());
    told.after(root, &key.minted);
    for change in [
        json!({"name": "renamed"}),
        json!({"scopes": ["orders.read", "x"]}),
        json!({"owner": owner}),
        json!({"ip_rules": {"allow": [{"cidr": "192.0.2.0/24"}]}, "description": "now with rules"}),
        json!({"rate_limit": {"requests": 9, "per_seconds": 60}, "metadata": {"team": "a"}}),
    ] {
        told.after(root, &key.edit(change));
    }
    told.after(root, &key.rotate(json!({"grace_seconds": 3600})).1);
    told.after(root, &root.post(&format!("{}/suspend", key.path), &json!({})).expect(200));
    told.after(root, &root.post(&format!("{}/resume", key.path), &json!({})).expect(200));
    told.after(root, &root.post(&format!("{}/revoke", key.secret_path(0)), &json!({})).expect(200));
    told.after(root, &key.revoke("unused"));
    told
}

#[test]
fn what_each_resource_was_after_each_change_it_is_told_to_have_been_for_ever() {
    let mut service = Service::start();
    let told: Vec<Told> = {
        let root = service.root();
        let tenant = acme(&root);
        let (key, client) = (tenant.mint_with(json!({"name": "k", "scopes": ["*"]})), tenant.client("c"));
        let members = format!("{}/members", tenant.path());
        let made = root.post(
            &members,
            &json!({"kind": "person", "name": "Ada", "email": "ada@example.com", "scopes": ["orders.*"]}),
        );
        let made = made.expect(201);
        let owner = text(&made["member"]["id"]);
        let mut member = Told::of(format!("{members}/{owner}"));
        member.after(&root, &made);
        let of_key = key_through_its_life(&root, &key, &owner);
        let of_client = key_through_its_life(&root, &client, &owner);
        for change in [json!({"name": "Ada L."}), json!({"scopes": ["x"]})] {
            member.after(&root, &root.patch(&member.path.clone(), &change).expect(200));
        }
        for action in ["disable", "enable"] {
            let path = format!("{}/{action}", member.path);
            member.after(&root, &root.post(&path, &json!({})).expect(200));
        }
        let mut of_tenant = Told::of(tenant.path());
        for change in [
            json!({"name": "Acme Europe"}),
            json!({"settings": {"operations": {"GET /a": "a.read"}, "expiry_warning_seconds": 0}}),
        ] {
            of_tenant.after(&root, &root.patch(&tenant.path(), &change).expect(200));
        }
        for action in ["suspend", "resume"] {
            let path = format!("{}/{action}", tenant.path());
            of_tenant.after(&root, &root.post(&path, &json!({})).expect(200));
        }
        let (mut plan, mut operator) =
            (Told::of("/api/admin/v1/plans/free".to_owned()), Told::of(String::new()));
        for (most, status) in [(3, 201), (4, 200)] {
            let set =
                root.put("/api/admin/v1/plans/free", &json!({"active_credentials": most})).expect(status);
            plan.after(&root, &set);
        }
        let body = json!({"name": "op", "role": "auditor", "tenants": [tenant.id]});
        let made = root.post("/api/admin/v1/operators", &body).expect(201);
        operator.path = format!("/api/admin/v1/operators/{}", text(&made["operator"]["id"]));
        operator.after(&root, &made);
        let path = operator.path.clone();
        operator.after(&root, &root.post(&format!("{path}/tokens"), &json!({})).expect(201));
        operator.after(&root, &root.patch(&path, &json!({"role": "gateway"})).expect(200));
        operator.after(&root, &root.delete(&path).expect(200));
        vec![of_key, of_client, member, of_tenant, plan, operator]
    };
    told.iter().for_each(|told| told.holds(&service.operator("auditor", &[])));
    service.stop();
    service.start_again();
    told.iter().for_each(|told| told.holds(&service.operator("auditor", &[])));
}

#[test]
fn an_instant_means_the_last_event_that_had_happened_by_then_and_statuses_of_then() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let key = tenant.mint("k");
    let made = millis(&key.read()["created_at"]);
    root.patch(&key.path, &json!({"expires_at": instant(made + 3_600_000)})).expect(200);
    let changed = millis(&key.history()[1]["at"]);
    let at = |millis: i64| root.get(&format!("{}?at={}", key.path, instant(millis)));
    at(made - 1).problem(404, "not_found");
    assert_eq!(at(changed).expect(200)["expires_at"], json!(instant(made + 3_600_000)));
    if changed > made {
        assert_eq!(at(changed - 1).expect(200)["expires_at"], Value::Null);
        assert_eq!(at(made).expect(200)["name"], "k");
    }
    // The same instant by another offset; its + is a space where it is not written as such.
    let utc = instant(changed);
    let offset = utc.replace('Z', "%2B00:00");
    assert_eq!(root.get(&format!("{}?at={offset}", key.path)).expect(200), at(changed).expect(200));
    let space = root.get(&format!("{}?at={}", key.path, offset.replace("%2B", "+")));
    let problem = space.problem(400, "invalid_request");
    assert!(text(&problem["errors"][0]["detail"]).contains("%2B"), "{problem}");
}

#[test]
fn a_status_is_that_of_the_instant_and_the_windows_of_then() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({"expiry_warning_seconds": 0}));
    let key = tenant.mint("k");
    let made = millis(&key.read()["created_at"]);
    let (_, rotated) = key.rotate(json!({"grace_seconds": 1}));
    let end = millis(&rotated["key"]["secrets"][0]["expires_at"]);
    let shown = crate::support::service::eventually(|| {
        let answer = root.get(&format!("{}?at={}", key.path, instant(end)));
        (answer.status == 200).then(|| answer.json())
    });
    assert_eq!(shown.expect("an instant that comes")["secrets"][0]["status"], "expired");
    let before = root.get(&format!("{}?at={}", key.path, instant(end - 1))).expect(200);
    assert_eq!(before["secrets"][0]["status"], "expiring");
    assert_eq!(then(&root, &key.path, position(&rotated))["secrets"][0]["status"], "expiring");
    assert!(made < end);
}

/// Whose names an answer tells are those of then.
#[test]
fn whoever_did_it_is_named_as_then() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let admin = service.operator("org_admin", &[]);
    let key = tenant.seen_by(&admin).mint("k");
    let creator = key.read()["created_by"].clone();
    let changed =
        root.patch(&format!("/api/admin/v1/operators/{}", text(&creator["id"])), &json!({"role": "auditor"}));
    changed.expect(200);
    assert_eq!(then(&root, &key.path, position(&key.minted))["created_by"], creator);
}

#[track_caller]
fn is_refused_at(answer: &Response, parameter: &str) {
    let problem = answer.problem(400, "invalid_request");
    assert_eq!(problem["errors"][0]["parameter"], parameter, "{problem}");
}

/// Each kind of path that takes them.
fn paths(root: &Actor, tenant: &Tenant<'_>) -> Vec<String> {
    let (key, client) = (tenant.mint("k"), tenant.client("c"));
    let member = crate::matrix::member_of(tenant);
    let (operator, _) = crate::matrix::operator_of(root, "auditor", &[&tenant.id]);
    root.put("/api/admin/v1/plans/free", &json!({"active_credentials": 9})).expect(201);
    vec![
        tenant.path(),
        key.path,
        client.path,
        format!("{}/members/{member}", tenant.path()),
        format!("/api/admin/v1/operators/{operator}"),
        "/api/admin/v1/plans/free".to_owned(),
    ]
}

#[test]
fn what_names_no_moment_is_refused_and_before_the_beginning_there_was_nothing() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    for path in paths(&root, &tenant) {
        let get = |query: &str| root.get(&format!("{path}?{query}"));
        for at in
            ["", "yesterday", "2026-01-01", "1700000000", "2026-02-30T00:00:00Z", "10000-01-01T00:00:00Z"]
        {
            is_refused_at(&get(&format!("at={at}")), "at");
        }
        for position in ["", "-1", "%2B1", "1.0", "one", "18446744073709551616"] {
            is_refused_at(&get(&format!("position={position}")), "position");
        }
        is_refused_at(&get("at=9999-12-31T23:59:59Z"), "at");
        for beyond in ["1000000", "9223372036854775807", "18446744073709551615"] {
            is_refused_at(&get(&format!("position={beyond}")), "position");
        }
        is_refused_at(&get("at=2026-01-01T00:00:00Z&position=1"), "position");
        is_refused_at(&get("position=1&position=1"), "position");
        is_refused_at(&get("as_of=1"), "as_of");
        let unknown = format!("{}/{ABSENT}", path.rsplit_once('/').expect("a path").0);
        let unknown = crate::matrix::told(&root.get(&unknown));
        for before in ["at=1970-01-01T00:00:00Z", "at=2020-01-01T00:00:00Z", "position=0"] {
            assert_eq!(crate::matrix::told(&get(before)), unknown, "{path} {before}");
        }
    }
    // Lists of others are of now.
    for list in ["members", "erasures"] {
        is_refused_at(&root.get(&format!("{}/{list}?position=1", tenant.path())), "position");
    }
}

#[test]
fn the_past_of_another_tenant_is_as_little_there_as_its_present() {
    let service = Service::start();
    let root = service.root();
    let (own, foreign) = (root.tenant("own", json!({})), root.tenant("foreign", json!({})));
    let (mine, theirs) = (own.mint("k"), foreign.mint("k"));
    let wide = root.post(
        "/api/admin/v1/operators",
        &json!({"name": "o", "role": "gateway", "tenants": [own.id, foreign.id]}),
    );
    let wide = wide.expect(201);
    let wide_id = text(&wide["operator"]["id"]);
    let path = format!("/api/admin/v1/operators/{wide_id}");
    let narrowed = root.patch(&path, &json!({"tenants": [own.id]})).expect(200);
    let auditor = service.operator("auditor", &[&own.id]);
    let head = position(&narrowed);
    let get = |path: &str| auditor.get(&format!("{path}?position={head}"));
    get(&mine.path).expect(200);
    get(&path).expect(200);
    // It reaches no further today, and still it is not shown as it reached then.
    let reached_then = format!("{path}?position={}", position(&wide));
    let absent = crate::matrix::told(&auditor.get(&format!("/api/admin/v1/operators/{ABSENT}")));
    assert_eq!(crate::matrix::told(&auditor.get(&reached_then)), absent);
    for path in [
        foreign.path(),
        theirs.path.clone(),
        format!("{}/keys/{}", own.path(), theirs.id),
        format!("{}/clients/{}", own.path(), mine.id),
        format!("{}/members/{}", own.path(), mine.id),
    ] {
        assert_eq!(crate::matrix::told(&get(&path)), absent, "{path}");
    }
}
