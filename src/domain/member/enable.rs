//! Let a disabled member's credentials work again, each as it stands.

use serde::{Deserialize, Serialize};

use super::{Member, MemberEvent};
use crate::domain::refusal::Refusal;

#[derive(Clone, Debug)]
pub struct Enable;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enabled {}

impl Enable {
    pub(super) fn decide(&self, member: &Member) -> Result<Vec<MemberEvent>, Refusal> {
        if member.disabled_at.is_none() {
            return Ok(Vec::new());
        }
        member.history.takes_a_resumption()?;
        Ok(vec![MemberEvent::Enabled(Enabled {})])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::member::MemberCommand;
    use crate::domain::testing::*;

    #[test]
    fn enabling_ends_what_disabling_began_and_a_second_time_does_nothing() {
        let enable = || MemberCommand::Enable(Enable);
        let disabled = || given_member([member_created(&["a"]), member_disabled()]);
        let enabled = disabled().when(enable()).state();
        assert_eq!((enabled.disabled_at, enabled.scopes), (None, scopes(&["a"])));
        given_member([member_created(&[])]).when(enable()).then([]);
    }
}
