//! Change what an OAuth client's tokens may be for. The event holds the registration whole.

use serde::{Deserialize, Serialize};

use super::{Credential, CredentialEvent, Registration, Resource};
use crate::domain::Context;
use crate::domain::refusal::Refusal;

/// Absent members stay as they are.
#[derive(Clone, Debug, Default)]
pub struct Configure {
    pub resources: Option<Vec<Resource>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configured {
    pub registration: Registration,
}

impl Configure {
    pub(super) fn decide(
        &self,
        credential: &Credential,
        context: &Context,
    ) -> Result<Vec<CredentialEvent>, Refusal> {
        let client = credential.client.as_ref().ok_or_else(Refusal::not_found)?;
        let registration = Registration {
            resources: self.resources.clone().unwrap_or_else(|| client.registration.resources.clone()),
            ..client.registration.clone()
        };
        if registration == client.registration {
            return Ok(Vec::new());
        }
        credential.still_editable(context.now)?;
        Ok(vec![CredentialEvent::Configured(Configured { registration })])
    }
}

impl Configured {
    pub(super) fn apply(self, credential: &mut Credential) -> Result<(), &'static str> {
        let client = credential.client.as_mut().ok_or("it is no client")?;
        client.registration = self.registration;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::credential::CredentialCommand;
    use crate::domain::refusal::RefusalKind;
    use crate::domain::testing::*;

    fn configure(resources: &[&str]) -> CredentialCommand {
        let resources = resources.iter().map(|text| Resource::parse(text).expect("a resource")).collect();
        CredentialCommand::Configure(Configure { resources: Some(resources) })
    }

    #[test]
    fn a_clients_resources_are_replaced_and_the_same_ones_are_no_event() {
        let made = given_client([client_created()]).when(configure(&["https://a.example"])).state();
        let client = made.client.as_ref().expect("a client");
        assert_eq!(client.registration.resources.len(), 1);
        given_state(made.clone()).when(configure(&["https://a.example"])).then([]);
        given_state(made).when(CredentialCommand::Configure(Configure::default())).then([]);
    }

    #[test]
    fn a_revoked_client_is_configured_no_more_and_a_key_never() {
        given_client([client_created(), revoked()])
            .when(configure(&["https://a.example"]))
            .refused(RefusalKind::Conflict, None);
        given([created()]).when(configure(&["https://a.example"])).refused(RefusalKind::NotFound, None);
    }
}
