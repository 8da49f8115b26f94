//! The list as it is.

use serde_json::Value;

use super::Of;
use crate::clock::Timestamp;
use crate::db::{Errand, Scope, Sight};
use crate::domain::credential::Credential;
use crate::domain::decided::{may_stand, stands};
use crate::domain::ids::StreamId;
use crate::domain::tenant::Tenant;
use crate::http::problem::Problem;
use crate::http::queries::credentials_then::Owners;
use crate::http::queries::get_credential::warning_seconds;
use crate::ledger::read::Loaded;
use crate::limits;
use crate::projections::list::{self, CredentialPage, CredentialPlace};

pub struct Present(pub Of);

/// Some of the list, and where it goes on.
struct Found {
    loaded: Vec<Loaded>,
    rest: Option<CredentialPlace>,
}

/// What a page is looked at by.
#[derive(Clone, Copy)]
struct Look {
    now: Timestamp,
    warning_seconds: u32,
}

impl Present {
    /// As many as were asked for, unless only states say which they are, and these are too many for one page.
    pub async fn page(
        &self,
        after: CredentialPlace,
        limit: usize,
    ) -> Result<(Vec<Value>, Option<CredentialPlace>), Problem> {
        let loaded = match self.0.valid {
            Some(_) => self.0.app.ledger.tenant_now(self.0.tenant).await?,
            None => Loaded::default(),
        };
        let tenant = loaded.state.tenant();
        let nothing_works = || tenant.is_some_and(|tenant| !may_stand(tenant, self.0.app.now()));
        if self.0.is_of_none() || self.0.valid == Some(true) && nothing_works() {
            return Ok((Vec::new(), None));
        }
        let look = Look {
            now: self.0.app.now(),
            warning_seconds: warning_seconds(&self.0.app, self.0.tenant).await?,
        };
        let (mut data, mut place, mut folds) = (Vec::new(), after, 0);
        loop {
            let wanted = limit - data.len();
            let rows = if folds == 0 { wanted } else { wanted.max(limits::VALIDITY_LOOK) };
            let mut found = self.found((look, tenant), place, rows).await?;
            folds += rows;
            if found.loaded.len() > wanted {
                found.loaded.truncate(wanted);
                let last = found.loaded.last().and_then(|loaded| loaded.state.credential());
                found.rest = last.map(super::place);
            }
            data.extend(self.told(look, &found.loaded).await?);
            let Some(rest) = found.rest else { return Ok((data, None)) };
            // What was used a moment ago was left out of a page that the database made: such a page is short.
            if self.0.valid.is_none() || data.len() >= limit || folds >= limits::VALIDITY_FOLDS {
                return Ok((data, Some(rest)));
            }
            place = rest;
        }
    }

    async fn found(
        &self,
        (look, tenant_now): (Look, Option<&Tenant>),
        after: CredentialPlace,
        limit: usize,
    ) -> Result<Found, Problem> {
        let Of { app, tenant, kind, filter, .. } = &self.0;
        let scope = app.ledger.database().scope(Sight::Tenant(tenant.0)).await?;
        let page = CredentialPage {
            ledger: app.ledger.reader().ledger,
            tenant: *tenant,
            kind: *kind,
            filter,
            after,
            // One more than stand on the page tells whether another follows.
            rows: limit as i64 + 1,
            now: look.now,
            warning_seconds: look.warning_seconds,
        };
        let mut places = list::credentials(&scope, &page).await?;
        let more = places.len() > limit;
        places.truncate(limit);
        let rest = places.last().copied().filter(|_| more);
        let streams: Vec<StreamId> = places.iter().map(|place| StreamId(place.id)).collect();
        let mut loaded = app.ledger.reader().streams_in(&scope, &streams).await?;
        if let Some((valid, tenant)) = self.0.valid.zip(tenant_now) {
            loaded = self.working(&scope, loaded, tenant, (valid, look.now)).await?;
        }
        scope.finish().await?;
        Ok(Found { loaded, rest })
    }

    /// Those that work as such, or those that do not: by the domain's rule, over what their tenant and owners are.
    async fn working(
        &self,
        scope: &Scope,
        loaded: Vec<Loaded>,
        tenant: &Tenant,
        (valid, now): (bool, Timestamp),
    ) -> Result<Vec<Loaded>, Problem> {
        let reader = self.0.app.ledger.reader();
        let credentials = || loaded.iter().filter_map(|loaded| loaded.state.credential());
        let ids = Owners::ids(credentials());
        let streams: Vec<StreamId> = ids.iter().map(|id| StreamId::from(*id)).collect();
        let owners = reader.streams_in(scope, &streams).await?;
        let owners = Owners::of(ids, owners);
        let works = |credential: &Credential| stands(credential, tenant, owners.owner(credential), now);
        let asked_for = |loaded: &Loaded| loaded.state.credential().is_some_and(|own| works(own) == valid);
        Ok(loaded.into_iter().filter(asked_for).collect())
    }

    async fn told(&self, look: Look, loaded: &[Loaded]) -> Result<Vec<Value>, Problem> {
        let Of { app, tenant, filter, .. } = &self.0;
        let credentials = loaded.iter().filter_map(|loaded| loaded.state.credential());
        let uses = app.last_uses(Errand::Reading, *tenant, credentials.clone()).await?;
        // What was used a moment ago, and is on its way to the database, is left out of the page that the database made.
        let is_used = |credential: &&Credential| {
            let mut uses = credential.secrets.iter().filter_map(|secret| uses.of(secret.facts.id));
            filter.unused_since.is_some_and(|since| uses.any(|used| used.at_ms >= since.millis()))
        };
        let told = credentials
            .filter(|credential| !is_used(credential))
            .map(|credential| app.credential(credential, &uses, look.now, look.warning_seconds));
        Ok(told.collect())
    }
}
