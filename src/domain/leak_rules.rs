//! What a search for leaked secrets goes by: rules for the tools that people use, made of how this ledger's secrets are written.
//!
//! A rule is a regular expression of the class that those tools have (RE2's: no look-around, no back-reference), and a word that
//! must stand in a text before it is tried at all. A checksum is beyond such an expression; whoever looks a hit up is told.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::imports::Alphabet;

/// What is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    Key,
    ClientSecret,
    OperatorToken,
    ImportedKey,
}

impl What {
    fn word(self) -> &'static str {
        match self {
            What::Key => "key",
            What::ClientSecret => "client-secret",
            What::OperatorToken => "operator-token",
            What::ImportedKey => "imported-key",
        }
    }

    fn told(self) -> &'static str {
        match self {
            What::Key => "An API key",
            What::ClientSecret => "An OAuth client's secret",
            What::OperatorToken => "An operator's token",
            What::ImportedKey => "An API key that was imported",
        }
    }
}

/// What follows a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tail {
    pub alphabet: Alphabet,
    pub shortest: usize,
    pub longest: usize,
}

impl Tail {
    pub fn base62(chars: usize) -> Self {
        Tail { alphabet: Alphabet::Base62, shortest: chars, longest: chars }
    }

    fn pattern(self) -> String {
        let letters = match self.alphabet {
            Alphabet::Hex => "0-9A-Fa-f",
            Alphabet::Base58 => "1-9A-HJ-NP-Za-km-z",
            Alphabet::Base62 => "0-9A-Za-z",
            Alphabet::Base64url => "0-9A-Za-z_-",
            Alphabet::Uuid => "0-9A-Fa-f-",
        };
        match self.shortest == self.longest {
            true => format!("[{letters}]{{{}}}", self.shortest),
            false => format!("[{letters}]{{{},{}}}", self.shortest, self.longest),
        }
    }

    /// What can't follow it: else a part of something longer would be a hit.
    fn end(self) -> &'static str {
        match self.alphabet {
            Alphabet::Base64url | Alphabet::Uuid => "(?:[^0-9A-Za-z_-]|$)",
            Alphabet::Hex | Alphabet::Base58 | Alphabet::Base62 => r"\b",
        }
    }
}

/// Of one prefix, whatever lengths it has had.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    what: What,
    prefix: String,
    tails: BTreeSet<Tail>,
}

/// Rules that no two prefixes share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeakRules(BTreeMap<(What, String), BTreeSet<Tail>>);

impl LeakRules {
    /// What has no prefix is written as ids and digests are, and can't be told from them: it makes no rule.
    pub fn add(&mut self, what: What, prefix: &str, tail: Tail) {
        if !prefix.is_empty() {
            self.0.entry((what, prefix.to_owned())).or_default().insert(tail);
        }
    }

    fn each(&self) -> impl Iterator<Item = Rule> {
        self.0.iter().map(|((what, prefix), tails)| Rule {
            what: *what,
            prefix: prefix.clone(),
            tails: tails.clone(),
        })
    }

    /// A configuration of gitleaks, in TOML.
    pub fn gitleaks(&self) -> String {
        let mut text = header() + "title = \"credledger\"\n";
        for rule in self.each() {
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                "\n[[rules]]\nid = \"{}\"\ndescription = \"{}\"\nregex = '''{}'''\nkeywords = [\"{}\"]\n",
                rule.name(),
                rule.description(),
                rule.regex(),
                rule.keyword()
            );
        }
        text
    }

    /// A configuration of TruffleHog's own detectors, in YAML.
    pub fn trufflehog(&self) -> String {
        let mut text = header() + "detectors:\n";
        for rule in self.each() {
            let _ = write!(
                text,
                "  # {}\n  - name: {}\n    keywords:\n      - '{}'\n    regex:\n      token: '{}'\n",
                rule.description(),
                rule.name(),
                rule.keyword(),
                rule.regex()
            );
        }
        text
    }
}

fn header() -> String {
    "# The secrets of this ledger, by how they are written. Made by `credledger leak-rules`; make it again when a format changes.\n\
     # A checksum can't be held against a regular expression, so a hit may be no secret: report it, and only a real one ends.\n"
        .to_owned()
}

impl Rule {
    fn name(&self) -> String {
        format!("credledger-{}-{}", self.what.word(), self.prefix)
    }

    fn description(&self) -> String {
        format!("{} of this ledger, which begins with {}", self.what.told(), self.prefix)
    }

    /// Tools compare it with a text in lower case.
    fn keyword(&self) -> String {
        self.prefix.to_ascii_lowercase()
    }

    /// Its first group is the secret.
    fn regex(&self) -> String {
        let word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let start = if self.prefix.as_bytes().first().is_some_and(word) { r"\b" } else { "" };
        let prefix = self.prefix.replace('.', r"\.");
        let mut by_end: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for tail in &self.tails {
            by_end.entry(tail.end()).or_default().push(tail.pattern());
        }
        let either = |patterns: Vec<String>| match patterns.as_slice() {
            [only] => only.clone(),
            several => format!("(?:{})", several.join("|")),
        };
        match by_end.len() {
            1 => by_end
                .into_iter()
                .map(|(end, tails)| format!("{start}({prefix}{}){end}", either(tails)))
                .collect(),
            // Every tail then ends where none of them could go on.
            _ => {
                let tails = by_end.into_values().flatten().collect();
                format!("{start}({prefix}{})(?:[^0-9A-Za-z_-]|$)", either(tails))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex_lite::Regex;

    use super::*;
    use crate::domain::key_format::{Checksum, KeyFormat, RANDOM_BYTES, compose};

    fn regexes(rules: &LeakRules) -> Vec<Regex> {
        rules.each().map(|rule| Regex::new(&rule.regex()).expect("a regular expression")).collect()
    }

    /// What the rules find in a text.
    fn found<'t>(rules: &LeakRules, text: &'t str) -> Vec<&'t str> {
        let hits = regexes(rules).into_iter().flat_map(|regex| {
            regex.captures_iter(text).filter_map(|hit| Some(hit.get(1)?.as_str())).collect::<Vec<_>>()
        });
        hits.collect()
    }

    fn rule_of(formats: &[KeyFormat]) -> LeakRules {
        let mut rules = LeakRules::default();
        for format in formats {
            rules.add(What::Key, format.prefix(), Tail::base62(format.chars() - format.prefix().len()));
        }
        rules
    }

    fn formats() -> impl Strategy<Value = KeyFormat> {
        let checksum = prop_oneof![Just(Checksum::Crc32), Just(Checksum::None)];
        ("[a-z0-9_]{1,20}_", 6..=12u8, 22..=64u8, checksum)
            .prop_filter_map("a format", |(prefix, public, secret, checksum)| {
                KeyFormat::new(&prefix, public, secret, checksum).ok()
            })
    }

    proptest! {
        #[test]
        fn every_key_of_every_format_is_found_whole_wherever_it_stands(
            format in formats(),
            others in prop::collection::vec(formats(), 0..3),
            random in prop::collection::vec(any::<u8>(), RANDOM_BYTES),
            around in prop::sample::select(vec![("", ""), ("\"", "\","), ("key=", "\n"), (" ", " "), ("(", ")."), ("https://x/?k=", "&y"), ("'", "';")]),
        ) {
            let random: [u8; RANDOM_BYTES] = random.try_into().expect("so many");
            let Some(key) = compose(&format, &random) else { return Ok(()) };
            let key = key.secret.reveal();
            let text = format!("{}{key}{}", around.0, around.1);
            let all = [std::slice::from_ref(&format), others.as_slice()].concat();
            prop_assert!(found(&rule_of(&all), &text).contains(&key));
            // Neither as a part of something longer, nor cut.
            let rules = rule_of(std::slice::from_ref(&format));
            for text in [format!("{key}Q"), format!("q{key}"), key[..key.len() - 1].to_owned()] {
                prop_assert_eq!(found(&rules, &text), Vec::<&str>::new());
            }
        }
    }

    #[test]
    fn imported_keys_are_found_by_their_prefix_and_without_one_there_is_no_rule() {
        let mut rules = LeakRules::default();
        let tail = |alphabet, shortest, longest| Tail { alphabet, shortest, longest };
        rules.add(What::ImportedKey, "sk.live-", tail(Alphabet::Base64url, 20, 30));
        rules.add(What::ImportedKey, "sk.live-", tail(Alphabet::Hex, 40, 40));
        rules.add(What::ImportedKey, "-x~", tail(Alphabet::Uuid, 36, 36));
        rules.add(What::ImportedKey, "", tail(Alphabet::Hex, 64, 64));
        for key in [
            "sk.live--_0123456789abcdefgh-",
            &format!("sk.live-{}", "0aF9".repeat(10)),
            "-x~0197a1b2-c3d4-7e5f-8a9b-000000000002",
        ] {
            assert_eq!(found(&rules, &format!("key: {key};")), [key]);
            let longer = format!("{key}-0000000000000000000000000000000000000000000000");
            assert_eq!(found(&rules, &longer), Vec::<&str>::new(), "{key}");
        }
        assert_eq!(found(&rules, "skXlive-0123456789abcdefghij"), Vec::<&str>::new());
        assert_eq!(regexes(&rules).len(), 2);
    }

    #[test]
    fn the_rules_read_as_their_tools_want_them() {
        let rules =
            rule_of(&[KeyFormat::default(), KeyFormat::new("cl_live_", 8, 36, Checksum::None).expect("one")]);
        let parsed: toml::Table = rules.gitleaks().parse().expect("TOML");
        let rule = &parsed["rules"][0];
        assert_eq!(rule["id"].as_str(), Some("credledger-key-cl_live_"));
        assert_eq!(rule["regex"].as_str(), Some(r"\b(cl_live_[0-9A-Za-z]{44})\b"));
        assert_eq!(rule["keywords"][0].as_str(), Some("cl_live_"));
        let yaml = rules.trufflehog();
        assert!(
            yaml.ends_with(
                "  - name: credledger-key-cl_live_\n    keywords:\n      - 'cl_live_'\n    regex:\n      token: \
                 '\\b(cl_live_[0-9A-Za-z]{44})\\b'\n"
            ),
            "{yaml}"
        );
        assert!(!rules.gitleaks().contains("(?!") && !rules.gitleaks().contains("(?="));
    }
}
