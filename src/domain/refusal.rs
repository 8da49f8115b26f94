//! Why a command was not carried out. Every refusal tells its reader what to do next.

use super::access::Reason;

/// The kinds are the API's codes; how each becomes a status is HTTP's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// a value that can't stand, by the tenant's settings or for itself
    Invalid,
    Forbidden,
    NotFound,
    Conflict,
    TooManySecrets,
    LastSecret,
    QuotaExceeded,
    /// the caller's own authority ended while the command ran
    Unauthorized(Reason),
    /// the caller's `If-Match` names another version
    Stale,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub kind: RefusalKind,
    pub detail: String,
    /// the member of the request that it is about
    pub pointer: Option<&'static str>,
}

impl Refusal {
    pub fn new(kind: RefusalKind, detail: impl Into<String>) -> Self {
        Refusal { kind, detail: detail.into(), pointer: None }
    }

    pub fn invalid(pointer: &'static str, detail: impl Into<String>) -> Self {
        Refusal { kind: RefusalKind::Invalid, detail: detail.into(), pointer: Some(pointer) }
    }

    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(RefusalKind::Conflict, detail)
    }

    /// The same words for what is foreign and for what does not exist.
    pub fn not_found() -> Self {
        Self::new(RefusalKind::NotFound, "There is nothing here that you may see.")
    }

    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(RefusalKind::Forbidden, detail)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Refusal {}
