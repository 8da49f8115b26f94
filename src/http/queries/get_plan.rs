//! GET /plans/{name}

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};

use crate::domain::authority::Action;
use crate::domain::plan::PlanName;
use crate::http::app::App;
use crate::http::operator::Operator;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::resources;

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    path: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    operator.may(Action::ReadTenant)?;
    let name = PlanName::parse(&path).map_err(|_| Problem::not_found())?;
    let query = Query::parse(request.query_string())?;
    app.reached(query.decode(|query| query.number("min_position"))?).await?;
    let loaded = app.ledger.plan_now(name.id()).await?;
    let plan = loaded.state.plan().ok_or_else(Problem::not_found)?;
    Ok(super::resource(resources::plan::plan(plan)))
}
