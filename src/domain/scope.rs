//! Scopes: what a credential was granted (patterns) and what a call asks for (concrete). Words of `[A-Za-z0-9_-]+` joined
//! by `.` or `:`, which are two different characters. A granted `*` is a whole word: alone everything, as the last word
//! one or more words, before it exactly one; so `a.*` is not `a`.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

use crate::limits;

/// What is granted; may hold `*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Scope(Box<str>);

/// What is asked for; never holds `*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct ConcreteScope(Box<str>);

impl Scope {
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        check(text)?;
        Ok(Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_pattern(&self) -> bool {
        self.0.contains('*')
    }

    pub fn admits(&self, asked: &ConcreteScope) -> bool {
        // Most are granted by their own name; what is asked for holds no `*`.
        *self.0 == *asked.0 || matches(&self.0, &asked.0)
    }
}

impl ConcreteScope {
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        check(text)?;
        if text.contains('*') { Err(ScopeError::StarAsked) } else { Ok(Self(text.into())) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// As one text (RFC 6749, 3.3).
pub fn joined(scopes: &[Scope]) -> String {
    scopes.iter().map(Scope::as_str).collect::<Vec<_>>().join(" ")
}

/// Does `granted` admit whatever `narrower` admits?
///
/// Matching the pattern's own text answers that: its `*` equals no word, so it stands for a word that no pattern names.
/// For the same reason a set of scopes covers `narrower` only if one of the set does.
pub fn covers(granted: &Scope, narrower: &Scope) -> bool {
    matches(&granted.0, &narrower.0)
}

/// What both admit, as one scope; `None` when there is nothing. What would be longer than a scope may be, nobody can ask for.
pub fn meet(one: &Scope, other: &Scope) -> Option<Scope> {
    let mut common = Vec::with_capacity(one.0.len() + other.0.len());
    let (mut one, mut other) = (Words::of(&one.0), Words::of(&other.0));
    loop {
        let (ones, others) = match (one.next(), other.next()) {
            (Some(ones), Some(others)) => (ones, others),
            (None, None) => break,
            _ => return None,
        };
        if ones.0 != others.0 {
            return None;
        }
        common.extend(ones.0);
        // A last `*` takes whatever is left of the other.
        let (word, rest) = match (ones.1, others.1) {
            (b"*", word) if one.at_end() => (word, Some(other.rest())),
            (word, b"*") if other.at_end() => (word, Some(one.rest())),
            (b"*", word) | (word, b"*") => (word, None),
            (word, same) if word == same => (word, None),
            _ => return None,
        };
        common.extend_from_slice(word);
        if let Some(rest) = rest {
            common.extend_from_slice(&rest);
            break;
        }
    }
    Scope::parse(std::str::from_utf8(&common).ok()?).ok()
}

fn matches(pattern: &str, asked: &str) -> bool {
    let mut asked = Words::of(asked);
    let mut pattern = Words::of(pattern);
    while let Some((joint, word)) = pattern.next() {
        let Some((asked_joint, asked_word)) = asked.next() else { return false };
        if joint != asked_joint {
            return false;
        }
        match word {
            b"*" if pattern.at_end() => return true,
            b"*" => {}
            _ if word == asked_word => {}
            _ => return false,
        }
    }
    asked.at_end()
}

/// The words of a checked scope, each with the character that joins it to the one before.
struct Words<'a> {
    joint: Option<u8>,
    rest: Option<&'a [u8]>,
}

impl<'a> Words<'a> {
    fn of(scope: &'a str) -> Self {
        Self { joint: None, rest: Some(scope.as_bytes()) }
    }

    fn at_end(&self) -> bool {
        self.rest.is_none()
    }

    /// What was not read yet, as it is written.
    fn rest(&self) -> Vec<u8> {
        self.joint
            .filter(|_| self.rest.is_some())
            .into_iter()
            .chain(self.rest.into_iter().flatten().copied())
            .collect()
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = (Option<u8>, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.take()?;
        let joint = self.joint;
        let end = rest.iter().position(|&byte| is_joint(byte)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if let Some((&next_joint, rest)) = after.split_first() {
            (self.joint, self.rest) = (Some(next_joint), Some(rest));
        }
        Some((joint, word))
    }
}

fn is_joint(byte: u8) -> bool {
    matches!(byte, b'.' | b':')
}

fn check(text: &str) -> Result<(), ScopeError> {
    if text.is_empty() {
        return Err(ScopeError::Empty);
    }
    if text.len() > limits::SCOPE_CHARS && text.chars().nth(limits::SCOPE_CHARS).is_some() {
        return Err(ScopeError::TooLong);
    }
    let foreign = |c: &char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '*'));
    if let Some(character) = text.chars().find(foreign) {
        return Err(ScopeError::Character(character));
    }
    for (_, word) in Words::of(text) {
        if word.is_empty() {
            return Err(ScopeError::EmptyWord);
        }
        if word.contains(&b'*') && word != b"*" {
            return Err(ScopeError::StarInWord);
        }
    }
    Ok(())
}

/// At most [`limits::SCOPES`] scopes, each once, in the order given; one said twice is the same set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<T>", bound(deserialize = "T: Deserialize<'de> + PartialEq"))]
pub struct ScopeSet<T>(Vec<T>);

impl<T: PartialEq> ScopeSet<T> {
    pub fn new(given: Vec<T>) -> Result<Self, ScopeError> {
        if given.len() > limits::SCOPES {
            return Err(ScopeError::TooMany);
        }
        let mut scopes = Vec::with_capacity(given.len());
        for scope in given {
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        Ok(Self(scopes))
    }
}

impl<T> Default for ScopeSet<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Deref for ScopeSet<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: PartialEq> TryFrom<Vec<T>> for ScopeSet<T> {
    type Error = ScopeError;

    fn try_from(given: Vec<T>) -> Result<Self, ScopeError> {
        Self::new(given)
    }
}

impl TryFrom<String> for Scope {
    type Error = ScopeError;

    fn try_from(text: String) -> Result<Self, ScopeError> {
        Self::parse(&text)
    }
}

impl TryFrom<String> for ConcreteScope {
    type Error = ScopeError;

    fn try_from(text: String) -> Result<Self, ScopeError> {
        Self::parse(&text)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ConcreteScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeError {
    Empty,
    TooLong,
    TooMany,
    Character(char),
    EmptyWord,
    StarInWord,
    StarAsked,
}

impl fmt::Display for ScopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ScopeError::Empty => f.write_str("is empty; a scope looks like `orders.read`"),
            ScopeError::TooLong => write!(f, "is longer than {} characters; shorten it", limits::SCOPE_CHARS),
            ScopeError::TooMany => {
                write!(f, "holds more than {} scopes; grant wider ones, such as `orders.*`", limits::SCOPES)
            }
            ScopeError::Character(character) => write!(
                f,
                "holds U+{:04X}; use words of A-Z a-z 0-9 _ - joined by . or :",
                u32::from(*character)
            ),
            ScopeError::EmptyWord => f.write_str("has an empty word; put one word between each . or :"),
            ScopeError::StarInWord => f.write_str("has a * inside a word; a * stands for whole words"),
            ScopeError::StarAsked => f.write_str("holds a *; what is asked for is one scope without *"),
        }
    }
}

impl std::error::Error for ScopeError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(text: &str) -> Scope {
        Scope::parse(text).unwrap()
    }

    fn asked(text: &str) -> ConcreteScope {
        ConcreteScope::parse(text).unwrap()
    }

    #[test]
    fn a_scope_admits_by_the_rulings() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("*", &["a", "a.b", "a:b.c"], &[]),
            ("a", &["a"], &["A", "b", "a.b", "aa"]),
            ("a.*", &["a.b", "a.b.c", "a.b:c"], &["a", "a:b", "b.a", "ab.c"]),
            ("a:*", &["a:b", "a:b.c"], &["a", "a.b"]),
            ("a.*.c", &["a.b.c"], &["a.c", "a.b.b.c", "a.b:c", "a:b.c", "a.b.c.d"]),
            ("*.read", &["orders.read"], &["read", "a.orders.read", "orders:read", "orders.write"]),
            ("a.*.*", &["a.b.c", "a.b.c.d"], &["a.b", "a.b:c"]),
            ("a-b_9:X", &["a-b_9:X"], &["a-b_9:x", "a-b_9.X"]),
        ];
        for (granted, yes, no) in cases {
            for text in *yes {
                assert!(scope(granted).admits(&asked(text)), "{granted} admits {text}");
            }
            for text in *no {
                assert!(!scope(granted).admits(&asked(text)), "{granted} does not admit {text}");
            }
        }
    }

    #[test]
    fn what_is_no_scope_is_refused() {
        let cases = [
            ("", ScopeError::Empty),
            (".", ScopeError::EmptyWord),
            ("a.", ScopeError::EmptyWord),
            (":a", ScopeError::EmptyWord),
            ("a..b", ScopeError::EmptyWord),
            ("a.:b", ScopeError::EmptyWord),
            ("a b", ScopeError::Character(' ')),
            ("é", ScopeError::Character('é')),
            ("a/b", ScopeError::Character('/')),
            ("a*", ScopeError::StarInWord),
            ("a.**", ScopeError::StarInWord),
        ];
        for (text, error) in cases {
            assert_eq!(Scope::parse(text), Err(error), "{text}");
        }
        assert!(Scope::parse(&"a".repeat(limits::SCOPE_CHARS)).is_ok());
        assert_eq!(Scope::parse(&"a".repeat(limits::SCOPE_CHARS + 1)), Err(ScopeError::TooLong));
        assert_eq!(ConcreteScope::parse("a.*"), Err(ScopeError::StarAsked));
        assert_eq!(ConcreteScope::parse("*"), Err(ScopeError::StarAsked));
    }

    #[test]
    fn one_scope_covers_another_exactly_when_it_admits_all_that_the_other_admits() {
        let patterns: Vec<Scope> = texts(&["a", "b", "*"], 3).iter().map(|text| scope(text)).collect();
        // `z` is a word that no pattern names: where covers() says no, it finds the scope that shows it.
        let concrete: Vec<ConcreteScope> = texts(&["a", "z"], 4).iter().map(|text| asked(text)).collect();
        let both: Vec<ConcreteScope> = texts(&["a", "b", "z"], 3).iter().map(|text| asked(text)).collect();
        let concrete: Vec<ConcreteScope> = concrete.into_iter().chain(both).collect();
        let admitted: Vec<Vec<bool>> =
            patterns.iter().map(|scope| concrete.iter().map(|asked| scope.admits(asked)).collect()).collect();
        for (granted, wide) in patterns.iter().zip(&admitted) {
            for (narrower, narrow) in patterns.iter().zip(&admitted) {
                let contained = wide.iter().zip(narrow).all(|(wide, narrow)| *wide || !narrow);
                assert_eq!(covers(granted, narrower), contained, "{granted} over {narrower}");
            }
        }
    }

    /// Every text of up to `length` of these words, with both joints.
    fn texts(words: &[&str], length: usize) -> Vec<String> {
        let mut all: Vec<String> = words.iter().map(|word| word.to_string()).collect();
        let mut longest = all.clone();
        for _ in 1..length {
            longest = longest
                .iter()
                .flat_map(|head| [".", ":"].map(|joint| format!("{head}{joint}")))
                .flat_map(|head| words.iter().map(move |word| format!("{head}{word}")))
                .collect();
            all.extend(longest.iter().cloned());
        }
        all
    }

    #[test]
    fn a_set_holds_each_scope_once_and_has_a_limit() {
        let set: ScopeSet<Scope> = serde_json::from_str(r#"["b", "a.*", "b"]"#).unwrap();
        assert_eq!(serde_json::to_string(&set).unwrap(), r#"["b","a.*"]"#);
        let many = |n: usize| (0..n).map(|i| scope(&format!("s{i}"))).collect();
        assert!(ScopeSet::<Scope>::new(many(limits::SCOPES)).is_ok());
        assert_eq!(ScopeSet::<Scope>::new(many(limits::SCOPES + 1)), Err(ScopeError::TooMany));
        assert!(serde_json::from_str::<ScopeSet<ConcreteScope>>(r#"["a.*"]"#).is_err());
    }
}
