//! GET …/{keys,clients}/{id}

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};

use crate::db::{Errand, Sight};
use crate::domain::authority::Action;
use crate::domain::ids::TenantId;
use crate::http::app::App;
use crate::http::operator::Operator;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::resources::credential::kind_of;

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    path: Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (tenant, id) = operator.credential(&app, (&path.0, &path.1), Action::ReadCredentials)?;
    let query = Query::parse(request.query_string())?;
    app.reached(query.decode(|query| query.number("min_position"))?).await?;
    let (database, sight) = (app.ledger.database(), Sight::Tenant(tenant.id.0));
    let loaded = app.ledger.reader().streams(database, Errand::Reading, sight, &[id.into()]).await?;
    let credential = loaded.first().and_then(|loaded| loaded.state.credential());
    let kind = kind_of(&request)?;
    let credential = credential.filter(|found| found.tenant == tenant.id && found.kind() == kind);
    let credential = credential.ok_or_else(Problem::not_found)?;
    let warning = warning_seconds(&app, tenant.id).await?;
    let uses = app.last_uses(Errand::Reading, tenant.id, std::iter::once(credential)).await?;
    Ok(super::resource(app.credential(credential, &uses, app.now(), warning)))
}

pub async fn warning_seconds(app: &App, tenant: TenantId) -> Result<u32, Problem> {
    let kept = app.ledger.tenant_kept(Errand::Reading, tenant).await?;
    Ok(kept.state.tenant().map_or(0, |tenant| tenant.settings.expiry_warning_seconds))
}
