//! The view against the full state, against its own rows, against forged rows, and under its writer.

mod agreement;
mod endings;
mod imports;
mod loading;
mod readers;
mod replayed;
mod steps;
mod world;

use super::*;
use crate::domain::access::{self, Reason, Request};
use crate::domain::credential::SecretStatus;
use crate::domain::effective::Effective;
use crate::domain::formats::Misfit;
use crate::domain::ids::{MemberId, SecretId, TokenId};
use crate::domain::operator::Reach;
use crate::domain::scope::ConcreteScope;
use crate::domain::testing::{at, concrete};
use crate::ledger::Inline;
use crate::projections::InlineProjections;
use steps::*;
use world::*;

const EVERYTHING: Request<'static> = Request::AT_ALL;

fn tenant_id(slot: u8) -> TenantId {
    TenantId(tenant_of(slot).0)
}

fn history(steps: &[Step]) -> World {
    let mut world = World::new();
    steps.iter().for_each(|step| world.take(step));
    world
}

fn create(tenant: u8) -> CredentialStep {
    CredentialStep::Create {
        tenant,
        name: "ci".into(),
        scope: 2,
        expires: None,
        ip: false,
        erased: false,
        owner: None,
    }
}

fn one_credential() -> World {
    history(&[Step::Credential(0, create(0)), Step::Credential(0, CredentialStep::Rotate(Some(60)))])
}

#[test]
fn a_text_of_no_format_in_use_is_malformed_and_says_how() {
    let world = one_credential();
    let view = world.applied();
    let text = world.mint.texts.lock().expect("texts")[0].1.clone();
    let cases = [
        (format!("{text} "), Misfit::StraySpace),
        (text[..text.len() - 1].to_owned(), Misfit::Truncated),
        ("nobody_123".to_owned(), Misfit::UnknownForm),
    ];
    for (text, misfit) in cases {
        let judged = view.judge(&world.vault, &text, &EVERYTHING, at(0)).expect("answering");
        assert_eq!(judged.verdict.expect_err("refused").reason, Reason::Malformed);
        assert_eq!((judged.misfit, judged.known.is_none()), (Some(misfit), true));
    }
}

#[test]
fn credentials_and_tenants_are_found_by_their_ids() {
    let world = one_credential();
    for view in [world.applied(), world.loaded()] {
        let credential = world.states.values().find_map(|state| state.credential()).expect("one");
        let found = view.find_credential(credential.id).expect("answering").expect("found");
        assert_eq!((found.tenant, found.name.as_deref()), (tenant_id(0), Some("ci")));
        let unknown = CredentialId(tenant_of(0).0);
        assert_eq!(view.find_credential(unknown), Ok(None));
        let tenant = view.tenant(tenant_id(1)).expect("answering").expect("found");
        assert_eq!(view.tenant_by_slug("tenant-1"), Ok(Some(tenant)));
        assert_eq!(view.tenant_by_slug("tenant-9"), Ok(None));
    }
}

#[test]
fn an_event_out_of_order_stops_the_view_for_good() {
    let world = one_credential();
    for wrong in [0, 2] {
        let view = ActiveView::new().expect("room");
        view.apply(0, &world.events[0]).expect("applied");
        assert!(view.apply(wrong, &world.events[1]).is_err());
        assert!(view.is_stopped());
        assert!(view.apply(1, &world.events[1]).is_err());
        let text = &world.mint.texts.lock().expect("texts")[0].1;
        assert!(view.judge(&world.vault, text, &EVERYTHING, at(0)).is_err());
        assert_eq!(view.tenant(tenant_id(0)), Err(NotAnswering));
    }
}

#[test]
fn an_event_that_does_not_fit_stops_the_view_and_is_named() {
    let world = one_credential();
    let position = world.events.len() as u64;
    let last = world.events.last().expect("events").clone();
    let mut strange = [last.clone(), last.clone(), last];
    strange[0].version += 2;
    strange[1].stream.0 = uuid::Uuid::from_u128(99);
    strange[2].at = at(-1);
    strange[2].version += 1;
    for recorded in strange {
        let view = world.applied();
        let error = view.apply(position, &recorded).expect_err("does not fit");
        assert!(error.contains("api_key.rotated") && error.contains(&position.to_string()), "{error}");
        assert!(view.is_stopped());
    }
}

#[test]
fn revoking_gives_the_policy_back() {
    let mut world = one_credential();
    let view = world.applied();
    let policies = view.counts().policies;
    let before = world.events.len();
    world.take(&Step::Credential(0, CredentialStep::Revoke));
    view.apply(before as u64, &world.events[before]).expect("applied");
    let counts = view.counts();
    assert_eq!(counts.policies, policies - 1);
    assert_eq!((counts.living_secrets, counts.dead_secrets), (0, 2));
}

#[test]
fn a_verdict_is_never_judged_before_the_last_event_known() {
    let mut world = one_credential();
    world.take(&Step::Wait(59));
    world.take(&Step::Credential(0, CredentialStep::Rename("later".into())));
    let view = world.applied();
    let rotated_out = world.mint.texts.lock().expect("texts")[0].1.clone();
    let judged = view.judge(&world.vault, &rotated_out, &EVERYTHING, at(-100)).expect("answering");
    assert_eq!((judged.judged_at, judged.verdict.is_ok()), (at(59), true));
    assert_eq!(judged.known.map(|known| known.secret_status), Some(SecretStatus::Expiring));
    let over = view.judge(&world.vault, &rotated_out, &EVERYTHING, at(60)).expect("answering");
    assert_eq!(over.verdict.map_err(|refused| refused.reason), Err(access::Reason::RotatedOut));
}

/// An owner that is narrowed, disabled and enabled is one record that changes; its credentials' records don't.
#[test]
fn a_member_stops_and_narrows_its_credentials_by_its_own_record() {
    let owned = CredentialStep::Own(Some(0));
    let mut world = history(&[
        Step::Member(0, MemberStep::Rescope(2)),
        Step::Credential(0, create(0)),
        Step::Credential(0, owned),
    ]);
    let view = world.applied();
    let credentials = view.dump().expect("whole").credentials;
    let text = world.mint.texts.lock().expect("texts")[0].1.clone();
    let asked = [concrete("billing.write")];
    let ask = |world: &World| {
        let request = Request { scopes: &asked, ..EVERYTHING };
        let judged = view.judge(&world.vault, &text, &request, at(0)).expect("answering");
        judged.verdict.err().map(|refused| refused.reason)
    };
    let take = |world: &mut World, step: MemberStep| {
        let before = world.events.len();
        world.take(&Step::Member(0, step));
        view.apply(before as u64, &world.events[before]).expect("applied");
        ask(world)
    };
    assert_eq!(take(&mut world, MemberStep::Rename("x".into())), None);
    assert_eq!(take(&mut world, MemberStep::Disable), Some(Reason::OwnerDisabled));
    assert_eq!(take(&mut world, MemberStep::Rescope(0)), Some(Reason::OwnerDisabled));
    assert_eq!(take(&mut world, MemberStep::Enable), Some(Reason::InsufficientScope));
    assert_eq!(take(&mut world, MemberStep::Rescope(2)), None);
    assert_eq!(view.dump().expect("whole").credentials, credentials);
}

#[test]
fn a_credential_is_not_given_to_another_tenants_member() {
    let mut world = one_credential();
    let mut stray =
        world.events.iter().rev().find(|event| event.event.kind().name == "api_key.rotated").cloned();
    let stray = stray.as_mut().expect("a rotation");
    stray.version += 1;
    let owner = Some(MemberId(member_of(2).0));
    stray.event =
        crate::domain::credential::CredentialEvent::OwnerSet(crate::domain::credential::OwnerSet { owner })
            .into();
    world.now = at(1);
    let view = world.applied();
    let error = view.apply(world.events.len() as u64, stray).expect_err("does not fit");
    assert!(error.contains("its owner is another tenant's"), "{error}");
    assert!(view.is_stopped());
}
