use super::*;
use crate::domain::erasure::What;
use crate::domain::event::{CLIENT_IP, Event, Recorded};
use crate::domain::ids::StreamId;
use crate::domain::personal::Personal;
use crate::domain::refusal::RefusalKind;
use crate::domain::stream::StreamState;
use crate::domain::testing::*;

/// A key's stream: made with an address, then given another name.
fn stream() -> Vec<Recorded> {
    let renamed = crate::domain::credential::Edited {
        name: Some(Personal::Known("Ada's laptop".into())),
        ..Default::default()
    };
    let events = [created(), crate::domain::credential::CredentialEvent::Edited(renamed)];
    let stream = StreamId(uuid::Uuid::from_u128(7));
    let kind = crate::domain::credential::Kind::ApiKey;
    let numbered = (1..).zip(events);
    let recorded = numbered.map(|(version, event)| {
        context().record(stream, version, Some(tenant_id(1)), Event::Credential(kind, event))
    });
    recorded
        .map(|recorded| Recorded {
            client_ip: Some(Personal::Known("192.0.2.7".parse().expect("an address"))),
            ..recorded
        })
        .collect()
}

fn held(events: &[Recorded], asked: Option<usize>) -> Held {
    let state = events.iter().cloned().try_fold(StreamState::Empty, StreamState::folded).expect("a fold");
    let held = Held::of(events, &state).expect("events");
    match asked {
        Some(index) => held.asked(40 + index as u64, &events[index]),
        None => held,
    }
}

fn text(members: Option<&[&str]>) -> Erase {
    let members = members.map(|members| members.iter().map(|name| (*name).to_owned()).collect());
    Erase { target: Target::Text { position: 41, members }, reason: Reason::Requested }
}

fn erased(erase: &Erase, held: &Held) -> Option<SubjectErased> {
    let events = erase.decide(None, Some(held)).expect("a decision");
    events.into_iter().next().map(|ErasureEvent::SubjectErased(erased)| erased)
}

#[test]
fn of_one_event_goes_what_is_named_and_the_event_says_so_without_the_value() {
    let held = held(&stream(), Some(1));
    let gone = erased(&text(Some(&["name"])), &held).expect("an event");
    assert_eq!(gone.members.as_deref(), Some(&["name".to_owned()][..]));
    assert_eq!((gone.first_version, gone.last_version, gone.values), (2, 2, 1));
    assert_eq!((gone.position, gone.what, gone.unnames), (Some(41), What::Text, true));
    let told = serde_json::to_string(&gone).expect("JSON");
    assert!(!told.contains("Ada"), "{told}");
}

#[test]
fn without_a_name_all_that_is_personal_goes_and_an_older_name_unnames_nothing() {
    let held = held(&stream(), Some(0));
    let gone = erased(&text(None), &held).expect("an event");
    let members = gone.members.expect("members");
    assert_eq!(members, ["description", "metadata", "name", CLIENT_IP]);
    assert!(!gone.unnames, "what it is called now stands in its second event");
}

#[test]
fn what_is_gone_already_is_no_event() {
    let mut events = stream();
    events[1].client_ip = Some(Personal::Erased);
    let held = held(&events, Some(1));
    assert_eq!(erased(&text(Some(&[CLIENT_IP])), &held), None);
    assert_eq!(erased(&text(None), &held).expect("an event").values, 1);
}

#[test]
fn a_member_that_is_nothing_personal_there_is_refused_by_its_name() {
    let held = held(&stream(), Some(1));
    for unknown in ["scopes", "note", "", "email"] {
        let refusal = text(Some(&["name", unknown])).decide(None, Some(&held)).expect_err("a refusal");
        assert_eq!((refusal.kind, refusal.pointer), (RefusalKind::Invalid, Some("/text/members")));
        assert!(refusal.detail.contains("client_ip"), "{}", refusal.detail);
    }
}

#[test]
fn a_person_is_erased_with_its_whole_stream_and_nothing_else_passes_for_one() {
    let key = held(&stream(), None);
    let member = Held { kind: "member", name_since: Some(1), ..key.clone() };
    let person = |target| Erase { target, reason: Reason::Other };
    let id = uuid::Uuid::from_u128(7);
    let erase = person(Target::Member(MemberId(id)));
    let gone = erased(&erase, &member).expect("an event");
    assert_eq!((gone.first_version, gone.last_version, gone.members.clone()), (1, 2, None));
    assert_eq!((gone.values, gone.unnames), (6, true));
    assert!(gone.covers(id, 2, "name") && !gone.covers(id, 3, "name"));
    for target in [Target::Member(MemberId(id)), Target::Operator(OperatorId(id))] {
        let refusal = person(target).decide(None, Some(&key)).expect_err("a refusal");
        assert_eq!(refusal.kind, RefusalKind::NotFound);
    }
    let refusal = erase.decide(None, None).expect_err("nobody");
    assert_eq!(refusal.kind, RefusalKind::NotFound);
}
