//! One target for each reader of foreign text, and what it promises about anything it is given.

use std::net::IpAddr;
use std::sync::LazyLock;

use credledger::clock::Timestamp;
use credledger::domain::formats::Formats;
use credledger::domain::ip_rules::{Cidr, IpEntry, IpRules, fold_mapped};
use credledger::domain::key_format::{Checksum, KeyFormat, RANDOM_BYTES, compose, read};
use credledger::domain::scope::{ConcreteScope, Scope, covers, missing};
use credledger::domain::text::{Description, Name};
use credledger::http::bearer::bearer;
use credledger::http::client_ip::client_ip;
use credledger::limits;
use unicode_normalization::is_nfc;

use crate::engine::Target;

/// Two texts in one input stand on either side of the first of these.
const SEPARATOR: u8 = b'\n';

fn two(input: &[u8]) -> (&[u8], &[u8]) {
    let middle = input.iter().position(|&byte| byte == SEPARATOR);
    middle.map_or((input, &[]), |middle| (&input[..middle], &input[middle + 1..]))
}

fn text(input: &[u8]) -> Option<&str> {
    std::str::from_utf8(input).ok()
}

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

#[test]
fn an_authorization_header_gives_its_token_or_a_reason() {
    Target {
        name: "authorization",
        corpus: &[b"Bearer cl_live_x", b"bearer a\nBearer b", b"Basic YTpi", b"Bearer ", b""],
        dictionary: &[b"Bearer", b"bEARER ", b" ", b"\t", b"\n", b"\0", b"\xff", b",", b"Basic ", b"=="],
        check: check_authorization,
    }
    .run();
}

fn check_authorization(input: &[u8]) -> bool {
    let values: Vec<&[u8]> = input.split(|&byte| byte == SEPARATOR).collect();
    let outcome = bearer(values.iter().copied());
    if let Ok(token) = outcome {
        let token = token.expect("there was a header");
        assert!(!token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()));
        assert_eq!(values.len(), 1);
        let (scheme, rest) = values[0].split_at("bearer".len());
        assert!(scheme.eq_ignore_ascii_case(b"bearer"));
        assert_eq!(rest, format!(" {token}").as_bytes());
        assert_eq!(bearer([format!("Bearer {token}").as_bytes()].into_iter()), Ok(Some(token)));
    }
    assert!(bearer(values.iter().copied().chain([&b"Bearer x"[..]])).is_err());
    outcome.is_ok()
}

#[test]
fn what_stands_left_of_an_untrusted_hop_changes_nothing() {
    Target {
        name: "x_forwarded_for",
        corpus: &[
            b"192.0.2.1, 10.0.0.1",
            b"198.51.100.1\n192.0.2.1:80,10.0.0.1",
            b"[2001:db8::1]:443, fe80::1%eth0, ::ffff:10.0.0.1",
            b"10.0.0.3, 10.0.0.2",
            b"unknown, 192.0.2.1",
        ],
        dictionary: &[
            b",",
            b", ",
            b"\n",
            b"10.0.0.1,",
            b"127.0.0.1",
            b"[::1]",
            b":80",
            b":65536",
            b"%eth0",
            b"::ffff:",
            b"[",
            b"]",
            b"%",
            b"256",
            b"\xff",
            b"192.0.2.1",
        ],
        check: check_forwarded,
    }
    .run();
}

fn check_forwarded(input: &[u8]) -> bool {
    let trusted = ["127.0.0.0/8", "::1", "10.0.0.0/8", "fe80::/10"].map(|range| Cidr::parse(range).unwrap());
    let is_trusted = |address| trusted.iter().any(|range| range.contains(address));
    let proxy = IpAddr::from([127, 0, 0, 1]);
    let stranger = IpAddr::from([203, 0, 113, 9]);
    let headers = || input.split(|&byte| byte == SEPARATOR);
    let client = client_ip(proxy, &trusted, headers());

    assert_eq!(client_ip(stranger, &trusted, headers()), Some(stranger));
    assert_eq!(client_ip(proxy, &[], headers()), Some(proxy));
    let joined = headers().collect::<Vec<_>>().join(&b","[..]);
    assert_eq!(client_ip(proxy, &trusted, [&joined[..]].into_iter()), client, "one header or several");
    let nearest = joined.rsplit(|&byte| byte == b',').next().unwrap();
    assert!(!nearest.trim_ascii().is_empty() || client.is_none(), "a proxy that wrote nothing knew nothing");
    let Some(client) = client else { return false };
    assert_eq!(fold_mapped(client), client);
    if !is_trusted(client) {
        for forged in [&b"198.51.100.7"[..], b"rubbish", b"10.0.0.1", b""] {
            let with = client_ip(
                proxy,
                &trusted,
                std::iter::once(forged).chain(headers()).collect::<Vec<_>>().into_iter(),
            );
            assert_eq!(with, Some(client), "the caller wrote {}", forged.escape_ascii());
        }
    }
    let alone = client.to_string();
    assert_eq!(client_ip(proxy, &trusted, [alone.as_bytes()].into_iter()), Some(client));
    true
}

#[test]
fn a_range_that_parses_is_canonical_and_holds_its_own_network() {
    Target {
        name: "cidr",
        corpus: &[
            b"10.0.0.0/8\n10.1.2.3",
            b"::ffff:10.0.0.0/104\n10.0.0.9",
            b"2001:db8::/32\n2001:db8::1",
            b"203.0.113.7",
            b"::/0\n0.0.0.0/0",
        ],
        dictionary: &[
            b"/", b"/0", b"/32", b"/96", b"/128", b"::ffff:", b"::", b"0", b"255", b".0", b"%1", b"+", b"\n",
            b"ffff",
        ],
        check: check_cidr,
    }
    .run();
}

fn check_cidr(input: &[u8]) -> bool {
    let (given, other) = two(input);
    let Some(given) = text(given) else { return false };
    let Ok(range) = Cidr::parse(given) else { return false };
    let canonical = range.to_string();
    assert_eq!(Cidr::parse(&canonical), Ok(range));
    assert_eq!(serde_json::from_str::<Cidr>(&serde_json::to_string(&range).unwrap()).unwrap(), range);
    let (network, _) = canonical.split_once('/').unwrap();
    let network: IpAddr = network.parse().unwrap();
    assert!(range.contains(network) && fold_mapped(network) == network);
    let given: IpAddr = given.split('/').next().unwrap().parse().unwrap();
    assert_eq!(fold_mapped(given), network, "nothing that was written is dropped");

    let Some(other) = text(other) else { return true };
    if let Ok(address) = other.parse::<IpAddr>() {
        check_rules(range, address);
    }
    if let Ok(other) = Cidr::parse(other) {
        let list = [range, other].map(|cidr| IpEntry { cidr, enabled: true }).to_vec();
        assert_eq!(IpRules::new(list.clone(), vec![]).is_ok(), range != other);
        assert!(IpRules::new(list[..1].to_vec(), list[1..].to_vec()).is_ok());
    }
    true
}

/// The rows of G4 and G5 for one address and one range.
fn check_rules(range: Cidr, address: IpAddr) {
    let on = vec![IpEntry { cidr: range, enabled: true }];
    let off = vec![IpEntry { cidr: range, enabled: false }];
    let admits = |allow: &[IpEntry], deny: &[IpEntry], client| {
        IpRules::new(allow.to_vec(), deny.to_vec()).unwrap().admits(client)
    };
    let inside = range.contains(address);
    assert_eq!(admits(&on, &[], Some(address)), inside);
    assert_eq!(admits(&[], &on, Some(address)), !inside);
    assert_eq!(admits(&on, &on, Some(address)), inside, "the allow list decides");
    assert!(!admits(&off, &[], Some(address)) && !admits(&on, &[], None) && !admits(&[], &on, None));
    assert!(admits(&[], &off, Some(address)) && admits(&[], &[], None));
}

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
        let lacking = missing(std::slice::from_ref(&granted), std::slice::from_ref(&asked));
        assert_eq!(lacking.is_empty(), granted.admits(&asked));
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

#[test]
fn an_instant_that_parses_prints_and_parses_to_itself() {
    Target {
        name: "timestamp",
        corpus: &[
            b"2026-11-20T10:00:00Z",
            b"2026-11-20T12:00:00.123999+02:00",
            b"9999-12-31T23:59:59.999Z",
            b"1970-01-01T00:00:00-00:00",
            b"2016-12-31T23:59:60Z",
            b"2024-02-29t00:00:00z",
        ],
        dictionary: &[
            b"-",
            b":",
            b"T",
            b"Z",
            b"t",
            b"z",
            b"+23:59",
            b"-23:59",
            b".999999999",
            b".0000000000001",
            b"60",
            b"24",
            b"0000",
            b"9999",
            b" ",
            b"+",
            b"1969",
            b"02-29",
        ],
        check: check_timestamp,
    }
    .run();
}

fn check_timestamp(input: &[u8]) -> bool {
    let Some(at) = text(input).and_then(Timestamp::parse) else { return false };
    let printed = at.to_string();
    assert_eq!(Timestamp::parse(&printed), Some(at));
    assert_eq!(printed.len(), "2026-11-20T10:00:00.000Z".len());
    assert_eq!(Timestamp::from_millis(at.millis()), Some(at));
    assert!(at <= Timestamp::MAX && at.plus_seconds(1) >= at);
    assert_eq!(serde_json::from_str::<Timestamp>(&serde_json::to_string(&at).unwrap()).unwrap(), at);
    true
}
