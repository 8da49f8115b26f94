//! The two cookies of people: the session, and a sign-in under way. `__Host-` has the browser hold them to this host, this whole
//! host, and TLS (or this machine itself).

use actix_web::HttpRequest;
use actix_web::http::header::{COOKIE, HeaderValue};

use super::problem::Problem;
use crate::domain::secret::PlainSecret;
use crate::limits;

pub const SESSION: &str = "__Host-credledger";
pub const SIGN_IN: &str = "__Host-credledger-sign-in";

/// Lax: whoever comes back from the identity provider, or follows a link, is signed in still. What a page of another site may
/// not do is held by [`super::origin`].
const ATTRIBUTES: &str = "Path=/; Secure; HttpOnly; SameSite=Lax";

/// The cookie's value. One that is there twice is none: somebody has put a second one beside it.
pub fn of<'r>(request: &'r HttpRequest, name: &str) -> Option<&'r str> {
    let headers = request.headers().get_all(COOKIE).filter_map(|value| value.to_str().ok());
    let pairs = headers.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(own, _)| *own == name).map(|(_, value)| value);
    values.next().filter(|value| !value.is_empty() && values.next().is_none())
}

/// It ends with the browser; when the session itself ends is the service's to say.
pub fn session(secret: &PlainSecret) -> Result<HeaderValue, Problem> {
    held(format!("{SESSION}={}; {ATTRIBUTES}", secret.reveal()))
}

pub fn sign_in(sealed: &PlainSecret) -> Result<HeaderValue, Problem> {
    let seconds = limits::SIGN_IN_LIFE.as_secs();
    held(format!("{SIGN_IN}={}; {ATTRIBUTES}; Max-Age={seconds}", sealed.reveal()))
}

pub fn gone(name: &str) -> Result<HeaderValue, Problem> {
    held(format!("{name}=; {ATTRIBUTES}; Max-Age=0"))
}

fn held(text: String) -> Result<HeaderValue, Problem> {
    let mut value = HeaderValue::try_from(text).map_err(Problem::internal)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_whole_name_and_never_when_there_are_two() {
        let of = |cookies: &[&str]| {
            let request = cookies
                .iter()
                .fold(TestRequest::default(), |request, cookie| request.append_header((COOKIE, *cookie)));
            of(&request.to_http_request(), SESSION).map(str::to_owned)
        };
        assert_eq!(of(&["a=b; __Host-credledger=x; c=d"]), Some("x".to_owned()));
        assert_eq!(of(&["a=b", "__Host-credledger=x"]), Some("x".to_owned()));
        for none in [
            &["__Host-credledger="][..],
            &["credledger=x"],
            &["__Host-credledger-sign-in=x"],
            &["x__Host-credledger=x"],
            &["__Host-credledger=x; __Host-credledger=y"],
            &["__Host-credledger=x", "__Host-credledger=x"],
            &[],
        ] {
            assert_eq!(of(none), None, "{none:?}");
        }
    }
}
