//! Random histories over HTTP against one running service, each step held against the oracle (P9, P10), and what they leave
//! behind held against it as a whole (P9, P11).

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::run::Run;
use crate::step::history;
use crate::support::service::Service;
use crate::{doors, lists, log, verdicts};

const SHORT: (u32, usize) = (40, 36);
const LONG: (u32, usize) = (1500, 90);

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
    let service = Service::start();
    let gateway = service.gateway();
    let outcome = runner.run(&history(steps), |steps| {
        let mut run = Run::new(&service);
        steps.iter().for_each(|step| run.step(step));
        log::holds_exactly(&service, &run);
        verdicts::agree(&gateway, &run);
        lists::agree(&run);
        doors::agree(&service, &run);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    log::views_agree(&service);
}
