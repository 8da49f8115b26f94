//! GET …/members/{id}

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};

use crate::domain::authority::Action;
use crate::domain::ids::MemberId;
use crate::http::app::App;
use crate::http::operator::Operator;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::resources;

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    path: Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let tenant = operator.tenant(&app, &path.0, Action::ReadTenant)?.id;
    let id: MemberId = path.1.parse().map_err(|_| Problem::not_found())?;
    let query = Query::parse(request.query_string())?;
    app.reached(query.decode(|query| query.number("min_position"))?).await?;
    let loaded = app.ledger.member_now(tenant, id).await?;
    let member = loaded.state.member().filter(|member| member.tenant == tenant);
    let member = member.ok_or_else(Problem::not_found)?;
    Ok(super::resource(resources::member::member(member, &|actor| app.actor_name(actor))))
}
