//! Against the vectors of the RFCs where they have one, and against keys that the tests make.

use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
};
use serde_json::json;

use super::*;
use crate::vault::PublicKey;

const NOW: i64 = 1_800_000_000;

fn now() -> Timestamp {
    Timestamp::from_millis(NOW * 1000).expect("an instant")
}

fn expected<'a>() -> Expected<'a> {
    Expected {
        issuer: "https://id.example.com",
        client_id: "console",
        nonce: "n-1",
        access_token: Some("an access token"),
        algorithms: &SigningAlgorithm::ALL,
        acr: &[],
        amr: &[],
        max_age_seconds: None,
        now: now(),
    }
}

fn claims() -> Value {
    json!({
        "iss": "https://id.example.com", "aud": "console", "sub": "ada", "nonce": "n-1",
        "iat": NOW - 1, "exp": NOW + 300,
    })
}

struct Signer(Ed25519KeyPair);

impl Signer {
    fn new(seed: u8) -> Self {
        Signer(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("a key"))
    }

    fn keys(&self) -> KeySet {
        let x = base64url::encode(self.0.public_key().as_ref());
        keys(json!({"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": x}))
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| base64url::encode(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = base64url::encode(self.0.sign(signed.as_bytes()).as_ref());
        format!("{signed}.{signature}")
    }
}

fn keys(key: Value) -> KeySet {
    KeySet::parse(json!({"keys": [key]}).to_string().as_bytes()).expect("keys")
}

fn header() -> Value {
    json!({"alg": "EdDSA", "kid": "k"})
}

/// What becomes of a token with these claims in the place of the usual ones; null takes one away.
fn with(change: Value) -> Result<Claims, TokenFault> {
    judged(change, &expected())
}

fn judged(change: Value, expected: &Expected<'_>) -> Result<Claims, TokenFault> {
    let signer = Signer::new(1);
    let mut claims = claims();
    let members = claims.as_object_mut().expect("an object");
    for (name, value) in change.as_object().expect("an object") {
        match value {
            Value::Null => drop(members.remove(name)),
            value => drop(members.insert(name.clone(), value.clone())),
        }
    }
    verify(&signer.token(&header(), &claims), &signer.keys(), expected)
}

fn fault(change: Value) -> TokenFault {
    with(change).expect_err("refused")
}

#[test]
fn a_token_that_is_right_in_every_way_gives_its_claims() {
    let claims = with(json!({})).expect("accepted");
    assert_eq!((claims.subject.as_str(), &claims.all["iss"]), ("ada", &json!("https://id.example.com")));
    with(json!({"aud": ["console"]})).expect("accepted");
    with(json!({"aud": ["console", "other"], "azp": "console"})).expect("accepted");
    with(json!({"exp": NOW as f64 + 0.5})).expect("accepted");
}

#[test]
fn each_claim_that_is_wrong_is_told_apart() {
    let cases = [
        (json!({"iss": "https://id.example.com/"}), TokenFault::Issuer),
        (json!({"iss": null}), TokenFault::Claims),
        (json!({"aud": "other"}), TokenFault::Audience),
        (json!({"aud": []}), TokenFault::Audience),
        (json!({"aud": null}), TokenFault::Claims),
        (json!({"aud": ["console", "other"]}), TokenFault::AuthorizedParty),
        (json!({"azp": "other"}), TokenFault::AuthorizedParty),
        (json!({"azp": 7}), TokenFault::AuthorizedParty),
        (json!({"nonce": "n-2"}), TokenFault::Nonce),
        (json!({"nonce": null}), TokenFault::Nonce),
        (json!({"sub": null}), TokenFault::Claims),
        (json!({"sub": ""}), TokenFault::Claims),
        (json!({"sub": "s".repeat(limits::SUBJECT_BYTES + 1)}), TokenFault::Claims),
        (json!({"exp": null}), TokenFault::Claims),
        (json!({"exp": "never"}), TokenFault::Claims),
        (json!({"exp": 1e300}), TokenFault::Claims),
        (json!({"iat": null}), TokenFault::Claims),
    ];
    for (change, expected) in cases {
        assert_eq!(fault(change.clone()), expected, "{change}");
    }
}

#[test]
fn clocks_may_disagree_by_the_leeway_and_no_more() {
    let leeway = i64::try_from(limits::PROVIDER_LEEWAY.as_secs()).expect("short");
    with(json!({"exp": NOW - leeway + 1})).expect("accepted");
    assert_eq!(fault(json!({"exp": NOW - leeway})), TokenFault::Expired, "equality means expired");
    with(json!({"iat": NOW + leeway})).expect("accepted");
    assert_eq!(fault(json!({"iat": NOW + leeway + 1})), TokenFault::IssuedAt);
    let earliest = NOW - i64::try_from(limits::SIGN_IN_LIFE.as_secs()).expect("short") - leeway;
    with(json!({"iat": earliest})).expect("accepted");
    assert_eq!(fault(json!({"iat": earliest - 1})), TokenFault::IssuedAt);
    with(json!({"nbf": NOW + leeway})).expect("accepted");
    assert_eq!(fault(json!({"nbf": NOW + leeway + 1})), TokenFault::NotYet);
}

#[test]
fn what_was_demanded_of_the_sign_in_is_held() {
    let demands = |acr: &[&str], amr: &[&[&str]], max_age, change| {
        let acr: Vec<String> = acr.iter().map(|acr| (*acr).to_owned()).collect();
        let amr: Vec<Vec<String>> =
            amr.iter().map(|all| all.iter().map(|one| (*one).to_owned()).collect()).collect();
        judged(change, &Expected { acr: &acr, amr: &amr, max_age_seconds: max_age, ..expected() }).map(|_| ())
    };
    let mfa: &[&[&str]] = &[&["mfa"], &["pwd", "otp"]];
    assert_eq!(demands(&["gold"], &[], None, json!({"acr": "gold"})), Ok(()));
    assert_eq!(demands(&["gold"], &[], None, json!({"acr": "silver"})), Err(TokenFault::Acr));
    assert_eq!(demands(&["gold"], &[], None, json!({})), Err(TokenFault::Acr));
    assert_eq!(demands(&[], mfa, None, json!({"amr": ["mfa"]})), Ok(()));
    assert_eq!(demands(&[], mfa, None, json!({"amr": ["otp", "pwd"]})), Ok(()));
    for amr in [json!(["pwd"]), json!([]), json!("mfa"), json!(null)] {
        assert_eq!(demands(&[], mfa, None, json!({"amr": amr})), Err(TokenFault::Amr), "{amr}");
    }
    assert_eq!(demands(&[], &[], Some(60), json!({"auth_time": NOW - 120})), Ok(()));
    assert_eq!(demands(&[], &[], Some(60), json!({"auth_time": NOW - 121})), Err(TokenFault::AuthTime));
    assert_eq!(demands(&[], &[], Some(60), json!({})), Err(TokenFault::AuthTime));
}

#[test]
fn an_access_token_is_the_one_that_the_id_token_speaks_of() {
    let own = base64url::encode(&SigningAlgorithm::EdDsa.half_hash(b"an access token"));
    with(json!({"at_hash": own})).expect("accepted");
    assert_eq!(fault(json!({"at_hash": "AAAA"})), TokenFault::AccessToken);
    let without = Expected { access_token: None, ..expected() };
    assert_eq!(judged(json!({"at_hash": own}), &without), Err(TokenFault::AccessToken));
}

/// OpenID Connect Core, A.3: the `at_hash` of an access token, under RS256.
#[test]
fn half_a_hash_is_what_the_standard_says() {
    let access_token = b"jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
    assert_eq!(base64url::encode(&SigningAlgorithm::Rs256.half_hash(access_token)), "77QmUPtjPfzWtF2AnpK9RQ");
}

#[test]
fn no_other_algorithm_key_or_text_passes() {
    let (signer, other) = (Signer::new(1), Signer::new(2));
    let judge = |token: &str, expected: &Expected<'_>| verify(token, &signer.keys(), expected).map(|_| ());
    let good = signer.token(&header(), &claims());
    assert_eq!(judge(&good, &expected()), Ok(()));
    let narrower = Expected { algorithms: &[SigningAlgorithm::Rs256], ..expected() };
    assert_eq!(judge(&good, &narrower), Err(TokenFault::Algorithm));
    assert_eq!(judge(&other.token(&header(), &claims()), &expected()), Err(TokenFault::Signature));
    for algorithm in ["none", "None", "HS256", "RS512", "", "eddsa"] {
        let token = signer.token(&json!({"alg": algorithm, "kid": "k"}), &claims());
        assert_eq!(judge(&token, &expected()), Err(TokenFault::Algorithm), "{algorithm}");
    }
    for algorithm in ["RS256", "ES256"] {
        let token = signer.token(&json!({"alg": algorithm, "kid": "k"}), &claims());
        assert_eq!(judge(&token, &expected()), Err(TokenFault::UnknownKey), "a key of another kind");
    }
    let unknown = signer.token(&json!({"alg": "EdDSA", "kid": "later"}), &claims());
    assert_eq!(judge(&unknown, &expected()), Err(TokenFault::UnknownKey));
    let critical = signer.token(&json!({"alg": "EdDSA", "kid": "k", "crit": ["b64"]}), &claims());
    assert_eq!(judge(&critical, &expected()), Err(TokenFault::Critical));
    let (signed, _) = good.rsplit_once('.').expect("three parts");
    assert_eq!(judge(&format!("{signed}."), &expected()), Err(TokenFault::Signature));
    for text in ["", ".", "..", "a.b.c", "e30.e30.", signed] {
        assert!(
            matches!(
                judge(text, &expected()),
                Err(TokenFault::Form | TokenFault::Algorithm | TokenFault::Signature)
            ),
            "{text}"
        );
    }
    assert_eq!(judge(&"x".repeat(limits::ID_TOKEN_BYTES + 1), &expected()), Err(TokenFault::Form));
    assert_eq!(judge(&signer.token(&header(), &json!("text")), &expected()), Err(TokenFault::Claims));
}

#[test]
fn every_bit_of_a_token_counts() {
    let signer = Signer::new(1);
    let good = signer.token(&header(), &claims());
    for place in 0..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).expect("ASCII");
        assert!(verify(&changed, &signer.keys(), &expected()).is_err(), "{place}");
    }
}

#[test]
fn curves_of_p_256_and_p_384_hold_too() {
    let random = SystemRandom::new();
    for (algorithm, signing, curve, bytes) in [
        (SigningAlgorithm::Es256, &ECDSA_P256_SHA256_FIXED_SIGNING, "P-256", 32),
        (SigningAlgorithm::Es384, &ECDSA_P384_SHA384_FIXED_SIGNING, "P-384", 48),
    ] {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(signing, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(signing, pkcs8.as_ref(), &random).expect("a key");
        let (x, y) = pair.public_key().as_ref()[1..].split_at(bytes);
        let keys = keys(
            json!({"kty": "EC", "crv": curve, "kid": "k", "x": base64url::encode(x), "y": base64url::encode(y)}),
        );
        let part = |value: Value| base64url::encode(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(json!({"alg": algorithm.word(), "kid": "k"})), part(claims()));
        let signature = pair.sign(&random, signed.as_bytes()).expect("a signature");
        let token = format!("{signed}.{}", base64url::encode(signature.as_ref()));
        assert!(verify(&token, &keys, &expected()).is_ok(), "{curve}");
    }
}

/// RFC 7515, A.2 and A.3; RFC 8037, A.4.
#[test]
fn the_vectors_of_the_standards_hold_and_with_a_bit_changed_they_do_not() {
    let number = |text: &str| base64url::decode(text).expect("base64url");
    let rsa = PublicKey::Rsa {
        modulus: number(concat!(
            "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-",
            "SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-",
            "UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2et",
            "hFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
        )),
        exponent: number("AQAB"),
    };
    let p256 = PublicKey::P256(
        [
            vec![4],
            number("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"),
            number("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"),
        ]
        .concat(),
    );
    let ed25519 = PublicKey::Ed25519(number("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"));
    let joe =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let vectors = [
        (
            rsa,
            SigningAlgorithm::Rs256,
            format!("eyJhbGciOiJSUzI1NiJ9.{joe}"),
            concat!(
                "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJ",
                "dbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN",
                "9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXL",
                "IhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
            ),
        ),
        (
            p256,
            SigningAlgorithm::Es256,
            format!("eyJhbGciOiJFUzI1NiJ9.{joe}"),
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        ),
        (
            ed25519,
            SigningAlgorithm::EdDsa,
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc".to_owned(),
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        ),
    ];
    for (key, algorithm, signed, signature) in vectors {
        let signature = number(signature);
        assert!(key.has_signed(algorithm, signed.as_bytes(), &signature), "{algorithm:?}");
        let mut changed = signature.clone();
        changed[9] ^= 1;
        assert!(!key.has_signed(algorithm, signed.as_bytes(), &changed), "{algorithm:?}");
        for other in SigningAlgorithm::ALL.into_iter().filter(|other| *other != algorithm) {
            assert!(!key.has_signed(other, signed.as_bytes(), &signature), "{algorithm:?} {other:?}");
        }
    }
}
