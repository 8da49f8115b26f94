//! A stream's fold, and with it where each value stands that a person typed: the fold knows what it is, and what was erased is known
//! by its place alone.

use std::collections::BTreeMap;

use crate::domain::Unfoldable;
use crate::domain::event::Recorded;
use crate::domain::shown;
use crate::domain::stream::StreamState;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Folded {
    pub state: StreamState,
    /// member → the version of the event whose personal row holds it
    pub since: BTreeMap<&'static str, u32>,
}

impl Folded {
    pub fn next(&self, recorded: &Recorded) -> Result<Folded, Unfoldable> {
        let mut since = self.since.clone();
        since.extend(shown::sets(recorded).map(|member| (member, recorded.version)));
        Ok(Folded { state: self.state.clone().folded(recorded.clone())?, since })
    }
}
