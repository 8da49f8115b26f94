//! How a tenant's keys are written: prefix, public characters, secret characters, and a checksum or none. Everything after
//! the prefix is base62, so the last `_` of a key always ends its prefix.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::letters::is_base62;
use super::secret::PlainSecret;
use crate::limits;

/// The operator tokens' own prefix; no tenant may take it.
pub const OPERATOR_PREFIX: &str = "cl_operator_";
pub const CHECKSUM_CHARS: usize = 6;
/// Random bytes for one key. Of 256 bytes 248 give a character, so that a sound source falls short of the longest key
/// (76) once in 10^60 keys.
pub const RANDOM_BYTES: usize = 160;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// The largest multiple of 62 in a byte: what lies above would make the first characters likelier.
const UNBIASED: u8 = 248;

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "GivenFormat")]
pub struct KeyFormat {
    prefix: Box<str>,
    #[serde(flatten)]
    shape: Shape,
}

/// A format without its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub(super) struct Shape {
    pub(super) public_chars: u8,
    pub(super) secret_chars: u8,
    pub(super) checksum: Checksum,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Checksum {
    Crc32,
    None,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenFormat {
    prefix: String,
    public_chars: u8,
    secret_chars: u8,
    checksum: Checksum,
}

impl KeyFormat {
    pub fn new(
        prefix: &str,
        public_chars: u8,
        secret_chars: u8,
        checksum: Checksum,
    ) -> Result<Self, KeyFormatError> {
        Self::read_prefix(prefix)?;
        if !limits::KEY_PUBLIC_CHARS.contains(&public_chars) {
            return Err(KeyFormatError::PublicChars);
        }
        if !limits::KEY_SECRET_CHARS.contains(&secret_chars) {
            return Err(KeyFormatError::SecretChars);
        }
        Ok(Self { prefix: prefix.into(), shape: Shape { public_chars, secret_chars, checksum } })
    }

    /// A prefix by itself.
    pub fn read_prefix(prefix: &str) -> Result<String, KeyFormatError> {
        if !is_prefix(prefix) {
            return Err(KeyFormatError::Prefix);
        }
        if prefix == OPERATOR_PREFIX { Err(KeyFormatError::Reserved) } else { Ok(prefix.to_owned()) }
    }

    /// The operator tokens' own format.
    pub fn operator_tokens() -> Self {
        let shape = Shape { public_chars: 8, secret_chars: 30, checksum: Checksum::Crc32 };
        Self { prefix: OPERATOR_PREFIX.into(), shape }
    }

    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    pub fn public_chars(&self) -> u8 {
        self.shape.public_chars
    }

    pub fn secret_chars(&self) -> u8 {
        self.shape.secret_chars
    }

    pub fn checksum(&self) -> Checksum {
        self.shape.checksum
    }

    /// How long every key of this format is.
    pub fn chars(&self) -> usize {
        self.prefix.len() + self.shape.tail_chars()
    }

    pub(super) fn shape(&self) -> Shape {
        self.shape
    }
}

/// The installation's own: `cl_live_`, 8 public, 30 secret characters, and a checksum.
impl Default for KeyFormat {
    fn default() -> Self {
        let shape = Shape { public_chars: 8, secret_chars: 30, checksum: Checksum::Crc32 };
        Self { prefix: "cl_live_".into(), shape }
    }
}

impl Shape {
    /// Everything after the prefix.
    pub(super) fn tail_chars(self) -> usize {
        let checksum = match self.checksum {
            Checksum::Crc32 => CHECKSUM_CHARS,
            Checksum::None => 0,
        };
        usize::from(self.public_chars) + usize::from(self.secret_chars) + checksum
    }
}

impl TryFrom<GivenFormat> for KeyFormat {
    type Error = KeyFormatError;

    fn try_from(given: GivenFormat) -> Result<Self, KeyFormatError> {
        Self::new(&given.prefix, given.public_chars, given.secret_chars, given.checksum)
    }
}

/// Letters that are the same in a form, a header and a URL, and a `_` where what is told of a text begins.
fn is_prefix(text: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
    limits::KEY_PREFIX_CHARS.contains(&text.len()) && text.bytes().all(allowed) && text.ends_with('_')
}

/// A new key, and what of it is public.
#[derive(Debug)]
pub struct Composed {
    pub secret: PlainSecret,
    /// Everything up to and with the public characters.
    pub prefix: String,
}

/// `None` when the bytes ran out, which a sound random source never lets happen.
pub fn compose(format: &KeyFormat, random: &[u8; RANDOM_BYTES]) -> Option<Composed> {
    let Shape { public_chars, secret_chars, checksum } = format.shape;
    let mut text = base62(&format.prefix, usize::from(public_chars) + usize::from(secret_chars), random)?;
    if checksum == Checksum::Crc32 {
        let checksum = checksum_of(&text);
        text.extend(checksum.map(char::from));
    }
    let prefix = text.get(..format.prefix.len() + usize::from(public_chars))?.to_owned();
    Some(Composed { secret: PlainSecret::new(text), prefix })
}

/// A prefix and so many random characters, with room for a checksum. `None` when the bytes ran out.
pub(super) fn base62(prefix: &str, chars: usize, random: &[u8; RANDOM_BYTES]) -> Option<String> {
    // Of its final size from the start: growing would leave a copy of the secret behind.
    let mut text = String::with_capacity(prefix.len() + chars + CHECKSUM_CHARS);
    text.push_str(prefix);
    let unbiased = random.iter().filter(|&&byte| byte < UNBIASED);
    text.extend(unbiased.map(|&byte| char::from(BASE62[usize::from(byte) % BASE62.len()])).take(chars));
    Some(text).filter(|text| text.len() == prefix.len() + chars)
}

/// The part of a key that everybody may see: everything up to and with the public characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PublicPart<'t>(&'t str);

impl<'t> PublicPart<'t> {
    /// `None` when the text is shorter.
    pub(super) fn of(text: &'t str, prefix_chars: usize, public_chars: u8) -> Option<Self> {
        text.get(..prefix_chars + usize::from(public_chars)).map(Self)
    }

    pub fn as_str(self) -> &'t str {
        self.0
    }
}

/// The text's public part, if it is written in this format: length, prefix, alphabet and checksum all fit.
pub fn read<'t>(format: &KeyFormat, text: &'t str) -> Option<PublicPart<'t>> {
    if text.len() != format.chars() {
        return None;
    }
    let tail = text.strip_prefix(&*format.prefix)?;
    let fits = is_base62(tail) && (format.shape.checksum == Checksum::None || checksum_holds(text));
    PublicPart::of(text, format.prefix.len(), format.shape.public_chars).filter(|_| fits)
}

/// Does the text end in the checksum of what stands before it?
pub(super) fn checksum_holds(text: &str) -> bool {
    text.split_at_checked(text.len().saturating_sub(CHECKSUM_CHARS))
        .is_some_and(|(body, checksum)| checksum.as_bytes() == checksum_of(body))
}

/// CRC-32 (IEEE) in base62, left-padded with `0`. It finds typing errors, and proves nothing.
fn checksum_of(body: &str) -> [u8; CHECKSUM_CHARS] {
    let mut rest = crc32fast::hash(body.as_bytes());
    let mut text = [b'0'; CHECKSUM_CHARS];
    for place in text.iter_mut().rev() {
        *place = BASE62[rest as usize % BASE62.len()];
        rest /= 62;
    }
    text
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFormatError {
    Prefix,
    Reserved,
    PublicChars,
    SecretChars,
}

impl KeyFormatError {
    /// The member that is wrong, in a tenant's body.
    pub fn pointer(self) -> &'static str {
        match self {
            KeyFormatError::Prefix | KeyFormatError::Reserved => "/settings/key_format/prefix",
            KeyFormatError::PublicChars => "/settings/key_format/public_chars",
            KeyFormatError::SecretChars => "/settings/key_format/secret_chars",
        }
    }
}

impl fmt::Display for KeyFormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (public, secret) = (limits::KEY_PUBLIC_CHARS, limits::KEY_SECRET_CHARS);
        match self {
            KeyFormatError::Prefix => write!(
                f,
                "prefix is to be {} to {} characters of a-z 0-9 _ that end in _, such as `acme_live_`",
                limits::KEY_PREFIX_CHARS.start(),
                limits::KEY_PREFIX_CHARS.end()
            ),
            KeyFormatError::Reserved => {
                write!(f, "prefix {OPERATOR_PREFIX} is that of operator tokens; choose another")
            }
            KeyFormatError::PublicChars => {
                write!(f, "public_chars is to be {} to {}", public.start(), public.end())
            }
            KeyFormatError::SecretChars => {
                write!(f, "secret_chars is to be {} to {}", secret.start(), secret.end())
            }
        }
    }
}

impl std::error::Error for KeyFormatError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(prefix: &str, public: u8, secret: u8, checksum: Checksum) -> KeyFormat {
        KeyFormat::new(prefix, public, secret, checksum).unwrap()
    }

    /// 0, 1, 2 … : the alphabet in its order, four times, then the bytes that are passed over.
    fn counting() -> [u8; RANDOM_BYTES] {
        std::array::from_fn(|i| i as u8)
    }

    #[test]
    fn keys_come_out_as_their_owners_publish_them() {
        let velgent = compose(&format("velgent_live_", 8, 24, Checksum::None), &counting()).unwrap();
        assert_eq!(velgent.secret.reveal(), "velgent_live_0123456789ABCDEFGHIJKLMNOPQRSTUV");
        assert_eq!(velgent.prefix, "velgent_live_01234567");
        let vlk = compose(&format("vlk_", 8, 40, Checksum::None), &counting()).unwrap();
        assert_eq!((vlk.prefix.as_str(), vlk.secret.reveal().len()), ("vlk_01234567", 4 + 48));
        let ours = compose(&format("cl_live_", 8, 30, Checksum::Crc32), &counting()).unwrap();
        assert_eq!(ours.secret.reveal(), "cl_live_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZab0nUyoc");
    }

    #[test]
    fn the_checksum_is_zlibs_crc32_in_base62() {
        for (body, checksum) in [
            ("", "000000"),
            ("a", "4GEHKN"),
            ("123456789", "3jZRME"),
            ("The quick brown fox jumps over the lazy dog", "1C9bYH"),
        ] {
            assert_eq!(std::str::from_utf8(&checksum_of(body)), Ok(checksum), "{body}");
        }
    }

    #[test]
    fn bytes_that_would_favour_a_character_are_passed_over() {
        let vlk = format("vlk_", 6, 22, Checksum::None);
        for byte in 248..=255 {
            assert!(compose(&vlk, &[byte; RANDOM_BYTES]).is_none(), "{byte}");
        }
        let random = std::array::from_fn(|i| if i % 2 == 0 { 248 + i as u8 % 8 } else { 247 - i as u8 / 2 });
        assert_eq!(compose(&vlk, &random).unwrap().secret.reveal(), "vlk_zyxwvutsrqponmlkjihgfedcbaZY");
    }

    #[test]
    fn every_format_reads_what_it_composes_and_nothing_near_it() {
        for public in limits::KEY_PUBLIC_CHARS {
            for (secret, checksum) in [(22, Checksum::Crc32), (64, Checksum::Crc32), (30, Checksum::None)] {
                let format = format("a_b_", public, secret, checksum);
                let key = compose(&format, &counting()).unwrap();
                let text = key.secret.reveal();
                assert_eq!(text.len(), format.chars());
                assert_eq!(read(&format, text).map(PublicPart::as_str), Some(key.prefix.as_str()));
                for near in
                    [&text[1..], &text[..text.len() - 1], &format!("{text}0"), &format!(" {text}"), ""]
                {
                    assert_eq!(read(&format, near), None, "{near}");
                }
                assert_eq!(read(&format, &text.replacen('b', "c", 1)), None);
                assert_eq!(read(&format, &text.replacen("12", "é", 1)), None);
                assert_eq!(read(&format, &text.replacen('5', "-", 1)), None);
            }
        }
    }

    #[test]
    fn one_wrong_character_anywhere_breaks_the_checksum() {
        let ours = format("cl_live_", 8, 30, Checksum::Crc32);
        let key = compose(&ours, &counting()).unwrap();
        for place in ours.prefix().len()..ours.chars() {
            let mut text = key.secret.reveal().to_owned();
            let other = if text.as_bytes()[place] == b'x' { "y" } else { "x" };
            text.replace_range(place..=place, other);
            assert_eq!(read(&ours, &text), None, "{text}");
        }
    }

    #[test]
    fn a_format_outside_its_bounds_is_refused_with_the_member() {
        let cases = [
            ("_", 8, 30, "prefix"),
            ("", 8, 30, "prefix"),
            ("acme", 8, 30, "prefix"),
            ("Acme_", 8, 30, "prefix"),
            ("ac-me_", 8, 30, "prefix"),
            ("é_", 8, 30, "prefix"),
            ("abcdefghijklmnopqrstuvwx_", 8, 30, "prefix"),
            (OPERATOR_PREFIX, 8, 30, "prefix"),
            ("acme_", 5, 30, "public_chars"),
            ("acme_", 13, 30, "public_chars"),
            ("acme_", 8, 21, "secret_chars"),
            ("acme_", 8, 65, "secret_chars"),
        ];
        for (prefix, public, secret, member) in cases {
            let error = KeyFormat::new(prefix, public, secret, Checksum::None).unwrap_err();
            assert_eq!(
                error.pointer(),
                format!("/settings/key_format/{member}"),
                "{prefix} {public} {secret}"
            );
            assert!(error.to_string().starts_with(member));
        }
        assert!(KeyFormat::new("abcdefghijklmnopqrstuvw_", 12, 64, Checksum::None).is_ok());
        assert_eq!(KeyFormat::operator_tokens().prefix(), OPERATOR_PREFIX);
    }

    #[test]
    fn it_travels_as_the_settings_show_it() {
        let text = r#"{"prefix":"cl_live_","public_chars":8,"secret_chars":30,"checksum":"crc32"}"#;
        let ours: KeyFormat = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&ours).unwrap(), text);
        for bad in [
            text.replace("crc32", "CRC32"),
            text.replace("30", "300"),
            text.replace("cl_live_", "cl_live"),
            text.replace(r#""checksum""#, r#""sum""#),
        ] {
            assert!(serde_json::from_str::<KeyFormat>(&bad).is_err(), "{bad}");
        }
    }
}
