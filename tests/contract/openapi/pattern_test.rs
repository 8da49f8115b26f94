use crate::support::json_schema::pattern::Pattern;

#[test]
fn a_pattern_matches_what_it_says() {
    let cases = [
        ("^a{2,3}$", "aa aaa", "a aaaa"),
        ("^[a-z0-9_]+_$", "cl_live_ a_", "_ A_ a"),
        ("^[0-9]{4}\\.[0-9]{3}Z$", "2026.123Z", "2026-123Z 2026.12Z"),
        ("^(\\*|[A-Za-z_-]+)([.:](\\*|[A-Za-z_-]+))*$", "* a a.b:c a.* a-b", "a. .a a..b a* a,b"),
        ("^\"[0-9]+\"$", "\"7\"", "7 \"\""),
        ("b|^c", "abc c", "ac a"),
        ("^x?[^a-c]$", "xd d x", "a xa dd"),
    ];
    for (pattern, matching, others) in cases {
        let read = Pattern::read(pattern).expect(pattern);
        for text in matching.split(' ') {
            assert!(read.matches(text), "{pattern} {text}");
        }
        for text in others.split(' ') {
            assert!(!read.matches(text), "{pattern} {text}");
        }
    }
}

#[test]
fn what_it_does_not_know_it_refuses() {
    for pattern in ["a.b", "\\d", "(a", "a)", "[a", "a{x}", "*a", "a{1"] {
        assert!(Pattern::read(pattern).is_err(), "{pattern}");
    }
}
