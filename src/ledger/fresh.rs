//! Fresh ids and secrets for one decision. The plain text stays here until the decision is committed, and then goes to
//! the one answer that shows it.

use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use crate::clock::Clock;
use crate::domain::Fresh;
use crate::domain::credential::SecretFacts;
use crate::domain::ids::SecretId;
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

    fn composed(&self, format: &KeyFormat) -> Composed {
        // Falling short of characters is as likely as guessing a key; the loop is bounded by that.
        loop {
            if let Some(composed) = compose(format, &self.vault.bytes::<RANDOM_BYTES>()) {
                return composed;
            }
        }
    }
}

impl Fresh for FreshSecrets {
    fn uuid(&self) -> Uuid {
        self.vault.uuid(self.clock.now().millis())
    }

    fn secret(&self, format: &KeyFormat) -> SecretFacts {
        let Composed { secret, prefix } = self.composed(format);
        let pepper = self.vault.newest();
        let digest = self.vault.digest(pepper, secret.bytes());
        let digest = digest.unwrap_or_else(|| panic!("the vault has its newest pepper"));
        *self.made.lock().unwrap_or_else(PoisonError::into_inner) = Some(secret);
        SecretFacts {
            id: SecretId(self.uuid()),
            prefix,
            pepper: PepperNumber(pepper),
            digest: Digest::new(digest),
        }
    }
}
