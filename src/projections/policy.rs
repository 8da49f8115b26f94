//! What a credential may do, from where, and how often: many credentials have the same, so the view keeps each once.

use super::bytes::{BadRecord, Reader, Writer};
use crate::domain::credential::{AuthMethod, Client, ClientKeys, Credential, Registration, Resource};
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
        let keys = self.client.as_ref().and_then(|client| client.registration.jwks.as_ref());
        out.flags([self.client.is_some(), keys.is_some()]);
        if let Some(client) = &self.client {
            encode_client(client, &mut out);
        }
        if let Some(keys) = keys {
            out.text(&keys.text());
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
        let [of_client, with_keys] = reader.flags()?;
        let client = if of_client { Some(decode_client(&mut reader, with_keys)?) } else { None };
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

/// How it proves itself follows from whether it has keys.
fn encode_client(client: &Client, out: &mut Writer) {
    let Registration { token_endpoint_auth_method: _, resources, jwks: _, dpop_bound_access_tokens } =
        &client.registration;
    out.u32(client.tokens_revoked);
    out.flags([*dpop_bound_access_tokens]);
    out.count(resources.len());
    for resource in resources {
        out.text(resource.as_str());
    }
}

fn decode_client(reader: &mut Reader<'_>, with_keys: bool) -> Result<Client, BadRecord> {
    let tokens_revoked = reader.u32()?;
    let [dpop_bound_access_tokens] = reader.flags()?;
    let mut resources = Vec::new();
    for _ in 0..reader.count()? {
        resources.push(Resource::parse(reader.text()?).map_err(|_| BadRecord("a resource is none"))?);
    }
    let of_any = Registration { resources, dpop_bound_access_tokens, ..Registration::default() };
    let registration = match with_keys {
        false => of_any,
        true => Registration {
            token_endpoint_auth_method: AuthMethod::PrivateKeyJwt,
            jwks: Some(decode_keys(reader.text()?)?),
            ..of_any
        },
    };
    Ok(Client { registration, tokens_revoked })
}

fn decode_keys(text: &str) -> Result<ClientKeys, BadRecord> {
    serde_json::from_str(text).map_err(|_| BadRecord("its keys are none"))
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
