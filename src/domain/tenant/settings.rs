//! What a tenant decides about its credentials. Every member works; there is no other.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::client_format::ClientFormat;
use crate::domain::credential::{ClientRotation, OnLeak};
use crate::domain::key_format::{Checksum, KeyFormat};
use crate::domain::rate_limit::RateLimit;
use crate::domain::refusal::Refusal;
use crate::domain::scope::{ConcreteScope, Scope, covers};
use crate::limits;

pub const DAY_SECONDS: u32 = 24 * 60 * 60;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub key_format: KeyFormat,
    pub client_format: ClientFormat,
    pub client_rotation: ClientRotation,
    pub token_lifetime_seconds: u32,
    pub default_grace_seconds: u32,
    pub max_grace_seconds: u32,
    pub max_lifetime_seconds: Option<u32>,
    pub require_expiry: bool,
    pub expiry_warning_seconds: u32,
    pub default_scopes: Vec<Scope>,
    /// none: all
    pub allowed_scopes: Option<Vec<Scope>>,
    /// a call's operation → the scope that it demands
    pub operations: BTreeMap<String, ConcreteScope>,
    /// of the credentials that say nothing else; none: no limit
    pub default_rate_limit: Option<RateLimit>,
    pub on_leak: OnLeak,
}

/// A merge patch: absent members stay; an inner `None` is null.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SettingsPatch {
    pub key_format: KeyFormatPatch,
    pub client_format: ClientFormatPatch,
    pub client_rotation: Option<ClientRotation>,
    pub token_lifetime_seconds: Option<u32>,
    pub default_grace_seconds: Option<u32>,
    pub max_grace_seconds: Option<u32>,
    pub max_lifetime_seconds: Option<Option<u32>>,
    pub require_expiry: Option<bool>,
    pub expiry_warning_seconds: Option<u32>,
    pub default_scopes: Option<Vec<Scope>>,
    pub allowed_scopes: Option<Option<Vec<Scope>>>,
    /// merged by operation; null takes one out, or all of them
    pub operations: Option<Option<BTreeMap<String, Option<ConcreteScope>>>>,
    pub default_rate_limit: Option<Option<RateLimit>>,
    pub on_leak: Option<OnLeak>,
}

/// Members of a key format; the format as a whole is checked once they are merged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyFormatPatch {
    pub prefix: Option<String>,
    pub public_chars: Option<u8>,
    pub secret_chars: Option<u8>,
    pub checksum: Option<Checksum>,
}

impl KeyFormatPatch {
    /// Every member of a whole format.
    pub fn of(format: &KeyFormat) -> Self {
        KeyFormatPatch {
            prefix: Some(format.prefix().to_owned()),
            public_chars: Some(format.public_chars()),
            secret_chars: Some(format.secret_chars()),
            checksum: Some(format.checksum()),
        }
    }

    fn applied_to(&self, present: &KeyFormat) -> Result<KeyFormat, Refusal> {
        let merged = KeyFormat::new(
            self.prefix.as_deref().unwrap_or(present.prefix()),
            self.public_chars.unwrap_or(present.public_chars()),
            self.secret_chars.unwrap_or(present.secret_chars()),
            self.checksum.unwrap_or(present.checksum()),
        );
        merged.map_err(|error| Refusal::invalid(error.pointer(), error.to_string()))
    }
}

/// Members of a client format, as of a key format.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClientFormatPatch {
    pub id_prefix: Option<String>,
    pub id_chars: Option<u8>,
    pub secret_prefix: Option<String>,
    pub secret_chars: Option<u8>,
}

impl ClientFormatPatch {
    /// Every member of a whole format.
    pub fn of(format: &ClientFormat) -> Self {
        ClientFormatPatch {
            id_prefix: Some(format.id_prefix().to_owned()),
            id_chars: Some(format.id_chars()),
            secret_prefix: Some(format.secret_prefix().to_owned()),
            secret_chars: Some(format.secret_chars()),
        }
    }

    fn applied_to(&self, present: &ClientFormat) -> Result<ClientFormat, Refusal> {
        let merged = ClientFormat::new(
            self.id_prefix.as_deref().unwrap_or(present.id_prefix()),
            self.id_chars.unwrap_or(present.id_chars()),
            self.secret_prefix.as_deref().unwrap_or(present.secret_prefix()),
            self.secret_chars.unwrap_or(present.secret_chars()),
        );
        merged.map_err(|error| Refusal::invalid(error.pointer(), error.to_string()))
    }
}

impl Settings {
    /// What a tenant starts with, under the installation's key format.
    pub fn starting(key_format: KeyFormat) -> Self {
        Settings {
            key_format,
            client_format: ClientFormat::default(),
            client_rotation: ClientRotation::NewId,
            token_lifetime_seconds: 60 * 60,
            default_grace_seconds: 7 * DAY_SECONDS,
            max_grace_seconds: 90 * DAY_SECONDS,
            max_lifetime_seconds: None,
            require_expiry: false,
            expiry_warning_seconds: 14 * DAY_SECONDS,
            default_scopes: Vec::new(),
            allowed_scopes: None,
            operations: BTreeMap::new(),
            default_rate_limit: None,
            on_leak: OnLeak::Revoke,
        }
    }

    /// What can't be told from one member alone, and the bounds of each. Of two that don't go together the one is named that
    /// is not as it was before.
    pub fn check(&self, before: &Settings) -> Result<(), Refusal> {
        if self.max_grace_seconds > limits::GRACE_SECONDS {
            return refuse(
                "/settings/max_grace_seconds",
                format!("At most a year: {}.", limits::GRACE_SECONDS),
            );
        }
        if self.default_grace_seconds > self.max_grace_seconds {
            let default = self.default_grace_seconds;
            if default == before.default_grace_seconds {
                return refuse(
                    "/settings/max_grace_seconds",
                    format!("Not under default_grace_seconds, which is {default}."),
                );
            }
            return refuse(
                "/settings/default_grace_seconds",
                format!("Not over max_grace_seconds, which is {}.", self.max_grace_seconds),
            );
        }
        if self.max_lifetime_seconds == Some(0) {
            return refuse("/settings/max_lifetime_seconds", "At least 1, or null for no limit.".to_owned());
        }
        if !limits::TOKEN_LIFETIME_SECONDS.contains(&self.token_lifetime_seconds) {
            let (least, most) =
                (limits::TOKEN_LIFETIME_SECONDS.start(), limits::TOKEN_LIFETIME_SECONDS.end());
            return refuse("/settings/token_lifetime_seconds", format!("Expected {least} to {most}."));
        }
        self.check_prefixes()?;
        if self.operations.len() > limits::OPERATIONS {
            return refuse("/settings/operations", format!("At most {} operations.", limits::OPERATIONS));
        }
        let Some(allowed) = &self.allowed_scopes else { return Ok(()) };
        match self.default_scopes.iter().find(|scope| !allowed.iter().any(|wide| covers(wide, scope))) {
            None => Ok(()),
            Some(scope) if self.default_scopes == before.default_scopes => {
                refuse("/settings/allowed_scopes", format!("They don't cover {scope} of default_scopes."))
            }
            Some(scope) => refuse("/settings/default_scopes", format!("allowed_scopes don't cover {scope}.")),
        }
    }
}

impl Settings {
    /// By its prefix a text is known for a key, a client's id or a client's secret.
    fn check_prefixes(&self) -> Result<(), Refusal> {
        let key = self.key_format.prefix();
        let clients = [
            ("/settings/client_format/id_prefix", self.client_format.id_prefix()),
            ("/settings/client_format/secret_prefix", self.client_format.secret_prefix()),
        ];
        match clients.into_iter().find(|(_, prefix)| *prefix == key) {
            None => Ok(()),
            Some((pointer, _)) => {
                refuse(pointer, format!("{key} is the prefix of the tenant's keys; choose another."))
            }
        }
    }
}

fn refuse(pointer: &'static str, detail: String) -> Result<(), Refusal> {
    Err(Refusal::invalid(pointer, detail))
}

impl SettingsPatch {
    pub fn applied_to(&self, present: &Settings) -> Result<Settings, Refusal> {
        fn new<T: Clone>(patch: &Option<T>, present: &T) -> T {
            patch.as_ref().unwrap_or(present).clone()
        }
        Ok(Settings {
            key_format: self.key_format.applied_to(&present.key_format)?,
            client_format: self.client_format.applied_to(&present.client_format)?,
            client_rotation: new(&self.client_rotation, &present.client_rotation),
            token_lifetime_seconds: new(&self.token_lifetime_seconds, &present.token_lifetime_seconds),
            default_grace_seconds: new(&self.default_grace_seconds, &present.default_grace_seconds),
            max_grace_seconds: new(&self.max_grace_seconds, &present.max_grace_seconds),
            max_lifetime_seconds: new(&self.max_lifetime_seconds, &present.max_lifetime_seconds),
            require_expiry: new(&self.require_expiry, &present.require_expiry),
            expiry_warning_seconds: new(&self.expiry_warning_seconds, &present.expiry_warning_seconds),
            default_scopes: new(&self.default_scopes, &present.default_scopes),
            allowed_scopes: new(&self.allowed_scopes, &present.allowed_scopes),
            operations: self.merged_operations(&present.operations),
            default_rate_limit: new(&self.default_rate_limit, &present.default_rate_limit),
            on_leak: new(&self.on_leak, &present.on_leak),
        })
    }

    fn merged_operations(
        &self,
        present: &BTreeMap<String, ConcreteScope>,
    ) -> BTreeMap<String, ConcreteScope> {
        if self.operations == Some(None) {
            return BTreeMap::new();
        }
        let mut merged = present.clone();
        for (operation, scope) in self.operations.iter().flatten().flatten() {
            match scope {
                Some(scope) => merged.insert(operation.clone(), scope.clone()),
                None => merged.remove(operation),
            };
        }
        merged
    }
}
