//! What the view answered once is what the states of then say, folded up to the position that it told, at the instant that it
//! told (N3, P11); and the events that decided it are enough to decide it.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::agreement::{Question, questions};
use super::*;
use crate::domain::access::{Facts, Possession, Verdict};
use crate::domain::credential::Credential;
use crate::domain::decided::{Fact, Trace, Whole, rests_on};
use crate::domain::event::Recorded;
use crate::domain::ids::StreamId;
use crate::domain::stream::StreamState;

/// A verdict that somebody was told.
struct Said<'q> {
    secret: SecretId,
    question: &'q Question,
    position: u64,
    judged_at: Timestamp,
    verdict: Verdict,
}

impl Said<'_> {
    /// As verify asks about the secret of a key or a client: a past view of it needs no more than this.
    fn request(&self) -> Request<'_> {
        as_asked(self.question)
    }
}

fn as_asked(question: &Question) -> Request<'_> {
    Request { possession: Possession::Bare, audience: None, reach: &Reach::All, ..question.request() }
}

/// Everything that the view says at the moment.
fn say<'q>(world: &World, view: &ActiveView, question: &'q Question, said: &mut Vec<Said<'q>>) {
    let (request, now) = (as_asked(question), question.now(world));
    for (secret, text) in &*world.mint.texts.lock().expect("texts") {
        let judged = match (text.strip_prefix('@'), text.split_once(':')) {
            (Some(id), _) => view.judge_client_by_id(&world.vault, id, &request, now),
            (_, Some(client)) => view.judge_client(&world.vault, client, &request, now),
            _ => view.judge(&world.vault, text, &request, now),
        };
        let judged = judged.expect("answering");
        if judged.known.is_some() {
            let (position, judged_at, verdict) = (judged.position, judged.judged_at, judged.verdict);
            said.push(Said { secret: *secret, question, position, judged_at, verdict });
        }
    }
}

/// The ledger as it stood after an event.
#[derive(Default)]
struct Then(BTreeMap<StreamId, StreamState>);

impl Then {
    fn at(events: &[Recorded], position: u64) -> Then {
        let mut then = Then::default();
        for recorded in &events[..=usize::try_from(position).expect("small")] {
            let state = then.0.remove(&recorded.stream).unwrap_or_default();
            then.0.insert(recorded.stream, state.folded(recorded.clone()).expect("it folds"));
        }
        then
    }

    fn whole(&self, secret: SecretId) -> Option<Whole<'_>> {
        let mut credentials = self.0.values().filter_map(StreamState::credential);
        let (credential, secret) =
            credentials.find_map(|credential| Some((credential, credential.secret(secret)?)))?;
        let owner = credential.owner.and_then(|owner| self.0.get(&owner.into())?.member());
        Some(Whole { credential, secret, tenant: self.0.get(&credential.tenant.into())?.tenant()?, owner })
    }
}

fn streams(credential: &Credential) -> impl Iterator<Item = StreamId> {
    let owner = credential.owner.map(StreamId::from);
    [credential.id.into(), credential.tenant.into()].into_iter().chain(owner)
}

/// The positions that decided a verdict, by the histories up to it.
fn decided_by(events: &[Recorded], said: &Said<'_>, whole: &Whole<'_>, facts: Vec<Fact>) -> Vec<u64> {
    let mut trace = Trace::of(facts, said.secret, said.request().operation);
    let until = (0..=said.position).zip(events);
    for stream in streams(whole.credential) {
        let history = until.clone().filter(|(_, recorded)| recorded.stream == stream);
        trace.follow(history.map(|(position, recorded)| (position, recorded.clone()))).expect("it folds");
    }
    trace.positions()
}

/// The last that decided it was enough: everything after it changed nothing that the verdict looked at. Of a refusal another
/// reason may have stood before its own, for a while; an acceptance stands on all facts.
fn assert_decided(events: &[Recorded], said: &Said<'_>, whole: &Whole<'_>) {
    let (facts, request) = (whole.facts(), said.request());
    let rests = rests_on(&facts, &request, &said.verdict);
    let positions = decided_by(events, said, whole, rests);
    assert!(positions.is_sorted() && !positions.is_empty(), "{positions:?}");
    let last = *positions.last().expect("the secret was made");
    assert!(last <= said.position);
    let earlier = Then::at(events, last);
    let earlier = earlier.whole(said.secret).expect("the secret was there");
    let verdict = access::judge(&earlier.facts(), &request, said.judged_at);
    match &said.verdict {
        Ok(()) => assert_eq!(verdict, Ok(())),
        Err(refused) => {
            let before = verdict.expect_err("it was refused for that reason then, or for another").reason;
            assert!(before <= refused.reason, "{before:?} {:?}", refused.reason);
        }
    }
    for position in positions {
        let by = &events[usize::try_from(position).expect("small")];
        assert!(streams(whole.credential).any(|stream| stream == by.stream), "{by:?}");
    }
}

/// An operation that no tenant ever mapped is one more of what may be asked.
fn told_again(events: &[Recorded], said: &Said<'_>) {
    let then = Then::at(events, said.position);
    let whole = then.whole(said.secret).expect("the secret was there");
    let facts: Facts<'_> = whole.facts();
    assert_eq!(access::judge(&facts, &said.request(), said.judged_at), said.verdict, "{:?}", said.question);
    assert!(events[usize::try_from(said.position).expect("small")].at <= said.judged_at);
    assert_decided(events, said, &whole);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_verdict_of_a_history_is_told_again_by_its_position_and_its_instant(
        steps in proptest::collection::vec(steps(), 1..70),
        questions in proptest::collection::vec(questions(), 8),
    ) {
        let mut world = World::new();
        let view = world.applied();
        let mut said = Vec::new();
        for (turn, step) in steps.iter().enumerate() {
            let before = world.events.len();
            world.take(step);
            for (position, recorded) in (before as u64..).zip(&world.events[before..]) {
                view.apply(position, recorded).expect("applied");
            }
            if turn % 4 == 3 {
                say(&world, &view, &questions[turn / 4 % questions.len()], &mut said);
            }
        }
        said.iter().for_each(|said| told_again(&world.events, said));
    }
}
