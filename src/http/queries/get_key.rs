//! GET …/keys/{id}

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};

use crate::db::Sight;
use crate::domain::authority::Action;
use crate::domain::event::Event;
use crate::domain::ids::{CredentialId, TenantId};
use crate::http::app::App;
use crate::http::operator::Operator;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::ledger::read::{self, Positioned};

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    path: Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (tenant, id) = operator.credential(&app, (&path.0, &path.1), Action::ReadCredentials)?;
    let query = Query::parse(request.query_string())?;
    app.reached(query.decode(|query| query.number("min_position"))?).await?;
    let loaded = read::fold(history(&app, tenant.id, id).await?)?;
    let credential = loaded.state.credential().ok_or_else(Problem::not_found)?;
    let warning = warning_seconds(&app, tenant.id).await?;
    Ok(super::resource(app.key(credential, app.now(), warning)))
}

/// A credential's events as its tenant may see them; none at all is nothing that is there.
pub async fn history(app: &App, tenant: TenantId, id: CredentialId) -> Result<Vec<Positioned>, Problem> {
    let (database, sight) = (app.ledger.database(), Sight::Tenant(tenant.0));
    let events = app.ledger.reader().history(database, sight, id.into()).await?;
    let is_credential = events
        .first()
        .map(|first| &first.recorded)
        .is_some_and(|first| first.tenant == Some(tenant) && matches!(first.event, Event::Credential(_)));
    if is_credential { Ok(events) } else { Err(Problem::not_found()) }
}

pub async fn warning_seconds(app: &App, tenant: TenantId) -> Result<u32, Problem> {
    let kept = app.ledger.tenant_kept(tenant).await?;
    Ok(kept.state.tenant().map_or(0, |tenant| tenant.settings.expiry_warning_seconds))
}
