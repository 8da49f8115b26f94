//! Rename, describe, annotate: what people read, never what a verdict reads.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Credential, CredentialEvent, Typed};
use crate::domain::personal::{Personal, present};
use crate::domain::refusal::Refusal;
use crate::domain::{Context, canonical};
use crate::limits;

/// Absent members stay as they are. An empty description is none.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    pub name: Option<String>,
    pub description: Option<String>,
    /// merged into what is there (RFC 7396); an inner `None` clears it
    pub metadata: Option<Option<Map<String, Value>>>,
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
        let metadata = self.metadata.as_ref().map(|patch| merged(patch.as_ref(), &credential.metadata));
        let edited = Edited {
            name: credential.name.value.changed(&self.name),
            description: credential.description.value.changed(&self.description),
            metadata: credential.metadata.value.changed(&metadata),
        };
        if edited == Edited::default() {
            return Ok(Vec::new());
        }
        credential.still_editable(context.now)?;
        if edited.metadata.as_ref().and_then(Personal::known).is_some_and(|merged| !metadata_fits(merged)) {
            return Err(Refusal::invalid(
                "/metadata",
                format!("Merged, it is over {} bytes.", limits::METADATA_BYTES),
            ));
        }
        unlike_erased(edited.metadata.as_ref().and_then(Personal::known))?;
        Ok(vec![CredentialEvent::Edited(edited)])
    }
}

/// Nobody sets what stands for metadata that was erased.
pub(super) fn unlike_erased(metadata: Option<&Map<String, Value>>) -> Result<(), Refusal> {
    let is_alike = |metadata: &Map<String, Value>| {
        metadata.len() == 1 && metadata.get("erased") == Some(&Value::Bool(true))
    };
    if metadata.is_some_and(is_alike) {
        let detail =
            "Metadata that was erased reads so. Keep something else beside it, or under another name.";
        return Err(Refusal::invalid("/metadata", detail));
    }
    Ok(())
}

/// In the form in which it is stored and read back.
pub fn metadata_fits(metadata: &Map<String, Value>) -> bool {
    canonical::length(metadata) <= limits::METADATA_BYTES
}

fn merged(patch: Option<&Map<String, Value>>, present: &Typed<Map<String, Value>>) -> Map<String, Value> {
    let mut merged = present.value.known().cloned().unwrap_or_default();
    match patch {
        None => Map::new(),
        Some(patch) => {
            merge(&mut merged, patch);
            merged
        }
    }
}

/// RFC 7396. Its depth is that of a request's body, which is bounded.
fn merge(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, value) in patch {
        match value {
            Value::Null => drop(target.remove(name)),
            Value::Object(patch) => {
                let mut inner = match target.remove(name) {
                    Some(Value::Object(inner)) => inner,
                    _ => Map::new(),
                };
                merge(&mut inner, patch);
                target.insert(name.clone(), Value::Object(inner));
            }
            value => drop(target.insert(name.clone(), value.clone())),
        }
    }
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
    fn metadata_is_merged_and_null_takes_out() {
        let object = |value: serde_json::Value| value.as_object().cloned();
        let set = |value| CredentialCommand::Edit(Edit { metadata: Some(object(value)), ..Edit::default() });
        let first = serde_json::json!({"team": "core", "links": {"wiki": "a", "repo": "b"}});
        let patch = serde_json::json!({"team": null, "links": {"wiki": null}, "tier": 1});
        let after = given([created()]).when(set(first)).and(set(patch)).state();
        let expected = serde_json::json!({"links": {"repo": "b"}, "tier": 1});
        assert_eq!(after.metadata.value.known().cloned().map(Value::Object), Some(expected));
        let clear = CredentialCommand::Edit(Edit { metadata: Some(None), ..Edit::default() });
        assert_eq!(given_state(after).when(clear).state().metadata.value, Personal::Known(Map::new()));
    }

    #[test]
    fn nobody_sets_what_stands_for_erased_metadata() {
        let set = |value: serde_json::Value| {
            let metadata = Some(value.as_object().cloned());
            CredentialCommand::Edit(Edit { metadata, ..Edit::default() })
        };
        let alike = || set(serde_json::json!({"erased": true}));
        given([created()]).when(alike()).refused(RefusalKind::Invalid, Some("/metadata"));
        let beside = given([created()]).when(set(serde_json::json!({"team": "core"}))).state();
        let merged = given_state(beside).when(alike()).state();
        assert_eq!(merged.metadata.value.known().map(Map::len), Some(2));
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
