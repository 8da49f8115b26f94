use std::net::IpAddr;

use credledger::domain::ip_rules::{Cidr, IpEntry, IpRules, fold_mapped};

use super::{text, two};
use crate::engine::Target;

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
