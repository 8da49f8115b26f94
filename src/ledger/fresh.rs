//! Fresh ids and secrets for one decision. The plain text stays here until the decision is committed, and then goes to
//! the one answer that shows it.

use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use crate::clock::Clock;
use crate::domain::Fresh;
use crate::domain::client_format::{ClientFormat, beginning, compose_id, compose_secret, credential_text};
use crate::domain::credential::SecretFacts;
use crate::domain::ids::{ClientId, SecretId};
use crate::domain::key_format::{Composed, KeyFormat, RANDOM_BYTES, compose};
use crate::domain::secret::{Digest, PepperNumber, PlainSecret};
use crate::vault::Vault;

pub struct FreshSecrets {
    vault: Arc<Vault>,
    clock: Arc<Clock>,
    made: Mutex<Option<PlainSecret>>,
}

impl FreshSecrets {
    pub fn new(vault: Arc<Vault>, clock: Arc<Clock>) -> Self {
        FreshSecrets { vault, clock, made: Mutex::new(None) }
    }

    /// Lends the secret that the decision made, if it made one.
    pub fn show<T>(&self, to: impl FnOnce(Option<&PlainSecret>) -> T) -> T {
        to(self.made.lock().unwrap_or_else(PoisonError::into_inner).as_ref())
    }

    fn composed<T>(&self, compose: impl Fn(&[u8; RANDOM_BYTES]) -> Option<T>) -> T {
        // Falling short of characters is as likely as guessing a key; the loop is bounded by that.
        loop {
            if let Some(composed) = compose(&self.vault.bytes::<RANDOM_BYTES>()) {
                return composed;
            }
        }
    }

    /// What is stored of a secret that is found by this text.
    fn facts(&self, prefix: String, text: &PlainSecret) -> SecretFacts {
        let pepper = self.vault.newest();
        let digest = present(self.vault.digest(pepper, text.bytes()));
        SecretFacts {
            id: SecretId(self.uuid()),
            client_id: None,
            prefix,
            pepper: PepperNumber(pepper),
            digest: Digest::new(digest),
        }
    }

    fn keep(&self, secret: PlainSecret) {
        *self.made.lock().unwrap_or_else(PoisonError::into_inner) = Some(secret);
    }
}

impl Fresh for FreshSecrets {
    fn uuid(&self) -> Uuid {
        self.vault.uuid(self.clock.now().millis())
    }

    fn secret(&self, format: &KeyFormat) -> SecretFacts {
        let Composed { secret, prefix } = self.composed(|random| compose(format, random));
        let facts = self.facts(prefix, &secret);
        self.keep(secret);
        facts
    }

    fn client(&self, format: &ClientFormat, id: Option<&ClientId>) -> SecretFacts {
        let fresh = || self.composed(|random| compose_id(format, random));
        let id = id.cloned().unwrap_or_else(fresh);
        let (secret, prefix) = self.composed(|random| compose_secret(format, random));
        let facts = self.facts(prefix, &credential_text(id.as_str(), secret.reveal()));
        self.keep(secret);
        SecretFacts { client_id: Some(id), ..facts }
    }

    fn client_without_secret(&self, format: &ClientFormat) -> SecretFacts {
        let id = self.composed(|random| compose_id(format, random));
        let pepper = self.vault.newest();
        SecretFacts {
            id: SecretId(self.uuid()),
            prefix: beginning(format, &id),
            pepper: PepperNumber(pepper),
            digest: Digest::new(present(self.vault.client_id_digest(pepper, id.as_str()))),
            client_id: Some(id),
        }
    }
}

fn present(digest: Option<[u8; 32]>) -> [u8; 32] {
    digest.unwrap_or_else(|| panic!("the vault has its newest pepper"))
}
