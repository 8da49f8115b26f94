//! What a credential may do, and from where: many credentials have the same, so the view keeps each once.

use super::bytes::{BadRecord, Reader, Writer};
use crate::domain::ip_rules::{Cidr, IpEntry, IpRules};
use crate::domain::scope::Scope;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    pub scopes: Vec<Scope>,
    pub ip_rules: IpRules,
}

impl Policy {
    /// One policy has one encoding, so that policies can be told apart by their bytes.
    pub fn encode(scopes: &[Scope], ip_rules: &IpRules, out: &mut Writer) {
        out.count(scopes.len());
        for scope in scopes {
            out.text(scope.as_str());
        }
        for entries in [ip_rules.allow(), ip_rules.deny()] {
            out.count(entries.len());
            for entry in entries {
                encode_entry(entry, out);
            }
        }
    }

    pub fn decode(bytes: &[u8]) -> Result<Policy, BadRecord> {
        let mut reader = Reader(bytes);
        let mut scopes = Vec::new();
        for _ in 0..reader.count()? {
            scopes.push(Scope::parse(reader.text()?).map_err(|_| BadRecord("a scope is none"))?);
        }
        let allow = decode_entries(&mut reader)?;
        let deny = decode_entries(&mut reader)?;
        reader.end()?;
        let ip_rules = IpRules::new(allow, deny).map_err(|_| BadRecord("its IP rules are none"))?;
        Ok(Policy { scopes, ip_rules })
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
