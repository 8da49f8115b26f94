//! Have one key sign and one be published ahead, where either is lacking. The very first signs at once: nobody has a token yet.
//! Every other one is published for long enough first. Where nothing is lacking there is nothing to do, so of two starts at once
//! one begins.

use super::{Made, Rotated, SigningKey, SigningKeys, SigningKeysEvent};
use crate::domain::Context;
use crate::domain::refusal::Refusal;
use crate::limits;

/// The keys were made for it, and their private halves are sealed in their rows already.
#[derive(Clone, Debug)]
pub struct Begin {
    /// to sign, where neither one signs nor one is published ahead
    pub first: Option<Made>,
    pub next: Made,
}

impl Begin {
    pub fn decide(
        &self,
        state: Option<&SigningKeys>,
        context: &Context,
    ) -> Result<Vec<SigningKeysEvent>, Refusal> {
        let ahead = state.and_then(|state| state.keys.next());
        if state.and_then(SigningKeys::newest).is_some() && ahead.is_some() {
            return Ok(Vec::new());
        }
        if let Some(state) = state {
            state.history.takes_a_resumption()?;
        }
        let next = SigningKeysEvent::Made(self.next.clone());
        Ok(match (state.and_then(SigningKeys::newest), ahead) {
            (Some(_), _) => vec![next],
            (None, Some(ahead)) => vec![ahead.takes_over(context), next],
            (None, None) => self.the_first_of_all(state, context),
        })
    }

    fn the_first_of_all(&self, state: Option<&SigningKeys>, context: &Context) -> Vec<SigningKeysEvent> {
        let lead = if state.is_some() { limits::SIGNING_KEY_LEAD_SECONDS } else { 0 };
        let signing = self.first.as_ref().unwrap_or(&self.next);
        let rotated = Rotated { kid: signing.kid.clone(), signs_from: context.now.plus_seconds(lead) };
        let made = self.first.iter().chain([&self.next]).cloned().map(SigningKeysEvent::Made);
        made.chain([SigningKeysEvent::Rotated(rotated)]).collect()
    }
}

impl SigningKey {
    /// Of the one that is published ahead, where none signs any more: as soon as it may.
    pub(super) fn takes_over(&self, context: &Context) -> SigningKeysEvent {
        let signs_from = context.now.max(self.ready_at());
        SigningKeysEvent::Rotated(Rotated { kid: self.kid.clone(), signs_from })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::history::History;
    use crate::domain::refusal::RefusalKind;
    use crate::domain::signing_keys::testing::*;
    use crate::domain::signing_keys::{Revoke, Status};
    use crate::domain::testing::at;

    #[test]
    fn the_first_key_signs_at_once_and_the_next_is_published_ahead() {
        let keys = begun();
        let told: Vec<_> = keys.keys.all().map(|key| key.status(at(0))).collect();
        assert_eq!(told, [Status::Signing, Status::Next]);
        assert_eq!(keys.signing_at(at(0)).map(|key| key.kid.as_str()), Some(made(1).kid.as_str()));
        assert_eq!(keys.signing_at(at(-1)), None);
    }

    #[test]
    fn whoever_comes_second_finds_nothing_to_do() {
        let begin = Begin { first: Some(made(7)), next: made(8) };
        assert_eq!(begin.decide(Some(&begun()), &when(5)), Ok(Vec::new()));
    }

    #[test]
    fn where_none_is_published_ahead_one_is_and_where_none_signs_that_one_does() {
        let revoke = |keys: SigningKeys, number: u8, seconds| {
            let events = Revoke::of(&made(number).kid).decide(Some(&keys), &when(seconds)).expect("decided");
            folded(Some(keys), events, seconds)
        };
        let begin = |number| Begin { first: None, next: made(number) };
        let keys = revoke(begun(), 2, 100);
        let events = begin(3).decide(Some(&keys), &when(101)).expect("decided");
        assert_eq!(events, [SigningKeysEvent::Made(made(3))]);
        // All of them gone: a fresh one signs after its time, and never at once.
        let keys = revoke(keys, 1, 102);
        assert_eq!((keys.newest(), keys.keys.next()), (None, None));
        let begin = Begin { first: Some(made(4)), ..begin(5) };
        let keys = folded(Some(keys.clone()), begin.decide(Some(&keys), &when(103)).expect("decided"), 103);
        let lead = i64::from(limits::SIGNING_KEY_LEAD_SECONDS);
        assert_eq!(keys.signing_at(at(103 + lead - 1)), None);
        assert_eq!(keys.signing_at(at(103 + lead)).map(|key| key.kid.clone()), Some(made(4).kid));
        assert_eq!(keys.keys.next().map(|key| key.kid.clone()), Some(made(5).kid));
    }

    #[test]
    fn a_history_that_is_full_to_the_last_takes_no_more_keys() {
        let events = limits::STREAM_EVENTS + limits::STREAM_RESERVE;
        let revoked = Revoke::of(&made(2).kid).decide(Some(&begun()), &when(100)).expect("decided");
        let keys = folded(Some(begun()), revoked, 100);
        let full = SigningKeys { history: History { events, bytes: 0 }, ..keys };
        let begin = Begin { first: None, next: made(3) };
        assert_eq!(begin.decide(Some(&full), &when(101)).map_err(|no| no.kind), Err(RefusalKind::Conflict));
    }
}
