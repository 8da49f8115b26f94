//! What comes back to the service, and may be anybody's.

use serde_json::json;

use crate::browser::{SESSION, SIGN_IN, SITE, location, parameter, with_parameter};
use crate::provider::CLIENT_SECRET;
use crate::world::World;

fn world() -> World {
    world_with(&[])
}

fn world_with(flags: &[&str]) -> World {
    let world = World::new(flags);
    for login in ["ada", "grace"] {
        let email = format!("{login}@example.com");
        world.invite(json!({"email": email, "role": "auditor", "all_tenants": true}));
    }
    world
}

#[test]
fn a_callback_is_taken_once_and_a_code_is_exchanged_once() {
    let world = world();
    let mut ada = world.browser("ada");
    let authorization = ada.begin();
    let attempt = ada.cookie(SIGN_IN).expect("a sign-in under way");
    let callback = ada.authenticate(&authorization);
    assert_eq!(ada.get(&callback).status, 303);
    // Whoever has copied all of it gets nothing for it.
    let mut thief = world.browser("nobody");
    thief.set_cookie(SIGN_IN, &attempt);
    let answer = thief.get(&callback);
    world.denied(&answer, "spent", "somebody repeats");
    assert_eq!(thief.cookie(SESSION), None);
    // Nor for the code alone, in a sign-in of its own: it is spent at the provider too, and goes with another verifier.
    let own = thief.begin();
    let stolen = with_parameter(&callback, "state", &parameter(&own, "state"));
    let answer = thief.get(&stolen);
    world.denied(&answer, "provider_refused", "invalid_grant");
}

#[test]
fn a_code_of_somebody_elses_sign_in_is_of_no_use() {
    let world = world();
    let (mut ada, mut thief) = (world.browser("ada"), world.browser("nobody"));
    let authorization = ada.begin();
    let callback = ada.authenticate(&authorization);
    // Never used by ada: it is the verifier that the thief lacks.
    let own = thief.begin();
    let answer = thief.get(&with_parameter(&callback, "state", &parameter(&own, "state")));
    world.denied(&answer, "provider_refused", "invalid_grant");
}

#[test]
fn an_address_that_comes_back_too_often_is_told_to_wait_before_anything_is_done() {
    let world = world();
    let mut stranger = world.browser("nobody");
    let callback = format!("{SITE}/console/callback?state=x&code=y");
    let told = (0..1000).find_map(|_| {
        let answer = stranger.get(&callback);
        (answer.status != 400).then_some(answer)
    });
    let told = told.expect("it is told to wait");
    told.problem(429, "rate_limited");
    assert_eq!(told.header("ratelimit-policy"), Some("\"sign_in\";q=100;w=60"));
    assert!(world.sign_ins("no_attempt") >= 100);
}

#[test]
fn a_callback_without_its_sign_in_opens_nothing() {
    let world = world();
    let mut ada = world.browser("ada");
    let authorization = ada.begin();
    let callback = ada.authenticate(&authorization);
    // Sent to somebody else, who would be signed in as ada (login CSRF).
    let mut victim = world.browser("grace");
    let answer = victim.get(&callback);
    world.denied(&answer, "no_attempt", "without the cookie");
    victim.begin();
    let answer = victim.get(&callback);
    world.denied(&answer, "state", "another sign-in");
    assert_eq!(victim.cookie(SESSION), None);
    let answer = ada.get(&with_parameter(&callback, "state", "x"));
    world.denied(&answer, "state", "another sign-in");
    let mut other = world.browser("ada");
    let authorization = other.begin();
    let callback = other.authenticate(&authorization);
    let answer = other.get(&with_parameter(&callback, "iss", "https%3A%2F%2Fevil.example"));
    world.denied(&answer, "mix_up", "oidc_issuer");
}

#[test]
fn a_token_of_another_nonce_opens_nothing() {
    let world = world();
    let mut ada = world.browser("ada");
    let authorization = ada.begin();
    let callback = ada.authenticate(&with_parameter(&authorization, "nonce", "another"));
    let answer = ada.get(&callback);
    world.denied(&answer, "token", "nonce");
}

#[test]
fn whom_the_provider_does_not_let_in_is_told_no_more_than_that() {
    let world = world();
    let mut nobody = world.browser("nobody");
    let answer = nobody.sign_in();
    world.denied(&answer, "provider_refused", "access_denied");
    for query in ["", "?state=x", "?code=x&code=y", "?error=%3Cscript%3E", "?state=%00"] {
        let answer = nobody.get(&format!("{SITE}/console/callback{query}"));
        assert_eq!(answer.status, 400, "{query}");
        assert!(!answer.text().contains("<script>"));
    }
    nobody.get(&format!("{SITE}/console/callback?state=%zz")).problem(400, "invalid_request");
}

#[test]
fn nobody_is_sent_to_another_site() {
    let world = world();
    let mut ada = world.browser("ada");
    for place in
        ["https://evil.example", "//evil.example", "/%5Cevil.example", "console", "/%09/evil.example", ""]
    {
        let answer = ada.get(&format!("{SITE}/console/sign-in?return_to={place}"));
        answer.problem(400, "invalid_request");
    }
    ada.get(&format!("{SITE}/console/sign-in?next=/")).problem(400, "invalid_request");
    let begun = ada.get(&format!("{SITE}/console/sign-in?return_to=%2Fconsole%2Fkeys%3Fq%3Da"));
    let callback = ada.authenticate(&location(&begun));
    let answer = ada.get(&callback);
    assert_eq!(location(&answer), "/console/keys?q=a");
}

#[test]
fn nothing_secret_of_a_sign_in_is_in_the_log_or_the_database() {
    let world = world_with(&["--log", "trace"]);
    let mut ada = world.browser("ada");
    let authorization = ada.begin();
    let attempt = ada.cookie(SIGN_IN).expect("a sign-in under way");
    let callback = ada.authenticate(&authorization);
    assert_eq!(ada.get(&callback).status, 303);
    ada.read("/session").expect(200);
    let session = ada.cookie(SESSION).expect("a session");
    let kept = crate::forged::everything_kept(&world.service);
    let log = world.service.log();
    let log_only = ["ada@example.com".to_owned()];
    let secrets = [
        session,
        attempt,
        parameter(&callback, "code"),
        parameter(&authorization, "state"),
        parameter(&authorization, "nonce"),
        CLIENT_SECRET.to_owned(),
    ];
    for secret in secrets.iter().chain(&log_only) {
        assert!(!log.contains(secret.as_str()), "the log has {secret}");
    }
    assert!(kept.contains("operator.invited"), "nothing was read of the database");
    for secret in &secrets {
        assert!(!kept.contains(secret.as_str()), "the database has {secret}");
    }
}
