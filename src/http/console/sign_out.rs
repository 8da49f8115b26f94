//! POST /console/sign-out and /console/sign-out-everywhere. At the identity provider the person stays signed in.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::http::app::App;
use crate::http::problem::Problem;
use crate::http::{cookie, origin, session};

pub async fn handle(app: Data<App>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let people = super::people(&app)?;
    origin::check(request.headers(), &people.settings.origin)?;
    if let Some(cookie) = cookie::of(&request, cookie::SESSION) {
        let session = people.sessions.find(cookie).await?;
        people.sessions.end(cookie).await?;
        if let Some(session) = session {
            let client_ip = app.client_ip(&request).map(tracing::field::display);
            tracing::info!(target: "sign_in", operator = %session.operator, client_ip, "signed out");
        }
    }
    super::elsewhere(&app.page_at("/console"), &[cookie::gone(cookie::SESSION)?])
}

/// For whoever is signed in still: all sessions of the operator end, this one too.
pub async fn everywhere(app: Data<App>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let people = super::people(&app)?;
    origin::check(request.headers(), &people.settings.origin)?;
    let cookie = cookie::of(&request, cookie::SESSION).ok_or_else(Problem::credential_missing)?;
    let known = session::known(&app, people, cookie).await;
    let known = known.map_err(|problem| app.failed(app.client_ip(&request), problem))?;
    let ended = people.sessions.end_all(known.session.operator).await?;
    let client_ip = app.client_ip(&request).map(tracing::field::display);
    tracing::info!(target: "sign_in", operator = %known.session.operator, client_ip, ended, "signed out everywhere");
    super::elsewhere(&app.page_at("/console"), &[cookie::gone(cookie::SESSION)?])
}
