//! Erase one text, or a person.

use super::held::{AskedEvent, Held};
use super::{Erasure, ErasureEvent, Reason, Subject, SubjectErased, What};
use crate::domain::event::NAME;
use crate::domain::ids::{MemberId, OperatorId};
use crate::domain::refusal::Refusal;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// of the event at this position: these members, or all that is personal in it
    Text {
        position: u64,
        members: Option<Vec<String>>,
    },
    Member(MemberId),
    Operator(OperatorId),
}

#[derive(Clone, Debug)]
pub struct Erase {
    pub target: Target,
    pub reason: Reason,
}

impl Erase {
    /// `held` is what the target's stream holds; absent where there is none. Nothing left to erase is no event.
    pub fn decide(
        &self,
        erasure: Option<&Erasure>,
        held: Option<&Held>,
    ) -> Result<Vec<ErasureEvent>, Refusal> {
        if erasure.is_some() {
            return Err(Refusal::conflict("This id is taken. Send the request again."));
        }
        let held = held.ok_or_else(Refusal::not_found)?;
        let erased = match &self.target {
            Target::Text { members, .. } => self.text(held, members.as_deref())?,
            Target::Member(_) => self.person(held, What::Member, "member")?,
            Target::Operator(_) => self.person(held, What::Operator, "operator")?,
        };
        Ok(erased.map(ErasureEvent::SubjectErased).into_iter().collect())
    }

    fn text(&self, held: &Held, members: Option<&[String]>) -> Result<Option<SubjectErased>, Refusal> {
        let asked = held.asked.as_ref().ok_or_else(Refusal::not_found)?;
        if let Some(unknown) = members.unwrap_or_default().iter().find(|named| !asked.has(named)) {
            return Err(Refusal::invalid("/text/members", asked.without(unknown)));
        }
        let known = held.values.iter().find(|(version, _)| *version == asked.version);
        let known = known.map(|(_, known)| known.as_slice()).unwrap_or_default();
        let going = known.iter().filter(|name| members.is_none_or(|named| named.iter().any(|n| n == *name)));
        let going: Vec<String> = going.map(|name| (*name).to_owned()).collect();
        if going.is_empty() {
            return Ok(None);
        }
        let values = u32::try_from(going.len()).unwrap_or(u32::MAX);
        let unnames = held.name_since == Some(asked.version) && going.iter().any(|name| name == NAME);
        Ok(Some(SubjectErased {
            what: What::Text,
            first_version: asked.version,
            last_version: asked.version,
            members: Some(going),
            position: Some(asked.position),
            ..self.erased(held, values, unnames)
        }))
    }

    /// Everything personal in a person's own stream.
    fn person(&self, held: &Held, what: What, kind: &str) -> Result<Option<SubjectErased>, Refusal> {
        if held.kind != kind {
            return Err(Refusal::not_found());
        }
        let values: usize = held.values.iter().map(|(_, known)| known.len()).sum();
        let names =
            |(version, known): &(u32, Vec<&str>)| held.name_since == Some(*version) && known.contains(&NAME);
        let unnames = held.values.iter().any(names);
        let values = u32::try_from(values).unwrap_or(u32::MAX);
        Ok((values > 0).then(|| SubjectErased { what, ..self.erased(held, values, unnames) }))
    }

    fn erased(&self, held: &Held, values: u32, unnames: bool) -> SubjectErased {
        SubjectErased {
            what: What::Text,
            subject: Subject { kind: held.kind.to_owned(), id: held.stream.0 },
            first_version: 1,
            last_version: held.events,
            members: None,
            position: None,
            values,
            unnames,
            reason: self.reason,
        }
    }
}

impl AskedEvent {
    fn has(&self, member: &str) -> bool {
        self.personal.contains(&member)
    }

    fn without(&self, member: &str) -> String {
        match self.personal.as_slice() {
            [] => "Nothing in this event is personal.".to_owned(),
            personal => {
                format!("{member:?} is nothing personal in this event. It has: {}.", personal.join(", "))
            }
        }
    }
}

#[cfg(test)]
#[path = "erase_test.rs"]
mod tests;
