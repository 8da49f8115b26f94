//! `decide`: verdicts of then, judged again; which events decided each; and whatever may be wrong with the question.

use credledger::vault::sha256;
use serde_json::{Value, json};

use crate::bad_input::is_refused_at;
use crate::import::{header, hex, key as imported_key};
use crate::matrix::{ABSENT, told};
use crate::support::client::Response;
use crate::support::service::{Actor, Service, Tenant, text};
use crate::{acme, without_an_event};

#[track_caller]
pub fn decide(actor: &Actor, tenant: &Tenant<'_>, body: Value) -> Response {
    actor.post(&format!("{}/decide", tenant.path()), &body)
}

/// What verify told, and the question by which it is told again.
#[track_caller]
fn again(verdict: &Value, question: &Value) -> Value {
    let mut body = question.clone();
    let members = body.as_object_mut().expect("a question");
    members.remove("credential");
    members.insert("secret_id".to_owned(), verdict["secret_id"].clone());
    members.insert("position".to_owned(), verdict["position"].clone());
    members.insert("at".to_owned(), verdict["judged_at"].clone());
    body
}

/// All but what a replay does not tell, or tells besides.
fn bare(verdict: &Value) -> Value {
    let mut bare = verdict.clone();
    for name in ["rate_limit", "decision_id", "decided_by"] {
        bare.as_object_mut().expect("a verdict").remove(name);
    }
    bare
}

fn position(written: &Value) -> u64 {
    written["position"].as_u64().expect("a position")
}

/// Asks verify, and gives what decide says of the same: the verdict without and the positions.
#[track_caller]
fn asked(root: &Actor, tenant: &Tenant<'_>, question: &Value) -> (Value, Vec<u64>) {
    let verdict = root.verify_as(question.clone()).0;
    let replayed = decide(root, tenant, again(&verdict, question)).expect(200);
    assert_eq!(bare(&replayed), bare(&verdict));
    assert_eq!(replayed["rate_limit"], "not replayed");
    let decided_by = replayed["decided_by"].as_array().expect("positions");
    (verdict, decided_by.iter().map(|position| position.as_u64().expect("a position")).collect())
}

#[test]
fn each_fact_that_a_verdict_rests_on_is_told_by_the_event_that_last_changed_it() {
    let service = Service::start();
    let root = service.root();
    let created = root.post("/api/admin/v1/tenants", &json!({"name": "Acme", "slug": "acme"})).expect(201);
    let tenant = Tenant { admin: &root, id: text(&created["tenant"]["id"]) };
    let t0 = position(&created);
    let key = tenant.mint_with(json!({"name": "k", "scopes": ["orders.*"]}));
    let minted = position(&key.minted);
    let ask = |more: Value| {
        let mut question = json!({"credential": key.secret});
        question.as_object_mut().expect("a question").extend(more.as_object().expect("members").clone());
        let (verdict, decided_by) = asked(&root, &tenant, &question);
        (verdict["reason"].as_str().unwrap_or("accepted").to_owned(), decided_by)
    };
    let is = |reason: &str, positions: &[u64]| (reason.to_owned(), positions.to_vec());
    assert_eq!(ask(json!({})), is("accepted", &[t0, minted]));
    // What changes nothing that it looks at is not among them.
    key.edit(json!({"name": "renamed", "rate_limit": "none"}));
    assert_eq!(ask(json!({"scopes": ["orders.read"]})), is("accepted", &[t0, minted]));

    let scoped = position(&key.edit(json!({"scopes": ["orders.read"]})));
    assert_eq!(ask(json!({"scopes": ["orders.write"]})), is("insufficient_scope", &[minted, scoped]));
    assert_eq!(ask(json!({"scopes": ["orders.read"]})), is("accepted", &[t0, minted, scoped]));
    assert_eq!(ask(json!({})), is("accepted", &[t0, minted]));

    let settings = json!({"settings": {"operations": {"GET /x": "x.read"}}});
    let mapped = position(&root.patch(&tenant.path(), &settings).expect(200));
    assert_eq!(ask(json!({"operation": "GET /x"})), is("insufficient_scope", &[minted, scoped, mapped]));
    let both = json!({"operation": "GET /x", "scopes": ["x.read"]});
    assert_eq!(ask(both), is("insufficient_scope", &[minted, scoped]));
    assert_eq!(ask(json!({"operation": "GET /y"})), is("accepted", &[t0, minted]));
    assert_eq!(ask(json!({"tenant": "other"})), is("wrong_tenant", &[minted]));

    let ruled = position(&key.edit(json!({"ip_rules": {"allow": [{"cidr": "192.0.2.0/24"}]}})));
    assert_eq!(ask(json!({})), is("ip_denied", &[minted, ruled]));
    assert_eq!(ask(json!({"client_ip": "192.0.2.7"})), is("accepted", &[t0, minted, ruled]));
    let free = position(&key.edit(json!({"ip_rules": null})));

    let member = json!({"kind": "service", "name": "m", "scopes": ["orders.read"]});
    let member = root.post(&format!("{}/members", tenant.path()), &member).expect(201);
    let owner = format!("{}/members/{}", tenant.path(), text(&member["member"]["id"]));
    let owned = position(&key.edit(json!({"owner": member["member"]["id"]})));
    let m0 = position(&member);
    let with_scope = json!({"scopes": ["orders.read"]});
    assert_eq!(ask(with_scope.clone()), is("accepted", &[t0, minted, scoped, free, m0, owned]));
    let narrowed = position(&root.patch(&owner, &json!({"scopes": []})).expect(200));
    assert_eq!(ask(with_scope), is("insufficient_scope", &[minted, owned, narrowed]));
    let disabled = position(&root.post(&format!("{owner}/disable"), &json!({})).expect(200));
    assert_eq!(ask(json!({})), is("owner_disabled", &[minted, owned, disabled]));

    let suspended = position(&root.post(&format!("{}/suspend", key.path), &json!({})).expect(200));
    assert_eq!(ask(json!({})), is("suspended", &[minted, suspended]));
    let stopped = position(&root.post(&format!("{}/suspend", tenant.path()), &json!({})).expect(200));
    assert_eq!(ask(json!({})), is("tenant_suspended", &[minted, stopped]));
    let revoked = position(&key.revoke("leaked"));
    assert_eq!(ask(json!({})), is("revoked", &[minted, revoked]));
}

#[test]
fn windows_ends_and_resumptions_are_told_by_their_events_too() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let key = tenant.mint("k");
    let minted = position(&key.minted);
    let (second, rotated) = key.rotate(json!({"grace_seconds": 3600}));
    let by = |secret: &str| {
        let (verdict, decided_by) = asked(&root, &tenant, &json!({"credential": secret}));
        (verdict["reason"].as_str().unwrap_or("accepted").to_owned(), decided_by)
    };
    assert!(by(&key.secret).1.contains(&position(&rotated)), "the window is of the rotation");
    let closed = position(&root.post(&format!("{}/revoke", key.secret_path(0)), &json!({})).expect(200));
    assert_eq!(by(&key.secret), ("revoked".to_owned(), vec![minted, closed]));
    assert!(!by(&second).1.contains(&closed));
    let (_, over) = key.rotate(json!({"grace_seconds": 0}));
    let (made, ended) = (position(&rotated), position(&over));
    assert_eq!(by(&second), ("rotated_out".to_owned(), vec![made, ended]));

    let other = tenant.mint("other");
    root.post(&format!("{}/suspend", other.path), &json!({})).expect(200);
    let resumed = position(&root.post(&format!("{}/resume", other.path), &json!({})).expect(200));
    assert_eq!(by(&other.secret).1.last(), Some(&resumed));

    let client = tenant.client("c");
    let verdict =
        decide(&root, &tenant, json!({"credential_id": client.id, "position": position(&client.minted)}));
    let verdict = verdict.expect(200);
    assert_eq!((&verdict["valid"], &verdict["kind"]), (&json!(true), &json!("oauth_client")));
}

#[test]
fn a_credential_means_its_newest_secret_of_then_and_a_prefix_its_own() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let key = tenant.mint("k");
    let (_, rotated) = key.rotate(json!({"grace_seconds": 3600}));
    let secrets = key.read()["secrets"].clone();
    let (old, new) = (&secrets[0], &secrets[1]);
    let ask = |whose: Value, position: u64| {
        let mut body = whose;
        body["position"] = json!(position);
        decide(&root, &tenant, body).expect(200)
    };
    let (first, second) = (position(&key.minted), position(&rotated));
    let by_id = json!({"credential_id": key.id});
    assert_eq!(ask(by_id.clone(), first)["secret_id"], old["id"]);
    assert_eq!(ask(by_id.clone(), second)["secret_id"], new["id"]);
    for secret in [old, new] {
        let expected = ask(json!({"secret_id": secret["id"]}), second);
        assert_eq!(expected["secret_id"], secret["id"]);
        assert_eq!(ask(json!({"prefix": secret["prefix"]}), second), expected);
    }
    // What came later was not there then, and nothing is told of it.
    let nothing = json!({
        "valid": false, "reason": "not_found", "detail": "No such credential.", "rate_limit": "not replayed",
        "position": first, "judged_at": key.history()[0]["at"], "decided_by": []
    });
    assert_eq!(ask(json!({"secret_id": new["id"]}), first), nothing);
    assert_eq!(ask(json!({"prefix": new["prefix"]}), first), nothing);
    assert_eq!(ask(by_id, first - 1)["reason"], "not_found");
}

#[test]
fn a_question_that_names_nothing_or_too_much_is_refused_at_its_place() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let key = tenant.mint("k");
    let (made, secret) = (position(&key.minted), key.read()["secrets"][0].clone());
    let happened = text(&key.history()[0]["at"]);
    let before = credledger::clock::Timestamp::parse(&happened).expect("an instant").millis() - 1;
    let before = credledger::clock::Timestamp::from_millis(before).expect("an instant");
    let whose = json!({"credential_id": key.id});
    let with = |base: &Value, more: Value| {
        let mut body = base.clone();
        body.as_object_mut().expect("a question").extend(more.as_object().expect("members").clone());
        body
    };
    let now = with(&whose, json!({"position": made}));
    let cases = [
        (json!({"position": made}), ""),
        (with(&now, json!({"secret_id": secret["id"]})), ""),
        (with(&now, json!({"prefix": secret["prefix"]})), ""),
        (whose.clone(), ""),
        (with(&whose, json!({"at": null, "position": null})), ""),
        (with(&now, json!({"credential": key.secret})), "/credential"),
        (with(&now, json!({"audience": "https://a.example"})), "/audience"),
        (with(&now, json!({"credential_id": "nonsense"})), "/credential_id"),
        (json!({"secret_id": 7, "position": made}), "/secret_id"),
        (json!({"prefix": "", "position": made}), "/prefix"),
        (json!({"prefix": "a\u{0}b", "position": made}), "/prefix"),
        (json!({"prefix": "p".repeat(101), "position": made}), "/prefix"),
        (with(&now, json!({"position": -1})), "/position"),
        (with(&now, json!({"position": "1"})), "/position"),
        (with(&now, json!({"position": 1.5})), "/position"),
        (with(&now, json!({"position": made + 1000})), "/position"),
        (with(&now, json!({"position": i64::MAX})), "/position"),
        (with(&now, json!({"at": "yesterday"})), "/at"),
        (with(&now, json!({"at": 1_700_000_000})), "/at"),
        (with(&now, json!({"at": before})), "/at"),
        (with(&now, json!({"at": "9999-01-01T00:00:00Z"})), "/at"),
        (with(&whose, json!({"at": "9999-01-01T00:00:00Z"})), "/at"),
        (with(&now, json!({"client_ip": "localhost"})), "/client_ip"),
        (with(&now, json!({"scopes": ["a.*"]})), "/scopes/0"),
        (with(&now, json!({"operation": ""})), "/operation"),
        (with(&now, json!({"tenant": ""})), "/tenant"),
    ];
    without_an_event(&root, || {
        for (body, place) in cases {
            is_refused_at(&decide(&root, &tenant, body), place);
        }
        // An Idempotency-Key does no harm, and a repeat is asked anew.
        let request = root.request("POST", &format!("{}/decide", tenant.path())).json(&now);
        let keyed = request.header("Idempotency-Key", "again");
        assert_eq!(root.send(&keyed).expect(200), root.send(&keyed).expect(200));
    });
}

#[test]
fn what_is_not_the_tenants_own_is_not_there_under_any_name() {
    let service = Service::start();
    let root = service.root();
    let (own, foreign) = (root.tenant("own", json!({})), root.tenant("foreign", json!({})));
    let (mine, theirs) = (own.mint("k"), foreign.mint("k"));
    let member = crate::matrix::member_of(&own);
    let head = position(&mine.minted).max(position(&theirs.minted));
    let secret = theirs.read()["secrets"][0].clone();
    let admin = service.operator("org_admin", &[&own.id]);
    let own = own.seen_by(&admin);
    let absent = decide(&admin, &own, json!({"credential_id": ABSENT, "position": head}));
    absent.problem(404, "not_found");
    for whose in [
        json!({"secret_id": ABSENT}),
        json!({"prefix": "cl_live_nothing!"}),
        json!({"credential_id": theirs.id}),
        json!({"secret_id": secret["id"]}),
        json!({"prefix": secret["prefix"]}),
        // ids of other kinds
        json!({"credential_id": own.id}),
        json!({"credential_id": member}),
        json!({"credential_id": mine.read()["secrets"][0]["id"]}),
        json!({"secret_id": mine.id}),
    ] {
        let mut body = whose.clone();
        body["position"] = json!(head);
        assert_eq!(told(&decide(&admin, &own, body)), told(&absent), "{whose}");
    }
    let before = decide(&admin, &own, json!({"credential_id": mine.id, "at": "1999-01-01T00:00:00Z"}));
    assert_eq!(told(&before), told(&absent), "before the first event there was nothing");
    // Of another tenant it is told no more than of one that is not there.
    let ask = |tenant: &str| {
        let body = json!({"credential_id": mine.id, "position": head, "tenant": tenant});
        decide(&admin, &own, body).expect(200)
    };
    assert_eq!(ask("own")["valid"], true);
    assert_eq!(ask("foreign")["reason"], "wrong_tenant");
    for unseen in [&*foreign.id, "no-such-slug", ABSENT] {
        assert_eq!(ask("foreign"), ask(unseen));
    }
}

#[test]
fn secrets_that_begin_alike_are_told_apart_by_their_ids() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let row = |number: usize, prefix: &str| {
        let digest = hex(&sha256(&[imported_key(number).as_bytes()]));
        json!({"old_id": format!("key_{number}"), "name": "n", "digest": digest, "prefix": prefix})
    };
    let lines = [header(json!({"algorithm": "sha256"})), row(1, "sk_00"), row(2, "sk_00"), row(3, "sk_000")];
    let (imported, _) = crate::import::told(&crate::import::send(&root, &tenant, &lines));
    let at = position(&imported[2]);
    is_refused_at(&decide(&root, &tenant, json!({"prefix": "sk_00", "position": at})), "/prefix");
    let only = decide(&root, &tenant, json!({"prefix": "sk_000", "position": at})).expect(200);
    assert_eq!((&only["valid"], &only["credential_id"]), (&json!(true), &imported[2]["key_id"]));
    let (verdict, decided_by) = asked(&root, &tenant, &json!({"credential": imported_key(1)}));
    assert_eq!(verdict["credential_id"], imported[0]["key_id"]);
    assert_eq!(decided_by.last(), Some(&position(&imported[0])));
    // It was not here before it was brought, whatever its age.
    let before = json!({"credential_id": imported[0]["key_id"], "position": position(&imported[0]) - 1});
    assert_eq!(decide(&root, &tenant, before).expect(200)["reason"], "not_found");
}
