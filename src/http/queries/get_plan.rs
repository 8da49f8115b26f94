//! GET /plans/{name}

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};

use crate::db::Sight;
use crate::domain::authority::Action;
use crate::domain::plan::PlanName;
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
    operator.may(Action::ReadTenant)?;
    let name = PlanName::parse(&path).map_err(|_| Problem::not_found())?;
    let when = when(&app, &request).await?;
    let loaded = match when {
        When::Now => app.ledger.plan_now(name.id()).await?,
        When::Then(moment) => {
            let (sight, streams) = (Sight::Decision(None), [name.id().into()]);
            app.ledger.then(sight, &streams, moment.position).await?.pop().unwrap_or_default()
        }
    };
    let plan = loaded.state.plan().ok_or_else(Problem::not_found)?;
    Ok(super::resource_of(when, resources::plan::plan(plan)))
}
