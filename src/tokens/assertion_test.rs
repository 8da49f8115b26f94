//! Every trap that an assertion may be.

use serde_json::json;

use super::*;
use crate::domain::base64url;
use crate::domain::jwk::Jwk;
use crate::domain::public_key::PublicJwk;
use crate::tokens::jws;
use crate::vault::{MasterKeys, PrivateKey, PublicKey, Vault};

const ISSUER: &str = "https://keys.example.com";
const CLIENT: &str = "cl_client_1";
const NOW: i64 = 1_800_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis((NOW + seconds) * 1000).expect("an instant")
}

/// A client with two keys of two kinds, and the key of another client.
struct World {
    vault: Vault,
    private: [PrivateKey; 3],
    keys: ClientKeys,
}

const ES256: usize = 0;
const EDDSA: usize = 1;
const FOREIGN: usize = 2;

fn registered(key: &PublicKey, more: Value) -> Jwk {
    let mut members = PublicJwk::from(key.clone()).members();
    members.extend(more.as_object().expect("an object").clone());
    Jwk::read(&members).expect("a key")
}

impl World {
    fn new() -> Self {
        let vault = Vault::new(&MasterKeys::for_tests(&[1]));
        let kinds = [SigningAlgorithm::Es256, SigningAlgorithm::EdDsa, SigningAlgorithm::Es256];
        let private = kinds.map(|kind| vault.make_private_key(kind).expect("made here").key);
        let own = [("e", ES256), ("d", EDDSA)];
        let keys = own.map(|(kid, which)| registered(private[which].public(), json!({"kid": kid})));
        let keys = ClientKeys::new(keys.to_vec()).expect("keys");
        World { vault, private, keys }
    }

    /// As a client writes one, but for these members of header and claims; null takes one away.
    fn assertion(&self, which: usize, header: Value, claims: Value) -> String {
        let own = json!({"alg": self.private[which].algorithm().word(), "typ": "JWT"});
        let said =
            json!({"iss": CLIENT, "sub": CLIENT, "aud": ISSUER, "exp": NOW + 60, "iat": NOW, "jti": "a"});
        self.signed(which, changed(own, &header), changed(said, &claims))
    }

    fn signed(&self, which: usize, header: Map<String, Value>, claims: Map<String, Value>) -> String {
        self.signed_text(which, &jws::unsigned(&header, &claims))
    }

    fn signed_text(&self, which: usize, unsigned: &str) -> String {
        let signature = self.vault.sign(&self.private[which], unsigned.as_bytes()).expect("signed");
        jws::compact(unsigned, &signature)
    }

    fn check(&self, text: &str) -> Result<(), AssertionFault> {
        check(text, Some(&self.keys), at(0))
    }

    #[track_caller]
    fn claims(&self, claims: Value, expected: Result<(), AssertionFault>) {
        let told = claims.to_string();
        assert_eq!(self.check(&self.assertion(ES256, json!({}), claims)), expected, "{told}");
    }

    #[track_caller]
    fn header(&self, header: Value, expected: Result<(), AssertionFault>) {
        let told = header.to_string();
        assert_eq!(self.check(&self.assertion(ES256, header, json!({}))), expected, "{told}");
    }
}

fn check(text: &str, keys: Option<&ClientKeys>, now: Timestamp) -> Result<(), AssertionFault> {
    Assertion::read(text)?.check(keys, ISSUER, now)
}

fn changed(members: Value, changes: &Value) -> Map<String, Value> {
    let Value::Object(mut members) = members else { panic!("an object") };
    members.extend(changes.as_object().expect("an object").clone());
    members.retain(|_, value| !value.is_null());
    members
}

#[test]
fn an_assertion_of_either_key_is_taken_and_tells_who_and_which() {
    let world = World::new();
    for which in [ES256, EDDSA] {
        let text = world.assertion(which, json!({}), json!({}));
        assert_eq!(world.check(&text), Ok(()));
        let read = Assertion::read(&text).expect("an assertion");
        assert_eq!((read.client_id(), read.id(), read.refused_from()), (CLIENT, "a", at(90)));
    }
}

#[test]
fn every_algorithm_of_the_metadata_is_taken_from_a_key_that_is_for_it() {
    for (algorithm, key, text) in MADE_ELSEWHERE {
        let key = serde_json::from_str::<Map<String, Value>>(key).expect("a key");
        let keys = ClientKeys::new(vec![Jwk::read(&key).expect("a key")]).expect("keys");
        assert_eq!(check(text, Some(&keys), at(0)), Ok(()), "{algorithm}");
        for (other, _, text) in MADE_ELSEWHERE.into_iter().filter(|(other, ..)| *other != algorithm) {
            let outcome = check(text, Some(&keys), at(0));
            assert_eq!(outcome, Err(AssertionFault::Signature), "{other} by {algorithm}");
        }
    }
}

#[test]
fn only_what_is_of_an_assertions_type_is_one() {
    let world = World::new();
    for typ in [
        "JWT",
        "jwt",
        "application/jwt",
        "client-authentication+jwt",
        "application/client-authentication+JWT",
    ] {
        world.header(json!({"typ": typ}), Ok(()));
    }
    world.header(json!({"typ": null}), Ok(()));
    for typ in
        ["at+jwt", "application/at+jwt", "dpop+jwt", "token-introspection+jwt", "JWT ", "", "secevent+jwt"]
    {
        world.header(json!({"typ": typ}), Err(AssertionFault::Type));
    }
    world.header(json!({"typ": 7}), Err(AssertionFault::Form));
}

#[test]
fn algorithms_are_a_closed_list_and_a_key_has_one() {
    let world = World::new();
    for alg in ["none", "None", "", "HS256", "HS512", "RS1", "ES256K", "EdDSA ", "es256"] {
        world.header(json!({"alg": alg}), Err(AssertionFault::Algorithm));
    }
    // RFC 9864: what newer libraries call it.
    let newer = world.assertion(EDDSA, json!({"alg": "Ed25519"}), json!({}));
    assert_eq!(world.check(&newer), Ok(()));
    assert!(SigningAlgorithm::words_of_all().any(|name| name == "Ed25519"));
    for alg in ["EdDSA", "Ed25519", "ES384", "RS256", "PS256"] {
        world.header(json!({"alg": alg}), Err(AssertionFault::Signature));
        world.header(json!({"alg": alg, "kid": "e"}), Err(AssertionFault::Signature));
    }
    // The public key as the secret of an HMAC: that algorithm is none here, whatever it was made with.
    let public = PublicJwk::from(world.private[ES256].public().clone()).members();
    let unsigned = jws::unsigned(
        &changed(json!({"alg": "HS256"}), &json!({})),
        &changed(
            json!({"iss": CLIENT, "sub": CLIENT, "aud": ISSUER, "exp": NOW + 60, "jti": "a"}),
            &json!({}),
        ),
    );
    let secret = serde_json::to_vec(&public).expect("JSON");
    let key = hmac(&secret, unsigned.as_bytes());
    assert_eq!(world.check(&jws::compact(&unsigned, &key)), Err(AssertionFault::Algorithm));
    let empty = format!("{unsigned}.").replacen(
        &base64url::encode(br#"{"alg":"HS256"}"#),
        &base64url::encode(br#"{"alg":"none"}"#),
        1,
    );
    assert_eq!(world.check(&empty), Err(AssertionFault::Algorithm));
}

/// HMAC by hand (RFC 2104), since nothing here makes one under a key that is given.
fn hmac(secret: &[u8], text: &[u8]) -> [u8; 32] {
    let key = crate::vault::sha256(&[secret]);
    let padded = |pad: u8| -> [u8; 64] { std::array::from_fn(|at| key.get(at).copied().unwrap_or(0) ^ pad) };
    crate::vault::sha256(&[&padded(0x5c), &crate::vault::sha256(&[&padded(0x36), text])])
}

#[test]
fn a_kid_names_one_of_the_clients_own_keys_and_nothing_else() {
    let world = World::new();
    world.header(json!({"kid": "e"}), Ok(()));
    for kid in
        ["d", "E", "", "../e", "e/../e", "e' or '1'='1", "/dev/null", "https://evil.example/jwks#e", "e\u{0}"]
    {
        world.header(json!({"kid": kid}), Err(AssertionFault::Signature));
    }
    world.header(json!({"kid": 7}), Err(AssertionFault::Form));
    world.header(json!({"kid": "e".repeat(limits::JOSE_NAME_BYTES + 1)}), Err(AssertionFault::Form));
    // Without one, only where there is no doubt.
    let two = [("e", ES256), ("f", FOREIGN)];
    let two = two.map(|(kid, which)| registered(world.private[which].public(), json!({"kid": kid})));
    let two = ClientKeys::new(two.to_vec()).expect("keys");
    let named =
        |kid: Value| check(&world.assertion(ES256, json!({"kid": kid}), json!({})), Some(&two), at(0));
    assert_eq!((named(json!("e")), named(json!(null))), (Ok(()), Err(AssertionFault::Signature)));
    assert_eq!(named(json!("f")), Err(AssertionFault::Signature));
}

#[test]
fn keys_that_the_text_brings_or_points_to_decide_nothing() {
    let world = World::new();
    let own = PublicJwk::from(world.private[FOREIGN].public().clone()).members();
    let foreign = |header| world.check(&world.assertion(FOREIGN, header, json!({})));
    for header in [
        json!({}),
        json!({"kid": "e"}),
        json!({"jwk": own}),
        json!({"jwk": own, "kid": "e"}),
        json!({"jku": "https://evil.example/jwks"}),
        json!({"x5u": "https://evil.example/x", "x5c": []}),
    ] {
        assert_eq!(foreign(header.clone()), Err(AssertionFault::Signature), "{header}");
    }
    for crit in [json!(["exp"]), json!([]), json!("b64")] {
        world.header(json!({"crit": crit}), Err(AssertionFault::Critical));
    }
}

#[test]
fn without_keys_nothing_holds() {
    let world = World::new();
    for which in [ES256, EDDSA] {
        let text = world.assertion(which, json!({}), json!({}));
        assert_eq!(check(&text, None, at(0)), Err(AssertionFault::Signature));
    }
    for (algorithm, _, text) in MADE_ELSEWHERE {
        assert_eq!(check(text, None, at(0)), Err(AssertionFault::Signature), "{algorithm}");
    }
}

#[test]
fn it_is_from_and_about_the_same_client() {
    let world = World::new();
    world.claims(json!({"iss": "cl_client_2"}), Err(AssertionFault::Subject));
    world.claims(json!({"sub": "cl_client_2"}), Err(AssertionFault::Subject));
    world.claims(json!({"iss": ISSUER}), Err(AssertionFault::Subject));
    for member in ["iss", "sub"] {
        for value in
            [json!(null), json!(7), json!(""), json!([CLIENT]), json!("x".repeat(limits::CLAIM_BYTES + 1))]
        {
            world.claims(json!({member: value}), Err(AssertionFault::Claims));
        }
    }
}

#[test]
fn it_is_for_this_issuer_and_for_it_alone() {
    let world = World::new();
    world.claims(json!({"aud": [ISSUER]}), Ok(()));
    for other in [
        json!("https://other.example.com"),
        json!(format!("{ISSUER}/")),
        json!(format!("{ISSUER}/api/v1/oauth/token")),
        json!("HTTPS://keys.example.com"),
        json!(""),
        json!([ISSUER, "https://other.example.com"]),
        json!([ISSUER, ISSUER]),
        json!([ISSUER, format!("{ISSUER}/api/v1/oauth/token")]),
        json!([7]),
        json!([[ISSUER]]),
    ] {
        world.claims(json!({"aud": other}), Err(AssertionFault::Audience));
    }
    for none in [json!(null), json!([]), json!(7), json!({"0": ISSUER}), json!(true)] {
        world.claims(json!({"aud": none}), Err(AssertionFault::Claims));
    }
}

#[test]
fn its_end_is_a_number_near_ahead() {
    let world = World::new();
    for (ahead, expected) in [
        (330, Ok(())),
        (331, Err(AssertionFault::TooLong)),
        (1, Ok(())),
        (-29, Ok(())),
        (-30, Err(AssertionFault::Expired)),
        (i64::MAX / 2, Err(AssertionFault::TooLong)),
    ] {
        let exp = NOW.saturating_add(ahead);
        world.claims(json!({"exp": exp}), expected);
    }
    world.claims(json!({"exp": NOW as f64 + 60.5}), Ok(()));
    world.claims(json!({"exp": 1e308}), Err(AssertionFault::TooLong));
    world.claims(json!({"exp": -1e308}), Err(AssertionFault::Expired));
    let text = world.assertion(ES256, json!({}), json!({"exp": NOW as f64 + 0.0005}));
    assert_eq!(Assertion::read(&text).expect("an assertion").refused_from().millis(), (NOW + 30) * 1000 + 1);
    for strange in [json!(null), json!((NOW + 60).to_string()), json!([NOW + 60]), json!(true), json!("")] {
        world.claims(json!({"exp": strange}), Err(AssertionFault::Claims));
    }
}

#[test]
fn what_begins_later_than_now_does_not_hold_yet() {
    let world = World::new();
    for name in ["nbf", "iat"] {
        world.claims(json!({name: NOW + 30}), Ok(()));
        world.claims(json!({name: NOW + 31}), Err(AssertionFault::NotYet));
        world.claims(json!({name: NOW - 100_000}), Ok(()));
        world.claims(json!({name: 1e308}), Err(AssertionFault::NotYet));
        world.claims(json!({name: null}), Ok(()));
        world.claims(json!({name: NOW.to_string()}), Err(AssertionFault::Claims));
    }
}

#[test]
fn it_has_a_name_of_its_own() {
    let world = World::new();
    world.claims(json!({"jti": "j".repeat(limits::ASSERTION_ID_BYTES)}), Ok(()));
    for none in
        [json!(null), json!(""), json!(7), json!(["a"]), json!("j".repeat(limits::ASSERTION_ID_BYTES + 1))]
    {
        world.claims(json!({"jti": none}), Err(AssertionFault::Claims));
    }
}

#[test]
fn a_claim_twice_a_torn_a_long_and_a_nested_text_are_none() {
    let world = World::new();
    let part = |text: &str| base64url::encode(text.as_bytes());
    let twice = |header: &str, claims: &str| {
        world.check(&world.signed_text(ES256, &format!("{}.{}", part(header), part(claims))))
    };
    let claims =
        json!({"iss": CLIENT, "sub": CLIENT, "aud": ISSUER, "exp": NOW + 60, "jti": "a"}).to_string();
    let header = r#"{"alg":"ES256"}"#;
    assert_eq!(twice(header, &claims), Ok(()));
    let also = |member: &str| claims.replacen('{', &format!("{{{member},"), 1);
    for member in [
        format!(r#""sub":"{CLIENT}""#),
        format!(r#""\u0073ub":"{CLIENT}""#),
        format!(r#""exp":{}"#, NOW + 60),
        r#""jti":"b""#.to_owned(),
        r#""x":{"y":1,"y":1}"#.to_owned(),
        format!(r#""x":{}{}"#, "[".repeat(2000), "]".repeat(2000)),
    ] {
        assert_eq!(twice(header, &also(&member)), Err(AssertionFault::Form), "{member}");
    }
    assert_eq!(twice(r#"{"alg":"ES256","alg":"ES256"}"#, &claims), Err(AssertionFault::Form));
    assert_eq!(twice(r#"{"alg":"none","alg":"ES256"}"#, &claims), Err(AssertionFault::Form));
    let good = world.assertion(ES256, json!({}), json!({}));
    for torn in
        [&good[1..], &good[..good.len() - 4], &format!("{good}="), &format!("{good}.AAAA"), "", "a.b.c"]
    {
        assert!(world.check(torn).is_err(), "{torn}");
    }
    let long = "x".repeat(limits::ASSERTION_BYTES);
    assert_eq!(
        world.check(&world.assertion(ES256, json!({}), json!({"x": long}))),
        Err(AssertionFault::Form)
    );
    // A signature over other claims.
    let (head, tail) = (good.split('.').next().expect("a part"), good.rsplit('.').next().expect("a part"));
    let other = format!("{head}.{}.{tail}", part(&claims));
    assert_eq!(world.check(&other), Err(AssertionFault::Signature));
}

#[test]
fn every_fault_is_told_in_words_of_its_own() {
    use AssertionFault as F;
    let all = [
        F::Form,
        F::Critical,
        F::Algorithm,
        F::Type,
        F::Claims,
        F::Subject,
        F::Signature,
        F::Audience,
        F::Expired,
        F::TooLong,
        F::NotYet,
    ];
    let words: std::collections::BTreeSet<String> = all.iter().map(ToString::to_string).collect();
    assert_eq!(words.len(), all.len());
}

/// By algorithms whose private halves are not made here: the name, the key, and an assertion without a `kid`.
const MADE_ELSEWHERE: [(&str, &str, &str); 3] = [
    (
        "RS256",
        concat!(
            r#"{"kty": "RSA", "alg": "RS256", "n": "x7pfkza2iT0oWYO4lvvnqUMPmpXBbJwpR6rmX535GLGPTwCrM1jP7nwgmebqdgbbKUFHwWW9P"#,
            "orcYUhZo4c2OT_bsGovRpJ72H4qBzlr2LsdGCz_w8WUUtR-1vaswZZfyjOKd3UOEUf1xVu1I0l8BuPLHjOulYVOV7H2ezUMZkQmJrAKo05DxFz",
            "8Q6Eb7-q_gvYNOVBHr_Fz_BBhHYNhNHOJ2XTPJDuNFQkz9cbGrVIrVHbko_YgQAciRY3gHkufTsAHaz2ES2Fc6bn_gh3lf7uMvVd-Ar-7XJ1cM",
            r#"yrHhW6gj3_cSLzgOObfu3ZNkBt4l2YPZf6K2Ox6ElgPee9Rfw", "e": "AQAB"}"#,
        ),
        concat!(
            "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJjbF9jbGllbnRfMSIsInN1YiI6ImNsX2NsaWVudF8xIiwiYXVkIjoiaHR0cHM6Ly9rZXlzLmV4YW1wb",
            "GUuY29tIiwiZXhwIjoxODAwMDAwMDYwLCJqdGkiOiJhIn0.bScsB1jFhTOHmE3igssFn8R1NFjA2Yp3ATvpUjFPf3Tk_UJ5BAnDBxfc07GxUf9",
            "7k5XNxN0Va2pK8CBilFIK23n7hwngKkS0pSL-vL4DM8UeU5NiAq50m5KaZQRdKkj0UuyJv_PZeQkwNsvCkNjtjINABSqfd9AZigeYDMO9tCjq-",
            "a5xcQnabx40VvPNQCHIwvlafqi4A1_cEXjYZSi7bZSpfdcsZZ5ub2scbsOwW4rQerUCh-nJzdYm8tUoYLtDGo3MdlVjMEu46sHbDMoC8_4NVAO",
            "LrwVdFjyiYez0Q7WWUJqNZN5GEHlgiDqvYZaEM0YWyv2vqdcrvfWE7w1BKw",
        ),
    ),
    (
        "PS256",
        concat!(
            r#"{"kty": "RSA", "alg": "PS256", "n": "x7pfkza2iT0oWYO4lvvnqUMPmpXBbJwpR6rmX535GLGPTwCrM1jP7nwgmebqdgbbKUFHwWW9P"#,
            "orcYUhZo4c2OT_bsGovRpJ72H4qBzlr2LsdGCz_w8WUUtR-1vaswZZfyjOKd3UOEUf1xVu1I0l8BuPLHjOulYVOV7H2ezUMZkQmJrAKo05DxFz",
            "8Q6Eb7-q_gvYNOVBHr_Fz_BBhHYNhNHOJ2XTPJDuNFQkz9cbGrVIrVHbko_YgQAciRY3gHkufTsAHaz2ES2Fc6bn_gh3lf7uMvVd-Ar-7XJ1cM",
            r#"yrHhW6gj3_cSLzgOObfu3ZNkBt4l2YPZf6K2Ox6ElgPee9Rfw", "e": "AQAB"}"#,
        ),
        concat!(
            "eyJhbGciOiJQUzI1NiJ9.eyJpc3MiOiJjbF9jbGllbnRfMSIsInN1YiI6ImNsX2NsaWVudF8xIiwiYXVkIjoiaHR0cHM6Ly9rZXlzLmV4YW1wb",
            "GUuY29tIiwiZXhwIjoxODAwMDAwMDYwLCJqdGkiOiJhIn0.T8GXXPveTK3ay5l8a3fwZn0B3-HtObhBO8ClAw7Sn-_rbVE9D6E-MAkqfWyANtZ",
            "AL31a6ImbdoDAlELjcZzfnUU_P7NONt364k5ljJEToZj35rOGc80H-5c76abZWwsgjeAAsYf6vVaxHGXMfHt2xg3EaJGKeYTGbipEuAZjfwDOn",
            "NxC1aCFS7y0TbqOpVyYzdh_IPOu503OK_GYNwkAC2BOmMQDoPvlUXfNg-n8N3KDi5pVTmPaMq9K78ucD25_AqB4MiOVhRCqD22a6OFw5DhlxWR",
            "1oVTRzcPqA824XjixRXn9oKDKS1VZZZ6Av6fsX8qkToa15MZvXPA35vYL9A",
        ),
    ),
    (
        "ES384",
        concat!(
            r#"{"kty": "EC", "crv": "P-384", "x": "A5dmGDKx8m9HTwbsWRJrhSEcF_ci6br2ZA9iTG7fK5Tcf_ocfiSjqkBRymXAb9k7", "y": "R"#,
            r#"Guqv_MrIJFyrES6Kv6e-sZu5GF5uasmDOlUII3tREoPSecwmlYGfiETOmcGv-Tu"}"#,
        ),
        concat!(
            "eyJhbGciOiJFUzM4NCJ9.eyJpc3MiOiJjbF9jbGllbnRfMSIsInN1YiI6ImNsX2NsaWVudF8xIiwiYXVkIjoiaHR0cHM6Ly9rZXlzLmV4YW1wb",
            "GUuY29tIiwiZXhwIjoxODAwMDAwMDYwLCJqdGkiOiJhIn0.ZkTdHLq0rODG_BZKSmTEdeYsJtSkiGyl9xkskxDJZA5n76Al7IULagFIEP3UVVY",
            "Ua1mnqDRwjdZ1xhMa_1ITtn7wbroFuR_biDLGF9gnHPFQOJ5Ic2oQCPcaq0lUiM5T",
        ),
    ),
];
