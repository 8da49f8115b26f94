//! A tenant's credentials as they were: what everything around them was at the same moment, and how they read in it.

use std::collections::BTreeMap;

use actix_web::web::Data;
use serde_json::Value;

use crate::activity::usage::read::LastUses;
use crate::db::Sight;
use crate::domain::credential::Credential;
use crate::domain::ids::{CredentialId, MemberId, StreamId, TenantId};
use crate::domain::member::Member;
use crate::domain::tenant::Tenant;
use crate::http::app::App;
use crate::http::problem::Problem;
use crate::http::resources;
use crate::http::resources::credential::link_leak;
use crate::ledger::past::Moment;
use crate::ledger::read::Loaded;

/// A tenant at a moment.
pub struct Then {
    app: Data<App>,
    pub tenant: Tenant,
    pub moment: Moment,
}

/// Those whom credentials belong to.
#[derive(Default)]
pub struct Owners(BTreeMap<MemberId, Loaded>);

impl Owners {
    /// Pairs what was asked for with what was found.
    pub fn of(ids: Vec<MemberId>, loaded: Vec<Loaded>) -> Self {
        Owners(ids.into_iter().zip(loaded).collect())
    }

    /// Each once.
    pub fn ids<'c>(credentials: impl IntoIterator<Item = &'c Credential>) -> Vec<MemberId> {
        let mut ids: Vec<MemberId> =
            credentials.into_iter().filter_map(|credential| credential.owner).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    pub fn owner(&self, credential: &Credential) -> Option<&Member> {
        credential.owner.and_then(|owner| self.0.get(&owner)?.state.member())
    }
}

impl Then {
    /// None where the tenant was not there yet.
    pub async fn read(app: &Data<App>, tenant: TenantId, moment: Moment) -> Result<Option<Then>, Problem> {
        let loaded = app.ledger.then(Sight::Tenant(tenant.0), &[tenant.into()], moment.position).await?;
        let tenant = loaded.first().and_then(|loaded| loaded.state.tenant()).cloned();
        Ok(tenant.map(|tenant| Then { app: app.clone(), tenant, moment }))
    }

    pub fn warning_seconds(&self) -> u32 {
        self.tenant.settings.expiry_warning_seconds
    }

    async fn loaded(&self, streams: &[StreamId]) -> Result<Vec<Loaded>, Problem> {
        if streams.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.app.ledger.then(Sight::Tenant(self.tenant.id.0), streams, self.moment.position).await?)
    }

    /// In the order in which they were asked for; none of what was not there, or is another tenant's.
    pub async fn credentials(&self, ids: &[CredentialId]) -> Result<Vec<Option<Credential>>, Problem> {
        let streams: Vec<StreamId> = ids.iter().map(|id| StreamId::from(*id)).collect();
        let own = |loaded: Loaded| {
            let credential = loaded.state.credential().cloned();
            credential.filter(|credential| credential.tenant == self.tenant.id)
        };
        Ok(self.loaded(&streams).await?.into_iter().map(own).collect())
    }

    pub async fn owners(
        &self,
        credentials: impl IntoIterator<Item = &Credential>,
    ) -> Result<Owners, Problem> {
        let ids = Owners::ids(credentials);
        let streams: Vec<StreamId> = ids.iter().map(|id| StreamId::from(*id)).collect();
        Ok(Owners::of(ids, self.loaded(&streams).await?))
    }

    /// With their owners' scopes, their tenant's settings and everybody's names as they were then.
    pub async fn tell(&self, credentials: &[&Credential], owners: &Owners) -> Result<Vec<Value>, Problem> {
        let revokers = credentials.iter().filter_map(|credential| credential.revoked.as_ref());
        let actors = credentials.iter().map(|credential| credential.created_by);
        let actors = actors.chain(revokers.map(|revoked| revoked.by));
        let names = self.app.names_then(self.tenant.id, actors, self.moment).await?;
        let names = |actor| names.of(actor);
        let (unknown, warning) = (LastUses::default(), self.warning_seconds());
        let told = credentials.iter().map(|credential| {
            let owner = owners.owner(credential).map(|owner| &*owner.scopes);
            let at = self.moment.at;
            let mut told =
                resources::credential::credential(credential, owner, &names, &unknown, at, warning);
            link_leak(&mut told, credential, |path| self.app.place(path));
            told
        });
        Ok(told.collect())
    }

    /// What it says of itself: without what others are called and may, and without how often it was changed.
    pub fn own(&self, credential: &Credential) -> Value {
        let (unknown, warning) = (LastUses::default(), self.warning_seconds());
        let at = self.moment.at;
        let mut own = resources::credential::credential(credential, None, &|_| None, &unknown, at, warning);
        link_leak(&mut own, credential, |path| self.app.place(path));
        own.as_object_mut().map(|members| members.remove("version"));
        own
    }
}
