//! The identity provider: what it says of itself, its keys, and the exchange of a code for an ID token.
//!
//! What is kept of it is asked for lazily, and again after a while, or when a token names a key that is not there; while the
//! provider is away, what was kept serves on, boundedly. Nobody's session and no verdict goes by any of this.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::id_token::{self, Claims, Expected, TokenFault};
use super::jwks::KeySet;
use super::kept::{Kept, in_turn};
use super::mapping::claim;
use super::settings::{ClientAuth, Settings};
use super::web::{Page, Question, Web, WebError, WebUrl, encoded, form};
use crate::clock::Timestamp;
use crate::domain::base64url;
use crate::limits;
use crate::vault::SigningAlgorithm;

/// Why the provider's word could not be had, for the log.
#[derive(Debug)]
pub enum ProviderFault {
    /// it can't be asked now
    Away(String),
    /// it answered, and it makes no sense
    Garbage(String),
    /// it refused, with this code of RFC 6749
    Refused(String),
    Token(TokenFault),
}

impl std::fmt::Display for ProviderFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ProviderFault::Away(detail) | ProviderFault::Garbage(detail) => f.write_str(detail),
            ProviderFault::Refused(code) => write!(f, "the provider refused with the error {code}"),
            ProviderFault::Token(fault) => f.write_str(fault.detail()),
        }
    }
}

/// What the provider's discovery document says, as far as it is gone by.
#[derive(Debug)]
pub struct Description {
    pub authorization_endpoint: WebUrl,
    token_endpoint: WebUrl,
    jwks_uri: WebUrl,
    userinfo_endpoint: Option<WebUrl>,
    algorithms: Vec<SigningAlgorithm>,
    client_auth: ClientAuth,
    /// RFC 9207: its callbacks say who they are from
    pub names_itself: bool,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    id_token_signing_alg_values_supported: Option<Vec<String>>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// Of a code that was exchanged.
#[derive(Deserialize)]
pub struct Tokens {
    id_token: String,
    access_token: Option<String>,
}

pub struct Provider {
    settings: Arc<Settings>,
    web: Arc<dyn Web>,
    description: Mutex<Kept<Description>>,
    keys: Mutex<Kept<KeySet>>,
}

impl Provider {
    pub fn new(settings: Arc<Settings>, web: Arc<dyn Web>) -> Self {
        Provider { settings, web, description: Mutex::default(), keys: Mutex::default() }
    }

    pub async fn description(&self) -> Result<Arc<Description>, ProviderFault> {
        let mut kept = in_turn(&self.description).await?;
        if let Some(held) = kept.held_for(limits::PROVIDER_KEPT) {
            return Ok(held);
        }
        if let Some(failed) = kept.still_failed() {
            return kept.held_for(limits::PROVIDER_KEPT_WHILE_AWAY).map_or(failed, Ok);
        }
        let asked = self.ask_description().await;
        kept.taken(asked)
    }

    async fn ask_description(&self) -> Result<Description, ProviderFault> {
        let body = self.get("the discovery document", &self.settings.discovery, None).await?;
        let garbage =
            |what: &str| ProviderFault::Garbage(format!("the discovery document is no use: {what}"));
        let document: Document = serde_json::from_slice(&body).map_err(|_| {
            garbage("it is no JSON with issuer, authorization_endpoint, token_endpoint and jwks_uri")
        })?;
        if document.issuer != self.settings.issuer {
            return Err(garbage("its issuer is not oidc_issuer, to the letter"));
        }
        let url = |name: &str, text: &str| {
            let url = WebUrl::parse(text).map_err(|why| garbage(&format!("{name}: {why}")))?;
            let refused = || {
                garbage(&format!(
                    "{name} is on another host than the issuer; if that is right, add it to oidc_hosts"
                ))
            };
            if self.settings.may_ask(&url) { Ok(url) } else { Err(refused()) }
        };
        let challenges = &document.code_challenge_methods_supported;
        if challenges.as_ref().is_some_and(|known| !known.iter().any(|one| one == "S256")) {
            return Err(garbage("it takes no PKCE with S256"));
        }
        let named = document.id_token_signing_alg_values_supported.as_ref();
        let takes = |algorithm: &SigningAlgorithm| {
            named.is_none_or(|named| named.iter().any(|one| one == algorithm.word()))
        };
        let authorization_endpoint = WebUrl::parse(&document.authorization_endpoint)
            .map_err(|why| garbage(&format!("authorization_endpoint: {why}")))?;
        Ok(Description {
            authorization_endpoint,
            token_endpoint: url("token_endpoint", &document.token_endpoint)?,
            jwks_uri: url("jwks_uri", &document.jwks_uri)?,
            userinfo_endpoint: document.userinfo_endpoint.as_ref().and_then(|text| {
                // Most sign-ins need none.
                url("userinfo_endpoint", text)
                    .inspect_err(|why| tracing::warn!(target: "sign_in", %why, "userinfo is not asked"))
                    .ok()
            }),
            algorithms: SigningAlgorithm::ALL.into_iter().filter(takes).collect(),
            client_auth: self.client_auth(document.token_endpoint_auth_methods_supported.as_deref()),
            names_itself: document.authorization_response_iss_parameter_supported,
        })
    }

    fn client_auth(&self, supported: Option<&[String]>) -> ClientAuth {
        let takes = |method: &str| supported.is_some_and(|methods| methods.iter().any(|one| one == method));
        match (self.settings.client_auth, &self.settings.client_secret) {
            (Some(configured), _) => configured,
            (None, None) => ClientAuth::None,
            (None, Some(_)) if takes("client_secret_post") && !takes("client_secret_basic") => {
                ClientAuth::Post
            }
            (None, Some(_)) => ClientAuth::Basic,
        }
    }

    /// `anew`: a token names a key that is not there, or its signature does not hold by the key that is.
    async fn keys(&self, description: &Description, anew: bool) -> Result<Arc<KeySet>, ProviderFault> {
        let mut kept = in_turn(&self.keys).await?;
        // However many tokens name keys that are not there, the provider is asked only so often.
        let most = if anew { limits::PROVIDER_ASKED_EVERY } else { limits::PROVIDER_KEPT };
        if let Some(held) = kept.held_for(most) {
            return Ok(held);
        }
        if let Some(failed) = kept.still_failed() {
            return kept.held_for(limits::PROVIDER_KEPT_WHILE_AWAY).map_or(failed, Ok);
        }
        let asked = self.get("the keys (jwks_uri)", &description.jwks_uri, None).await.and_then(|body| {
            KeySet::parse(&body)
                .map_err(|why| ProviderFault::Garbage(format!("the keys (jwks_uri) are no use: {why}")))
        });
        kept.taken(asked)
    }

    /// A code can be exchanged once; whoever has it lacks the verifier.
    pub async fn exchange(&self, code: &str, verifier: &str) -> Result<Tokens, ProviderFault> {
        let description = self.description().await?;
        let settings = &self.settings;
        let mut members = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &settings.redirect_uri),
            ("code_verifier", verifier),
        ];
        let secret = settings.client_secret.as_ref().map_or("", |secret| secret.reveal());
        let authorization = match description.client_auth {
            ClientAuth::Basic => {
                let pair = format!("{}:{}", encoded(&settings.client_id), encoded(secret));
                Some(format!("Basic {}", base64(pair.as_bytes())))
            }
            ClientAuth::Post => {
                members.extend([("client_id", settings.client_id.as_str()), ("client_secret", secret)]);
                None
            }
            ClientAuth::None => {
                members.push(("client_id", &settings.client_id));
                None
            }
        };
        let question =
            Question { url: &description.token_endpoint, authorization, form: Some(form(&members)) };
        let page = self.ask("the token endpoint", question).await?;
        if page.status != 200 {
            return Err(refused("the token endpoint", &page));
        }
        serde_json::from_slice(&page.body)
            .map_err(|_| ProviderFault::Garbage("the token endpoint's answer holds no id_token".to_owned()))
    }

    /// Who has signed in, for this client, by the sign-in of this nonce.
    pub async fn verified(
        &self,
        tokens: &Tokens,
        nonce: &str,
        now: Timestamp,
    ) -> Result<Claims, ProviderFault> {
        let description = self.description().await?;
        let settings = &self.settings;
        let expected = Expected {
            issuer: &settings.issuer,
            client_id: &settings.client_id,
            nonce,
            access_token: tokens.access_token.as_deref(),
            algorithms: &description.algorithms,
            acr: &settings.acr,
            amr: &settings.amr,
            max_age_seconds: settings.max_age_seconds,
            now,
        };
        let keys = self.keys(&description, false).await?;
        let verified = match id_token::verify(&tokens.id_token, &keys, &expected) {
            // The provider may have come by new keys, even under an old name.
            Err(TokenFault::UnknownKey | TokenFault::Signature) => {
                let keys = self.keys(&description, true).await?;
                id_token::verify(&tokens.id_token, &keys, &expected)
            }
            verified => verified,
        };
        let mut claims = verified.map_err(ProviderFault::Token)?;
        self.complete(&description, tokens, &mut claims).await?;
        Ok(claims)
    }

    /// What the ID token does not say, the provider may say when asked with the access token; it stays silent on what it did say.
    async fn complete(
        &self,
        description: &Description,
        tokens: &Tokens,
        claims: &mut Claims,
    ) -> Result<(), ProviderFault> {
        let wanted = ["email"].into_iter().chain(self.settings.mapping.claims());
        let complete = wanted.into_iter().all(|name| claim(&claims.all, name).is_some());
        let (Some(url), Some(token), false) =
            (&description.userinfo_endpoint, &tokens.access_token, complete)
        else {
            return Ok(());
        };
        let body = self.get("the userinfo endpoint", url, Some(format!("Bearer {token}"))).await?;
        let said: Map<String, Value> = serde_json::from_slice(&body).map_err(|_| {
            ProviderFault::Garbage("the userinfo endpoint's answer is no JSON object".to_owned())
        })?;
        if said.get("sub").and_then(Value::as_str) != Some(&claims.subject) {
            return Err(ProviderFault::Garbage("the userinfo endpoint speaks of somebody else".to_owned()));
        }
        // An address and whether it is verified are of one source, or the one would vouch for the other's.
        let told_email = claims.all.contains_key("email");
        if !told_email {
            claims.all.remove("email_verified");
        }
        for (name, value) in said {
            if !(name == "email_verified" && told_email) {
                claims.all.entry(name).or_insert(value);
            }
        }
        Ok(())
    }

    async fn get(
        &self,
        what: &str,
        url: &WebUrl,
        authorization: Option<String>,
    ) -> Result<Vec<u8>, ProviderFault> {
        let page = self.ask(what, Question { url, authorization, form: None }).await?;
        if page.status == 200 { Ok(page.body) } else { Err(refused(what, &page)) }
    }

    async fn ask(&self, what: &str, question: Question<'_>) -> Result<Page, ProviderFault> {
        self.web.ask(question).await.map_err(|error| match error {
            WebError::TooLarge => ProviderFault::Garbage(format!("{what}: {error}")),
            error => ProviderFault::Away(format!("{what}: {error}")),
        })
    }
}

/// Nothing of its answer but a code is repeated: it might hold what was sent.
fn refused(what: &str, page: &Page) -> ProviderFault {
    let error = serde_json::from_slice::<Value>(&page.body).ok();
    let code = error.as_ref().and_then(|error| error.get("error")?.as_str()).and_then(error_code);
    match (code, page.status) {
        (Some(code), _) => ProviderFault::Refused(code.to_owned()),
        (None, status @ 500..) => {
            ProviderFault::Away(format!("{what}: it answered with the status {status}"))
        }
        (None, status) => ProviderFault::Garbage(format!("{what}: it answered with the status {status}")),
    }
}

/// A code of RFC 6749 and its kin, if it is one.
pub fn error_code(text: &str) -> Option<&str> {
    let sound = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    ((1..=64).contains(&text.len()) && text.bytes().all(sound)).then_some(text)
}

/// With padding, as the Basic scheme has it.
fn base64(bytes: &[u8]) -> String {
    let text = base64url::encode(bytes).replace('-', "+").replace('_', "/");
    let padding = "=".repeat((4 - text.len() % 4) % 4);
    text + &padding
}

#[cfg(test)]
#[path = "provider_test.rs"]
mod tests;
