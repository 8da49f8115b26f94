//! The keys that access tokens are signed with, as root and as anybody sees them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::service::{Actor, Service, eventually, millis, text};
use crate::without_an_event;

const KEYS: &str = "/api/admin/v1/signing-keys";
const ROTATE: &str = "/api/admin/v1/signing-keys/rotate";
const JWKS: &str = "/.well-known/jwks.json";

fn rotate(root: &Actor, body: &Value) -> Value {
    root.post(ROTATE, body).expect(200)["signing_key"].clone()
}

/// As root reads them: the newest first.
fn keys(root: &Actor) -> Vec<Value> {
    root.get(KEYS).expect(200)["data"].as_array().expect("a list").clone()
}

fn of_status(keys: &[Value], status: &str) -> Vec<String> {
    keys.iter().filter(|key| key["status"] == status).map(|key| text(&key["kid"])).collect()
}

fn published(anyone: &Actor) -> Vec<Value> {
    anyone.get(JWKS).expect(200)["keys"].as_array().expect("a list").clone()
}

fn kids(keys: &[Value]) -> BTreeSet<String> {
    keys.iter().map(|key| text(&key["kid"])).collect()
}

/// Of the keys that OpenSSL made for the tests.
fn pem(name: &str) -> &'static str {
    let whole = include_str!("../../src/vault/private_key_test.pem");
    let start = whole.find(&format!("# {name}\n")).expect("a key of that name") + name.len() + 3;
    let rest = &whole[start..];
    rest.find("\n# ").map_or(rest, |end| &rest[..end])
}

#[test]
fn from_the_first_start_on_one_key_signs_and_the_next_one_is_published() {
    let mut service = Service::start();
    let token = service.root().token.expect("a token");
    let first = keys(&service.root());
    assert_eq!(first.len(), 2);
    assert_eq!((&first[0]["status"], &first[1]["status"]), (&json!("next"), &json!("signing")));
    assert_eq!((&first[0]["signs_from"], &first[1]["retires_at"]), (&Value::Null, &Value::Null));
    assert!(first.iter().all(|key| key["algorithm"] == "ES256"));
    assert_eq!(kids(&published(&service.anonymous())), kids(&first));
    assert_eq!(service.stop(), Some(0));
    service.start_again();
    assert_eq!(keys(&service.actor(&token)), first, "a restart makes none");
}

#[test]
fn a_rotation_comes_to_the_key_that_was_published_before_and_publishes_another() {
    let service = Service::start();
    let (root, anyone) = (service.root(), service.anonymous());
    let before = keys(&root);
    let known = kids(&published(&anyone));
    let rotated = rotate(&root, &json!({}));
    assert_eq!(rotated["kid"], before[0]["kid"]);
    assert!(known.contains(&text(&rotated["kid"])), "it was published before it signs");
    // It was published a moment ago, at the start, and may have to wait for its time.
    let signs = || of_status(&keys(&root), "signing").pop().filter(|kid| *kid == text(&rotated["kid"]));
    assert!(eventually(signs).is_some());
    let after = keys(&root);
    assert_eq!(of_status(&after, "retiring"), [text(&before[1]["kid"])]);
    assert_eq!(of_status(&after, "next").len(), 1);
    let retiring = after.iter().find(|key| key["status"] == "retiring").expect("the old one");
    assert_eq!(millis(&retiring["retires_at"]) - millis(&rotated["signs_from"]), 86_460_000);
    assert_eq!(kids(&published(&anyone)), kids(&after), "tokens of the old one still verify");
}

#[test]
fn the_set_of_keys_is_open_may_be_kept_for_less_than_the_lead_and_holds_nothing_private() {
    let service = Service::start();
    let (root, anyone) = (service.root(), service.anonymous());
    rotate(&root, &json!({"algorithm": "EdDSA"}));
    rotate(&root, &json!({"private_key": pem("rsa2048")}));
    let answer = anyone.get(JWKS);
    assert_eq!(answer.header("content-type"), Some("application/jwk-set+json"));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=4"));
    let of = |accept: &str| anyone.send(&anyone.request("GET", JWKS).header("Accept", accept));
    assert_eq!(of("application/json").header("content-type"), Some("application/json"));
    assert_eq!(of("application/json").expect(200), answer.expect(200));
    of("text/html").problem(406, "not_acceptable");
    anyone.get(&format!("{JWKS}?t=1")).expect(200);
    let set = published(&anyone);
    let algorithms: BTreeSet<String> = set.iter().map(|key| text(&key["alg"])).collect();
    assert_eq!(algorithms.len(), 3, "{set:?}");
    for key in &set {
        let members = key.as_object().expect("a key");
        let public = ["kty", "use", "alg", "kid", "crv", "x", "y", "n", "e"];
        assert!(members.keys().all(|member| public.contains(&member.as_str())), "{key}");
        assert_eq!(key["use"], "sig");
    }
    assert_eq!(kids(&set).len(), set.len(), "each is named once");
}

#[test]
fn a_key_of_another_algorithm_is_published_before_it_signs() {
    let service = Service::start();
    let (root, anyone) = (service.root(), service.anonymous());
    let changed = rotate(&root, &json!({"algorithm": "EdDSA"}));
    assert_eq!((&changed["algorithm"], &changed["status"]), (&json!("EdDSA"), &json!("starting")));
    assert!(kids(&published(&anyone)).contains(&text(&changed["kid"])));
    let ahead = millis(&changed["signs_from"]) - millis(&changed["made_at"]);
    assert!((4_000..10_000).contains(&ahead), "{ahead} ms");
    let now = keys(&root);
    assert_eq!(of_status(&now, "signing").len(), 1, "the old one goes on until then");
    assert_eq!(of_status(&now, "retired").len(), 1, "what was published ahead is of no use");
    let next = now.iter().find(|key| key["status"] == "next").expect("a next one");
    assert_eq!(next["algorithm"], "EdDSA");
    let signs = || of_status(&keys(&root), "signing").pop().filter(|kid| *kid == text(&changed["kid"]));
    assert!(eventually(signs).is_some());
}

#[test]
fn a_key_that_is_brought_signs_and_the_one_after_it_has_to_be_brought_too() {
    let service = Service::start();
    let root = service.root();
    for (name, algorithm) in [("p256", "ES256"), ("ed25519", "EdDSA"), ("rsa2048", "RS256")] {
        let brought = rotate(&root, &json!({"algorithm": algorithm, "private_key": pem(name)}));
        assert_eq!(brought["algorithm"], algorithm);
        let again = root.post(ROTATE, &json!({"private_key": pem(name)}));
        again.problem(409, "conflict");
    }
    without_an_event(&root, || {
        for body in [json!({}), json!({"algorithm": "RS256"})] {
            let problem = root.post(ROTATE, &body).problem(400, "invalid_request");
            assert_eq!(problem["errors"][0]["pointer"], "/private_key", "{body}");
        }
    });
    let back = rotate(&root, &json!({"algorithm": "ES256"}));
    assert_eq!(back["algorithm"], "ES256");
    rotate(&root, &json!({}));
}

#[test]
fn what_is_no_key_is_refused_and_nothing_of_it_is_said() {
    let service = Service::start();
    let root = service.root();
    without_an_event(&root, || {
        // The last one's exponent has 33 bits: it would sign, and no event that names it could be read.
        for name in ["rsa1024", "p384", "x25519", "sec1", "public", "rsa_wide"] {
            let answer = root.post(ROTATE, &json!({"private_key": pem(name)}));
            let problem = answer.problem(400, "invalid_request");
            assert_eq!(problem["errors"][0]["pointer"], "/private_key", "{name}");
            let line = pem(name).lines().nth(1).expect("a line");
            assert!(!answer.text().contains(line), "{name}");
        }
        for (body, pointer) in [
            (json!({"private_key": ""}), "/private_key"),
            (json!({"private_key": "x".repeat(16 * 1024 + 1)}), "/private_key"),
            (json!({"private_key": null}), "/private_key"),
            (json!({"private_key": {"kty": "EC"}}), "/private_key"),
            (json!({"algorithm": "HS256"}), "/algorithm"),
            (json!({"algorithm": "none"}), "/algorithm"),
            (json!({"algorithm": "RS256", "private_key": pem("p256")}), ""),
            (json!({"kid": "x"}), "/kid"),
        ] {
            let problem = root.post(ROTATE, &body).problem(400, "invalid_request");
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
        }
    });
}

#[test]
fn a_repeat_under_its_key_rotates_once() {
    let service = Service::start();
    let root = service.root();
    let body = json!({"private_key": pem("ed25519")});
    let ask = || root.send(&root.request("POST", ROTATE).header("Idempotency-Key", "once").json(&body));
    let first = ask();
    let (first, repeat) = without_an_event(&root, || (first.expect(200), ask()));
    assert_eq!(repeat.header("idempotency-replayed"), Some("true"));
    assert_eq!(repeat.expect(200), first);
    let other = root.request("POST", ROTATE).header("Idempotency-Key", "once").json(&json!({}));
    root.send(&other).problem(422, "idempotency_mismatch");
}

#[test]
fn rotations_at_once_each_take_effect_and_leave_one_that_signs_and_one_ahead() {
    const AT_ONCE: usize = 6;
    let service = Service::start();
    let tokens: Vec<String> = (0..AT_ONCE).map(|_| service.root().token.expect("a token")).collect();
    let rotated: Vec<String> = std::thread::scope(|scope| {
        let asked: Vec<_> = tokens
            .iter()
            .map(|token| scope.spawn(|| text(&rotate(&service.actor(token), &json!({}))["kid"])))
            .collect();
        asked.into_iter().map(|asked| asked.join().expect("rotated")).collect()
    });
    let root = service.root();
    assert_eq!(rotated.iter().collect::<BTreeSet<_>>().len(), AT_ONCE, "each came to a key of its own");
    let now = keys(&root);
    assert_eq!(now.len(), AT_ONCE + 2);
    assert_eq!(of_status(&now, "next").len(), 1);
    assert_eq!(kids(&published(&service.anonymous())), kids(&now));
    let settled = || Some(keys(&root)).filter(|keys| of_status(keys, "starting").is_empty());
    let settled = eventually(settled).expect("the last one signs");
    assert_eq!(of_status(&settled, "signing").len(), 1);
    let froms: Vec<i64> = settled
        .iter()
        .rev()
        .filter_map(|key| key["signs_from"].as_str().map(|_| millis(&key["signs_from"])))
        .collect();
    assert!(froms.is_sorted(), "{froms:?}");
}

#[test]
fn the_list_has_pages_and_a_bound_on_what_is_published() {
    let service = Service::start();
    let root = service.root();
    for _ in 0..30 {
        rotate(&root, &json!({}));
    }
    let problem = root.post(ROTATE, &json!({})).problem(409, "conflict");
    assert!(text(&problem["detail"]).contains("32 keys"), "{problem}");
    let all = keys(&root);
    let (mut walked, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = root.get(&format!("{KEYS}?limit=7{cursor}")).expect(200);
        walked.extend(page["data"].as_array().expect("a page").clone());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(walked, all);
    assert_eq!(all.len(), 32);
    root.get(&format!("{KEYS}?limit=0")).problem(400, "invalid_request");
    root.get(&format!("{KEYS}?strange=1")).problem(400, "invalid_request");
    root.get(&format!("{KEYS}?cursor=x")).problem(400, "invalid_request");
}
