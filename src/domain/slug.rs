//! Names that stand in URLs: lower-case words and numbers joined by single hyphens.

use crate::limits;

/// What a text has to be, for whoever has to mend one.
pub fn expected() -> String {
    format!(
        "expected words of a-z and 0-9 joined by single hyphens, at most {} characters",
        limits::SLUG_CHARS
    )
}

pub fn is_slug(text: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    text.len() <= limits::SLUG_CHARS && text.split('-').all(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers_joined_by_single_hyphens() {
        for text in ["free", "7", "free-2-go", &"a".repeat(limits::SLUG_CHARS)] {
            assert!(is_slug(text), "{text}");
        }
        for text in ["", "-", "a--b", "a-", "-a", "A", "ä", "a b", "a_b", &"a".repeat(limits::SLUG_CHARS + 1)]
        {
            assert!(!is_slug(text), "{text}");
        }
    }
}
