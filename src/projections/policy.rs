//! What a credential may do, from where, and how often: many credentials have the same, so the view keeps each once.

use super::bytes::{BadRecord, Reader, Writer};
use crate::domain::credential::{AuthMethod, Client, Credential, Registration, Resource};
use crate::domain::ip_rules::{Cidr, IpEntry, IpRules};
use crate::domain::rate_limit::OwnRateLimit;
use crate::domain::scope::Scope;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    pub scopes: Vec<Scope>,
    pub ip_rules: IpRules,
    pub rate_limit: OwnRateLimit,
    /// none: it is a key's
    pub client: Option<Client>,
}

impl Policy {
    pub fn of(credential: &Credential) -> Policy {
        Policy {
            scopes: credential.scopes.clone(),
            ip_rules: credential.ip_rules.clone(),
            rate_limit: credential.rate_limit,
            client: credential.client.clone(),
        }
    }

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
        out.flags([self.client.is_some()]);
        if let Some(client) = &self.client {
            encode_client(client, &mut out);
        }
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
        let [of_client] = reader.flags()?;
        let client = if of_client { Some(decode_client(&mut reader)?) } else { None };
        reader.end()?;
        let ip_rules = IpRules::new(allow, deny).map_err(|_| BadRecord("its IP rules are none"))?;
        Ok(Policy { scopes, ip_rules, rate_limit, client })
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

fn encode_client(client: &Client, out: &mut Writer) {
    let Registration {
        token_endpoint_auth_method: AuthMethod::ClientSecretBasic,
        resources,
        dpop_bound_access_tokens,
    } = &client.registration;
    out.u32(client.tokens_revoked);
    out.flags([*dpop_bound_access_tokens]);
    out.count(resources.len());
    for resource in resources {
        out.text(resource.as_str());
    }
}

fn decode_client(reader: &mut Reader<'_>) -> Result<Client, BadRecord> {
    let tokens_revoked = reader.u32()?;
    let [dpop_bound_access_tokens] = reader.flags()?;
    let mut resources = Vec::new();
    for _ in 0..reader.count()? {
        resources.push(Resource::parse(reader.text()?).map_err(|_| BadRecord("a resource is none"))?);
    }
    let token_endpoint_auth_method = AuthMethod::ClientSecretBasic;
    let registration = Registration { token_endpoint_auth_method, resources, dpop_bound_access_tokens };
    Ok(Client { registration, tokens_revoked })
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
