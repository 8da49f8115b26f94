//! Stop a member: every credential that it owns stops, by one event.

use serde::{Deserialize, Serialize};

use super::{Member, MemberEvent};

#[derive(Clone, Debug)]
pub struct Disable;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disabled {}

impl Disable {
    pub(super) fn decide(&self, member: &Member) -> Vec<MemberEvent> {
        if member.disabled_at.is_some() { Vec::new() } else { vec![MemberEvent::Disabled(Disabled {})] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::member::MemberCommand;
    use crate::domain::testing::*;

    #[test]
    fn a_second_time_does_nothing() {
        let disable = || MemberCommand::Disable(Disable);
        let disabled = given_member([member_created(&[])]).when(disable()).state();
        assert_eq!(disabled.disabled_at, Some(at(0)));
        given_member([member_created(&[]), member_disabled()]).when(disable()).then([]);
    }
}
