//! Which addresses are taken for one and the same caller.

use std::net::{IpAddr, Ipv6Addr};

use crate::domain::ip_rules::fold_mapped;

/// One IPv4 address, or the /64 that one subscriber of IPv6 is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Block(IpAddr);

impl Block {
    pub fn of(address: IpAddr) -> Self {
        Block(match fold_mapped(address) {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
            address => address,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_one_64_are_one_and_ipv4_addresses_are_not() {
        let block = |text: &str| Block::of(text.parse().expect("an address"));
        assert_eq!(block("2001:db8::1"), block("2001:db8::ffff:1:2:3"));
        assert_ne!(block("2001:db8::1"), block("2001:db8:0:1::1"));
        assert_ne!(block("192.0.2.1"), block("192.0.2.2"));
        assert_eq!(block("::ffff:192.0.2.1"), block("192.0.2.1"));
    }
}
