//! Publish no more what nobody needs any more: a key whose last token is over everywhere. Its private half is forgotten after
//! that. For housekeeping; people end a key by rotating.

use serde::{Deserialize, Serialize};

use super::{SigningKeys, SigningKeysEvent};
use crate::domain::Context;
use crate::domain::refusal::Refusal;

/// Every key that is due.
#[derive(Clone, Copy, Debug)]
pub struct Retire;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retired {
    pub kid: String,
}

impl Retire {
    pub fn decide(
        &self,
        state: Option<&SigningKeys>,
        context: &Context,
    ) -> Result<Vec<SigningKeysEvent>, Refusal> {
        let published = state.into_iter().flat_map(|state| state.keys.published());
        let due = published.filter(|key| key.retires_at().is_some_and(|due| due <= context.now));
        Ok(due.map(|key| SigningKeysEvent::Retired(Retired { kid: key.kid.clone() })).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::signing_keys::testing::*;
    use crate::domain::signing_keys::{Rotate, Status};
    use crate::domain::testing::at;
    use crate::limits;

    #[test]
    fn a_key_retires_when_its_last_token_is_over_and_not_a_moment_sooner() {
        let rotate = Rotate { to: None, next: Some(made(3)), from: None };
        let keys = after(begun(), &rotate, 1000);
        let due = 1000 + i64::from(limits::ACCESS_TOKEN_SECONDS + limits::TOKEN_LEEWAY_SECONDS);
        assert_eq!(Retire.decide(Some(&keys), &when(due - 1)), Ok(Vec::new()));
        assert!(keys.keys.verifying(&made(1).kid).is_some());
        let events = Retire.decide(Some(&keys), &when(due)).expect("decided");
        assert_eq!(events, [SigningKeysEvent::Retired(Retired { kid: made(1).kid })]);
        let keys = folded(Some(keys), events, due);
        assert!(keys.keys.verifying(&made(1).kid).is_none());
        assert_eq!(keys.keys.find(&made(1).kid).map(|key| key.status(at(due))), Some(Status::Retired));
        assert_eq!(Retire.decide(Some(&keys), &when(due)), Ok(Vec::new()));
        assert_eq!(keys.keys.clone().without_ended().all().count(), 2);
    }

    #[test]
    fn what_signs_and_what_is_published_ahead_never_retires() {
        assert_eq!(Retire.decide(Some(&begun()), &when(i64::from(u32::MAX))), Ok(Vec::new()));
        assert_eq!(Retire.decide(None, &when(0)), Ok(Vec::new()));
        let mut keys = begun().keys;
        let retired = |number| SigningKeysEvent::Retired(Retired { kid: made(number).kid });
        assert!(keys.apply(&retired(1), at(0)).is_err());
        assert!(keys.apply(&retired(3), at(0)).is_err());
    }
}
