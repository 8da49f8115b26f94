//! A member: an account of a tenant, a person or a service. Credentials that it owns have at every moment at most its
//! scopes, and stop while it is disabled.

pub mod create;
pub mod disable;
pub mod edit;
pub mod enable;
pub mod rescope;

use serde::{Deserialize, Serialize};

use super::event::{Actor, Recorded, family};
use super::history::History;
use super::ids::{MemberId, TenantId};
use super::personal::Personal;
use super::refusal::Refusal;
use super::scope::Scope;
use super::tenant::Tenant;
use super::{Context, Unfoldable};
use crate::clock::Timestamp;

pub use create::{Create, Created};
pub use disable::{Disable, Disabled};
pub use edit::{Edit, Edited};
pub use enable::{Enable, Enabled};
pub use rescope::{Rescope, Rescoped};

family! { MemberEvent,
    Created = "member.created" v 1 personal ["description", "email", "name"];
    Edited = "member.edited" v 1 personal ["description", "email", "name"];
    Rescoped = "member.rescoped" v 1 personal [];
    Disabled = "member.disabled" v 1 personal [];
    Enabled = "member.enabled" v 1 personal [];
}

/// One action on a member.
#[derive(Clone, Debug)]
pub enum MemberCommand {
    Create(Create),
    Edit(Edit),
    Rescope(Rescope),
    Disable(Disable),
    Enable(Enable),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Person,
    Service,
}

impl Kind {
    pub const ALL: [Kind; 2] = [Kind::Person, Kind::Service];

    pub fn word(self) -> &'static str {
        match self {
            Kind::Person => "person",
            Kind::Service => "service",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    pub id: MemberId,
    pub tenant: TenantId,
    pub kind: Kind,
    pub name: Personal<String>,
    /// the version of the event whose personal row holds the name
    pub name_since: u32,
    /// empty when there is none
    pub email: Personal<String>,
    /// empty when there is none
    pub description: Personal<String>,
    pub scopes: Vec<Scope>,
    pub created_at: Timestamp,
    pub created_by: Actor,
    pub disabled_at: Option<Timestamp>,
    pub version: u64,
    pub history: History,
}

impl Member {
    /// With room in its history. Disabling it takes none.
    fn still_editable(&self) -> Result<(), Refusal> {
        self.history.takes_more("Create another member, give it the keys of this one, then disable this one.")
    }

    fn apply(&mut self, event: MemberEvent, recorded: &Recorded) -> Result<(), &'static str> {
        match event {
            MemberEvent::Created(_) => return Err("the member is there already"),
            MemberEvent::Edited(event) => event.apply(self, recorded.version),
            MemberEvent::Rescoped(event) => self.scopes = event.scopes,
            MemberEvent::Disabled(_) => self.disabled_at = Some(recorded.at),
            MemberEvent::Enabled(_) => self.disabled_at = None,
        }
        Ok(())
    }
}

impl MemberCommand {
    /// The events that carry it out on this state; none when there is nothing to do.
    pub fn decide(
        &self,
        member: Option<&Member>,
        tenant: &Tenant,
        _context: &Context,
    ) -> Result<Vec<MemberEvent>, Refusal> {
        if let Self::Create(create) = self {
            return create.decide(member, tenant);
        }
        let member = member.ok_or_else(Refusal::not_found)?;
        match self {
            Self::Create(_) => unreachable!("decided above"),
            Self::Edit(edit) => edit.decide(member),
            Self::Rescope(rescope) => rescope.decide(member, tenant),
            Self::Disable(disable) => Ok(disable.decide(member)),
            Self::Enable(enable) => enable.decide(member),
        }
    }
}

/// The fold of one more event.
pub fn fold(state: Option<Member>, event: MemberEvent, recorded: &Recorded) -> Result<Member, Unfoldable> {
    let unfoldable = |why| Unfoldable { event: recorded.event.kind().name, why };
    let mut member = match (state, event) {
        (None, MemberEvent::Created(created)) => return created.into_member(recorded).map_err(unfoldable),
        (None, _) => return Err(unfoldable("no member was created yet")),
        (Some(mut member), event) => {
            member.apply(event, recorded).map_err(unfoldable)?;
            member
        }
    };
    member.history = member.history.with(recorded);
    member.version += 1;
    Ok(member)
}
