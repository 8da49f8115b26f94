//! What is written together: rows, numbered one after the other, and the answers that are kept of the requests that brought them.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::row::Row;
use crate::db::{Database, DbError};

/// An answer that is kept for repeats of its request: it is written with the rows, or not at all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    pub operator: Uuid,
    pub key_digest: [u8; 32],
    pub request_digest: [u8; 32],
    pub sealed: Vec<u8>,
    pub at_ms: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    pub first_seq: u64,
    pub rows: Vec<Row>,
    pub kept: Vec<Kept>,
}

/// Whose rows they are: the node, and the process that writes for it.
#[derive(Clone, Copy, Debug)]
pub struct Hand {
    pub ledger: i32,
    pub node: Uuid,
    pub boot: Uuid,
}

const WRITE: &str = "select credledger.write_activity($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, \
    $18, $19, $20, $21, $22, $23, $24, $25, $26, $27)";

impl Batch {
    pub fn end(&self) -> u64 {
        self.first_seq + self.rows.len() as u64
    }

    /// Sent again it has no other effect.
    pub async fn write(&self, database: &Database, hand: Hand) -> Result<(), DbError> {
        macro_rules! each {
            ($from:expr, $row:ident => $value:expr) => {
                $from.iter().map(|$row| $value).collect::<Vec<_>>()
            };
        }
        let (rows, kept) = (&self.rows, &self.kept);
        let at_ms = kept.iter().map(|kept| kept.at_ms).max().unwrap_or(0);
        database
            .people(
                WRITE,
                &[
                    &hand.ledger,
                    &hand.node,
                    &hand.boot,
                    &self.first_seq.cast_signed(),
                    &each!(rows, row => row.id),
                    &each!(rows, row => row.completes),
                    &each!(rows, row => row.judged),
                    &each!(rows, row => row.tenant.0),
                    &each!(rows, row => row.credential.0),
                    &each!(rows, row => row.secret.map(|secret| secret.0)),
                    &each!(rows, row => row.kind.word()),
                    &each!(rows, row => row.outcome.map(|outcome| outcome.word())),
                    &each!(rows, row => row.status),
                    &each!(rows, row => row.latency_ms),
                    &each!(rows, row => row.told.operation.as_deref()),
                    &each!(rows, row => row.told.provider.as_deref()),
                    &each!(rows, row => row.told.model.as_deref()),
                    &each!(rows, row => row.told.error.as_deref()),
                    &each!(rows, row => row.told.client_ip),
                    &each!(rows, row => row.told.request_id.as_deref()),
                    &each!(rows, row => row.asked.as_deref()),
                    &each!(rows, row => row.salts.stored()),
                    &each!(kept, kept => kept.operator),
                    &each!(kept, kept => kept.key_digest.as_slice()),
                    &each!(kept, kept => kept.request_digest.as_slice()),
                    &each!(kept, kept => kept.sealed.as_slice()),
                    &at_ms,
                ],
            )
            .await
            .map(drop)
    }
}
