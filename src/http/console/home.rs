//! GET /console: who is signed in, and the ways in and out.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::pages;
use crate::http::app::App;
use crate::http::code::Code;
use crate::http::problem::Problem;
use crate::http::{query, session};

pub async fn handle(app: Data<App>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let people = super::people(&app)?;
    query::none(request.query_string())?;
    let Some((_, cookie)) = session::presented(&app, &request) else { return Ok(pages::stranger(&app)) };
    match session::known(&app, people, cookie).await {
        Ok(known) => Ok(pages::home(&app, &known)),
        Err(problem) if problem.code() == Code::Unauthorized => {
            match app.failed(app.client_ip(&request), problem) {
                limited if limited.code() == Code::RateLimited => Err(limited),
                _ => Ok(pages::stranger(&app)),
            }
        }
        Err(problem) => Err(problem),
    }
}
