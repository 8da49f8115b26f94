//! Change what an OAuth client's tokens may be for. The event holds the registration whole.

use serde::{Deserialize, Serialize};

use super::{Credential, CredentialEvent, Registration, Resource};
use crate::domain::Context;
use crate::domain::refusal::Refusal;

/// Absent members stay as they are.
#[derive(Clone, Debug, Default)]
pub struct Configure {
    pub resources: Option<Vec<Resource>>,
    pub dpop_bound_access_tokens: Option<bool>,
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
            dpop_bound_access_tokens: self
                .dpop_bound_access_tokens
                .unwrap_or(client.registration.dpop_bound_access_tokens),
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
        CredentialCommand::Configure(Configure { resources: Some(resources), ..Configure::default() })
    }

    #[test]
    fn that_tokens_are_bound_is_said_by_itself_and_the_same_is_no_event() {
        let bind = |bound| {
            CredentialCommand::Configure(Configure {
                dpop_bound_access_tokens: Some(bound),
                ..Configure::default()
            })
        };
        let made = given_client([client_created()]).when(configure(&["https://a.example"])).state();
        let bound = given_state(made).when(bind(true)).state();
        let registration = &bound.client.as_ref().expect("a client").registration;
        assert!(registration.dpop_bound_access_tokens && registration.resources.len() == 1);
        given_state(bound.clone()).when(bind(true)).then([]);
        let free = given_state(bound).when(bind(false)).state();
        assert!(!free.client.as_ref().expect("a client").registration.dpop_bound_access_tokens);
        given([created()]).when(bind(true)).refused(RefusalKind::NotFound, None);
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
