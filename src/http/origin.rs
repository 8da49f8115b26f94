//! Whether a page of this service itself asked for a change. A browser adds cookies to whatever any page makes it send; it also
//! says where the asking page is from, which no page can change.

use actix_web::http::header::{HeaderMap, HeaderName, ORIGIN};

use super::problem::Problem;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// For a change by whoever a cookie names. `own`: the origin of this service's public URL, for a browser that does not say
/// `Sec-Fetch-Site`; one that says neither is refused.
pub fn check(headers: &HeaderMap, own: &str) -> Result<(), Problem> {
    let only = |name: HeaderName| {
        let mut values = headers.get_all(name).map(|value| value.as_bytes());
        values.next().map(|value| (value, values.next().is_none()))
    };
    let holds = match only(FETCH_SITE) {
        Some((value, alone)) => alone && value == b"same-origin",
        None => only(ORIGIN).is_some_and(|(value, alone)| alone && value == own.as_bytes()),
    };
    match holds {
        true => Ok(()),
        false => Err(Problem::forbidden(
            "a page of another site asked for this with your session; whoever means it sends an operator token",
        )),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn only_a_page_of_the_service_itself_may_use_its_sessions_to_change_something() {
        let own = "https://keys.example.com";
        let holds = |headers: &[(&str, &str)]| {
            let request =
                headers.iter().fold(TestRequest::default(), |request, header| request.append_header(*header));
            check(request.to_http_request().headers(), own).is_ok()
        };
        assert!(holds(&[("Sec-Fetch-Site", "same-origin")]));
        assert!(holds(&[("Sec-Fetch-Site", "same-origin"), ("Origin", "https://other-name.example.com")]));
        assert!(holds(&[("Origin", own)]));
        for refused in [
            &[][..],
            &[("Sec-Fetch-Site", "cross-site"), ("Origin", own)],
            &[("Sec-Fetch-Site", "same-site")],
            &[("Sec-Fetch-Site", "none")],
            &[("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site")],
            &[("Origin", "null")],
            &[("Origin", "https://keys.example.com.evil.example")],
            &[("Origin", "http://keys.example.com")],
            &[("Origin", own), ("Origin", "https://evil.example")],
        ] {
            assert!(!holds(refused), "{refused:?}");
        }
    }
}
