//! Change a tenant's settings. The event holds them whole; what changed follows from the fold.

use serde::{Deserialize, Serialize};

use super::settings::SettingsPatch;
use super::{Settings, Tenant, TenantEvent};
use crate::domain::refusal::Refusal;

#[derive(Clone, Debug)]
pub struct Configure {
    pub patch: SettingsPatch,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configured {
    pub settings: Settings,
}

impl Configure {
    pub(super) fn decide(&self, tenant: &Tenant) -> Result<Vec<TenantEvent>, Refusal> {
        let settings = self.patch.applied_to(&tenant.settings)?;
        if settings == tenant.settings {
            return Ok(Vec::new());
        }
        tenant.still_editable()?;
        settings.check(&tenant.settings)?;
        Ok(vec![TenantEvent::Configured(Configured { settings })])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::*;

    #[test]
    fn a_patch_changes_its_members_alone() {
        let tenant = tenant_with(|settings| settings.require_expiry = true);
        let patch = SettingsPatch { default_grace_seconds: Some(60), ..SettingsPatch::default() };
        let events = Configure { patch }.decide(&tenant).expect("a valid patch");
        let [TenantEvent::Configured(configured)] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!(configured.settings.default_grace_seconds, 60);
        assert!(configured.settings.require_expiry);
    }

    #[test]
    fn the_same_settings_are_no_event() {
        let tenant = tenant_with(|settings| settings.default_grace_seconds = 60);
        let patch = SettingsPatch { default_grace_seconds: Some(60), ..SettingsPatch::default() };
        assert_eq!(Configure { patch }.decide(&tenant), Ok(Vec::new()));
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        let patch = SettingsPatch { max_grace_seconds: Some(60), ..SettingsPatch::default() };
        let refusal = Configure { patch }.decide(&tenant_with(|_| ())).expect_err("default over max");
        assert_eq!(refusal.pointer, Some("/settings/max_grace_seconds"));
    }
}
