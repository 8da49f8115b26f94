//! From where a credential may be used: addresses and ranges to allow and to deny, each with a switch.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize, Serializer};

use crate::limits;

/// One address or range, always in its canonical form. The families stay apart: `::/0` holds no IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

const MAPPED_PREFIX: u8 = 96;

impl Cidr {
    /// A bare address is the range of that one address, and reads back with its `/32` or `/128`.
    pub fn parse(text: &str) -> Result<Self, CidrError> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(parse_length(length)?)),
            None => (text, None),
        };
        let given: IpAddr = address.parse().map_err(|_| CidrError::Address)?;
        let length = length.unwrap_or(width(given));
        if length > width(given) {
            return Err(CidrError::Length);
        }
        let address = fold_mapped(given);
        let prefix = if address.is_ipv4() == given.is_ipv4() {
            length
        } else {
            length.checked_sub(MAPPED_PREFIX).ok_or(CidrError::MappedTooShort)?
        };
        let network = masked(address, prefix);
        if network != address {
            return Err(CidrError::HostBits { network: Cidr { network, prefix }, address });
        }
        Ok(Cidr { network, prefix })
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        let address = fold_mapped(address);
        address.is_ipv4() == self.network.is_ipv4() && masked(address, self.prefix) == self.network
    }
}

/// The IPv4 address inside `::ffff:a.b.c.d`; any other address as it is.
pub fn fold_mapped(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn parse_length(text: &str) -> Result<u8, CidrError> {
    let canonical = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if canonical { text.parse().map_err(|_| CidrError::Length) } else { Err(CidrError::Length) }
}

/// `prefix` is at most the address's width.
fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    let host_bits = u32::from(width(address).saturating_sub(prefix));
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(host_bits).unwrap_or(0);
            Ipv4Addr::from_bits(address.to_bits() & mask).into()
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

impl Serialize for Cidr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl TryFrom<String> for Cidr {
    type Error = CidrError;

    fn try_from(text: String) -> Result<Self, CidrError> {
        Self::parse(&text)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IpEntry {
    pub cidr: Cidr,
    #[serde(default = "switched_on")]
    pub enabled: bool,
}

fn switched_on() -> bool {
    true
}

/// Both lists together hold at most [`limits::IP_ENTRIES`] entries, and neither names a range twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "GivenRules")]
pub struct IpRules {
    allow: Vec<IpEntry>,
    deny: Vec<IpEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenRules {
    #[serde(default)]
    allow: Vec<IpEntry>,
    #[serde(default)]
    deny: Vec<IpEntry>,
}

impl IpRules {
    pub fn new(allow: Vec<IpEntry>, deny: Vec<IpEntry>) -> Result<Self, IpRulesError> {
        if allow.len() + deny.len() > limits::IP_ENTRIES {
            return Err(IpRulesError::TooMany);
        }
        for (list, entries) in [("allow", &allow), ("deny", &deny)] {
            let repeats =
                |index: usize| entries[..index].iter().any(|entry| entry.cidr == entries[index].cidr);
            if let Some(index) = (1..entries.len()).find(|&index| repeats(index)) {
                return Err(IpRulesError::Duplicate { list, index, cidr: entries[index].cidr });
            }
        }
        Ok(Self { allow, deny })
    }

    pub fn allow(&self) -> &[IpEntry] {
        &self.allow
    }

    pub fn deny(&self) -> &[IpEntry] {
        &self.deny
    }

    pub fn is_empty(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }

    /// May this address use the credential? `None` is an address that is not known.
    ///
    /// An allow list that has entries decides alone, also when all of them are switched off: then nobody is admitted. A deny
    /// list without an enabled entry refuses nobody, so it need not know the address either.
    pub fn admits(&self, client: Option<IpAddr>) -> bool {
        let listed = |entries: &[IpEntry], address| {
            entries.iter().any(|entry| entry.enabled && entry.cidr.contains(address))
        };
        match client {
            Some(address) if self.allow.is_empty() => !listed(&self.deny, address),
            Some(address) => listed(&self.allow, address),
            None => self.allow.is_empty() && !self.deny.iter().any(|entry| entry.enabled),
        }
    }
}

impl TryFrom<GivenRules> for IpRules {
    type Error = IpRulesError;

    fn try_from(given: GivenRules) -> Result<Self, IpRulesError> {
        Self::new(given.allow, given.deny)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CidrError {
    Address,
    Length,
    HostBits { network: Cidr, address: IpAddr },
    MappedTooShort,
}

impl fmt::Display for CidrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CidrError::Address => f.write_str(
                "is no IPv4 or IPv6 address or range; write `192.0.2.0/24`, `192.0.2.7`, `2001:db8::/32` or `2001:db8::7`",
            ),
            CidrError::Length => {
                f.write_str("has a bad length after the /; it is 0 to 32 for IPv4 and 0 to 128 for IPv6")
            }
            CidrError::HostBits { network, address } => {
                write!(f, "has host bits set; write `{network}` for the range or `{address}` for the one address")
            }
            CidrError::MappedTooShort => {
                f.write_str("is a range of IPv4-mapped addresses wider than IPv4; write it as an IPv4 range")
            }
        }
    }
}

impl std::error::Error for CidrError {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpRulesError {
    TooMany,
    /// `index` is that of the second one in `list`.
    Duplicate {
        list: &'static str,
        index: usize,
        cidr: Cidr,
    },
}

impl fmt::Display for IpRulesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IpRulesError::TooMany => {
                write!(f, "holds more than {} entries in all; join neighbouring ranges", limits::IP_ENTRIES)
            }
            IpRulesError::Duplicate { list, index, cidr } => {
                write!(f, "names {cidr} twice in `{list}`, again at {index}; keep one of them")
            }
        }
    }
}

impl std::error::Error for IpRulesError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(text: &str) -> Cidr {
        Cidr::parse(text).unwrap()
    }

    fn entries(texts: &[&str]) -> Vec<IpEntry> {
        let entry = |text: &&str| match text.strip_prefix('-') {
            Some(text) => IpEntry { cidr: cidr(text), enabled: false },
            None => IpEntry { cidr: cidr(text), enabled: true },
        };
        texts.iter().map(entry).collect()
    }

    #[test]
    fn an_entry_reads_back_canonical() {
        let cases = [
            ("192.168.1.0/24", "192.168.1.0/24"),
            ("203.0.113.7", "203.0.113.7/32"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("::/0", "::/0"),
            ("2001:DB8:0:0::/32", "2001:db8::/32"),
            ("2001:db8::7", "2001:db8::7/128"),
            ("::ffff:10.0.0.1", "10.0.0.1/32"),
            ("::FFFF:a00:0/104", "10.0.0.0/8"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("::ffff:10.0.0.1/128", "10.0.0.1/32"),
        ];
        for (given, canonical) in cases {
            assert_eq!(cidr(given).to_string(), canonical, "{given}");
            assert_eq!(cidr(canonical), cidr(given));
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        use CidrError::{Address, Length};
        let cases = [
            ("", Address),
            ("10.0.0", Address),
            ("10.0.0.256", Address),
            ("010.0.0.1", Address),
            (" 10.0.0.1", Address),
            ("fe80::1%eth0", Address),
            ("[::1]", Address),
            ("10.0.0.1:80", Address),
            ("host.example", Address),
            ("10.0.0.0/", Length),
            ("10.0.0.0/33", Length),
            ("10.0.0.0/+8", Length),
            ("10.0.0.0/08", Length),
            ("10.0.0.0/8/8", Length),
            ("10.0.0.0/255.0.0.0", Length),
            ("::/129", Length),
            ("::/300", Length),
            ("::ffff:0:0/95", CidrError::MappedTooShort),
            ("::ffff:10.0.0.1/24", CidrError::MappedTooShort),
        ];
        for (text, error) in cases {
            assert_eq!(Cidr::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn host_bits_are_refused_with_both_things_that_may_have_been_meant() {
        let told = |text| Cidr::parse(text).unwrap_err().to_string();
        assert!(told("10.1.2.3/8").contains("`10.0.0.0/8` for the range or `10.1.2.3` for the one"));
        assert!(told("::ffff:10.1.2.3/120").contains("`10.1.2.0/24`"));
        assert!(told("2001:db8::1/32").contains("`2001:db8::/32`"));
    }

    #[test]
    fn families_stay_apart_and_mapped_clients_are_ipv4() {
        let holds = |range, address: &str| cidr(range).contains(address.parse().unwrap());
        assert!(holds("10.0.0.0/8", "10.255.0.1"));
        assert!(holds("10.0.0.0/8", "::ffff:10.0.0.1"));
        assert!(!holds("10.0.0.0/8", "11.0.0.0"));
        assert!(!holds("0.0.0.0/0", "::1"));
        assert!(!holds("::/0", "10.0.0.1"));
        assert!(!holds("::/0", "::ffff:10.0.0.1"));
        assert!(holds("2001:db8::/33", "2001:db8:7fff::1"));
        assert!(!holds("2001:db8::/33", "2001:db8:8000::1"));
    }

    #[test]
    fn the_lists_decide_by_the_rulings() {
        // allow, deny (a leading - is switched off), client, admitted
        let cases: &[(&[&str], &[&str], &str, bool)] = &[
            (&[], &[], "10.0.0.1", true),
            (&[], &[], "", true),
            (&["10.0.0.0/8"], &[], "10.0.0.1", true),
            (&["10.0.0.0/8"], &[], "11.0.0.1", false),
            (&["10.0.0.0/8"], &[], "", false),
            (&["-10.0.0.0/8"], &[], "10.0.0.1", false),
            (&["-10.0.0.0/8"], &[], "", false),
            (&["-10.0.0.0/8", "11.0.0.0/8"], &[], "11.0.0.1", true),
            (&["-10.0.0.0/8", "11.0.0.0/8"], &[], "10.0.0.1", false),
            (&[], &["10.0.0.0/8"], "10.0.0.1", false),
            (&[], &["10.0.0.0/8"], "11.0.0.1", true),
            (&[], &["10.0.0.0/8"], "", false),
            (&[], &["-10.0.0.0/8"], "10.0.0.1", true),
            (&[], &["-10.0.0.0/8"], "", true),
            (&["10.0.0.1"], &["10.0.0.0/8"], "10.0.0.1", true),
            (&["10.0.0.1"], &["10.0.0.0/8"], "10.0.0.2", false),
            (&["10.0.0.0/8"], &["10.0.0.1"], "10.0.0.1", true),
            (&["-10.0.0.1"], &["10.0.0.0/8"], "10.0.0.1", false),
            (&["-10.0.0.1"], &["12.0.0.0/8"], "11.0.0.1", false),
        ];
        for (allow, deny, client, admitted) in cases {
            let rules = IpRules::new(entries(allow), entries(deny)).unwrap();
            assert_eq!(rules.admits(client.parse().ok()), *admitted, "{allow:?} {deny:?} {client}");
        }
    }

    #[test]
    fn a_range_twice_in_one_list_and_too_many_entries_are_refused() {
        let twice =
            IpRules::new(vec![], entries(&["10.0.0.1", "11.0.0.0/8", "-::ffff:10.0.0.1"])).unwrap_err();
        assert_eq!(twice, IpRulesError::Duplicate { list: "deny", index: 2, cidr: cidr("10.0.0.1") });
        assert!(IpRules::new(entries(&["10.0.0.1"]), entries(&["10.0.0.1"])).is_ok());
        let many = |n: u32| -> Vec<IpEntry> {
            (0..n)
                .map(|i| IpEntry { cidr: cidr(&Ipv4Addr::from_bits(i).to_string()), enabled: true })
                .collect()
        };
        assert!(IpRules::new(many(100), many(100)).is_ok());
        assert_eq!(IpRules::new(many(100), many(101)), Err(IpRulesError::TooMany));
    }

    #[test]
    fn it_travels_as_the_api_page_shows_it() {
        let text = r#"{"allow":[{"cidr":"192.168.1.0/24","enabled":true}],"deny":[]}"#;
        let rules: IpRules = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&rules).unwrap(), text);
        let short: IpRules = serde_json::from_str(r#"{"allow":[{"cidr":"192.168.1.0/24"}]}"#).unwrap();
        assert_eq!(short, rules);
        for bad in [
            r#"{"allow":[],"block":[]}"#,
            r#"{"allow":[{"cidr":"10.0.0.0/8","on":true}]}"#,
            r#"{"allow":[{"cidr":"10.0.0.1/8"}]}"#,
            r#"{"allow":[{"enabled":true}]}"#,
            r#"{"allow":null}"#,
        ] {
            assert!(serde_json::from_str::<IpRules>(bad).is_err(), "{bad}");
        }
    }
}
