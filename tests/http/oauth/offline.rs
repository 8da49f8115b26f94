//! Whoever checks tokens by the published keys and the list of revocations says what verify says, whatever has happened.

use serde_json::{Value, json};

use super::checker::{Checker, LIST, Told, now};
use super::{REVOKE, act, asks, by_basic, exchange, has_ended, id_of, in_seconds, part, token};
use crate::acme;
use crate::support::client::Request;
use crate::support::service::{Actor, Key, Service, Tenant, eventually, text};

/// Everybody's verdict on the tokens that there are, by either way.
struct World<'a> {
    service: &'a Service,
    gateway: Actor,
    checker: Checker,
    tokens: Vec<String>,
}

impl<'a> World<'a> {
    fn of(service: &'a Service) -> Self {
        let (gateway, checker) = (service.gateway(), Checker::of(service));
        World { service, gateway, checker, tokens: Vec::new() }
    }

    fn take(&mut self, client: &Key<'_>) -> String {
        let token = token(self.service, client);
        self.tokens.push(token.clone());
        token
    }

    /// By a fresh list; and how many of them are good.
    #[track_caller]
    fn agree(&mut self, what: &str) -> usize {
        self.checker.fetch(&self.gateway);
        let told: Vec<Told> = self.tokens.iter().map(|token| self.checker.check(token, now())).collect();
        let online: Vec<Value> = self.tokens.iter().map(|token| self.gateway.verify(token).0).collect();
        let good = |verdict: &Value| if verdict["valid"] == true { Told::Good } else { Told::Refused };
        assert_eq!(told, online.iter().map(good).collect::<Vec<_>>(), "{what}: {online:?}");
        told.iter().filter(|told| **told == Told::Good).count()
    }
}

#[test]
fn it_says_what_verify_says_of_tokens_that_are_given_back_and_cut_off() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let [client, other] = ["c", "o"].map(|name| tenant.client(name));
    let mut world = World::of(&service);
    let taken: Vec<String> = (0..5).map(|_| world.take(&client)).collect();
    world.take(&other);
    assert_eq!(world.agree("nothing has happened"), 6);
    asks(&service, REVOKE, &client, &format!("token={}", taken[0])).expect(200);
    assert_eq!(world.agree("given back by its client"), 5);
    service.actor(&taken[1]).post("/api/v1/self/revoke", &json!({"reason": "leaked"})).expect(200);
    assert_eq!(world.agree("given back by its holder"), 4);
    act(&root, &format!("{}/tokens/revoke", client.path));
    assert_eq!(world.agree("all of a client's"), 1);
    world.take(&client);
    assert_eq!(world.agree("one was given since"), 2);
    act(&root, &format!("{}/tokens/revoke", client.path));
    assert_eq!(world.agree("and once more"), 1);
}

#[test]
fn it_says_what_verify_says_of_clients_that_stop_and_go_on() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let [client, dated] = ["c", "d"].map(|name| tenant.client(name));
    let mut world = World::of(&service);
    for client in [&client, &dated] {
        world.take(client);
    }
    act(&root, &format!("{}/suspend", client.path));
    assert_eq!(world.agree("suspended"), 1);
    act(&root, &format!("{}/resume", client.path));
    assert_eq!(world.agree("resumed"), 2);
    act(&root, &format!("{}/suspend", tenant.path()));
    assert_eq!(world.agree("its tenant suspended"), 0);
    act(&root, &format!("{}/resume", tenant.path()));
    assert_eq!(world.agree("its tenant resumed"), 2);
    dated.edit(json!({"expires_at": in_seconds(2)}));
    has_ended(&dated);
    assert_eq!(world.agree("its end brought forward"), 1);
    client.revoke("leaked");
    assert_eq!(world.agree("revoked"), 0);
}

#[test]
fn it_says_what_verify_says_of_the_secrets_that_tokens_were_asked_for_with() {
    let service = Service::start();
    let root = service.root();
    let client = acme(&root).client("c");
    let mut world = World::of(&service);
    let window = |place: usize| format!("{}/revoke", client.secret_path(place));
    world.take(&client);
    let by = |rotated: &(String, Value)| {
        by_basic(super::TOKEN, &text(&rotated.1["client_id"]), &rotated.0, super::GRANT)
    };
    let take = |world: &mut World<'_>, rotated: &(String, Value)| {
        let token = text(&service.anonymous().send(&by(rotated)).expect(200)["access_token"]);
        world.tokens.push(token);
    };
    let second = client.rotate(json!({"grace_seconds": 3600}));
    take(&mut world, &second);
    assert_eq!(world.agree("rotated, with a window"), 2);
    act(&root, &window(0));
    assert_eq!(world.agree("the window closed by hand"), 1);
    let third = client.rotate(json!({"grace_seconds": 1}));
    take(&mut world, &third);
    let over =
        || client.told().last().is_some_and(|last| last == "oauth_client.secret_expired").then_some(());
    eventually(over).expect("the window's end");
    assert_eq!(world.agree("a window that ended by time"), 2);
    act(&root, &window(1));
    assert_eq!(world.agree("closed by hand afterwards"), 1);
    let fourth = client.rotate(json!({"grace_seconds": 0}));
    take(&mut world, &fourth);
    assert_eq!(world.agree("rotated without a window"), 1);
}

#[test]
fn it_says_what_verify_says_of_clients_whose_owner_is_disabled_or_another() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let members = format!("{}/members", tenant.path());
    let member = |name: &str| {
        let body = json!({"kind": "service", "name": name, "scopes": ["*"]});
        text(&root.post(&members, &body).expect(201)["member"]["id"])
    };
    let [ada, bob] = ["ada", "bob"].map(member);
    let owned = tenant.client_with(json!({"name": "owned", "owner": ada}));
    let free = tenant.client("free");
    let mut world = World::of(&service);
    for client in [&owned, &free] {
        world.take(client);
    }
    act(&root, &format!("{members}/{ada}/disable"));
    assert_eq!(world.agree("its owner disabled"), 1);
    act(&root, &format!("{members}/{ada}/enable"));
    assert_eq!(world.agree("its owner enabled"), 2);
    free.edit(json!({"owner": bob}));
    act(&root, &format!("{members}/{bob}/disable"));
    assert_eq!(world.agree("given to somebody who is disabled then"), 1);
    free.edit(json!({"owner": ada}));
    assert_eq!(world.agree("and to another"), 2);
    act(&root, &format!("{members}/{ada}/disable"));
    assert_eq!(world.agree("the other disabled"), 0);
}

#[test]
fn it_says_the_same_after_another_key_signs_and_after_a_start_and_the_list_is_the_same() {
    let mut service = Service::start_with(&["--public-url", "https://keys.example"]);
    let root = service.root();
    let tenant = acme(&root);
    let clients: Vec<Key<'_>> = ["a", "b", "c", "d", "e"].map(|name| tenant.client(name)).into();
    let mut world = World::of(&service);
    world.checker.issuer = "https://keys.example".to_owned();
    world.checker.audience = world.checker.issuer.clone();
    let taken: Vec<String> = clients.iter().map(|client| world.take(client)).collect();
    asks(&service, REVOKE, &clients[0], &format!("token={}", taken[0])).expect(200);
    clients[1].rotate(json!({"grace_seconds": 0}));
    act(&root, &format!("{}/tokens/revoke", clients[2].path));
    act(&root, &format!("{}/suspend", clients[3].path));
    assert_eq!(world.agree("four of five ended in four ways"), 1);
    root.post("/api/admin/v1/signing-keys/rotate", &json!({})).expect(200);
    let kid = part(&taken[0], 0)["kid"].clone();
    eventually(|| (part(&world.gateway.get(LIST).text(), 0)["kid"] != kid).then_some(()))
        .expect("another key signs");
    world.checker.fetch_keys(&service);
    assert_eq!(world.agree("another key signs the list"), 1);
    let (mut checker, tokens) = (world.checker, world.tokens);
    let essence = |list: &serde_json::Map<String, Value>| {
        let timed = ["iat", "exp"];
        let all = list.iter().filter(|(name, _)| !timed.contains(&name.as_str()));
        all.map(|(name, value)| (name.clone(), value.clone())).collect::<Vec<_>>()
    };
    let before = essence(&checker.list.as_ref().expect("a list").claims);
    let gateway = world.gateway.token.clone().expect("a token");
    service.stop();
    service.start_again();
    checker.fetch(&service.actor(&gateway));
    assert_eq!(essence(&checker.list.as_ref().expect("a list").claims), before);
    let told: Vec<Told> = tokens.iter().map(|token| checker.check(token, now())).collect();
    assert_eq!(told, [[Told::Refused; 4].as_slice(), &[Told::Good]].concat());
}

#[test]
fn whose_list_is_old_or_of_other_tenants_asks_and_no_older_list_takes_its_place() {
    let service = Service::start();
    let root = service.root();
    let (tenant, other) = (acme(&root), root.tenant("other", json!({})));
    let [ours, theirs] = [tenant.client("c"), other.client("c")].map(|client| token(&service, &client));
    let mut checker = Checker::of(&service);
    assert_eq!(checker.check(&ours, now()), Told::Ask, "without a list");
    let gateway = service.operator("gateway", &[&tenant.id]);
    let first = gateway.get(LIST).text();
    assert!(checker.take(&first, now()));
    let list = checker.list.clone().expect("a list").claims;
    assert_eq!(list["covers"], json!([tenant.id]));
    assert_eq!((checker.check(&ours, now()), checker.check(&theirs, now())), (Told::Good, Told::Ask));
    // A minute is what it may be gone by, and not a second longer.
    let (issued, ends) = (list["iat"].as_i64().expect("iat"), list["exp"].as_i64().expect("exp"));
    assert_eq!(ends - issued, 60);
    assert_eq!((checker.check(&ours, ends - 1), checker.check(&ours, ends)), (Told::Good, Told::Ask));
    assert!(!checker.take(&first, ends), "one that is over is not taken");
    let newer = eventually(|| {
        service.actor(&ours).get("/api/v1/whoami").expect(200);
        let text = gateway.get(LIST).text();
        (part(&text, 1)["iat"].as_i64() > Some(issued)).then_some(text)
    });
    assert!(checker.take(&newer.expect("it is issued anew, though nothing has happened"), now()));
    assert!(!checker.take(&first, now()), "an older one");
}

#[test]
fn a_token_for_one_resource_is_refused_by_the_checker_of_another() {
    const ORDERS: &str = "https://orders.example/v1";
    let service = Service::start();
    let root = service.root();
    let client = acme(&root).client("c");
    let given = |fields: &str| text(&exchange(&service, &client, fields).expect(200)["access_token"]);
    let orders = given(&format!("resource={ORDERS}"));
    let both = given(&format!("resource={ORDERS}&resource=https://bills.example"));
    let plain = given("");
    let gateway = service.gateway();
    let mut checker = Checker::of(&service);
    checker.fetch(&gateway);
    let names = [ORDERS, "https://bills.example", "https://orders.example/v1/", &service.url()];
    let good = names.map(|audience| {
        checker.audience = audience.to_owned();
        let tokens = [&orders, &both, &plain].into_iter();
        tokens
            .filter(|token| {
                let online = gateway.verify_as(json!({"credential": token, "audience": audience})).0;
                let told = checker.check(token, now());
                assert_eq!(told == Told::Good, online["valid"] == true, "{audience}: {online}");
                told == Told::Good
            })
            .count()
    });
    assert_eq!(good, [2, 1, 0, 1]);
}

/// Whoever holds a stolen key signs lists as well: what it signed last binds nobody once its key is published no more.
#[test]
fn it_says_what_verify_says_when_a_signing_key_is_revoked_and_drops_what_that_key_listed() {
    let service = Service::start();
    let root = service.root();
    let client = acme(&root).client("c");
    let mut world = World::of(&service);
    let stolen = text(&part(&world.take(&client), 0)["kid"]);
    assert_eq!(world.agree("nothing has happened"), 1);
    let listed = world.gateway.get(LIST).text();
    assert_eq!(part(&listed, 0)["kid"], stolen.as_str());
    let forged = world.checker.list.as_mut().expect("a list");
    assert_eq!(forged.kid, stolen);
    forged.claims.insert("position".to_owned(), json!(i64::MAX));
    forged.claims.insert("exp".to_owned(), json!(i64::MAX));
    assert!(!world.checker.take(&listed, now()), "the forged one is ahead of each that is true");
    root.post(&format!("/api/admin/v1/signing-keys/{stolen}/revoke"), &json!({"reason": "compromised"}))
        .expect(200);
    // Until the next key may sign there is neither token nor list.
    let list = eventually(|| {
        let answer = world.gateway.get(LIST);
        if answer.status != 200 {
            answer.problem(503, "unavailable");
            return None;
        }
        Some(answer.text())
    });
    let list = list.expect("another key signs");
    assert_ne!(part(&list, 0)["kid"], stolen.as_str());
    world.checker.fetch_keys(&service);
    assert!(world.checker.list.is_none(), "what the stolen key signed is dropped");
    assert!(!world.checker.take(&listed, now()), "and not taken again");
    assert!(world.checker.take(&list, now()));
    world.take(&client);
    assert_eq!(world.agree("of the stolen key nothing counts, of the next one all"), 1);
}

/// As after a ledger was restored from a backup.
#[test]
fn a_list_that_is_over_keeps_none_of_a_lower_position_out() {
    let service = Service::start();
    let root = service.root();
    acme(&root);
    let gateway = service.gateway();
    let mut checker = Checker::of(&service);
    checker.fetch(&gateway);
    let ahead = &mut checker.list.as_mut().expect("a list").claims;
    ahead.insert("position".to_owned(), json!(i64::MAX));
    let ends = ahead["exp"].as_i64().expect("exp");
    let list = gateway.get(LIST).text();
    assert!(!checker.take(&list, ends - 1));
    let issued = part(&list, 1)["iat"].clone();
    checker.list.as_mut().expect("a list").claims.insert("exp".to_owned(), issued.clone());
    assert!(checker.take(&list, issued.as_i64().expect("seconds")));
}

#[test]
fn a_list_is_no_token_and_a_token_is_no_list_and_a_changed_list_is_neither() {
    let service = Service::start();
    let root = service.root();
    let client = acme(&root).client("c");
    let token = token(&service, &client);
    let gateway = service.gateway();
    let list = gateway.get(LIST).text();
    gateway.verify(&list).is_refused("malformed");
    service.whoami(&list).problem(401, "unauthorized");
    assert_eq!(super::introspected(&gateway, &list), json!({"active": false}));
    let mut checker = Checker::of(&service);
    assert!(!checker.take(&token, now()));
    let (start, signature) = list.rsplit_once('.').expect("three parts");
    let changed = format!("{start}.{}", signature.chars().rev().collect::<String>());
    assert!(!checker.take(&changed, now()) && checker.take(&list, now()));
    assert_eq!(checker.check(&list, now()), Told::Refused);
}

#[test]
fn it_is_kept_for_seconds_by_whom_it_was_given_to_and_told_again_only_when_it_is_another() {
    let service = Service::start();
    let root = service.root();
    let client = acme(&root).client("c");
    let gateway = service.gateway();
    let asked = |tag: &str| gateway.send(&gateway.request("GET", LIST).header("If-None-Match", tag));
    let first = gateway.get(LIST);
    assert_eq!(first.header("content-type"), Some("application/jwt"));
    assert_eq!(first.header("cache-control"), Some("private, max-age=5"));
    assert_eq!(first.header("vary"), Some("authorization"));
    let tag = first.header("etag").expect("a tag").to_owned();
    // It is signed anew after five seconds; so at most one of these is another.
    let again: Vec<u16> = [&*tag, &format!("\"x\", W/{tag}"), "*"].map(|tag| asked(tag).status).into();
    assert!(again.iter().filter(|status| **status == 304).count() >= 2, "{again:?}");
    for other in ["\"x\"", "", "nonsense"] {
        assert_eq!(asked(other).status, 200, "{other}");
    }
    let known = asked("*");
    assert_eq!((known.status, known.body.len()), (304, 0));
    assert!(known.header("etag").is_some() && known.header("cache-control") == Some("private, max-age=5"));
    let token = token(&service, &client);
    asks(&service, REVOKE, &client, &format!("token={token}")).expect(200);
    let changed = asked(&tag);
    assert_eq!(changed.status, 200);
    assert_eq!(part(&changed.text(), 1)["tokens"], json!([part(&token, 1)["jti"]]));
    gateway.send(&gateway.request("POST", LIST)).problem(405, "method_not_allowed");
    gateway
        .send(&gateway.request("GET", LIST).header("Accept", "application/json"))
        .problem(406, "not_acceptable");
    gateway.get(&format!("{LIST}?limit=3")).problem(400, "invalid_request");
}

/// P8: what is another tenant's is in no list, and whoever names one learns nothing of whether it is there.
#[test]
fn an_operator_is_told_of_its_own_tenants_alone() {
    let service = Service::start();
    let root = service.root();
    let (own, foreign) = (acme(&root), root.tenant("foreign", json!({})));
    let ended = |tenant: &Tenant<'_>| {
        let [client, stopped] = ["c", "s"].map(|name| tenant.client(name));
        let token = token(&service, &client);
        asks(&service, REVOKE, &client, &format!("token={token}")).expect(200);
        act(&root, &format!("{}/suspend", stopped.path));
        (part(&token, 1)["jti"].clone(), stopped.id.clone())
    };
    let (ours, theirs) = (ended(&own), ended(&foreign));
    let gateway = service.operator("gateway", &[&own.id]);
    let told = |actor: &Actor, more: &str| part(&actor.get(&format!("{LIST}{more}")).text(), 1);
    let is_ours = |list: &Value| {
        assert_eq!(list["covers"], json!([own.id]));
        assert_eq!((&list["tokens"], &list["ended_clients"]), (&json!([ours.0]), &json!([ours.1])));
    };
    is_ours(&told(&gateway, ""));
    is_ours(&told(&gateway, "?tenant=acme"));
    is_ours(&told(&root, &format!("?tenant={}", own.id)));
    let all = told(&root, "");
    assert_eq!(all["covers"], json!(["*"]));
    for (name, ours, theirs) in
        [("tokens", &ours.0, &theirs.0), ("ended_clients", &json!(ours.1), &json!(theirs.1))]
    {
        let named = all[name].as_array().expect("a list");
        assert!(named.contains(ours) && named.contains(theirs) && named.len() == 2, "{all}");
    }
    let seen = |tenant: &str| {
        let answer = gateway.get(&format!("{LIST}?tenant={tenant}"));
        let mut told = answer.problem(404, "not_found");
        told.as_object_mut().expect("an object").remove("request_id");
        told
    };
    for tenant in ["foreign", &foreign.id, "nonsense", ""] {
        assert_eq!(seen(tenant), seen(crate::matrix::ABSENT), "{tenant}");
    }
    for role in ["auditor", "org_admin"] {
        service.operator(role, &[&own.id]).get(LIST).problem(403, "forbidden");
    }
    service.anonymous().get(LIST).problem(401, "unauthorized");
    service.actor(&token(&service, &own.client("holder"))).get(LIST).problem(401, "unauthorized");
}

/// P4: what was answered as ended is in every list that is asked for then, however many end and ask at once.
#[test]
fn p4_what_was_given_back_is_in_every_list_that_is_asked_for_afterwards() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let clients: Vec<(String, String)> =
        (0..4).map(|each| tenant.client(&format!("c{each}"))).map(|own| (id_of(&own), own.secret)).collect();
    let gateway = service.gateway().token.expect("a token");
    std::thread::scope(|threads| {
        for (id, secret) in &clients {
            let (service, gateway) = (&service, &gateway);
            threads.spawn(move || {
                for _ in 0..40 {
                    let asked = by_basic(super::TOKEN, id, secret, super::GRANT);
                    let token = text(&service.anonymous().send(&asked).expect(200)["access_token"]);
                    let back: Request = by_basic(REVOKE, id, secret, &format!("token={token}"));
                    service.anonymous().send(&back).expect(200);
                    let list = part(&service.actor(gateway).get(LIST).text(), 1);
                    let named = list["tokens"].as_array().expect("a list");
                    assert!(named.contains(&part(&token, 1)["jti"]), "{list}");
                }
            });
        }
    });
    assert_eq!(exchange(&service, &tenant.client("last"), "").status, 200);
}
