use std::sync::LazyLock;

use credledger::domain::formats::Formats;
use credledger::domain::key_format::{Checksum, KeyFormat, RANDOM_BYTES, compose, read};

use super::text;
use crate::engine::Target;

#[test]
fn a_key_is_found_exactly_where_its_format_reads_it() {
    Target {
        name: "key",
        corpus: &[
            b"cl_live_777777777777777777777777777777777777773rqiYj",
            b"cl_live_00000000000000000000000000000000",
            b"velgent_live_0123456789ABCDEFGHIJKLMNOPQRSTUV",
            b"vlk_777777777777777777777777777777",
            b"cl_7777777777777777777777777777",
            b"cl_77777777777777777777777777777733YwNd",
        ],
        dictionary: &[b"cl_", b"cl_live_", b"vlk_", b"velgent_live_", b"_", b" ", b"0000000000", b"\xc3\xa9"],
        check: check_key,
    }
    .run();
}

static KEY_FORMATS: LazyLock<Vec<KeyFormat>> = LazyLock::new(|| {
    [
        ("cl_live_", 8, 30, Checksum::Crc32),
        ("cl_live_", 8, 24, Checksum::None),
        ("cl_live_", 6, 38, Checksum::None),
        ("cl_live_", 8, 36, Checksum::None),
        ("cl_", 6, 22, Checksum::None),
        ("cl_", 8, 22, Checksum::Crc32),
        ("velgent_live_", 8, 24, Checksum::None),
        ("vlk_", 8, 22, Checksum::None),
    ]
    .map(|(prefix, public, secret, sum)| KeyFormat::new(prefix, public, secret, sum).unwrap())
    .to_vec()
});

static FORMATS: LazyLock<Formats> = LazyLock::new(|| {
    let mut formats = Formats::default();
    for format in KEY_FORMATS.iter() {
        assert!(formats.insert(format));
    }
    formats
});

fn check_key(input: &[u8]) -> bool {
    // The same bytes as randomness: what is composed of them is read, and found.
    if !input.is_empty() {
        let random: [u8; RANDOM_BYTES] = std::array::from_fn(|i| input[i % input.len()]);
        for format in KEY_FORMATS.iter() {
            let Some(key) = compose(format, &random) else { continue };
            let public = read(format, key.secret.reveal()).unwrap();
            assert_eq!(public.as_str(), key.prefix);
            assert!(FORMATS.candidates(key.secret.reveal()).any(|candidate| candidate == public));
        }
    }
    let Some(text) = text(input) else { return false };
    let mut expected: Vec<_> = KEY_FORMATS.iter().filter_map(|format| read(format, text)).collect();
    expected.sort_by_key(|public| public.as_str().len());
    expected.dedup();
    let found: Vec<_> = FORMATS.candidates(text).collect();
    assert_eq!(found, expected);
    assert_eq!(FORMATS.fits(text), !found.is_empty());
    for public in &found {
        assert!(text.starts_with(public.as_str()) && public.as_str().len() + 22 <= text.len());
    }
    assert!(!FORMATS.misfit(text).detail().is_empty());
    FORMATS.fits(text)
}
