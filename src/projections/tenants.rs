//! One row a tenant.

use std::collections::BTreeMap;

use serde_json::json;

use super::bytes::{BadRecord, Reader, Writer};
use crate::domain::client_format::SecretForm;
use crate::domain::key_format::{Checksum, KeyFormat};
use crate::domain::rate_limit::RateLimit;
use crate::domain::scope::ConcreteScope;
use crate::domain::tenant::Tenant;
use crate::ledger::InlineRow;

pub const NAME: &str = "tenants";
const VERSION: u8 = 1;

/// What the view needs of a tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct TenantRecord {
    pub suspended: bool,
    pub slug: String,
    pub formats: Vec<KeyFormat>,
    pub client_secrets: Vec<SecretForm>,
    pub operations: BTreeMap<String, ConcreteScope>,
    pub default_rate_limit: Option<RateLimit>,
    pub token_lifetime_seconds: u32,
}

pub fn row(tenant: &Tenant) -> InlineRow {
    InlineRow {
        projection: NAME,
        id: tenant.id.0,
        tenant: Some(tenant.id),
        version: tenant.history.events,
        record: TenantRecord::of(tenant).encode(),
        name: None,
        facts: json!({
            "slug": tenant.slug,
            "expiry_warning_ms": i64::from(tenant.settings.expiry_warning_seconds) * 1000,
        }),
    }
}

impl TenantRecord {
    pub fn of(tenant: &Tenant) -> Self {
        TenantRecord {
            suspended: tenant.suspended_at.is_some(),
            slug: tenant.slug.clone(),
            formats: tenant.formats.clone(),
            client_secrets: tenant.client_secrets.clone(),
            operations: tenant.settings.operations.clone(),
            default_rate_limit: tenant.settings.default_rate_limit,
            token_lifetime_seconds: tenant.settings.token_lifetime_seconds,
        }
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new(VERSION, 64);
        out.flags([self.suspended, self.default_rate_limit.is_some()]);
        out.text(&self.slug);
        out.count(self.formats.len());
        for format in &self.formats {
            out.flags([format.checksum() == Checksum::Crc32]);
            out.u8(format.public_chars());
            out.u8(format.secret_chars());
            out.text(format.prefix());
        }
        out.count(self.client_secrets.len());
        for form in &self.client_secrets {
            out.u8(form.chars());
            out.text(form.prefix());
        }
        out.count(self.operations.len());
        for (operation, scope) in &self.operations {
            out.text(operation);
            out.text(scope.as_str());
        }
        if let Some(limit) = self.default_rate_limit {
            out.rate_limit(limit);
        }
        out.u32(self.token_lifetime_seconds);
        out.0
    }

    pub fn decode(record: &[u8]) -> Result<Self, BadRecord> {
        let mut reader = Reader::new(VERSION, record)?;
        let [suspended, limited] = reader.flags()?;
        let slug = reader.text()?.to_owned();
        let mut formats = Vec::new();
        for _ in 0..reader.count()? {
            formats.push(decode_format(&mut reader)?);
        }
        let mut client_secrets = Vec::new();
        for _ in 0..reader.count()? {
            let chars = reader.u8()?;
            let form = SecretForm::new(reader.text()?, chars);
            client_secrets.push(form.ok_or(BadRecord("a form of client secrets is none"))?);
        }
        let mut operations = BTreeMap::new();
        for _ in 0..reader.count()? {
            let operation = reader.text()?.to_owned();
            let scope = ConcreteScope::parse(reader.text()?).map_err(|_| BadRecord("a scope is none"))?;
            if operations.last_key_value().is_some_and(|(last, _)| *last >= operation) {
                return Err(BadRecord("its operations are out of order"));
            }
            operations.insert(operation, scope);
        }
        let default_rate_limit = if limited { Some(reader.rate_limit()?) } else { None };
        let token_lifetime_seconds = reader.u32()?;
        reader.end()?;
        Ok(TenantRecord {
            suspended,
            slug,
            formats,
            client_secrets,
            operations,
            default_rate_limit,
            token_lifetime_seconds,
        })
    }
}

fn decode_format(reader: &mut Reader<'_>) -> Result<KeyFormat, BadRecord> {
    let [crc32] = reader.flags()?;
    let checksum = if crc32 { Checksum::Crc32 } else { Checksum::None };
    let (public_chars, secret_chars) = (reader.u8()?, reader.u8()?);
    KeyFormat::new(reader.text()?, public_chars, secret_chars, checksum)
        .map_err(|_| BadRecord("a key format is none"))
}
