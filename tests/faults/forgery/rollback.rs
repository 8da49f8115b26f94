//! Older genuine rows put back. They are genuine, so the node may load them, and the `check` will find them; but the events are
//! the truth, and nothing is ever decided, or written, on an old row.

use serde_json::json;

use super::forged::Ledger;
use crate::rebuild::assert_equal_to_a_rebuild;

#[test]
fn p7_an_older_row_put_back_is_never_what_a_change_is_decided_on() {
    let mut ledger = Ledger::new();
    let path = ledger.path(&ledger.narrow.id);
    let root = ledger.service.root();
    ledger.keep_rows();
    root.post(&format!("{path}/revoke"), &json!({"reason": "leaked"})).expect(200);
    let history = root.get(&format!("{path}/history")).expect(200);
    ledger.service.stop();
    ledger.put_rows_back();
    ledger.service.start_again();
    let root = ledger.service.root();
    // The stream's events say that it is revoked, whatever its row says.
    for (method, rest, body) in [
        ("POST", "/rotate", json!({})),
        ("PATCH", "", json!({"scopes": ["*"]})),
        ("POST", "/suspend", json!({})),
    ] {
        let answer = root.send(&root.request(method, &format!("{path}{rest}")).json(&body));
        answer.problem(409, "conflict");
    }
    assert_eq!(root.get(&path).expect(200)["status"], "revoked");
    assert_eq!(root.get(&format!("{path}/history")).expect(200), history, "nothing was added to it");
}

/// The running node met rows that its ledger's events contradict: it fails closed, and says where.
#[test]
fn p7_the_next_change_after_an_older_row_was_put_back_makes_the_row_right_and_the_node_stops() {
    let mut ledger = Ledger::new();
    let path = ledger.path(&ledger.wide.id);
    let root = ledger.service.root();
    ledger.keep_rows();
    root.patch(&path, &json!({"scopes": ["narrowed"]})).expect(200);
    ledger.service.stop();
    ledger.put_rows_back();
    ledger.service.start_again();
    let root = ledger.service.root();
    let edited = root.patch(&path, &json!({"description": "the next change"}));
    let edited = edited.expect(202);
    assert_eq!(edited["key"]["scopes"], json!(["narrowed"]), "decided on the events");
    assert_eq!(edited["enforced"], false, "this node will not enforce it");
    let position = edited["position"].as_u64().expect("a position");
    ledger
        .stops_answering(&format!("position {position} (api_key.edited of {}) does not fit", ledger.wide.id));
    ledger.service.stop();
    ledger.service.start_again();
    let asked = json!({"credential": ledger.wide.text, "scopes": ["anything.else"]});
    ledger.gateway().verify_as(asked).is_refused("insufficient_scope");
    assert_equal_to_a_rebuild(&ledger.service);
}
