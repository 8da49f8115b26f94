//! End one access token before its time.

use serde::{Deserialize, Serialize};

use super::{AccessToken, AccessTokenEvent, stream};
use crate::clock::Timestamp;
use crate::domain::Context;
use crate::domain::credential::Reason;
use crate::domain::event::Recorded;
use crate::domain::history::History;
use crate::domain::ids::{AccessTokenId, CredentialId, TenantId};
use crate::domain::personal::{Personal, present};
use crate::domain::refusal::Refusal;

#[derive(Clone, Debug)]
pub struct Revoke {
    pub token: AccessTokenId,
    /// the client that it was given to
    pub credential: CredentialId,
    pub ends_at: Timestamp,
    pub reason: Reason,
    pub note: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoked {
    pub tenant_id: TenantId,
    pub credential_id: CredentialId,
    pub token_id: AccessTokenId,
    pub ends_at: Timestamp,
    pub reason: Reason,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub note: Option<Personal<String>>,
}

impl Revoke {
    /// What is over, by its own end or by an earlier word, needs none.
    pub fn decide(
        &self,
        token: Option<&AccessToken>,
        tenant: TenantId,
        context: &Context,
    ) -> Result<Vec<AccessTokenEvent>, Refusal> {
        match token {
            Some(token) if token.tenant != tenant => Err(Refusal::not_found()),
            Some(_) => Ok(Vec::new()),
            None if self.ends_at <= context.now => Ok(Vec::new()),
            None => Ok(vec![AccessTokenEvent::Revoked(Revoked {
                tenant_id: tenant,
                credential_id: self.credential,
                token_id: self.token,
                ends_at: self.ends_at,
                reason: self.reason,
                note: self.note.clone().map(Personal::Known),
            })]),
        }
    }
}

impl Revoked {
    pub(super) fn into_token(self, recorded: &Recorded) -> Result<AccessToken, &'static str> {
        if recorded.version != 1 {
            return Err("a token is revoked by its stream's first event");
        }
        if recorded.stream != stream(self.credential_id, self.token_id) {
            return Err("it stands in another token's stream");
        }
        if recorded.tenant != Some(self.tenant_id) {
            return Err("it names another tenant than its envelope");
        }
        Ok(AccessToken {
            id: self.token_id,
            tenant: self.tenant_id,
            credential: self.credential_id,
            ends_at: self.ends_at,
            revoked_at: recorded.at,
            version: 1,
            history: History::begun_by(recorded),
        })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::refusal::RefusalKind;
    use crate::domain::testing::*;

    fn revoke(seconds: i64) -> Revoke {
        let (token, credential) = (AccessTokenId(Uuid::from_u128(9)), CredentialId(Uuid::from_u128(5)));
        let note = Some("seen in a log".to_owned());
        Revoke { token, credential, ends_at: at(seconds), reason: Reason::Leaked, note }
    }

    fn revoked() -> AccessToken {
        let events = revoke(60).decide(None, tenant_id(1), &context()).expect("accepted");
        let [event] = <[_; 1]>::try_from(events).expect("one event");
        let AccessTokenEvent::Revoked(said) = &event;
        let stream = stream(said.credential_id, said.token_id);
        let recorded =
            Recorded { stream, tenant: Some(tenant_id(1)), ..recorded_on(1, event.clone().into()) };
        super::super::fold(None, event, &recorded).expect("folds")
    }

    #[test]
    fn a_token_is_revoked_once() {
        let token = revoked();
        assert_eq!((token.credential, token.ends_at), (CredentialId(Uuid::from_u128(5)), at(60)));
        assert_eq!(revoke(60).decide(Some(&token), tenant_id(1), &context()), Ok(Vec::new()));
    }

    #[test]
    fn what_is_over_by_itself_is_left_so() {
        assert_eq!(revoke(0).decide(None, tenant_id(1), &context()), Ok(Vec::new()));
    }

    #[test]
    fn another_tenants_token_is_not_there() {
        let refused = revoke(60).decide(Some(&revoked()), tenant_id(2), &context());
        assert_eq!(refused.map_err(|refusal| refusal.kind), Err(RefusalKind::NotFound));
    }

    #[test]
    fn one_id_under_two_clients_is_two_tokens_and_neither_stands_in_the_others_stream() {
        let (ours, theirs) = (revoke(60).credential, CredentialId(Uuid::from_u128(6)));
        assert_ne!(stream(ours, revoke(60).token), stream(theirs, revoke(60).token));
        let events = revoke(60).decide(None, tenant_id(1), &context()).expect("accepted");
        let strange = recorded_on(1, events[0].clone().into());
        assert!(super::super::fold(None, events[0].clone(), &strange).is_err());
    }
}
