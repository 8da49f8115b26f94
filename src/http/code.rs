//! The codes of problems: one table of status, code and title.

use actix_web::http::StatusCode;

macro_rules! codes {
    ($($variant:ident $status:literal $code:literal $title:literal)*) => {
        /// What a program may branch on. The list is closed, and told in the API document.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code { $($variant),* }

        impl Code {
            pub const ALL: &[Code] = &[$(Code::$variant),*];

            pub fn status(self) -> StatusCode {
                let number = match self { $(Code::$variant => $status),* };
                StatusCode::from_u16(number).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }

            pub const fn text(self) -> &'static str {
                match self { $(Code::$variant => $code),* }
            }

            /// The fragment is the code, spelt out so that no error allocates it.
            pub(super) const fn kind(self) -> &'static str {
                match self { $(Code::$variant => concat!("/docs/problems#", $code)),* }
            }

            pub(super) const fn title(self) -> &'static str {
                match self { $(Code::$variant => $title),* }
            }
        }
    };
}

codes! {
    InvalidRequest 400 "invalid_request" "The request is not valid"
    Unauthorized 401 "unauthorized" "The credential is not accepted"
    Forbidden 403 "forbidden" "The credential may not do this"
    NotFound 404 "not_found" "There is no such thing"
    MethodNotAllowed 405 "method_not_allowed" "The resource has no such method"
    NotAcceptable 406 "not_acceptable" "No offered form is accepted"
    RequestTimeout 408 "request_timeout" "The request took too long to arrive"
    Conflict 409 "conflict" "The state does not allow it"
    QuotaExceeded 409 "quota_exceeded" "The plan's limit is reached"
    TooManySecrets 409 "too_many_secrets" "The credential has too many living secrets"
    LastSecret 409 "last_secret" "The active secret cannot end alone"
    IdempotencyInProgress 409 "idempotency_in_progress" "The first request is still running"
    Stale 412 "stale" "The resource has changed"
    TooLarge 413 "too_large" "The body is too large"
    UriTooLong 414 "uri_too_long" "The URL is too long"
    UnsupportedMediaType 415 "unsupported_media_type" "The body's type is not supported"
    IdempotencyMismatch 422 "idempotency_mismatch" "The key was used for another request"
    RateLimited 429 "rate_limited" "Too many requests"
    HeadersTooLarge 431 "headers_too_large" "The request's head is too large"
    Internal 500 "internal" "Something went wrong here"
    Unavailable 503 "unavailable" "The service cannot answer now"
    Behind 503 "behind" "This node has not reached the position asked for"
    OutcomeUnknown 503 "outcome_unknown" "It is not known whether the change took place"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_unique_and_only_internal_is_500() {
        let mut seen = std::collections::HashSet::new();
        for &code in Code::ALL {
            assert!(seen.insert(code.text()), "{code:?} stands there twice");
            let status = code.status();
            assert!(status.is_client_error() || status.is_server_error(), "{code:?}");
            assert_eq!(status == StatusCode::INTERNAL_SERVER_ERROR, code == Code::Internal, "{code:?}");
        }
    }
}
