//! A verdict that stands on a proof leaves once the proof is claimed, and is given anew after that: no lease is held while the
//! database is waited for.

use std::future::Future;

use super::app::App;
use super::problem::Problem;
use crate::ledger::once::{self, Claim, Kind};
use crate::limits;
use crate::projections::active::Known;
use crate::tokens::dpop::Proof;

impl App {
    /// Whether it is used for the first time; that is on disk then.
    pub async fn claim_proof(&self, known: &Known, proof: &Proof) -> Result<bool, Problem> {
        let id = proof.id();
        let claim = Claim {
            kind: Kind::DpopProof,
            tenant: known.tenant_id,
            credential: known.credential_id,
            id: &id,
            until: once::kept_until(proof.refused_from()),
        };
        Ok(self.once.claim(&claim).await?)
    }
}

/// Looks until all that stands on a proof stands on one that was claimed: what was refused by the look before may be accepted by
/// the next, and is not claimed yet. `look` is told of each whether its proof was used before, as far as that is known. With what
/// was seen last it is told what was claimed.
pub async fn settled<T>(
    mut looked: Vec<T>,
    look: impl AsyncFn(&[bool]) -> Result<Vec<T>, Problem>,
    stands_on_a_proof: impl Fn(&T) -> bool,
    claim: impl AsyncFn(&T) -> Result<bool, Problem>,
) -> Result<(Vec<T>, Vec<bool>), Problem> {
    let (mut claimed, mut used) = (vec![false; looked.len()], vec![false; looked.len()]);
    for _ in 0..limits::LEASED_LOOKS {
        let unclaimed = |place: &usize| !claimed[*place] && stands_on_a_proof(&looked[*place]);
        let unclaimed: Vec<usize> = (0..looked.len()).filter(unclaimed).collect();
        if unclaimed.is_empty() {
            return Ok((looked, claimed));
        }
        let first = unclaimed.iter().map(|&place| claim(&looked[place]));
        let first = futures::future::try_join_all(first).await?;
        for (place, first) in unclaimed.into_iter().zip(first) {
            (claimed[place], used[place]) = (true, !first);
        }
        looked = look(&used).await?;
    }
    let unsettled = (0..looked.len()).any(|place| !claimed[place] && stands_on_a_proof(&looked[place]));
    if unsettled { Err(not_in_time()) } else { Ok((looked, claimed)) }
}

/// Whoever shows a proof waits no longer than that, for the lease and the claim together.
pub async fn in_time<T>(proven: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    tokio::time::timeout(limits::PROVEN_WAIT, proven).await.unwrap_or_else(|_| Err(not_in_time()))
}

fn not_in_time() -> Problem {
    let detail = "it could not be told in time whether the proof was used before; ask again, with a new one";
    Problem::unavailable(limits::RETRY_AFTER_SECONDS, detail)
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;
    use crate::http::problem::Code;

    /// Of each what it is called, and whether it would be let in by its proof.
    type Told = Vec<(char, bool)>;

    /// The looks that follow on the first one, in this order; then what was claimed, what the last look was told, and what came of it.
    async fn run(looks: &[&str], used_before: &str) -> (String, Vec<bool>, Result<Told, Code>) {
        let told = |look: &str| -> Told {
            look.chars().map(|name| (name.to_ascii_lowercase(), name.is_ascii_uppercase())).collect()
        };
        let (claimed, flags, turn) = (RefCell::new(String::new()), RefCell::new(Vec::new()), Cell::new(0));
        let look = async |used: &[bool]| {
            *flags.borrow_mut() = used.to_vec();
            turn.set(turn.get() + 1);
            Ok(told(looks[turn.get().min(looks.len() - 1)]))
        };
        let claim = async |item: &(char, bool)| {
            claimed.borrow_mut().push(item.0);
            Ok(!used_before.contains(item.0))
        };
        let outcome = settled(told(looks[0]), look, |item| item.1, claim).await;
        let outcome = outcome.map(|(told, _)| told);
        (claimed.take(), flags.take(), outcome.map_err(|problem| problem.code()))
    }

    #[tokio::test]
    async fn what_stands_on_a_proof_is_claimed_once_and_looked_at_again() {
        let (claimed, flags, outcome) = run(&["AbC", "AbC"], "c").await;
        assert_eq!((claimed.as_str(), flags), ("ac", vec![false, false, true]));
        assert!(outcome.is_ok());
        let (claimed, flags, outcome) = run(&["ab"], "").await;
        assert_eq!((claimed.as_str(), flags.len(), outcome.is_ok()), ("", 0, true), "nothing to claim");
    }

    #[tokio::test]
    async fn what_is_accepted_only_by_the_second_look_is_claimed_before_it_leaves() {
        let (claimed, flags, outcome) = run(&["Ab", "AB", "AB"], "b").await;
        assert_eq!((claimed.as_str(), flags), ("ab", vec![false, true]));
        assert!(outcome.is_ok());
        let restless = run(&["Abcd", "aBcd", "abCd", "abcD"], "").await;
        assert_eq!(
            (restless.0.as_str(), restless.2),
            ("abc", Err(Code::Unavailable)),
            "and is told to come again"
        );
    }
}
