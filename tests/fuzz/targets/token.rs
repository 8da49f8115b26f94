use std::sync::LazyLock;

use credledger::clock::Timestamp;
use credledger::domain::jwk::Jwk;
use credledger::domain::public_key::PublicJwk;
use credledger::domain::signing_keys::{Keys, Made, Rotated, SigningKeysEvent, TokenAlgorithm};
use credledger::limits;
use credledger::tokens::check::{check, is_shaped_as_token};
use credledger::tokens::{json, jws};
use credledger::vault::{MasterKeys, SigningAlgorithm, Vault};

use super::text;
use crate::engine::Target;

const ISSUER: &str = "https://k";
const HEADER: &str = r#"{"typ":"at+jwt","alg":"EdDSA","kid":"KID"}"#;
const CLAIMS: &str = concat!(
    r#"{"iss":"https://k","sub":"c","client_id":"c","aud":["a","b"],"scope":"x y","iat":1,"exp":3601,"#,
    r#""jti":"00000000-0000-0000-0000-000000000007","tenant_id":"00000000-0000-0000-0000-000000000001","#,
    r#""credential_id":"00000000-0000-0000-0000-000000000002"}"#
);

/// What is fed is a header and claims, which are signed as they are; and the same bytes as a whole token, as a key and as JSON.
#[test]
fn a_token_is_taken_only_with_each_claim_whole_and_nothing_twice() {
    Target {
        name: "token",
        corpus: &CORPUS,
        dictionary: &[
            b"\n",
            b"{",
            b"}",
            b"\"",
            b":",
            b",",
            b"\"exp\":",
            b"\"iat\":1",
            b"\"iss\":\"https://k\"",
            b"\"alg\":\"none\"",
            b"\"alg\":\"HS256\"",
            b"\"crit\":[\"exp\"]",
            b"\"kid\":\"../..\"",
            b"\"jwk\":{}",
            b"3601.0",
            b"\"3601\"",
            b"1e3",
            b"null",
            b"\\u0000",
            b"\xff",
            b"[[[[[[[[",
        ],
        check: check_token,
    }
    .run();
}

struct Signing {
    vault: Vault,
    pair: credledger::vault::NewPrivateKey,
    keys: Keys,
    kid: String,
}

static SIGNING: LazyLock<Signing> = LazyLock::new(|| {
    let path = std::env::temp_dir().join(format!("credledger-fuzz-{}.key", std::process::id()));
    let keys = MasterKeys::create(&path).expect("a key");
    let _ = std::fs::remove_file(&path);
    let vault = Vault::new(&keys);
    let pair = vault.make_private_key(SigningAlgorithm::EdDsa).expect("made here");
    let made = Made::of(TokenAlgorithm::EdDsa, PublicJwk::from(pair.key.public().clone()));
    let (kid, mut keys) = (made.kid.clone(), Keys::default());
    keys.apply(&SigningKeysEvent::Made(made), Timestamp::default()).expect("a key");
    let rotated = Rotated { kid: kid.clone(), signs_from: Timestamp::default() };
    keys.apply(&SigningKeysEvent::Rotated(rotated), Timestamp::default()).expect("it signs");
    Signing { vault, pair, keys, kid }
});

static CORPUS: LazyLock<Vec<&'static [u8]>> = LazyLock::new(|| {
    let whole = format!("{HEADER}\n{CLAIMS}");
    let single = whole.replace(r#"["a","b"]"#, "\"a\"");
    let key =
        r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","use":"sig"}"#;
    [whole, single, key.to_owned()].into_iter().map(|text| &*text.into_bytes().leak()).collect()
});

fn check_token(input: &[u8]) -> bool {
    let now = Timestamp::from_millis(2_000_000).expect("an instant");
    if let Some(text) = text(input) {
        // Nobody signed it.
        assert!(check(text, &SIGNING.keys, ISSUER, now).is_err());
        let _ = is_shaped_as_token(text);
    }
    if let Some(document) = json::object(input) {
        assert_eq!(serde_json::from_slice::<serde_json::Value>(input).ok(), Some(document.clone().into()));
        if let Ok(key) = Jwk::read(&document) {
            assert_eq!(Jwk::read(&key.document()), Ok(key));
        }
    }
    signed(input, now)
}

fn signed(input: &[u8], now: Timestamp) -> bool {
    let (header, claims) = super::two(input);
    let header = String::from_utf8_lossy(header).replace("KID", &SIGNING.kid);
    let part = credledger::domain::base64url::encode;
    let unsigned = format!("{}.{}", part(header.as_bytes()), part(claims));
    let signature = SIGNING.vault.sign(&SIGNING.pair.key, unsigned.as_bytes()).expect("signed");
    let token = jws::compact(&unsigned, &signature);
    let Ok(taken) = check(&token, &SIGNING.keys, ISSUER, now) else { return false };
    assert!(token.len() <= limits::ACCESS_TOKEN_BYTES && is_shaped_as_token(&token));
    assert_eq!(taken.issuer, ISSUER);
    assert!(taken.issued_at * 1000 <= now.millis() + 1000 && now.millis() < taken.expires_at * 1000);
    // What was taken is what it says, each once.
    let members: serde_json::Value = serde_json::from_slice(claims).expect("JSON");
    assert_eq!(
        (members["exp"].as_i64(), members["sub"].as_str()),
        (Some(taken.expires_at), Some(&*taken.client_id))
    );
    let again = credledger::tokens::claims::Claims::read(&taken.members());
    assert_eq!(again.as_ref(), Some(&taken));
    true
}
