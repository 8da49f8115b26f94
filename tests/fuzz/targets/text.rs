use credledger::domain::text::{Description, Name};
use credledger::limits;
use unicode_normalization::is_nfc;

use super::text;
use crate::engine::Target;

#[test]
fn a_text_that_passes_is_stable_and_within_its_limit() {
    Target {
        name: "text",
        corpus: const {
            &[
                b"ci-runner",
                "e\u{301} \u{212b} \u{1100}\u{1161}\u{11a8}".as_bytes(),
                "日本語キー हिन्दी עברית".as_bytes(),
                b"one\r\n\ttwo\n",
                &[b'x'; limits::NAME_CHARS],
                &[b'x'; limits::DESCRIPTION_CHARS],
                "α\u{313}\u{300}\u{345}".as_bytes(),
            ]
        },
        dictionary: const {
            &[
                "\u{202e}".as_bytes(),
                "\u{200b}".as_bytes(),
                "\u{ad}".as_bytes(),
                "\u{301}".as_bytes(),
                "\u{315}".as_bytes(),
                "\u{345}".as_bytes(),
                "\u{1161}".as_bytes(),
                "\u{11a8}".as_bytes(),
                "\u{3000}".as_bytes(),
                "\u{fb2c}".as_bytes(),
                "\u{1d160}".as_bytes(),
                "\u{378}".as_bytes(),
                "\u{e000}".as_bytes(),
                b"\r\n",
                b"\r",
                b"\t",
                b" ",
                b"\0",
                b"xxxxxxxxxxxx",
            ]
        },
        check: check_text,
    }
    .run();
}

fn check_text(input: &[u8]) -> bool {
    let Some(typed) = text(input) else { return false };
    let name = Name::parse(typed);
    if let Ok(name) = &name {
        assert_eq!(Name::parse(name.as_str()).as_ref(), Ok(name));
        let chars = name.as_str().chars().count();
        assert!((1..=limits::NAME_CHARS).contains(&chars));
        assert!(!name.as_str().contains(char::is_control) && is_nfc(name.as_str()));
        assert_eq!(name.as_str().trim(), name.as_str());
        let travelled: Name = serde_json::from_str(&serde_json::to_string(name).unwrap()).unwrap();
        assert_eq!(&travelled, name);
        assert_eq!(Description::parse(typed).unwrap().as_str(), name.as_str(), "a name is a description too");
    }
    let description = Description::parse(typed);
    if let Ok(description) = &description {
        assert_eq!(Description::parse(description.as_str()).as_ref(), Ok(description));
        assert!(description.as_str().chars().count() <= limits::DESCRIPTION_CHARS);
        assert!(!description.as_str().contains(|c: char| c.is_control() && c != '\n' && c != '\t'));
    }
    description.is_ok()
}
