use std::sync::LazyLock;

use credledger::clock::Timestamp;
use credledger::domain::base64url;
use credledger::domain::public_key::PublicJwk;
use credledger::limits;
use credledger::tokens::dpop::{Sent, check};
use credledger::tokens::http_target::HttpTarget;
use credledger::tokens::jws;
use credledger::vault::{MasterKeys, NewPrivateKey, SigningAlgorithm, Vault};

use super::text;
use crate::engine::Target;

const HEADER: &str = r#"{"typ":"dpop+jwt","alg":"EdDSA","jwk":JWK}"#;
const CLAIMS: &str =
    r#"{"jti":"7","htm":"GET","htu":"https://a.example/b","iat":2000,"ath":"x","nonce":"n"}"#;

/// What is fed is a header and claims, which are signed as they are; and the same bytes as a whole proof and as a URL.
#[test]
fn a_proof_is_taken_only_with_its_own_public_key_and_each_claim_whole() {
    Target {
        name: "proof",
        corpus: &CORPUS,
        dictionary: &[
            b"\n",
            b"{",
            b"}",
            b"\"",
            b":",
            b",",
            b"\"htu\":",
            b"\"iat\":2000",
            b"\"alg\":\"none\"",
            b"\"crit\":[\"htu\"]",
            b"\"d\":\"AA\"",
            b"JWK",
            b"https://A.example:443/%62?q#f",
            b"https://a.example/b",
            b"@",
            b"%2e%2E",
            b"2000.0",
            b"null",
            b"\xff",
            b"[[[[[[[[",
        ],
        check: check_proof,
    }
    .run();
}

struct Signing {
    vault: Vault,
    pair: NewPrivateKey,
    jwk: PublicJwk,
}

static SIGNING: LazyLock<Signing> = LazyLock::new(|| {
    let path = std::env::temp_dir().join(format!("credledger-fuzz-proof-{}.key", std::process::id()));
    let keys = MasterKeys::create(&path).expect("a key");
    let _ = std::fs::remove_file(&path);
    let vault = Vault::new(&keys);
    let pair = vault.make_private_key(SigningAlgorithm::EdDsa).expect("made here");
    let jwk = PublicJwk::from(pair.key.public().clone());
    Signing { vault, pair, jwk }
});

static CORPUS: LazyLock<Vec<&'static [u8]>> = LazyLock::new(|| {
    let whole = format!("{HEADER}\n{CLAIMS}");
    let bare = whole.replace(r#","ath":"x","nonce":"n""#, "");
    let url = "HTTPS://[2001:db8::1]:8443/a%20b/%7e?x#y";
    [whole, bare, url.to_owned()].into_iter().map(|text| &*text.into_bytes().leak()).collect()
});

fn check_proof(input: &[u8]) -> bool {
    let target = HttpTarget::parse("https://a.example/b").expect("a target");
    let (sent, now) =
        (Sent { method: "GET", target: &target }, Timestamp::from_millis(2_000_000).expect("an instant"));
    if let Some(text) = text(input) {
        // Nobody signed it.
        assert!(check(text, sent, now).is_err());
        if let Ok(target) = HttpTarget::parse(text) {
            assert!(text.contains("://") && !text.contains(' '), "{text} was taken for {target:?}");
        }
    }
    let (header, claims) = super::two(input);
    let jwk = serde_json::Value::Object(SIGNING.jwk.members()).to_string();
    let header = String::from_utf8_lossy(header).replace("JWK", &jwk);
    let unsigned = format!("{}.{}", base64url::encode(header.as_bytes()), base64url::encode(claims));
    let signature = SIGNING.vault.sign(&SIGNING.pair.key, unsigned.as_bytes()).expect("signed");
    let Ok(proof) = check(&jws::compact(&unsigned, &signature), sent, now) else { return false };
    assert_eq!(proof.thumbprint, SIGNING.jwk.thumbprint());
    // What was taken is what it says, each once.
    let members: serde_json::Value = serde_json::from_slice(claims).expect("JSON");
    assert_eq!((&members["htm"], members["nonce"].as_str()), (&"GET".into(), proof.nonce.as_deref()));
    let said = HttpTarget::parse(members["htu"].as_str().expect("a text"));
    assert_eq!(said.as_ref(), Ok(&target));
    let issued_at = members["iat"].as_i64().expect("seconds");
    assert!((issued_at - 2000).abs() <= limits::DPOP_SECONDS.max(limits::DPOP_AHEAD_SECONDS));
    assert_eq!(proof.id(), format!("{}.{}", proof.thumbprint, members["jti"].as_str().expect("a text")));
    true
}
