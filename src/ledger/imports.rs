//! Many keys from elsewhere: what they are decided on is read together; then each stands for itself, in a lane that lets people's
//! commands by.

use std::sync::Arc;

use futures::future::join_all;

use super::execute::{ExecuteError, Executed, Ledger, Order};
use super::fresh::FreshSecrets;
use super::load::LoadedStreams;
use super::proposal::CommitError;
use super::read::ReadError;
use super::tally::Lane;
use super::within_plan::is_full;
use crate::domain::base64url;
use crate::domain::ids::{CredentialId, TenantId};
use crate::domain::imports::Scheme;
use crate::domain::secret::{Digest, PepperNumber};
use crate::limits;

type Outcome = Result<Executed, ExecuteError>;

/// The forms in which a foreign digest may be kept.
pub struct Wrapped {
    pub claim: Digest,
    pub pepper: PepperNumber,
    pub digest: Digest,
}

impl Ledger {
    /// Carries out imports into one tenant by one caller. The caller bounds how many they are.
    pub async fn import(self: &Arc<Self>, tenant: TenantId, orders: Vec<Order>) -> Vec<Outcome> {
        let (ledger, count) = (self.clone(), orders.len());
        let task = self.runtime.spawn(async move { ledger.import_all(tenant, orders).await });
        let lost = || (0..count).map(|_| Err(ExecuteError::Commit(CommitError::OutcomeUnknown))).collect();
        task.await.unwrap_or_else(|_| lost())
    }

    /// Whether a command would change anything as things are, or why it would be refused. Nothing is written.
    pub async fn would_change(&self, order: &Order) -> Result<bool, ExecuteError> {
        let fresh = Arc::new(FreshSecrets::new(self.reader().vault.clone(), self.clock.clone()));
        let loaded = self.load(order, true).await?;
        let asked = self.asked(order, &loaded, &fresh);
        let events = asked.decide(order.stream, &loaded.subject.state).map_err(ExecuteError::Refused)?;
        Ok(!events.is_empty())
    }

    async fn import_all(self: &Arc<Self>, tenant: TenantId, orders: Vec<Order>) -> Vec<Outcome> {
        let read = match self.load_imports(tenant, &orders).await {
            Ok(read) => read.into_iter().map(Some).collect(),
            // One stream that can't be read stops only itself: each is read alone then, and says for itself why it can't be.
            Err(ExecuteError::Read(
                ReadError::Forged { .. } | ReadError::Bad { .. } | ReadError::Unfoldable { .. },
            )) => Vec::new(),
            Err(cause) => return self.none_was_read(cause, orders.len()),
        };
        let mut outcomes = self.import_each(&orders, read).await;
        let mut tried_last = false;
        for _ in 0..limits::QUOTA_ATTEMPTS {
            let full: Vec<usize> = (0..orders.len()).filter(|&place| is_full(&outcomes[place])).collect();
            let Some(first) = full.first() else { break };
            if tried_last {
                break;
            }
            let found = self.record_ended(tenant, &orders[*first].caller.request_id).await;
            tried_last = found.unwrap_or(0) == 0;
            for place in full {
                outcomes[place] = self.carry_out(&orders[place], None, None).await;
                if is_full(&outcomes[place]) {
                    break;
                }
            }
        }
        outcomes.iter().for_each(|outcome| self.tally().command(Lane::Imports, outcome));
        // The view keeps pace: what is told works here, and what waits for the applier stays little.
        let last = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()?.position).max();
        if let Some(last) = last {
            self.reached_within(last, limits::ENFORCE_WAIT).await;
        }
        outcomes
    }

    /// The cause is told once. Of the others it holds as well that nothing was written: the same again is what helps.
    fn none_was_read(&self, cause: ExecuteError, count: usize) -> Vec<Outcome> {
        let others = (1..count).map(|_| Err(ExecuteError::Commit(CommitError::Unavailable)));
        let outcomes: Vec<Outcome> = std::iter::once(Err(cause)).chain(others).take(count).collect();
        outcomes.iter().for_each(|outcome| self.tally().command(Lane::Imports, outcome));
        outcomes
    }

    async fn import_each(&self, orders: &[Order], mut read: Vec<Option<LoadedStreams>>) -> Vec<Outcome> {
        read.resize_with(orders.len(), || None);
        join_all(orders.iter().zip(read).map(|(order, read)| self.carry_out(order, None, read))).await
    }

    /// The same for the same key of the same source, and for nobody else's: so that a repeat meets what is there. It has the form
    /// of every other id, under the earliest time.
    pub fn imported_id(&self, tenant: TenantId, source: &str, old_id: &str) -> CredentialId {
        let of = [tenant.0.as_bytes().as_slice(), source.as_bytes(), b"\0", old_id.as_bytes()].concat();
        let digest = self.vault().lookup("imported credential", &of);
        let mut bytes = [0; 10];
        bytes.copy_from_slice(&digest[..10]);
        CredentialId(uuid::Builder::from_unix_timestamp_millis(0, &bytes).into_uuid())
    }

    pub fn wrap(&self, scheme: &str, foreign: &[u8; 32]) -> Wrapped {
        let vault = self.vault();
        let pepper = vault.newest();
        let digest = vault.wrapped(pepper, scheme, foreign);
        let digest = digest.unwrap_or_else(|| panic!("the vault has its newest pepper"));
        let claim = vault.lookup("imported key", &[scheme.as_bytes(), b"\0", foreign].concat());
        Wrapped { claim: Digest::new(claim), pepper: PepperNumber(pepper), digest: Digest::new(digest) }
    }

    /// A keyed digest of all that a line says, for telling whether another one says the same.
    pub fn line_digest(&self, canonical: &[u8]) -> Digest {
        Digest::new(self.vault().lookup("imported line", canonical))
    }

    /// The way of digests that were made under this key, with the key sealed.
    pub fn hmac_scheme(&self, key: &[u8]) -> Scheme {
        let vault = self.vault();
        Scheme::Hmac {
            fingerprint: Digest::new(vault.lookup("imported hmac key", key)),
            sealed: crate::domain::imports::Sealed::new(&vault.seal_foreign_key(key)),
            sealed_under: PepperNumber(vault.newest()),
        }
    }
}

/// A digest as another product wrote it: 32 bytes in hexadecimal digits or base64 of either alphabet, padded or not.
pub fn read_digest(text: &str) -> Option<[u8; 32]> {
    if text.len() == 64 {
        let mut bytes = [0; 32];
        for (place, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
        }
        return text.bytes().all(|digit| digit.is_ascii_hexdigit()).then_some(bytes);
    }
    read_base64(text)?.try_into().ok()
}

/// Of either alphabet, padded or not.
pub fn read_base64(text: &str) -> Option<Vec<u8>> {
    let bare = text.trim_end_matches('=');
    let padding = text.len() - bare.len();
    if padding > 0 && (padding > 2 || !text.len().is_multiple_of(4)) {
        return None;
    }
    let url: String = bare
        .chars()
        .map(|character| match character {
            '+' => '-',
            '/' => '_',
            other => other,
        })
        .collect();
    base64url::decode(&url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_read_in_each_of_its_spellings() {
        let bytes: [u8; 32] = std::array::from_fn(|place| (place * 37 + 250) as u8);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let url = base64url::encode(&bytes);
        let standard = url.replace('-', "+").replace('_', "/") + "=";
        assert!(standard.contains(['+', '/']), "{standard}");
        for text in [&hex, &hex.to_uppercase(), &url, &standard, &format!("{url}=")] {
            assert_eq!(read_digest(text), Some(bytes), "{text}");
        }
        for bad in ["", "abc", &hex[1..], &format!("{hex}0"), &format!("+{}", &hex[1..]), &url[1..], "é"] {
            assert_eq!(read_digest(bad), None, "{bad}");
        }
        assert_eq!(read_digest(&format!("{url}==")), None);
        assert_eq!(read_base64("SmVmZQ=="), Some(b"Jefe".to_vec()));
        assert_eq!(read_base64("SmVmZQ="), None);
    }
}
