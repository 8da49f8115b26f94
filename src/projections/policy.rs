//! What a credential may do, from where, and how often: many credentials have the same, so the view keeps each once.

use super::bytes::{BadRecord, Reader, Writer};
use crate::domain::ip_rules::{Cidr, IpEntry, IpRules};
use crate::domain::rate_limit::OwnRateLimit;
use crate::domain::scope::Scope;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    pub scopes: Vec<Scope>,
    pub ip_rules: IpRules,
    pub rate_limit: OwnRateLimit,
}

impl Policy {
    /// One policy has one encoding, so that policies can be told apart by their bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.count(self.scopes.len());
        for scope in &self.scopes {
            out.text(scope.as_str());
        }
        for entries in [self.ip_rules.allow(), self.ip_rules.deny()] {
            out.count(entries.len());
            for entry in entries {
                encode_entry(entry, &mut out);
            }
        }
        encode_limit(self.rate_limit, &mut out);
        out.0
    }

    pub fn decode(bytes: &[u8]) -> Result<Policy, BadRecord> {
        let mut reader = Reader(bytes);
        let mut scopes = Vec::new();
        for _ in 0..reader.count()? {
            scopes.push(Scope::parse(reader.text()?).map_err(|_| BadRecord("a scope is none"))?);
        }
        let allow = decode_entries(&mut reader)?;
        let deny = decode_entries(&mut reader)?;
        let rate_limit = decode_limit(&mut reader)?;
        reader.end()?;
        let ip_rules = IpRules::new(allow, deny).map_err(|_| BadRecord("its IP rules are none"))?;
        Ok(Policy { scopes, ip_rules, rate_limit })
    }
}

fn encode_entry(entry: &IpEntry, out: &mut Writer) {
    let text = entry.cidr.to_string();
    out.flags([entry.enabled]);
    out.text(&text);
}

fn decode_entries(reader: &mut Reader<'_>) -> Result<Vec<IpEntry>, BadRecord> {
    let mut entries = Vec::new();
    for _ in 0..reader.count()? {
        let [enabled] = reader.flags()?;
        let cidr = Cidr::parse(reader.text()?).map_err(|_| BadRecord("an IP range is none"))?;
        entries.push(IpEntry { cidr, enabled });
    }
    Ok(entries)
}

fn encode_limit(rate_limit: OwnRateLimit, out: &mut Writer) {
    out.flags([rate_limit == OwnRateLimit::None, matches!(rate_limit, OwnRateLimit::Of(_))]);
    if let OwnRateLimit::Of(limit) = rate_limit {
        out.rate_limit(limit);
    }
}

fn decode_limit(reader: &mut Reader<'_>) -> Result<OwnRateLimit, BadRecord> {
    match reader.flags()? {
        [false, false] => Ok(OwnRateLimit::Default),
        [true, false] => Ok(OwnRateLimit::None),
        [false, true] => reader.rate_limit().map(OwnRateLimit::Of),
        [true, true] => Err(BadRecord("its rate limit is two")),
    }
}
