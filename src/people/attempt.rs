//! A sign-in under way. What it goes by is sealed into a cookie of its own, so that whoever only begins sign-ins costs the
//! database nothing; that it is completed once is written down when it is.

use serde::{Deserialize, Serialize};

use super::settings::Settings;
use super::web::form;
use crate::clock::Timestamp;
use crate::domain::base64url;
use crate::domain::secret::PlainSecret;
use crate::limits;
use crate::vault::{Vault, sha256};

const CONTEXT: &[u8] = b"a sign-in under way";

#[derive(Serialize, Deserialize)]
pub struct Attempt {
    pub state: String,
    pub nonce: String,
    pub verifier: String,
    pub return_to: String,
    pub ends_at: Timestamp,
}

impl Attempt {
    pub fn new(vault: &Vault, return_to: &str, now: Timestamp) -> Self {
        let random = || base64url::encode(&vault.bytes::<32>());
        let seconds = u32::try_from(limits::SIGN_IN_LIFE.as_secs()).unwrap_or(u32::MAX);
        Attempt {
            state: random(),
            nonce: random(),
            verifier: random(),
            return_to: return_to.to_owned(),
            ends_at: now.plus_seconds(seconds),
        }
    }

    pub fn sealed(&self, vault: &Vault) -> PlainSecret {
        let text = serde_json::to_vec(self).unwrap_or_else(|_| panic!("plain members are JSON"));
        PlainSecret::new(base64url::encode(&vault.seal(CONTEXT, &text)))
    }

    /// `None` for whatever this service did not seal.
    pub fn opened(vault: &Vault, cookie: &str) -> Option<Self> {
        let sealed = base64url::decode(cookie)?;
        serde_json::from_slice(&vault.open(CONTEXT, &sealed).ok()?).ok()
    }

    /// The query by which the provider is asked to sign somebody in.
    pub fn query(&self, settings: &Settings) -> String {
        let challenge = base64url::encode(&sha256(&[self.verifier.as_bytes()]));
        let (acr, max_age) = (settings.acr.join(" "), settings.max_age_seconds.map(|age| age.to_string()));
        let mut members = vec![
            ("response_type", "code"),
            ("client_id", settings.client_id.as_str()),
            ("redirect_uri", &settings.redirect_uri),
            ("scope", &settings.scopes),
            ("state", &self.state),
            ("nonce", &self.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        if !acr.is_empty() {
            members.push(("acr_values", &acr));
        }
        if let Some(max_age) = &max_age {
            members.push(("max_age", max_age));
        }
        form(&members)
    }
}

/// Where a person may be sent after the sign-in: a path of this service, and never another place. A browser reads `\` as `/`, and
/// leaves tabs and line ends out.
pub fn return_to(asked: Option<&str>) -> Option<&str> {
    let Some(path) = asked else { return Some(DEFAULT_RETURN) };
    let sound = path.len() <= limits::RETURN_TO_BYTES
        && path.starts_with('/')
        && !path.starts_with("//")
        && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    sound.then_some(path)
}

const DEFAULT_RETURN: &str = "/console";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::MasterKeys;

    #[test]
    fn nobody_is_sent_elsewhere() {
        assert_eq!(return_to(None), Some("/console"));
        for path in ["/", "/console/keys?q=a#b", "/a//b"] {
            assert_eq!(return_to(Some(path)), Some(path));
        }
        for elsewhere in [
            "",
            "console",
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/a\r\nSet-Cookie: x",
            "javascript:alert(1)",
            "/é",
            " /",
        ] {
            assert_eq!(return_to(Some(elsewhere)), None, "{elsewhere:?}");
        }
        assert_eq!(return_to(Some(&"/".repeat(limits::RETURN_TO_BYTES + 1))), None);
    }

    #[test]
    fn an_attempt_is_opened_by_the_service_that_sealed_it_alone() {
        let (own, other) =
            (Vault::new(&MasterKeys::for_tests(&[1])), Vault::new(&MasterKeys::for_tests(&[2])));
        let attempt = Attempt::new(&own, "/console", Timestamp::default());
        let sealed = attempt.sealed(&own);
        let opened = Attempt::opened(&own, sealed.reveal()).expect("its own");
        assert_eq!((opened.state, opened.nonce), (attempt.state, attempt.nonce));
        assert!(Attempt::opened(&other, sealed.reveal()).is_none());
        for text in ["", "AAAA", &sealed.reveal()[4..]] {
            assert!(Attempt::opened(&own, text).is_none());
        }
    }

    /// RFC 7636, B.
    #[test]
    fn the_challenge_is_what_the_standard_says() {
        let challenge = base64url::encode(&sha256(&[b"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"]));
        assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
