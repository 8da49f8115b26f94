//! Readers beside the writer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::*;

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
            let (verdict, whose) = replay.truth(*secret, None, &EVERYTHING, at(0));
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
fn a_look_that_finds_nothing_leaves_nothing_of_one_that_was_thrown_away() {
    use crate::projections::active::look::{Head, Look, Presented, Shown, Sought};
    let mut world = World::new();
    world.take(&Step::Credential(0, create(0)));
    let view = world.applied();
    let (_, text) = world.mint.texts.lock().expect("texts").last().expect("a key").clone();
    let mut judged = view.judge(&world.vault, &text, &EVERYTHING, at(0)).expect("answering");
    assert!(judged.known.is_some());
    let since = Head::of(&view.store);
    let look =
        Look { store: &view.store, presented: Presented::Secret, request: &EVERYTHING, now: at(0), since };
    let sought = Sought { tag: 7, spot: None, wanted: &[7; 16], shown: Shown::AsKnown };
    assert_eq!(look.at(&sought, &mut judged), Ok(false));
    assert_eq!(judged.verdict.map_err(|refused| refused.reason), Err(Reason::NotFound));
    assert!(judged.known.is_none());
}
