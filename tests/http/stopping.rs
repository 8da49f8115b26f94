//! A stop finishes what it began; a restart knows everything.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::acme;
use crate::support::client::{Client, Request};
use crate::support::service::{Service, eventually, text, without_use};

#[test]
fn what_was_acknowledged_before_and_during_a_stop_is_there_after_the_restart() {
    let mut service = Service::start();
    let token = service.root().token.expect("a token");
    let keys = format!("{}/keys", acme(&service.root()).path());
    let (address, under_way) = (service.address(), AtomicUsize::new(0));
    let acknowledged: Vec<String> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let (token, keys, under_way) = (&token, &keys, &under_way);
                scope.spawn(move || {
                    let mut client = Client::new(address);
                    let mut minted = Vec::new();
                    // Until the service is gone: then nothing is answered, and nothing was acknowledged.
                    for number in 0.. {
                        let body = json!({"name": format!("{writer}-{number}")});
                        let request = Request::new("POST", keys).bearer(token).json(&body);
                        under_way.fetch_add(1, Ordering::Relaxed);
                        match client.try_send(&request) {
                            Ok(answer) if answer.status == 201 => {
                                minted.push(text(&answer.json()["key"]["id"]))
                            }
                            Ok(answer) => assert_eq!(answer.status, 503, "{}", answer.text()),
                            Err(_) => break,
                        }
                    }
                    minted
                })
            })
            .collect();
        eventually(|| (under_way.load(Ordering::Relaxed) > 100).then_some(())).expect("writers at work");
        assert_eq!(service.stop(), Some(0));
        writers.into_iter().flat_map(|writer| writer.join().expect("a writer")).collect()
    });
    assert!(acknowledged.len() > 50, "{}", acknowledged.len());
    service.start_again();
    let root = service.actor(&token);
    for id in &acknowledged {
        root.get(&format!("{keys}/{id}")).expect(200);
    }
}

#[test]
fn a_request_that_has_begun_is_answered_before_the_service_ends() {
    let mut service = Service::start();
    let token = service.root().token.expect("a token");
    let keys = format!("{}/keys", acme(&service.root()).path());
    let body = json!({"name": "begun"}).to_string();
    let request = Request::new("POST", &keys).bearer(&token).header("Content-Type", "application/json");
    let request = request.header("Content-Length", &body.len().to_string()).header("Expect", "100-continue");
    let mut slow = Client::new(service.address()).begin(&request.head_bytes(&service.address()));
    slow.is_taken_in();
    service.signal("-TERM");
    // The stop has begun once nobody new is taken in.
    eventually(|| std::net::TcpStream::connect(service.address()).is_err().then_some(()))
        .expect("a closed door");
    let answer = slow.finish(body.as_bytes()).expect("an answer");
    let minted = answer.expect(201);
    assert_eq!(service.ended(), Some(0));
    service.start_again();
    let root = service.actor(&token);
    assert_eq!(root.get(&format!("{keys}/{}", text(&minted["key"]["id"]))).expect(200)["name"], "begun");
}

#[test]
fn a_restart_changes_no_verdict_and_no_answer() {
    let mut service = Service::start();
    let token = service.root().token.expect("a token");
    let gateway = service.gateway().token.expect("a token");
    let (secrets, paths) = {
        let root = service.root();
        let tenant = root.tenant("acme", json!({"operations": {"x": "a:b"}, "default_scopes": ["a:b"]}));
        let names = ["active", "rotated", "suspended", "revoked", "bound", "dated"];
        let mut keys: Vec<_> = names.iter().map(|name| tenant.mint(name)).collect();
        let (newer, _) = keys[1].rotate(json!({}));
        root.post(&format!("{}/suspend", keys[2].path), &json!({})).expect(200);
        keys[3].revoke("leaked");
        keys[4]
            .edit(json!({"ip_rules": {"allow": [{"cidr": "192.0.2.0/24"}]}, "metadata": {"a": [1, null]}}));
        keys[5].edit(json!({"expires_at": "2099-01-01T00:00:00Z", "description": "dated"}));
        let members = format!("{}/members", tenant.path());
        let [ada, bob] = ["Ada", "Bob"].map(|name| {
            let body = json!({"kind": "person", "name": name, "scopes": ["*"]});
            let id = text(&root.post(&members, &body).expect(201)["member"]["id"]);
            keys.push(tenant.mint_with(json!({"name": name, "scopes": ["a:*", "b"], "owner": id})));
            format!("{members}/{id}")
        });
        root.patch(&ada, &json!({"name": "Ada L.", "scopes": ["a:b", "c"]})).expect(200);
        root.post(&format!("{bob}/disable"), &json!({})).expect(200);
        let mut secrets: Vec<String> = keys.iter().map(|key| key.secret.clone()).collect();
        secrets.extend([newer, "cl_live_nothing".to_owned()]);
        let mut paths: Vec<String> =
            keys.iter().flat_map(|key| [key.path.clone(), format!("{}/history", key.path)]).collect();
        paths.extend([
            tenant.path(),
            format!("{}/keys?limit=500", tenant.path()),
            members,
            ada,
            bob,
            "/api/admin/v1/tenants".to_owned(),
        ]);
        (secrets, paths)
    };
    let look = |service: &Service| -> Vec<Value> {
        let (root, gateway) = (service.actor(&token), service.actor(&gateway));
        let verdicts =
            secrets.iter().flat_map(|secret| ["192.0.2.1", "203.0.113.1"].map(|address| (secret, address)));
        let verdicts = verdicts.map(|(secret, address)| {
            let mut verdict =
                gateway.verify_as(json!({"credential": secret, "client_ip": address, "operation": "x"})).0;
            // That histories were read is sealed by the next start, which moves the ledger on.
            for member in ["judged_at", "decision_id", "position"] {
                verdict.as_object_mut().expect("a verdict").remove(member);
            }
            verdict
        });
        verdicts.chain(paths.iter().map(|path| without_use(root.get(path).expect(200)))).collect()
    };
    let before = look(&service);
    assert_eq!(service.stop(), Some(0));
    service.start_again();
    assert_eq!(look(&service), before);
    service.kill();
    service.start_again();
    assert_eq!(look(&service), before);
}
