//! GET /operators/{id}

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};

use crate::domain::authority::{Action, sees};
use crate::domain::ids::OperatorId;
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
    operator.may(Action::ReadOperators)?;
    let id: OperatorId = path.parse().map_err(|_| Problem::not_found())?;
    let query = Query::parse(request.query_string())?;
    app.reached(query.decode(|query| query.number("min_position"))?).await?;
    let loaded = app.ledger.operator_now(id).await?;
    let found = loaded.state.operator().filter(|found| sees(operator.reach(), &found.reach));
    let found = found.ok_or_else(Problem::not_found)?;
    Ok(super::resource(resources::operator::operator(found, app.now())))
}
