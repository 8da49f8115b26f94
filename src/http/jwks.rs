//! /.well-known/jwks.json: the keys by which anybody may check a token offline. Each is in it before it signs, for longer than a
//! copy may be kept.

use actix_web::http::header::{self, HeaderMap};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::app::{App, not_answering};
use super::conneg;
use super::problem::Problem;
use crate::limits;
use crate::tokens::keyring::key_set;

/// Its own type, and the one that most libraries ask for.
pub const TYPES: &[&str] = &["application/jwk-set+json", conneg::JSON];

/// Open; parameters are not looked at. A node that may have missed a rotation answers nothing.
pub async fn handle(app: Data<App>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let headers: &HeaderMap = request.headers();
    let media_type = conneg::choose(headers, TYPES)?;
    let keys = app.leased(|_| app.keyring.published()).await?.map_err(|_| not_answering())?;
    let kept = format!("public, max-age={}", limits::SIGNING_KEYS_KEPT_SECONDS);
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, kept)).insert_header((header::VARY, "accept"));
    Ok(response.content_type(media_type).body(key_set(&keys).to_string()))
}
