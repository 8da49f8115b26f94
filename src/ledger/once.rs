//! What may be used once: ids of client assertions and of DPoP proofs. Each is claimed in the database before whoever shows it is
//! let in, so that at most one wins, whatever the node, and a restart forgets none. One task writes the claims of a node, those that
//! came meanwhile together, as the sequencer does; they are no history, and forgotten once they are over by the database's clock.
//!
//! It only ever errs by refusing. A claim whose caller waited no longer stands all the same, and what is claimed is not free again.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::db::{Database, DbError, Outage};
use crate::domain::ids::{CredentialId, TenantId};
use crate::limits;
use crate::vault::Vault;

/// What is claimed. The same id of another kind is another thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// the `jti` of an assertion by which a client shows who it is (RFC 7523)
    Assertion,
    /// the `jti` of a DPoP proof (RFC 9449)
    DpopProof,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Assertion => "assertion",
            Kind::DpopProof => "dpop_proof",
        }
    }
}

/// One use of one id.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    pub kind: Kind,
    pub tenant: TenantId,
    /// whose ids these are: two credentials may use the same one
    pub credential: CredentialId,
    pub id: &'a str,
    /// From then on nobody is let in with it any more. It has to follow from what is claimed: the row is forgotten after it.
    pub until: Timestamp,
}

/// Until when a claim is kept of what is refused from an instant on, whatever it is. The row goes by the database's clock, and a node
/// whose clock lies behind that one still takes what it was claimed for.
pub fn kept_until(refused_from: Timestamp) -> Timestamp {
    refused_from.plus_seconds(limits::CLAIM_KEPT_BEYOND_SECONDS)
}

/// Why it is not known whether a claim was the first. Whoever asked is told to come again, and let in by nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimError {
    /// more wait than may
    Full,
    /// the database can't be reached, or does not answer in time
    Unavailable,
}

/// The way in. Cheap to clone; the task ends with the last of them.
#[derive(Clone)]
pub struct Once {
    vault: Arc<Vault>,
    claims: mpsc::Sender<Asked>,
}

/// The task that writes.
pub struct Claims {
    database: Database,
    vault: Arc<Vault>,
    ledger: i32,
    asked: mpsc::Receiver<Asked>,
    outage: Outage,
}

/// In the order in which a batch writes: two batches never wait for each other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Place {
    tenant: Uuid,
    kind: Kind,
    digest: [u8; 32],
}

struct Asked {
    place: Place,
    credential: Uuid,
    until_ms: i64,
    answer: oneshot::Sender<Result<bool, ClaimError>>,
}

impl Once {
    pub fn new(database: Database, vault: Arc<Vault>, ledger: i32) -> (Once, Claims) {
        let (claims, asked) = mpsc::channel(limits::CLAIM_QUEUE);
        let outage = Outage::of("claiming what may be used once");
        (Once { vault: vault.clone(), claims }, Claims { database, vault, ledger, asked, outage })
    }

    /// Whether this is the first use; when it is, that is on disk. Also `false` when the time is over.
    pub async fn claim(&self, claim: &Claim<'_>) -> Result<bool, ClaimError> {
        let (answer, answered) = oneshot::channel();
        let place = Place { tenant: claim.tenant.0, kind: claim.kind, digest: self.digest(claim) };
        let asked = Asked { place, credential: claim.credential.0, until_ms: claim.until.millis(), answer };
        self.claims.try_send(asked).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => ClaimError::Full,
            mpsc::error::TrySendError::Closed(_) => ClaimError::Unavailable,
        })?;
        match tokio::time::timeout(limits::CLAIM_WAIT, answered).await {
            Ok(Ok(first)) => first,
            Ok(Err(_)) | Err(_) => Err(ClaimError::Unavailable),
        }
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.claims.max_capacity() - self.claims.capacity()
    }

    fn digest(&self, claim: &Claim<'_>) -> [u8; 32] {
        let value = [claim.credential.0.as_bytes().as_slice(), claim.id.as_bytes()].concat();
        self.vault.lookup(claim.kind.word(), &value)
    }
}

impl Claims {
    /// Runs until every [`Once`] is dropped and what was asked is answered.
    pub async fn run(mut self) {
        let mut waiting = Vec::with_capacity(limits::CLAIM_BATCH);
        while self.asked.recv_many(&mut waiting, limits::CLAIM_BATCH).await > 0 {
            let batch = Batch::of(waiting.drain(..));
            if batch.asked.is_empty() {
                continue;
            }
            let first = match self.write(&batch).await {
                Ok(first) => {
                    self.outage.over();
                    Some(first)
                }
                Err(cause) => {
                    self.outage.failed(&cause);
                    None
                }
            };
            batch.answer(first.as_deref());
        }
    }

    /// The places of those that came first. Sent again under the same id when a lost connection hides what became of it.
    async fn write(&self, batch: &Batch) -> Result<Vec<usize>, DbError> {
        let id = self.vault.uuid(0);
        let mut sent = 0;
        loop {
            sent += 1;
            match self.send(id, batch).await {
                Err(DbError::OutcomeUnknown(_) | DbError::TryAgain(_)) if sent < limits::CLAIM_ATTEMPTS => {}
                outcome => return outcome,
            }
        }
    }

    async fn send(&self, id: Uuid, batch: &Batch) -> Result<Vec<usize>, DbError> {
        let tenants: Vec<_> = batch.asked.iter().map(|asked| asked.place.tenant).collect();
        let kinds: Vec<_> = batch.asked.iter().map(|asked| asked.place.kind.word()).collect();
        let digests: Vec<_> = batch.asked.iter().map(|asked| asked.place.digest.as_slice()).collect();
        let credentials: Vec<_> = batch.asked.iter().map(|asked| asked.credential).collect();
        let untils: Vec<_> = batch.asked.iter().map(|asked| asked.until_ms).collect();
        let claim = "select credledger.claim_once($1, $2, $3, $4, $5, $6, $7)";
        let rows = self
            .database
            .people(claim, &[&self.ledger, &id, &tenants, &kinds, &digests, &credentials, &untils])
            .await?;
        let places = rows.iter().map(|row| usize::try_from(row.get::<_, i32>(0)).unwrap_or(0));
        Ok(places.filter_map(|place| place.checked_sub(1)).collect())
    }
}

/// Different ones, in the order in which they are written.
struct Batch {
    asked: Vec<Asked>,
}

impl Batch {
    /// Of those that are the same one at most is first: the others are answered at once. What nobody waits for any more is left out.
    fn of(waiting: impl Iterator<Item = Asked>) -> Batch {
        let mut first = HashMap::new();
        for asked in waiting.filter(|asked| !asked.answer.is_closed()) {
            match first.entry(asked.place) {
                Entry::Vacant(free) => drop(free.insert(asked)),
                // Nobody may be waiting any more.
                Entry::Occupied(_) => drop(asked.answer.send(Ok(false))),
            }
        }
        let mut asked: Vec<_> = first.into_values().collect();
        asked.sort_by_key(|asked| asked.place);
        Batch { asked }
    }

    /// `first`: the places of those that came first, when that is known.
    fn answer(self, first: Option<&[usize]>) {
        for (place, asked) in self.asked.into_iter().enumerate() {
            let outcome = first.map(|first| first.contains(&place)).ok_or(ClaimError::Unavailable);
            // Nobody may be waiting any more; the claim stands.
            let _ = asked.answer.send(outcome);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(digest: u8) -> (Asked, oneshot::Receiver<Result<bool, ClaimError>>) {
        let (answer, answered) = oneshot::channel();
        let place = Place { tenant: Uuid::nil(), kind: Kind::DpopProof, digest: [digest; 32] };
        (Asked { place, credential: Uuid::nil(), until_ms: 0, answer }, answered)
    }

    #[test]
    fn of_the_same_in_one_batch_one_is_asked_for_and_the_others_are_refused() {
        let (one, mut first) = asked(9);
        let (again, mut second) = asked(9);
        let (other, mut third) = asked(3);
        let (gone, nobody) = asked(5);
        drop(nobody);
        let batch = Batch::of([one, again, other, gone].into_iter());
        let digests: Vec<_> = batch.asked.iter().map(|asked| asked.place.digest[0]).collect();
        assert_eq!(digests, [3, 9], "each once, in order");
        assert_eq!(second.try_recv(), Ok(Ok(false)));
        batch.answer(Some(&[1]));
        assert_eq!(first.try_recv(), Ok(Ok(true)));
        assert_eq!(third.try_recv(), Ok(Ok(false)));
    }

    #[test]
    fn a_claim_is_kept_for_longer_than_what_was_claimed_is_taken() {
        let refused_from = Timestamp::from_millis(1_700_000_000_000).expect("an instant");
        assert!(kept_until(refused_from) > refused_from);
    }

    #[test]
    fn what_could_not_be_written_lets_nobody_in() {
        let (one, mut answered) = asked(1);
        Batch::of([one].into_iter()).answer(None);
        assert_eq!(answered.try_recv(), Ok(Err(ClaimError::Unavailable)));
    }
}
