//! The view against the full state, against its own rows, against forged rows, and under its writer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use proptest::prelude::*;

use super::world::*;
use super::*;
use crate::domain::access::{self, Reason, Request};
use crate::domain::credential::SecretStatus;
use crate::domain::formats::Misfit;
use crate::domain::ids::{SecretId, TokenId};
use crate::domain::operator::Reach;
use crate::domain::scope::ConcreteScope;
use crate::domain::testing::{at, concrete};
use crate::ledger::Inline;
use crate::projections::InlineProjections;

const EVERYTHING: Request<'static> =
    Request { client_ip: None, scopes: &[], operation: None, tenant: None, reach: &Reach::All };

#[derive(Clone, Debug)]
struct Question {
    ip: Option<std::net::IpAddr>,
    scopes: Vec<ConcreteScope>,
    operation: bool,
    tenant: Option<u8>,
    reach: Reach,
    after: i8,
}

fn tenant_id(slot: u8) -> TenantId {
    TenantId(tenant_of(slot).0)
}

prop_compose! {
    fn questions()(
        ip in proptest::sample::select(vec![None, Some("10.1.2.3"), Some("11.1.2.3")]),
        scopes in proptest::sample::subsequence(vec!["logs:read", "billing.read", "admin"], 0..3),
        operation: bool,
        tenant in proptest::option::of(0..TENANTS),
        reach in prop_oneof![
            3 => Just(Reach::All),
            1 => (0..TENANTS).prop_map(|slot| Reach::Tenants([tenant_id(slot)].into())),
        ],
        after: i8,
    ) -> Question {
        let ip = ip.and_then(|ip: &str| ip.parse().ok());
        Question { ip, scopes: scopes.into_iter().map(concrete).collect(), operation, tenant, reach, after }
    }
}

impl Question {
    fn request(&self) -> Request<'_> {
        Request {
            client_ip: self.ip,
            scopes: &self.scopes,
            operation: self.operation.then_some("logs.write"),
            tenant: self.tenant.map(tenant_id),
            reach: &self.reach,
        }
    }

    fn now(&self, world: &World) -> Timestamp {
        Timestamp::from_millis(world.now.millis() + i64::from(self.after) * 1000).expect("an instant")
    }
}

/// Every secret there ever was is judged by the view as by the full state, and described as it is there.
fn assert_agrees(world: &World, view: &ActiveView, question: &Question) {
    let (request, now) = (question.request(), question.now(world));
    for (secret, text) in &*world.mint.texts.lock().expect("texts") {
        let (verdict, whose) = world.truth(*secret, &request, now);
        let judged = view.judge(&world.vault, text, &request, now).expect("answering");
        if text.starts_with(crate::domain::key_format::OPERATOR_PREFIX) {
            assert_eq!(judged.misfit, Some(Misfit::UnknownForm));
            continue;
        }
        assert_eq!(judged.verdict, verdict, "{text} {request:?} {now}");
        assert_eq!(judged.position, world.events.len() as u64 - 1);
        assert_eq!(judged.judged_at, now.max(world.last_at()));
        let unseen = matches!(&verdict, Err(refused) if refused.reason == Reason::NotFound);
        assert_eq!(judged.known.is_none(), unseen);
        let (Some(known), Some((credential, secret))) = (judged.known, whose) else { continue };
        assert_eq!((known.credential_id, known.secret_id), (credential.id, secret.facts.id));
        assert_eq!(&*known.prefix, secret.facts.prefix.as_str());
        assert_eq!(known.name.as_deref(), credential.name.value.known().map(String::as_str));
        assert_eq!((known.tenant_id, known.expires_at), (credential.tenant, credential.expires_at));
        if verdict.is_ok() {
            assert_eq!(known.scopes(), credential.scopes);
            assert_eq!(known.secret_status, secret.status(judged.judged_at));
            assert_eq!(known.secret_ends_at, secret.ends_at);
        }
    }
}

fn history(steps: &[Step]) -> World {
    let mut world = World::new();
    steps.iter().for_each(|step| world.take(step));
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_view_judges_as_the_full_state_does(
        steps in proptest::collection::vec(steps(), 1..90),
        questions in proptest::collection::vec(questions(), 1..6),
    ) {
        let mut world = World::new();
        let view = world.applied();
        for step in &steps {
            let before = world.events.len();
            world.take(step);
            for (position, recorded) in (before as u64..).zip(&world.events[before..]) {
                view.apply(position, recorded).expect("applied");
            }
        }
        for question in &questions {
            assert_agrees(&world, &view, question);
        }
    }

    #[test]
    fn a_view_of_the_rows_is_the_view_of_the_events(
        steps in proptest::collection::vec(steps(), 1..90),
        question in questions(),
    ) {
        let world = history(&steps);
        let (applied, loaded) = (world.applied(), world.loaded());
        prop_assert_eq!(applied.dump(), loaded.dump());
        let figures = |view: &ActiveView| Counts { bytes: 0, ..view.counts() };
        prop_assert_eq!(figures(&applied), figures(&loaded));
        assert_agrees(&world, &loaded, &question);
    }

    #[test]
    fn rows_written_event_by_event_are_the_rows_of_the_last_state(
        steps in proptest::collection::vec(steps(), 1..90),
    ) {
        let world = history(&steps);
        let whole: Vec<_> =
            world.states.values().flat_map(|state| InlineProjections.rows(state, 0)).collect();
        prop_assert_eq!(whole.len(), world.rows.len());
        for row in whole {
            prop_assert_eq!(&world.rows[&(row.projection, row.id)], &row);
        }
    }

    #[test]
    fn a_loaded_view_follows_on_as_one_that_was_there_from_the_start(
        before in proptest::collection::vec(steps(), 1..40),
        after in proptest::collection::vec(steps(), 1..40),
    ) {
        let mut world = history(&before);
        let loaded = world.loaded();
        let loaded_at = world.events.len();
        after.iter().for_each(|step| world.take(step));
        for (position, recorded) in (loaded_at as u64..).zip(&world.events[loaded_at..]) {
            loaded.apply(position, recorded).expect("applied");
        }
        prop_assert_eq!(loaded.dump(), world.applied().dump());
    }

    #[test]
    fn an_operator_token_works_exactly_as_its_state_says(
        steps in proptest::collection::vec(steps(), 1..90),
        seconds in 0..200i64,
    ) {
        let world = history(&steps);
        let now = at(seconds);
        for view in [world.applied(), world.loaded()] {
            for (id, text) in &*world.mint.texts.lock().expect("texts") {
                let mut operators = world.states.values().filter_map(|state| state.operator());
                let found = operators.find_map(|operator| Some((operator, operator.token(TokenId(id.0))?)));
                let pass = view.operator_token(&world.vault, text).expect("answering");
                prop_assert_eq!(pass.is_some(), found.is_some());
                let (Some(pass), Some((operator, token))) = (pass, found) else { continue };
                let works = operator.disabled_at.is_none() && token.works(now.max(world.last_at()));
                prop_assert_eq!(pass.token_works(now), works);
                prop_assert_eq!((pass.operator, pass.token, pass.role), (operator.id, token.id(), operator.role));
                prop_assert_eq!(&*pass.reach, &operator.reach);
                let name = view.operator_name(operator.id).expect("answering");
                prop_assert_eq!(name.as_deref(), Some("Op"));
            }
        }
    }
}

fn create(tenant: u8) -> CredentialStep {
    CredentialStep::Create { tenant, name: "ci".into(), scope: 2, expires: None, ip: false, erased: false }
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
fn a_row_that_was_changed_copied_or_forged_is_refused_by_name() {
    let world = one_credential();
    for row in world.rows.values() {
        let sound = row.mac(&world.vault);
        let foreign = row.mac(&Vault::new(&crate::vault::MasterKeys::for_tests(&[7])));
        let moved = crate::ledger::InlineRow { tenant: Some(tenant_id(77)), ..row.clone() };
        let copied = crate::ledger::InlineRow { id: uuid::Uuid::from_u128(5), ..row.clone() };
        let older = crate::ledger::InlineRow { version: row.version + 1, ..row.clone() };
        let mut widened = row.clone();
        widened.record.push(0);
        let forgeries =
            [(&moved, &sound), (&copied, &sound), (&older, &sound), (&widened, &sound), (row, &foreign)];
        for (row, mac) in forgeries {
            let view = ActiveView::new().expect("room");
            let mut loader = Loader::new(&view).expect("empty");
            let error = loader.row(&world.vault, &stored(row, mac, None)).expect_err("refused");
            assert_eq!((error.projection.as_str(), error.id), (row.projection, row.id));
            drop(loader);
            assert!(view.is_stopped());
        }
    }
}

#[test]
fn a_view_is_loaded_once_and_only_whole() {
    let world = one_credential();
    assert!(Loader::new(&world.applied()).is_none());
    let view = ActiveView::new().expect("room");
    let mut loader = Loader::new(&view).expect("empty");
    for row in world.rows.values().filter(|row| row.projection == "tenants") {
        loader.row(&world.vault, &stored(row, &row.mac(&world.vault), None)).expect("sound");
    }
    for row in world.rows.values().filter(|row| row.projection == "credentials") {
        loader.row(&world.vault, &stored(row, &row.mac(&world.vault), None)).expect("sound");
    }
    assert!(loader.finish(1, at(0)).is_err(), "its secrets are missing");
    assert!(view.is_stopped());
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

/// What was right at each position, for every secret that was known by the end.
struct Truths {
    /// by secret, then by the number of events applied
    verdicts: Vec<(String, Vec<Option<Reason>>)>,
    names: Vec<Vec<Option<String>>>,
    from: u64,
}

/// Rotations, revocations, suspensions and renames of many credentials, all at one instant.
fn busy_history() -> (World, Truths) {
    let mut world = World::new();
    for slot in 0..60u8 {
        world.take(&Step::Credential(slot, create(slot % TENANTS)));
    }
    let from = world.events.len() as u64;
    let start = world.states.clone();
    for round in 0..14u8 {
        for slot in 0..60u8 {
            let step = match (round + slot) % 7 {
                0 if slot % 4 == 0 => CredentialStep::Revoke,
                1 => CredentialStep::Rename("n".repeat(1 + usize::from(round) * 7)),
                2 => CredentialStep::Suspend,
                3 => CredentialStep::Resume,
                4 => CredentialStep::Rotate(Some(60)),
                5 => CredentialStep::Rescope(round),
                _ => CredentialStep::Rotate(Some(0)),
            };
            world.take(&Step::Credential(slot, step));
        }
        let tenant = if round % 2 == 0 { TenantStep::Suspend } else { TenantStep::Resume };
        world.take(&Step::Tenant(round % TENANTS, tenant));
    }
    let truths = truths(&world, start, from);
    (world, truths)
}

fn truths(
    world: &World,
    start: std::collections::BTreeMap<crate::domain::ids::StreamId, crate::domain::stream::StreamState>,
    from: u64,
) -> Truths {
    let texts = world.mint.texts.lock().expect("texts").clone();
    let mut replay = World::new();
    replay.states = start;
    replay.events = world.events[..from as usize].to_vec();
    let mut verdicts: Vec<(String, Vec<_>)> =
        texts.iter().map(|(_, text)| (text.clone(), Vec::new())).collect();
    let mut names = vec![Vec::new(); texts.len()];
    for position in from as usize..=world.events.len() {
        for (place, (secret, _)) in texts.iter().enumerate() {
            let (verdict, whose) = replay.truth(*secret, &EVERYTHING, at(0));
            verdicts[place].1.push(verdict.err().map(|refused| refused.reason));
            names[place].push(whose.and_then(|(credential, _)| credential.name.value.known().cloned()));
        }
        if let Some(recorded) = world.events.get(position) {
            let state = replay.states.remove(&recorded.stream).expect("there since the start");
            replay.states.insert(recorded.stream, state.folded(recorded.clone()).expect("folds"));
            replay.events.push(recorded.clone());
        }
    }
    Truths { verdicts, names, from }
}

#[test]
fn readers_under_the_writer_get_only_verdicts_that_were_right_at_their_position() {
    let (world, truths) = busy_history();
    let view = Arc::new(ActiveView::new().expect("room"));
    for (position, recorded) in (0..truths.from).zip(&world.events) {
        view.apply(position, recorded).expect("applied");
    }
    let (done, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for reader in 0..3usize {
            let (view, truths, vault, done, asked) = (&view, &truths, &world.vault, &done, &asked);
            scope.spawn(move || {
                let mut last = 0;
                for turn in 0.. {
                    let finished = done.load(Ordering::Acquire);
                    let place = (turn * 7 + reader * 31) % truths.verdicts.len();
                    let (text, verdicts) = &truths.verdicts[place];
                    let judged = view.judge(vault, text, &EVERYTHING, at(0)).expect("answering");
                    asked.fetch_add(1, Ordering::Relaxed);
                    let moment = (judged.position + 1 - truths.from) as usize;
                    assert!(judged.position >= last, "a reader went back in time");
                    last = judged.position;
                    let reason = judged.verdict.err().map(|refused| refused.reason);
                    assert_eq!(reason, verdicts[moment], "{place} at {moment}");
                    if let Some(known) = &judged.known {
                        assert!(text.starts_with(&*known.prefix));
                        assert_eq!(known.name.as_deref(), truths.names[place][moment].as_deref());
                    }
                    if finished && turn > 2000 {
                        break;
                    }
                }
            });
        }
        for (position, recorded) in (truths.from..).zip(&world.events[truths.from as usize..]) {
            view.apply(position, recorded).expect("applied");
            // One event after some question and before another, so that they meet.
            let before = asked.load(Ordering::Relaxed);
            for _ in 0..100_000 {
                if asked.load(Ordering::Relaxed) > before {
                    break;
                }
                std::thread::yield_now();
            }
        }
        done.store(true, Ordering::Release);
    });
    assert_eq!(view.applied(), world.events.len() as u64);
}

#[test]
fn a_reader_finds_its_key_at_every_moment_while_the_view_grows() {
    let mut world = World::new();
    for slot in 0..200u8 {
        world.take(&Step::Credential(slot % CREDENTIALS, create(slot % TENANTS)));
    }
    let old = world.events.len();
    for count in 0..6000usize {
        world.take(&Step::Credential((count % 6) as u8, create(0)));
    }
    let view = ActiveView::new().expect("room");
    for (position, recorded) in (0..).zip(&world.events[..old]) {
        view.apply(position, recorded).expect("applied");
    }
    let texts: Vec<(SecretId, String)> = world.mint.texts.lock().expect("texts")[..200].to_vec();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for turn in 0.. {
                let finished = done.load(Ordering::Acquire);
                let (secret, text) = &texts[turn % texts.len()];
                let judged = view.judge(&world.vault, text, &EVERYTHING, at(0)).expect("answering");
                assert_eq!(judged.verdict, Ok(()));
                assert_eq!(judged.known.map(|known| known.secret_id), Some(*secret));
                if finished && turn > texts.len() {
                    break;
                }
            }
        });
        for (position, recorded) in (old as u64..).zip(&world.events[old..]) {
            view.apply(position, recorded).expect("applied");
        }
        done.store(true, Ordering::Release);
    });
    assert_eq!(view.counts().living_secrets, 6200);
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
