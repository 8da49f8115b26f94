//! The Authorization header: one, `Bearer` or `DPoP`, one space, and a token of visible ASCII.

use std::fmt;

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;

use super::problem::Problem;
use crate::domain::access::Reason;

const SCHEME: &str = "bearer";
const DPOP: &str = "dpop";

/// What a token is shown as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Bearer,
    /// with a proof of the key that it is bound to (RFC 9449)
    Dpop,
}

/// The token of these header values; `None` when there is no such header.
pub fn bearer<'h>(values: impl Iterator<Item = &'h [u8]>) -> Result<Option<&'h str>, BearerError> {
    match authorization(values)? {
        Some((Scheme::Bearer, token)) => Ok(Some(token)),
        Some((Scheme::Dpop, _)) => Err(BearerError::OtherScheme),
        None => Ok(None),
    }
}

/// The same of either scheme.
pub fn authorization<'h>(
    mut values: impl Iterator<Item = &'h [u8]>,
) -> Result<Option<(Scheme, &'h str)>, BearerError> {
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(BearerError::Twice);
    }
    plain(value).map_or_else(|| whole(value), |token| Ok((Scheme::Bearer, token))).map(Some)
}

/// The token that a request presents, or the 401 that says what is wrong.
pub fn presented(request: &HttpRequest) -> Result<&str, Problem> {
    told(bearer(values(request)))
}

/// The same, and what it is shown as.
pub fn shown(request: &HttpRequest) -> Result<(Scheme, &str), Problem> {
    told(authorization(values(request)))
}

fn values(request: &HttpRequest) -> impl Iterator<Item = &[u8]> {
    request.headers().get_all(AUTHORIZATION).map(|value| value.as_bytes())
}

fn told<T>(read: Result<Option<T>, BearerError>) -> Result<T, Problem> {
    match read {
        Ok(Some(token)) => Ok(token),
        Ok(None) => Err(Problem::credential_missing()),
        Err(error) => Err(Problem::credential_refused(Reason::Malformed.word(), error.detail())),
    }
}

/// Whether a request shows a bearer, whatever it is worth.
pub fn is_shown(request: &HttpRequest) -> bool {
    let value = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let scheme = value.and_then(|value| value.split(' ').next());
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME))
}

/// What nearly all send, in one look. Without an early way out the compiler looks at many bytes at once.
fn plain(value: &[u8]) -> Option<&str> {
    let (scheme, token) = value.split_at_checked(SCHEME.len() + 1)?;
    let named = scheme.strip_suffix(b" ")?.eq_ignore_ascii_case(SCHEME.as_bytes());
    let visible = token.iter().fold(true, |all, byte| all & matches!(byte, b'!'..=b'~'));
    if named && visible && !token.is_empty() { std::str::from_utf8(token).ok() } else { None }
}

/// Whatever was sent, with what is wrong with it.
fn whole(value: &[u8]) -> Result<(Scheme, &str), BearerError> {
    if value.is_empty() {
        return Err(BearerError::Empty);
    }
    let value =
        std::str::from_utf8(value).ok().filter(|value| value.is_ascii()).ok_or(BearerError::NotAscii)?;
    if value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
        return Err(BearerError::Control);
    }
    let scheme_end = value.find([' ', '\t']).unwrap_or(value.len());
    let (scheme, rest) = value.split_at(scheme_end);
    if scheme.is_empty() {
        return Err(BearerError::SpaceBefore);
    }
    let scheme = match scheme {
        bearer if bearer.eq_ignore_ascii_case(SCHEME) => Scheme::Bearer,
        dpop if dpop.eq_ignore_ascii_case(DPOP) => Scheme::Dpop,
        _ => return Err(BearerError::OtherScheme),
    };
    let token = match rest.strip_prefix(' ') {
        Some(token) => token,
        None if rest.is_empty() => return Err(BearerError::NoToken),
        None => return Err(BearerError::SpaceBetween),
    };
    if token.trim_ascii().is_empty() {
        Err(BearerError::NoToken)
    } else if token.starts_with([' ', '\t']) {
        Err(BearerError::SpaceBetween)
    } else if token.ends_with([' ', '\t']) {
        Err(BearerError::SpaceAfter)
    } else if token.contains([' ', '\t']) {
        Err(BearerError::SpaceInside)
    } else {
        Ok((scheme, token))
    }
}

/// Each is a 401 with reason `malformed`; its text is the detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BearerError {
    Twice,
    Empty,
    NotAscii,
    Control,
    SpaceBefore,
    OtherScheme,
    NoToken,
    SpaceBetween,
    SpaceAfter,
    SpaceInside,
}

impl BearerError {
    pub fn detail(self) -> &'static str {
        match self {
            BearerError::Twice => "the Authorization header is there more than once; send it once",
            BearerError::Empty => "the Authorization header is empty; send `Authorization: Bearer <key>`",
            BearerError::NotAscii => {
                "the Authorization header holds a character outside ASCII; copy the key again"
            }
            BearerError::Control => "the Authorization header holds a control character; copy the key again",
            BearerError::SpaceBefore => "there is stray space before the scheme's word; remove it",
            BearerError::OtherScheme => {
                "the Authorization header is of unknown form; send `Authorization: Bearer <key>`"
            }
            BearerError::NoToken => "there is no key after the scheme's word; it may have been cut off",
            BearerError::SpaceBetween => {
                "there is stray space between the scheme's word and the key; leave one space"
            }
            BearerError::SpaceAfter => "there is stray space after the key; remove it",
            BearerError::SpaceInside => "there is stray space inside the key; remove it",
        }
    }
}

impl fmt::Display for BearerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detail())
    }
}

impl std::error::Error for BearerError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'h>(values: &[&'h [u8]]) -> Result<Option<&'h str>, BearerError> {
        bearer(values.iter().copied())
    }

    #[test]
    fn one_header_with_one_space_gives_its_token() {
        assert_eq!(read(&[]), Ok(None));
        for value in ["Bearer cl_live_x", "bearer cl_live_x", "BEARER cl_live_x", "bEaReR cl_live_x"] {
            assert_eq!(read(&[value.as_bytes()]), Ok(Some("cl_live_x")));
        }
        assert_eq!(read(&[b"Bearer !~=/+._-"]), Ok(Some("!~=/+._-")));
        let long = format!("Bearer {}", "x".repeat(100_000));
        assert_eq!(read(&[long.as_bytes()]).map(|token| token.map(str::len)), Ok(Some(100_000)));
    }

    #[test]
    fn a_token_with_a_proof_is_told_apart_and_is_no_bearers() {
        let read = |value: &'static str| authorization([value.as_bytes()].into_iter());
        for value in ["DPoP eyJ", "dpop eyJ", "DPOP eyJ"] {
            assert_eq!(read(value), Ok(Some((Scheme::Dpop, "eyJ"))));
            assert_eq!(bearer([value.as_bytes()].into_iter()), Err(BearerError::OtherScheme));
        }
        assert_eq!(read("Bearer eyJ"), Ok(Some((Scheme::Bearer, "eyJ"))));
        assert_eq!(read("DPoP  eyJ"), Err(BearerError::SpaceBetween));
        assert_eq!(read("DPoP"), Err(BearerError::NoToken));
        assert_eq!(read("DPoPx eyJ"), Err(BearerError::OtherScheme));
    }

    #[test]
    fn anything_else_is_refused_with_its_own_detail() {
        use BearerError::*;
        let cases: &[(&[&[u8]], BearerError)] = &[
            (&[b"Bearer a", b"Bearer a"], Twice),
            (&[b"", b""], Twice),
            (&[b""], Empty),
            (&[b"Bearer caf\xc3\xa9"], NotAscii),
            (&[b"Bearer \xff"], NotAscii),
            (&[b"Bearer a\0"], Control),
            (&[b"Bearer a\r\nX: y"], Control),
            (&[b"Bearer \x7f"], Control),
            (&[b" Bearer a"], SpaceBefore),
            (&[b"\tBearer a"], SpaceBefore),
            (&[b" "], SpaceBefore),
            (&[b"Basic YTpi"], OtherScheme),
            (&[b"cl_live_x"], OtherScheme),
            (&[b"Bearercl_live_x"], OtherScheme),
            (&[b"Bearer:a"], OtherScheme),
            (&[b"Bearer"], NoToken),
            (&[b"Bearer "], NoToken),
            (&[b"Bearer  \t"], NoToken),
            (&[b"Bearer  a"], SpaceBetween),
            (&[b"Bearer\ta"], SpaceBetween),
            (&[b"Bearer a "], SpaceAfter),
            (&[b"Bearer a\t"], SpaceAfter),
            (&[b"Bearer a b"], SpaceInside),
            (&[b"Bearer Bearer a"], SpaceInside),
        ];
        for (values, error) in cases {
            assert_eq!(read(values), Err(*error), "{values:?}");
        }
    }
}
