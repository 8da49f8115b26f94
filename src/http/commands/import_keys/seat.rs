//! The place of one import among the few that may run at once. Whoever neither sends nor reads for long loses it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::clock::BootTime;
use crate::http::problem::Problem;
use crate::limits;

pub struct Seat(Arc<Held>);

struct Held {
    permit: Mutex<Option<OwnedSemaphorePermit>>,
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
        let held = Arc::new(Held { permit: Mutex::new(Some(permit)), seen });
        let watched = Arc::downgrade(&held);
        actix_web::rt::spawn(async move {
            loop {
                actix_web::rt::time::sleep(limits::IMPORT_STALL / 4).await;
                // Given back with the import itself, otherwise.
                let Some(held) = watched.upgrade() else { return };
                if held.idle() > limits::IMPORT_STALL {
                    held.permit.lock().unwrap_or_else(PoisonError::into_inner).take();
                    return;
                }
            }
        });
        Ok(Seat(held))
    }

    /// Something went on. Whether the place is still its own.
    pub fn keep(&self) -> bool {
        self.0.seen.store(BootTime::now().nanos(), Ordering::Relaxed);
        self.0.permit.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

impl Held {
    fn idle(&self) -> std::time::Duration {
        BootTime::now().since(BootTime::from_nanos(self.seen.load(Ordering::Relaxed)))
    }
}
