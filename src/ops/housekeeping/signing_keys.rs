//! The keys that tokens are signed with: made, rotated and retired when that is due.

use super::House;
use crate::clock::BootTime;
use crate::limits;
use crate::tokens::rotation::{TendFault, Tended};

impl House {
    /// A key that is overdue and can't be made here goes on signing; that is said now and then, and told by a metric.
    pub(super) async fn tend_signing_keys(&mut self) -> Result<(), TendFault> {
        let Tended::Overdue { kid, algorithm } = self.keyring.tend().await? else { return Ok(()) };
        let now = BootTime::now();
        if self.overdue_told_at.is_none_or(|at| now.since(at) >= limits::OVERDUE_TOLD_EVERY) {
            self.overdue_told_at = Some(now);
            tracing::warn!(
                kid,
                algorithm = algorithm.word(),
                "the signing key has signed for longer than signing_key_rotation_days, and keys of its algorithm are not made \
                 here: bring a new one as private_key, to POST /api/admin/v1/signing-keys/rotate"
            );
        }
        Ok(())
    }
}
