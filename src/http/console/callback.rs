//! GET /console/callback: back from the identity provider.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::pages;
use crate::domain::Caller;
use crate::domain::event::Actor;
use crate::http::app::App;
use crate::http::cookie;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::request::RequestContext;
use crate::people::Callback;

pub async fn handle(
    app: Data<App>,
    context: RequestContext,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let people = super::people(&app)?;
    let query = Query::parse(request.query_string())?;
    // Providers add parameters of their own; one of ours that is there twice is nobody's.
    let only = |name| query.only(name).map(str::to_owned);
    let callback =
        Callback { state: only("state"), code: only("code"), error: only("error"), issuer: only("iss") };
    let client_ip = app.client_ip(&request);
    app.may_sign_in(client_ip)?;
    let caller =
        Caller { actor: Actor::System, client_ip, request_id: context.request_id.as_str().to_owned() };
    match people.finish(&callback, cookie::of(&request, cookie::SIGN_IN), &caller).await {
        Ok(signed_in) => {
            // Whatever session this browser had is over: a sign-in always opens a new one.
            if let Some(old) = cookie::of(&request, cookie::SESSION) {
                // The new one is there and is not withheld; the old one ends by itself.
                if let Err(cause) = people.sessions.end(old).await {
                    tracing::warn!(target: "sign_in", %cause, "the browser's old session could not be ended");
                }
            }
            let client_ip = client_ip.map(tracing::field::display);
            tracing::info!(target: "sign_in", operator = %signed_in.operator, client_ip, request_id = %context.request_id.as_str(), "signed in");
            let cookies = [cookie::session(&signed_in.cookie)?, cookie::gone(cookie::SIGN_IN)?];
            super::elsewhere(&signed_in.return_to, &cookies)
        }
        Err(denied) => pages::denied(&app, &denied, &context, client_ip),
    }
}
