//! How the keys of another product are written: what a text must look like before anything of it is hashed.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::domain::key_format::{KeyFormat, OPERATOR_PREFIX};
use crate::domain::letters::{all_are, is_base62};
use crate::limits;

/// The characters after the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Alphabet {
    Hex,
    Base58,
    Base62,
    Base64url,
    /// hexadecimal digits and hyphens
    Uuid,
}

impl Alphabet {
    pub const ALL: [Alphabet; 5] =
        [Alphabet::Hex, Alphabet::Base58, Alphabet::Base62, Alphabet::Base64url, Alphabet::Uuid];

    pub fn word(self) -> &'static str {
        match self {
            Alphabet::Hex => "hex",
            Alphabet::Base58 => "base58",
            Alphabet::Base62 => "base62",
            Alphabet::Base64url => "base64url",
            Alphabet::Uuid => "uuid",
        }
    }

    fn holds(self, text: &str) -> bool {
        match self {
            Alphabet::Hex => all_are(text, |byte| byte.is_ascii_hexdigit()),
            Alphabet::Base58 => all_are(text, |byte| {
                byte.is_ascii_alphanumeric() & !matches!(byte, b'0' | b'O' | b'I' | b'l')
            }),
            Alphabet::Base62 => is_base62(text),
            Alphabet::Base64url => {
                all_are(text, |byte| byte.is_ascii_alphanumeric() | matches!(byte, b'-' | b'_'))
            }
            Alphabet::Uuid => all_are(text, |byte| byte.is_ascii_hexdigit() | (byte == b'-')),
        }
    }
}

/// What an import says of its keys' text; its length counts the prefix too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignFormat {
    prefix: Box<str>,
    shape: ForeignShape,
}

/// A format without its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForeignShape {
    pub alphabet: Alphabet,
    pub shortest: u8,
    pub longest: u8,
}

impl ForeignShape {
    pub fn meets(self, other: ForeignShape) -> bool {
        self.shortest <= other.longest && other.shortest <= self.longest
    }

    /// Whether `text`, which begins with a prefix of that many bytes, is written so.
    #[inline]
    pub fn fits(self, text: &str, prefix_bytes: usize) -> bool {
        (usize::from(self.shortest)..=usize::from(self.longest)).contains(&text.len())
            && text.get(prefix_bytes..).is_some_and(|tail| self.alphabet.holds(tail))
    }
}

impl ForeignFormat {
    /// The sentence says what to change.
    pub fn new(prefix: &str, alphabet: Alphabet, length: RangeInclusive<u8>) -> Result<Self, String> {
        let (shortest, longest) = (*length.start(), *length.end());
        let graphic = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'~');
        if prefix.len() > limits::FOREIGN_PREFIX_CHARS || !prefix.bytes().all(graphic) {
            return Err(format!(
                "a prefix is at most {} characters of A-Z a-z 0-9 _ - . ~",
                limits::FOREIGN_PREFIX_CHARS
            ));
        }
        if prefix.starts_with(OPERATOR_PREFIX) {
            return Err(format!("prefix {OPERATOR_PREFIX} is that of operator tokens"));
        }
        let least = prefix.len() + limits::FOREIGN_SECRET_CHARS;
        if shortest > longest || usize::from(shortest) < least || longest > limits::FOREIGN_KEY_CHARS {
            return Err(format!(
                "a key of this prefix has {least} to {} characters in all, the prefix among them",
                limits::FOREIGN_KEY_CHARS
            ));
        }
        // Without a prefix anything of that length would be hashed: so it has to be one length, and a long one.
        if prefix.is_empty() && (shortest != longest || shortest < limits::FOREIGN_BARE_CHARS) {
            return Err(format!(
                "keys without a prefix must all have one length, of at least {} characters",
                limits::FOREIGN_BARE_CHARS
            ));
        }
        let format =
            ForeignFormat { prefix: prefix.into(), shape: ForeignShape { alphabet, shortest, longest } };
        // A mistyped one of ours is told by its form, and no digest of it is looked for.
        let own = [KeyFormat::operator_tokens(), KeyFormat::default()];
        match own.iter().find(|own| format.takes_some_of(own)) {
            Some(own) => Err(format!(
                "keys that begin with {:?} and have {} characters are this installation's own; name a longer prefix, \
                 an alphabet without _, or another length",
                own.prefix(),
                own.chars()
            )),
            None => Ok(format),
        }
    }

    /// Whether a text of that format may be one of this, too.
    fn takes_some_of(&self, own: &KeyFormat) -> bool {
        let (prefix, own_prefix) = (&*self.prefix, own.prefix());
        let begins = match (own_prefix.strip_prefix(prefix), prefix.strip_prefix(own_prefix)) {
            (Some(rest), _) => self.shape.alphabet.holds(rest),
            (None, Some(beyond)) => is_base62(beyond),
            (None, None) => false,
        };
        begins && (usize::from(self.shape.shortest)..=usize::from(self.shape.longest)).contains(&own.chars())
    }

    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    pub fn shape(&self) -> ForeignShape {
        self.shape
    }

    /// Of the same prefix.
    pub(super) fn of_shape(&self, shape: ForeignShape) -> Self {
        ForeignFormat { prefix: self.prefix.clone(), shape }
    }

    pub fn fits(&self, text: &str) -> bool {
        text.starts_with(&*self.prefix) && self.shape.fits(text, self.prefix.len())
    }

    /// What is shown of a key that is known to begin so: the prefix, and as much of what follows as a record can hold.
    /// `known` must tell so little that the rest can't be guessed: whoever gives a whole key by mistake is refused.
    pub fn public_part<'k>(&self, known: &'k str) -> Result<&'k str, String> {
        let Some(beyond) = known.strip_prefix(&*self.prefix) else {
            return Err(format!("it has to begin with the format's prefix, {:?}", self.prefix));
        };
        if known.len() > self.most_known() || !self.shape.alphabet.holds(beyond) {
            return Err(format!(
                "give at most the first {} characters of the key, of the format's alphabet",
                self.most_known()
            ));
        }
        let packed = beyond.bytes().take_while(u8::is_ascii_alphanumeric).count();
        Ok(&known[..self.prefix.len() + packed])
    }

    /// How much of a key's beginning may be known.
    pub fn most_known(&self) -> usize {
        let public = self.prefix.len() + usize::from(*limits::KEY_PUBLIC_CHARS.end());
        public.min(usize::from(self.shape.shortest) - limits::FOREIGN_SECRET_CHARS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::imports::ForeignPrefix;
    use crate::domain::testing::tenant_id;

    fn format(prefix: &str, alphabet: Alphabet, length: RangeInclusive<u8>) -> ForeignFormat {
        ForeignFormat::new(prefix, alphabet, length).expect("a format")
    }

    #[test]
    fn a_text_fits_by_prefix_length_and_alphabet() {
        let keys = format("sk_", Alphabet::Base58, 24..=25);
        for (text, fits) in [
            ("sk_abcdefghjkmnpqrstuvwx", true),
            ("sk_abcdefghjkmnpqrstuvwxy", true),
            ("sk_abcdefghjkmnpqrstuvwxyz", false),
            ("sk_abcdefghjkmnpqrstuvw", false),
            ("sk_abcdefghjkmnpqrstuv0x", false),
            ("pk_abcdefghjkmnpqrstuvwx", false),
            ("", false),
            ("sk_é", false),
        ] {
            assert_eq!(keys.fits(text), fits, "{text}");
        }
        let ids = format("", Alphabet::Uuid, 36..=36);
        assert!(ids.fits("0197a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"));
    }

    #[test]
    fn what_would_take_in_too_much_is_refused_with_a_sentence() {
        let cases = [
            ("sk key", Alphabet::Hex, 40..=40),
            (OPERATOR_PREFIX, Alphabet::Base62, 56..=56),
            ("sk_", Alphabet::Hex, 18..=40),
            ("sk_", Alphabet::Hex, RangeInclusive::new(40, 39)),
            ("sk_", Alphabet::Hex, 40..=201),
            ("", Alphabet::Base62, 32..=33),
            ("", Alphabet::Base62, 31..=31),
            // what operator tokens, or keys of the installation's own format, may fit
            ("cl_operator_9", Alphabet::Base62, 60..=60),
            ("cl_operator", Alphabet::Base64url, 56..=56),
            ("cl_", Alphabet::Base64url, 50..=60),
            ("", Alphabet::Base64url, 52..=52),
            ("cl_live_", Alphabet::Hex, 52..=52),
            ("cl_live_a", Alphabet::Base58, 40..=60),
        ];
        for (prefix, alphabet, length) in cases {
            let refused = ForeignFormat::new(prefix, alphabet, length.clone());
            assert!(refused.is_err_and(|detail| detail.contains(' ')), "{prefix} {length:?}");
        }
    }

    #[test]
    fn what_none_of_our_own_may_fit_is_taken_however_near_it_is() {
        format("cl_", Alphabet::Base62, 52..=56);
        format("cl_live_", Alphabet::Base62, 53..=56);
        format("cl_live_x_", Alphabet::Base64url, 52..=52);
        format("cl_op", Alphabet::Base64url, 57..=60);
        format("", Alphabet::Base62, 52..=52);
    }

    #[test]
    fn an_operator_token_is_no_key_from_elsewhere_whatever_was_declared() {
        let shape = ForeignShape { alphabet: Alphabet::Base64url, shortest: 20, longest: 60 };
        let (tenant_id, prefix) = (tenant_id(1), "cl_".to_owned());
        let known = ForeignPrefix { prefix, tenant_id, shapes: vec![shape], schemes: Vec::new() };
        let rest = "a".repeat(30);
        assert!(known.fits(&format!("cl_operating_{rest}")));
        assert!(!known.fits(&format!("{OPERATOR_PREFIX}{rest}")));
    }

    #[test]
    fn so_much_of_a_key_may_be_known_that_the_rest_stays_secret() {
        let keys = format("sk_", Alphabet::Base64url, 40..=40);
        assert_eq!(keys.public_part("sk_abcd"), Ok("sk_abcd"));
        assert_eq!(keys.public_part("sk_ab-d"), Ok("sk_ab"));
        assert_eq!(keys.public_part("sk_"), Ok("sk_"));
        assert!(keys.public_part("abcd").is_err());
        assert!(keys.public_part("sk_abcdefghijkl").is_ok());
        assert!(keys.public_part("sk_abcdefghijklm").is_err());
        assert!(keys.public_part("sk_ab.d").is_err());
        let short = format("sk_", Alphabet::Base62, 20..=20);
        assert!(short.public_part("sk_a").is_ok());
        assert!(short.public_part("sk_ab").is_err());
    }
}
