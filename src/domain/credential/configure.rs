//! Change what an OAuth client's tokens may be for, or the keys that it proves itself by. The event holds the registration whole.

use serde::{Deserialize, Serialize};

use super::{ClientKeys, Credential, CredentialEvent, Registration, Resource};
use crate::domain::Context;
use crate::domain::refusal::Refusal;

/// Absent members stay as they are.
#[derive(Clone, Debug, Default)]
pub struct Configure {
    pub resources: Option<Vec<Resource>>,
    /// all of its keys from now on
    pub jwks: Option<ClientKeys>,
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
            jwks: self.jwks.clone().or_else(|| client.registration.jwks.clone()),
            dpop_bound_access_tokens: self
                .dpop_bound_access_tokens
                .unwrap_or(client.registration.dpop_bound_access_tokens),
            ..client.registration.clone()
        };
        registration.checked()?;
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
        if self.registration.token_endpoint_auth_method != client.registration.token_endpoint_auth_method {
            return Err("it changes how the client proves itself");
        }
        if !self.registration.is_sound() {
            return Err("it has keys where there is a secret, or neither");
        }
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

    fn keys(of: u8) -> CredentialCommand {
        CredentialCommand::Configure(Configure { jwks: Some(client_keys(of)), ..Configure::default() })
    }

    #[test]
    fn a_clients_keys_are_replaced_by_an_event_with_the_registration_whole() {
        let made = || given_client([keyed_client_created()]);
        made().when(keys(1)).then([]);
        made().when(keys(2)).then([CredentialEvent::Configured(Configured { registration: keyed(2) })]);
        let after = made().when(keys(2)).and(configure(&["https://a.example"])).state();
        let registration = after.client.expect("a client").registration;
        assert_eq!((registration.jwks, registration.resources.len()), (Some(client_keys(2)), 1));
    }

    #[test]
    fn a_client_with_a_secret_is_given_no_keys_and_how_it_proves_itself_stays() {
        given_client([client_created()]).when(keys(1)).refused(RefusalKind::Invalid, Some("/jwks"));
        let state = given_client([client_created()]).state();
        let soundless = Registration { jwks: None, ..keyed(1) };
        for registration in
            [keyed(1), soundless, Registration { jwks: Some(client_keys(1)), ..registration() }]
        {
            assert!(Configured { registration }.apply(&mut state.clone()).is_err());
        }
        let mut state = given_client([keyed_client_created()]).state();
        assert!(Configured { registration: registration() }.apply(&mut state).is_err());
    }

    #[test]
    fn a_revoked_client_is_configured_no_more_and_a_key_never() {
        given_client([client_created(), revoked()])
            .when(configure(&["https://a.example"]))
            .refused(RefusalKind::Conflict, None);
        given([created()]).when(configure(&["https://a.example"])).refused(RefusalKind::NotFound, None);
    }
}
