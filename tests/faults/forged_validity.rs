//! Write access to the database makes nobody have had what it had not (P7): a row by which past lists are found that was changed, moved
//! or made up is told to nobody, and a false difference is none.

use serde_json::json;

use crate::forged_trail::execute;
use crate::support::service::{Actor, Service, Tenant};

fn list(actor: &Actor, tenant: &Tenant<'_>, position: u64) -> u16 {
    actor.get_caught_up(&format!("{}/keys?position={position}", tenant.path())).status
}

#[test]
fn a_period_that_was_touched_is_told_to_nobody() {
    let service = Service::start();
    let root = service.root();
    let (one, other) = (root.tenant("one", json!({})), root.tenant("other", json!({})));
    let key =
        one.mint_with(json!({"name": "first", "scopes": ["a.b"], "expires_at": "2099-01-01T00:00:00Z"}));
    let theirs = other.mint("second");
    let head = theirs.minted["position"].as_u64().expect("a position");
    let id = &key.id;
    assert_eq!((list(&root, &one, head), list(&root, &other, head)), (200, 200));
    execute(&service, "create table kept as select * from credledger.validity");
    for change in [
        "scopes = '{*}'",
        "scopes = '{}'",
        "revoked = true",
        "suspended = true",
        "expires_at_ms = null",
        "expires_at_ms = expires_at_ms + 1",
        "created_at_ms = created_at_ms - 1",
        "name_version = 2",
        "description_version = 2",
        "owner_id = credential_id",
    ] {
        let touched = execute(
            &service,
            &format!("update credledger.validity set {change} where credential_id = '{id}'"),
        );
        assert_eq!(touched, 1, "{change}");
        root.get_caught_up(&format!("{}/keys?position={head}", one.path())).problem(500, "internal");
        let valid = format!("{}/keys?position={head}&valid=true&format=csv", one.path());
        // What a false row hides is hidden; what it shows is told to nobody.
        let hides = ["revoked = true", "suspended = true"].contains(&change);
        assert_eq!(root.get_caught_up(&valid).status, if hides { 200 } else { 500 }, "{change}");
        execute(&service, "delete from credledger.validity");
        execute(&service, "insert into credledger.validity select * from kept");
        assert_eq!(list(&root, &one, head), 200);
    }
    // Moved into another tenant's, it finds nothing there: what is looked at are that tenant's own.
    let moved =
        format!("update credledger.validity set tenant_id = '{}' where credential_id = '{id}'", other.id);
    assert_eq!(execute(&service, &moved), 1);
    let told = root.get_caught_up(&format!("{}/keys?position={head}", other.path())).expect(200);
    assert_eq!(told["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(told["data"][0]["id"], theirs.id.as_str());
    // A row of before the key was there makes no key of then.
    let before = format!(
        "insert into credledger.validity select ledger_id, '{}', credential_id, 0, created_at_ms, expires_at_ms, kind, \
         description_version, name_version, owner_id, revoked, scopes, suspended from kept where credential_id = '{id}'",
        one.id
    );
    execute(&service, "delete from credledger.validity");
    assert_eq!(execute(&service, &before), 1);
    let minted = key.minted["position"].as_u64().expect("a position");
    let earlier = format!("{}/keys?position={}", one.path(), minted - 1);
    let answer = root.get_caught_up(&earlier);
    assert!(
        answer.status == 500 || answer.status == 200 && answer.json()["data"] == json!([]),
        "{}",
        answer.text()
    );
}
