//! Take in a member of a tenant.

use serde::{Deserialize, Serialize};

use super::{Kind, Member, MemberEvent};
use crate::domain::credential::rescope;
use crate::domain::event::Recorded;
use crate::domain::history::History;
use crate::domain::ids::{MemberId, TenantId};
use crate::domain::personal::Personal;
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::domain::tenant::Tenant;

#[derive(Clone, Debug)]
pub struct Create {
    pub kind: Kind,
    pub name: String,
    pub email: String,
    pub description: String,
    pub scopes: Vec<Scope>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Created {
    pub tenant_id: TenantId,
    pub kind: Kind,
    pub name: Personal<String>,
    pub email: Personal<String>,
    pub description: Personal<String>,
    pub scopes: Vec<Scope>,
}

impl Create {
    pub(super) fn decide(
        &self,
        member: Option<&Member>,
        tenant: &Tenant,
    ) -> Result<Vec<MemberEvent>, Refusal> {
        if member.is_some() {
            return Err(Refusal::conflict("This id is taken. Send the request again."));
        }
        rescope::allowed(&self.scopes, tenant)?;
        Ok(vec![MemberEvent::Created(Created {
            tenant_id: tenant.id,
            kind: self.kind,
            name: Personal::Known(self.name.clone()),
            email: Personal::Known(self.email.clone()),
            description: Personal::Known(self.description.clone()),
            scopes: self.scopes.clone(),
        })])
    }
}

impl Created {
    pub(super) fn into_member(self, recorded: &Recorded) -> Result<Member, &'static str> {
        if recorded.version != 1 {
            return Err("a member is created by its stream's first event");
        }
        if recorded.tenant != Some(self.tenant_id) {
            return Err("it names another tenant than its envelope");
        }
        Ok(Member {
            id: MemberId(recorded.stream.0),
            tenant: self.tenant_id,
            kind: self.kind,
            name: self.name,
            name_since: recorded.version,
            email: self.email,
            description: self.description,
            scopes: self.scopes,
            created_at: recorded.at,
            created_by: recorded.actor,
            disabled_at: None,
            version: 1,
            history: History::begun_by(recorded),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::member::MemberCommand;
    use crate::domain::refusal::RefusalKind;
    use crate::domain::testing::*;

    fn create(to: &[&str]) -> MemberCommand {
        MemberCommand::Create(Create {
            kind: Kind::Person,
            name: "Ada".into(),
            email: "ada@example.com".into(),
            description: String::new(),
            scopes: scopes(to),
        })
    }

    #[test]
    fn a_member_has_what_it_was_given_and_works() {
        let made = given_member([]).when(create(&["logs:*"])).state();
        assert_eq!((made.kind, made.tenant), (Kind::Person, tenant_id(1)));
        assert_eq!(made.scopes, scopes(&["logs:*"]));
        assert_eq!((made.disabled_at, made.version), (None, 1));
    }

    #[test]
    fn a_scope_that_the_tenant_does_not_allow_is_refused() {
        let tenant = tenant_with(|settings| settings.allowed_scopes = Some(scopes(&["logs:*"])));
        let command = create(&["*"]);
        given_member([]).tenant(tenant).when(command).refused(RefusalKind::Invalid, Some("/scopes"));
    }

    #[test]
    fn an_id_is_used_once() {
        given_member([member_created(&[])]).when(create(&[])).refused(RefusalKind::Conflict, None);
    }
}
