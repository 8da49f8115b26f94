//! Make the first key, which signs at once: nobody has a token yet. Where one signs there is nothing to do, so of two starts at
//! once one begins.

use super::{Made, Rotated, SigningKeys, SigningKeysEvent};
use crate::domain::Context;
use crate::domain::refusal::Refusal;

#[derive(Clone, Debug)]
pub struct Begin {
    pub first: Made,
    pub next: Made,
}

impl Begin {
    pub fn decide(
        &self,
        state: Option<&SigningKeys>,
        context: &Context,
    ) -> Result<Vec<SigningKeysEvent>, Refusal> {
        if state.is_some_and(|state| state.newest().is_some()) {
            return Ok(Vec::new());
        }
        let rotated = Rotated { kid: self.first.kid.clone(), signs_from: context.now };
        Ok(vec![
            SigningKeysEvent::Made(self.first.clone()),
            SigningKeysEvent::Made(self.next.clone()),
            SigningKeysEvent::Rotated(rotated),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::signing_keys::Status;
    use crate::domain::signing_keys::testing::*;
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
        let begin = Begin { first: made(7), next: made(8) };
        assert_eq!(begin.decide(Some(&begun()), &when(5)), Ok(Vec::new()));
    }
}
