//! What an OAuth client is beside a key: how it proves itself, and whom its tokens are for (RFC 7591's members).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::client_keys::ClientKeys;
use crate::domain::ids::ClientId;
use crate::domain::refusal::Refusal;
use crate::limits;

/// The two kinds of credentials. One aggregate: they live the same life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    ApiKey,
    OauthClient,
}

impl Kind {
    pub const ALL: [Kind; 2] = [Kind::ApiKey, Kind::OauthClient];

    /// As its events and answers call it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::ApiKey => "api_key",
            Kind::OauthClient => "oauth_client",
        }
    }

    pub fn from_word(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    pub token_endpoint_auth_method: AuthMethod,
    /// whom tokens may be asked for; none: for whoever trusts the issuer
    pub resources: Vec<Resource>,
    /// what its assertions are held against, where it proves itself by them
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<ClientKeys>,
    /// no token without a proof of the key that it is bound to (RFC 9449, 5.2)
    #[serde(default)]
    pub dpop_bound_access_tokens: bool,
}

impl Registration {
    /// Keys belong to a client that has nothing else, and to no other.
    pub(super) fn checked(&self) -> Result<(), Refusal> {
        match (self.token_endpoint_auth_method, &self.jwks) {
            (AuthMethod::ClientSecretBasic, None) | (AuthMethod::PrivateKeyJwt, Some(_)) => Ok(()),
            (AuthMethod::ClientSecretBasic, Some(_)) => Err(Refusal::invalid(
                "/jwks",
                "A client that shows a secret has no keys. Leave jwks out; or create a client whose \
                 token_endpoint_auth_method is private_key_jwt.",
            )),
            (AuthMethod::PrivateKeyJwt, None) => Err(Refusal::invalid(
                "/jwks",
                "With private_key_jwt a client proves itself by its keys. Send jwks, a set of its public keys.",
            )),
        }
    }

    pub(super) fn is_sound(&self) -> bool {
        self.checked().is_ok()
    }
}

/// Chosen once: what a client proves itself by decides what its secrets are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// by its secret, in the header or in the body
    #[default]
    ClientSecretBasic,
    /// by assertions that it signs; it has no secret
    PrivateKeyJwt,
}

impl AuthMethod {
    pub const ALL: [AuthMethod; 2] = [AuthMethod::ClientSecretBasic, AuthMethod::PrivateKeyJwt];

    pub fn word(self) -> &'static str {
        match self {
            AuthMethod::ClientSecretBasic => "client_secret_basic",
            AuthMethod::PrivateKeyJwt => "private_key_jwt",
        }
    }

    /// The ways in which a client of this method may show itself, by their registered names.
    pub fn shown_as(self) -> &'static [&'static str] {
        match self {
            AuthMethod::ClientSecretBasic => &["client_secret_basic", "client_secret_post"],
            AuthMethod::PrivateKeyJwt => &["private_key_jwt"],
        }
    }
}

/// Whom a token is for: an absolute URI without a fragment (RFC 8707). Two are the same when their letters are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Resource(Box<str>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAResource;

impl Resource {
    pub fn parse(text: &str) -> Result<Self, NotAResource> {
        let (scheme, rest) = text.split_once(':').ok_or(NotAResource)?;
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        let is_scheme =
            scheme.bytes().all(letters) && scheme.starts_with(|first: char| first.is_ascii_alphabetic());
        let plain = rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"#\"<>\\^`{|}".contains(&byte));
        let leads = leads_somewhere(scheme, rest) && is_escaped(rest);
        if is_scheme && plain && leads && text.len() <= limits::RESOURCE_CHARS {
            Ok(Resource(text.into()))
        } else {
            Err(NotAResource)
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is of the web has a host; anything else at least a name.
fn leads_somewhere(scheme: &str, rest: &str) -> bool {
    let of_the_web = ["http", "https"].iter().any(|web| scheme.eq_ignore_ascii_case(web));
    match of_the_web {
        true => {
            rest.strip_prefix("//").is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', ':']))
        }
        false => !rest.trim_start_matches('/').is_empty(),
    }
}

/// A percent sign begins a byte of two hexadecimal digits, and stands for nothing else.
fn is_escaped(text: &str) -> bool {
    text.split('%').skip(1).all(|part| part.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2)
}

impl fmt::Display for NotAResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expected an absolute URI without a fragment, such as https://api.example.com, of at most {} characters",
            limits::RESOURCE_CHARS
        )
    }
}

impl std::error::Error for NotAResource {}

impl TryFrom<String> for Resource {
    type Error = NotAResource;

    fn try_from(text: String) -> Result<Self, NotAResource> {
        Resource::parse(&text)
    }
}

impl From<Resource> for String {
    fn from(resource: Resource) -> String {
        resource.0.into()
    }
}

/// An OAuth client, as far as it is more than any credential.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Client {
    pub registration: Registration,
    /// The version of the event that ended all tokens from before it: which were, is told by order, and never by a clock. 0: none.
    pub tokens_revoked: u32,
}

/// What one rotation keeps of a client's identity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientRotation {
    /// a new id and a new secret
    #[default]
    NewId,
    /// a new secret under the id that there is
    KeepId,
}

impl ClientRotation {
    pub const ALL: [ClientRotation; 2] = [ClientRotation::NewId, ClientRotation::KeepId];

    pub fn word(self) -> &'static str {
        match self {
            ClientRotation::NewId => "new_id",
            ClientRotation::KeepId => "keep_id",
        }
    }

    pub(super) fn kept(self, present: &ClientId) -> Option<&ClientId> {
        match self {
            ClientRotation::NewId => None,
            ClientRotation::KeepId => Some(present),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_an_absolute_uri_without_a_fragment() {
        for good in [
            "https://api.example.com",
            "https://api.example.com/v1?x=y%20z",
            "HTTP://[2001:db8::1]:8443",
            "urn:example:api",
            "api+x:a",
            "app:///main",
        ] {
            assert_eq!(Resource::parse(good).map(String::from).as_deref(), Ok(good));
        }
        let long = format!("https://{}", "a".repeat(limits::RESOURCE_CHARS));
        for bad in [
            "",
            "api",
            "/v1",
            "https:",
            "https://",
            "https:api",
            "https:/api",
            "https:///v1",
            "HTTPS://?x",
            "https://:8443",
            "https://a/%",
            "https://a/%2",
            "https://a/%zz",
            "app:///",
            "1a:b",
            ":x",
            "https://a/#f",
            "https://a b",
            "https://ä",
            "a:\"",
            &long,
        ] {
            assert_eq!(Resource::parse(bad), Err(NotAResource), "{bad}");
        }
    }
}
