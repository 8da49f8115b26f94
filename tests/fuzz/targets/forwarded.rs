use std::net::IpAddr;

use credledger::domain::ip_rules::{Cidr, fold_mapped};
use credledger::http::client_ip::client_ip;

use super::SEPARATOR;
use crate::engine::Target;

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
