//! POST /api/v1/leaks: somebody found a secret. Nobody is asked who they are, and nobody learns whether it was one: the answer to a
//! guess and to a hit is the same, and leaves after the same wait. A hit's is held until what it changed is durable and enforced,
//! which the wait covers but on a database that is slow; then the truth is told late, sooner than a lie in time.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::{Report, Source, Url, tells_a_secret};
use crate::domain::credential::{Finding, Reporter};
use crate::http::app::App;
use crate::http::body::{JsonBody, Wants};
use crate::http::members::{Members, Node};
use crate::http::problem::Problem;
use crate::http::request::RequestContext;
use crate::limits;

pub async fn handle(
    app: Data<App>,
    request: HttpRequest,
    context: RequestContext,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let client_ip = app.client_ip(&request);
    app.may_report(client_ip)?;
    let _place = app.place_for_report()?;
    let body = JsonBody::read(&request, payload, Wants::Json).await?;
    let document = body.parse()?;
    let (token, finding) = document.decode(|members| read(&app, members))?;
    let report = Report { token, finding, request_id: context.request_id.as_str(), client_ip };
    let (taken, ()) = futures::join!(report.take(&app), tokio::time::sleep(limits::LEAK_ANSWER_AFTER));
    taken?;
    Ok(HttpResponse::Accepted().json(json!({"status": "received"})))
}

fn read<'a>(app: &App, members: &mut Members<'a, '_>) -> Option<(&'a str, Finding)> {
    let token = members.required("token", |text| text.text());
    let shown = token.unwrap_or_default();
    let source = members.required("source", |text| kept(app, text, shown, Source::parse));
    let url = members.nullable("url", |text| kept(app, text, shown, url));
    let (source, url) = (source?.as_str().to_owned(), url?.map(|url| url.as_str().to_owned()));
    Some((token?, Finding { source, url, reporter: Reporter::Finder }))
}

fn kept<T, E: std::fmt::Display>(
    app: &App,
    node: Node<'_, '_>,
    token: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Option<T> {
    match tells_a_secret(app, node.text()?, token) {
        true => {
            node.refuse("this holds a secret, and would be kept where many can read it; leave that part out")
        }
        false => node.parsed(parse),
    }
}

/// People follow it.
pub(super) fn url(text: &str) -> Result<Url, String> {
    let sound = text.starts_with("https://") || text.starts_with("http://");
    match sound && !text.contains(char::is_whitespace) {
        true => Url::parse(text).map_err(|error| error.to_string()),
        false => Err("expected a URL that begins with https:// or http://".to_owned()),
    }
}
