use std::sync::LazyLock;

use credledger::clock::Timestamp;
use credledger::domain::base64url;
use credledger::domain::credential::ClientKeys;
use credledger::domain::jwk::Jwk;
use credledger::domain::public_key::PublicJwk;
use credledger::limits;
use credledger::tokens::assertion::Assertion;
use credledger::tokens::jws;
use credledger::vault::{MasterKeys, NewPrivateKey, SigningAlgorithm, Vault};
use serde_json::Value;

use super::text;
use crate::engine::Target;

const ISSUER: &str = "https://k";
const NOW: i64 = 2000;
const HEADER: &str = r#"{"typ":"JWT","alg":"EdDSA","kid":"k"}"#;
const CLAIMS: &str = r#"{"iss":"c","sub":"c","aud":["https://k"],"nbf":1,"iat":2000,"exp":2100.5,"jti":"j"}"#;

/// What is fed is a header and claims, which the client's own key signs as they are; and the same bytes as a whole assertion.
#[test]
fn an_assertion_is_taken_only_for_this_issuer_near_its_time_and_with_nothing_twice() {
    Target {
        name: "assertion",
        corpus: &CORPUS,
        dictionary: &[
            b"\n",
            b"{",
            b"}",
            b"\"",
            b":",
            b",",
            b"[",
            b"]",
            b"\"exp\":",
            b"\"nbf\":",
            b"\"aud\":\"https://k\"",
            b"\"sub\":\"c\"",
            b"\"alg\":\"none\"",
            b"\"typ\":\"at+jwt\"",
            b"\"crit\":[\"exp\"]",
            b"\"kid\":\"../k\"",
            b"2100",
            b"\"2100\"",
            b"1e308",
            b"-1e308",
            b"null",
            b"\\u0000",
            b"\xff",
        ],
        check: check_assertion,
    }
    .run();
}

struct Signing {
    vault: Vault,
    pair: NewPrivateKey,
    keys: ClientKeys,
}

static SIGNING: LazyLock<Signing> = LazyLock::new(|| {
    let path = std::env::temp_dir().join(format!("credledger-fuzz-assertion-{}.key", std::process::id()));
    let keys = MasterKeys::create(&path).expect("a key");
    let _ = std::fs::remove_file(&path);
    let vault = Vault::new(&keys);
    let pair = vault.make_private_key(SigningAlgorithm::EdDsa).expect("made here");
    let mut key = PublicJwk::from(pair.key.public().clone()).members();
    key.insert("kid".to_owned(), "k".into());
    let keys = ClientKeys::new(vec![Jwk::read(&key).expect("a key")]).expect("keys");
    Signing { vault, pair, keys }
});

static CORPUS: LazyLock<Vec<&'static [u8]>> = LazyLock::new(|| {
    let whole = format!("{HEADER}\n{CLAIMS}");
    let plain = whole.replace(r#"["https://k"]"#, "\"https://k\"").replace(r#","kid":"k""#, "");
    [whole, plain].into_iter().map(|text| &*text.into_bytes().leak()).collect()
});

fn now() -> Timestamp {
    Timestamp::from_millis(NOW * 1000).expect("an instant")
}

fn check_assertion(input: &[u8]) -> bool {
    if let Some(Ok(nobodys)) = text(input).map(Assertion::read) {
        assert!(nobodys.check(Some(&SIGNING.keys), ISSUER, now()).is_err());
    }
    let (header, claims) = super::two(input);
    let unsigned = [header, claims].map(base64url::encode).join(".");
    let signature = SIGNING.vault.sign(&SIGNING.pair.key, unsigned.as_bytes()).expect("signed");
    let whole = jws::compact(&unsigned, &signature);
    let Ok(read) = Assertion::read(&whole) else { return false };
    assert!(read.check(None, ISSUER, now()).is_err());
    if read.check(Some(&SIGNING.keys), ISSUER, now()).is_err() {
        return false;
    }
    is_what_it_says(
        &read,
        &serde_json::from_slice(header).expect("JSON"),
        &serde_json::from_slice(claims).expect("JSON"),
    );
    true
}

fn is_what_it_says(read: &Assertion<'_>, header: &Value, claims: &Value) {
    assert_eq!(
        (claims["sub"].as_str(), claims["iss"].as_str()),
        (Some(read.client_id()), Some(read.client_id()))
    );
    assert!(claims["aud"] == ISSUER || claims["aud"] == serde_json::json!([ISSUER]), "{claims}");
    assert_eq!((&header["alg"], claims["jti"].as_str()), (&"EdDSA".into(), Some(read.id())));
    assert!(header["kid"].is_null() || header["kid"] == "k", "{header}");
    let exp = claims["exp"].as_f64().expect("a number");
    let (ahead, leeway) = (limits::ASSERTION_SECONDS as f64, limits::ASSERTION_LEEWAY_SECONDS as f64);
    assert!(exp > NOW as f64 - leeway && exp <= NOW as f64 + ahead + leeway, "{exp}");
    assert!(read.refused_from() > now());
}
