//! GET /console/sign-in: to the identity provider.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::pages;
use crate::http::app::App;
use crate::http::cookie;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::request::RequestContext;
use crate::people::attempt::return_to;

pub async fn handle(
    app: Data<App>,
    context: RequestContext,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let people = super::people(&app)?;
    let path = |text: &str| {
        return_to(Some(text)).map(str::to_owned).ok_or("expected a path of this service, such as /console")
    };
    let asked = Query::parse(request.query_string())?
        .decode(|query| query.optional("return_to", path))?
        .unwrap_or_else(|| app.page_at("/console"));
    match people.begin(&asked).await {
        Ok(begun) => super::elsewhere(&begun.location, &[cookie::sign_in(&begun.cookie)?]),
        Err(denied) => pages::denied(&app, &denied, &context, app.client_ip(&request)),
    }
}
