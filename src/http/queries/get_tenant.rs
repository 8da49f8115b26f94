//! GET /tenants/{t}

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};

use crate::db::Sight;
use crate::domain::authority::Action;
use crate::http::app::App;
use crate::http::moment::{When, when};
use crate::http::operator::Operator;
use crate::http::problem::Problem;
use crate::http::resources;

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    path: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let id = operator.tenant(&app, &path, Action::ReadTenant)?.id;
    let when = when(&app, &request).await?;
    let loaded = match when {
        When::Now => app.ledger.tenant_now(id).await?,
        When::Then(moment) => {
            let sight = Sight::Tenant(id.0);
            app.ledger.then(sight, &[id.into()], moment.position).await?.pop().unwrap_or_default()
        }
    };
    let tenant = loaded.state.tenant().ok_or_else(Problem::not_found)?;
    Ok(super::resource_of(when, resources::tenant::tenant(tenant)))
}
