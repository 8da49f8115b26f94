//! End a compromised key at once: from then on it signs nothing, it is published no more, and no token that it signed is taken
//! anywhere. Where it was the one that signs, the one that is published ahead takes its place as soon as it may.

use serde::{Deserialize, Serialize};

use super::{Retired, SigningKeys, SigningKeysEvent};
use crate::domain::Context;
use crate::domain::credential::{Reason, Revocation};
use crate::domain::event::Recorded;
use crate::domain::personal::{Personal, present};
use crate::domain::refusal::Refusal;

/// It makes no key: what is lacking after it is made by [`super::Begin`], so that nothing has to be ready before the end.
#[derive(Clone, Debug)]
pub struct Revoke {
    pub kid: String,
    pub reason: Reason,
    pub note: Option<String>,
    /// published ahead, and its private half is not to be had: it is passed by
    pub lost: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoked {
    pub kid: String,
    pub reason: Reason,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub note: Option<Personal<String>>,
}

impl Revoke {
    pub fn decide(
        &self,
        state: Option<&SigningKeys>,
        context: &Context,
    ) -> Result<Vec<SigningKeysEvent>, Refusal> {
        let found = state.and_then(|state| Some((state, state.keys.find(&self.kid)?)));
        let (state, key) = found.ok_or_else(Refusal::not_found)?;
        if key.revoked_at.is_some() {
            return Ok(Vec::new());
        }
        if key.retired_at.is_some() {
            return Err(Refusal::conflict(
                "This key has retired: it signs nothing, it is published no more, and no token of it is taken.",
            ));
        }
        let note = self.note.clone().map(Personal::Known);
        let revoked = Revoked { kid: self.kid.clone(), reason: self.reason, note };
        let mut events = vec![SigningKeysEvent::Revoked(revoked)];
        if !state.keys.goes_on_without(&self.kid, context.now) {
            let next = state.keys.next().filter(|next| next.kid != self.kid);
            events.extend(next.map(|next| match self.lost.as_ref() == Some(&next.kid) {
                true => SigningKeysEvent::Retired(Retired { kid: next.kid.clone() }),
                false => next.takes_over(context),
            }));
        }
        Ok(events)
    }
}

impl Revoked {
    pub(super) fn into_revocation(self, recorded: &Recorded) -> (String, Revocation) {
        let (at, by) = (recorded.at, recorded.actor);
        (self.kid, Revocation { at, by, reason: self.reason, note: self.note })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::domain::refusal::RefusalKind;
    use crate::domain::signing_keys::testing::*;
    use crate::domain::signing_keys::{Begin, Retire, Rotate, Status};
    use crate::domain::testing::at;
    use crate::limits;

    const LEAD: i64 = limits::SIGNING_KEY_LEAD_SECONDS as i64;

    fn revoked(state: SigningKeys, number: u8, seconds: i64) -> SigningKeys {
        let events = Revoke::of(&made(number).kid).decide(Some(&state), &when(seconds)).expect("decided");
        folded(Some(state), events, seconds)
    }

    fn signing(state: &SigningKeys, now: Timestamp) -> Option<u8> {
        let kid = &state.signing_at(now)?.kid;
        (0..20).find(|number| made(*number).kid == *kid)
    }

    fn status(state: &SigningKeys, number: u8, seconds: i64) -> Option<Status> {
        state.keys.find(&made(number).kid).map(|key| key.status(at(seconds)))
    }

    /// As a rotation that was brought: it is published now, and signs after the lead.
    fn rotated_to(state: SigningKeys, number: u8, seconds: i64) -> SigningKeys {
        after(state, &Rotate { to: Some(made(number)), next: None, from: None }, seconds)
    }

    #[test]
    fn of_the_key_that_signs_nothing_is_left_and_the_next_one_signs_in_the_same_moment() {
        let note = Some("on a stolen disk".to_owned());
        let revoke = Revoke { note: note.clone(), ..Revoke::of(&made(1).kid) };
        let events = revoke.decide(Some(&begun()), &when(1000)).expect("decided");
        let keys = folded(Some(begun()), events, 1000);
        assert_eq!((signing(&keys, at(999)), signing(&keys, at(1000))), (None, Some(2)));
        assert_eq!(status(&keys, 1, 0), Some(Status::Revoked));
        assert!(keys.keys.verifying(&made(1).kid).is_none(), "no token of it is taken");
        assert!(keys.keys.published().all(|key| key.kid != made(1).kid), "it is published no more");
        assert_eq!(keys.keys.find(&made(1).kid).and_then(|key| key.retires_at()), None);
        let why = keys.revocations.get(&made(1).kid).expect("why");
        assert_eq!(
            (why.at, why.reason, why.note.clone()),
            (at(1000), Reason::Compromised, note.map(Personal::Known))
        );
        assert!(keys.keys.clone().without_ended().find(&made(1).kid).is_none());
    }

    #[test]
    fn a_key_takes_over_only_once_it_was_published_for_long_enough_and_until_then_none_signs() {
        let keys = revoked(begun(), 1, 2);
        assert_eq!((signing(&keys, at(2)), signing(&keys, at(LEAD - 1))), (None, None));
        assert_eq!(signing(&keys, at(LEAD)), Some(2));
        // That one too, before it signed: there is none to take over, until one is made.
        let keys = revoked(keys, 2, 3);
        assert_eq!((keys.newest(), keys.keys.next()), (None, None));
        assert_eq!(signing(&keys, at(1_000_000)), None);
        let begin = Begin { first: Some(made(3)), next: made(4) };
        let keys = folded(Some(keys.clone()), begin.decide(Some(&keys), &when(4)).expect("decided"), 4);
        assert_eq!((signing(&keys, at(4 + LEAD - 1)), signing(&keys, at(4 + LEAD))), (None, Some(3)));
    }

    #[test]
    fn what_signs_goes_on_when_another_key_is_revoked() {
        let keys = after(begun(), &Rotate { to: None, next: Some(made(3)), from: None }, 1000);
        for (number, before) in [(1, Status::Retiring), (3, Status::Next)] {
            assert_eq!(status(&keys, number, 1000), Some(before));
            let keys = revoked(keys.clone(), number, 1000);
            assert_eq!(signing(&keys, at(1000)), Some(2));
            assert_eq!(status(&keys, number, 1000), Some(Status::Revoked));
        }
    }

    #[test]
    fn one_that_was_to_sign_soon_leaves_the_one_before_it_signing() {
        let starting = rotated_to(begun(), 3, 1000);
        assert_eq!(status(&starting, 3, 1000), Some(Status::Starting));
        let keys = revoked(starting.clone(), 3, 1001);
        for now in [1001, 1000 + LEAD, 1_000_000] {
            assert_eq!(signing(&keys, at(now)), Some(1), "{now}");
        }
        assert_eq!(status(&keys, 2, 1001), Some(Status::Next));
        // Of two that wait, the first: the one before signs until the second does.
        let both = rotated_to(starting, 4, 1002);
        let keys = revoked(both.clone(), 3, 1003);
        assert_eq!(
            (signing(&keys, at(1002 + LEAD - 1)), signing(&keys, at(1002 + LEAD))),
            (Some(1), Some(4))
        );
        // And the one that signs: nobody does until the first has its time.
        let keys = revoked(both, 1, 1003);
        assert_eq!((signing(&keys, at(1003)), signing(&keys, at(1000 + LEAD))), (None, Some(3)));
    }

    #[test]
    fn a_next_key_whose_private_half_is_lost_is_passed_by() {
        let revoke = Revoke { lost: Some(made(2).kid), ..Revoke::of(&made(1).kid) };
        let events = revoke.decide(Some(&begun()), &when(1000)).expect("decided");
        let keys = folded(Some(begun()), events, 1000);
        assert_eq!(status(&keys, 2, 1000), Some(Status::Retired));
        assert_eq!((keys.newest(), keys.keys.next()), (None, None));
    }

    #[test]
    fn a_second_time_nothing_happens_and_an_unknown_or_retired_key_is_told_plainly() {
        let decide = |state: Option<&SigningKeys>, number: u8, seconds| {
            let decided = Revoke::of(&made(number).kid).decide(state, &when(seconds));
            decided.map(|events| events.len()).map_err(|refusal| refusal.kind)
        };
        let keys = revoked(begun(), 1, 1000);
        assert_eq!(decide(Some(&keys), 1, 1001), Ok(0));
        assert_eq!(decide(Some(&keys), 9, 1001), Err(RefusalKind::NotFound));
        assert_eq!(decide(None, 1, 1001), Err(RefusalKind::NotFound));
        let keys = after(begun(), &Rotate { to: None, next: Some(made(3)), from: None }, 1000);
        let over = 1000 + i64::from(limits::ACCESS_TOKEN_SECONDS + limits::TOKEN_LEEWAY_SECONDS);
        let keys =
            folded(Some(keys.clone()), Retire.decide(Some(&keys), &when(over)).expect("decided"), over);
        assert_eq!(decide(Some(&keys), 1, over), Err(RefusalKind::Conflict));
    }

    #[test]
    fn a_revoked_key_never_comes_back() {
        let mut keys = revoked(begun(), 1, 1000);
        let again = Rotate { to: Some(made(1)), next: None, from: None };
        assert_eq!(again.decide(Some(&keys), &when(1001)).map_err(|no| no.kind), Err(RefusalKind::Conflict));
        for event in [
            SigningKeysEvent::Made(made(1)),
            SigningKeysEvent::Retired(Retired { kid: made(1).kid }),
            SigningKeysEvent::Revoked(Revoked { kid: made(1).kid, reason: Reason::Other, note: None }),
            SigningKeysEvent::Revoked(Revoked { kid: made(9).kid, reason: Reason::Other, note: None }),
        ] {
            assert!(keys.keys.apply(&event, at(1001)).is_err(), "{event:?}");
        }
    }
}
