use credledger::clock::Timestamp;

use super::text;
use crate::engine::Target;

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
