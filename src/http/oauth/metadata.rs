//! GET /.well-known/oauth-authorization-server: where everything is, and what it takes (RFC 8414).

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Path};
use serde_json::json;

use crate::domain::credential::AuthMethod;
use crate::http::app::App;
use crate::http::problem::Problem;
use crate::limits;
use crate::vault::SigningAlgorithm;

/// At the root: for an issuer without a path.
pub async fn handle(app: Data<App>) -> Result<HttpResponse, Problem> {
    Ok(answer(&app))
}

/// An issuer with a path is described under the well-known path and its own behind it (RFC 8414, 3.1).
pub async fn with_path(app: Data<App>, path: Path<String>) -> Result<HttpResponse, Problem> {
    let own = app.page_at("");
    match own.strip_prefix('/').is_some_and(|own| !own.is_empty() && own == path.as_str()) {
        true => Ok(answer(&app)),
        false => Err(Problem::not_found()),
    }
}

fn answer(app: &App) -> HttpResponse {
    let issuer = app.issuer();
    let endpoint = |name: &str| format!("{issuer}/api/v1/oauth/{name}");
    // One registered method lets a client show its secret in either place.
    let by_client: Vec<&str> =
        AuthMethod::ALL.iter().flat_map(|method| method.shown_as().iter().copied()).collect();
    let signed_by: Vec<&str> = SigningAlgorithm::words_of_all().collect();
    // An operator asks by Bearer, which is registered as a type of token and written as one (RFC 8414, 2).
    let by_any: Vec<&str> = by_client.iter().copied().chain(["Bearer"]).collect();
    let body = json!({
        "issuer": issuer,
        "token_endpoint": endpoint("token"),
        "introspection_endpoint": endpoint("introspect"),
        "revocation_endpoint": endpoint("revoke"),
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        // Ours (RFC 8414, 2: other members may be there).
        "credledger_revocations_endpoint": format!("{issuer}/api/v1/revocations"),
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": ["token"],
        "token_endpoint_auth_methods_supported": by_client,
        "revocation_endpoint_auth_methods_supported": by_client,
        "introspection_endpoint_auth_methods_supported": by_any,
        "token_endpoint_auth_signing_alg_values_supported": signed_by,
        "revocation_endpoint_auth_signing_alg_values_supported": signed_by,
        "introspection_endpoint_auth_signing_alg_values_supported": signed_by,
        "dpop_signing_alg_values_supported": signed_by,
    });
    let kept = format!("public, max-age={}", limits::METADATA_KEPT_SECONDS);
    HttpResponse::Ok().insert_header((CACHE_CONTROL, kept)).json(body)
}
