use credledger::domain::scope::{ConcreteScope, Scope, covers};
use credledger::limits;

use super::{text, two};
use crate::engine::Target;

#[test]
fn scopes_admit_and_cover_coherently() {
    Target {
        name: "scope",
        corpus: &[
            b"a.*\na.b.c",
            b"*\nx",
            b"orders:*.read\norders:eu.read",
            b"a.*.*\na.*",
            b"a.b\na:b",
            b"*.read\norders.read",
            b"a-b_9:X\na-b_9:X",
        ],
        dictionary: &[
            b".",
            b":",
            b"*",
            b".*",
            b":*",
            b"*.",
            b"a",
            b"\n",
            b"..",
            b"**",
            b"-",
            b"_",
            b" ",
            b"\xc3\xa9",
        ],
        check: check_scope,
    }
    .run();
}

fn check_scope(input: &[u8]) -> bool {
    let (granted, other) = two(input);
    let (Some(granted), Some(other)) = (text(granted), text(other)) else { return false };
    let Ok(granted) = Scope::parse(granted) else { return false };
    assert_eq!(Scope::parse(granted.as_str()).as_ref(), Ok(&granted));
    assert!(granted.as_str().len() <= limits::SCOPE_CHARS);
    assert!(covers(&granted, &granted) && covers(&Scope::parse("*").unwrap(), &granted));
    assert_eq!(ConcreteScope::parse(granted.as_str()).is_ok(), !granted.as_str().contains('*'));

    let Ok(narrower) = Scope::parse(other) else { return true };
    let expected = by_the_book(&granted);
    if let Ok(asked) = ConcreteScope::parse(other) {
        assert_eq!(granted.admits(&asked), expected(other), "{granted} {asked}");
        assert_eq!(granted.admits(&asked), covers(&granted, &narrower));
    }
    // Examples of what the narrower one admits. A word that stands in no pattern also tells when it is not covered.
    for word in ["zQ0-unheard_of", "a"] {
        let example = narrower.as_str().replace('*', word);
        let longer =
            if narrower.as_str().ends_with('*') { format!("{example}:{word}.a") } else { example.clone() };
        for asked in [&example, &longer].into_iter().filter_map(|text| ConcreteScope::parse(text).ok()) {
            assert!(narrower.admits(&asked), "{narrower} {asked}");
            assert!(!covers(&granted, &narrower) || granted.admits(&asked), "{granted} {narrower} {asked}");
        }
        if let Ok(asked) = ConcreteScope::parse(&example)
            && !granted.as_str().contains(word)
        {
            assert_eq!(covers(&granted, &narrower), granted.admits(&asked), "{granted} {narrower} {asked}");
        }
    }
    true
}

/// Matching said a second way: both split into words, with their joints before them.
fn by_the_book(granted: &Scope) -> impl Fn(&str) -> bool {
    let split = |text: &str| -> Vec<String> {
        text.replace('.', "\n.").replace(':', "\n:").split('\n').map(str::to_owned).collect()
    };
    let granted = split(granted.as_str());
    move |asked| {
        let asked = split(asked);
        let (last, before) = granted.split_last().unwrap();
        let open = last.ends_with('*');
        let lengths = if open { asked.len() >= granted.len() } else { asked.len() == granted.len() };
        let fits = |(granted, asked): (&String, &String)| match granted.strip_suffix('*') {
            Some(joint) => asked.starts_with(joint) && (!joint.is_empty() || !asked.starts_with(['.', ':'])),
            None => granted == asked,
        };
        lengths && before.iter().zip(&asked).all(fits) && fits((last, &asked[before.len()]))
    }
}
