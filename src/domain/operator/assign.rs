//! Give an operator another role, or other tenants. From then on all its tokens do what it may now.

use serde::{Deserialize, Serialize};

use super::{Beside, Operator, OperatorEvent, Reach};
use crate::domain::authority::Role;
use crate::domain::ids::OperatorId;
use crate::domain::refusal::Refusal;

/// What is absent stays, but that root reaches all tenants.
#[derive(Clone, Debug, Default)]
pub struct Assign {
    pub role: Option<Role>,
    pub reach: Option<Reach>,
    /// who may be root beside one who gives up being root itself
    pub other_roots: Vec<OperatorId>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assigned {
    pub role: Role,
    pub reach: Reach,
}

impl Assign {
    pub(super) fn decide(
        &self,
        operator: &Operator,
        beside: &Beside<'_>,
    ) -> Result<Vec<OperatorEvent>, Refusal> {
        let role = self.role.unwrap_or(operator.role);
        let reach = match &self.reach {
            Some(reach) => reach.clone(),
            None if role == Role::Root => Reach::All,
            None => operator.reach.clone(),
        };
        if (role, &reach) == (operator.role, &operator.reach) {
            return Ok(Vec::new());
        }
        operator.history.takes_more("Disable it, and create another operator.")?;
        beside.may_grant(role, &reach)?;
        if role != Role::Root {
            beside.leaves_a_root(operator)?;
        }
        Ok(vec![OperatorEvent::Assigned(Assigned { role, reach })])
    }
}

impl Assigned {
    pub(super) fn apply(self, operator: &mut Operator) {
        operator.role = self.role;
        operator.reach = self.reach;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::operator::testing::*;
    use crate::domain::refusal::RefusalKind;
    use crate::domain::testing::tenant_id;

    fn assign(role: Option<Role>, reach: Option<Reach>) -> Assign {
        Assign { role, reach, ..Assign::default() }
    }

    fn some(tenants: &[u128]) -> Reach {
        Reach::Tenants(tenants.iter().map(|tenant| tenant_id(*tenant)).collect())
    }

    fn kind(outcome: Result<Vec<OperatorEvent>, Refusal>) -> Result<usize, RefusalKind> {
        outcome.map(|events| events.len()).map_err(|refusal| refusal.kind)
    }

    #[test]
    fn it_gives_role_and_tenants_whole_and_a_repeat_does_nothing() {
        let root = operator(1, Role::Root, Reach::All);
        let other = operator(2, Role::Gateway, some(&[1]));
        let beside = Beside { asker: Some(&root), other_root: None };
        let events = assign(Some(Role::Auditor), None).decide(&other, &beside).expect("accepted");
        let given = Assigned { role: Role::Auditor, reach: some(&[1]) };
        assert_eq!(events, [OperatorEvent::Assigned(given.clone())]);
        let mut changed = other;
        given.apply(&mut changed);
        assert_eq!(kind(assign(Some(Role::Auditor), Some(some(&[1]))).decide(&changed, &beside)), Ok(0));
        assert_eq!(kind(assign(None, None).decide(&changed, &beside)), Ok(0));
    }

    #[test]
    fn whoever_becomes_root_reaches_all_and_stays_so_while_it_is_root() {
        let root = operator(1, Role::Root, Reach::All);
        let beside = Beside { asker: Some(&root), other_root: None };
        let events = assign(Some(Role::Root), None)
            .decide(&operator(2, Role::Gateway, some(&[1])), &beside)
            .expect("accepted");
        assert_eq!(events, [OperatorEvent::Assigned(Assigned { role: Role::Root, reach: Reach::All })]);
        let narrowed = assign(None, Some(some(&[1]))).decide(&operator(3, Role::Root, Reach::All), &beside);
        assert_eq!(narrowed.expect_err("refused").pointer, Some("/tenants"));
    }

    #[test]
    fn an_org_admin_gives_no_more_than_it_has() {
        let admin = operator(1, Role::OrgAdmin, some(&[1, 2]));
        let target = operator(2, Role::Gateway, some(&[1]));
        let beside = Beside { asker: Some(&admin), other_root: None };
        let ask = |role, reach| kind(assign(role, reach).decide(&target, &beside));
        assert_eq!(ask(Some(Role::OrgAdmin), Some(some(&[1, 2]))), Ok(1));
        assert_eq!(ask(Some(Role::Root), None), Err(RefusalKind::Forbidden));
        assert_eq!(ask(None, Some(Reach::All)), Err(RefusalKind::Forbidden));
        assert_eq!(ask(None, Some(some(&[1, 3]))), Err(RefusalKind::Invalid));
    }

    #[test]
    fn the_last_active_root_stays_root() {
        let root = operator(1, Role::Root, Reach::All);
        let demote = assign(Some(Role::Auditor), None);
        let ask = |other_root| kind(demote.decide(&root, &Beside { asker: Some(&root), other_root }));
        assert_eq!(ask(None), Err(RefusalKind::Conflict));
        let other = operator(2, Role::Root, Reach::All);
        assert_eq!(ask(Some(&other)), Ok(1));
        assert_eq!(ask(Some(&disabled(other.clone()))), Err(RefusalKind::Conflict));
    }
}
