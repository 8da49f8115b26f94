//! What can go wrong, told apart by SQLSTATE and constraint name. The text of a server's message is for people only.

use std::error::Error;
use std::fmt;

use deadpool_postgres::PoolError;
use tokio_postgres::error::{Severity, SqlState};

type Cause = Box<dyn Error + Send + Sync>;

#[derive(Debug)]
pub enum DbError {
    /// No connection could be had, or the server can't write at present: nothing was written.
    Unavailable(Cause),
    /// Its disk is full: nothing was written.
    Full(Cause),
    /// The connection was lost while a statement ran. It may have happened.
    OutcomeUnknown(Cause),
    /// A uniqueness constraint stands in the way.
    Conflict { constraint: Option<String>, cause: Cause },
    /// Rolled back by a lock or a concurrent change; the same again may succeed.
    TryAgain(Cause),
    /// Ended by a time limit or by an administrator's cancel, and rolled back.
    Cancelled(Cause),
    /// The role may not do this.
    Forbidden(Cause),
    /// One of our own functions refused.
    Breach(Breach, Cause),
    /// The server refused for any other reason, and rolled back.
    Rejected { state: String, cause: Cause },
    /// What came back was not what was asked for. The statement may have happened.
    Unreadable(Cause),
    /// The settings for the database, or the server's own, are unfit. The sentence says what to do.
    Unfit(String),
}

/// The SQLSTATEs of class CL (schema/README.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breach {
    /// CL001
    Unregistered,
    /// CL002
    MalformedBatch,
    /// CL003
    HistoryIsImmutable,
    /// CL005
    RowsMissing,
}

impl Breach {
    fn of(state: &str) -> Option<Self> {
        match state {
            "CL001" => Some(Self::Unregistered),
            "CL002" => Some(Self::MalformedBatch),
            "CL003" => Some(Self::HistoryIsImmutable),
            "CL005" => Some(Self::RowsMissing),
            _ => None,
        }
    }
}

impl DbError {
    /// An error met before any statement could have been sent.
    pub(super) fn connecting(cause: impl Into<Cause>) -> Self {
        Self::Unavailable(cause.into())
    }

    /// Could the statement have been committed all the same? Then its outcome has to be settled, not assumed.
    pub fn may_have_happened(&self) -> bool {
        matches!(self, Self::OutcomeUnknown(_) | Self::Unreadable(_))
    }

    fn from_state(state: &SqlState, constraint: Option<&str>, cause: Cause) -> Self {
        if let Some(breach) = Breach::of(state.code()) {
            return Self::Breach(breach, cause);
        }
        match state.code() {
            "23505" | "23P01" => Self::Conflict { constraint: constraint.map(str::to_owned), cause },
            "40001" | "40P01" | "55P03" => Self::TryAgain(cause),
            "57014" | "25P03" => Self::Cancelled(cause),
            "42501" => Self::Forbidden(cause),
            // said at the door, before a statement is taken; or by a primary that has become a standby
            "57P03" | "57P04" | "25006" => Self::Unavailable(cause),
            // the server may have gone after the commit and before its answer
            "57P01" | "57P02" | "57P05" | "40003" => Self::OutcomeUnknown(cause),
            code if code.starts_with("08") => Self::OutcomeUnknown(cause),
            "53100" => Self::Full(cause),
            // out of connections or memory; trouble with files. It was rolled back, and goes when the trouble does.
            code if code.starts_with("53") || code.starts_with("58") => Self::Unavailable(cause),
            code => Self::Rejected { state: code.to_owned(), cause },
        }
    }
}

impl From<tokio_postgres::Error> for DbError {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(told) = error.as_db_error() {
            // A server that panics while it writes the commit down can't say whether it stands.
            if told.parsed_severity() == Some(Severity::Panic) {
                return Self::OutcomeUnknown(Box::new(error));
            }
            let (state, constraint) = (told.code().clone(), told.constraint().map(str::to_owned));
            return Self::from_state(&state, constraint.as_deref(), Box::new(error));
        }
        let lost = error.is_closed() || error.source().is_some_and(|source| source.is::<std::io::Error>());
        if lost { Self::OutcomeUnknown(Box::new(error)) } else { Self::Unreadable(Box::new(error)) }
    }
}

impl From<PoolError> for DbError {
    fn from(error: PoolError) -> Self {
        Self::connecting(error)
    }
}

impl fmt::Display for DbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(_) => f.write_str("the database can't be reached"),
            Self::Full(_) => f.write_str("the database's disk is full"),
            Self::OutcomeUnknown(_) => {
                f.write_str("the connection to the database was lost during a statement")
            }
            Self::Conflict { constraint: Some(name), .. } => {
                write!(f, "the constraint {name} stands in the way")
            }
            Self::Conflict { constraint: None, .. } => {
                f.write_str("a uniqueness constraint stands in the way")
            }
            Self::TryAgain(_) => f.write_str("a concurrent change stood in the way; try again"),
            Self::Cancelled(_) => f.write_str("the database ended the statement before it was done"),
            Self::Forbidden(_) => {
                f.write_str("the database role may not do this; give the service a database_admin_url that may, and start it once")
            }
            Self::Breach(breach, _) => write!(f, "the ledger refused: {breach:?}"),
            Self::Rejected { state, .. } => write!(f, "the database refused (SQLSTATE {state})"),
            Self::Unreadable(_) => f.write_str("the database's answer could not be read"),
            Self::Unfit(sentence) => f.write_str(sentence),
        }
    }
}

impl Error for DbError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unavailable(cause)
            | Self::Full(cause)
            | Self::OutcomeUnknown(cause)
            | Self::Conflict { cause, .. }
            | Self::TryAgain(cause)
            | Self::Cancelled(cause)
            | Self::Forbidden(cause)
            | Self::Breach(_, cause)
            | Self::Rejected { cause, .. }
            | Self::Unreadable(cause) => Some(cause.as_ref()),
            Self::Unfit(_) => None,
        }
    }
}

/// An error and what it came from, in one line, which ends without a full stop.
pub struct Chain<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bare = |error: &dyn Error| error.to_string().trim_end_matches('.').to_owned();
        f.write_str(&bare(self.0))?;
        let mut deeper = self.0.source();
        while let Some(cause) = deeper {
            write!(f, ": {}", bare(cause))?;
            deeper = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(state: &str) -> String {
        let error = DbError::from_state(&SqlState::from_code(state), Some("events_pkey"), "cause".into());
        let name = format!("{error:?}");
        name[..name.find(['(', ' ']).unwrap_or(name.len())].to_owned()
    }

    #[test]
    fn a_state_decides_what_an_error_is() {
        for (state, name) in [
            ("23505", "Conflict"),
            ("40001", "TryAgain"),
            ("40P01", "TryAgain"),
            ("55P03", "TryAgain"),
            ("57014", "Cancelled"),
            ("42501", "Forbidden"),
            ("25006", "Unavailable"),
            ("53000", "Unavailable"),
            ("53100", "Full"),
            ("53200", "Unavailable"),
            ("53300", "Unavailable"),
            ("58000", "Unavailable"),
            ("58030", "Unavailable"),
            ("58P01", "Unavailable"),
            ("57P03", "Unavailable"),
            ("57P04", "Unavailable"),
            ("57P01", "OutcomeUnknown"),
            ("57P02", "OutcomeUnknown"),
            ("57P05", "OutcomeUnknown"),
            ("08006", "OutcomeUnknown"),
            ("CL001", "Breach"),
            ("CL002", "Breach"),
            ("CL003", "Breach"),
            ("CL005", "Breach"),
            ("22P02", "Rejected"),
            ("CL999", "Rejected"),
        ] {
            assert_eq!(kind(state), name, "{state}");
        }
    }

    #[test]
    fn only_a_lost_or_unread_answer_may_have_happened() {
        let cases: [(DbError, bool); 4] = [
            (DbError::OutcomeUnknown("lost".into()), true),
            (DbError::Unreadable("odd".into()), true),
            (DbError::Unavailable("refused".into()), false),
            (DbError::Rejected { state: "22P02".into(), cause: "bad".into() }, false),
        ];
        for (error, unknown) in cases {
            assert_eq!(error.may_have_happened(), unknown, "{error}");
        }
    }
}
