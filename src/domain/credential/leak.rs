//! Somebody found a secret where it should not be. Whoever reports it holds it, which is proof enough: the report is written down,
//! and by the tenant's setting what leaked is ended in the same batch: the active secret takes the credential with it, one in its
//! window only itself.

use serde::{Deserialize, Serialize};

use super::{Credential, CredentialEvent, Reason, Revoke, RevokeSecret};
use crate::clock::Timestamp;
use crate::domain::Context;
use crate::domain::event::Recorded;
use crate::domain::ids::SecretId;
use crate::domain::personal::{Personal, present};
use crate::domain::refusal::Refusal;
use crate::domain::tenant::Tenant;
use crate::limits;

/// What a report does to what leaked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnLeak {
    #[default]
    Revoke,
    /// it is written down, and people decide
    Flag,
}

impl OnLeak {
    pub const ALL: [OnLeak; 2] = [OnLeak::Revoke, OnLeak::Flag];

    pub fn word(self) -> &'static str {
        match self {
            OnLeak::Revoke => "revoke",
            OnLeak::Flag => "flag",
        }
    }
}

/// Who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reporter {
    /// whoever came by it
    Finder,
    /// a service that looks for secrets, and signs what it says
    Scanner,
}

/// Where it was found, in the words of whoever says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub source: String,
    pub url: Option<String>,
    pub reporter: Reporter,
}

#[derive(Clone, Debug)]
pub struct ReportLeak {
    pub secret: SecretId,
    pub finding: Finding,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeakReported {
    pub secret_id: SecretId,
    pub reporter: Reporter,
    pub source: Personal<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub url: Option<Personal<String>>,
}

/// A report as it is remembered.
#[derive(Clone, Debug, PartialEq)]
pub struct Leak {
    pub secret: SecretId,
    pub reported_at: Timestamp,
    pub reporter: Reporter,
    pub source: Personal<String>,
    pub url: Option<Personal<String>>,
}

impl ReportLeak {
    /// A report that says nothing new is no event, but the tenant's setting of now still holds: what was only flagged may end.
    pub(super) fn decide(
        &self,
        credential: &Credential,
        tenant: &Tenant,
        context: &Context,
    ) -> Result<Vec<CredentialEvent>, Refusal> {
        let secret = credential.secret(self.secret).ok_or_else(Refusal::not_found)?;
        let mut events = Vec::new();
        if self.is_news_of(credential) {
            events.push(CredentialEvent::LeakReported(self.reported()));
        }
        let over = secret.is_over(context.now) || credential.is_expired(context.now);
        if over || tenant.settings.on_leak == OnLeak::Flag {
            return Ok(events);
        }
        let ends = match secret.ends_at {
            Some(_) => RevokeSecret { secret: self.secret }.decide(credential, context)?,
            None => Revoke { reason: Reason::Leaked, note: None }.decide(credential, context)?,
        };
        events.extend(ends);
        Ok(events)
    }

    /// A flood of reports must not fill a history, nor a full history lose the first of them: they have a part of its reserve.
    fn is_news_of(&self, credential: &Credential) -> bool {
        let of_it = || credential.leaks.iter().filter(|leak| leak.secret == self.secret);
        let url = |leak: &Leak| leak.url.as_ref().and_then(Personal::known) == self.finding.url.as_ref();
        let said = |leak: &Leak| leak.source.known() == Some(&self.finding.source) && url(leak);
        credential.history.takes_a_report()
            && of_it().count() < limits::LEAK_REPORTS_A_SECRET
            && !of_it().any(said)
    }

    fn reported(&self) -> LeakReported {
        let Finding { source, url, reporter } = self.finding.clone();
        LeakReported {
            secret_id: self.secret,
            reporter,
            source: Personal::Known(source),
            url: url.map(Personal::Known),
        }
    }
}

impl LeakReported {
    pub(super) fn apply(self, credential: &mut Credential, recorded: &Recorded) -> Result<(), &'static str> {
        let Self { secret_id: secret, reporter, source, url } = self;
        credential.secret(secret).ok_or("it names a secret that is not there")?;
        credential.leaks.push(Leak { secret, reported_at: recorded.at, reporter, source, url });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::credential::{
        CredentialCommand, Revoked, Rotate, SecretRevoked, SecretStatus, Status,
    };
    use crate::domain::history::History;
    use crate::domain::refusal::RefusalKind;
    use crate::domain::testing::*;

    fn rotated() -> Credential {
        given([created()]).when(CredentialCommand::Rotate(Rotate::with_grace(60))).state()
    }

    fn found(secret: SecretId, url: &str) -> CredentialCommand {
        let url = Some(url.to_owned()).filter(|url| !url.is_empty());
        let finding = Finding { source: "paste".into(), url, reporter: Reporter::Finder };
        CredentialCommand::ReportLeak(ReportLeak { secret, finding })
    }

    fn id(secret: usize) -> SecretId {
        rotated().secrets[secret].facts.id
    }

    fn said(secret: SecretId, url: &str) -> CredentialEvent {
        CredentialEvent::LeakReported(LeakReported {
            secret_id: secret,
            reporter: Reporter::Finder,
            source: Personal::Known("paste".into()),
            url: Some(url.to_owned()).filter(|url| !url.is_empty()).map(Personal::Known),
        })
    }

    fn ended() -> CredentialEvent {
        CredentialEvent::Revoked(Revoked { reason: Reason::Leaked, note: None })
    }

    fn flagging() -> Tenant {
        tenant_with(|settings| settings.on_leak = OnLeak::Flag)
    }

    const URL: &str = "https://paste.example/1";

    #[test]
    fn a_leak_of_the_active_secret_ends_the_credential_and_of_an_older_one_that_secret() {
        given_state(rotated()).when(found(id(1), URL)).then([said(id(1), URL), ended()]);
        let closed = CredentialEvent::SecretRevoked(SecretRevoked { secret_id: id(0) });
        given_state(rotated()).when(found(id(0), "")).then([said(id(0), ""), closed]);
        let after = given_state(rotated()).when(found(id(0), URL)).state();
        assert_eq!(after.secrets[0].status(at(0)), SecretStatus::Revoked);
        assert_eq!((after.status(at(0), 0), after.leaks.len()), (Status::Active, 1));
    }

    #[test]
    fn a_tenant_that_only_flags_decides_by_itself_and_a_later_report_goes_by_its_setting_of_then() {
        let flagged = given([created()]).tenant(flagging()).when(found(rotated().secrets[0].facts.id, URL));
        let state = flagged.state();
        assert_eq!((state.status(at(0), 0), state.leaks[0].reported_at), (Status::Active, at(0)));
        given_state(state.clone()).tenant(flagging()).when(found(state.leaks[0].secret, URL)).then([]);
        given_state(state.clone()).when(found(state.leaks[0].secret, URL)).then([ended()]);
    }

    #[test]
    fn what_is_over_is_written_down_and_nothing_else() {
        given_state(rotated()).now(at(60)).when(found(id(0), URL)).then([said(id(0), URL)]);
        let revoked = given_state(rotated()).when(found(id(1), URL)).state();
        given_state(revoked.clone()).when(found(id(1), "")).then([said(id(1), "")]);
        given_state(revoked).when(found(id(0), "")).then([said(id(0), "")]);
        let expired = || given([created_until(at(5))]).now(at(5));
        let secret = expired().state().secrets[0].facts.id;
        expired().when(found(secret, URL)).then([said(secret, URL)]);
    }

    #[test]
    fn a_suspended_credential_ends_too() {
        let suspended = given([created(), suspended()]);
        let secret = rotated().secrets[0].facts.id;
        suspended.tenant(suspended_tenant()).when(found(secret, URL)).then([said(secret, URL), ended()]);
    }

    #[test]
    fn the_same_report_again_is_no_event() {
        let again = given_state(rotated()).when(found(id(0), URL)).and(found(id(0), URL));
        again.then([]);
        given_state(rotated()).when(found(id(1), URL)).and(found(id(1), URL)).then([]);
    }

    #[test]
    fn a_flood_of_reports_is_written_down_up_to_its_bound_and_what_leaked_still_ends() {
        let mut state = rotated();
        for place in 0..limits::LEAK_REPORTS_A_SECRET {
            state = given_state(state).tenant(flagging()).when(found(id(1), &place.to_string())).state();
        }
        given_state(state.clone()).tenant(flagging()).when(found(id(1), "another")).then([]);
        given_state(state.clone()).when(found(id(1), "another")).then([ended()]);
        assert_eq!(given_state(state).when(found(id(0), "of another")).events().len(), 2);
    }

    #[test]
    fn a_full_history_takes_a_report_from_its_reserve_and_the_end_always() {
        let full = |events| Credential { history: History { events, bytes: u64::MAX }, ..rotated() };
        let events = limits::STREAM_EVENTS;
        given_state(full(events)).when(found(id(1), URL)).then([said(id(1), URL), ended()]);
        let last = full(events + limits::STREAM_RESERVE_FOR_CUT_OFFS);
        given_state(last).when(found(id(1), URL)).then([ended()]);
    }

    #[test]
    fn a_secret_of_another_is_not_there() {
        let strange = SecretId(uuid::Uuid::from_u128(1));
        given([created()]).when(found(strange, URL)).refused(RefusalKind::NotFound, None);
    }

    #[test]
    fn every_word_is_stored_as_it_is_said() {
        for on_leak in OnLeak::ALL {
            assert_eq!(serde_json::to_value(on_leak).ok(), Some(on_leak.word().into()));
        }
    }
}
