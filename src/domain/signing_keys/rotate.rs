//! Have another key sign, and publish the one after it. The next one has been published long enough to sign at once; a key that
//! was brought, or is of another algorithm, is published now and signs a few seconds later.

use serde::{Deserialize, Serialize};

use super::{Made, Retired, SigningKey, SigningKeys, SigningKeysEvent};
use crate::clock::Timestamp;
use crate::domain::Context;
use crate::domain::refusal::Refusal;
use crate::limits;

/// The keys that it carries were made for it, and their private halves are sealed in their rows already. It carries none where a
/// key has to be brought.
#[derive(Clone, Debug, Default)]
pub struct Rotate {
    /// none: to the one that is published ahead
    pub to: Option<Made>,
    /// The one to publish ahead. None keeps the one that is there.
    pub next: Option<Made>,
    /// Only while this one is the newest: of two who find one too old at once, one rotates.
    pub from: Option<String>,
}

/// From then on this key signs new tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotated {
    pub kid: String,
    pub signs_from: Timestamp,
}

impl Rotate {
    pub fn decide(
        &self,
        state: Option<&SigningKeys>,
        context: &Context,
    ) -> Result<Vec<SigningKeysEvent>, Refusal> {
        let newest = state.and_then(|state| Some((state, state.newest()?)));
        let Some((state, newest)) = newest else {
            return Err(Refusal::conflict("No key signs yet. The service makes the first one at its start."));
        };
        if self.from.as_ref().is_some_and(|from| *from != newest.kid) {
            return Ok(Vec::new());
        }
        self.takes_more(state)?;
        let next = state.keys.next();
        let (kid, ready_at) = match (&self.to, next) {
            (Some(made), _) => (&made.kid, context.now.plus_seconds(limits::SIGNING_KEY_LEAD_SECONDS)),
            (None, Some(next)) if self.fits(next)? => (&next.kid, next.ready_at()),
            (None, _) => return Err(Refusal::conflict("Another rotation came between. Ask again.")),
        };
        let signs_from = context.now.max(ready_at).max(newest.signs_from.unwrap_or_default());
        let mut events: Vec<_> = self.to.iter().cloned().map(SigningKeysEvent::Made).collect();
        events.push(SigningKeysEvent::Rotated(Rotated { kid: kid.clone(), signs_from }));
        if let Some(made) = &self.next {
            // It never signed, and another takes its place.
            let replaced = next.filter(|_| self.to.is_some());
            let retired = |key: &SigningKey| Retired { kid: key.kid.clone() };
            events.extend(replaced.map(retired).map(SigningKeysEvent::Retired));
            events.push(SigningKeysEvent::Made(made.clone()));
        }
        Ok(events)
    }

    /// Whether the key that is published ahead is the one that this was made ready for.
    fn fits(&self, next: &SigningKey) -> Result<bool, Refusal> {
        let after = self.next.as_ref().ok_or_else(|| {
            Refusal::invalid(
                "/private_key",
                "Keys of this algorithm are not made here. Bring one as private_key, or name ES256 or EdDSA as algorithm.",
            )
        })?;
        Ok(after.algorithm == next.algorithm)
    }

    fn takes_more(&self, state: &SigningKeys) -> Result<(), Refusal> {
        state.history.takes_more("Its keys go on as they are.")?;
        if state.keys.published().count() >= limits::SIGNING_KEYS {
            return Err(Refusal::conflict(format!(
                "{} keys are published, as many as may be. Rotate again when the oldest has retired, a day after it signed last.",
                limits::SIGNING_KEYS
            )));
        }
        let known = |made: &Made| state.keys.find(&made.kid).is_some();
        match [&self.to, &self.next].into_iter().flatten().any(known) {
            true => Err(Refusal::conflict(
                "This key is, or was, one of this service's signing keys. Bring one that is new.",
            )),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::refusal::RefusalKind;
    use crate::domain::signing_keys::testing::*;
    use crate::domain::signing_keys::{Status, TokenAlgorithm};
    use crate::domain::testing::at;

    const LEAD: i64 = limits::SIGNING_KEY_LEAD_SECONDS as i64;

    fn plain(next: u8) -> Rotate {
        Rotate { to: None, next: Some(made(next)), from: None }
    }

    #[test]
    fn the_next_key_signs_at_once_and_another_is_published_ahead() {
        let keys = after(begun(), &plain(3), 1000);
        let statuses: Vec<_> = keys.keys.all().map(|key| key.status(at(1000))).collect();
        assert_eq!(statuses, [Status::Retiring, Status::Signing, Status::Next]);
        assert_eq!(keys.newest().map(|key| key.kid.clone()), Some(made(2).kid));
        assert_eq!(keys.keys.next().map(|key| key.kid.clone()), Some(made(3).kid));
    }

    #[test]
    fn a_key_signs_only_after_it_was_published_long_enough() {
        // two at once: what the first publishes ahead, the second rotates to
        let keys = after(after(begun(), &plain(3), 1000), &plain(4), 1000);
        let from = at(1000 + LEAD);
        assert_eq!(keys.newest().and_then(|key| key.signs_from), Some(from));
        let signing = |now| keys.signing_at(now).map(|key| key.kid.clone());
        assert_eq!(signing(at(1000)), Some(made(2).kid));
        assert_eq!(signing(at(1000 + LEAD - 1)), Some(made(2).kid));
        assert_eq!(signing(from), Some(made(3).kid));
        assert_eq!(keys.newest().map(|key| key.status(at(1000))), Some(Status::Starting));
    }

    #[test]
    fn a_key_that_was_brought_signs_after_the_lead_and_the_next_one_stays() {
        let brought = Rotate { to: Some(made(9)), next: None, from: None };
        let keys = after(begun(), &brought, 1000);
        assert_eq!(keys.newest().and_then(|key| key.signs_from), Some(at(1000 + LEAD)));
        assert_eq!(keys.keys.next().map(|key| key.kid.clone()), Some(made(2).kid));
        // a rotation right after it never takes its time away backwards
        let keys = after(keys, &plain(5), 1001);
        assert_eq!(keys.newest().and_then(|key| key.signs_from), Some(at(1000 + LEAD)));
        assert_eq!(keys.signing_at(at(1000 + LEAD)).map(|key| key.kid.clone()), Some(made(2).kid));
    }

    #[test]
    fn a_change_of_algorithm_replaces_the_key_that_was_published_ahead() {
        let change = Rotate { to: Some(made(9)), next: Some(made(10)), from: None };
        let keys = after(begun(), &change, 1000);
        assert_eq!(keys.keys.find(&made(2).kid).map(|key| key.status(at(1000))), Some(Status::Retired));
        assert_eq!(keys.keys.next().map(|key| key.kid.clone()), Some(made(10).kid));
        assert!(keys.keys.verifying(&made(2).kid).is_none());
        assert!(TokenAlgorithm::ALL.iter().filter(|each| each.is_made_here()).count() == 2);
    }

    #[test]
    fn a_schedule_that_was_overtaken_does_nothing() {
        let late = Rotate { from: Some(made(1).kid), ..plain(4) };
        assert_eq!(late.decide(Some(&begun()), &when(1000)).map(|events| events.len()), Ok(2));
        let rotated = after(begun(), &plain(3), 1000);
        assert_eq!(late.decide(Some(&rotated), &when(1000)), Ok(Vec::new()));
    }

    #[test]
    fn what_was_made_ready_for_another_state_or_not_at_all_is_refused() {
        let kind = |rotate: &Rotate| {
            rotate.decide(Some(&begun()), &when(1000)).map_err(|refusal| (refusal.kind, refusal.pointer))
        };
        let other = Made { algorithm: TokenAlgorithm::Es256, ..made(3) };
        let other = Rotate { to: None, next: Some(other), from: None };
        assert_eq!(kind(&other), Err((RefusalKind::Conflict, None)));
        let nothing = Rotate { to: None, next: None, from: None };
        assert_eq!(kind(&nothing), Err((RefusalKind::Invalid, Some("/private_key"))));
    }

    #[test]
    fn a_known_key_and_one_too_many_are_refused() {
        let refused = |rotate: &Rotate, state: Option<&SigningKeys>| {
            rotate.decide(state, &when(1000)).map_err(|refusal| refusal.kind)
        };
        let conflict = Err(RefusalKind::Conflict);
        for known in [1, 2] {
            assert_eq!(refused(&plain(known), Some(&begun())), conflict);
        }
        assert_eq!(refused(&plain(3), None), conflict);
        let full = (3..=u8::try_from(limits::SIGNING_KEYS).expect("few"))
            .fold(begun(), |keys, number| after(keys, &plain(number), 1000));
        assert_eq!(full.keys.published().count(), limits::SIGNING_KEYS);
        assert_eq!(refused(&plain(200), Some(&full)), conflict);
    }
}
