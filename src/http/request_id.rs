//! The names by which one request is found again: its request id, and the trace it is part of.

use std::fmt;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::limits;

pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// `[A-Za-z0-9._-]{1,128}`: the caller's own, or one that was minted.
///
/// Cloning is cheap and shares the head's buffer; what outlives the request keeps `as_str().to_owned()`.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestId(Text);

#[derive(Clone, PartialEq, Eq)]
enum Text {
    Sent(HeaderValue),
    /// hexadecimal digits
    Minted([u8; 32]),
}

impl RequestId {
    /// The caller's, if it sent exactly one of the accepted shape.
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let mut sent = headers.get_all(HEADER);
        let only = sent.next().filter(|_| sent.next().is_none())?;
        let text = only.as_bytes();
        let fits = (1..=limits::REQUEST_ID_CHARS).contains(&text.len());
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
        (fits && text.iter().all(plain)).then(|| Self(Text::Sent(only.clone())))
    }

    /// Whether a secret stands in it: as the whole, or as a word of it, whatever a client sets before and behind. It is asked of every
    /// request: words that no secret is as short as, such as a UUID's, cost nothing.
    pub fn holds(&self, is_a_secret: &dyn Fn(&str) -> bool) -> bool {
        let text = self.as_str();
        let behind = text.match_indices(['.', '_', '-']).filter_map(|(place, _)| text.get(place + 1..));
        let mut words = std::iter::once(text).chain(behind).filter_map(|rest| rest.split(['.', '-']).next());
        is_a_secret(text) || words.any(|word| word.len() >= limits::FOREIGN_SECRET_CHARS && is_a_secret(word))
    }

    /// From 16 random bytes, as 32 hexadecimal digits.
    pub fn minted(random: [u8; 16]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 32];
        for (pair, byte) in text.chunks_exact_mut(2).zip(random) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        Self(Text::Minted(text))
    }

    pub fn as_str(&self) -> &str {
        let text = match &self.0 {
            Text::Sent(value) => value.as_bytes(),
            Text::Minted(digits) => digits,
        };
        std::str::from_utf8(text).unwrap_or_default()
    }

    pub(super) fn header_value(&self) -> HeaderValue {
        match &self.0 {
            Text::Sent(value) => value.clone(),
            // Hexadecimal digits are always a header's value.
            Text::Minted(digits) => HeaderValue::from_bytes(digits).unwrap_or(HeaderValue::from_static("0")),
        }
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// W3C Trace Context. One that cannot be read is ignored, as the specification asks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: [u8; 32],
    pub sampled: bool,
}

impl TraceContext {
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let mut sent = headers.get_all(TRACEPARENT);
        let only = sent.next().filter(|_| sent.next().is_none())?;
        Self::parse(only.as_bytes())
    }

    /// `00-<32 hex>-<16 hex>-<2 hex>`; later versions may go on after another dash.
    fn parse(text: &[u8]) -> Option<Self> {
        let (known, rest) = text.split_at_checked(55)?;
        let version = &known[..2];
        let ends_well = rest.is_empty() || (version != b"00" && rest[0] == b'-');
        let dashed = known[2] == b'-' && known[35] == b'-' && known[52] == b'-';
        let (trace, parent, flags) = (&known[3..35], &known[36..52], &known[53..55]);
        let lower_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let hex = [version, trace, parent, flags].iter().all(|part| part.iter().all(lower_hex));
        let zero = |part: &[u8]| part.iter().all(|&byte| byte == b'0');
        if !ends_well || !dashed || !hex || version == b"ff" || zero(trace) || zero(parent) {
            return None;
        }
        let last_flag = char::from(flags[1]).to_digit(16)?;
        Some(Self { trace_id: trace.try_into().ok()?, sampled: last_flag & 1 == 1 })
    }

    pub fn trace_id(&self) -> &str {
        std::str::from_utf8(&self.trace_id).unwrap_or_default()
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.trace_id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, values: &[&str]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for value in values {
            map.append(name.clone(), HeaderValue::from_str(value).expect("a header's value"));
        }
        map
    }

    #[test]
    fn only_a_plain_and_short_request_id_is_taken_over() {
        let longest = "a".repeat(128);
        for good in ["a", "Req-1_x.y", longest.as_str()] {
            let id = RequestId::from_headers(&headers(HEADER, &[good]));
            assert_eq!(id.as_ref().map(RequestId::as_str), Some(good));
        }
        let too_long = "a".repeat(129);
        for bad in [&[][..], &[""], &["a b"], &["a/b"], &["\"a\""], &[too_long.as_str()], &["a", "b"]] {
            assert_eq!(RequestId::from_headers(&headers(HEADER, bad)), None, "{bad:?}");
        }
    }

    #[test]
    fn a_secret_is_found_wherever_it_stands_in_it() {
        let is_a_secret = |text: &str| text.starts_with("cl_live_") && text.len() == 20;
        let holds = |text: &str| {
            RequestId::from_headers(&headers(HEADER, &[text])).expect("a request id").holds(&is_a_secret)
        };
        for with in ["", "req-", "req_", "a.b.", "x-y_z."] {
            for behind in ["", "-1", ".retry-2"] {
                assert!(holds(&format!("{with}cl_live_0123456789ab{behind}")), "{with} {behind}");
            }
        }
        for without in ["cl_live_0123456789a", "0d9c8b7a-6f03-4b22-8a51-0d9c8b7a6f03", "cl-live-0123456789ab"]
        {
            assert!(!holds(without), "{without}");
        }
    }

    #[test]
    fn a_minted_request_id_is_the_hex_of_its_bytes() {
        let random = *b"\x00\x01\x0f\x10\xff\xfe\x80\x7f\0\0\0\0\0\0\0\xab";
        assert_eq!(RequestId::minted(random).as_str(), "00010f10fffe807f00000000000000ab");
    }

    #[test]
    fn a_bad_traceparent_is_ignored() {
        const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
        let good = [
            (format!("00-{TRACE}-00f067aa0ba902b7-01"), true),
            (format!("00-{TRACE}-00f067aa0ba902b7-00"), false),
            (format!("00-{TRACE}-00f067aa0ba902b7-fe"), false),
            (format!("01-{TRACE}-00f067aa0ba902b7-03-later"), true),
        ];
        for (text, sampled) in good {
            let context = TraceContext::from_headers(&headers(TRACEPARENT, &[&text]));
            assert_eq!(
                context.map(|c| (c.trace_id().to_owned(), c.sampled)),
                Some((TRACE.to_owned(), sampled))
            );
        }
        let bad = [
            String::new(),
            "00".to_owned(),
            format!("ff-{TRACE}-00f067aa0ba902b7-01"),
            format!("00-{TRACE}-00f067aa0ba902b7-01-more"),
            format!("01-{TRACE}-00f067aa0ba902b7-01more"),
            format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{TRACE}-00f067aa0ba902b7_01"),
            format!("00-{TRACE}-00f067aa0ba902b7-0g"),
        ];
        for text in bad {
            assert_eq!(TraceContext::parse(text.as_bytes()), None, "{text}");
        }
        let twice = format!("00-{TRACE}-00f067aa0ba902b7-01");
        assert_eq!(TraceContext::from_headers(&headers(TRACEPARENT, &[&twice, &twice])), None);
    }
}
