//! A new master key: added to its file, and every seal made anew under it.
//!
//! The key is on the disk before anything is sealed under it, and no old one is taken away; so whatever ends this, at any
//! point, everything stays readable, and the next rotation finishes what this one began.

use std::path::Path;
use std::sync::Arc;

use uuid::Uuid;

use super::StartError;
use super::house::{House, LEDGER, explained};
use crate::db::{DbError, in_time};
use crate::limits;
use crate::tokens::sealed::{self, Resealed};
use crate::vault::{KeyFileError, Rotation, Vault};

const READ: &str = "select operator_id, key_digest, answer from credledger.read_answers($1, $2, $3, $4)";
const RESEAL: &str = "select credledger.reseal_answers($1, $2, $3, $4, $5)";

/// What a rotation did.
#[derive(Debug)]
pub struct Rotated {
    pub number: u32,
    /// the keys of now, the new one among them
    pub vault: Arc<Vault>,
    /// an earlier rotation was interrupted; this one finished it
    pub taken_up: bool,
    pub resealed: u64,
    /// private halves of signing keys, sealed anew; and those that no key of the file opens
    pub signing_keys: Resealed,
    /// answers that no key of the file opens: nobody could have read them before either
    pub unreadable: u64,
}

/// `house` holds the node's lease: no service reads its keys meanwhile.
pub async fn rotate(house: &House, key_file: &Path) -> Result<Rotated, StartError> {
    let failed = |error: KeyFileError| StartError::new(format!("{error}."));
    let rotation = Rotation::begin(key_file).map_err(failed)?;
    let vault = Arc::new(Vault::new(&rotation.keys));
    let mut rotated = Rotated {
        number: rotation.number,
        vault,
        taken_up: rotation.taken_up,
        resealed: 0,
        signing_keys: Resealed::default(),
        unreadable: 0,
    };
    reseal(house, &mut rotated).await.map_err(|cause| {
        let cause = explained(cause);
        StartError::new(format!(
            "Key {} is in its file, and not everything is sealed under it yet: {cause}. Nothing is lost. Run this command \
             again; it goes on where it stopped.",
            rotation.number
        ))
    })?;
    rotation.finish().map_err(failed)?;
    Ok(rotated)
}

async fn reseal(house: &House, rotated: &mut Rotated) -> Result<(), DbError> {
    rotated.signing_keys = sealed::reseal(&house.ledger, &rotated.vault).await?;
    reseal_answers(house, rotated).await
}

/// Page after page, each in one statement.
async fn reseal_answers(house: &House, rotated: &mut Rotated) -> Result<(), DbError> {
    let mut after = (Uuid::nil(), Vec::new());
    loop {
        let page = page(house, &after).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = (last.operator, last.key.clone());
        let mut anew = Anew::default();
        for answer in page {
            match rotated.vault.reseal(&answer.sealed) {
                Ok(None) => {}
                Ok(Some(sealed)) => anew.push(answer, sealed),
                Err(_) => rotated.unreadable += 1,
            }
        }
        rotated.resealed += anew.write(house).await?;
    }
}

struct StoredAnswer {
    operator: Uuid,
    key: Vec<u8>,
    sealed: Vec<u8>,
}

async fn page(house: &House, after: &(Uuid, Vec<u8>)) -> Result<Vec<StoredAnswer>, DbError> {
    let client = house.ledger.database().system().await?;
    let rows = in_time(async {
        Ok::<_, DbError>(client.query(READ, &[&LEDGER, &after.0, &after.1, &limits::RESEAL_PAGE]).await?)
    })
    .await?;
    client.give_back();
    let answers = rows.iter().map(|row| {
        Ok(StoredAnswer { operator: row.try_get(0)?, key: row.try_get(1)?, sealed: row.try_get(2)? })
    });
    answers.collect()
}

/// Columns of what takes the place of what.
#[derive(Default)]
struct Anew {
    operators: Vec<Uuid>,
    keys: Vec<Vec<u8>>,
    before: Vec<Vec<u8>>,
    sealed: Vec<Vec<u8>>,
}

impl Anew {
    fn push(&mut self, answer: StoredAnswer, sealed: Vec<u8>) {
        self.operators.push(answer.operator);
        self.keys.push(answer.key);
        self.before.push(answer.sealed);
        self.sealed.push(sealed);
    }

    async fn write(self, house: &House) -> Result<u64, DbError> {
        if self.operators.is_empty() {
            return Ok(0);
        }
        let client = house.ledger.database().system().await?;
        let row = in_time(async {
            let Anew { operators, keys, before, sealed } = &self;
            Ok::<_, DbError>(client.query_one(RESEAL, &[&LEDGER, operators, keys, before, sealed]).await?)
        })
        .await?;
        client.give_back();
        Ok(row.try_get::<_, i64>(0)?.unsigned_abs())
    }
}
