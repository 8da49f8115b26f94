//! A plan: how much a tenant that is on it may have. Lowering one takes nothing away; it only admits nothing more.

use serde::{Deserialize, Serialize};

use super::Unfoldable;
use super::event::{Recorded, family};
use super::history::History;
use super::ids::{PlanId, StreamId};
use super::refusal::{Refusal, RefusalKind};
use super::slug::{self, is_slug};
use crate::clock::Timestamp;
use crate::vault::sha256;

family! { PlanEvent,
    Set = "plan.set" v 1 personal [];
}

/// What it is called, for good: its id is made of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PlanName(String);

impl PlanName {
    pub fn parse(text: &str) -> Result<Self, String> {
        if is_slug(text) { Ok(PlanName(text.to_owned())) } else { Err(slug::expected()) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same for the same name, so that two who set one plan at once meet on its stream.
    pub fn id(&self) -> PlanId {
        let digest = sha256(&[b"credledger plan\0", self.0.as_bytes()]);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        PlanId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

impl TryFrom<String> for PlanName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        PlanName::parse(&text)
    }
}

impl From<PlanName> for String {
    fn from(name: PlanName) -> Self {
        name.0
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub name: PlanName,
    pub bounds: Bounds,
    pub created_at: Timestamp,
    pub version: u64,
    pub history: History,
}

impl Plan {
    /// What is told to whoever asks for more than it allows.
    pub fn exceeded(&self) -> Refusal {
        let most = self.bounds.active_credentials.unwrap_or(u32::MAX);
        let detail = format!(
            "The tenant's plan {:?} allows {most} active credentials, and it has as many or more. Revoke one that is not needed, or \
             have the tenant put on another plan.",
            self.name.as_str()
        );
        Refusal::new(RefusalKind::QuotaExceeded, detail)
    }
}

/// Nothing that is absent is bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// those that are neither revoked nor expired, of all kinds together
    pub active_credentials: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Set {
    pub name: PlanName,
    pub bounds: Bounds,
}

/// Make a plan, or change what it bounds.
#[derive(Clone, Debug)]
pub struct SetPlan {
    pub name: PlanName,
    pub bounds: Bounds,
}

impl SetPlan {
    pub fn decide(&self, plan: Option<&Plan>) -> Result<Vec<PlanEvent>, Refusal> {
        if plan.is_some_and(|plan| plan.bounds == self.bounds) {
            return Ok(Vec::new());
        }
        if let Some(plan) = plan {
            plan.history.takes_more("It stays as it is. Set another plan, and put its tenants on that.")?;
        }
        Ok(vec![PlanEvent::Set(Set { name: self.name.clone(), bounds: self.bounds })])
    }
}

/// The fold of one more event.
pub fn fold(state: Option<Plan>, event: PlanEvent, recorded: &Recorded) -> Result<Plan, Unfoldable> {
    let unfoldable = |why| Unfoldable { event: recorded.event.kind().name, why };
    let PlanEvent::Set(Set { name, bounds }) = event;
    if StreamId::from(name.id()) != recorded.stream {
        return Err(unfoldable("it stands in another plan's stream"));
    }
    Ok(match state {
        None => {
            Plan { name, bounds, created_at: recorded.at, version: 1, history: History::begun_by(recorded) }
        }
        Some(plan) => {
            let (version, history) = (plan.version + 1, plan.history.with(recorded));
            Plan { bounds, version, history, ..plan }
        }
    })
}

/// The plan that a tenant is on, when it has to be known how much it may have.
pub fn named<'a>(name: &PlanName, seen: Option<&'a Plan>) -> Result<&'a Plan, Refusal> {
    seen.filter(|plan| plan.name == *name).ok_or_else(|| {
        Refusal::invalid("/plan", format!("There is no plan {:?}. Set it first.", name.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::*;

    fn set(active: Option<u32>) -> SetPlan {
        SetPlan { name: plan_name("free"), bounds: Bounds { active_credentials: active } }
    }

    #[test]
    fn a_plan_is_made_and_changed_and_the_same_again_is_no_event() {
        let made = set(Some(3)).decide(None).expect("a plan");
        assert_eq!(made, [PlanEvent::Set(Set { name: plan_name("free"), bounds: set(Some(3)).bounds })]);
        let plan = plan_with(Some(3));
        assert_eq!(set(Some(3)).decide(Some(&plan)), Ok(Vec::new()));
        assert_eq!(set(None).decide(Some(&plan)).map(|events| events.len()), Ok(1));
    }

    #[test]
    fn one_name_has_one_id_and_no_other_name_has_it() {
        assert_eq!(plan_name("free").id(), plan_name("free").id());
        assert_ne!(plan_name("free").id(), plan_name("free-2").id());
        assert_eq!(plan_name("free").id().0.get_version_num(), 8);
    }

    #[test]
    fn a_plan_does_not_fold_in_another_ones_stream() {
        let event = PlanEvent::Set(Set { name: plan_name("free"), bounds: Bounds::default() });
        let other = StreamId::from(plan_name("other").id());
        let recorded = context().record(other, 1, None, event.clone().into());
        assert!(fold(None, event, &recorded).is_err());
    }
}
