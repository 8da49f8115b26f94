//! What a decision to erase reads: all of one stream, with the personal values that are still there.

use super::execute::{ExecuteError, Ledger, Order};
use super::read::{Loaded, fold};
use crate::db::{Errand, Sight};
use crate::domain::command::Command;
use crate::domain::erasure::{Held, Target};
use crate::domain::ids::StreamId;

/// What is held, and where the stream's last event stands.
pub(super) struct HeldAt {
    pub held: Held,
    pub position: Option<u64>,
}

impl Ledger {
    /// None for a command that erases nothing, and where there is nothing of that name in sight.
    pub(super) async fn held(&self, order: &Order) -> Result<Option<HeldAt>, ExecuteError> {
        let Command::Erase(tenant, erase) = &order.command else { return Ok(None) };
        let sight = Sight::Decision(tenant.map(|tenant| tenant.0));
        let asked = match &erase.target {
            Target::Text { position, .. } => self.reader.at(&self.database, sight, *position).await?,
            Target::Member(_) | Target::Operator(_) => None,
        };
        let stream = match (&erase.target, &asked) {
            (Target::Member(member), _) => StreamId::from(*member),
            (Target::Operator(operator), _) => StreamId::from(*operator),
            (Target::Text { .. }, Some(asked)) => asked.recorded.stream,
            (Target::Text { .. }, None) => return Ok(None),
        };
        let events = self.reader.history(&self.database, Errand::Command, sight, stream).await?;
        let Loaded { state, position } = fold(events.iter().cloned())?;
        let recorded: Vec<_> = events.into_iter().map(|event| event.recorded).collect();
        let Some(held) = Held::of(&recorded, &state) else { return Ok(None) };
        let held = match asked {
            Some(asked) => held.asked(asked.position, &asked.recorded),
            None => held,
        };
        Ok(Some(HeldAt { held, position }))
    }
}

impl From<&HeldAt> for (StreamId, u32) {
    /// The version that was read: an edit of the stream meanwhile has it decided again.
    fn from(read: &HeldAt) -> Self {
        (read.held.stream, read.held.events)
    }
}
