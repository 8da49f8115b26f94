//! What a row says of its call, as the database tells it: of one row, and of a pair that is shown as one.

use tokio_postgres::Row as DbRow;
use uuid::Uuid;

use super::row::{Caller, Outcome, Told};
use crate::db::DbError;
use crate::domain::ids::{CredentialId, SecretId};

/// In the order in which they are read.
pub const NAMES: &str = "credential_id, secret_id, kind, outcome, status, latency_ms, operation, provider, model, error, client_ip, \
    request_id, asked";

#[derive(Debug)]
pub struct Columns {
    pub credential: CredentialId,
    pub secret: Option<SecretId>,
    pub kind: Caller,
    pub outcome: Option<Outcome>,
    pub status: Option<i16>,
    pub latency_ms: Option<i32>,
    pub told: Told,
    pub asked: Option<String>,
}

impl Columns {
    /// `from`: where the first of them stands.
    pub fn read(row: &DbRow, from: usize) -> Result<Columns, DbError> {
        let outcome: Option<&str> = row.try_get(from + 3)?;
        Ok(Columns {
            credential: CredentialId(row.try_get(from)?),
            secret: row.try_get::<_, Option<Uuid>>(from + 1)?.map(SecretId),
            kind: Caller::from_word(row.try_get(from + 2)?).ok_or_else(unreadable)?,
            outcome: outcome.map(Outcome::parse).transpose().map_err(|_| unreadable())?,
            status: row.try_get(from + 4)?,
            latency_ms: row.try_get(from + 5)?,
            told: Told {
                operation: row.try_get(from + 6)?,
                provider: row.try_get(from + 7)?,
                model: row.try_get(from + 8)?,
                error: row.try_get(from + 9)?,
                client_ip: row.try_get(from + 10)?,
                request_id: row.try_get(from + 11)?,
            },
            asked: row.try_get(from + 12)?,
        })
    }
}

pub fn unreadable() -> DbError {
    DbError::Unreadable("a call's row is none that this service wrote".into())
}
