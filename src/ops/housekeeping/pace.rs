//! How fast housekeeping goes: portion by portion, slowly beside people and callers.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};

use super::House;
use crate::ledger::execute::Ledger;
use crate::ledger::together::{Chore, Failed};
use crate::limits;
use crate::projections::list::Due;

/// What came of all of them.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    pub count: usize,
    /// as due as before, since something else changed them meanwhile
    pub moved: Vec<Due>,
    pub failed: Option<Failed>,
}

impl Recorded {
    fn with(mut self, other: Recorded) -> Self {
        self.count += other.count;
        self.moved.extend(other.moved);
        self.failed = other
            .failed
            .into_iter()
            .chain(self.failed)
            .reduce(|new, old| Failed { count: new.count + old.count, ..new });
        self
    }
}

/// Records portion by portion, each at its pace.
pub(super) async fn record(house: &mut House, chore: Chore, mut due: Vec<Due>) -> Recorded {
    // Those of one tenant are read with one query.
    due.sort_by_key(|due| due.tenant.0);
    let (mut due, mut recorded) = (due.as_slice(), Recorded::default());
    while !due.is_empty() {
        let pace = Pace::beside(house.ledger.people_away(), house.crowd.is_there());
        let (portion, rest) = due.split_at(portion(due, pace.at_once));
        let spent = tokio::time::sleep(pace.time(portion.len()));
        let tenants = portion.chunk_by(|one, next| one.tenant == next.tenant);
        let tenants: Vec<_> =
            tenants.map(|due| record_of_one(house.ledger.clone(), chore.clone(), due.to_vec())).collect();
        let mut tenants = stream::iter(tenants).buffer_unordered(limits::HOUSEKEEPING_READS);
        while let Some(of_one) = tenants.next().await {
            recorded = recorded.with(of_one);
        }
        spent.await;
        due = rest;
    }
    recorded
}

/// All of one tenant.
async fn record_of_one(ledger: Arc<Ledger>, chore: Chore, mut due: Vec<Due>) -> Recorded {
    let Some(tenant) = due.first().map(|due| due.tenant) else { return Recorded::default() };
    let credentials: Vec<_> = due.iter().map(|due| due.credential).collect();
    let count = credentials.len();
    let done = ledger.together(chore, tenant, credentials).await;
    let moved: HashSet<_> = done.moved.into_iter().map(|credential| credential.0).collect();
    due.retain(|due| moved.contains(&due.credential.0));
    Recorded { count, moved: due, failed: done.failed }
}

/// How many of them, from the first on, are recorded at once: what they are decided on is all in memory then.
pub(super) fn portion(due: &[Due], at_once: usize) -> usize {
    let mut events = 0u32;
    let fits = |due: &&Due| {
        events = events.saturating_add(due.events);
        events <= limits::HOUSEKEEPING_EVENTS
    };
    due.iter().take(at_once).take_while(fits).count().max(1)
}

/// How fast housekeeping goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pace {
    at_once: usize,
    per_second: u32,
}

impl Pace {
    /// Beside people whose last command came so long ago, and perhaps a crowd of callers.
    fn beside(people_away: Duration, crowd: bool) -> Self {
        match people_away < limits::PEOPLE_AWAY || crowd {
            true => Pace {
                at_once: limits::HOUSEKEEPING_BESIDE,
                per_second: limits::HOUSEKEEPING_BESIDE_PER_SECOND,
            },
            false => {
                Pace { at_once: limits::HOUSEKEEPING_ALONE, per_second: limits::HOUSEKEEPING_PER_SECOND }
            }
        }
    }

    /// What so many take at least.
    fn time(self, count: usize) -> Duration {
        Duration::from_secs(1) * u32::try_from(count).unwrap_or(u32::MAX) / self.per_second
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::ids::{CredentialId, TenantId};
    use crate::projections::list::DuePlace;

    fn due(events: u32) -> Due {
        let place = DuePlace { due_at_ms: 0, id: Uuid::nil() };
        Due { credential: CredentialId(Uuid::nil()), tenant: TenantId(Uuid::nil()), events, place }
    }

    #[test]
    fn a_portion_is_bounded_by_how_many_they_are_and_by_what_their_histories_come_to() {
        assert_eq!(portion(&[due(1), due(1), due(1)], 2), 2);
        let half = limits::HOUSEKEEPING_EVENTS / 2;
        assert_eq!(portion(&[due(half), due(half), due(1)], 64), 2);
        assert_eq!(
            portion(&[due(limits::HOUSEKEEPING_EVENTS + 1), due(1)], 64),
            1,
            "a long history goes alone"
        );
        assert_eq!(portion(&[due(u32::MAX), due(u32::MAX)], 64), 1);
    }

    #[test]
    fn beside_people_and_callers_the_pace_is_slow_and_never_nothing() {
        let beside = Pace::beside(limits::PEOPLE_AWAY - Duration::from_millis(1), false);
        let alone = Pace::beside(limits::PEOPLE_AWAY, false);
        assert_eq!(Pace::beside(limits::PEOPLE_AWAY, true), beside);
        assert!(beside.per_second > 0 && beside.per_second < alone.per_second);
        assert_eq!(alone.time(alone.per_second as usize), Duration::from_secs(1));
        assert!(alone.at_once <= limits::HOUSEKEEPING_QUEUE, "none is refused because the queue is full");
    }
}
