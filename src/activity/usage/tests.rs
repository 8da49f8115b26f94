use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::domain::access::Reason;

const START: i64 = 1_800_000_000_000;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(START + millis).expect("an instant")
}

fn usage(rows: usize) -> Usage {
    Usage::with_room(7, at(0), Box::new(|text| text == "secret"), rows)
}

fn call(secret: u128) -> Use<'static> {
    Use {
        tenant: TenantId(Uuid::from_u128(1)),
        credential: CredentialId(Uuid::from_u128(secret / 2)),
        secret: SecretId(Uuid::from_u128(secret)),
        operation: None,
        client_ip: None,
        outcome: Outcome::Accepted,
        at: at(0),
    }
}

fn rows(usage: &Usage) -> Vec<Row> {
    usage.shards.iter().flat_map(|shard| lock(shard).rows().to_vec()).collect()
}

#[test]
fn a_row_takes_what_the_limits_say() {
    assert!(size_of::<Row>() <= 104, "{} bytes", size_of::<Row>());
}

#[test]
fn calls_that_are_alike_are_one_row_and_those_that_are_not_are_told_apart() {
    let usage = usage(100_000);
    let (here, there) =
        (Some(IpAddr::from([192, 0, 2, 1])), Some("2001:db8::1".parse().expect("an address")));
    let refused = Outcome::Refused(Reason::IpDenied);
    let kinds = [
        call(5),
        call(6),
        Use { operation: Some("list"), ..call(5) },
        Use { client_ip: here, ..call(5) },
        Use { client_ip: there, ..call(5) },
        Use { outcome: refused, ..call(5) },
        Use { at: at(HOUR_MS), ..call(5) },
    ];
    for turn in 0..3 {
        for kind in &kinds {
            usage.count(&Use { at: at(kind.at.millis() - START + turn), ..*kind });
        }
    }
    let rows = rows(&usage);
    assert_eq!(rows.len(), kinds.len());
    assert!(rows.iter().all(|row| row.calls() == 3 && row.last_at_ms() - row.first_at_ms() == 2));
    assert_eq!(
        rows.iter().filter_map(Row::client_ip).filter(|ip| Some(*ip) == here || Some(*ip) == there).count(),
        2
    );
    assert_eq!(rows.iter().filter(|row| row.last_at_ms() == START + HOUR_MS + 2).count(), 1);
}

#[test]
fn a_secret_used_from_everywhere_and_for_everything_takes_few_rows_and_no_call_is_lost() {
    let usage = usage(1_000_000);
    let made = 5000u32;
    for number in 0..made {
        let (ip, label) = (Ipv4Addr::from(number), format!("invoice {number}"));
        usage.count(&Use { client_ip: Some(ip.into()), operation: Some(&label), ..call(5) });
    }
    let rows = rows(&usage);
    assert!(rows.len() <= 2 * limits::USAGE_ROWS_OF_A_SECRET + 1, "{}", rows.len());
    assert_eq!(rows.iter().map(Row::calls).sum::<i64>(), i64::from(made));
    assert!(
        rows.iter().any(|row| row.address_left_out)
            && rows.iter().any(|row| row.operation() == labels::OTHERS)
    );
}

#[test]
fn a_tenant_has_so_many_operations_a_day_and_a_secret_is_never_one() {
    let labels = Labels::new(Box::new(|text| text == "secret"));
    let (one, other) = (TenantId(Uuid::from_u128(1)), TenantId(Uuid::from_u128(2)));
    assert_eq!(&*labels.admit(one, "secret", 0), labels::OTHERS);
    for number in 0..limits::USAGE_OPERATIONS_OF_A_TENANT {
        assert_eq!(*labels.admit(one, &number.to_string(), 1), number.to_string());
    }
    assert_eq!(&*labels.admit(one, "more", 23), labels::OTHERS);
    assert_eq!(&*labels.admit(one, "7", 23), "7", "what is known stays known");
    assert_eq!(&*labels.admit(other, "more", 23), "more", "another tenant has its own");
    assert_eq!(&*labels.admit(one, "more", 24), "more", "and the next day is another");
}

#[test]
fn what_finds_no_room_is_told_by_whose_it_was_and_when() {
    let usage = usage(limits::USAGE_SHARDS);
    let made = 4000;
    for secret in 0..made {
        usage.count(&Use { at: at(i64::try_from(secret).expect("small")), ..call(secret) });
    }
    let kept = rows(&usage).len();
    assert!(kept <= limits::USAGE_SHARDS);
    let pending = usage.pending(at(0));
    assert_eq!(pending.dropped + kept as u64, made as u64);
    let (_, gaps) = usage.strangers.take(at(0));
    let gap = gaps.first().expect("a gap");
    assert_eq!((gaps.len(), gap.calls as u64, gap.tenant), (1, pending.dropped, Some(call(0).tenant)));
    assert!(START < gap.from_ms && gap.from_ms < gap.to_ms && gap.to_ms < START + made as i64);
    assert_eq!(usage.strangers.take(at(0)).1, [], "it is told once");
    // What is counted already is counted on.
    let before: i64 = rows(&usage).iter().map(Row::calls).sum();
    let secret = rows(&usage)[0].secret;
    usage.count(&Use { at: rows_at(&usage), ..call(secret.as_u128()) });
    assert_eq!(rows(&usage).iter().map(Row::calls).sum::<i64>(), before + 1);
}

fn rows_at(usage: &Usage) -> Timestamp {
    Timestamp::from_millis(rows(usage)[0].first_at_ms()).expect("an instant")
}

#[test]
fn strangers_are_numbers_by_the_hour_and_by_the_tenant_that_was_named() {
    let usage = usage(1000);
    let malformed = Outcome::Refused(Reason::Malformed);
    let tenant = |number: u128| Some(TenantId(Uuid::from_u128(number)));
    // Between two hours others may count in either: START is well within one.
    usage.count_unknown(malformed, None, at(-HOUR_MS));
    usage.count_unknown(malformed, None, at(0));
    usage.count_unknown(malformed, None, at(1));
    for number in 0..2 * limits::USAGE_UNKNOWN_ROWS as u128 {
        usage.count_unknown(malformed, tenant(number), at(0));
    }
    let (seen, _) = usage.strangers.seen(at(2));
    assert_eq!(seen, usage.strangers.seen(at(2)).0, "to look takes nothing");
    let mut by_hour = HashMap::<i64, i64>::new();
    seen.iter().for_each(|each| *by_hour.entry(each.hour_ms).or_default() += each.calls);
    let this_hour = START - START % HOUR_MS;
    let all = 2 + 2 * limits::USAGE_UNKNOWN_ROWS as i64;
    assert_eq!(by_hour, HashMap::from([(this_hour - HOUR_MS, 1), (this_hour, all)]));
    assert!(seen.len() <= limits::USAGE_UNKNOWN_ROWS + 2, "{}", seen.len());
}
