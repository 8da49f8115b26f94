//! The door of people: sign-in, sign-out, and the plain pages that a browser needs meanwhile. Without an identity provider there
//! is nothing here.

pub mod callback;
pub mod home;
mod pages;
pub mod sign_in;
pub mod sign_out;

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::{HeaderValue, LOCATION, SET_COOKIE};

use super::app::App;
use super::problem::Problem;
use crate::people::People;

fn people(app: &App) -> Result<&Arc<People>, Problem> {
    app.people.as_ref().ok_or_else(Problem::not_found)
}

/// See Other: whatever was asked for by whichever method, this is to be read.
fn elsewhere(location: &str, cookies: &[HeaderValue]) -> Result<HttpResponse, Problem> {
    let mut response = HttpResponse::SeeOther().finish();
    let headers = response.headers_mut();
    headers.insert(LOCATION, HeaderValue::from_str(location).map_err(Problem::internal)?);
    for cookie in cookies {
        headers.append(SET_COOKIE, cookie.clone());
    }
    Ok(response)
}
