//! Why somebody was not signed in. The log says it whole; the browser hears no more than what to do next.

use std::fmt;

use super::provider::ProviderFault;
use crate::db::DbError;

#[derive(Debug)]
pub enum Denied {
    /// the browser brought no sign-in along that was begun here
    NoAttempt,
    Late,
    /// the callback is of another sign-in
    State,
    /// completed before
    Spent,
    /// the callback names another issuer, or none where the provider names itself
    MixUp,
    /// no code, or an ill-formed one
    NoCode,
    /// the provider's own refusal, by its code
    Provider(String),
    Fault(ProviderFault),
    /// no invitation, and the mapping has nothing for these claims; what they said
    NoRole(String),
    NoTenant(String),
    OperatorDisabled,
    /// an invitation that can't be accepted any more, and nothing else
    InvitationOver,
    /// the ledger refused what the sign-in would have changed
    Refused(String),
    /// the database is away
    Unavailable(Box<dyn std::error::Error + Send + Sync>),
}

impl Denied {
    pub const OUTCOMES: [&str; 17] = [
        "no_attempt",
        "late",
        "state",
        "spent",
        "mix_up",
        "no_code",
        "provider_refused",
        "provider_away",
        "provider_garbage",
        "token",
        "no_role",
        "no_tenant",
        "operator_disabled",
        "invitation_over",
        "refused",
        "unavailable",
        "accepted",
    ];

    /// For the log and the metric.
    pub fn outcome(&self) -> &'static str {
        match self {
            Denied::NoAttempt => "no_attempt",
            Denied::Late => "late",
            Denied::State => "state",
            Denied::Spent => "spent",
            Denied::MixUp => "mix_up",
            Denied::NoCode => "no_code",
            Denied::Provider(_) | Denied::Fault(ProviderFault::Refused(_)) => "provider_refused",
            Denied::Fault(ProviderFault::Away(_)) => "provider_away",
            Denied::Fault(ProviderFault::Garbage(_)) => "provider_garbage",
            Denied::Fault(ProviderFault::Token(_)) => "token",
            Denied::NoRole(_) => "no_role",
            Denied::NoTenant(_) => "no_tenant",
            Denied::OperatorDisabled => "operator_disabled",
            Denied::InvitationOver => "invitation_over",
            Denied::Refused(_) => "refused",
            Denied::Unavailable(_) => "unavailable",
        }
    }

    /// It may go better in a moment, without anybody doing anything.
    pub fn is_passing(&self) -> bool {
        matches!(self, Denied::Fault(ProviderFault::Away(_)) | Denied::Unavailable(_))
    }

    /// The sign-in came to nothing by itself: it can be begun anew.
    pub fn is_of_the_attempt(&self) -> bool {
        use Denied::{Late, MixUp, NoAttempt, NoCode, Spent, State};
        matches!(self, NoAttempt | Late | State | Spent | MixUp | NoCode)
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Denied::NoAttempt => {
                f.write_str("the callback came without the cookie of a sign-in that was begun here")
            }
            Denied::Late => f.write_str("the sign-in took too long"),
            Denied::State => f.write_str("the callback's state is of another sign-in than the cookie's"),
            Denied::Spent => f.write_str("the sign-in was completed before; somebody repeats its callback"),
            Denied::MixUp => f.write_str("the callback's iss is not oidc_issuer"),
            Denied::NoCode => f.write_str("the callback brings no code"),
            Denied::Provider(code) => write!(f, "the provider did not sign the person in: {code}"),
            Denied::Fault(fault) => fault.fmt(f),
            Denied::NoRole(said) => write!(
                f,
                "no invitation is open for the person's verified address, and no entry of oidc_roles fits; {said}"
            ),
            Denied::NoTenant(slugs) => {
                write!(f, "an entry of oidc_roles fits, but none of its tenants is there: {slugs}")
            }
            Denied::OperatorDisabled => f.write_str("the person's operator is disabled"),
            Denied::InvitationOver => f.write_str(
                "the person's invitation is over or was withdrawn, and no entry of oidc_roles fits",
            ),
            Denied::Refused(detail) => f.write_str(detail),
            Denied::Unavailable(cause) => write!(f, "the ledger does not answer: {cause}"),
        }
    }
}

impl From<ProviderFault> for Denied {
    fn from(fault: ProviderFault) -> Self {
        Denied::Fault(fault)
    }
}

impl From<DbError> for Denied {
    fn from(cause: DbError) -> Self {
        Denied::Unavailable(cause.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_is_counted() {
        for denied in
            [Denied::NoAttempt, Denied::Spent, Denied::NoRole(String::new()), Denied::InvitationOver]
        {
            assert!(Denied::OUTCOMES.contains(&denied.outcome()));
        }
    }
}
