//! Making keys, and what the service does with them by itself: the first at the start, another in the place of one that has signed
//! for long enough, and forgetting those that are over.
//!
//! A private half is sealed in its row before the event that names it is asked for. So whatever ends this half way leaves a row
//! that nobody names, and never a key without its row.

use super::keyring::{Keyring, NoSigner};
use super::sealed::SealedFault;
use crate::clock::Timestamp;
use crate::db::DbError;
use crate::domain::Caller;
use crate::domain::command::Command;
use crate::domain::event::Actor;
use crate::domain::public_key::PublicJwk;
use crate::domain::signing_keys::{
    Begin, Made, Retire, Rotate, SigningKey, SigningKeysCommand, TokenAlgorithm, stream,
};
use crate::ledger::execute::{ExecuteError, Executed, Order};
use crate::vault::{BadPrivateKey, NewPrivateKey};

/// What an installation begins with.
const FIRST: TokenAlgorithm = TokenAlgorithm::Es256;

/// Which key a rotation is to come to.
pub enum Wanted {
    /// of the algorithm of today
    Same,
    Algorithm(TokenAlgorithm),
    Brought(Brought),
}

/// A key that somebody else made.
pub struct Brought(NewPrivateKey, TokenAlgorithm);

impl Brought {
    pub fn algorithm(&self) -> TokenAlgorithm {
        self.1
    }
}

/// Why keys could not be made ready for a rotation.
#[derive(Debug)]
pub enum NotPrepared {
    /// no key signs yet
    NoKey,
    NotAnswering,
    Sealed(SealedFault),
}

impl From<SealedFault> for NotPrepared {
    fn from(fault: SealedFault) -> Self {
        NotPrepared::Sealed(fault)
    }
}

/// How the keys stand after that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tended {
    InOrder,
    /// It has signed for long enough, and the one after it has to be brought: none of its algorithm is made here.
    Overdue {
        kid: String,
        algorithm: TokenAlgorithm,
    },
}

/// What the service could not do by itself. It tries again.
#[derive(Debug)]
pub enum TendFault {
    Sealed(SealedFault),
    Db(DbError),
    Ledger(ExecuteError),
    NotAnswering,
}

impl std::fmt::Display for TendFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TendFault::Sealed(cause) => cause.fmt(f),
            TendFault::Db(cause) => cause.fmt(f),
            TendFault::Ledger(cause) => cause.fmt(f),
            TendFault::NotAnswering => f.write_str("this node's view is not answering"),
        }
    }
}

impl std::error::Error for TendFault {}

impl From<SealedFault> for TendFault {
    fn from(cause: SealedFault) -> Self {
        TendFault::Sealed(cause)
    }
}

impl From<ExecuteError> for TendFault {
    fn from(cause: ExecuteError) -> Self {
        TendFault::Ledger(cause)
    }
}

impl Keyring {
    /// A private key as PKCS#8 in PEM.
    pub fn take_in(&self, pem: &str) -> Result<Brought, BadPrivateKey> {
        let new = self.ledger.vault().take_private_key(pem)?;
        let algorithm = TokenAlgorithm::of(new.key.algorithm()).ok_or(BadPrivateKey::Kind)?;
        // What can't be read back from the event would stop every node that meets it.
        PublicJwk::of(&PublicJwk::from(new.key.public().clone()).members())
            .map_err(|_| BadPrivateKey::Kind)?;
        Ok(Brought(new, algorithm))
    }

    /// Makes what the rotation needs, and seals it; the command itself is for whoever asks.
    pub async fn prepare(&self, wanted: Wanted) -> Result<Rotate, NotPrepared> {
        let keys = self.published().map_err(|_| NotPrepared::NotAnswering)?;
        let newest = keys.newest().ok_or(NotPrepared::NoKey)?;
        let algorithm = match wanted {
            Wanted::Brought(Brought(new, algorithm)) => {
                let made = self.keep(algorithm, new).await?;
                return Ok(Rotate { to: Some(made), next: None, from: None });
            }
            Wanted::Same => newest.algorithm,
            Wanted::Algorithm(algorithm) => algorithm,
        };
        if !algorithm.is_made_here() {
            // Refused where it is decided, after what an Idempotency-Key may know of it.
            return Ok(Rotate { to: None, next: None, from: None });
        }
        let ahead = keys.next().filter(|next| next.algorithm == algorithm);
        let ready = match ahead {
            Some(next) => self.opens(next).await?,
            None => false,
        };
        // One whose private half is lost is passed by.
        let to = if ready { None } else { Some(self.make(algorithm).await?) };
        Ok(Rotate { to, next: Some(self.make(algorithm).await?), from: None })
    }

    async fn opens(&self, key: &SigningKey) -> Result<bool, NotPrepared> {
        match self.open(key).await {
            Ok(_) => Ok(true),
            Err(NoSigner::Sealed(_, SealedFault::Db(cause))) => Err(SealedFault::Db(cause).into()),
            Err(_) => Ok(false),
        }
    }

    /// Of an algorithm whose keys are made here.
    async fn make(&self, algorithm: TokenAlgorithm) -> Result<Made, SealedFault> {
        let new = self.ledger.vault().make_private_key(algorithm.signing());
        let new = new.unwrap_or_else(|| panic!("keys of {} are not made here", algorithm.word()));
        self.keep(algorithm, new).await
    }

    async fn keep(&self, algorithm: TokenAlgorithm, new: NewPrivateKey) -> Result<Made, SealedFault> {
        let made = Made::of(algorithm, PublicJwk::from(new.key.public().clone()));
        self.sealed.keep(&made.kid, &new).await?;
        Ok(made)
    }

    /// The key that is published ahead, where its private half is not to be had: nothing may come to rely on it.
    pub async fn lost_ahead(&self) -> Result<Option<String>, NotPrepared> {
        let keys = self.published().map_err(|_| NotPrepared::NotAnswering)?;
        let Some(next) = keys.next() else { return Ok(None) };
        Ok((!self.opens(next).await?).then(|| next.kid.clone()))
    }

    /// Right after a revocation: the private half goes, and what is lacking now is made.
    pub async fn tidy(&self) -> Result<(), TendFault> {
        self.forget(self.ledger.clock().now()).await?;
        self.begin().await
    }

    /// Whatever is to be done about the keys now. Done already, it is nothing.
    pub async fn tend(&self) -> Result<Tended, TendFault> {
        self.begin().await?;
        let tended = self.rotate_on_schedule().await?;
        let keys = self.published().map_err(|_| TendFault::NotAnswering)?;
        let now = self.ledger.clock().now();
        if keys.published().any(|key| key.retires_at().is_some_and(|due| due <= now)) {
            self.command(SigningKeysCommand::Retire(Retire)).await?;
        }
        self.forget(now).await?;
        Ok(tended)
    }

    /// Private halves of keys that are published no more. What is forgotten is gone for good, so that it is decided on the events
    /// themselves, and not on the view.
    async fn forget(&self, now: Timestamp) -> Result<(), TendFault> {
        let loaded = self.ledger.signing_keys_now().await?;
        let Some(state) = loaded.state.signing_keys() else { return Ok(()) };
        self.forget_opened(&state.keys);
        let (published, over): (Vec<_>, Vec<_>) = state.keys.all().partition(|key| key.is_published());
        let kids: Vec<&str> = published.iter().map(|key| key.kid.as_str()).collect();
        self.sealed.forget_all_but(&kids, &over, now).await.map(drop).map_err(TendFault::Db)
    }

    /// Where none signs, or none is published ahead.
    pub async fn begin(&self) -> Result<(), TendFault> {
        let keys = self.published().map_err(|_| TendFault::NotAnswering)?;
        let (newest, next) = (keys.newest(), keys.next());
        if newest.is_some() && next.is_some() {
            return Ok(());
        }
        let of_today = newest.map(|key| key.algorithm).filter(|algorithm| algorithm.is_made_here());
        let first = match (newest, next) {
            (None, None) => Some(self.make(FIRST).await?),
            _ => None,
        };
        let next = self.make(of_today.unwrap_or(FIRST)).await?;
        self.command(SigningKeysCommand::Begin(Begin { first, next })).await.map(drop)
    }

    async fn rotate_on_schedule(&self) -> Result<Tended, TendFault> {
        let keys = self.published().map_err(|_| TendFault::NotAnswering)?;
        let Some(newest) = keys.newest() else { return Ok(Tended::InOrder) };
        let now = self.ledger.clock().now();
        let age = newest.signs_from.map_or(0, |from| now.millis_since(from));
        if u128::from(age) < self.rotation.as_millis() {
            return Ok(Tended::InOrder);
        }
        if !newest.algorithm.is_made_here() {
            return Ok(Tended::Overdue { kid: newest.kid.clone(), algorithm: newest.algorithm });
        }
        let rotate = match self.prepare(Wanted::Same).await {
            Ok(rotate) => Rotate { from: Some(newest.kid.clone()), ..rotate },
            Err(NotPrepared::Sealed(fault)) => return Err(fault.into()),
            Err(NotPrepared::NotAnswering) => return Err(TendFault::NotAnswering),
            Err(NotPrepared::NoKey) => return Ok(Tended::InOrder),
        };
        let executed = self.command(SigningKeysCommand::Rotate(rotate)).await?;
        if executed.changed {
            tracing::info!(before = newest.kid, "signing keys were rotated on schedule");
        }
        Ok(Tended::InOrder)
    }

    /// By the service itself.
    async fn command(&self, command: SigningKeysCommand) -> Result<Executed, TendFault> {
        let caller = Caller { actor: Actor::System, client_ip: None, request_id: "housekeeping".to_owned() };
        let order = Order::of(stream(), Command::SigningKeys(command), caller);
        Ok(self.ledger.execute(order).await?)
    }
}
