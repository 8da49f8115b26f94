//! Stop an operator: no token of it works from here on, and no command of it lands.

use serde::{Deserialize, Serialize};

use super::{Beside, Operator, OperatorEvent};
use crate::domain::ids::OperatorId;
use crate::domain::refusal::Refusal;

#[derive(Clone, Debug, Default)]
pub struct Disable {
    /// who may be root beside a root that disables itself
    pub other_roots: Vec<OperatorId>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disabled {}

impl Disable {
    pub(super) fn decide(
        &self,
        operator: &Operator,
        beside: &Beside<'_>,
    ) -> Result<Vec<OperatorEvent>, Refusal> {
        if operator.disabled_at.is_some() {
            return Ok(Vec::new());
        }
        beside.leaves_a_root(operator)?;
        Ok(vec![OperatorEvent::Disabled(Disabled {})])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::authority::Role;
    use crate::domain::operator::Reach;
    use crate::domain::operator::testing::*;
    use crate::domain::refusal::RefusalKind;

    fn ask(
        target: &Operator,
        asker: Option<&Operator>,
        other_root: Option<&Operator>,
    ) -> Result<usize, RefusalKind> {
        let decided = Disable::default().decide(target, &Beside { asker, other_root });
        decided.map(|events| events.len()).map_err(|refusal| refusal.kind)
    }

    #[test]
    fn the_last_active_root_is_not_disabled_whoever_asks() {
        let root = operator(1, Role::Root, Reach::All);
        let other = operator(2, Role::Root, Reach::All);
        assert_eq!(ask(&root, Some(&root), None), Err(RefusalKind::Conflict));
        assert_eq!(ask(&root, None, None), Err(RefusalKind::Conflict));
        assert_eq!(ask(&root, Some(&root), Some(&root)), Err(RefusalKind::Conflict));
        assert_eq!(
            ask(&root, Some(&root), Some(&operator(3, Role::OrgAdmin, Reach::All))),
            Err(RefusalKind::Conflict)
        );
        assert_eq!(ask(&root, Some(&root), Some(&other)), Ok(1));
        // Whoever asks is a root that stays.
        assert_eq!(ask(&root, Some(&other), None), Ok(1));
    }

    #[test]
    fn no_other_operator_is_held_back_and_a_repeat_does_nothing() {
        let gateway = operator(1, Role::Gateway, Reach::All);
        assert_eq!(ask(&gateway, Some(&gateway), None), Ok(1));
        assert_eq!(ask(&disabled(gateway), None, None), Ok(0));
        assert_eq!(ask(&disabled(operator(2, Role::Root, Reach::All)), None, None), Ok(0));
    }
}
