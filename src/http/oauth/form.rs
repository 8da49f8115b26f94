//! The body of an OAuth request: a form (RFC 6749, appendix B). What is empty is absent, what is unknown is passed over, and
//! what stands there twice is refused, but for `resource` (RFC 8707).

use std::borrow::Cow;
use std::collections::HashSet;

use actix_web::HttpRequest;
use actix_web::web::Payload;

use super::OAuthError;
use crate::http::body::{JsonBody, Wants};
use crate::http::problem::Problem;
use crate::http::query::Query;

const REPEATABLE: &str = "resource";

pub struct Form<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

/// What is sent in the URL stands in everybody's logs, so nothing there is taken; nor is it repeated.
pub async fn body(request: &HttpRequest, payload: Payload) -> Result<JsonBody, Problem> {
    if !request.query_string().is_empty() {
        return Err(OAuthError::InvalidRequest
            .because("the URL takes no parameters here; send them in the body, and secrets nowhere else"));
    }
    JsonBody::read(request, payload, Wants::Form).await
}

impl<'a> Form<'a> {
    pub fn read(body: &'a JsonBody) -> Result<Self, Problem> {
        let unreadable = || {
            OAuthError::InvalidRequest.because("the body is no form of UTF-8 text without control characters")
        };
        let text = std::str::from_utf8(body.bytes()).map_err(|_| unreadable())?;
        let given = Query::parse(text).map_err(|_| unreadable())?.into_parameters();
        // One look at each: a body may hold very many.
        let mut seen = HashSet::with_capacity(given.len());
        if given.iter().any(|(name, _)| name != REPEATABLE && !seen.insert(name)) {
            return Err(
                OAuthError::InvalidRequest.because("a parameter stands there more than once; send each once")
            );
        }
        Ok(Form(given))
    }

    pub fn one(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    pub fn all<'f>(&'f self, name: &str) -> impl Iterator<Item = &'f str> {
        let given = self.0.iter().filter(move |(own, value)| own == name && !value.is_empty());
        given.map(|(_, value)| value.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Option<(Option<String>, Vec<String>)> {
        let body = JsonBody::for_test(text);
        let form = Form::read(&body).ok()?;
        Some((form.one("a").map(str::to_owned), form.all("resource").map(str::to_owned).collect()))
    }

    #[test]
    fn what_is_empty_is_absent_and_what_is_unknown_is_passed_over() {
        assert_eq!(read("a=b+%2B&x=y"), Some((Some("b +".into()), vec![])));
        assert_eq!(read("a=&x"), Some((None, vec![])));
        assert_eq!(read(""), Some((None, vec![])));
    }

    #[test]
    fn only_a_resource_may_stand_there_twice() {
        assert_eq!(read("resource=r&resource=s"), Some((None, vec!["r".into(), "s".into()])));
        for bad in ["a=1&a=1", "a=&a=1", "x=1&x=2", "a=%zz", "a=%ff", "a=%00"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
