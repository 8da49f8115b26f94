//! The auditor's tour of docs/AUDIT.md, done as it says, against a service where what it tells of has happened.

use serde_json::json;

use crate::support::service::{Service, text};
use crate::tour;

#[test]
fn an_auditor_goes_the_tour_of_the_page() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({}));
    let auditor = service.operator("auditor", &[]);
    let key = tenant.mint_with(json!({"name": "ci-runner", "scopes": ["orders:read"]}));
    let widened = key.edit(json!({"scopes": ["orders:*"]}));
    key.edit(json!({"ip_rules": {"allow": [{"cidr": "192.0.2.0/24"}]}}));
    key.revoke("leaked");
    root.get_caught_up(&format!("{}/audit?min_position={}", tenant.path(), widened["position"])).expect(200);
    let steps = tour::steps(include_str!("../../docs/AUDIT.md"), "On the command line");
    assert!(steps.len() >= 6, "the tour was not found");
    let stand_ins = [
        ("http://127.0.0.1:8080", &*service.url()),
        ("cl_operator_…", auditor.token.as_deref().expect("a token")),
        ("cl_live_Zr41mPw7", &text(&key.read()["secrets"][0]["prefix"])),
    ];
    let folder = service.folder().join("tour");
    std::fs::create_dir(&folder).expect("a folder");
    tour::goes(&steps, &stand_ins, &folder);
}
