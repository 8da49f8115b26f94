//! Rename, describe, annotate: what people read, never what a verdict reads.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Credential, CredentialEvent, Typed};
use crate::domain::Context;
use crate::domain::personal::{Personal, present};
use crate::domain::refusal::Refusal;

/// Absent members stay as they are. An empty description is none.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    pub name: Option<String>,
    pub description: Option<String>,
    pub metadata: Option<Map<String, Value>>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edited {
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub name: Option<Personal<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub description: Option<Personal<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub metadata: Option<Personal<Map<String, Value>>>,
}

impl Edit {
    pub(super) fn decide(
        &self,
        credential: &Credential,
        context: &Context,
    ) -> Result<Vec<CredentialEvent>, Refusal> {
        let edited = Edited {
            name: changed(&self.name, &credential.name),
            description: changed(&self.description, &credential.description),
            metadata: changed(&self.metadata, &credential.metadata),
        };
        if edited == Edited::default() {
            return Ok(Vec::new());
        }
        credential.still_open(context.now)?;
        Ok(vec![CredentialEvent::Edited(edited)])
    }
}

fn changed<T: Clone + PartialEq>(asked: &Option<T>, present: &Typed<T>) -> Option<Personal<T>> {
    let asked = asked.as_ref()?;
    (present.value.known() != Some(asked)).then(|| Personal::Known(asked.clone()))
}

impl Edited {
    pub(super) fn apply(self, credential: &mut Credential, version: u32) {
        replace(&mut credential.name, self.name, version);
        replace(&mut credential.description, self.description, version);
        replace(&mut credential.metadata, self.metadata, version);
    }
}

fn replace<T>(present: &mut Typed<T>, new: Option<Personal<T>>, version: u32) {
    if let Some(value) = new {
        *present = Typed { value, since: version };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::credential::CredentialCommand;
    use crate::domain::refusal::RefusalKind;
    use crate::domain::testing::*;

    fn rename(name: &str) -> CredentialCommand {
        CredentialCommand::Edit(Edit { name: Some(name.into()), ..Edit::default() })
    }

    #[test]
    fn a_rename_changes_the_name_and_nothing_else() {
        let before = given([created()]).state();
        let after = given([created()]).when(rename("nightly")).state();
        assert_eq!(after.name.value, Personal::Known("nightly".into()));
        assert_eq!(after.name.since, 2);
        assert_eq!((after.description, after.secrets), (before.description, before.secrets));
    }

    #[test]
    fn the_same_name_again_is_no_event() {
        given([created()]).when(rename("ci-runner")).then([]);
        given([created(), revoked()]).when(rename("ci-runner")).then([]);
    }

    #[test]
    fn a_revoked_or_expired_credential_keeps_its_name() {
        given([created(), revoked()]).when(rename("nightly")).refused(RefusalKind::Conflict, None);
        given([created_until(at(10))])
            .now(at(10))
            .when(rename("nightly"))
            .refused(RefusalKind::Conflict, None);
    }
}
