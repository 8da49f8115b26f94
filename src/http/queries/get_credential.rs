//! GET …/{keys,clients}/{id}

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use super::credentials_then::Then;
use crate::db::{Errand, Sight};
use crate::domain::authority::Action;
use crate::domain::credential::{Credential, Kind};
use crate::domain::ids::{CredentialId, TenantId};
use crate::http::app::App;
use crate::http::moment::{When, when};
use crate::http::operator::Operator;
use crate::http::problem::Problem;
use crate::http::resources::credential::kind_of;
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

    async fn then(&self, app: &Data<App>, moment: Moment) -> Result<Value, Problem> {
        let then = Then::read(app, self.tenant, moment).await?.ok_or_else(Problem::not_found)?;
        let credential = then.credentials(&[self.id]).await?.pop().flatten();
        let credential =
            credential.filter(|found| found.kind() == self.kind).ok_or_else(Problem::not_found)?;
        let owners = then.owners([&credential]).await?;
        let mut told = then.tell(&[&credential], &owners).await?;
        told.pop().ok_or_else(Problem::not_found)
    }
}

pub async fn warning_seconds(app: &App, tenant: TenantId) -> Result<u32, Problem> {
    let kept = app.ledger.tenant_kept(Errand::Reading, tenant).await?;
    Ok(kept.state.tenant().map_or(0, |tenant| tenant.settings.expiry_warning_seconds))
}
