//! How a call ended.

use crate::domain::access::Reason;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    Accepted,
    Refused(Reason),
    /// its verdict was good
    RateLimited,
}

impl Outcome {
    pub const COUNT: usize = Reason::ALL.len() + 2;

    pub fn all() -> impl Iterator<Item = Outcome> {
        let refused = Reason::ALL.map(Outcome::Refused);
        [Outcome::Accepted].into_iter().chain(refused).chain([Outcome::RateLimited])
    }

    pub fn place(self) -> usize {
        match self {
            Outcome::Accepted => 0,
            Outcome::Refused(reason) => reason as usize + 1,
            Outcome::RateLimited => Reason::ALL.len() + 1,
        }
    }

    /// Whether it shows that somebody still needs the secret: the call was let in, or would have been, had nothing rested and had it
    /// not come too often. `counts_as_use` in the database says the same.
    pub fn counts_as_use(self) -> bool {
        use Reason::{OwnerDisabled, Suspended, TenantSuspended};
        match self {
            Outcome::Accepted | Outcome::RateLimited => true,
            Outcome::Refused(reason) => matches!(reason, TenantSuspended | Suspended | OwnerDisabled),
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Outcome::Accepted => "accepted",
            Outcome::Refused(reason) => reason.word(),
            Outcome::RateLimited => "rate_limited",
        }
    }
}
