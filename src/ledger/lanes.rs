//! What waits for the sequencer: one lane of people, one of housekeeping, one of imports, and which of it makes the next batch.

use tokio::sync::mpsc;

use crate::clock::BootTime;
use crate::limits;

pub struct Lanes<T> {
    people: mpsc::Receiver<T>,
    /// people's, taken from their lane for the next batch: a batch of them at most
    held: Vec<T>,
    housekeeping: mpsc::Receiver<T>,
    imports: mpsc::Receiver<T>,
    /// when people came last: the others have no batch of their own soon after
    people_seen: BootTime,
}

/// The ways in. When they are dropped, what is left makes the last batches.
pub struct Ways<T> {
    pub people: mpsc::Sender<T>,
    pub housekeeping: mpsc::Sender<T>,
    pub imports: mpsc::Sender<T>,
}

impl<T> Lanes<T> {
    pub fn new() -> (Ways<T>, Self) {
        let (people_in, people) = mpsc::channel(limits::COMMAND_QUEUE);
        let (housekeeping_in, housekeeping) = mpsc::channel(limits::HOUSEKEEPING_QUEUE);
        let (imports_in, imports) = mpsc::channel(limits::IMPORT_QUEUE);
        let ways = Ways { people: people_in, housekeeping: housekeeping_in, imports: imports_in };
        (ways, Lanes { people, held: Vec::new(), housekeeping, imports, people_seen: BootTime::now() })
    }

    /// Waits for the first, and takes what else is there; `None` at the end. Under load housekeeping and imports go on, a few with
    /// each batch of people; by themselves they go only while people rest, so that nobody waits for their batch, and in large
    /// batches only once they are away.
    pub async fn gather(&mut self) -> Option<Vec<T>> {
        if self.held.is_empty() {
            let first = self.first().await?;
            self.held.push(first);
        }
        while self.held.len() < limits::BATCH_COMMANDS
            && let Ok(next) = self.people.try_recv()
        {
            self.held.push(next);
        }
        Some(self.close())
    }

    /// The same while another batch is under way: waits until half a batch of people is there, however long that takes. What
    /// has come by the time that this is given up is in the next batch.
    pub async fn gather_ahead(&mut self) -> Vec<T> {
        while self.held.len() < limits::BATCH_AHEAD {
            let room = limits::BATCH_COMMANDS - self.held.len();
            if self.people.recv_many(&mut self.held, room).await == 0 {
                // Nobody else will come; what is held makes the last batch.
                return std::future::pending().await;
            }
            self.people_seen = BootTime::now();
        }
        self.close()
    }

    async fn first(&mut self) -> Option<T> {
        let rest = limits::PEOPLE_REST.saturating_sub(BootTime::now().since(self.people_seen));
        let (housekeeping, imports) = (&mut self.housekeeping, &mut self.imports);
        let alone = async {
            tokio::time::sleep(rest).await;
            tokio::select! {
                biased;
                Some(first) = housekeeping.recv() => Some(first),
                Some(first) = imports.recv() => Some(first),
                else => None,
            }
        };
        tokio::select! {
            biased;
            Some(first) = self.people.recv() => {
                self.people_seen = BootTime::now();
                Some(first)
            }
            Some(first) = alone => Some(first),
            else => None,
        }
    }

    /// The batch, with those of the other lanes that ride along.
    fn close(&mut self) -> Vec<T> {
        let mut batch = std::mem::take(&mut self.held);
        let since = BootTime::now().since(self.people_seen);
        let (housekeeping, imports) = match (since < limits::PEOPLE_AWAY, since < limits::PEOPLE_REST) {
            (true, true) => (limits::HOUSEKEEPING_PER_BATCH, limits::IMPORTS_BESIDE),
            (true, false) => (limits::HOUSEKEEPING_PER_BATCH, limits::IMPORTS_ALONE),
            (false, _) => (limits::HOUSEKEEPING_ALONE - 1, limits::BATCH_COMMANDS),
        };
        for (lane, at_most) in [(&mut self.housekeeping, housekeeping), (&mut self.imports, imports)] {
            let room = at_most.min(limits::BATCH_COMMANDS - batch.len());
            batch.extend(std::iter::from_fn(|| lane.try_recv().ok()).take(room));
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[derive(Debug, PartialEq)]
    enum From {
        People,
        Housekeeping,
        Imports,
    }

    fn waiting(people: usize, housekeeping: usize) -> (Ways<From>, Lanes<From>) {
        let (ways, lanes) = Lanes::new();
        (0..people).for_each(|_| ways.people.try_send(From::People).expect("room"));
        (0..housekeeping).for_each(|_| ways.housekeeping.try_send(From::Housekeeping).expect("room"));
        (ways, lanes)
    }

    fn of_people(batch: &[From]) -> usize {
        batch.iter().filter(|each| **each == From::People).count()
    }

    #[tokio::test]
    async fn people_come_first_and_a_few_of_housekeeping_ride_along() {
        let (_ways, mut lanes) = waiting(2, 2 * limits::HOUSEKEEPING_PER_BATCH);
        let batch = lanes.gather().await.expect("a batch");
        assert_eq!((of_people(&batch), batch.len()), (2, 2 + limits::HOUSEKEEPING_PER_BATCH));
        assert_eq!(batch[..2], [From::People, From::People]);
    }

    #[tokio::test]
    async fn housekeeping_goes_on_though_people_never_rest() {
        let (ways, mut lanes) = waiting(1, 3 * limits::HOUSEKEEPING_PER_BATCH);
        for _ in 0..3 {
            let batch = lanes.gather().await.expect("a batch");
            assert_eq!((of_people(&batch), batch.len()), (1, 1 + limits::HOUSEKEEPING_PER_BATCH));
            ways.people.try_send(From::People).expect("room");
        }
    }

    #[tokio::test]
    async fn once_people_rest_housekeeping_has_a_batch_of_its_own() {
        let (_ways, mut lanes) = waiting(0, 1);
        assert_eq!(lanes.gather().await, Some(vec![From::Housekeeping]));
        assert!(BootTime::now().since(lanes.people_seen) >= limits::PEOPLE_REST);
    }

    #[tokio::test]
    async fn once_people_are_away_its_batch_is_large() {
        let (_ways, mut lanes) = waiting(0, limits::HOUSEKEEPING_ALONE + 1);
        lanes.people_seen = BootTime::default();
        assert_eq!(lanes.gather().await.expect("a batch").len(), limits::HOUSEKEEPING_ALONE);
    }

    fn importing(people: usize, imports: usize) -> (Ways<From>, Lanes<From>) {
        let (ways, lanes) = waiting(people, 1);
        (0..imports).for_each(|_| ways.imports.try_send(From::Imports).expect("room"));
        (ways, lanes)
    }

    fn of_imports(batch: &[From]) -> usize {
        batch.iter().filter(|each| **each == From::Imports).count()
    }

    #[tokio::test]
    async fn an_import_lets_people_and_housekeeping_by_and_goes_on() {
        let (ways, mut lanes) = importing(1, 3 * limits::IMPORTS_BESIDE);
        for _ in 0..3 {
            let batch = lanes.gather().await.expect("a batch");
            assert_eq!((batch.first(), of_imports(&batch)), (Some(&From::People), limits::IMPORTS_BESIDE));
            ways.people.try_send(From::People).expect("room");
        }
    }

    #[tokio::test]
    async fn an_import_alone_has_small_batches_until_people_are_away() {
        let (_ways, mut lanes) = importing(0, limits::IMPORTS_ALONE + 100);
        let batch = lanes.gather().await.expect("a batch");
        assert_eq!((batch.first(), of_imports(&batch)), (Some(&From::Housekeeping), limits::IMPORTS_ALONE));
        let (_ways, mut lanes) = importing(0, limits::BATCH_COMMANDS);
        lanes.people_seen = BootTime::default();
        assert_eq!(lanes.gather().await.expect("a batch").len(), limits::BATCH_COMMANDS);
    }

    #[tokio::test]
    async fn the_next_batch_is_closed_ahead_once_half_of_it_waits_and_housekeeping_rides_along() {
        let (_ways, mut lanes) = waiting(limits::BATCH_AHEAD, 2 * limits::HOUSEKEEPING_PER_BATCH);
        let batch = lanes.gather_ahead().await;
        assert_eq!(of_people(&batch), limits::BATCH_AHEAD);
        assert_eq!(batch.len(), limits::BATCH_AHEAD + limits::HOUSEKEEPING_PER_BATCH);
        let (_ways, mut lanes) = waiting(limits::BATCH_COMMANDS + 1, 0);
        assert_eq!(lanes.gather_ahead().await.len(), limits::BATCH_COMMANDS);
        assert_eq!(lanes.gather().await.expect("a batch").len(), 1);
    }

    #[tokio::test]
    async fn what_came_before_gathering_ahead_was_given_up_is_in_the_next_batch_in_its_order() {
        let (ways, mut lanes) = Lanes::new();
        ways.people.try_send(1).expect("room");
        assert!(lanes.gather_ahead().now_or_never().is_none(), "one is not half a batch");
        ways.people.try_send(2).expect("room");
        assert_eq!(lanes.gather().await, Some(vec![1, 2]));
        ways.people.try_send(3).expect("room");
        drop(ways);
        assert!(lanes.gather_ahead().now_or_never().is_none());
        assert!(lanes.gather_ahead().now_or_never().is_none(), "the end is no batch");
        assert_eq!(lanes.gather().await, Some(vec![3]));
        assert_eq!(lanes.gather().await, None);
    }

    #[tokio::test]
    async fn a_batch_is_full_at_its_limit_and_what_is_left_makes_the_next() {
        let (ways, mut lanes) = waiting(limits::BATCH_COMMANDS + 1, 1);
        assert_eq!(lanes.gather().await.expect("a batch").len(), limits::BATCH_COMMANDS);
        drop(ways);
        assert_eq!(lanes.gather().await, Some(vec![From::People, From::Housekeeping]));
        assert_eq!(lanes.gather().await, None);
    }
}
