//! The keys and their times: which signs at an instant, which are published, which verify. The same for the stream's state and
//! for the view.

use serde::{Deserialize, Serialize};

use super::{Made, Retired, Revoked, Rotated, SigningKeysEvent, TokenAlgorithm};
use crate::clock::Timestamp;
use crate::domain::public_key::PublicJwk;
use crate::limits;

/// In the order in which they were made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Keys(Vec<SigningKey>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigningKey {
    pub kid: String,
    pub algorithm: TokenAlgorithm,
    pub public_key: PublicJwk,
    /// from then on it is published
    pub made_at: Timestamp,
    /// none: no rotation came to it yet
    pub signs_from: Option<Timestamp>,
    /// from when on the next one signs
    pub followed_at: Option<Timestamp>,
    pub retired_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

/// What a key is, at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// published ahead; the next rotation comes to it
    Next,
    /// published, and signs from a known moment on
    Starting,
    Signing,
    /// it signs no more, and tokens that it signed may live
    Retiring,
    Retired,
    /// ended before its time, with every token that it signed
    Revoked,
}

impl Status {
    pub fn word(self) -> &'static str {
        match self {
            Status::Next => "next",
            Status::Starting => "starting",
            Status::Signing => "signing",
            Status::Retiring => "retiring",
            Status::Retired => "retired",
            Status::Revoked => "revoked",
        }
    }
}

impl SigningKey {
    /// Neither retired nor revoked.
    pub fn is_published(&self) -> bool {
        self.retired_at.is_none() && self.revoked_at.is_none()
    }

    /// From when on nobody takes a token of it.
    pub fn over_at(&self) -> Option<Timestamp> {
        self.revoked_at.or(self.retired_at)
    }

    /// When it has been published for long enough to sign.
    pub fn ready_at(&self) -> Timestamp {
        self.made_at.plus_seconds(limits::SIGNING_KEY_LEAD_SECONDS)
    }

    fn signs_at(&self, now: Timestamp) -> bool {
        self.is_published()
            && self.signs_from.is_some_and(|from| from <= now)
            && self.followed_at.is_none_or(|end| now < end)
    }

    /// When the last token that it signed is over everywhere. None of a revoked key, whose tokens nobody may take any more.
    pub fn retires_at(&self) -> Option<Timestamp> {
        let followed_at = self.followed_at.filter(|_| self.revoked_at.is_none());
        Some(followed_at?.plus_seconds(limits::ACCESS_TOKEN_SECONDS + limits::TOKEN_LEEWAY_SECONDS))
    }

    pub fn status(&self, now: Timestamp) -> Status {
        match (self.retired_at, self.signs_from) {
            _ if self.revoked_at.is_some() => Status::Revoked,
            (Some(_), _) => Status::Retired,
            (None, None) => Status::Next,
            (None, Some(_)) if self.signs_at(now) => Status::Signing,
            (None, Some(from)) if now < from => Status::Starting,
            (None, Some(_)) => Status::Retiring,
        }
    }
}

impl Keys {
    pub fn all(&self) -> impl DoubleEndedIterator<Item = &SigningKey> {
        self.0.iter()
    }

    pub fn published(&self) -> impl DoubleEndedIterator<Item = &SigningKey> {
        self.all().filter(|key| key.is_published())
    }

    pub fn find(&self, kid: &str) -> Option<&SigningKey> {
        self.0.iter().find(|key| key.kid == kid)
    }

    /// A key that may have signed a token which lives.
    pub fn verifying(&self, kid: &str) -> Option<&SigningKey> {
        self.published().find(|key| key.signs_from.is_some() && key.kid == kid)
    }

    pub fn signing_at(&self, now: Timestamp) -> Option<&SigningKey> {
        self.0.iter().find(|key| key.signs_at(now))
    }

    /// Published, and never rotated to: at most one.
    pub fn next(&self) -> Option<&SigningKey> {
        self.published().find(|key| key.signs_from.is_none())
    }

    /// The one that was rotated to last.
    pub fn newest(&self) -> Option<&SigningKey> {
        self.published().find(|key| key.signs_from.is_some() && key.followed_at.is_none())
    }

    /// Whether one of the others signs at that instant, or will without another word.
    pub fn goes_on_without(&self, kid: &str, now: Timestamp) -> bool {
        let lasts =
            |key: &SigningKey| key.signs_from.is_some() && key.followed_at.is_none_or(|end| now < end);
        self.published().any(|key| key.kid != kid && lasts(key))
    }

    /// What is over is gone by them.
    pub fn without_ended(mut self) -> Self {
        self.0.retain(SigningKey::is_published);
        self
    }

    /// An error: the events before it do not explain it.
    pub fn apply(&mut self, event: &SigningKeysEvent, at: Timestamp) -> Result<(), &'static str> {
        match event {
            SigningKeysEvent::Made(made) => self.make(made, at),
            SigningKeysEvent::Rotated(rotated) => self.rotate(rotated),
            SigningKeysEvent::Retired(retired) => self.retire(retired, at),
            SigningKeysEvent::Revoked(revoked) => self.revoke(revoked, at),
        }
    }

    fn make(&mut self, made: &Made, at: Timestamp) -> Result<(), &'static str> {
        if made.kid != made.public_key.thumbprint() {
            return Err("the key is named otherwise than its thumbprint");
        }
        if !made.public_key.key().serves(made.algorithm.signing()) {
            return Err("the key is of another kind than its algorithm");
        }
        if self.find(&made.kid).is_some() {
            return Err("the key is there already");
        }
        self.0.push(SigningKey {
            kid: made.kid.clone(),
            algorithm: made.algorithm,
            public_key: made.public_key.clone(),
            made_at: at,
            signs_from: None,
            followed_at: None,
            retired_at: None,
            revoked_at: None,
        });
        Ok(())
    }

    fn rotate(&mut self, rotated: &Rotated) -> Result<(), &'static str> {
        let fresh = |key: &SigningKey| key.signs_from.is_none() && key.is_published();
        let new = self.0.iter().position(|key| key.kid == rotated.kid && fresh(key));
        let new = new.ok_or("no such key is published ahead")?;
        let newest =
            |key: &SigningKey| key.is_published() && key.signs_from.is_some() && key.followed_at.is_none();
        let before = self.0.iter_mut().find(|key| newest(key));
        if let Some(before) = before {
            if before.signs_from > Some(rotated.signs_from) {
                return Err("it would sign before the one that it follows");
            }
            before.followed_at = Some(rotated.signs_from);
        }
        self.0[new].signs_from = Some(rotated.signs_from);
        Ok(())
    }

    /// The newest never retires: something has to sign.
    fn retire(&mut self, retired: &Retired, at: Timestamp) -> Result<(), &'static str> {
        let over = |key: &SigningKey| key.signs_from.is_none() || key.followed_at.is_some();
        let key = self.0.iter_mut().find(|key| key.kid == retired.kid && key.is_published());
        let key = key.filter(|key| over(key)).ok_or("no such key may retire")?;
        key.retired_at = Some(at);
        Ok(())
    }

    /// Where it had not begun, the one that it was to follow goes on in its stead.
    fn revoke(&mut self, revoked: &Revoked, at: Timestamp) -> Result<(), &'static str> {
        let key = self.0.iter_mut().find(|key| key.kid == revoked.kid && key.is_published());
        let key = key.ok_or("no such key is published")?;
        key.revoked_at = Some(at);
        let (signs_from, followed_at) = (key.signs_from, key.followed_at);
        if let Some(from) = signs_from.filter(|from| at < *from) {
            let gave_way =
                self.0.iter_mut().filter(|key| key.is_published() && key.followed_at == Some(from));
            if let Some(before) = gave_way.max_by_key(|key| key.signs_from) {
                before.followed_at = followed_at;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::signing_keys::testing::*;
    use crate::domain::signing_keys::{Begin, Retire, Revoke, Rotate};
    use crate::domain::testing::at;

    const LEAD: i64 = limits::SIGNING_KEY_LEAD_SECONDS as i64;
    const DAYS: i64 = 200_000;

    /// What holds after any history, now and later. `gap`: a key that signed was revoked so lately that none may sign yet.
    fn holds(keys: &Keys, now: i64, gap: bool) -> Result<(), TestCaseError> {
        let count = |status, when| keys.all().filter(|key| key.status(at(when)) == status).count();
        for when in [now, now + LEAD - 1, now + LEAD, now + DAYS] {
            let signing = count(Status::Signing, when);
            prop_assert!(signing == 1 || (signing == 0 && gap && when < now + LEAD), "{signing} sign");
            prop_assert_eq!(count(Status::Next, when), 1, "one is published ahead");
            let signing = keys.signing_at(at(when));
            prop_assert!(signing.is_none_or(|key| keys.verifying(&key.kid).is_some()));
        }
        prop_assert_eq!(count(Status::Starting, now + LEAD), 0, "a new one signs soon");
        for key in keys.all().skip(1) {
            let early = key.signs_from.is_some_and(|from| from < key.made_at.plus_seconds(LEAD as u32));
            prop_assert!(!early, "it was published first");
        }
        for key in keys.all().filter(|key| key.revoked_at.is_none()) {
            prop_assert!(key.followed_at.is_none_or(|end| Some(end) >= key.signs_from));
            let lives = key.retires_at().is_some_and(|due| due > at(now)) && key.signs_from.is_some();
            prop_assert!(!lives || key.retired_at.is_none(), "a token of it may live");
        }
        for key in keys.all().filter(|key| key.revoked_at.is_some()) {
            prop_assert!(keys.verifying(&key.kid).is_none() && keys.signing_at(at(now)) != Some(key));
            prop_assert_eq!(key.status(at(now)), Status::Revoked);
        }
        Ok(())
    }

    fn viewed(view: Keys, events: &[SigningKeysEvent], now: i64) -> Keys {
        events.iter().fold(view, |mut view, event| {
            view.apply(event, at(now)).expect("it fits the view");
            view.without_ended()
        })
    }

    proptest! {
        #[test]
        fn at_every_instant_one_key_signs_that_was_published_before(
            steps in proptest::collection::vec(
                (0u8..6, prop_oneof![0i64..3, 0i64..2 * LEAD, 0i64..DAYS], any::<proptest::sample::Index>()),
                0..14,
            ),
        ) {
            let (mut state, mut now, mut number) = (begun(), 0, 2u8);
            let (mut view, mut revoked_at) = (state.keys.clone(), None);
            let mut fresh = || {
                number += 1;
                made(number)
            };
            for (step, wait, which) in steps {
                now += wait;
                let events = match step {
                    0 => Rotate { to: None, next: Some(fresh()), from: None }.decide(Some(&state), &when(now)),
                    1 => Rotate { to: Some(fresh()), next: None, from: None }.decide(Some(&state), &when(now)),
                    2 => {
                        let rotate = Rotate { to: Some(fresh()), next: Some(fresh()), from: None };
                        rotate.decide(Some(&state), &when(now))
                    }
                    3 => Retire.decide(Some(&state), &when(now)),
                    _ => {
                        let published: Vec<_> = state.keys.published().collect();
                        revoked_at = Some(now);
                        Revoke::of(&which.get(&published).kid).decide(Some(&state), &when(now))
                    }
                };
                let events = events.expect("decided");
                view = viewed(view, &events, now);
                state = folded(Some(state), events, now);
                let begin = Begin { first: Some(fresh()), next: fresh() };
                let made = begin.decide(Some(&state), &when(now)).expect("decided");
                prop_assert!(made.is_empty() || step > 3, "only a revocation leaves something lacking");
                view = viewed(view, &made, now);
                state = folded(Some(state), made, now);
                holds(&state.keys, now, revoked_at.is_some_and(|at| now < at + LEAD))?;
                // What the view holds, which knows no others any more, is what the state publishes.
                prop_assert!(view.all().eq(state.keys.published()));
            }
        }
    }
}
