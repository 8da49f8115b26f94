use serde_json::json;

use crate::world::World;

fn people() -> serde_json::Value {
    let of = |acr: Option<&str>, amr: &[&str]| {
        let mut account = crate::provider::account("ada", &[]);
        account["acr"] = json!(acr);
        account["amr"] = json!(amr);
        account
    };
    json!({"accounts": {
        "weak": of(None, &["pwd"]),
        "silver": of(Some("silver"), &["pwd"]),
        "gold": of(Some("gold"), &["pwd", "otp"]),
        "mfa": of(Some("gold"), &["mfa"]),
    }})
}

#[test]
fn a_second_factor_is_demanded_where_it_is_configured() {
    let world = World::with(people(), &["--oidc-amr", "mfa,pwd+otp"]);
    let id = world.invite(json!({"email": "ada@example.com", "role": "auditor", "all_tenants": true}));
    let answer = world.browser("weak").sign_in();
    world.denied(&answer, "token", "amr has none of oidc_amr");
    assert_eq!(world.operator(&id)["status"], "invited");
    world.browser("gold").signs_in();
}

#[test]
fn a_class_of_sign_in_is_demanded_where_it_is_configured() {
    let world = World::with(people(), &["--oidc-acr", "gold"]);
    world.invite(json!({"email": "ada@example.com", "role": "auditor", "all_tenants": true}));
    let answer = world.browser("silver").sign_in();
    world.denied(&answer, "token", "acr is none of oidc_acr");
    world.browser("mfa").signs_in();
}

#[test]
fn a_sign_in_at_the_provider_may_be_demanded_to_be_fresh() {
    let world = World::new(&["--oidc-max-age-seconds", "60"]);
    world.invite(json!({"email": "ada@example.com", "role": "auditor", "all_tenants": true}));
    world.browser("ada").signs_in();
}

#[test]
fn every_algorithm_and_every_way_to_be_a_client_works() {
    for (algorithm, way, told) in [
        ("PS256", "client_secret_basic", "basic"),
        ("ES256", "client_secret_post", "post"),
        ("ES384", "client_secret_basic", "basic"),
        ("EdDSA", "none", "none"),
    ] {
        let how = json!({"algorithm": algorithm, "client_auth": way});
        let world = World::with(how, &["--oidc-client-auth", told]);
        world.invite(json!({"email": "ada@example.com", "role": "auditor", "all_tenants": true}));
        world.browser("ada").signs_in();
    }
}
