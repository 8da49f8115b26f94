//! Take in a tenant.

use serde::{Deserialize, Serialize};

use super::{Settings, Tenant, TenantEvent};
use crate::domain::event::Recorded;
use crate::domain::history::History;
use crate::domain::ids::TenantId;
use crate::domain::personal::Personal;
use crate::domain::plan::{self, Plan, PlanName};
use crate::domain::refusal::Refusal;

#[derive(Clone, Debug)]
pub struct Create {
    pub slug: String,
    pub name: String,
    pub plan: Option<PlanName>,
    pub settings: Settings,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Created {
    pub slug: String,
    pub name: Personal<String>,
    pub plan: Option<PlanName>,
    pub settings: Settings,
}

impl Create {
    pub(super) fn decide(
        &self,
        tenant: Option<&Tenant>,
        plan: Option<&Plan>,
    ) -> Result<Vec<TenantEvent>, Refusal> {
        if tenant.is_some() {
            return Err(Refusal::conflict("This id is taken. Send the request again."));
        }
        self.settings.check(&Settings::starting(self.settings.key_format.clone()))?;
        if let Some(name) = &self.plan {
            plan::named(name, plan)?;
        }
        Ok(vec![TenantEvent::Created(Created {
            slug: self.slug.clone(),
            name: Personal::Known(self.name.clone()),
            plan: self.plan.clone(),
            settings: self.settings.clone(),
        })])
    }
}

impl Created {
    pub(super) fn into_tenant(self, recorded: &Recorded) -> Result<Tenant, &'static str> {
        let id = TenantId(recorded.stream.0);
        if recorded.version != 1 {
            return Err("a tenant is created by its stream's first event");
        }
        if recorded.tenant != Some(id) {
            return Err("it stands in another tenant's stream");
        }
        Ok(Tenant {
            id,
            slug: self.slug,
            name: self.name,
            name_since: recorded.version,
            plan: self.plan,
            formats: vec![self.settings.key_format.clone()],
            client_secrets: vec![self.settings.client_format.secret_form()],
            settings: self.settings,
            created_at: recorded.at,
            suspended_at: None,
            version: 1,
            history: History::begun_by(recorded),
        })
    }
}
