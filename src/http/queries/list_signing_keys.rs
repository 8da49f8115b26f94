//! GET /signing-keys: the newest first, those that are over too.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use super::listing::listing;
use crate::domain::authority::Action;
use crate::domain::signing_keys::{SigningKey, SigningKeys};
use crate::http::app::App;
use crate::http::operator::Operator;
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::resources::Names;
use crate::http::resources::signing_key::signing_key;

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    operator.may(Action::ManageSigningKeys)?;
    let query = Query::parse(request.query_string())?;
    let listing = listing(&app, &request, &query, query.decode(|query| query.asked())?).await?;
    // Keys are never taken out, so that a key's place is the same for ever.
    let place = listing.after(|place| Some(u32::from_be_bytes(place.try_into().ok()?)))?;
    let loaded = app.ledger.signing_keys_now().await?;
    let keys = loaded.state.signing_keys();
    let all = keys.into_iter().flat_map(|keys| keys.keys.all().map(move |key| (keys, key)));
    let mut found: Vec<(u32, (&SigningKeys, &SigningKey))> =
        (0..).zip(all).filter(|(own, _)| place.is_none_or(|place| *own < place)).collect();
    found.reverse();
    let more = found.len() > listing.limit();
    found.truncate(listing.limit());
    let last = found.last().filter(|_| more);
    let next_cursor = last.map(|(place, _)| listing.cursor(&place.to_be_bytes()));
    let (names, now): (Names<'_>, _) = (&|actor| app.actor_name(actor), app.now());
    let data: Vec<Value> = found.iter().map(|(_, (keys, key))| signing_key(keys, key, names, now)).collect();
    Ok(HttpResponse::Ok().json(Page { data, next_cursor }))
}
