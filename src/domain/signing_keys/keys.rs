//! The keys and their times: which signs at an instant, which are published, which verify. The same for the stream's state and
//! for the view.

use serde::{Deserialize, Serialize};

use super::{Made, Retired, Rotated, SigningKeysEvent, TokenAlgorithm};
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
}

impl Status {
    pub fn word(self) -> &'static str {
        match self {
            Status::Next => "next",
            Status::Starting => "starting",
            Status::Signing => "signing",
            Status::Retiring => "retiring",
            Status::Retired => "retired",
        }
    }
}

impl SigningKey {
    fn signs_at(&self, now: Timestamp) -> bool {
        self.retired_at.is_none()
            && self.signs_from.is_some_and(|from| from <= now)
            && self.followed_at.is_none_or(|end| now < end)
    }

    /// When the last token that it signed is over everywhere.
    pub fn retires_at(&self) -> Option<Timestamp> {
        Some(self.followed_at?.plus_seconds(limits::ACCESS_TOKEN_SECONDS + limits::TOKEN_LEEWAY_SECONDS))
    }

    pub fn status(&self, now: Timestamp) -> Status {
        match (self.retired_at, self.signs_from) {
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
        self.all().filter(|key| key.retired_at.is_none())
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
        self.0.iter().find(|key| key.signs_from.is_some() && key.followed_at.is_none())
    }

    /// Those that are published; whatever is retired is gone by them.
    pub fn without_retired(mut self) -> Self {
        self.0.retain(|key| key.retired_at.is_none());
        self
    }

    /// An error: the events before it do not explain it.
    pub fn apply(&mut self, event: &SigningKeysEvent, at: Timestamp) -> Result<(), &'static str> {
        match event {
            SigningKeysEvent::Made(made) => self.make(made, at),
            SigningKeysEvent::Rotated(rotated) => self.rotate(rotated),
            SigningKeysEvent::Retired(retired) => self.retire(retired, at),
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
        });
        Ok(())
    }

    fn rotate(&mut self, rotated: &Rotated) -> Result<(), &'static str> {
        let fresh = |key: &SigningKey| key.signs_from.is_none() && key.retired_at.is_none();
        let new = self.0.iter().position(|key| key.kid == rotated.kid && fresh(key));
        let new = new.ok_or("no such key is published ahead")?;
        let before = self.0.iter_mut().find(|key| key.signs_from.is_some() && key.followed_at.is_none());
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
        let key = self.0.iter_mut().find(|key| key.kid == retired.kid && key.retired_at.is_none());
        let key = key.filter(|key| over(key)).ok_or("no such key may retire")?;
        key.retired_at = Some(at);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::signing_keys::testing::*;
    use crate::domain::signing_keys::{Retire, Rotate};
    use crate::domain::testing::at;

    const LEAD: i64 = limits::SIGNING_KEY_LEAD_SECONDS as i64;
    const DAYS: i64 = 200_000;

    /// What holds after any history, now and later.
    fn holds(keys: &Keys, now: i64) -> Result<(), TestCaseError> {
        let count = |status, when| keys.all().filter(|key| key.status(at(when)) == status).count();
        for when in [now, now + LEAD - 1, now + LEAD, now + DAYS] {
            prop_assert_eq!(count(Status::Signing, when), 1, "one signs");
            prop_assert_eq!(count(Status::Next, when), 1, "one is published ahead");
            let signing = keys.signing_at(at(when)).expect("one signs");
            prop_assert!(keys.verifying(&signing.kid).is_some());
        }
        prop_assert_eq!(count(Status::Starting, now + LEAD), 0, "a new one signs soon");
        for key in keys.all().skip(1) {
            let early = key.signs_from.is_some_and(|from| from < key.made_at.plus_seconds(LEAD as u32));
            prop_assert!(!early, "it was published first");
        }
        for key in keys.all() {
            prop_assert!(key.followed_at.is_none_or(|end| Some(end) >= key.signs_from));
            let lives = key.retires_at().is_some_and(|due| due > at(now)) && key.signs_from.is_some();
            prop_assert!(!lives || key.retired_at.is_none(), "a token of it may live");
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn at_every_instant_one_key_signs_that_was_published_before(
            steps in proptest::collection::vec((0u8..4, prop_oneof![0i64..3, 0i64..DAYS]), 0..14),
        ) {
            let (mut state, mut now, mut number) = (begun(), 0, 2u8);
            let mut fresh = || {
                number += 1;
                Some(made(number))
            };
            for (step, wait) in steps {
                now += wait;
                let events = match step {
                    0 => Rotate { to: None, next: fresh(), from: None }.decide(Some(&state), &when(now)),
                    1 => Rotate { to: fresh(), next: None, from: None }.decide(Some(&state), &when(now)),
                    2 => Rotate { to: fresh(), next: fresh(), from: None }.decide(Some(&state), &when(now)),
                    _ => Retire.decide(Some(&state), &when(now)),
                };
                state = folded(Some(state), events.expect("decided"), now);
                holds(&state.keys, now)?;
            }
            // What the view holds is what the state publishes.
            let published = state.keys.clone().without_retired();
            prop_assert!(published.all().eq(state.keys.published()));
        }
    }
}
