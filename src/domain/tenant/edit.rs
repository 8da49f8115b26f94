//! Rename a tenant, or put it on another plan. Its slug stays.

use serde::{Deserialize, Serialize};

use super::{Tenant, TenantEvent};
use crate::domain::personal::{Personal, present};
use crate::domain::plan::{self, Plan, PlanName};
use crate::domain::refusal::Refusal;

/// What is absent stays; an inner `None` is no plan.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    pub name: Option<String>,
    pub plan: Option<Option<PlanName>>,
}

/// Only what changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edited {
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub name: Option<Personal<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub plan: Option<Option<PlanName>>,
}

impl Edit {
    pub(super) fn decide(&self, tenant: &Tenant, plan: Option<&Plan>) -> Result<Vec<TenantEvent>, Refusal> {
        let name = tenant.name.changed(&self.name);
        let other = self.plan.as_ref().filter(|plan| tenant.plan != **plan);
        if name.is_none() && other.is_none() {
            return Ok(Vec::new());
        }
        tenant.still_editable()?;
        if let Some(Some(name)) = other {
            plan::named(name, plan)?;
        }
        Ok(vec![TenantEvent::Edited(Edited { name, plan: other.cloned() })])
    }
}

impl Edited {
    pub(super) fn apply(self, tenant: &mut Tenant, version: u32) {
        if let Some(name) = self.name {
            tenant.name = name;
            tenant.name_since = version;
        }
        if let Some(plan) = self.plan {
            tenant.plan = plan;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::*;

    fn put_on(plan: Option<&str>) -> Edit {
        Edit { plan: Some(plan.map(plan_name)), ..Edit::default() }
    }

    #[test]
    fn a_tenant_is_put_on_a_plan_that_there_is_and_taken_off() {
        let (tenant, free) = (tenant_with(|_| ()), plan_with(Some(3)));
        let edited =
            |plan: Option<&str>| TenantEvent::Edited(Edited { name: None, plan: Some(plan.map(plan_name)) });
        assert_eq!(put_on(Some("free")).decide(&tenant, Some(&free)), Ok(vec![edited(Some("free"))]));
        let on_it = Tenant { plan: Some(plan_name("free")), ..tenant.clone() };
        assert_eq!(put_on(Some("free")).decide(&on_it, None), Ok(Vec::new()));
        assert_eq!(put_on(None).decide(&on_it, None), Ok(vec![edited(None)]));
        let unknown = put_on(Some("free")).decide(&tenant, None).expect_err("there is none");
        assert_eq!(unknown.pointer, Some("/plan"));
    }

    #[test]
    fn what_did_not_change_does_not_stand_in_the_event() {
        for (edited, text) in [
            (Edited::default(), "{}"),
            (Edited { plan: Some(None), ..Edited::default() }, r#"{"plan":null}"#),
            (Edited { name: Some(Personal::Erased), ..Edited::default() }, r#"{"name":null}"#),
            (Edited { plan: Some(Some(plan_name("free"))), ..Edited::default() }, r#"{"plan":"free"}"#),
        ] {
            assert_eq!(serde_json::to_string(&edited).expect("plain"), text);
            assert_eq!(serde_json::from_str::<Edited>(text).expect("its own form"), edited);
        }
    }
}
