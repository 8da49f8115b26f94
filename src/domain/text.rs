//! Text that a person typed: one spelling (NFC), every character visible, and nothing that changes how the text around
//! it is read. Control, bidi, invisible, private and unassigned characters are refused; the scripts people write in are
//! not, nor the joiners that some of them are spelt with ([`super::joiners`]).

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use super::joiners;
use crate::limits;

pub type Name = Line<{ limits::NAME_CHARS }>;
pub type Description = FreeText<{ limits::DESCRIPTION_CHARS }>;
pub type Note = FreeText<{ limits::NOTE_CHARS }>;
/// What a call does, as its caller labels it.
pub type Operation = Line<{ limits::OPERATION_CHARS }>;
/// A tenant as a caller names it, by id or slug.
pub type TenantRef = Line<{ limits::SLUG_CHARS }>;

/// NFC makes at most one character of four (a Greek vowel with three marks).
const NFC_SHRINKS_BY: usize = 4;

/// One line of 1 to `CHARS` characters that neither starts nor ends with white space.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Line<const CHARS: usize>(Box<str>);

/// Up to `CHARS` characters, where line feeds and tabs are welcome. CR LF is read as a line feed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct FreeText<const CHARS: usize>(Box<str>);

impl<const CHARS: usize> Line<CHARS> {
    pub fn parse(typed: &str) -> Result<Self, TextError> {
        Self::read(typed).map(|text| Self(text.into()))
    }

    /// What [`Self::parse`] would hold. A plain text is taken as it stands, which costs no more than a look at it: labels
    /// are read on the way of every verdict.
    pub fn read(typed: &str) -> Result<Cow<'_, str>, TextError> {
        if is_plain(typed, CHARS) {
            return Ok(Cow::Borrowed(typed));
        }
        let text = clean(typed, Layout::OneLine, CHARS)?;
        if text.is_empty() {
            return Err(TextError::Empty);
        }
        if text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace) {
            return Err(TextError::OuterSpace);
        }
        Ok(Cow::Owned(text))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const CHARS: usize> FreeText<CHARS> {
    pub fn parse(typed: &str) -> Result<Self, TextError> {
        clean(typed, Layout::Lines, CHARS).map(|text| Self(text.into_boxed_str()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const CHARS: usize> TryFrom<String> for Line<CHARS> {
    type Error = TextError;

    fn try_from(typed: String) -> Result<Self, TextError> {
        Self::parse(&typed)
    }
}

impl<const CHARS: usize> TryFrom<String> for FreeText<CHARS> {
    type Error = TextError;

    fn try_from(typed: String) -> Result<Self, TextError> {
        Self::parse(&typed)
    }
}

/// Visible ASCII, with spaces at most inside: one spelling, and nothing to refuse.
fn is_plain(text: &str, limit: usize) -> bool {
    let bytes = text.as_bytes();
    let visible = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    bytes.len() <= limit
        && visible(bytes.first())
        && visible(bytes.last())
        && bytes.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    OneLine,
    /// Line feeds and tabs too.
    Lines,
}

/// The one check behind every text of a person: what is stored is its NFC, of at most `limit` characters.
pub fn clean(typed: &str, layout: Layout, limit: usize) -> Result<String, TextError> {
    let too_long = TextError::TooLong { limit };
    // A text this long stays too long in NFC: it is not worth normalising.
    if typed.chars().take(limit.saturating_mul(NFC_SHRINKS_BY) + 1).count() > limit * NFC_SHRINKS_BY {
        return Err(too_long);
    }
    let mut characters = typed.chars().zip(1..).peekable();
    while let Some((character, position)) = characters.next() {
        let ends_line =
            layout == Layout::Lines && character == '\r' && matches!(characters.peek(), Some(&('\n', _)));
        if let Some(fault) = fault_of(character, layout).filter(|_| !ends_line) {
            return Err(TextError::Forbidden { character, position, fault });
        }
    }
    let text: String = typed.chars().filter(|&c| c != '\r').nfc().collect();
    if text.chars().count() > limit {
        return Err(too_long);
    }
    joiners::unseen(&text).map_or(Ok(text), |which| Err(unseen_joiner(typed, which)))
}

/// `which` of the text's joiners it is, told where it was typed.
fn unseen_joiner(typed: &str, which: usize) -> TextError {
    let mut joiners = typed.chars().zip(1..).filter(|(character, _)| joiners::is_joiner(*character));
    let (character, position) = joiners.nth(which).unwrap_or_default();
    TextError::Forbidden { character, position, fault: Fault::Invisible }
}

/// Whether a character of one line shows as itself, and changes nothing around it.
pub fn is_visible(character: char) -> bool {
    fault_of(character, Layout::OneLine).is_none()
}

fn fault_of(character: char, layout: Layout) -> Option<Fault> {
    use GeneralCategory as Category;
    match character {
        ' '..='~' => return None,
        '\n' | '\t' if layout == Layout::Lines => return None,
        _ if is_bidi_control(character) => return Some(Fault::Bidi),
        _ if is_blank(character) => return Some(Fault::Invisible),
        _ if is_visible_format(character) => return None,
        // looked at with what stands around it
        _ if joiners::is_joiner(character) => return None,
        _ => {}
    }
    match character.general_category() {
        Category::Control | Category::LineSeparator | Category::ParagraphSeparator => Some(Fault::Control),
        Category::Format => Some(Fault::Invisible),
        Category::PrivateUse => Some(Fault::PrivateUse),
        Category::Unassigned | Category::Surrogate => Some(Fault::Unassigned),
        _ => None,
    }
}

fn is_bidi_control(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Characters that show nothing though their category does not say so: the default-ignorable ones that are letters or
/// marks (fillers, joiners, variation selectors), and three more that are drawn blank.
fn is_blank(character: char) -> bool {
    matches!(character,
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}'
        | '\u{2800}' | '\u{16fe4}' | '\u{1d159}')
}

/// Format characters that are drawn: the number and verse signs of Arabic, Syriac and Kaithi.
fn is_visible_format(character: char) -> bool {
    matches!(
        character,
        '\u{600}'
            ..='\u{605}'
                | '\u{6dd}'
                | '\u{70f}'
                | '\u{890}'
                | '\u{891}'
                | '\u{8e2}'
                | '\u{110bd}'
                | '\u{110cd}'
    )
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Control,
    Bidi,
    Invisible,
    PrivateUse,
    Unassigned,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextError {
    Empty,
    TooLong {
        limit: usize,
    },
    OuterSpace,
    /// `position` counts the characters of what was typed, from 1.
    Forbidden {
        character: char,
        position: usize,
        fault: Fault,
    },
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TextError::Empty => f.write_str("is empty; give at least one character"),
            TextError::TooLong { limit } => write!(f, "is longer than {limit} characters; shorten it"),
            TextError::OuterSpace => f.write_str("starts or ends with white space; remove it"),
            TextError::Forbidden { character, position, fault } => {
                let what = match fault {
                    Fault::Control => "a control character",
                    Fault::Bidi => "a control of text direction",
                    Fault::Invisible => "an invisible character",
                    Fault::PrivateUse => "a private-use character",
                    Fault::Unassigned => "not an assigned character",
                };
                write!(f, "character {position} is U+{:04X}, {what}; remove it", u32::from(*character))
            }
        }
    }
}

impl std::error::Error for TextError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn honest_scripts_pass_unchanged() {
        for name in [
            "ci-runner",
            "Łódź 2",
            "Ελληνικά",
            "Русский ключ",
            "עברית",
            "العربية ١٢٣",
            "हिन्दी कुंजी",
            "தமிழ்",
            "ไทย",
            "ខ្មែរ",
            "မြန်မာ",
            "日本語キー",
            "한국어",
            "中文\u{3000}密钥",
            "ქართული",
            "አማርኛ",
            "ᏣᎳᎩ",
            "😀 build",
            "a\u{a0}b",
            "\u{600}١٢",
            "می\u{200c}خواهم",
            "ශ්\u{200d}රී",
        ] {
            assert_eq!(Name::parse(name).as_ref().map(Name::as_str), Ok(name));
        }
    }

    #[test]
    fn what_cannot_be_seen_is_refused_with_its_code_and_place() {
        let cases = [
            ('\0', Fault::Control),
            ('\n', Fault::Control),
            ('\t', Fault::Control),
            ('\u{7f}', Fault::Control),
            ('\u{85}', Fault::Control),
            ('\u{2028}', Fault::Control),
            ('\u{2029}', Fault::Control),
            ('\u{202e}', Fault::Bidi),
            ('\u{2066}', Fault::Bidi),
            ('\u{200f}', Fault::Bidi),
            ('\u{61c}', Fault::Bidi),
            ('\u{ad}', Fault::Invisible),
            ('\u{200b}', Fault::Invisible),
            ('\u{200c}', Fault::Invisible),
            ('\u{200d}', Fault::Invisible),
            ('\u{2060}', Fault::Invisible),
            ('\u{feff}', Fault::Invisible),
            ('\u{fe0f}', Fault::Invisible),
            ('\u{e0100}', Fault::Invisible),
            ('\u{e0041}', Fault::Invisible),
            ('\u{3164}', Fault::Invisible),
            ('\u{115f}', Fault::Invisible),
            ('\u{2800}', Fault::Invisible),
            ('\u{180e}', Fault::Invisible),
            ('\u{fff9}', Fault::Invisible),
            ('\u{1d173}', Fault::Invisible),
            ('\u{e000}', Fault::PrivateUse),
            ('\u{10fffd}', Fault::PrivateUse),
            ('\u{378}', Fault::Unassigned),
            ('\u{ffff}', Fault::Unassigned),
            ('\u{fdd0}', Fault::Unassigned),
        ];
        for (character, fault) in cases {
            let refused = TextError::Forbidden { character, position: 3, fault };
            assert_eq!(Name::parse(&format!("é1{character}x")), Err(refused));
        }
        let typed = "e\u{301}می\u{200c}خ a\u{200d}";
        let unseen = TextError::Forbidden { character: '\u{200d}', position: 9, fault: Fault::Invisible };
        assert_eq!(Name::parse(typed), Err(unseen));
        let error = Name::parse("a\u{202e}b").unwrap_err().to_string();
        assert_eq!(error, "character 2 is U+202E, a control of text direction; remove it");
    }

    #[test]
    fn a_name_is_stored_in_nfc_and_counted_in_it() {
        assert_eq!(Name::parse("e\u{301}").unwrap().as_str(), "é");
        assert_eq!(Name::parse("\u{212b}").unwrap().as_str(), "Å");
        let full = "α\u{313}\u{300}\u{345}".repeat(limits::NAME_CHARS);
        assert_eq!(Name::parse(&full).unwrap().as_str(), "ᾂ".repeat(limits::NAME_CHARS));
        let too_long = TextError::TooLong { limit: limits::NAME_CHARS };
        assert_eq!(Name::parse(&format!("{full}α")), Err(too_long));
        assert_eq!(Name::parse(&"x".repeat(101)), Err(too_long));
        assert_eq!(Name::parse(&"x".repeat(1_000_000)), Err(too_long));
    }

    #[test]
    fn a_name_is_one_line_without_outer_space() {
        assert_eq!(Name::parse(""), Err(TextError::Empty));
        for name in [" a", "a ", " ", "\u{a0}a", "a\u{3000}"] {
            assert_eq!(Name::parse(name), Err(TextError::OuterSpace), "{name:?}");
        }
    }

    #[test]
    fn a_description_may_have_lines_and_tabs() {
        assert_eq!(Description::parse("one\r\n\ttwo\n").unwrap().as_str(), "one\n\ttwo\n");
        assert_eq!(Description::parse("").unwrap().as_str(), "");
        let lone = TextError::Forbidden { character: '\r', position: 2, fault: Fault::Control };
        assert_eq!(Description::parse("a\rb"), Err(lone));
        assert!(Description::parse(&"x".repeat(1000)).is_ok());
        assert!(Description::parse(&"x".repeat(1001)).is_err());
    }

    #[test]
    fn normalising_never_makes_a_refused_character_of_an_accepted_one() {
        for character in (0..=0x10ffff).filter_map(char::from_u32) {
            if let Ok(text) = clean(character.encode_utf8(&mut [0; 4]), Layout::Lines, 4) {
                assert_eq!(
                    clean(&text, Layout::Lines, 4).as_ref(),
                    Ok(&text),
                    "U+{:04X}",
                    u32::from(character)
                );
            }
        }
    }

    #[test]
    fn it_travels_as_a_string_and_is_checked_on_the_way_in() {
        let name: Name = serde_json::from_str(r#""e\u0301""#).unwrap();
        assert_eq!(serde_json::to_string(&name).unwrap(), r#""é""#);
        let error = serde_json::from_str::<Name>(r#""a\u200b""#).unwrap_err().to_string();
        assert!(error.contains("character 2 is U+200B, an invisible character"), "{error}");
    }

    #[test]
    fn a_plain_text_is_taken_as_it_stands_and_any_other_as_it_is_parsed() {
        for plain in ["a", "invoices.list", "two  words", "x~"] {
            assert!(matches!(Operation::read(plain), Ok(Cow::Borrowed(text)) if text == plain), "{plain}");
        }
        for other in ["", " a", "a ", "a\tb", "a\u{7f}", "cafe\u{301}", "日本", "a\u{200b}", &"x".repeat(201)]
        {
            let read = Operation::read(other).map(Cow::into_owned);
            assert_eq!(read, Operation::parse(other).map(|text| text.as_str().to_owned()), "{other}");
        }
        assert_eq!(Operation::read("cafe\u{301}").as_deref(), Ok("caf\u{e9}"));
        assert_eq!(Operation::read(""), Err(TextError::Empty));
        assert_eq!(Operation::read("a "), Err(TextError::OuterSpace));
    }
}
