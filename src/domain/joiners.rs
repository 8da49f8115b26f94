//! The two joiners, U+200C and U+200D: invisible, and yet part of how Persian, Hindi or Sinhala are spelt. They pass where they
//! show in the letters around them and nowhere else: after a virama, and the non-joiner also between two letters that would
//! join without it. RFC 5892, A.1 and A.2; of the joining scripts, the letters of the Arabic block (Persian, Urdu, Kurdish …).
//! What is left out is refused like every other invisible character: other joining scripts, and emoji joined to one.

use unicode_normalization::char::canonical_combining_class;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

const NON_JOINER: char = '\u{200c}';
const JOINER: char = '\u{200d}';
const VIRAMA: u8 = 9;

pub(super) fn is_joiner(character: char) -> bool {
    matches!(character, NON_JOINER | JOINER)
}

/// Which joiner of a text in NFC shows in nothing, counted from 0: composing neither drops nor moves one.
pub(super) fn unseen(text: &str) -> Option<usize> {
    let mut joiners = text.char_indices().filter(|(_, character)| is_joiner(*character));
    joiners.position(|(at, joiner)| !shows(&text[..at], joiner, &text[at + joiner.len_utf8()..]))
}

fn shows(before: &str, joiner: char, after: &str) -> bool {
    if before.chars().next_back().is_some_and(|last| canonical_combining_class(last) == VIRAMA) {
        return true;
    }
    let letter = |character: &char| character.general_category() != GeneralCategory::NonspacingMark;
    joiner == NON_JOINER
        && before.chars().rev().find(letter).is_some_and(joins_on)
        && after.chars().find(letter).is_some_and(|next| joins_on(next) || joins_back(next))
}

/// Joins to what follows, and to what stands before it.
fn joins_on(letter: char) -> bool {
    matches!(letter, '\u{620}' | '\u{626}' | '\u{628}' | '\u{62a}'..='\u{62e}' | '\u{633}'..='\u{63f}'
        | '\u{641}'..='\u{647}' | '\u{649}' | '\u{64a}' | '\u{66e}' | '\u{66f}' | '\u{678}'..='\u{687}'
        | '\u{69a}'..='\u{6bf}' | '\u{6c1}' | '\u{6c2}' | '\u{6cc}' | '\u{6ce}' | '\u{6d0}' | '\u{6d1}'
        | '\u{6fa}'..='\u{6fc}' | '\u{6ff}')
}

/// Joins to what stands before it alone.
fn joins_back(letter: char) -> bool {
    matches!(letter, '\u{622}'..='\u{625}' | '\u{627}' | '\u{629}' | '\u{62f}'..='\u{632}' | '\u{648}'
        | '\u{671}'..='\u{673}' | '\u{675}'..='\u{677}' | '\u{688}'..='\u{699}' | '\u{6c0}'
        | '\u{6c3}'..='\u{6cb}' | '\u{6cd}' | '\u{6cf}' | '\u{6d2}' | '\u{6d3}' | '\u{6d5}' | '\u{6ee}'
        | '\u{6ef}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_joiner_passes_where_a_script_is_written_with_it() {
        let seen = [
            "می\u{200c}خواهم",       // Persian: between two letters that would join
            "نامه\u{200c}ای",        // before one that joins backwards alone
            "بِ\u{200c}ها",           // a vowel sign stands between
            "क्\u{200d}ष क्\u{200c}ष", // Hindi: after a virama
            "ශ්\u{200d}රී ලංකා",        // Sinhala
            "അവന്\u{200d}",           // Malayalam, at the end of a word
        ];
        for text in seen {
            assert_eq!(unseen(text), None, "{text}");
        }
    }

    #[test]
    fn a_joiner_that_shows_in_nothing_is_found() {
        let cases = [
            ("a\u{200c}b", 0),
            ("a\u{200d}b", 0),
            ("\u{200c}ب", 0),
            ("ب\u{200c}", 0),
            ("ب\u{200c} ب", 0),
            ("ب\u{200d}ب", 0),  // they join without it
            ("دا\u{200c}ر", 0), // alef joins to nothing that follows
            ("ب\u{200c}ء", 0),
            ("ب\u{200c}\u{200c}ب", 0),
            ("क\u{200d}ष", 0),
            ("क्\u{200d}\u{200d}ष", 1),
            ("👩\u{200d}👧", 0),
            ("می\u{200c}خواهم a\u{200c}b", 1),
        ];
        for (text, which) in cases {
            assert_eq!(unseen(text), Some(which), "{text:?}");
        }
    }
}
