//! A tenant: who the credentials belong to, under which settings.

pub mod configure;
pub mod create;
pub mod edit;
pub mod resume;
pub mod settings;
pub mod suspend;

use super::client_format::SecretForm;
use super::event::{Claim, ClaimKind, Recorded, family};
use super::history::History;
use super::ids::TenantId;
use super::key_format::KeyFormat;
use super::personal::Personal;
use super::plan::{Plan, PlanName};
use super::refusal::Refusal;
use super::{Context, Unfoldable};
use crate::clock::Timestamp;

pub use configure::{Configure, Configured};
pub use create::{Create, Created};
pub use edit::{Edit, Edited};
pub use resume::{Resume, Resumed};
pub use settings::Settings;
pub use suspend::{Suspend, Suspended};

family! { TenantEvent,
    Created = "tenant.created" v 1 personal ["name"];
    Edited = "tenant.edited" v 1 personal ["name"];
    Configured = "tenant.configured" v 1 personal [];
    Suspended = "tenant.suspended" v 1 personal [];
    Resumed = "tenant.resumed" v 1 personal [];
}

#[derive(Clone, Debug)]
pub enum TenantCommand {
    Create(Create),
    Edit(Edit),
    Configure(Box<Configure>),
    Suspend(Suspend),
    Resume(Resume),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Tenant {
    pub id: TenantId,
    pub slug: String,
    pub name: Personal<String>,
    /// the version of the event whose personal row holds the name
    pub name_since: u32,
    pub plan: Option<PlanName>,
    pub settings: Settings,
    /// every key format that was ever set, oldest first: secrets of each may be about
    pub formats: Vec<KeyFormat>,
    /// as what every secret of a client of it may be written
    pub client_secrets: Vec<SecretForm>,
    pub created_at: Timestamp,
    pub suspended_at: Option<Timestamp>,
    pub version: u64,
    pub history: History,
}

impl Tenant {
    fn configure(&mut self, settings: Settings) {
        if !self.formats.contains(&settings.key_format) {
            self.formats.push(settings.key_format.clone());
        }
        let form = settings.client_format.secret_form();
        if !self.client_secrets.contains(&form) {
            self.client_secrets.push(form);
        }
        self.settings = settings;
    }

    /// With room in its history. Suspending it takes none.
    fn still_editable(&self) -> Result<(), Refusal> {
        self.history.takes_more("It stays as it is; it can be suspended, and its credentials go on. Create another tenant for new settings.")
    }

    pub(super) fn takes_new_credentials(&self) -> Result<(), Refusal> {
        match self.suspended_at {
            None => Ok(()),
            Some(_) => Err(Refusal::conflict("The tenant is suspended. Resume it first.")),
        }
    }
}

impl TenantCommand {
    /// `plan` is the one that it names, as far as there is one.
    pub fn decide(
        &self,
        tenant: Option<&Tenant>,
        plan: Option<&Plan>,
        _context: &Context,
    ) -> Result<Vec<TenantEvent>, Refusal> {
        if let Self::Create(create) = self {
            return create.decide(tenant, plan);
        }
        let tenant = tenant.ok_or_else(Refusal::not_found)?;
        match self {
            Self::Create(_) => unreachable!("decided above"),
            Self::Edit(edit) => edit.decide(tenant, plan),
            Self::Configure(configure) => configure.decide(tenant),
            Self::Suspend(suspend) => Ok(suspend.decide(tenant)),
            Self::Resume(resume) => resume.decide(tenant),
        }
    }
}

pub fn claims(event: &TenantEvent) -> Vec<Claim> {
    match event {
        TenantEvent::Created(created) => {
            vec![Claim { kind: ClaimKind::TenantSlug, key: created.slug.clone() }]
        }
        _ => Vec::new(),
    }
}

/// The fold of one more event.
pub fn fold(state: Option<Tenant>, event: TenantEvent, recorded: &Recorded) -> Result<Tenant, Unfoldable> {
    let unfoldable = |why| Unfoldable { event: recorded.event.kind().name, why };
    let mut tenant = match (state, event) {
        (None, TenantEvent::Created(created)) => return created.into_tenant(recorded).map_err(unfoldable),
        (None, _) => return Err(unfoldable("no tenant was created yet")),
        (Some(_), TenantEvent::Created(_)) => return Err(unfoldable("the tenant is there already")),
        (Some(mut tenant), event) => {
            match event {
                TenantEvent::Created(_) => unreachable!("refused above"),
                TenantEvent::Edited(event) => event.apply(&mut tenant, recorded.version),
                TenantEvent::Configured(event) => tenant.configure(event.settings),
                TenantEvent::Suspended(_) => tenant.suspended_at = Some(recorded.at),
                TenantEvent::Resumed(_) => tenant.suspended_at = None,
            }
            tenant
        }
    };
    tenant.history = tenant.history.with(recorded);
    tenant.version += 1;
    Ok(tenant)
}
