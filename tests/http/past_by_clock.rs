//! What was another between two moments though no event says so: the clock alone changed it.

use serde_json::{Value, json};

use crate::past_lists::instant;
use crate::support::service::{Service, eventually, millis, text};

/// Nothing is written when a window ends or an expiry comes near: the clock alone changes what is told.
#[test]
fn what_the_clock_alone_changed_is_a_difference_too() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({"expiry_warning_seconds": 3600}));
    let key = tenant.mint("k");
    let made = millis(&key.read()["created_at"]);
    tenant.mint("unmoved");
    let expiring = json!({"name": "short", "expires_at": instant(made + 4000)});
    let short = tenant.mint_with(expiring);
    let rotated = key.rotate(json!({"grace_seconds": 1})).1;
    let position = rotated["position"].as_u64().expect("a position");
    let window = millis(&rotated["key"]["secrets"][0]["expires_at"]);
    let [half, end] = [2, 1].map(|part| {
        let (from, to) =
            (millis(&short.minted["key"]["created_at"]), millis(&short.minted["key"]["expires_at"]));
        to - (to - from) / 2 * (part - 1)
    });
    let changes = |from: &str, to: i64| {
        let path = format!("{}/changes?{from}&to={}", tenant.path(), instant(to));
        eventually(|| (root.get(&path).status == 200).then(|| root.walk(&path, 1)))
            .expect("an instant that comes")
    };
    let told = |changes: Vec<Value>| -> Vec<(String, String, String)> {
        let status = |credential: &Value| match text(&credential["name"]).as_str() {
            "k" => text(&credential["secrets"][0]["status"]),
            _ => text(&credential["status"]),
        };
        let mut told: Vec<_> = changes
            .iter()
            .map(|change| {
                (text(&change["after"]["name"]), status(&change["before"]), status(&change["after"]))
            })
            .collect();
        told.sort();
        told
    };
    let change = |name: &str, from: &str, to: &str| (name.to_owned(), from.to_owned(), to.to_owned());
    let since = format!("from_position={position}");
    assert_eq!(told(changes(&since, window - 1)), []);
    assert_eq!(told(changes(&since, window)), [change("k", "expiring", "expired")]);
    assert_eq!(told(changes(&format!("from={}", instant(window)), half - 1)), []);
    assert_eq!(
        told(changes(&format!("from={}", instant(window)), half)),
        [change("short", "active", "expiring")]
    );
    let whole = [change("k", "expiring", "expired"), change("short", "active", "expired")];
    assert_eq!(told(changes(&since, end)), whole);
    assert_eq!(
        told(changes(&format!("from={}", instant(half)), end)),
        [change("short", "expiring", "expired")]
    );
}

#[test]
fn a_tenants_own_window_makes_keys_expiring() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({"expiry_warning_seconds": 0}));
    let now = millis(&tenant.mint("now").read()["created_at"]);
    let day = 24 * 3_600_000;
    let mut minted = Vec::new();
    for days in [5, 40] {
        minted.push(
            tenant.mint_with(json!({"name": format!("{days}"), "expires_at": instant(now + days * day)})),
        );
    }
    // Old enough to have its half behind it, as an import may be.
    let digest =
        crate::import::hex(&credledger::vault::sha256(&[b"sk_0000000000000000000000000000000000001"]));
    let line = |name: &str, days: i64| json!({"old_id": name, "name": name, "digest": digest, "created_at": instant(now - 90 * day), "expires_at": instant(now + days * day)});
    let (lines, _) = crate::import::told(&crate::import::send(
        &root,
        &tenant,
        &[crate::import::header(json!({"algorithm": "sha256"})), line("imported", 5)],
    ));
    assert_eq!(lines[0]["outcome"], "imported", "{lines:?}");
    let before = minted[1].edit(json!({"description": "a mark"}))["position"].as_u64().expect("a position");
    let set =
        root.patch(&tenant.path(), &json!({"settings": {"expiry_warning_seconds": 864_000}})).expect(200);
    let set = set["position"].as_u64().expect("a position");
    let told = root.walk(&format!("{}/changes?from_position={before}&to_position={set}", tenant.path()), 1);
    let statuses = |change: &Value| [&change["before"]["status"], &change["after"]["status"]].map(text);
    assert_eq!(told.iter().map(|change| text(&change["after"]["name"])).collect::<Vec<_>>(), ["imported"]);
    assert_eq!(statuses(&told[0]), ["active", "expiring"]);
}
