//! GET …/{keys,clients}/{id}

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use crate::activity::usage::read::LastUses;
use crate::db::{Errand, Sight};
use crate::domain::authority::Action;
use crate::domain::credential::{Credential, Kind};
use crate::domain::ids::{CredentialId, TenantId};
use crate::http::app::App;
use crate::http::moment::{When, when};
use crate::http::operator::Operator;
use crate::http::problem::Problem;
use crate::http::resources;
use crate::http::resources::credential::{kind_of, link_leak};
use crate::ledger::past::Moment;
use crate::ledger::read::Loaded;

/// A credential by the path that it is asked for under.
struct Place {
    tenant: TenantId,
    kind: Kind,
    id: CredentialId,
}

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    path: Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (tenant, id) = operator.credential(&app, (&path.0, &path.1), Action::ReadCredentials)?;
    let when = when(&app, &request).await?;
    let place = Place { tenant: tenant.id, kind: kind_of(&request)?, id };
    let credential = match when {
        When::Now => place.now(&app).await?,
        When::Then(moment) => place.then(&app, moment).await?,
    };
    Ok(super::resource_of(when, credential))
}

impl Place {
    fn found<'l>(&self, loaded: Option<&'l Loaded>) -> Result<&'l Credential, Problem> {
        let credential = loaded.and_then(|loaded| loaded.state.credential());
        let credential = credential.filter(|found| found.tenant == self.tenant && found.kind() == self.kind);
        credential.ok_or_else(Problem::not_found)
    }

    async fn now(&self, app: &App) -> Result<Value, Problem> {
        let (database, sight) = (app.ledger.database(), Sight::Tenant(self.tenant.0));
        let streams = [self.id.into()];
        let loaded = app.ledger.reader().streams(database, Errand::Reading, sight, &streams).await?;
        let credential = self.found(loaded.first())?;
        let warning = warning_seconds(app, self.tenant).await?;
        let uses = app.last_uses(Errand::Reading, self.tenant, std::iter::once(credential)).await?;
        Ok(app.credential(credential, &uses, app.now(), warning))
    }

    /// With its owner's scopes, its tenant's settings and everybody's names as they were then.
    async fn then(&self, app: &App, moment: Moment) -> Result<Value, Problem> {
        let sight = Sight::Tenant(self.tenant.0);
        let streams = [self.id.into(), self.tenant.into()];
        let loaded = app.ledger.then(sight, &streams, moment.position).await?;
        let credential = self.found(loaded.first())?;
        let tenant = loaded.get(1).and_then(|loaded| loaded.state.tenant());
        let warning = tenant.map_or(0, |tenant| tenant.settings.expiry_warning_seconds);
        let owner = match credential.owner {
            Some(owner) => app.ledger.then(sight, &[owner.into()], moment.position).await?.pop(),
            None => None,
        };
        let owner = owner.as_ref().and_then(|loaded| loaded.state.member());
        let owner = owner.map(|owner| &*owner.scopes);
        let revoker = credential.revoked.as_ref().map(|revoked| revoked.by);
        let actors = std::iter::once(credential.created_by).chain(revoker);
        let names = app.names_then(self.tenant, actors, moment).await?;
        let names = |actor| names.of(actor);
        let unknown = LastUses::default();
        let mut told =
            resources::credential::credential(credential, owner, &names, &unknown, moment.at, warning);
        link_leak(&mut told, credential, |path| app.place(path));
        Ok(told)
    }
}

pub async fn warning_seconds(app: &App, tenant: TenantId) -> Result<u32, Problem> {
    let kept = app.ledger.tenant_kept(Errand::Reading, tenant).await?;
    Ok(kept.state.tenant().map_or(0, |tenant| tenant.settings.expiry_warning_seconds))
}
