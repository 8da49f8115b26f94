//! The keys of this node: who signs now, by which keys a token is checked, and what is published. Public halves are the view's,
//! of one moment with everything else that it answers, and nobody waits for one. A private half is read from its row when it is
//! needed first.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::jws;
use super::sealed::{SealedFault, SealedKeys};
use crate::clock::Timestamp;
use crate::domain::jwk::Jwk;
use crate::domain::signing_keys::{Keys, SigningKey};
use crate::ledger::execute::Ledger;
use crate::limits;
use crate::projections::active::{ActiveView, NotAnswering};
use crate::vault::{NotSigned, PrivateKey, Vault};

pub struct Keyring {
    pub(super) ledger: Arc<Ledger>,
    pub(super) view: Arc<ActiveView>,
    pub(super) sealed: SealedKeys,
    /// private halves that were read, the last one used first; they may be no more than are published
    opened: Mutex<Vec<Arc<Signer>>>,
    /// how long a key signs before another takes its place by itself
    pub(super) rotation: Duration,
}

/// A key that signs, and what it is called.
pub struct Signer {
    pub kid: String,
    key: PrivateKey,
    vault: Arc<Vault>,
}

/// Why nothing can be signed just now.
#[derive(Debug)]
pub enum NoSigner {
    /// the view has stopped, or loads
    NotAnswering,
    /// none was made yet, or the one that signed was revoked and the next one's time has not come
    NoKey,
    /// it was revoked in this moment
    Ended,
    /// its private half is not to be had: a fault of the installation, which the log tells; rotating mends it
    Sealed(String, SealedFault),
}

impl std::fmt::Display for NoSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NoSigner::NotAnswering => f.write_str("this node's view is not answering"),
            NoSigner::NoKey => f.write_str("no key signs tokens yet"),
            NoSigner::Ended => f.write_str("the key that was to sign was revoked in this moment"),
            NoSigner::Sealed(kid, fault) => write!(f, "the private half of signing key {kid}: {fault}"),
        }
    }
}

impl std::error::Error for NoSigner {}

impl From<NotAnswering> for NoSigner {
    fn from(_: NotAnswering) -> Self {
        NoSigner::NotAnswering
    }
}

impl Keyring {
    pub fn new(ledger: Arc<Ledger>, view: Arc<ActiveView>, rotation: Duration) -> Self {
        let sealed = SealedKeys::of(ledger.clone());
        Keyring { ledger, view, sealed, opened: Mutex::default(), rotation }
    }

    /// Those that are published, as the view has them at this moment: what tokens are checked by ([`super::check::check`]).
    pub fn published(&self) -> Result<Arc<Keys>, NotAnswering> {
        self.view.signing_keys()
    }

    /// Who signs at this instant, and never at one before the ledger's own time: what was decided is not taken back by a clock that
    /// lies behind.
    pub async fn signer(&self, now: Timestamp) -> Result<Arc<Signer>, NoSigner> {
        let keys = self.published()?;
        let key = keys.signing_at(now.max(self.view.last_at())).ok_or(NoSigner::NoKey)?;
        self.open(key).await
    }

    /// The same one, unless its key has ended meanwhile: asked last, right before it signs.
    pub fn still(&self, signer: Arc<Signer>) -> Result<Arc<Signer>, NoSigner> {
        match self.published()?.verifying(&signer.kid) {
            Some(_) => Ok(signer),
            None => Err(NoSigner::Ended),
        }
    }

    /// The private half of a published key.
    pub(super) async fn open(&self, key: &SigningKey) -> Result<Arc<Signer>, NoSigner> {
        if let Some(signer) = self.opened().iter().find(|signer| signer.is(key)) {
            return Ok(signer.clone());
        }
        let opened = self.sealed.load(key).await.map_err(|fault| {
            tracing::error!(kid = key.kid, %fault, "a signing key's private half is not to be had; rotate the signing keys");
            NoSigner::Sealed(key.kid.clone(), fault)
        })?;
        let vault = self.ledger.reader().vault.clone();
        let signer = Arc::new(Signer { kid: key.kid.clone(), key: opened, vault });
        let mut held = self.opened();
        if !held.iter().any(|held| held.is(key)) {
            held.insert(0, signer.clone());
            held.truncate(limits::SIGNING_KEYS);
        }
        Ok(signer)
    }

    /// Private halves of keys that are published no more leave the memory, too.
    pub(super) fn forget_opened(&self, keys: &Keys) {
        let published = |kid: &str| keys.published().any(|key| key.kid == kid);
        self.opened().retain(|signer| published(&signer.kid));
    }

    /// A panic elsewhere leaves the list whole: every change of it is one call.
    fn opened(&self) -> MutexGuard<'_, Vec<Arc<Signer>>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long the key of this instant signs, and whether another is due and can't be made here.
    pub fn age(&self, now: Timestamp) -> Option<(Duration, bool)> {
        let keys = self.published().ok()?;
        let key = keys.signing_at(now)?;
        let age = Duration::from_millis(now.millis_since(key.signs_from?));
        Some((age, age >= self.rotation && !key.algorithm.is_made_here()))
    }
}

impl Signer {
    fn is(&self, key: &SigningKey) -> bool {
        self.kid == key.kid && self.key.public() == key.public_key.key()
    }

    pub fn algorithm(&self) -> crate::vault::SigningAlgorithm {
        self.key.algorithm()
    }

    pub fn sign(&self, text: &[u8]) -> Result<Vec<u8>, NotSigned> {
        self.vault.sign(&self.key, text)
    }

    /// These claims as a signed text of this type, with the algorithm and the key named.
    pub fn signed(&self, of_type: &str, claims: &Map<String, Value>) -> Result<String, NotSigned> {
        let header = [("typ", of_type), ("alg", self.algorithm().word()), ("kid", &self.kid)];
        let header = header.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        let unsigned = jws::unsigned(&header, claims);
        Ok(jws::compact(&unsigned, &self.sign(unsigned.as_bytes())?))
    }

    #[cfg(test)]
    pub fn for_test(kid: &str, key: PrivateKey, vault: Arc<Vault>) -> Self {
        Signer { kid: kid.to_owned(), key, vault }
    }
}

/// The set of keys as it is published (RFC 7517, 5).
pub fn key_set(keys: &Keys) -> Value {
    let document = |key: &SigningKey| {
        let jwk = Jwk {
            id: Some(key.kid.clone()),
            algorithm: Some(key.algorithm.signing()),
            public: key.public_key.clone(),
        };
        Value::Object(jwk.document())
    };
    json!({"keys": keys.published().map(document).collect::<Vec<_>>()})
}
