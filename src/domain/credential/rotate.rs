//! A new secret under the same credential. The secret that was active gets a deadline: its grace window.

use serde::{Deserialize, Serialize};

use super::{AuthMethod, Credential, CredentialEvent, Secret, SecretFacts, SecretRevoked};
use crate::clock::Timestamp;
use crate::domain::Context;
use crate::domain::event::Recorded;
use crate::domain::ids::SecretId;
use crate::domain::refusal::{Refusal, RefusalKind};
use crate::domain::tenant::Tenant;
use crate::limits;

#[derive(Clone, Debug, Default)]
pub struct Rotate {
    /// absent: the tenant's default; 0: every older secret ends at once
    pub grace_seconds: Option<u32>,
    /// the window is closed early, once the secret was not used for so long
    pub close_when_quiet_seconds: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotated {
    pub secret: SecretFacts,
    /// the older secrets whose end this rotation sets, oldest first
    pub ends: Vec<SecretEnd>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretEnd {
    pub secret_id: SecretId,
    pub ends_at: Timestamp,
    /// before that, once it was not used for so long
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub close_when_quiet_seconds: Option<u32>,
}

impl Rotate {
    pub fn with_grace(seconds: u32) -> Self {
        Rotate { grace_seconds: Some(seconds), close_when_quiet_seconds: None }
    }

    pub(super) fn decide(
        &self,
        credential: &Credential,
        tenant: &Tenant,
        context: &Context,
    ) -> Result<Vec<CredentialEvent>, Refusal> {
        credential.still_editable(context.now)?;
        let grace = self.grace_seconds.unwrap_or(tenant.settings.default_grace_seconds);
        if grace > tenant.settings.max_grace_seconds {
            return Err(Refusal::invalid(
                "/grace_seconds",
                format!("The tenant's max_grace_seconds is {}.", tenant.settings.max_grace_seconds),
            ));
        }
        if let Some(quiet) = self.close_when_quiet_seconds {
            closes_within(quiet, i64::from(grace) * 1000)?;
        }
        let living = credential.living_secrets(context.now);
        if grace > 0 && living.count() >= limits::LIVING_SECRETS {
            return Err(Refusal::new(
                RefusalKind::TooManySecrets,
                format!(
                    "{} secrets are alive. Close a grace window first, or rotate with grace_seconds 0.",
                    limits::LIVING_SECRETS
                ),
            ));
        }
        let ends_at = context.now.plus_seconds(grace);
        let ends = credential
            .living_secrets(context.now)
            .filter(|secret| grace == 0 || secret.ends_at.is_none())
            .map(|secret| SecretEnd {
                secret_id: secret.facts.id,
                ends_at,
                close_when_quiet_seconds: self.close_when_quiet_seconds,
            })
            .collect();
        let secret = fresh(credential, tenant, context)?;
        let mut events = vec![CredentialEvent::Rotated(Rotated { secret, ends })];
        if grace == 0 && credential.client.is_some() {
            events.extend(ended_by_hand(credential, context));
        }
        Ok(events)
    }
}

/// No window is closed within the first `quiet` seconds, so in a shorter one that would never come.
pub(super) fn closes_within(quiet: u32, window_ms: i64) -> Result<(), Refusal> {
    if i64::from(quiet) * 1000 < window_ms {
        return Ok(());
    }
    let detail = format!(
        "The window is {} seconds long, so it ends before anything was quiet for {quiet}. Choose fewer, or a longer window.",
        window_ms.max(0) / 1000
    );
    Err(Refusal::invalid("/close_when_quiet_seconds", detail))
}

/// Whoever leaves no window wants the old secrets gone, and the tokens with them that they were exchanged for.
fn ended_by_hand(credential: &Credential, context: &Context) -> impl Iterator<Item = CredentialEvent> {
    let living = credential.living_secrets(context.now);
    living.map(|secret| CredentialEvent::SecretRevoked(SecretRevoked { secret_id: secret.facts.id }))
}

/// A client's new secret stands under a new id, or under the one that its last one has: the tenant's to say.
fn fresh(credential: &Credential, tenant: &Tenant, context: &Context) -> Result<SecretFacts, Refusal> {
    let settings = &tenant.settings;
    let Some((client, present)) = credential.client.as_ref().zip(credential.client_id()) else {
        return Ok(context.fresh.secret(&settings.key_format));
    };
    let kept = settings.client_rotation.kept(present);
    match (client.registration.token_endpoint_auth_method, kept) {
        (AuthMethod::ClientSecretBasic, kept) => {
            let facts = context.fresh.client(&settings.client_format, kept);
            Ok(SecretFacts { client_id: facts.client_id.filter(|_| kept.is_none()), ..facts })
        }
        (AuthMethod::PrivateKeyJwt, None) => Ok(context.fresh.client_without_secret(&settings.client_format)),
        (AuthMethod::PrivateKeyJwt, Some(_)) => Err(Refusal::conflict(
            "The tenant's client_rotation is keep_id, and this client has no secret: a rotation would change \
             nothing. PATCH its jwks to change the keys that it proves itself by.",
        )),
    }
}

impl Rotated {
    pub(super) fn apply(self, credential: &mut Credential, recorded: &Recorded) -> Result<(), &'static str> {
        let client_id = self.secret.client_id.or_else(|| credential.client_id().cloned());
        if client_id.is_some() != credential.client.is_some() {
            return Err("it has a client's id and is of a key");
        }
        for end in self.ends {
            let secret = credential.secret_mut(end.secret_id)?;
            secret.ends_at = Some(end.ends_at);
            secret.close_when_quiet_seconds = end.close_when_quiet_seconds;
            secret.changed = recorded.version;
        }
        let facts = SecretFacts { client_id, ..self.secret };
        credential.secrets.push(Secret::new(facts, recorded.at, recorded.version));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::credential::{ClientRotation, CredentialCommand, SecretStatus};
    use crate::domain::ids::ClientId;
    use crate::domain::testing::*;

    fn rotate(grace_seconds: Option<u32>) -> CredentialCommand {
        CredentialCommand::Rotate(Rotate { grace_seconds, ..Rotate::default() })
    }

    fn statuses(credential: &Credential, now: Timestamp) -> Vec<SecretStatus> {
        credential.secrets.iter().map(|secret| secret.status(now)).collect()
    }

    #[test]
    fn the_old_secret_works_until_its_window_ends_and_not_in_that_instant() {
        use SecretStatus::{Active, Expired, Expiring};
        let after = given([created()]).when(rotate(Some(60))).state();
        assert_eq!(statuses(&after, at(59)), [Expiring, Active]);
        assert_eq!(statuses(&after, at(60)), [Expired, Active]);
    }

    #[test]
    fn the_window_is_the_tenants_default_when_none_is_asked() {
        let after = given([created()]).when(rotate(None)).state();
        assert_eq!(after.secrets[0].ends_at, Some(at(604_800)));
    }

    #[test]
    fn grace_zero_ends_every_older_secret_and_a_longer_one_leaves_earlier_windows() {
        let twice = || given([created()]).when(rotate(Some(60))).and(rotate(Some(30)));
        let ends: Vec<_> = twice().state().secrets.iter().map(|secret| secret.ends_at).collect();
        assert_eq!(ends, [Some(at(60)), Some(at(30)), None]);
        let ends: Vec<_> =
            twice().and(rotate(Some(0))).state().secrets.iter().map(|secret| secret.ends_at).collect();
        assert_eq!(ends, [Some(at(0)), Some(at(0)), Some(at(0)), None]);
    }

    #[test]
    fn the_scopes_and_the_rest_stay() {
        let before = given([created(), rescoped(&["a"])]).state();
        let after = given([created(), rescoped(&["a"])]).when(rotate(Some(0))).state();
        assert_eq!((after.scopes, after.name, after.ip_rules), (before.scopes, before.name, before.ip_rules));
    }

    #[test]
    fn a_sixth_living_secret_is_refused_until_one_is_over() {
        let mut full = given([created()]).when(rotate(Some(60)));
        for _ in 0..3 {
            full = full.and(rotate(Some(60)));
        }
        let full = full.state();
        assert_eq!(full.living_secrets(at(0)).count(), 5);
        given_state(full.clone()).when(rotate(Some(60))).refused(RefusalKind::TooManySecrets, None);
        given_state(full.clone()).when(rotate(Some(0))).accepted();
        given_state(full).now(at(60)).when(rotate(Some(60))).accepted();
    }

    fn ids(credential: &Credential) -> Vec<&str> {
        let ids = credential.secrets.iter().filter_map(|secret| secret.facts.client_id.as_ref());
        ids.map(ClientId::as_str).collect()
    }

    #[test]
    fn a_client_gets_a_new_id_or_keeps_its_own_as_the_tenant_says() {
        let new_id = given_client([client_created()]).when(rotate(Some(60)));
        let after = new_id.state();
        assert_eq!(ids(&after).len(), 2);
        assert_ne!(ids(&after)[0], ids(&after)[1]);
        let keeping = tenant_with(|settings| settings.client_rotation = ClientRotation::KeepId);
        let kept = || given_client([client_created()]).tenant(keeping.clone()).when(rotate(Some(60)));
        let after = kept().and(rotate(Some(60))).state();
        assert_eq!(ids(&after), [ids(&after)[0]; 3]);
        assert!(kept().events()[0].event.claims().is_empty(), "an id that is kept was claimed before");
    }

    #[test]
    fn a_client_with_keys_gets_a_new_id_and_has_nothing_to_rotate_under_one_that_is_kept() {
        let after = given_client([keyed_client_created()]).when(rotate(Some(60))).state();
        assert_ne!(ids(&after)[0], ids(&after)[1]);
        assert_eq!(after.secrets[0].ends_at, Some(at(60)));
        assert!(after.secrets[1].facts.prefix.starts_with("cl_client_"));
        let keeping = tenant_with(|settings| settings.client_rotation = ClientRotation::KeepId);
        let refused = given_client([keyed_client_created()]).tenant(keeping).when(rotate(Some(60)));
        let why = refused.refused(RefusalKind::Conflict, None);
        assert!(why.contains("PATCH its jwks"), "{why}");
    }

    #[test]
    fn a_clients_secrets_that_are_left_no_window_are_ended_by_hand() {
        use SecretStatus::{Active, Revoked};
        let after = given_client([client_created()]).when(rotate(Some(60))).and(rotate(Some(0))).state();
        assert_eq!(statuses(&after, at(0)), [Revoked, Revoked, Active]);
    }

    #[test]
    fn a_window_over_the_tenants_longest_is_refused() {
        given([created()])
            .when(rotate(Some(7_776_001)))
            .refused(RefusalKind::Invalid, Some("/grace_seconds"));
    }

    #[test]
    fn dead_credentials_do_not_rotate_and_suspended_ones_do() {
        given([created(), revoked()]).when(rotate(None)).refused(RefusalKind::Conflict, None);
        given([created_until(at(5))]).now(at(5)).when(rotate(None)).refused(RefusalKind::Conflict, None);
        given([created(), suspended()]).when(rotate(None)).accepted();
    }
}
