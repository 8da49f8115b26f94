//! Lists of words in headers, cut between two words where a proxy's buffer would not hold them all.

pub struct Joined {
    pub text: String,
    pub is_cut: bool,
}

/// As many whole words as fit, joined by spaces.
pub fn joined_within<'w>(words: impl IntoIterator<Item = &'w str>, most: usize) -> Joined {
    let mut text = String::new();
    for word in words {
        let gap = if text.is_empty() { "" } else { " " };
        if text.len() + gap.len() + word.len() > most {
            return Joined { text, is_cut: true };
        }
        text.push_str(gap);
        text.push_str(word);
    }
    Joined { text, is_cut: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_cut_between_words() {
        let cases: [(&[&str], &str, bool); 6] = [
            (&[], "", false),
            (&["abc", "def"], "abc def", false),
            (&["abc", "defg"], "abc", true),
            (&["abc", "defg", "h"], "abc", true),
            (&["abcdefg"], "abcdefg", false),
            (&["abcdefgh"], "", true),
        ];
        for (words, text, is_cut) in cases {
            let joined = joined_within(words.iter().copied(), 7);
            assert_eq!((joined.text.as_str(), joined.is_cut), (text, is_cut), "{words:?}");
        }
    }
}
