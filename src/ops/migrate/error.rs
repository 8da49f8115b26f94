//! Why a database could not be brought to this version's schema.

use std::fmt;

use crate::db::DbError;
use crate::ledger::read::ReadError;

#[derive(Debug)]
pub enum MigrateError {
    Database(DbError),
    /// A frozen file is not what was applied here.
    FrozenFileChanged {
        name: String,
    },
    /// The ledger could not be read for a rebuild; the old projections are as they were.
    Unreadable(Box<ReadError>),
    /// A file was refused by the server and rolled back.
    Refused {
        file: String,
        cause: DbError,
    },
}

impl fmt::Display for MigrateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(_) => f.write_str("The database could not be migrated."),
            Self::Unreadable(_) => f.write_str("The projections could not be rebuilt, and are as they were."),
            Self::FrozenFileChanged { name } => write!(
                f,
                "schema/tables/{name}.sql is not the file that this database was made with. Tables are changed by a new file: \
                 put this one back as it was, or start the version that belongs to this database."
            ),
            Self::Refused { file, .. } => {
                write!(f, "Of {file} nothing was kept, the files before it were: it could not be applied.")
            }
        }
    }
}

impl std::error::Error for MigrateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Database(cause) | Self::Refused { cause, .. } => Some(cause),
            Self::Unreadable(cause) => Some(cause),
            Self::FrozenFileChanged { .. } => None,
        }
    }
}

impl From<DbError> for MigrateError {
    fn from(error: DbError) -> Self {
        Self::Database(error)
    }
}

impl From<tokio_postgres::Error> for MigrateError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}
