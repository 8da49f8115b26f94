//! GET /operators/{id}

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};

use crate::db::Sight;
use crate::domain::authority::{Action, sees};
use crate::domain::ids::OperatorId;
use crate::http::app::App;
use crate::http::moment::{When, when};
use crate::http::operator::Operator;
use crate::http::problem::Problem;
use crate::http::resources;

/// Whoever reads sees no further than it reaches now: neither an operator that reaches further today, nor one as it did then.
pub async fn handle(
    app: Data<App>,
    operator: Operator,
    path: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    operator.may(Action::ReadOperators)?;
    let id: OperatorId = path.parse().map_err(|_| Problem::not_found())?;
    let when = when(&app, &request).await?;
    let mut loaded = app.ledger.operator_now(id).await?;
    let mut now = app.now();
    let within_reach = |found: &crate::domain::operator::Operator| sees(operator.reach(), &found.reach);
    loaded.state.operator().filter(|found| within_reach(found)).ok_or_else(Problem::not_found)?;
    if let When::Then(moment) = when {
        let then = app.ledger.then(Sight::Decision(None), &[id.into()], moment.position).await?;
        (loaded, now) = (then.into_iter().next().unwrap_or_default(), moment.at);
    }
    let found = loaded.state.operator().filter(|found| within_reach(found));
    let found = found.ok_or_else(Problem::not_found)?;
    Ok(super::resource_of(when, resources::operator::operator(found, now)))
}
