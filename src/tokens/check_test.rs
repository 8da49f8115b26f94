//! Every trap that a token may be, and that what is minted is what is read.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::*;
use crate::domain::base64url;
use crate::domain::grant::Granted;
use crate::domain::ids::{CredentialId, SecretId, TenantId};
use crate::domain::public_key::PublicJwk;
use crate::domain::signing_keys::{Made, Rotated, SigningKeysEvent};
use crate::tokens::jws;
use crate::tokens::keyring::{Signer, key_set};
use crate::tokens::mint::{Holder, NotMinted, mint};
use crate::vault::{MasterKeys, Vault};

const ISSUER: &str = "https://keys.example.com";
const NOW: i64 = 1_800_000_000;

fn now() -> Timestamp {
    Timestamp::from_millis(NOW * 1000).expect("an instant")
}

/// Keys of two algorithms that have signed, and one that is published ahead.
struct World {
    vault: Arc<Vault>,
    keys: Keys,
    signers: Vec<Signer>,
}

const ES256: usize = 0;
const EDDSA: usize = 1;
const NEXT: usize = 2;

impl World {
    fn new() -> Self {
        let vault = Arc::new(Vault::new(&MasterKeys::for_tests(&[1])));
        let mut world = World { vault: vault.clone(), keys: Keys::default(), signers: Vec::new() };
        let algorithms = [TokenAlgorithm::Es256, TokenAlgorithm::EdDsa, TokenAlgorithm::Es256];
        for (place, algorithm) in algorithms.into_iter().enumerate() {
            let new = vault.make_private_key(algorithm.signing()).expect("made here");
            let made = Made::of(algorithm, PublicJwk::from(new.key.public().clone()));
            let kid = made.kid.clone();
            let mut apply = |event| world.keys.apply(&event, now()).expect("applied");
            apply(SigningKeysEvent::Made(made));
            if place != NEXT {
                apply(SigningKeysEvent::Rotated(Rotated { kid: kid.clone(), signs_from: now() }));
            }
            world.signers.push(Signer::for_test(&kid, new.key, vault.clone()));
        }
        world
    }

    fn kid(&self, which: usize) -> &str {
        &self.signers[which].kid
    }

    /// Signed by that key, whatever it says.
    fn signed(&self, which: usize, header: &Value, claims: &[u8]) -> String {
        let unsigned = format!("{}.{}", part(header.to_string().as_bytes()), part(claims));
        let signature = self.signers[which].sign(unsigned.as_bytes()).expect("signed");
        jws::compact(&unsigned, &signature)
    }

    fn header(&self, change: Value) -> Value {
        changed(json!({"typ": "at+jwt", "alg": "ES256", "kid": self.kid(ES256)}), change)
    }

    fn with_header(&self, change: Value) -> String {
        self.signed(ES256, &self.header(change), claims().to_string().as_bytes())
    }

    fn with_claims(&self, change: Value) -> String {
        self.signed(ES256, &self.header(json!({})), changed(claims(), change).to_string().as_bytes())
    }

    fn judge(&self, text: &str) -> Result<Claims, TokenFault> {
        check(text, &self.keys, ISSUER, now())
    }
}

fn part(bytes: &[u8]) -> String {
    base64url::encode(bytes)
}

/// Null takes a member away.
fn changed(mut members: Value, change: Value) -> Value {
    let own = members.as_object_mut().expect("an object");
    for (name, value) in change.as_object().expect("an object") {
        match value {
            Value::Null => drop(own.remove(name)),
            value => drop(own.insert(name.clone(), value.clone())),
        }
    }
    members
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "c_1", "client_id": "c_1", "aud": ISSUER, "scope": "a:b c:d",
        "iat": NOW, "exp": NOW + 3600, "jti": Uuid::from_u128(7), "tenant_id": Uuid::from_u128(1),
        "credential_id": Uuid::from_u128(2), "secret_id": Uuid::from_u128(3), "client_version": 4,
    })
}

fn granted() -> Granted {
    Granted { audience: vec![ISSUER.to_owned()], scope: "a:b c:d".to_owned(), lifetime_seconds: 3600 }
}

fn holder(client_id: &str) -> Holder<'_> {
    Holder {
        client_id,
        tenant: TenantId(Uuid::from_u128(1)),
        credential: CredentialId(Uuid::from_u128(2)),
        secret: SecretId(Uuid::from_u128(3)),
        client_version: 4,
        bound_to: None,
    }
}

#[test]
fn a_minted_token_is_what_rfc_9068_says_and_reads_back() {
    let world = World::new();
    for which in [ES256, EDDSA] {
        let signer = &world.signers[which];
        let minted =
            mint(signer, ISSUER, &holder("c_1"), &granted(), Uuid::from_u128(7), now()).expect("minted");
        assert_eq!(world.judge(&minted.token), Ok(minted.claims.clone()));
        let [header, body] = [0, 1].map(|place| {
            let part = minted.token.split('.').nth(place).expect("a part");
            serde_json::from_slice::<Value>(&base64url::decode(part).expect("base64url")).expect("JSON")
        });
        let algorithm = world.signers[which].algorithm().word();
        assert_eq!(header, json!({"typ": "at+jwt", "alg": algorithm, "kid": world.kid(which)}));
        assert_eq!(body, claims());
        assert!(is_shaped_as_token(&minted.token));
    }
    assert!(world.judge(&world.with_claims(json!({}))).is_ok(), "the traps below differ from a good one");
}

#[test]
fn who_signs_is_never_said_by_the_text() {
    let world = World::new();
    let other = World::new();
    let public = PublicJwk::from(world.keys.find(world.kid(ES256)).expect("a key").public_key.key().clone());
    let jwk = Value::Object(public.members());
    let cases = [
        (world.with_header(json!({"alg": "none"})), TokenFault::Algorithm),
        (world.with_header(json!({"alg": "None"})), TokenFault::Algorithm),
        (world.with_header(json!({"alg": "HS256"})), TokenFault::Algorithm),
        (world.with_header(json!({"alg": "PS256"})), TokenFault::Algorithm),
        (world.with_header(json!({"alg": "ES384"})), TokenFault::Algorithm),
        (world.with_header(json!({"alg": "EdDSA"})), TokenFault::Algorithm),
        (world.with_header(json!({"alg": "RS256"})), TokenFault::Algorithm),
        (world.with_header(json!({"kid": world.kid(EDDSA)})), TokenFault::Algorithm),
        (world.with_header(json!({"alg": "EdDSA", "kid": world.kid(EDDSA)})), TokenFault::Signature),
        (world.with_header(json!({"kid": null})), TokenFault::UnknownKey),
        (world.with_header(json!({"kid": ""})), TokenFault::UnknownKey),
        (world.with_header(json!({"kid": "../../dev/null"})), TokenFault::UnknownKey),
        (world.with_header(json!({"kid": "' or '1'='1"})), TokenFault::UnknownKey),
        (world.with_header(json!({"kid": other.kid(ES256)})), TokenFault::UnknownKey),
        (world.with_header(json!({"kid": 7})), TokenFault::Form),
        (world.with_header(json!({"typ": null})), TokenFault::Type),
        (world.with_header(json!({"typ": "JWT"})), TokenFault::Type),
        (world.with_header(json!({"typ": "dpop+jwt"})), TokenFault::Type),
        (world.with_header(json!({"crit": ["exp"]})), TokenFault::Critical),
        (world.with_header(json!({"crit": []})), TokenFault::Critical),
        // published ahead: it signs nothing yet
        (
            world.signed(
                NEXT,
                &world.header(json!({"kid": world.kid(NEXT)})),
                claims().to_string().as_bytes(),
            ),
            TokenFault::UnknownKey,
        ),
        // another installation's key, led to in every way there is
        (
            other.signed(
                ES256,
                &world.header(json!({"jwk": jwk, "jku": "https://evil/keys", "x5u": "https://evil"})),
                claims().to_string().as_bytes(),
            ),
            TokenFault::Signature,
        ),
        (other.with_header(json!({"jwk": jwk})), TokenFault::UnknownKey),
    ];
    for (place, (text, fault)) in cases.into_iter().enumerate() {
        assert_eq!(world.judge(&text), Err(fault), "case {place}");
    }
    assert!(world.judge(&world.with_header(json!({"typ": "application/at+jwt"}))).is_ok());
    assert!(world.judge(&world.with_header(json!({"jwk": jwk, "jku": "https://evil/keys"}))).is_ok());
}

/// The public key as the secret of an HMAC, in each form that somebody might publish it in.
#[test]
fn a_public_key_is_no_shared_secret() {
    let world = World::new();
    let set = key_set(&world.keys);
    let secrets = [set.to_string(), set["keys"][0].to_string(), set["keys"][0]["x"].to_string()];
    for algorithm in ["HS256", "ES256"] {
        for secret in &secrets {
            let header = world.header(json!({"alg": algorithm}));
            let unsigned =
                format!("{}.{}", part(header.to_string().as_bytes()), part(claims().to_string().as_bytes()));
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
            let text = jws::compact(&unsigned, ring::hmac::sign(&key, unsigned.as_bytes()).as_ref());
            let fault = if algorithm == "HS256" { TokenFault::Algorithm } else { TokenFault::Signature };
            assert_eq!(world.judge(&text), Err(fault));
        }
    }
}

#[test]
fn every_claim_is_of_its_own_type_or_the_token_is_none() {
    let world = World::new();
    let long = "x".repeat(limits::CLAIM_BYTES + 1);
    let many: Vec<String> = (0..=limits::AUDIENCES).map(|each| each.to_string()).collect();
    for change in [
        json!({"exp": (NOW + 60).to_string()}),
        json!({"exp": NOW as f64 + 60.5}),
        json!({"exp": (NOW + 60) as f64}),
        json!({"exp": 1e300}),
        json!({"exp": null}),
        json!({"exp": true}),
        json!({"exp": -1}),
        json!({"exp": NOW}),
        json!({"exp": NOW - 10, "iat": NOW}),
        // far in the future
        json!({"exp": NOW + i64::from(limits::ACCESS_TOKEN_SECONDS) + 1}),
        json!({"exp": i64::MAX}),
        json!({"exp": u64::MAX}),
        json!({"exp": i64::MAX, "iat": i64::MIN}),
        json!({"iat": null}),
        json!({"iat": "now"}),
        json!({"iat": [NOW]}),
        json!({"iss": null}),
        json!({"iss": 7}),
        json!({"iss": [ISSUER]}),
        json!({"sub": null}),
        json!({"sub": "c_2"}),
        json!({"client_id": null}),
        json!({"client_id": "", "sub": ""}),
        json!({"iss": long}),
        json!({"aud": null}),
        json!({"aud": []}),
        json!({"aud": {}}),
        json!({"aud": [ISSUER, 7]}),
        json!({"aud": many}),
        json!({"jti": null}),
        json!({"jti": 7}),
        json!({"jti": "../7"}),
        json!({"jti": Uuid::from_u128(0xA).to_string().to_uppercase()}),
        json!({"tenant_id": null}),
        json!({"tenant_id": "acme"}),
        json!({"credential_id": null}),
        json!({"secret_id": null}),
        json!({"client_version": null}),
        json!({"client_version": -1}),
        json!({"client_version": "4"}),
        json!({"secret_id": 7}),
        json!({"secret_id": "x"}),
        json!({"scope": ["a"]}),
        json!({"scope": 7}),
        json!({"cnf": "x"}),
        json!({"cnf": {}}),
        json!({"cnf": {"jkt": null}}),
        json!({"cnf": {"jkt": "short"}}),
        json!({"cnf": {"jkt": part(&[1; 31])}}),
        json!({"cnf": {"jkt": format!("{}=", part(&[1; 32]))}}),
        json!({"cnf": {"jkt": [part(&[1; 32])]}}),
        json!({"cnf": [{"jkt": part(&[1; 32])}]}),
        json!({"cnf": {"jkt": part(&[1; 32]), "x5t#S256": part(&[1; 32])}}),
        json!({"cnf": {"x5t#S256": part(&[1; 32])}}),
    ] {
        assert_eq!(world.judge(&world.with_claims(change.clone())), Err(TokenFault::Claims), "{change}");
    }
    for change in [
        json!({"aud": [ISSUER, "https://a.example.com"]}),
        json!({"scope": null}),
        json!({"cnf": {"jkt": part(&[1; 32])}}),
        json!({"strange": {"deep": [[[1]]]}}),
    ] {
        assert!(world.judge(&world.with_claims(change.clone())).is_ok(), "{change}");
    }
}

#[test]
fn claims_that_stand_twice_are_none() {
    let world = World::new();
    let once = claims().to_string();
    for more in [
        format!(r#""exp":{}"#, NOW + 60),
        format!(r#""ex\u0070":{}"#, NOW + 60),
        r#""strange":{"a":1,"a":2}"#.to_owned(),
    ] {
        let twice = format!("{},{more}}}", &once[..once.len() - 1]);
        let text = world.signed(ES256, &world.header(json!({})), twice.as_bytes());
        assert_eq!(world.judge(&text), Err(TokenFault::Claims), "{more}");
    }
    for claims in ["[]", "null", "\"x\"", "", "{", "\u{feff}{}"] {
        let text = world.signed(ES256, &world.header(json!({})), claims.as_bytes());
        assert_eq!(world.judge(&text), Err(TokenFault::Claims), "{claims}");
    }
    // a token in the place of the claims: nested
    let inner = world.with_claims(json!({}));
    let nested = world.signed(ES256, &world.header(json!({"cty": "JWT"})), inner.as_bytes());
    assert_eq!(world.judge(&nested), Err(TokenFault::Claims));
}

#[test]
fn what_was_issued_later_than_now_is_of_another_clock() {
    let world = World::new();
    let ahead = limits::TOKEN_AHEAD_SECONDS;
    assert!(world.judge(&world.with_claims(json!({"iat": NOW + ahead}))).is_ok());
    for iat in [NOW + ahead + 1, NOW + 3000] {
        assert_eq!(world.judge(&world.with_claims(json!({"iat": iat}))), Err(TokenFault::NotYet));
    }
}

#[test]
fn another_issuer_and_another_audience_are_told() {
    let world = World::new();
    for issuer in ["https://keys.example.com/", "https://KEYS.example.com", "https://other.example.com"] {
        assert_eq!(world.judge(&world.with_claims(json!({"iss": issuer}))), Err(TokenFault::Issuer));
    }
    let claims = world.judge(&world.with_claims(json!({"aud": ["https://a.example.com", "b"]})));
    let claims = claims.expect("a token");
    assert_eq!(claims.audience, ["https://a.example.com", "b"]);
}

#[test]
fn huge_and_torn_texts_are_no_tokens() {
    let world = World::new();
    let good = world.with_claims(json!({}));
    let pad = |bytes: usize| json!({"pad": "x".repeat(bytes)});
    assert_eq!(world.judge(&world.with_claims(pad(limits::ACCESS_TOKEN_BYTES))), Err(TokenFault::Form));
    assert_eq!(world.judge(&world.with_header(pad(limits::ACCESS_TOKEN_BYTES))), Err(TokenFault::Form));
    let deep = format!("{}{}", "[".repeat(2000), "]".repeat(2000));
    let deep = format!(r#"{{"x":{deep}}}"#);
    assert_eq!(
        world.judge(&world.signed(ES256, &world.header(json!({})), deep.as_bytes())),
        Err(TokenFault::Claims)
    );
    for text in [
        "",
        ".",
        "..",
        "eyJ..",
        "Bearer x",
        &good[..good.len() - 1],
        &format!("{good}."),
        &format!("{good}A"),
    ] {
        assert!(world.judge(text).is_err(), "{text}");
    }
    // DER, and a signature with its halves swapped
    let (unsigned, signature) = good.rsplit_once('.').expect("three parts");
    let mut bytes = base64url::decode(signature).expect("base64url");
    bytes.rotate_left(32);
    assert_eq!(world.judge(&jws::compact(unsigned, &bytes)), Err(TokenFault::Signature));
    assert_eq!(world.judge(&jws::compact(unsigned, &[0; 64])), Err(TokenFault::Signature));
    assert_eq!(world.judge(&jws::compact(unsigned, &[])), Err(TokenFault::Signature));
}

#[test]
fn every_character_of_a_token_counts() {
    let world = World::new();
    let good = world.with_claims(json!({}));
    for place in 0..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).expect("ASCII");
        assert!(world.judge(&changed).is_err(), "{place}");
    }
}

#[test]
fn what_would_not_be_read_is_not_minted() {
    let world = World::new();
    let many: Vec<String> = (0..=limits::AUDIENCES).map(|each| each.to_string()).collect();
    let fault = |client_id: &str, granted: &Granted| {
        mint(&world.signers[ES256], ISSUER, &holder(client_id), granted, Uuid::nil(), now()).err()
    };
    assert_eq!(fault("c_1", &granted()), None);
    let scope = "a ".repeat(limits::ACCESS_TOKEN_BYTES / 2 - 1);
    for (id, wrong, expected) in [
        ("c_1", Granted { lifetime_seconds: 0, ..granted() }, NotMinted::Claims),
        (
            "c_1",
            Granted { lifetime_seconds: limits::ACCESS_TOKEN_SECONDS + 1, ..granted() },
            NotMinted::Claims,
        ),
        ("c_1", Granted { audience: Vec::new(), ..granted() }, NotMinted::Claims),
        ("c_1", Granted { audience: many, ..granted() }, NotMinted::Claims),
        ("", granted(), NotMinted::Claims),
        ("c_1", Granted { scope, ..granted() }, NotMinted::TooLong),
    ] {
        assert_eq!(fault(id, &wrong), Some(expected), "{wrong:?}");
    }
}

/// What a set publishes is public, names each key once, and is what other libraries take.
#[test]
fn the_set_of_keys_holds_each_published_key_and_nothing_private() {
    let world = World::new();
    let set = key_set(&world.keys);
    let keys = set["keys"].as_array().expect("a list");
    assert_eq!(keys.len(), 3);
    for (key, signer) in keys.iter().zip(&world.signers) {
        let members: Vec<&str> = key.as_object().expect("a key").keys().map(String::as_str).collect();
        let allowed = ["kty", "crv", "x", "y", "n", "e", "use", "alg", "kid"];
        assert!(members.iter().all(|member| allowed.contains(member)), "{members:?}");
        assert_eq!((&key["use"], &key["kid"]), (&json!("sig"), &json!(signer.kid)));
        let read = crate::domain::jwk::Jwk::read(key.as_object().expect("a key")).expect("a key");
        assert_eq!(read.public.thumbprint(), signer.kid);
        assert_eq!(read.algorithm, Some(signer.algorithm()));
    }
    assert!(world.vault.numbers().count() == 1);
}

fn any_text() -> impl Strategy<Value = String> {
    proptest::string::string_regex("[ -~äß\u{1F600}\"\\\\]{1,60}").expect("a pattern")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_is_minted_is_read_as_it_was_meant(
        issuer in any_text(), client_id in any_text(), scope in proptest::option::of(any_text()),
        audience in proptest::collection::vec(any_text(), 1..4), lifetime_seconds in 1..=limits::ACCESS_TOKEN_SECONDS,
        ids: [u128; 4], bound: Option<[u8; 32]>, millis in 0i64..4_000_000_000_000, which in 0usize..2,
    ) {
        thread_local!(static WORLD: World = World::new());
        WORLD.with(|world| -> Result<(), TestCaseError> {
            let now = Timestamp::from_millis(millis).expect("an instant");
            let granted = Granted { audience, scope: scope.unwrap_or_default(), lifetime_seconds };
            let bound_to = bound.map(|bytes| part(&bytes));
            let holder = Holder {
                bound_to: bound_to.as_deref(),
                client_id: &client_id,
                tenant: TenantId(Uuid::from_u128(ids[0])),
                credential: CredentialId(Uuid::from_u128(ids[1])),
                secret: SecretId(Uuid::from_u128(ids[2])),
                client_version: ids[0] as u32,
            };
            let minted = mint(&world.signers[which], &issuer, &holder, &granted, Uuid::from_u128(ids[3]), now);
            let minted = minted.expect("minted");
            prop_assert_eq!(check(&minted.token, &world.keys, &issuer, now), Ok(minted.claims.clone()));
            let end = minted.claims.expires_at * 1000;
            prop_assert!(end <= millis + i64::from(lifetime_seconds) * 1000);
            prop_assert_eq!(minted.claims.issued().ends_at.millis(), end);
            Ok(())
        })?;
    }

    #[test]
    fn no_bytes_make_it_fall(text in "[A-Za-z0-9_.=-]{0,300}") {
        let keys = Keys::default();
        prop_assert!(check(&text, &keys, ISSUER, now()).is_err());
    }
}

#[test]
fn members_that_are_written_are_read() {
    let read = Claims::read(claims().as_object().expect("an object")).expect("claims");
    assert_eq!(Value::Object(read.members()), claims());
    assert_eq!(Claims::read(&Map::new()), None);
}
