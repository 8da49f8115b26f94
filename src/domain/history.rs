//! How long a stream is, and what still fits. Whoever decides on a stream reads all of it, so what people add to it is
//! bounded, in events and in bytes. What ends something is not: there is at most one end to each thing that was added.

use super::event::{Event, Recorded};
use super::refusal::Refusal;
use crate::limits;

/// What a fold has gone through. It counts the same whenever it is folded; what was erased since counts no more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct History {
    pub events: u32,
    /// the members of all events, as canonical JSON with personal values in the clear
    pub bytes: u64,
}

impl History {
    pub fn begun_by(recorded: &Recorded) -> Self {
        History::default().with(recorded)
    }

    /// With the stream's next event.
    pub fn with(self, recorded: &Recorded) -> Self {
        History { events: recorded.version, bytes: self.bytes.saturating_add(bytes(&recorded.event)) }
    }

    /// Whether people may add an event. Not asked of what ends something (suspend, disable, revoke, an expiry that has come).
    pub fn takes_more(self, otherwise: &str) -> Result<(), Refusal> {
        if self.events < limits::STREAM_EVENTS && self.bytes < limits::STREAM_BYTES {
            return Ok(());
        }
        Err(Refusal::conflict(format!(
            "Its history is full: {} events with {} bytes, of {} and {}. {otherwise}",
            self.events,
            self.bytes,
            limits::STREAM_EVENTS,
            limits::STREAM_BYTES
        )))
    }

    /// Whether what a client was given so far may be ended once more. It has a part of the reserve, and never the whole: a client
    /// that is full of these can be suspended and resumed still.
    pub fn takes_a_cut_off(self) -> Result<(), Refusal> {
        if self.events < limits::STREAM_EVENTS + limits::STREAM_RESERVE_FOR_CUT_OFFS {
            return Ok(());
        }
        Err(Refusal::conflict(format!(
            "Its history of {} events has no room for this any more. Suspend or revoke the client: that ends its tokens too.",
            self.events
        )))
    }

    /// Whether the report of a leak is written down: when it fills up, what was said first is kept. It has the part of the reserve
    /// that cut-offs have.
    pub fn takes_a_report(self) -> bool {
        self.events < limits::STREAM_EVENTS + limits::STREAM_RESERVE_FOR_CUT_OFFS
    }

    /// Whether what was stopped may go on. Stopping is always possible, so that going on has a reserve beyond the rest.
    pub fn takes_a_resumption(self) -> Result<(), Refusal> {
        if self.events < limits::STREAM_EVENTS + limits::STREAM_RESERVE {
            return Ok(());
        }
        Err(Refusal::conflict(format!(
            "Its history of {} events is full to the last. Create another in its place.",
            self.events
        )))
    }
}

fn bytes(event: &Event) -> u64 {
    let length = match event {
        Event::Tenant(event) => event.length(),
        Event::Credential(_, event) => event.length(),
        Event::Member(event) => event.length(),
        Event::Operator(event) => event.length(),
        Event::Plan(event) => event.length(),
        Event::Imports(event) => event.length(),
        Event::AccessToken(event) => event.length(),
        Event::SigningKeys(event) => event.length(),
        Event::Erasure(event) => event.length(),
        Event::ActivityLog(event) => event.length(),
    };
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::authority::Role;
    use crate::domain::credential::*;
    use crate::domain::ids::StreamId;
    use crate::domain::member::{self, Member, MemberCommand};
    use crate::domain::operator::{
        self, Beside, Disable, Enable, MintToken, Operator, OperatorCommand, Reach, RevokeToken,
    };
    use crate::domain::refusal::RefusalKind;
    use crate::domain::stream::StreamState;
    use crate::domain::tenant::settings::SettingsPatch;
    use crate::domain::tenant::{self, Configure, Tenant, TenantCommand};
    use crate::domain::testing::*;

    const FULL_OF_EVENTS: History = History { events: limits::STREAM_EVENTS, bytes: 0 };
    const FULL_OF_BYTES: History = History { events: 100, bytes: limits::STREAM_BYTES };

    #[test]
    fn both_bounds_hold_and_the_reserve_is_for_resumptions() {
        for full in [FULL_OF_EVENTS, FULL_OF_BYTES] {
            let refusal = full.takes_more("Do this.").expect_err("full");
            assert_eq!(refusal.kind, RefusalKind::Conflict);
            assert!(refusal.detail.ends_with(" Do this."), "{}", refusal.detail);
            assert_eq!(full.takes_a_resumption(), Ok(()));
        }
        let last = History { events: limits::STREAM_EVENTS - 1, bytes: limits::STREAM_BYTES - 1 };
        assert_eq!(last.takes_more(""), Ok(()));
        let events = limits::STREAM_EVENTS + limits::STREAM_RESERVE;
        assert!(History { events, bytes: 0 }.takes_a_resumption().is_err());
    }

    #[test]
    fn the_fold_counts_what_each_event_says_and_an_erased_value_no_more() {
        let history = given([created(), rescoped(&["a:b"])]).state().history;
        let sum = bytes(&created().into()) + bytes(&rescoped(&["a:b"]).into());
        assert_eq!(history, History { events: 2, bytes: sum });
        assert_eq!(bytes(&rescoped(&["a:b"]).into()), r#"{"scopes":["a:b"]}"#.len() as u64);
        assert_eq!(bytes(&described("a text").into()) - bytes(&described_and_erased().into()), 4);
    }

    const FULL: [History; 2] = [FULL_OF_EVENTS, FULL_OF_BYTES];

    #[test]
    fn a_full_credential_takes_no_more_changes_and_every_end() {
        let rotate = || CredentialCommand::Rotate(Rotate::with_grace(60));
        let owned = given([created(), owner_set(Some(member_with(&[]).id))]);
        let rotated = owned.when(rotate()).state();
        let older = rotated.secrets[0].facts.id;
        for history in FULL {
            let full = || given_state(Credential { history, ..rotated.clone() });
            let suspended = || given_state(full().when(CredentialCommand::Suspend(Suspend)).state());
            let moved = MoveGrace { secret: older, ends_at: Some(at(30)), close_when_quiet_seconds: None };
            for change in [
                CredentialCommand::Edit(Edit { name: Some("other".into()), ..Edit::default() }),
                CredentialCommand::Rescope(Rescope { scopes: Some(scopes(&["a:b"])) }),
                CredentialCommand::SetExpiry(SetExpiry { expires_at: Some(at(90)) }),
                CredentialCommand::Restrict(Restrict { ip_rules: allow_list("192.0.2.0/24") }),
                CredentialCommand::SetOwner(SetOwner { owner: None }),
                CredentialCommand::MoveGrace(moved),
                rotate(),
            ] {
                full().when(change.clone()).refused(RefusalKind::Conflict, None);
                suspended().when(change).refused(RefusalKind::Conflict, None);
            }
            suspended().when(CredentialCommand::Resume(Resume)).accepted();
            let due = full().now(at(60)).when(CredentialCommand::RecordDue(RecordDue));
            assert!(due.state().secrets[0].end_recorded);
            let reason = Reason::Leaked;
            let by_holder = |secret| SelfRevoke { secret, reason, note: None };
            for end in [
                CredentialCommand::RevokeSecret(RevokeSecret { secret: older }),
                CredentialCommand::SelfRevoke(by_holder(older)),
                CredentialCommand::SelfRevoke(by_holder(rotated.secrets[1].facts.id)),
                CredentialCommand::Revoke(Revoke { reason, note: None }),
            ] {
                assert_eq!(suspended().when(end).state().history.events, history.events + 2);
            }
        }
    }

    #[test]
    fn a_full_tenant_keeps_its_settings_and_can_be_suspended_and_resumed() {
        for history in FULL {
            let tenant = Tenant { history, ..tenant_with(|_| ()) };
            let decide =
                |tenant: &Tenant, command: TenantCommand| command.decide(Some(tenant), None, &context());
            let configure = |grace| {
                let patch = SettingsPatch { default_grace_seconds: Some(grace), ..SettingsPatch::default() };
                TenantCommand::Configure(Box::new(Configure { patch }))
            };
            let rename = |name: &str| {
                TenantCommand::Edit(tenant::Edit { name: Some(name.to_owned()), ..tenant::Edit::default() })
            };
            for change in [configure(60), rename("Other")] {
                assert_eq!(
                    decide(&tenant, change).map_err(|refusal| refusal.kind),
                    Err(RefusalKind::Conflict)
                );
            }
            let grace = tenant.settings.default_grace_seconds;
            for nothing in [configure(grace), rename("Acme")] {
                assert_eq!(decide(&tenant, nothing), Ok(Vec::new()));
            }
            let suspend = TenantCommand::Suspend(tenant::Suspend);
            assert_eq!(decide(&tenant, suspend).map(|events| events.len()), Ok(1));
            let suspended = Tenant { history, ..suspended_tenant() };
            let resume = TenantCommand::Resume(tenant::Resume);
            assert_eq!(decide(&suspended, resume).map(|events| events.len()), Ok(1));
        }
    }

    #[test]
    fn a_full_member_keeps_its_scopes_and_can_be_disabled_and_enabled() {
        for history in FULL {
            let member = Member { history, ..member_with(&["a:b"]) };
            let full = || given_member_state(member.clone());
            let disabled = || given_member_state(Member { disabled_at: Some(at(0)), ..member.clone() });
            let rename = |name: &str| {
                MemberCommand::Edit(member::Edit { name: Some(name.into()), ..member::Edit::default() })
            };
            let rescope = |to: &[&str]| MemberCommand::Rescope(member::Rescope { scopes: scopes(to) });
            for change in [rename("Grace"), rescope(&["c"])] {
                full().when(change.clone()).refused(RefusalKind::Conflict, None);
                disabled().when(change).refused(RefusalKind::Conflict, None);
            }
            for nothing in [rename("Ada"), rescope(&["a:b"])] {
                full().when(nothing).then([]);
            }
            full().when(MemberCommand::Disable(member::Disable)).then([member_disabled()]);
            disabled().when(MemberCommand::Enable(member::Enable)).accepted();
        }
    }

    #[test]
    fn a_full_operator_gets_no_token_and_can_be_disabled_and_enabled() {
        for history in FULL {
            let context = context();
            let decide = |operator: &Operator, command: OperatorCommand| {
                command.decide(Some(operator), &Beside::default(), &context)
            };
            let operator = Operator { history, ..operator() };
            let mint = MintToken { name: "t".into(), expires_at: at(60) };
            let minted = decide(&operator, OperatorCommand::MintToken(mint));
            assert_eq!(minted.map_err(|refusal| refusal.kind), Err(RefusalKind::Conflict));
            let token = operator.tokens[0].id();
            let ends = [
                OperatorCommand::Disable(Disable::default()),
                OperatorCommand::RevokeToken(RevokeToken { token }),
            ];
            for end in ends {
                assert_eq!(decide(&operator, end).map(|events| events.len()), Ok(1));
            }
            let disabled = Operator { disabled_at: Some(at(0)), ..operator };
            let enabled = decide(&disabled, OperatorCommand::Enable(Enable));
            assert_eq!(enabled.map(|events| events.len()), Ok(1));
        }
    }

    /// With one token.
    fn operator() -> Operator {
        let token = Some(MintToken { name: "t".into(), expires_at: at(60) });
        let create = operator::Create {
            name: "ops".into(),
            role: Role::Auditor,
            reach: Reach::All,
            first: false,
            token,
        };
        let events =
            OperatorCommand::Create(create).decide(None, &Beside::default(), &context()).expect("accepted");
        let stream = StreamId(uuid::Uuid::from_u128(9));
        let state = events.into_iter().fold(StreamState::Empty, |state, event| {
            let recorded = context().record(stream, state.version() + 1, None, event.into());
            state.folded(recorded).expect("decided events fold")
        });
        state.operator().cloned().expect("an operator")
    }
}
