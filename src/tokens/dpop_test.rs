//! Every trap that a proof may be.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::domain::public_key::PublicJwk;
use crate::tokens::jws;
use crate::vault::{MasterKeys, NewPrivateKey, Vault};

const NOW: i64 = 1_800_000_000;
const URL: &str = "https://api.example.com/orders?page=2";
const TOKEN: &str = "eyJ.a.b";

struct World {
    vault: Arc<Vault>,
    key: NewPrivateKey,
    other: NewPrivateKey,
}

fn now() -> Timestamp {
    Timestamp::from_millis(NOW * 1000 + 999).expect("an instant")
}

impl World {
    fn new(algorithm: SigningAlgorithm) -> World {
        let vault = Arc::new(Vault::new(&MasterKeys::for_tests(&[1])));
        let made = || vault.make_private_key(algorithm).expect("made here");
        World { key: made(), other: made(), vault }
    }

    fn jwk(&self) -> Value {
        Value::Object(PublicJwk::from(self.key.key.public().clone()).members())
    }

    fn header(&self) -> Value {
        json!({"typ": "dpop+jwt", "alg": self.key.key.algorithm().word(), "jwk": self.jwk()})
    }

    /// Signed by the key, whatever it says.
    fn signed(&self, header: &str, claims: &str) -> String {
        let part = |text: &str| base64url::encode(text.as_bytes());
        let unsigned = format!("{}.{}", part(header), part(claims));
        let signature = self.vault.sign(&self.key.key, unsigned.as_bytes()).expect("signed");
        jws::compact(&unsigned, &signature)
    }

    fn with_header(&self, change: Value) -> String {
        self.signed(&changed(self.header(), change).to_string(), &claims().to_string())
    }

    fn with_claims(&self, change: Value) -> String {
        self.signed(&self.header().to_string(), &changed(claims(), change).to_string())
    }
}

fn claims() -> Value {
    json!({"jti": "7", "htm": "POST", "htu": "https://api.example.com/orders", "iat": NOW, "ath": hash_of_token(TOKEN)})
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

fn judge(text: &str) -> Result<Proof, ProofFault> {
    let target = HttpTarget::parse(URL).expect("a target");
    check(text, Sent { method: "POST", target: &target }, now())
}

#[test]
fn a_proof_holds_for_its_key_its_request_and_its_token() {
    for algorithm in [SigningAlgorithm::Es256, SigningAlgorithm::EdDsa] {
        let world = World::new(algorithm);
        let proof =
            judge(&world.with_claims(json!({"nonce": "n", "more": {"deep": [[1]]}}))).expect("a proof");
        let thumbprint = PublicJwk::from(world.key.key.public().clone()).thumbprint();
        assert_eq!((proof.thumbprint.as_str(), proof.nonce.as_deref()), (thumbprint.as_str(), Some("n")));
        assert_eq!(proof.id(), format!("{thumbprint}.7"));
        assert_eq!(proof.is_for(TOKEN, &thumbprint), Ok(()));
        assert_eq!(proof.is_for("eyJ.a.c", &thumbprint), Err(ProofFault::OtherToken));
        let other = PublicJwk::from(world.other.key.public().clone()).thumbprint();
        assert_eq!(proof.is_for(TOKEN, &other), Err(ProofFault::OtherKey));
        let bare = judge(&world.with_claims(json!({"ath": null}))).expect("a proof");
        assert_eq!(bare.is_for(TOKEN, &thumbprint), Err(ProofFault::OtherToken));
    }
}

/// RFC 9449, 4.2: its example, which was signed in 2019.
#[test]
fn the_standards_own_example_holds_at_its_time() {
    let text = concat!(
        "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0Rs",
        "cEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2",
        "In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2Vu",
        "IiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZ",
        "T3Lg"
    );
    let target = HttpTarget::parse("https://server.example.com/token").expect("a target");
    let sent = Sent { method: "POST", target: &target };
    let proof = check(text, sent, Timestamp::from_millis(1_562_262_616_000).expect("an instant"));
    assert_eq!(
        proof.map(|proof| proof.thumbprint).as_deref(),
        Ok("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I")
    );
}

/// RFC 9864: what newer libraries call it.
#[test]
fn the_newer_name_of_an_algorithm_is_taken_too() {
    let world = World::new(SigningAlgorithm::EdDsa);
    assert!(judge(&world.with_header(json!({"alg": "Ed25519"}))).is_ok());
    assert!(SigningAlgorithm::words_of_all().any(|name| name == "Ed25519"));
    assert_eq!(judge(&world.with_header(json!({"alg": "Ed448"}))), Err(ProofFault::Algorithm));
    let other = World::new(SigningAlgorithm::Es256);
    assert_eq!(judge(&other.with_header(json!({"alg": "Ed25519"}))), Err(ProofFault::Key));
}

#[test]
fn the_header_is_of_its_type_its_algorithm_and_its_public_key() {
    let world = World::new(SigningAlgorithm::Es256);
    let jwk = |change: Value| json!({"jwk": changed(world.jwk(), change)});
    let other = Value::Object(PublicJwk::from(world.other.key.public().clone()).members());
    let weak = base64url::encode(&[0xff; 128]);
    for (change, fault) in [
        (json!({"typ": "at+jwt"}), ProofFault::Type),
        (json!({"typ": "JWT"}), ProofFault::Type),
        (json!({"typ": null}), ProofFault::Type),
        (json!({"alg": "none"}), ProofFault::Algorithm),
        (json!({"alg": "HS256"}), ProofFault::Algorithm),
        (json!({"alg": "es256"}), ProofFault::Algorithm),
        (json!({"alg": "EdDSA"}), ProofFault::Key),
        (json!({"alg": "RS256"}), ProofFault::Key),
        (json!({"jwk": null}), ProofFault::Key),
        (json!({"jwk": "x"}), ProofFault::Form),
        (json!({"jwk": null, "kid": "x", "jku": "https://evil.example/jwks"}), ProofFault::Key),
        (json!({"jwk": other}), ProofFault::Signature),
        (jwk(json!({"d": "AA"})), ProofFault::Key),
        (jwk(json!({"use": "enc"})), ProofFault::Key),
        (jwk(json!({"key_ops": ["sign"]})), ProofFault::Key),
        (jwk(json!({"alg": "ES384"})), ProofFault::Key),
        (jwk(json!({"crv": "secp256k1"})), ProofFault::Key),
        (jwk(json!({"x": "AA"})), ProofFault::Key),
        (json!({"jwk": {"kty": "oct", "k": "AAAA"}, "alg": "HS256"}), ProofFault::Algorithm),
        (json!({"jwk": {"kty": "RSA", "n": weak, "e": "AQAB"}, "alg": "RS256"}), ProofFault::Key),
        (json!({"crit": ["b64"], "b64": false}), ProofFault::Form),
    ] {
        assert_eq!(judge(&world.with_header(change.clone())), Err(fault), "{change}");
    }
    for change in
        [json!({"typ": "application/DPoP+JWT"}), jwk(json!({"use": "sig", "alg": "ES256", "kid": "k"}))]
    {
        assert!(judge(&world.with_header(change.clone())).is_ok(), "{change}");
    }
}

#[test]
fn the_claims_are_those_of_the_request_and_of_now() {
    let world = World::new(SigningAlgorithm::EdDsa);
    let (oldest, newest) = (NOW - limits::DPOP_SECONDS, NOW + limits::DPOP_AHEAD_SECONDS);
    for (change, fault) in [
        (json!({"jti": null}), ProofFault::Claims),
        (json!({"jti": 7}), ProofFault::Claims),
        (json!({"jti": ""}), ProofFault::Claims),
        (json!({"jti": "x".repeat(limits::DPOP_ID_BYTES + 1)}), ProofFault::Claims),
        (json!({"htm": null}), ProofFault::Claims),
        (json!({"htm": "GET"}), ProofFault::Method),
        (json!({"htm": "post"}), ProofFault::Method),
        (json!({"htm": ["POST"]}), ProofFault::Claims),
        (json!({"htu": null}), ProofFault::Claims),
        (json!({"htu": "/orders"}), ProofFault::Target),
        (json!({"htu": "https://api.example.com/order"}), ProofFault::Target),
        (json!({"htu": "http://api.example.com/orders"}), ProofFault::Target),
        (json!({"htu": "https://evil.example/orders"}), ProofFault::Target),
        (json!({"htu": "https://api.example.com@evil.example/orders"}), ProofFault::Target),
        (json!({"iat": null}), ProofFault::Claims),
        (json!({"iat": NOW.to_string()}), ProofFault::Claims),
        (json!({"iat": 1.5}), ProofFault::Claims),
        (json!({"iat": oldest - 1}), ProofFault::Time),
        (json!({"iat": newest + 1}), ProofFault::Time),
        (json!({"iat": i64::MIN}), ProofFault::Time),
        (json!({"iat": i64::MAX}), ProofFault::Time),
        (json!({"nonce": 7}), ProofFault::Claims),
        (json!({"ath": 7}), ProofFault::Claims),
    ] {
        assert_eq!(judge(&world.with_claims(change.clone())), Err(fault), "{change}");
    }
    for change in [
        json!({"iat": oldest}),
        json!({"iat": newest}),
        json!({"jti": "x".repeat(limits::DPOP_ID_BYTES)}),
        json!({"htu": "HTTPS://API.example.com:443/orders?other#part"}),
    ] {
        let proof =
            judge(&world.with_claims(change.clone())).unwrap_or_else(|fault| panic!("{change}: {fault:?}"));
        let last = proof.issued_at + limits::DPOP_SECONDS;
        assert_eq!(proof.refused_from().millis(), (last + 1) * 1000, "the last second counts to its end");
    }
}

#[test]
fn a_text_of_another_form_is_no_proof() {
    let world = World::new(SigningAlgorithm::Es256);
    let good = world.with_claims(json!({}));
    let header = world.header().to_string();
    let twice = format!(r#"{{"jti":"8",{}"#, &claims().to_string()[1..]);
    let header_twice = format!(r#"{{"alg":"ES256",{}"#, &header[1..]);
    let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    for bad in [
        String::new(),
        "x".into(),
        good[1..].into(),
        format!("{good}."),
        format!("{good}, {good}"),
        world.signed(&header_twice, "{}"),
    ] {
        assert_eq!(judge(&bad), Err(ProofFault::Form), "{bad}");
    }
    for bad in [&twice, &deep, "[]", "", "null"] {
        assert_eq!(judge(&world.signed(&header, bad)), Err(ProofFault::Claims), "{bad}");
    }
    let huge = world.with_claims(json!({"x": "x".repeat(limits::DPOP_PROOF_BYTES)}));
    assert_eq!(judge(&huge), Err(ProofFault::Form));
    let (signed, signature) = good.rsplit_once('.').expect("three parts");
    let mut other = base64url::decode(signature).expect("base64url");
    other[7] ^= 1;
    assert_eq!(judge(&jws::compact(signed, &other)), Err(ProofFault::Signature));
    assert_eq!(judge(&jws::compact(signed, &[])), Err(ProofFault::Signature));
}
