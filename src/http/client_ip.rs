//! Whose address a request came from. The peer is believed; what X-Forwarded-For says is believed only as far as trusted
//! proxies wrote it: from the right, up to the first hop that is none of theirs.

use std::net::{IpAddr, Ipv6Addr};

use crate::domain::ip_rules::{Cidr, fold_mapped};
use crate::limits;

/// `forwarded` are all instances of X-Forwarded-For, in the order sent. `None` is an address that is not known: a hop on the
/// trusted way could not be read, or there were more than [`limits::FORWARDED_HOPS`].
pub fn client_ip<'h>(
    peer: IpAddr,
    trusted: &[Cidr],
    forwarded: impl DoubleEndedIterator<Item = &'h [u8]>,
) -> Option<IpAddr> {
    let is_trusted = |address| trusted.iter().any(|range| range.contains(address));
    let mut client = fold_mapped(peer);
    let mut hops = forwarded.rev().flat_map(|header| header.rsplit(|&byte| byte == b','));
    for _ in 0..limits::FORWARDED_HOPS {
        if !is_trusted(client) {
            return Some(client);
        }
        match hops.next() {
            Some(hop) => client = parse_hop(hop)?,
            None => return Some(client),
        }
    }
    // As many hops as there may be: this one may be the client, or the last.
    let settled = !is_trusted(client) || hops.next().is_none();
    settled.then_some(client)
}

/// Whose request a proxy asks about. It asks in a request of its own, so its own address is nobody's answer: `None` also
/// when it says nothing of the client.
pub fn client_ip_told<'h>(
    proxy: IpAddr,
    trusted: &[Cidr],
    forwarded: impl DoubleEndedIterator<Item = &'h [u8]> + ExactSizeIterator,
) -> Option<IpAddr> {
    if forwarded.len() == 0 { None } else { client_ip(proxy, trusted, forwarded) }
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`, `fe80::1%eth0`: port and zone are cut. An empty hop is not
/// skipped: whoever wrote it did not know the address, and what stands left of it was written by someone else.
fn parse_hop(hop: &[u8]) -> Option<IpAddr> {
    let hop = std::str::from_utf8(hop).ok()?.trim_matches([' ', '\t']);
    let address = match hop.strip_prefix('[') {
        Some(rest) => {
            let (address, after) = rest.split_once(']')?;
            let port = after.strip_prefix(':');
            if !(after.is_empty() || port.is_some_and(is_port)) {
                return None;
            }
            parse_v6(address)?
        }
        None => match hop.split_once(':') {
            Some((address, port)) if !port.contains(':') => {
                IpAddr::V4(address.parse().ok().filter(|_| is_port(port))?)
            }
            Some(_) => parse_v6(hop)?,
            None => IpAddr::V4(hop.parse().ok()?),
        },
    };
    Some(fold_mapped(address))
}

fn parse_v6(text: &str) -> Option<IpAddr> {
    let address = match text.split_once('%') {
        Some((address, zone)) => Some(address).filter(|_| is_zone(zone))?,
        None => text,
    };
    address.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

fn is_zone(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'~' | b'%');
    !text.is_empty() && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, headers: &[&str]) -> Option<String> {
        let trusted =
            ["127.0.0.0/8", "::1", "10.0.0.0/8", "fe80::/10"].map(|range| Cidr::parse(range).unwrap());
        let headers = headers.iter().map(|header| header.as_bytes());
        client_ip(peer.parse().unwrap(), &trusted, headers).map(|address| address.to_string())
    }

    #[test]
    fn the_client_is_the_first_untrusted_hop_from_the_right() {
        let cases: &[(&str, &[&str], Option<&str>)] = &[
            ("192.0.2.9", &[], Some("192.0.2.9")),
            ("192.0.2.9", &["10.0.0.1"], Some("192.0.2.9")),
            ("192.0.2.9", &["rubbish"], Some("192.0.2.9")),
            ("::ffff:192.0.2.9", &[], Some("192.0.2.9")),
            ("127.0.0.1", &[], Some("127.0.0.1")),
            ("127.0.0.1", &["192.0.2.1"], Some("192.0.2.1")),
            ("::ffff:127.0.0.1", &["192.0.2.1"], Some("192.0.2.1")),
            ("127.0.0.1", &["198.51.100.1, 192.0.2.1"], Some("192.0.2.1")),
            ("127.0.0.1", &["rubbish, 192.0.2.1"], Some("192.0.2.1")),
            ("127.0.0.1", &["198.51.100.1, 192.0.2.1,10.0.0.1 ,\t10.0.0.2"], Some("192.0.2.1")),
            ("127.0.0.1", &["198.51.100.1", "192.0.2.1", "10.0.0.1"], Some("192.0.2.1")),
            ("127.0.0.1", &["192.0.2.1, 192.0.2.1, 192.0.2.1"], Some("192.0.2.1")),
            ("127.0.0.1", &["10.0.0.3, 10.0.0.2"], Some("10.0.0.3")),
            ("127.0.0.1", &["10.0.0.3", "10.0.0.2"], Some("10.0.0.3")),
        ];
        for (peer, headers, expected) in cases {
            assert_eq!(client(peer, headers).as_deref(), *expected, "{peer} {headers:?}");
        }
    }

    #[test]
    fn a_proxy_that_tells_no_client_is_not_taken_for_the_client() {
        let trusted = [Cidr::parse("127.0.0.0/8").unwrap()];
        let told = |headers: &[&[u8]]| {
            let client = client_ip_told([127, 0, 0, 1].into(), &trusted, headers.iter().copied());
            client.map(|address| address.to_string())
        };
        assert_eq!(told(&[]), None);
        assert_eq!(told(&[b""]), None);
        assert_eq!(told(&[b"192.0.2.1"]).as_deref(), Some("192.0.2.1"));
        // A client on the proxy's own machine is one that was told.
        assert_eq!(told(&[b"127.0.0.1"]).as_deref(), Some("127.0.0.1"));
    }

    #[test]
    fn ports_and_zones_are_cut_and_mapped_addresses_folded() {
        for (hop, expected) in [
            ("192.0.2.1:80", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:65535", "2001:db8::1"),
            ("2001:db8::1%eth0", "2001:db8::1"),
            ("[2001:db8::1%25eth0.1]:80", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("[::ffff:192.0.2.1]:80", "192.0.2.1"),
            ("192.0.2.7, fe80::1%eth0", "192.0.2.7"),
            ("192.0.2.7, ::ffff:10.0.0.1", "192.0.2.7"),
        ] {
            assert_eq!(client("127.0.0.1", &[hop]).as_deref(), Some(expected), "{hop}");
        }
    }

    #[test]
    fn a_hop_that_cannot_be_read_leaves_the_address_unknown() {
        for hop in [
            "",
            " ",
            "unknown",
            "_hidden",
            "192.0.2.1:",
            "192.0.2.1:65536",
            "192.0.2.1:+80",
            "192.0.2.1%eth0",
            "[192.0.2.1]:80",
            "192.0.2.256",
            "192.0.2",
            "[::1",
            "::1]",
            "[::1]80",
            "[::1]:",
            "fe80::1%",
            "fe80::1%a b",
            "\"192.0.2.1\"",
            "for=192.0.2.1",
            "192.0.2.1 10.0.0.1",
            "192.0.2.1,",
            ",",
            "192.0.2.1;",
            "192.0.2.1/32",
            "\u{661}.0.0.1",
        ] {
            assert_eq!(client("127.0.0.1", &[hop]), None, "{hop:?}");
        }
        assert_eq!(client("127.0.0.1", &["192.0.2.1", ""]), None);
        let trusted = [Cidr::parse("127.0.0.1").unwrap()];
        assert_eq!(client_ip([127, 0, 0, 1].into(), &trusted, [&b"\xff"[..]].into_iter()), None);
    }

    #[test]
    fn the_walk_ends_after_a_bounded_number_of_hops() {
        let chain = |left: &str, hops: usize| format!("{left}{}", ",10.0.0.1".repeat(hops - 1));
        let most = limits::FORWARDED_HOPS;
        assert_eq!(client("127.0.0.1", &[&chain("192.0.2.1", most)]).as_deref(), Some("192.0.2.1"));
        assert_eq!(client("127.0.0.1", &[&chain("10.0.0.9", most)]).as_deref(), Some("10.0.0.9"));
        assert_eq!(client("127.0.0.1", &[&chain("192.0.2.1", most + 1)]), None);
        assert_eq!(client("127.0.0.1", &[&chain("10.0.0.9", most + 1)]), None);
    }
}
