use serde_json::{Value, json};

use crate::browser::SESSION;
use crate::provider::account;
use crate::support::service::text;
use crate::world::World;

const ROLES: &str = "groups=key-admins=org_admin@own+later,groups=auditors=auditor@$org,groups=roots=root";

fn accounts(groups: &[&str]) -> Value {
    json!({"accounts": {"ada": account("ada", groups), "grace": account("grace", &["everybody"])}})
}

#[test]
fn claims_give_role_and_tenants_and_each_sign_in_is_held_to_them() {
    let mut world = World::new(&["--oidc-roles", ROLES]);
    let root = world.service.root();
    let own = root.tenant("own", json!({}));
    let mut ada = world.browser("ada");
    ada.signs_in();
    let session = ada.read("/session").expect(200);
    let id = text(&session["operator"]["id"]);
    assert_eq!(session["operator"]["role"], "org_admin");
    assert_eq!(session["operator"]["tenants"], json!([own.id]));
    // A tenant that is made later is there at the next sign-in.
    let later = root.tenant("later", json!({}));
    ada.signs_in();
    let session = ada.read("/session").expect(200);
    assert_eq!(session["operator"]["id"], json!(id));
    assert_eq!(session["operator"]["tenants"].as_array().expect("a list").len(), 2);
    ada.read(&format!("/tenants/{}", later.id)).expect(200);
    let first = ada.cookie(SESSION).expect("a session");
    // Another role: also for the session that is open.
    world.provider.restart(accounts(&["auditors"]));
    let mut again = world.browser("ada");
    crate::bad_providers::until_it_signs_in(&mut again);
    assert_eq!(world.operator(&id)["role"], "auditor");
    ada.set_cookie(SESSION, &first);
    assert_eq!(ada.read("/session").expect(200)["operator"]["role"], "auditor");
    // None: the sign-in is denied, and what was open is over.
    world.provider.restart(accounts(&["everybody"]));
    let mut gone = world.browser("ada");
    crate::bad_providers::until_its_keys_are_known(&mut gone, |answer| {
        answer.status == 403 && world.sign_ins("no_role") > 0
    });
    again.read("/session").problem(401, "unauthorized");
    ada.read("/session").problem(401, "unauthorized");
    assert_eq!(world.operator(&id)["status"], "active", "it is the sessions that end");
}

#[test]
fn of_first_sign_ins_at_once_one_makes_the_operator_and_all_are_it() {
    let world = World::new(&["--oidc-roles", ROLES]);
    world.service.root().tenant("own", json!({}));
    let before = world.operators();
    let mut waiting: Vec<_> = (0..4)
        .map(|_| {
            let mut ada = world.browser("ada");
            let authorization = ada.begin();
            let callback = ada.authenticate(&authorization);
            (ada, callback)
        })
        .collect();
    let who: Vec<String> = std::thread::scope(|scope| {
        let all = waiting.iter_mut().map(|(ada, callback)| {
            scope.spawn(move || {
                let answer = ada.get(callback);
                assert_eq!(answer.status, 303, "{}", answer.text());
                text(&ada.read("/session").expect(200)["operator"]["id"])
            })
        });
        all.collect::<Vec<_>>().into_iter().map(|each| each.join().expect("signed in")).collect()
    });
    assert!(who.iter().all(|id| *id == who[0]), "{who:?}");
    assert_eq!(world.operators(), before + 1);
}

#[test]
fn claims_that_map_to_nothing_are_denied_and_the_log_says_what_they_were() {
    let world = World::new(&["--oidc-roles", ROLES]);
    let before = world.operators();
    let answer = world.browser("grace").sign_in();
    world.denied(&answer, "no_role", "everybody");
    let nobody = world.browser("ada").sign_in();
    world.denied(&nobody, "no_tenant", "later own");
    assert_eq!(world.operators(), before);
}

#[test]
fn what_the_id_token_does_not_say_is_asked_of_userinfo() {
    let world = World::with(json!({"userinfo": true}), &["--oidc-roles", ROLES]);
    world.service.root().tenant("own", json!({}));
    world.browser("ada").signs_in();
    world.invite(json!({"email": "grace@example.com", "role": "auditor", "all_tenants": true}));
    world.browser("grace").signs_in();
}

#[test]
fn an_invitation_goes_before_the_mapping_and_is_not_held_to_it() {
    let world = World::new(&["--oidc-roles", ROLES]);
    world.service.root().tenant("own", json!({}));
    let id = world.invite(json!({"email": "ada@example.com", "role": "gateway", "all_tenants": true}));
    for _ in 0..2 {
        let mut ada = world.browser("ada");
        ada.signs_in();
        let session = ada.read("/session").expect(200);
        assert_eq!(
            (&session["operator"]["id"], &session["operator"]["role"]),
            (&json!(id), &json!("gateway"))
        );
    }
}

#[test]
fn what_a_tenant_offers_is_not_put_before_what_the_mapping_gives_and_of_invitations_roots_goes_first() {
    let world = World::with(accounts(&["auditors"]), &["--oidc-roles", ROLES]);
    let root = world.service.root();
    let own = root.tenant("own", json!({}));
    let admin = world.service.operator("org_admin", &[&own.id]);
    let offer = |email: &str| {
        let body = json!({"email": email, "role": "gateway", "tenants": [own.id]});
        admin.post("/api/admin/v1/operators", &body).expect(201);
    };
    offer("ada@example.com");
    let mut ada = world.browser("ada");
    ada.signs_in();
    assert_eq!(ada.read("/session").expect(200)["operator"]["role"], "auditor");
    // Nothing is mapped for grace: root's invitation goes before a newer one of a tenant.
    let id = world.invite(json!({"email": "grace@example.com", "role": "auditor", "all_tenants": true}));
    offer("grace@example.com");
    let mut grace = world.browser("grace");
    grace.signs_in();
    assert_eq!(grace.read("/session").expect(200)["operator"]["id"], json!(id));
    // In another's hands a token of a person would follow what the person may.
    let token = json!({"name": "mine"});
    admin.post(&format!("/api/admin/v1/operators/{id}/tokens"), &token).problem(404, "not_found");
}

#[test]
fn a_mapping_does_not_take_the_last_root_away() {
    let mut world = World::with(accounts(&["roots"]), &["--oidc-roles", ROLES]);
    let root = world.service.root();
    root.tenant("own", json!({}));
    let mut ada = world.browser("ada");
    ada.signs_in();
    let id = text(&ada.read("/session").expect(200)["operator"]["id"]);
    let page = root.get("/api/admin/v1/operators?role=root").expect(200);
    let roots = page["data"].as_array().expect("a list");
    let first = roots.iter().map(|each| text(&each["id"])).find(|other| *other != id).expect("the first");
    let delete = format!("https://keys.test/api/admin/v1/operators/{first}");
    assert_eq!(ada.ask("DELETE", &delete, &[("Sec-Fetch-Site", "same-origin")]).status, 200);
    world.provider.restart(accounts(&["auditors"]));
    let mut again = world.browser("ada");
    crate::bad_providers::until_its_keys_are_known(&mut again, |answer| {
        answer.status == 403 && world.sign_ins("refused") > 0
    });
    // It is root still, and may not act as what its claims no longer say.
    ada.read("/session").problem(401, "unauthorized");
}

#[test]
fn an_operator_that_was_disabled_is_not_let_in_by_its_claims() {
    let world = World::new(&["--oidc-roles", ROLES]);
    let root = world.service.root();
    root.tenant("own", json!({}));
    let mut ada = world.browser("ada");
    ada.signs_in();
    let id = text(&ada.read("/session").expect(200)["operator"]["id"]);
    root.delete(&format!("/api/admin/v1/operators/{id}")).expect(200);
    let before = world.operators();
    let answer = world.browser("ada").sign_in();
    world.denied(&answer, "operator_disabled", "disabled");
    // Nor by an invitation to the same address.
    world.invite(json!({"email": "ada@example.com", "role": "auditor", "all_tenants": true}));
    let answer = world.browser("ada").sign_in();
    world.denied(&answer, "operator_disabled", "disabled");
    assert_eq!(world.operators(), before + 1);
}
