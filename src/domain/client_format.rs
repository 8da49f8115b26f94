//! How a tenant's OAuth clients are written: an id that is always visible, and a secret of which only the beginning is.
//! Both are base62 behind a prefix, so that they mean the same in a form, in a header and in a URL.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids::ClientId;
use super::key_format::{KeyFormat, KeyFormatError, OPERATOR_PREFIX, RANDOM_BYTES, base62};
use super::secret::PlainSecret;
use crate::limits;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "GivenFormat")]
pub struct ClientFormat {
    id_prefix: Box<str>,
    id_chars: u8,
    secret_prefix: Box<str>,
    secret_chars: u8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenFormat {
    id_prefix: String,
    id_chars: u8,
    secret_prefix: String,
    secret_chars: u8,
}

impl ClientFormat {
    pub fn new(
        id_prefix: &str,
        id_chars: u8,
        secret_prefix: &str,
        secret_chars: u8,
    ) -> Result<Self, ClientFormatError> {
        for (prefix, member) in [(id_prefix, Member::IdPrefix), (secret_prefix, Member::SecretPrefix)] {
            KeyFormat::read_prefix(prefix).map_err(|error| match error {
                KeyFormatError::Reserved => ClientFormatError::Reserved(member),
                _ => ClientFormatError::Prefix(member),
            })?;
        }
        if id_prefix == secret_prefix {
            return Err(ClientFormatError::Same);
        }
        if !limits::CLIENT_ID_CHARS.contains(&id_chars) {
            return Err(ClientFormatError::IdChars);
        }
        if !limits::KEY_SECRET_CHARS.contains(&secret_chars) {
            return Err(ClientFormatError::SecretChars);
        }
        Ok(ClientFormat {
            id_prefix: id_prefix.into(),
            id_chars,
            secret_prefix: secret_prefix.into(),
            secret_chars,
        })
    }

    pub fn id_prefix(&self) -> &str {
        &self.id_prefix
    }

    pub fn id_chars(&self) -> u8 {
        self.id_chars
    }

    pub fn secret_prefix(&self) -> &str {
        &self.secret_prefix
    }

    pub fn secret_chars(&self) -> u8 {
        self.secret_chars
    }

    pub fn secret_form(&self) -> SecretForm {
        SecretForm { prefix: self.secret_prefix.clone(), chars: self.secret_chars }
    }

    fn told_chars(&self) -> usize {
        told_chars(self.secret_chars).into()
    }
}

/// How many characters of a secret may be told: what stays unknown is as long as the shortest secret.
fn told_chars(secret_chars: u8) -> u8 {
    secret_chars.saturating_sub(*limits::KEY_SECRET_CHARS.start()).min(limits::CLIENT_SECRET_TOLD_CHARS)
}

/// How a secret of a client is written: it tells a secret that stands where none belongs, and how much of it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretForm {
    prefix: Box<str>,
    chars: u8,
}

impl SecretForm {
    pub fn new(prefix: &str, chars: u8) -> Option<Self> {
        let is_one = KeyFormat::read_prefix(prefix).is_ok() && limits::KEY_SECRET_CHARS.contains(&chars);
        is_one.then(|| SecretForm { prefix: prefix.into(), chars })
    }

    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    pub fn chars(&self) -> u8 {
        self.chars
    }

    pub fn told_chars(&self) -> u8 {
        told_chars(self.chars)
    }
}

impl Default for ClientFormat {
    fn default() -> Self {
        ClientFormat {
            id_prefix: "cl_client_".into(),
            id_chars: 16,
            secret_prefix: "cl_secret_".into(),
            secret_chars: 36,
        }
    }
}

impl TryFrom<GivenFormat> for ClientFormat {
    type Error = ClientFormatError;

    fn try_from(given: GivenFormat) -> Result<Self, ClientFormatError> {
        Self::new(&given.id_prefix, given.id_chars, &given.secret_prefix, given.secret_chars)
    }
}

/// A new id. `None` when the bytes ran out, which a sound random source never lets happen.
pub fn compose_id(format: &ClientFormat, random: &[u8; RANDOM_BYTES]) -> Option<ClientId> {
    base62(&format.id_prefix, format.id_chars.into(), random).map(ClientId::new)
}

/// A new secret, and how it begins. `None` as above.
pub fn compose_secret(format: &ClientFormat, random: &[u8; RANDOM_BYTES]) -> Option<(PlainSecret, String)> {
    let text = base62(&format.secret_prefix, format.secret_chars.into(), random)?;
    let told = text.get(..format.secret_prefix.len() + format.told_chars()).map(str::to_owned);
    Some((PlainSecret::new(text), told?))
}

/// How the id of a client begins that has no secret: what is told in the place of how a secret begins.
pub fn beginning(format: &ClientFormat, id: &ClientId) -> String {
    let told = format.id_prefix.len() + usize::from(limits::CLIENT_SECRET_TOLD_CHARS);
    id.as_str().chars().take(told).collect()
}

/// What a client's secret is found by: its id and itself together, so that neither tells anything of the other.
pub fn credential_text(id: &str, secret: &str) -> PlainSecret {
    let mut text = String::with_capacity(id.len() + 1 + secret.len());
    text.push_str(id);
    text.push(SEPARATOR);
    text.push_str(secret);
    PlainSecret::new(text)
}

/// Stands in no id, no secret and no key.
const SEPARATOR: char = ':';

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member {
    IdPrefix,
    SecretPrefix,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientFormatError {
    Prefix(Member),
    Reserved(Member),
    Same,
    IdChars,
    SecretChars,
}

impl ClientFormatError {
    /// The member that is wrong, in a tenant's body.
    pub fn pointer(self) -> &'static str {
        match self {
            Self::Prefix(Member::IdPrefix) | Self::Reserved(Member::IdPrefix) => {
                "/settings/client_format/id_prefix"
            }
            Self::Prefix(Member::SecretPrefix) | Self::Reserved(Member::SecretPrefix) | Self::Same => {
                "/settings/client_format/secret_prefix"
            }
            Self::IdChars => "/settings/client_format/id_chars",
            Self::SecretChars => "/settings/client_format/secret_chars",
        }
    }
}

impl fmt::Display for ClientFormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix(_) => write!(
                f,
                "it is to be {} to {} characters of a-z 0-9 _ that end in _, such as `acme_client_`",
                limits::KEY_PREFIX_CHARS.start(),
                limits::KEY_PREFIX_CHARS.end()
            ),
            Self::Reserved(_) => {
                write!(f, "{OPERATOR_PREFIX} is the prefix of operator tokens; choose another")
            }
            Self::Same => f.write_str("it is to differ from id_prefix: a secret is told from an id by it"),
            Self::IdChars => write!(
                f,
                "it is to be {} to {}",
                limits::CLIENT_ID_CHARS.start(),
                limits::CLIENT_ID_CHARS.end()
            ),
            Self::SecretChars => write!(
                f,
                "it is to be {} to {}",
                limits::KEY_SECRET_CHARS.start(),
                limits::KEY_SECRET_CHARS.end()
            ),
        }
    }
}

impl std::error::Error for ClientFormatError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting() -> [u8; RANDOM_BYTES] {
        std::array::from_fn(|i| i as u8)
    }

    #[test]
    fn clients_come_out_as_their_owners_publish_them() {
        let velgent = ClientFormat::new("velgent_client_", 16, "velgent_secret_", 36).unwrap();
        let id = compose_id(&velgent, &counting()).unwrap();
        assert_eq!(id.as_str(), "velgent_client_0123456789ABCDEF");
        let (secret, told) = compose_secret(&velgent, &counting()).unwrap();
        assert_eq!(secret.reveal(), "velgent_secret_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");
        assert_eq!(told, "velgent_secret_01234567");
    }

    #[test]
    fn what_stays_unknown_of_a_secret_is_never_less_than_128_bits() {
        for secret_chars in limits::KEY_SECRET_CHARS {
            let format = ClientFormat::new("a_", 12, "b_", secret_chars).unwrap();
            let (secret, told) = compose_secret(&format, &counting()).unwrap();
            let unknown = secret.reveal().len() - told.len();
            assert!(unknown as f64 * 62f64.log2() >= 128.0, "{secret_chars}: {unknown}");
            assert!(told.len() <= "b_".len() + usize::from(limits::CLIENT_SECRET_TOLD_CHARS));
        }
    }

    #[test]
    fn random_bytes_that_run_short_give_nothing() {
        let format = ClientFormat::default();
        assert!(compose_id(&format, &[255; RANDOM_BYTES]).is_none());
        assert!(compose_secret(&format, &[255; RANDOM_BYTES]).is_none());
    }

    #[test]
    fn a_format_outside_its_bounds_is_refused_with_the_member() {
        let cases = [
            ("client", 16, "b_", 36, "id_prefix"),
            (OPERATOR_PREFIX, 16, "b_", 36, "id_prefix"),
            ("a_", 16, "B_", 36, "secret_prefix"),
            ("a_", 16, OPERATOR_PREFIX, 36, "secret_prefix"),
            ("a_", 16, "a_", 36, "secret_prefix"),
            ("a_", 11, "b_", 36, "id_chars"),
            ("a_", 33, "b_", 36, "id_chars"),
            ("a_", 16, "b_", 21, "secret_chars"),
            ("a_", 16, "b_", 65, "secret_chars"),
        ];
        for (id_prefix, id_chars, secret_prefix, secret_chars, member) in cases {
            let error = ClientFormat::new(id_prefix, id_chars, secret_prefix, secret_chars).unwrap_err();
            assert_eq!(error.pointer(), format!("/settings/client_format/{member}"), "{error}");
        }
    }

    #[test]
    fn it_travels_as_the_settings_show_it() {
        let text =
            r#"{"id_prefix":"cl_client_","id_chars":16,"secret_prefix":"cl_secret_","secret_chars":36}"#;
        let ours: ClientFormat = serde_json::from_str(text).unwrap();
        assert_eq!(ours, ClientFormat::default());
        assert_eq!(serde_json::to_string(&ours).unwrap(), text);
        assert!(serde_json::from_str::<ClientFormat>(&text.replace("16", "11")).is_err());
        assert!(serde_json::from_str::<ClientFormat>(&text.replace("id_chars", "chars")).is_err());
    }

    #[test]
    fn id_and_secret_are_told_apart_in_what_they_are_found_by() {
        assert_eq!(credential_text("a_1", "b_2").reveal(), "a_1:b_2");
        assert_eq!(credential_text("a_1", "").reveal(), "a_1:");
    }
}
