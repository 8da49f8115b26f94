use serde_json::json;

use crate::browser::{SESSION, SITE};
use crate::support::client::{Client, Request};
use crate::support::service::{eventually, millis, text};
use crate::world::World;

#[test]
fn a_session_ends_when_it_lies_idle_and_at_the_latest_at_its_end() {
    let idle = World::new(&["--session-idle-seconds", "2", "--session-seconds", "3600"]);
    let (mut ada, _) = idle.invited("ada", "auditor");
    let told = ada.read("/session").expect(200);
    let (idle_ends, ends) = (millis(&told["idle_ends_at"]), millis(&told["ends_at"]));
    assert!(idle_ends < ends);
    // Used again and again it outlives its idle time.
    eventually(|| {
        let told = ada.read("/session").expect(200);
        (millis(&told["idle_ends_at"]) > idle_ends + 2000).then_some(())
    })
    .expect("it is moved by use");
    let copy = ada.cookie(SESSION).expect("a session");
    // Looked at through another's eyes, which keeps it from being used: the instant itself is waited for.
    let until = millis(&ada.read("/session").expect(200)["idle_ends_at"]);
    eventually(|| (crate::sessions::now() >= until + 100).then_some(())).expect("time goes by");
    let refused = ada.read("/session").problem(401, "unauthorized");
    assert_eq!(refused["reason"], "expired");
    assert_eq!(ada.cookie(SESSION), Some(copy));
    let absolute = World::new(&["--session-idle-seconds", "3600", "--session-seconds", "2"]);
    let (mut grace, _) = absolute.invited("grace", "auditor");
    eventually(|| (grace.read("/session").status == 401).then_some(())).expect("it ends, however it is used");
    let page = grace.get(&format!("{SITE}/console"));
    assert!(page.text().contains("Not signed in"), "{}", page.text());
}

pub fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
    i64::try_from(now.as_millis()).expect("an instant")
}

#[test]
fn a_page_of_another_site_changes_nothing_with_somebodys_session() {
    let world = World::new(&[]);
    let (mut ada, _) = world.invited("ada", "root");
    let cookie = ada.cookie(SESSION).expect("a session");
    let send = |method: &str, path: &str, headers: &[(&str, &str)]| {
        let body = json!({"name": format!("t {}", uuid::Uuid::now_v7().simple())}).to_string().into_bytes();
        let mut request = Request::new(method, path).header("Cookie", &format!("{SESSION}={cookie}"));
        request = request.header("Content-Type", "application/json").header("Accept", "*/*");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        Client::new(world.service.address()).send(&request.body(body))
    };
    let tenants = "/api/admin/v1/tenants";
    for headers in [
        &[("Sec-Fetch-Site", "cross-site")][..],
        &[("Sec-Fetch-Site", "same-site"), ("Origin", SITE)],
        &[("Sec-Fetch-Site", "none")],
        &[("Origin", "https://evil.example")],
        &[("Origin", "null")],
        &[],
    ] {
        for path in [tenants, "/console/sign-out", "/console/sign-out-everywhere"] {
            send("POST", path, headers).problem(403, "forbidden");
        }
    }
    assert_eq!(send("GET", tenants, &[("Sec-Fetch-Site", "cross-site")]).status, 200);
    send("POST", tenants, &[("Sec-Fetch-Site", "same-origin")]).expect(201);
    send("POST", tenants, &[("Origin", SITE)]).expect(201);
    // A token goes before a session, and no page can make a browser send one.
    let token = world.service.gateway().token.expect("a token");
    let bearer = format!("Bearer {token}");
    send("POST", tenants, &[("Authorization", &bearer)]).problem(403, "forbidden");
    send("GET", tenants, &[("Authorization", "Bearer nonsense")]).problem(401, "unauthorized");
    assert_eq!(ada.read("/session").expect(200)["operator"]["role"], "root");
}

#[test]
fn the_doors_of_machines_know_no_session() {
    let world = World::new(&[]);
    let (ada, _) = world.invited("ada", "root");
    let cookie = format!("{SESSION}={}", ada.cookie(SESSION).expect("a session"));
    let anonymous = world.service.anonymous();
    let verify = anonymous.request("POST", "/api/v1/verify").json(&json!({"credential": "x"}));
    anonymous
        .send(&verify.header("Cookie", &cookie).header("Sec-Fetch-Site", "same-origin"))
        .problem(401, "unauthorized");
    let whoami = anonymous.request("GET", "/api/v1/whoami").header("Cookie", &cookie);
    anonymous.send(&whoami).problem(401, "unauthorized");
}

#[test]
fn signing_out_ends_one_session_and_everywhere_all_of_the_person() {
    let world = World::new(&[]);
    let (mut first, _) = world.invited("ada", "auditor");
    let (mut grace, _) = world.invited("grace", "auditor");
    let mut second = world.browser("ada");
    second.signs_in();
    let copy = first.cookie(SESSION).expect("a session");
    assert_eq!(first.post("/console/sign-out").status, 303);
    assert_eq!(first.cookie(SESSION), None);
    first.set_cookie(SESSION, &copy);
    first.read("/session").problem(401, "unauthorized");
    second.read("/session").expect(200);
    first.signs_in();
    assert_eq!(first.post("/console/sign-out-everywhere").status, 303);
    second.read("/session").problem(401, "unauthorized");
    grace.read("/session").expect(200);
    let log = world.service.log();
    for done in ["\"signed out\"", "\"signed out everywhere\""] {
        let line = log.lines().find(|line| line.contains(done)).expect(done);
        assert!(line.contains("\"operator\":\"") && line.contains("\"client_ip\":\"127.0.0.1\""), "{line}");
    }
    first.post("/console/sign-out-everywhere").problem(401, "unauthorized");
    assert_eq!(first.post("/console/sign-out").status, 303, "whoever is out already is out");
}

/// A question to the database that was given up would cost its connection each time, also for whoever makes cookies up.
#[test]
fn sessions_are_looked_for_on_connections_that_stay() {
    let world = World::new(&[]);
    let (mut ada, _) = world.invited("ada", "auditor");
    let made_up = ada.cookie(SESSION).expect("a session").chars().rev().collect::<String>();
    let mut stranger = world.browser("nobody");
    let before = crate::forged::connections_for_people(&world.service);
    assert!(!before.is_empty());
    for _ in 0..20 {
        ada.read("/session").expect(200);
        stranger.set_cookie(SESSION, &made_up);
        stranger.read("/session").problem(401, "unauthorized");
    }
    let after = crate::forged::connections_for_people(&world.service);
    assert!(before.is_subset(&after), "{before:?} became {after:?}");
}

#[test]
fn a_sign_in_opens_a_new_session_and_ends_the_browsers_old_one() {
    let world = World::new(&[]);
    let (mut ada, _) = world.invited("ada", "auditor");
    let old = ada.cookie(SESSION).expect("a session");
    ada.signs_in();
    let new = ada.cookie(SESSION).expect("a session");
    assert_ne!(old, new);
    ada.set_cookie(SESSION, &old);
    ada.read("/session").problem(401, "unauthorized");
    ada.set_cookie(SESSION, &new);
    ada.read("/session").expect(200);
}

#[test]
fn an_operator_that_is_disabled_or_assigned_is_so_at_once_and_old_sessions_do_not_come_back() {
    let world = World::new(&[]);
    let root = world.service.root();
    let (mut ada, id) = world.invited("ada", "org_admin");
    let path = format!("/api/admin/v1/operators/{id}");
    let tenant = root.tenant("own", json!({}));
    root.patch(&path, &json!({"role": "auditor", "tenants": [tenant.id]})).expect(200);
    let told = ada.read("/session").expect(200);
    assert_eq!(
        (&told["operator"]["role"], &told["operator"]["tenants"]),
        (&json!("auditor"), &json!([tenant.id]))
    );
    root.patch(&path, &json!({"disabled": true})).expect(200);
    assert_eq!(ada.read("/session").problem(401, "unauthorized")["reason"], "owner_disabled");
    let answer = world.browser("ada").sign_in();
    world.denied(&answer, "operator_disabled", "disabled");
    root.patch(&path, &json!({"disabled": false})).expect(200);
    ada.read("/session").problem(401, "unauthorized");
    ada.signs_in();
    ada.read("/session").expect(200);
}

#[test]
fn a_person_has_a_bounded_number_of_sessions_the_newest() {
    let world = World::new(&[]);
    let (mut oldest, _) = world.invited("ada", "auditor");
    let most = usize::try_from(credledger::limits::SESSIONS).expect("small");
    let mut others: Vec<_> = (0..most).map(|_| world.browser("ada")).collect();
    for (place, browser) in others.iter_mut().enumerate() {
        oldest.read("/session").expect(if place < most { 200 } else { 401 });
        browser.signs_in();
    }
    oldest.read("/session").problem(401, "unauthorized");
    for browser in &mut others {
        browser.read("/session").expect(200);
    }
}

#[test]
fn what_is_no_session_is_told_so_and_who_asks_by_token_is_told_too() {
    let world = World::new(&[]);
    let mut nobody = world.browser("nobody");
    nobody.read("/session").problem(401, "unauthorized");
    for cookie in ["x", &"A".repeat(43), &"A".repeat(5000)] {
        nobody.set_cookie(SESSION, cookie);
        nobody.read("/session").problem(401, "unauthorized");
    }
    let told = world.service.root().get("/api/admin/v1/session").expect(200);
    assert_eq!((&told["kind"], &told["operator"]["role"]), (&json!("token"), &json!("root")));
    assert_eq!(told["signed_in_at"], json!(null));
    assert!(!text(&told["ends_at"]).is_empty());
}
