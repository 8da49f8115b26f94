//! Rename a member, change its address, describe it: what people read, never what a verdict reads.

use serde::{Deserialize, Serialize};

use super::{Member, MemberEvent};
use crate::domain::personal::{Personal, present};
use crate::domain::refusal::Refusal;

/// Absent members stay as they are. An empty address or description is none.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    pub name: Option<String>,
    pub email: Option<String>,
    pub description: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edited {
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub name: Option<Personal<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub email: Option<Personal<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub description: Option<Personal<String>>,
}

impl Edit {
    pub(super) fn decide(&self, member: &Member) -> Result<Vec<MemberEvent>, Refusal> {
        let edited = Edited {
            name: member.name.changed(&self.name),
            email: member.email.changed(&self.email),
            description: member.description.changed(&self.description),
        };
        if edited == Edited::default() {
            return Ok(Vec::new());
        }
        member.still_editable()?;
        Ok(vec![MemberEvent::Edited(edited)])
    }
}

impl Edited {
    pub(super) fn apply(self, member: &mut Member, version: u32) {
        if let Some(name) = self.name {
            member.name = name;
            member.name_since = version;
        }
        if let Some(email) = self.email {
            member.email = email;
        }
        if let Some(description) = self.description {
            member.description = description;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::member::MemberCommand;
    use crate::domain::testing::*;

    fn rename(name: &str) -> MemberCommand {
        MemberCommand::Edit(Edit { name: Some(name.into()), ..Edit::default() })
    }

    #[test]
    fn a_rename_changes_the_name_and_nothing_else() {
        let before = given_member([member_created(&["a"])]).state();
        let after = given_member([member_created(&["a"])]).when(rename("Grace")).state();
        assert_eq!((after.name, after.name_since), (Personal::Known("Grace".into()), 2));
        assert_eq!((after.email, after.scopes, after.version), (before.email, before.scopes, 2));
    }

    #[test]
    fn the_same_name_again_is_no_event_and_an_erased_one_can_be_given_anew() {
        given_member([member_created(&[])]).when(rename("Ada")).then([]);
        let erased = MemberEvent::Edited(Edited { name: Some(Personal::Erased), ..Edited::default() });
        let after = given_member([member_created(&[]), erased]).when(rename("Ada")).state();
        assert_eq!(after.name, Personal::Known("Ada".into()));
    }
}
