//! The place of one import among the few that may run at once. Whoever neither sends nor reads for long loses it; it is free for
//! another when all that the import set going has ended, its caller there or not.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::clock::BootTime;
use crate::http::problem::Problem;
use crate::limits;

pub struct Seat(Arc<Held>);

/// Goes with each batch: what hangs up leaves its batches behind, and they take up a place until they are done.
pub type Share = Arc<OwnedSemaphorePermit>;

struct Held {
    permit: Mutex<Option<Share>>,
    seen: AtomicU64,
}

impl Seat {
    pub fn take(seats: &Arc<Semaphore>) -> Result<Self, Problem> {
        let permit = seats.clone().try_acquire_owned().map_err(|_| {
            let detail =
                format!("{} imports are running; ask again when one is done", limits::IMPORTS_AT_ONCE);
            Problem::unavailable(limits::RETRY_AFTER_SECONDS, detail)
        })?;
        let seen = AtomicU64::new(BootTime::now().nanos());
        let held = Arc::new(Held { permit: Mutex::new(Some(Arc::new(permit))), seen });
        let watched = Arc::downgrade(&held);
        actix_web::rt::spawn(async move {
            loop {
                actix_web::rt::time::sleep(limits::IMPORT_STALL / 4).await;
                // Given back with the import itself, otherwise.
                let Some(held) = watched.upgrade() else { return };
                if held.idle() > limits::IMPORT_STALL {
                    held.permit().take();
                    return;
                }
            }
        });
        Ok(Seat(held))
    }

    /// Something went on. Whether the place is still its own.
    pub fn keep(&self) -> bool {
        self.0.seen.store(BootTime::now().nanos(), Ordering::Relaxed);
        self.0.permit().is_some()
    }

    /// None when the place is lost.
    pub fn share(&self) -> Option<Share> {
        self.0.permit().clone()
    }
}

impl Held {
    fn permit(&self) -> MutexGuard<'_, Option<Share>> {
        self.permit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn idle(&self) -> std::time::Duration {
        BootTime::now().since(BootTime::from_nanos(self.seen.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_web::test]
    async fn a_place_is_free_when_the_last_batch_has_ended_and_not_when_its_caller_hangs_up() {
        let seats = Arc::new(Semaphore::new(1));
        let seat = Seat::take(&seats).expect("a place");
        let batches = [seat.share().expect("a share"), seat.share().expect("a share")];
        drop(seat);
        for batch in batches {
            assert!(Seat::take(&seats).is_err());
            drop(batch);
        }
        let next = Seat::take(&seats).expect("a place again");
        assert!(next.keep());
    }
}
