//! Replace the IP allow and deny lists.

use serde::{Deserialize, Serialize};

use super::{Credential, CredentialEvent};
use crate::domain::Context;
use crate::domain::ip_rules::IpRules;
use crate::domain::refusal::Refusal;

#[derive(Clone, Debug)]
pub struct Restrict {
    pub ip_rules: IpRules,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restricted {
    pub ip_rules: IpRules,
}

impl Restrict {
    pub(super) fn decide(
        &self,
        credential: &Credential,
        context: &Context,
    ) -> Result<Vec<CredentialEvent>, Refusal> {
        if self.ip_rules == credential.ip_rules {
            return Ok(Vec::new());
        }
        credential.still_editable(context.now)?;
        Ok(vec![CredentialEvent::Restricted(Restricted { ip_rules: self.ip_rules.clone() })])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::credential::CredentialCommand;
    use crate::domain::refusal::RefusalKind;
    use crate::domain::testing::*;

    fn restrict(allow: &str) -> CredentialCommand {
        CredentialCommand::Restrict(Restrict { ip_rules: allow_list(allow) })
    }

    #[test]
    fn the_lists_are_replaced_whole() {
        let after = given([created(), restricted("10.0.0.0/8")]).when(restrict("192.168.1.0/24")).state();
        assert_eq!(after.ip_rules, allow_list("192.168.1.0/24"));
    }

    #[test]
    fn the_same_lists_are_no_event_and_a_dead_credential_takes_no_others() {
        given([created(), restricted("10.0.0.0/8")]).when(restrict("10.0.0.0/8")).then([]);
        given([created(), revoked()]).when(restrict("10.0.0.0/8")).refused(RefusalKind::Conflict, None);
    }
}
