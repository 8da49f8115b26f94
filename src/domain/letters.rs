//! Looking at the letters of a key eight at a time: every verdict looks at all of them.

use crate::limits;

/// Behind the last `_` that a prefix could end with; 0 when there is none.
#[inline]
pub fn prefix_end(text: &[u8]) -> usize {
    const REACH: usize = *limits::KEY_PREFIX_CHARS.end();
    let Some(front) = text.first_chunk::<REACH>() else {
        return text.iter().rposition(|&byte| byte == b'_').map_or(0, |place| place + 1);
    };
    const { assert!(REACH.is_multiple_of(8)) };
    let (words, _) = front.as_chunks::<8>();
    // Eight bytes at once, the last ones first.
    let found = |word: &[u8; 8]| underscores(u64::from_le_bytes(*word));
    let last = words.iter().enumerate().rev().find(|(_, word)| found(word) != 0);
    last.map_or(0, |(place, word)| place * 8 + 8 - found(word).leading_zeros() as usize / 8)
}

/// The highest bit of each byte that is `_`.
fn underscores(word: u64) -> u64 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let other = word ^ u64::from_ne_bytes([b'_'; 8]);
    !(((other & LOW) + LOW) | other | LOW)
}

pub fn is_base62(text: &str) -> bool {
    // Whole words from the front, and the last one, which may overlap the one before it; callers have bounded the length.
    let bytes = text.as_bytes();
    let (words, _) = bytes.as_chunks::<8>();
    match bytes.last_chunk::<8>() {
        Some(last) => words.iter().chain([last]).fold(true, |fits, word| fits & is_base62_word(*word)),
        None => bytes.iter().all(u8::is_ascii_alphanumeric),
    }
}

/// Eight bytes at once. Of an ASCII byte and a sum that carries into no other, the highest bit says whether it reached the bound.
fn is_base62_word(bytes: [u8; 8]) -> bool {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let all = |byte: u8| u64::from_ne_bytes([byte; 8]);
    let word = u64::from_ne_bytes(bytes);
    let ascii = word & !HIGH;
    let within = |word: u64, from: u8, to: u8| (word + all(0x80 - from)) & !(word + all(0x7f - to));
    // One bit more makes a capital its small letter, and no other byte a letter.
    let fits = within(ascii, b'0', b'9') | within(ascii | all(0x20), b'a', b'z');
    (fits & !word) & HIGH == HIGH
}

/// Whether each byte is one of these. Without an early way out the compiler looks at many bytes at once.
#[inline]
pub fn all_are(text: &str, one: impl Fn(u8) -> bool) -> bool {
    text.bytes().fold(true, |all, byte| all & one(byte))
}

pub fn has_white_space(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii() & !matches!(byte, b' ' | b'\t'..=b'\r');
    !all_are(text, plain) && text.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_at_every_place_is_base62_or_is_none() {
        for byte in 0..128u8 {
            for (length, place) in (0..20).flat_map(|length| (0..length).map(move |place| (length, place))) {
                let mut text = vec![b'7'; length];
                text[place] = byte;
                let text = String::from_utf8(text).unwrap();
                assert_eq!(is_base62(&text), byte.is_ascii_alphanumeric(), "{text:?}");
            }
        }
        assert!(is_base62("") && !is_base62("0123456é") && !is_base62("01234567é"));
    }

    #[test]
    fn white_space_is_seen_of_every_kind_and_at_every_place() {
        for letter in (0..=0x3000).filter_map(char::from_u32) {
            for text in
                [format!("{letter}"), format!("ab_cdefgh{letter}"), format!("{letter}0123456789abcdefg")]
            {
                assert_eq!(has_white_space(&text), letter.is_whitespace(), "{text:?}");
            }
        }
        assert!(!has_white_space(""));
    }

    #[test]
    fn a_prefix_ends_behind_the_last_underscore_within_reach() {
        let slowly = |text: &[u8]| {
            let reach = &text[..text.len().min(*limits::KEY_PREFIX_CHARS.end())];
            reach.iter().rposition(|&byte| byte == b'_').map_or(0, |place| place + 1)
        };
        for other in [b'a', b'^', b'`', 0xdf, 0x80, 0, 0xff] {
            for length in 0..40 {
                let mut text = vec![other; length];
                assert_eq!(prefix_end(&text), 0, "{text:?}");
                for (first, second) in (0..length).flat_map(|first| [(first, first), (first, length / 2)]) {
                    text[first] = b'_';
                    text[second] = b'_';
                    assert_eq!(prefix_end(&text), slowly(&text), "{text:?}");
                    text.fill(other);
                }
            }
        }
    }
}
