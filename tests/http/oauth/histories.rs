//! P4 for tokens, on one node: sixteen exchange and check while what they were given by, or signed with, is revoked. Whatever began after the
//! answer of the revoke is refused.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::json;

use super::{GRANT, REVOKE, TOKEN, asks, by_basic, exchange, id_of, part, reporter, token};
use crate::acme;
use crate::support::client::Response;
use crate::support::service::{Actor, Key, Service, eventually, text};

const THREADS: usize = 16;
/// So many calls come before the revoke, and so many after its answer.
const RUNNING: usize = 300;

/// One call, from when it was sent.
struct Call {
    began: Instant,
    what: What,
    accepted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum What {
    /// one of the two tokens that were taken before the threads began
    Early(usize),
    /// one that a thread took by itself: when it asked for it, and when it had it
    Own(Instant, Instant),
    Exchange,
}

struct History<'s> {
    service: &'s Service,
    gateway: String,
    shown: (String, String),
    early: [String; 2],
    calls: AtomicUsize,
    done: AtomicBool,
    told: Mutex<Vec<Call>>,
}

/// What was seen, around the sending of the revoke and its answer.
struct Seen {
    sent: Instant,
    answered: Instant,
    calls: Vec<Call>,
}

impl<'s> History<'s> {
    fn of(service: &'s Service, client: &Key<'_>) -> Self {
        let gateway = service.gateway().token.expect("a token");
        let shown = (id_of(client), client.secret.clone());
        let early = [token(service, client), token(service, client)];
        let (calls, done) = (AtomicUsize::new(0), AtomicBool::new(false));
        History { service, gateway, shown, early, calls, done, told: Mutex::default() }
    }

    /// Sixteen ask all the time; in their midst `revoke` is done, and they go on for a while.
    fn run(&self, revoke: impl FnOnce()) -> Seen {
        let (sent, answered) = std::thread::scope(|scope| {
            (0..THREADS).for_each(|number| drop(scope.spawn(move || self.ask(number % 2))));
            self.come(RUNNING);
            let sent = Instant::now();
            revoke();
            let answered = Instant::now();
            self.come(self.calls.load(Ordering::Relaxed) + RUNNING);
            self.done.store(true, Ordering::Relaxed);
            (sent, answered)
        });
        let calls = std::mem::take(&mut *self.told.lock().expect("no panic"));
        Seen { sent, answered, calls }
    }

    fn come(&self, calls: usize) {
        let enough = || (self.calls.load(Ordering::Relaxed) >= calls).then_some(());
        eventually(enough).expect("calls");
    }

    fn ask(&self, early: usize) {
        let (anyone, gateway) = (self.service.anonymous(), self.service.actor(&self.gateway));
        let (mut own, mut calls) = (Vec::new(), Vec::new());
        while !self.done.load(Ordering::Relaxed) {
            let began = Instant::now();
            let answer = anyone.send(&by_basic(TOKEN, &self.shown.0, &self.shown.1, GRANT));
            calls.push(Call { began, what: What::Exchange, accepted: answer.status == 200 });
            own.extend(access_token(&answer).map(|token| (What::Own(began, Instant::now()), token)));
            let ends = own.first().into_iter().chain(own.last());
            let looks =
                ends.map(|(what, token)| (*what, token)).chain([(What::Early(early), &self.early[early])]);
            for (what, token) in looks {
                let began = Instant::now();
                calls.push(Call { began, what, accepted: accepts(&gateway, token) });
            }
            self.calls.fetch_add(4, Ordering::Relaxed);
        }
        self.told.lock().expect("no panic").extend(calls);
    }
}

impl Seen {
    /// Those that began after the answer, of one sort: some, and all of them with this outcome.
    #[track_caller]
    fn afterwards(&self, sort: impl Fn(&What) -> bool, accepted: bool) {
        let after = self.calls.iter().filter(|call| call.began > self.answered && sort(&call.what));
        let (as_told, others): (Vec<_>, Vec<_>) = after.partition(|call| call.accepted == accepted);
        assert!(others.is_empty(), "{} of {}", others.len(), as_told.len() + others.len());
        assert!(!as_told.is_empty(), "nothing was asked after the answer");
    }

    /// It worked while nothing was revoked, many times.
    #[track_caller]
    fn all_worked_before(&self) {
        let worked = self.calls.iter().filter(|call| call.began < self.sent && call.accepted).count();
        assert!(worked >= RUNNING / 2, "{worked}");
    }
}

/// 503: no key may sign just now.
fn access_token(answer: &Response) -> Option<String> {
    assert!([200, 401, 503].contains(&answer.status), "{}", answer.text());
    (answer.status == 200).then(|| text(&answer.json()["access_token"]))
}

fn accepts(gateway: &Actor, token: &str) -> bool {
    let verdict = gateway.verify(token).0;
    assert!(
        verdict["valid"] == true
            || ["revoked", "malformed"].iter().any(|reason| verdict["reason"] == *reason),
        "{verdict}"
    );
    verdict["valid"] == true
}

#[test]
fn p4_after_the_answer_of_a_clients_revoke_nothing_is_issued_and_nothing_of_it_accepted() {
    let service = Service::start();
    let root = service.root();
    let client = reporter(&acme(&root));
    let seen = History::of(&service, &client).run(|| drop(client.revoke("leaked")));
    seen.all_worked_before();
    seen.afterwards(|what| *what == What::Exchange, false);
    seen.afterwards(|what| matches!(what, What::Own(..)), false);
    seen.afterwards(|what| matches!(what, What::Early(_)), false);
}

#[test]
fn p4_after_the_answer_of_tokens_revoke_no_earlier_token_is_accepted_and_every_later_one_is() {
    let service = Service::start();
    let root = service.root();
    let client = reporter(&acme(&root));
    let revoke = || drop(root.post(&format!("{}/tokens/revoke", client.path), &json!({})).expect(200));
    let seen = History::of(&service, &client).run(revoke);
    seen.all_worked_before();
    seen.afterwards(|what| *what == What::Exchange, true);
    seen.afterwards(|what| matches!(what, What::Early(_)), false);
    seen.afterwards(|what| matches!(what, What::Own(_, had) if *had < seen.sent), false);
    seen.afterwards(|what| matches!(what, What::Own(asked, _) if *asked > seen.answered), true);
}

#[test]
fn p4_after_the_answer_of_one_tokens_revoke_that_one_is_refused_and_no_other() {
    let service = Service::start();
    let root = service.root();
    let client = reporter(&acme(&root));
    let history = History::of(&service, &client);
    let fields = format!("token={}", history.early[0]);
    let seen = history.run(|| drop(asks(&service, REVOKE, &client, &fields).expect(200)));
    seen.all_worked_before();
    seen.afterwards(|what| *what == What::Early(0), false);
    let others = |call: &&Call| call.what != What::Early(0);
    assert!(seen.calls.iter().filter(others).all(|call| call.accepted), "nothing else was touched");
}

#[test]
fn p4_after_the_answer_of_a_signing_keys_revoke_nothing_that_it_signed_is_accepted_and_all_else_is() {
    let service = Service::start();
    let root = service.root();
    let client = reporter(&acme(&root));
    let history = History::of(&service, &client);
    let signing = part(&history.early[0], 0)["kid"].clone();
    let path = format!("/api/admin/v1/signing-keys/{}/revoke", text(&signing));
    let seen = history.run(|| {
        root.post(&path, &json!({"reason": "compromised"})).expect(200);
    });
    seen.all_worked_before();
    seen.afterwards(|what| matches!(what, What::Early(_)), false);
    seen.afterwards(|what| matches!(what, What::Own(_, had) if *had < seen.sent), false);
    let new = eventually(|| access_token(&exchange(&service, &client, ""))).expect("a token");
    assert_ne!(part(&new, 0)["kid"], signing);
    service.gateway().verify(&new).is_accepted();
}
