//! Rows of private halves. What stands in them is sealed under the master key and for its key's name; a row that says anything
//! else than the event that names its key is refused, and said so.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::db::DbError;
use crate::domain::signing_keys::SigningKey;
use crate::ledger::execute::Ledger;
use crate::limits;
use crate::vault::{NewPrivateKey, PrivateKey, Vault};

/// Why there is no private half to sign with.
#[derive(Debug)]
pub enum SealedFault {
    Db(DbError),
    /// no row: restored from an older backup, or deleted by hand
    Missing,
    /// its seal does not open, or what is in it is another key's half
    Foreign,
    /// so many rows that no event names stand there
    TooMany,
}

impl std::fmt::Display for SealedFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SealedFault::Db(cause) => cause.fmt(f),
            SealedFault::Missing => f.write_str("there is no row of it"),
            SealedFault::Foreign => f.write_str("its row does not open, or holds another key's private half"),
            SealedFault::TooMany => {
                f.write_str("too many private halves are kept; those that nobody uses go within an hour")
            }
        }
    }
}

impl std::error::Error for SealedFault {}

impl From<DbError> for SealedFault {
    fn from(cause: DbError) -> Self {
        SealedFault::Db(cause)
    }
}

pub(super) struct SealedKeys {
    ledger: Arc<Ledger>,
}

impl SealedKeys {
    pub fn of(ledger: Arc<Ledger>) -> Self {
        SealedKeys { ledger }
    }

    fn number(&self) -> i32 {
        self.ledger.reader().ledger
    }

    /// Before any event names it.
    pub async fn keep(&self, kid: &str, new: &NewPrivateKey) -> Result<(), SealedFault> {
        let sealed = self.ledger.vault().seal_private_key(kid, new);
        let now = self.ledger.clock().now().millis();
        let keep = "select credledger.keep_sealed_key($1, $2, $3, $4, $5)";
        let database = self.ledger.database();
        let rows =
            database.people(keep, &[&self.number(), &kid, &sealed, &now, &limits::SEALED_KEYS]).await?;
        match rows.first().is_some_and(|row| row.get(0)) {
            true => Ok(()),
            false => Err(SealedFault::TooMany),
        }
    }

    /// The private half of exactly this key.
    pub async fn load(&self, key: &SigningKey) -> Result<PrivateKey, SealedFault> {
        let read = "select sealed from credledger.read_sealed_key($1, $2)";
        let rows = self.ledger.database().people(read, &[&self.number(), &key.kid]).await?;
        let sealed: &[u8] = rows.first().ok_or(SealedFault::Missing)?.get(0);
        let private = self.ledger.vault().open_private_key(&key.kid, sealed);
        let own = private.ok().filter(|private| private.public() == key.public_key.key());
        own.ok_or(SealedFault::Foreign)
    }

    /// Of all but these: at once those of keys that are over, and others once they were kept for a while, since the event that
    /// names them may be on its way. How many went.
    pub async fn forget_all_but(
        &self,
        kids: &[&str],
        over: &[&SigningKey],
        now: Timestamp,
    ) -> Result<i64, DbError> {
        let kept = i64::try_from(limits::SEALED_KEY_UNNAMED.as_millis()).unwrap_or(i64::MAX);
        let before = now.millis().saturating_sub(kept);
        // Of what was over before that, the row is older still.
        let lately = over.iter().filter(|key| key.over_at().is_some_and(|at| at.millis() >= before));
        let over: Vec<&str> = lately.map(|key| key.kid.as_str()).collect();
        let forget = "select credledger.forget_sealed_keys($1, $2, $3, $4)";
        let rows = self.ledger.database().people(forget, &[&self.number(), &kids, &over, &before]).await?;
        Ok(rows.first().map_or(0, |row| row.get(0)))
    }
}

/// What sealing all of them anew came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resealed {
    pub anew: u64,
    /// no key of the file opens them
    pub unreadable: u64,
}

/// Every row sealed under the vault's newest key, page after page.
pub async fn reseal(ledger: &Ledger, vault: &Vault) -> Result<Resealed, DbError> {
    let (number, mut after, mut done) = (ledger.reader().ledger, String::new(), Resealed::default());
    loop {
        let read = "select kid, sealed from credledger.read_sealed_keys($1, $2, $3)";
        let rows = ledger.database().people(read, &[&number, &after, &limits::SEALED_KEYS_PAGE]).await?;
        let Some(last) = rows.last() else { return Ok(done) };
        after = last.get(0);
        let (mut kids, mut before, mut anew) = (Vec::new(), Vec::new(), Vec::new());
        for row in &rows {
            let (kid, sealed): (&str, &[u8]) = (row.get(0), row.get(1));
            match vault.reseal(sealed) {
                Ok(None) => {}
                Ok(Some(seal)) => {
                    kids.push(kid);
                    before.push(sealed);
                    anew.push(seal);
                }
                Err(_) => done.unreadable += 1,
            }
        }
        if !kids.is_empty() {
            let reseal = "select credledger.reseal_sealed_keys($1, $2, $3, $4)";
            let rows = ledger.database().people(reseal, &[&number, &kids, &before, &anew]).await?;
            done.anew += rows.first().map_or(0, |row| row.get::<_, i64>(0).unsigned_abs());
        }
    }
}
