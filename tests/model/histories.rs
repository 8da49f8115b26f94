//! Random histories over HTTP against one running service, each step held against the oracle (P9, P10), and what they leave
//! behind held against it as a whole (P9, P11).

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::replays::Record;
use crate::run::Run;
use crate::step::history;
use crate::support::service::Service;
use crate::{doors, lists, log, pasts, replays, trails, verdicts};

const SHORT: (u32, usize) = (90, 75);
const LONG: (u32, usize) = (1500, 90);
/// What a run of histories that says anything comes upon, and how often at least.
const MET: &[(&str, usize)] = &[
    ("api_key.created", 80),
    ("api_key.rotated", 20),
    ("api_key.grace_moved", 1),
    ("api_key.secret_revoked", 1),
    ("api_key.expiry_set", 4),
    ("api_key.revoked", 4),
    ("tenant.configured", 10),
    ("tenant.edited", 10),
    ("plan.set", 20),
    ("operator.created", 20),
    ("operator.assigned", 3),
    ("operator.disabled", 3),
    ("operator.enabled", 1),
    ("operator.token_minted", 10),
    ("operator.token_revoked", 1),
    ("quota_exceeded", 3),
    ("last_root", 3),
    ("stale", 10),
    ("last_secret", 5),
    ("oauth_client.created", 40),
    ("oauth_client.rotated", 15),
    ("oauth_client.secret_revoked", 5),
    ("oauth_client.configured", 4),
    ("oauth_client.tokens_revoked", 8),
    ("oauth_client.suspended", 4),
    ("oauth_client.revoked", 3),
    ("exchange.refused", 15),
    ("exchange.not_granted", 12),
    ("token.taken", 12),
    ("ledger.subject_erased", 20),
    ("erasure.refused", 10),
    ("token.given_back", 2),
    ("api_key.leak_reported", 10),
    ("oauth_client.leak_reported", 5),
    ("leak.no_news", 1),
    ("token.was_over", 1),
    ("token.accepted", 8),
    ("token.revoked", 15),
    ("token.wrong_audience", 8),
    ("token.insufficient_scope", 5),
];

/// Steps from one asking to the next.
const ASKED_EACH: usize = 8;
/// Outcomes that are told again.
const SAID: [&str; 7] = [
    "accepted",
    "revoked",
    "rotated_out",
    "tenant_suspended",
    "ip_denied",
    "insufficient_scope",
    "wrong_tenant",
];

/// What a failure prints is the smallest history that fails; the long form draws others each time.
#[test]
fn any_history_is_answered_stored_listed_and_judged_as_the_model_says() {
    let long = std::env::var_os("CREDLEDGER_TEST_LONG").is_some();
    let (cases, steps) = if long { LONG } else { SHORT };
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 300, ..Config::default() };
    let mut runner = match long {
        true => TestRunner::new(config),
        false => TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
    };
    let mut service = Service::start();
    let gateway = service.gateway();
    let said: RefCell<Record> = RefCell::default();
    let met: RefCell<BTreeMap<String, usize>> = RefCell::default();
    let outcome = runner.run(&history(steps), |steps| {
        let mut run = Run::new(&service);
        let mut record = Record::default();
        for (turn, step) in steps.iter().enumerate() {
            run.step(step);
            if turn % ASKED_EACH == 0 {
                record.ask_run(&gateway, &run, turn / ASKED_EACH);
            }
        }
        log::holds_exactly(&service, &run);
        verdicts::agree(&gateway, &mut run);
        lists::agree(&run);
        trails::agree(&service, &run);
        pasts::agree(&service, &run);
        doors::agree(&service, &run);
        record.is_told_again(&run.root);
        said.borrow_mut().add(record.some());
        let mut met = met.borrow_mut();
        run.met.into_iter().for_each(|(what, often)| *met.entry(what).or_default() += often);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    log::views_agree(&service);
    let said = said.into_inner();
    for reason in SAID {
        assert!(said.met(reason) > 0, "{reason} was never said, among {}", said.len());
    }
    replays::rebuilt(&mut service);
    said.is_told_again(&service.root());
    let met = met.into_inner();
    let too_few = MET.iter().filter(|(what, least)| met.get(*what).copied().unwrap_or_default() < *least);
    assert_eq!(
        too_few.collect::<Vec<_>>(),
        Vec::<&(&str, usize)>::new(),
        "met less often than that: {met:?}"
    );
}
