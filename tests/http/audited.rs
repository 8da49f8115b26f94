//! What auditors and root read of the past leaves a row each, which says who, when, from where and what was asked.

use serde_json::{Value, json};

use crate::acme;
use crate::support::client::Response;
use crate::support::service::{Actor, Service, eventually, text};

/// So many rows, the newest first, once they are there.
#[track_caller]
fn rows(actor: &Actor, path: &str, count: usize) -> Vec<Value> {
    let found = eventually(|| {
        let page = actor.get(path).expect(200);
        let data = page["data"].as_array().expect("a page").clone();
        (data.len() >= count).then_some(data)
    });
    let found = found.unwrap_or_else(|| panic!("{path}: {}", actor.get(path).expect(200)));
    assert_eq!(found.len(), count, "{found:?}");
    found
}

fn from(actor: &Actor, path: &str, address: &str) -> Response {
    actor.send_caught_up(&actor.request("GET", path).header("X-Forwarded-For", address))
}

#[test]
fn each_reading_of_a_tenants_past_leaves_its_row_and_an_admins_own_none() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let key = tenant.mint("k");
    let (admin, auditor) =
        (service.operator("org_admin", &[&tenant.id]), service.operator("auditor", &[&tenant.id]));
    let history = format!("{}/history", key.path);
    let audit = format!("{}/audit", tenant.path());
    let decide = format!("{}/decide", tenant.path());
    let activity = format!("{}/activity", tenant.path());
    let asked = json!({"credential_id": key.id, "position": key.history()[0]["position"], "client_ip": "192.0.2.9",
        "operation": "orders.read"});
    let keys = format!("{}/keys", tenant.path());
    let since = asked["position"].clone();
    let then = format!("{keys}?position={since}");
    let changes = format!("{}/changes?from_position={since}", tenant.path());
    for path in [&history, &audit, &format!("{activity}?format=csv"), &then, &changes] {
        assert_eq!(admin.get_caught_up(path).status, 200);
    }
    admin.post(&decide, &asked).expect(200);
    // What is refused, or only a page of the log itself, leaves none either.
    auditor.get(&format!("{audit}?order=up")).expect(400);
    auditor.get(&format!("{}/keys/{}/history", tenant.path(), tenant.id)).expect(404);
    auditor.get(&activity).expect(200);
    auditor.get(&keys).expect(200);
    from(&auditor, &format!("{history}?order=desc&limit=1"), "192.0.2.44").expect(200);
    let filters = "type=api_key.*&client_ip=198.51.100.7&limit=2";
    let page = auditor.get_caught_up(&format!("{audit}?{filters}")).expect(200);
    assert_eq!(page["data"], json!([]));
    auditor.get_caught_up(&format!("{audit}?format=ndjson"));
    auditor.post(&decide, &asked).expect(200);
    auditor.get(&format!("{activity}?operation=orders.read&outcome=accepted&format=csv"));
    auditor.get_caught_up(&format!("{then}&name=k")).expect(200);
    auditor.get(&format!("{}/clients?format=csv&valid=true", tenant.path()));
    auditor.get_caught_up(&changes).expect(200);

    let whose = |id: &str| format!("{activity}?credential={id}");
    let shown = auditor.get("/api/admin/v1/session").expect(200)["operator"].clone();
    let id = text(&shown["id"]);
    let told = rows(&admin, &whose(&id), 8);
    let brief = |row: &Value| (text(&row["operation"]), text(&row["asked"]));
    let at = key.read()["created_at"].clone();
    let expected = [
        ("audit.changes", format!("from_position={since}")),
        ("audit.clients", "valid=true&format=csv".to_owned()),
        ("audit.keys", format!("position={since}&name")),
        ("audit.activity", "operation&outcome=accepted&format=csv".to_owned()),
        ("audit.decide", format!("subject={}&position={}&at={}", key.id, asked["position"], text(&at))),
        ("audit.trail", "format=ndjson".to_owned()),
        ("audit.trail", "type=api_key.*&client_ip&limit=2".to_owned()),
        ("audit.history", format!("order=desc&limit=1&subject={}", key.id)),
    ];
    assert_eq!(
        told.iter().map(brief).collect::<Vec<_>>(),
        expected.map(|(read, asked)| (read.to_owned(), asked))
    );
    let first = &told[7];
    for (member, value) in [
        ("tenant_id", json!(tenant.id)),
        ("kind", json!("operator")),
        ("credential_id", json!(id)),
        ("name", shown["name"].clone()),
        ("outcome", json!("accepted")),
        ("status", json!(200)),
        ("client_ip", json!("192.0.2.44")),
        ("prefix", json!(null)),
        ("decision_id", json!(null)),
        ("completes", json!(null)),
    ] {
        assert_eq!(first[member], value, "{member}");
    }
    assert!(first["secret_id"].is_string() && first["request_id"].is_string(), "{first}");
    let by_token = rows(&admin, &format!("{activity}?secret={}", text(&first["secret_id"])), 8);
    assert_eq!(by_token, told);
    rows(&admin, &format!("{activity}?operation=audit.trail&credential={id}"), 2);
    // Root's, and nobody's that run the tenant.
    let all = rows(&admin, &activity, 9);
    let by = |row: &Value| row["name"].clone();
    assert_eq!(all.iter().filter(|row| by(row) != shown["name"]).count(), 1, "{all:?}");
    assert!(!service.log().contains("198.51.100.7"));
}

#[test]
fn who_read_the_ledger_is_told_to_those_who_may_and_to_no_tenant() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let auditor = service.operator("auditor", &[]);
    let (path, ledger) = ("/api/admin/v1/activity", "/api/admin/v1/ledger/events");
    auditor.get_caught_up(&format!("{ledger}?from=2&limit=3")).expect(200);
    from(&root, &format!("{ledger}?format=ndjson"), "192.0.2.44");
    auditor.get(&format!("{ledger}?from=9999")).expect(400);
    let told = rows(&root, path, 2);
    assert_eq!(rows(&auditor, path, 2), told);
    let asked = |row: &Value| (text(&row["operation"]), text(&row["asked"]), row["tenant_id"].clone());
    let expected = ["format=ndjson", "from=2&limit=3"];
    let expected = expected.map(|text| ("audit.ledger".to_owned(), text.to_owned(), json!(null)));
    assert_eq!(told.iter().map(asked).collect::<Vec<_>>(), expected);
    assert_eq!(told[0]["client_ip"], "192.0.2.44");
    rows(&root, &format!("{path}?client_ip=192.0.2.44"), 1);
    rows(&root, &format!("{path}?operation=audit.trail"), 0);
    // No tenant, whatever it is called, has these.
    rows(&root, &format!("{}/activity", tenant.path()), 0);
    let nil = "/api/admin/v1/tenants/00000000-0000-0000-0000-000000000000/activity";
    root.get(nil).problem(404, "not_found");
    service.operator("auditor", &[&tenant.id]).get(path).problem(403, "forbidden");
    service.operator("org_admin", &[&tenant.id]).get(path).problem(403, "forbidden");
    let table = root.get(&format!("{path}?format=csv")).text();
    assert_eq!(table.lines().count(), 3, "{table}");
}
