//! Authentication, route, role, tenant, type, body, idempotency, state: of several faults the earliest check tells its own.

use serde_json::json;

use crate::acme;
use crate::support::service::Service;

const SELF_REVOKE: &str = "/api/v1/self/revoke";
const ABSENT: &str = "019f0000-0000-7000-8000-000000000000";

#[test]
fn of_several_faults_the_earliest_check_is_told() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let key = tenant.mint("k");
    let admin = service.operator("org_admin", &[&tenant.id]);
    let (anonymous, gateway) = (service.anonymous(), service.gateway());
    let (own, absent) = (format!("{}/keys", tenant.path()), format!("/api/admin/v1/tenants/{ABSENT}/keys"));
    let nowhere = "/api/admin/v1/nowhere".to_owned();
    let taken = admin.request("POST", &own).json(&json!({"name": "k"})).header("Idempotency-Key", "taken");
    admin.send(&taken).expect(201);

    let text = |actor: &crate::support::service::Actor, path: &str| {
        actor.request("POST", path).header("Content-Type", "text/plain").body(b"{".to_vec())
    };
    let wrong_method = |actor: &crate::support::service::Actor| actor.request("PUT", &own).json(&json!({}));
    let bad_body = admin.request("POST", &own).json(&json!({"nome": 1})).header("Idempotency-Key", "taken");
    let rotate = admin.request("POST", &format!("{}/rotate", key.path)).json(&json!({}));
    key.revoke("other");
    let cases = [
        ("authentication before route", anonymous.send(&text(&anonymous, &nowhere)), 401, "unauthorized"),
        ("authentication before method", anonymous.send(&wrong_method(&anonymous)), 401, "unauthorized"),
        ("authentication before role", anonymous.send(&text(&anonymous, &own)), 401, "unauthorized"),
        ("route before all else", gateway.send(&text(&gateway, &nowhere)), 404, "not_found"),
        ("method before role", gateway.send(&wrong_method(&gateway)), 405, "method_not_allowed"),
        ("role before tenant", gateway.send(&text(&gateway, &absent)), 403, "forbidden"),
        ("tenant before type", admin.send(&text(&admin, &absent)), 404, "not_found"),
        ("type before body", admin.send(&text(&admin, &own)), 415, "unsupported_media_type"),
        ("body before idempotency", admin.send(&bad_body), 400, "invalid_request"),
        (
            "idempotency before state",
            admin.send(&rotate.clone().header("Idempotency-Key", "taken")),
            422,
            "idempotency_mismatch",
        ),
        ("precondition before state", admin.send(&rotate.clone().header("If-Match", "\"77\"")), 412, "stale"),
        ("state at last", admin.send(&rotate), 409, "conflict"),
        (
            "a holder's authentication before type",
            anonymous.send(&text(&anonymous, SELF_REVOKE)),
            401,
            "unauthorized",
        ),
    ];
    for (what, answer, status, code) in cases {
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        answer.problem(status, code);
    }
}
