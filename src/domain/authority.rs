//! May this operator do this to that tenant? The one table of roles.

use serde::{Deserialize, Serialize};

use super::access::Reason;
use super::ids::{TenantId, TokenId};
use super::operator::{Operator, Reach};
use super::refusal::{Refusal, RefusalKind};
use crate::clock::Timestamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Root,
    OrgAdmin,
    Auditor,
    Gateway,
}

impl Role {
    pub const ALL: [Role; 4] = [Role::Root, Role::OrgAdmin, Role::Auditor, Role::Gateway];

    pub fn word(self) -> &'static str {
        match self {
            Role::Root => "root",
            Role::OrgAdmin => "org_admin",
            Role::Auditor => "auditor",
            Role::Gateway => "gateway",
        }
    }

    pub fn from_word(word: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.word() == word)
    }
}

/// What an operator may be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// take in tenants, suspend and resume them
    RunTenants,
    /// name and settings of a tenant
    ConfigureTenant,
    ReadTenant,
    ChangeCredentials,
    ReadCredentials,
    /// a tenant's trail
    ReadTrail,
    /// verify, verify/batch, and report the calls that were served
    Verify,
    ManageOperators,
    ReadOperators,
    /// a tenant's own accounts
    ManageMembers,
    /// the ledger's whole feed
    ReadLedger,
    ReadMetrics,
    /// the keys that sign tokens: read and rotate them
    ManageSigningKeys,
    /// what is personal in a tenant's own streams
    Erase,
    /// operators, and what is personal in the platform's own streams
    EraseOfPlatform,
}

impl Role {
    pub fn may(self, action: Action) -> bool {
        use Action::*;
        match self {
            Role::Root => true,
            Role::OrgAdmin => matches!(
                action,
                ConfigureTenant
                    | ReadTenant
                    | ChangeCredentials
                    | ReadCredentials
                    | ReadTrail
                    | ManageMembers
                    | ManageOperators
                    | ReadOperators
                    | Erase
            ),
            Role::Auditor => {
                matches!(
                    action,
                    ReadTenant | ReadCredentials | ReadTrail | ReadOperators | ReadLedger | ReadMetrics
                )
            }
            Role::Gateway => matches!(action, Verify),
        }
    }
}

/// What concerns the whole platform, and therefore asks for reach over all tenants.
fn needs_whole_reach(action: Action) -> bool {
    matches!(
        action,
        Action::RunTenants
            | Action::ReadLedger
            | Action::ReadMetrics
            | Action::ManageSigningKeys
            | Action::EraseOfPlatform
    )
}

/// Is an operator of that reach there for one of this reach? Only when all of it lies within its own tenants.
pub fn sees(reach: &Reach, other: &Reach) -> bool {
    other.is_within(reach)
}

/// One operator, changing another or itself: what it doesn't see is not there, and root is root's alone.
pub fn permit_over(role: Role, reach: &Reach, other: (Role, &Reach)) -> Result<(), Refusal> {
    if !sees(reach, other.1) {
        return Err(Refusal::not_found());
    }
    if other.0 == Role::Root && role != Role::Root {
        return Err(Refusal::forbidden("Only root changes an operator who is root."));
    }
    Ok(())
}

/// May one operator make another this? Nobody gives more than it has; a tenant out of reach is not there.
pub fn permit_grant(asker: &Operator, role: Role, reach: &Reach) -> Result<(), Refusal> {
    if role == Role::Root && asker.role != Role::Root {
        return Err(Refusal::forbidden("Only root makes an operator root."));
    }
    match reach {
        _ if reach.is_within(&asker.reach) => Ok(()),
        Reach::All => Err(Refusal::forbidden("You don't reach all tenants, and can't give that.")),
        Reach::Tenants(_) => Err(Refusal::invalid("/tenants", "There is no such tenant.")),
    }
}

/// One token of one operator, doing something to one tenant or to the whole platform. A tenant out of reach is not
/// there; a role that may not is told so.
pub fn permit(
    operator: &Operator,
    token: Option<TokenId>,
    action: Action,
    tenant: Option<TenantId>,
    now: Timestamp,
) -> Result<(), Refusal> {
    let token = token.map(|id| operator.token(id));
    let over = match token {
        _ if operator.disabled_at.is_some() => Some(Reason::OwnerDisabled),
        Some(None) => Some(Reason::NotFound),
        Some(Some(token)) if token.revoked_at.is_some() => Some(Reason::Revoked),
        Some(Some(token)) if !token.works(now) => Some(Reason::Expired),
        _ => None,
    };
    if let Some(reason) = over {
        return Err(Refusal::new(
            RefusalKind::Unauthorized(reason),
            "This operator token no longer works. Sign in again.",
        ));
    }
    permit_role(operator.role, &operator.reach, action, tenant)
}

pub fn permit_role(
    role: Role,
    reach: &Reach,
    action: Action,
    tenant: Option<TenantId>,
) -> Result<(), Refusal> {
    let whole = *reach == Reach::All;
    if !role.may(action) || (needs_whole_reach(action) && !whole) {
        return Err(Refusal::forbidden(format!("The role {} may not do this.", role.word())));
    }
    match tenant {
        Some(tenant) if !reach.includes(tenant) => Err(Refusal::not_found()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::*;

    #[test]
    fn the_table_of_roles() {
        use Action::*;
        let rows: [(Action, &[Role]); 15] = [
            (RunTenants, &[Role::Root]),
            (ConfigureTenant, &[Role::Root, Role::OrgAdmin]),
            (ReadTenant, &[Role::Root, Role::OrgAdmin, Role::Auditor]),
            (ChangeCredentials, &[Role::Root, Role::OrgAdmin]),
            (ReadCredentials, &[Role::Root, Role::OrgAdmin, Role::Auditor]),
            (ReadTrail, &[Role::Root, Role::OrgAdmin, Role::Auditor]),
            (Verify, &[Role::Root, Role::Gateway]),
            (ManageOperators, &[Role::Root, Role::OrgAdmin]),
            (ReadOperators, &[Role::Root, Role::OrgAdmin, Role::Auditor]),
            (ManageMembers, &[Role::Root, Role::OrgAdmin]),
            (ReadLedger, &[Role::Root, Role::Auditor]),
            (ReadMetrics, &[Role::Root, Role::Auditor]),
            (ManageSigningKeys, &[Role::Root]),
            (Erase, &[Role::Root, Role::OrgAdmin]),
            (EraseOfPlatform, &[Role::Root]),
        ];
        for (action, allowed) in rows {
            let may: Vec<_> = Role::ALL.into_iter().filter(|role| role.may(action)).collect();
            assert_eq!(may, allowed, "{action:?}");
        }
    }

    #[test]
    fn a_tenant_out_of_reach_is_not_there() {
        let mine = Reach::Tenants([tenant_id(1)].into());
        let ask = |tenant| {
            permit_role(Role::OrgAdmin, &mine, Action::ReadCredentials, Some(tenant)).map_err(|no| no.kind)
        };
        assert_eq!(ask(tenant_id(1)), Ok(()));
        assert_eq!(ask(tenant_id(2)), Err(RefusalKind::NotFound));
    }

    #[test]
    fn an_operator_who_reaches_further_is_not_there_and_root_is_roots_alone() {
        let some = |tenants: &[u128]| Reach::Tenants(tenants.iter().map(|id| tenant_id(*id)).collect());
        let ask = |reach: &Reach, other, other_reach: &Reach| {
            permit_over(Role::OrgAdmin, reach, (other, other_reach)).map_err(|no| no.kind)
        };
        let mine = some(&[1, 2]);
        assert_eq!(ask(&mine, Role::OrgAdmin, &some(&[1, 2])), Ok(()));
        assert_eq!(ask(&mine, Role::Gateway, &some(&[2])), Ok(()));
        assert_eq!(ask(&mine, Role::Gateway, &some(&[2, 3])), Err(RefusalKind::NotFound));
        assert_eq!(ask(&mine, Role::Auditor, &Reach::All), Err(RefusalKind::NotFound));
        assert_eq!(ask(&mine, Role::Root, &Reach::All), Err(RefusalKind::NotFound));
        assert_eq!(ask(&Reach::All, Role::Auditor, &Reach::All), Ok(()));
        assert_eq!(ask(&Reach::All, Role::Root, &Reach::All), Err(RefusalKind::Forbidden));
        assert_eq!(permit_over(Role::Root, &Reach::All, (Role::Root, &Reach::All)), Ok(()));
    }

    #[test]
    fn an_auditor_of_one_tenant_does_not_read_the_whole_ledger() {
        let mine = Reach::Tenants([tenant_id(1)].into());
        let refusal = permit_role(Role::Auditor, &mine, Action::ReadLedger, None).expect_err("too wide");
        assert_eq!(refusal.kind, RefusalKind::Forbidden);
        assert_eq!(permit_role(Role::Auditor, &Reach::All, Action::ReadLedger, None), Ok(()));
    }
}
