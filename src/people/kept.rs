//! What is kept of the identity provider: for how long, for how long while it is away, and that one asks it for all.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};

use super::provider::ProviderFault;
use crate::clock::BootTime;
use crate::limits;

pub(super) struct Kept<T> {
    pub(super) held: Option<(Arc<T>, BootTime)>,
    /// when it was last asked for in vain, and what came of it
    failed: Option<(BootTime, String)>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Kept { held: None, failed: None }
    }
}

impl<T> Kept<T> {
    pub(super) fn held_for(&self, most: Duration) -> Option<Arc<T>> {
        let (held, since) = self.held.as_ref()?;
        (BootTime::now().since(*since) < most).then(|| held.clone())
    }

    /// What is kept, if it may serve still; else what `asked` has to say.
    pub(super) fn taken(&mut self, asked: Result<T, ProviderFault>) -> Result<Arc<T>, ProviderFault> {
        let fault = match asked {
            Ok(new) => {
                let new = Arc::new(new);
                *self = Kept { held: Some((new.clone(), BootTime::now())), failed: None };
                return Ok(new);
            }
            Err(fault) => fault,
        };
        self.failed = Some((BootTime::now(), fault.to_string()));
        match self.held_for(limits::PROVIDER_KEPT_WHILE_AWAY) {
            Some(old) => {
                tracing::warn!(target: "sign_in", %fault, "what was kept of the identity provider serves on");
                Ok(old)
            }
            None => Err(fault),
        }
    }

    /// Asked in vain a moment ago: all who come meanwhile hear the same, instead of waiting one after the other.
    pub(super) fn still_failed<V>(&self) -> Option<Result<V, ProviderFault>> {
        let (at, detail) = self.failed.as_ref()?;
        let fresh = BootTime::now().since(*at) < limits::PROVIDER_ASKED_EVERY;
        fresh.then(|| Err(ProviderFault::Away(detail.clone())))
    }
}

/// Whoever holds it may be asking the provider, which is bounded; so is waiting for it.
pub(super) async fn in_turn<T>(kept: &Mutex<T>) -> Result<MutexGuard<'_, T>, ProviderFault> {
    let turn = tokio::time::timeout(limits::PROVIDER_WAIT, kept.lock()).await;
    turn.map_err(|_| ProviderFault::Away("the identity provider is asked by others, and slow".to_owned()))
}
