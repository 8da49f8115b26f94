//! A JSON body: of an accepted type, of bounded size, arriving in bounded time, and read strictly.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::error::PayloadError;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::web::Payload;
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};

use super::json::{Json, Malformed};
use super::members::{self, Members};
use super::problem::{Code, Fault, FaultPlace, Problem};
use super::query;
use crate::limits;

/// What a route wants of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// `application/json`
    Json,
    /// The same, or no body at all and then no Content-Type either: for routes where every member is optional.
    JsonOrNothing,
    /// `application/merge-patch+json` or `application/json`
    MergePatch,
    /// `application/json`; lines are taken as well, and read elsewhere
    JsonOrLines,
    /// `application/x-ndjson`, read line by line
    Ndjson,
    /// `application/x-www-form-urlencoded`
    Form,
}

impl Wants {
    fn media_types(self) -> &'static [&'static str] {
        match self {
            Wants::Json | Wants::JsonOrNothing => &["application/json"],
            Wants::MergePatch => &["application/merge-patch+json", "application/json"],
            Wants::JsonOrLines => &["application/json", "application/x-ndjson"],
            Wants::Ndjson => &["application/x-ndjson"],
            Wants::Form => &["application/x-www-form-urlencoded"],
        }
    }
}

/// The bytes of a body. [`JsonBody::parse`] borrows from them.
pub struct JsonBody(Bytes);

/// A parsed body; an absent one reads as an object without members.
pub struct Document<'a>(Json<'a>);

impl JsonBody {
    #[cfg(test)]
    pub(super) fn for_test(text: &'static str) -> Self {
        JsonBody(Bytes::from_static(text.as_bytes()))
    }

    /// Checks the type and that no parameter is there, which no route with a body takes; then reads. Call it after authentication, route, role and tenant have been checked.
    pub async fn read(request: &HttpRequest, payload: Payload, wants: Wants) -> Result<JsonBody, Problem> {
        let headers = request.headers();
        // No type and no body: what is missing are the members, and they are told by name.
        let untyped =
            matches!(wants, Wants::Json | Wants::JsonOrLines) && !headers.contains_key(header::CONTENT_TYPE);
        let may_be_absent = wants == Wants::JsonOrNothing || untyped;
        if !may_be_absent {
            check_type(headers, wants)?;
        }
        query::none(request.query_string())?;
        let body = read_bounded(headers, payload, limits::BODY_BYTES, limits::BODY_WAIT).await?;
        if may_be_absent && !body.is_empty() {
            check_type(headers, wants)?;
        }
        // A form without a parameter is one.
        match body.is_empty() && !may_be_absent && wants != Wants::Form {
            true => Err(Problem::invalid("the body is empty; send a JSON object")),
            false => Ok(JsonBody(body)),
        }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn parse(&self) -> Result<Document<'_>, Problem> {
        if self.0.is_empty() {
            return Ok(Document(Json::Object(Vec::new())));
        }
        Ok(Document(Json::parse(&self.0)?))
    }

    /// The same for a body whose items fail alone: those that may not be taken are told by their index, and null.
    pub fn parse_items(&self) -> Result<(Document<'_>, BTreeMap<usize, Problem>), Problem> {
        let (document, apart) = Json::parse_items(&self.0)?;
        let apart = apart.into_iter().map(|(index, malformed)| (index, malformed.into()));
        Ok((Document(document), apart.collect()))
    }
}

impl From<Malformed> for Problem {
    fn from(malformed: Malformed) -> Self {
        let place = FaultPlace::Pointer(malformed.pointer);
        Problem::faults(vec![Fault { place, detail: malformed.detail.into() }])
    }
}

impl Document<'_> {
    /// Reads the members of the body's object, and tells all its faults together; see [`members`].
    pub fn decode<'a, T>(
        &'a self,
        read: impl FnOnce(&mut Members<'a, '_>) -> Option<T>,
    ) -> Result<T, Problem> {
        members::decode(&self.0, read)
    }

    pub fn json(&self) -> &Json<'_> {
        &self.0
    }
}

/// For a body of lines, which its route reads itself.
pub fn check_ndjson(headers: &HeaderMap) -> Result<(), Problem> {
    check_type(headers, Wants::Ndjson)
}

fn check_type(headers: &HeaderMap, wants: Wants) -> Result<(), Problem> {
    let plain = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(header::CONTENT_ENCODING).all(plain) {
        let problem = Problem::new(Code::UnsupportedMediaType, "send the body without a Content-Encoding");
        return Err(problem.with_header(header::ACCEPT_ENCODING, HeaderValue::from_static("identity")));
    }
    let mut sent = headers.get_all(header::CONTENT_TYPE);
    let only = sent.next().filter(|_| sent.next().is_none());
    let media_type = only.and_then(|value| value.to_str().ok());
    if media_type.is_some_and(|sent| wants.media_types().iter().any(|known| is_type(sent, known))) {
        return Ok(());
    }
    let known = wants.media_types().join(" or ");
    let problem = Problem::new(Code::UnsupportedMediaType, format!("send Content-Type: {known}"));
    Err(match wants {
        Wants::MergePatch => {
            const PATCHES: &str = "application/merge-patch+json, application/json";
            problem.with_header(
                header::HeaderName::from_static("accept-patch"),
                HeaderValue::from_static(PATCHES),
            )
        }
        Wants::Json | Wants::JsonOrNothing | Wants::JsonOrLines | Wants::Ndjson | Wants::Form => problem,
    })
}

/// `known`, with no parameter but `charset=utf-8`.
fn is_type(sent: &str, known: &str) -> bool {
    let mut parts = sent.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let utf8 = |parameter: &str| {
        parameter.split_once('=').is_some_and(|(name, value)| {
            name.eq_ignore_ascii_case("charset") && value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        })
    };
    essence.eq_ignore_ascii_case(known) && parts.all(utf8)
}

/// Reads to the end of the stream, unless it is longer or slower than it may be; then the stream is dropped at once.
pub async fn read_bounded<S>(
    headers: &HeaderMap,
    stream: S,
    limit: usize,
    wait: Duration,
) -> Result<Bytes, Problem>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let announced: usize = announced.and_then(|text| text.parse().ok()).unwrap_or(0);
    if announced > limit {
        return Err(Problem::too_large(limit));
    }
    let mut collecting = pin!(collect(stream, announced, limit));
    // The framework hands over a body that came along with its head only after the handler's first turn. Nearly all do, so
    // the timer, which is costlier than the reading, is set only for one that is not there at the second.
    if let Poll::Ready(body) = futures::poll!(collecting.as_mut()) {
        return body;
    }
    next_turn().await;
    if let Poll::Ready(body) = futures::poll!(collecting.as_mut()) {
        return body;
    }
    let collected = tokio::time::timeout(wait, collecting).await;
    collected.unwrap_or_else(|_| Err(Problem::request_timeout()))
}

/// Gives way once, and asks to be called again at once.
async fn next_turn() {
    let mut given_way = false;
    poll_fn(|context| match std::mem::replace(&mut given_way, true) {
        true => Poll::Ready(()),
        false => {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}

/// Most bodies arrive as one chunk, which is passed on as it is.
async fn collect<S>(mut stream: S, announced: usize, limit: usize) -> Result<Bytes, Problem>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| match error {
            PayloadError::Overflow => Problem::too_large(limit),
            other => Problem::invalid("the body did not arrive whole").with_cause(other.to_string()),
        })?;
        if first.len().max(joined.len()) + chunk.len() > limit {
            return Err(Problem::too_large(limit));
        }
        if first.is_empty() && joined.is_empty() {
            first = chunk;
        } else {
            if joined.is_empty() {
                joined.reserve(announced.max(first.len() + chunk.len()));
                joined.extend_from_slice(&std::mem::take(&mut first));
            }
            joined.extend_from_slice(&chunk);
        }
    }
    Ok(if joined.is_empty() { first } else { joined.freeze() })
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn only_json_in_utf_8_is_taken() {
        type Case = (Wants, &'static [(header::HeaderName, &'static str)], bool);
        let cases: &[Case] = &[
            (Wants::Json, &[(header::CONTENT_TYPE, "application/json")], true),
            (Wants::Json, &[(header::CONTENT_TYPE, "Application/JSON; Charset=\"UTF-8\"")], true),
            (Wants::Json, &[(header::CONTENT_TYPE, "application/json;charset=latin1")], false),
            (Wants::Json, &[(header::CONTENT_TYPE, "application/json;profile=x")], false),
            (Wants::Json, &[(header::CONTENT_TYPE, "application/merge-patch+json")], false),
            (Wants::Json, &[(header::CONTENT_TYPE, "application/jsonp")], false),
            (Wants::Json, &[(header::CONTENT_TYPE, "text/json")], false),
            (Wants::Json, &[], false),
            (Wants::MergePatch, &[(header::CONTENT_TYPE, "application/merge-patch+json")], true),
            (Wants::MergePatch, &[(header::CONTENT_TYPE, "application/json")], true),
            (Wants::MergePatch, &[(header::CONTENT_TYPE, "application/json-patch+json")], false),
            (
                Wants::Json,
                &[(header::CONTENT_TYPE, "application/json"), (header::CONTENT_ENCODING, "gzip")],
                false,
            ),
            (
                Wants::Json,
                &[(header::CONTENT_TYPE, "application/json"), (header::CONTENT_ENCODING, "identity")],
                true,
            ),
        ];
        for (wants, pairs, taken) in cases {
            let outcome = check_type(&headers(pairs), *wants).map_err(|problem| problem.code());
            let expected = if *taken { Ok(()) } else { Err(Code::UnsupportedMediaType) };
            assert_eq!(outcome, expected, "{wants:?} {pairs:?}");
        }
    }

    type Chunk = Result<Bytes, PayloadError>;

    async fn read(chunks: Vec<Chunk>, limit: usize) -> Result<Bytes, Code> {
        let whole = read_bounded(&HeaderMap::new(), stream::iter(chunks), limit, limits::BODY_WAIT).await;
        whole.map_err(|problem| problem.code())
    }

    #[actix_web::test]
    async fn a_body_may_come_in_any_pieces_up_to_its_limit() {
        let piece = |text: &'static str| Ok(Bytes::from_static(text.as_bytes()));
        let cases = [
            (vec![], Ok("")),
            (vec![piece("abcd")], Ok("abcd")),
            (vec![piece("a"), piece(""), piece("bc"), piece("d")], Ok("abcd")),
            (vec![piece(""), piece("abcd")], Ok("abcd")),
            (vec![piece("abcde")], Err(Code::TooLarge)),
            (vec![piece("ab"), piece("cd"), piece("e")], Err(Code::TooLarge)),
            (vec![piece("ab"), Err(PayloadError::Incomplete(None))], Err(Code::InvalidRequest)),
        ];
        for (chunks, expected) in cases {
            let shown = format!("{chunks:?}");
            assert_eq!(
                read(chunks, 4).await,
                expected.map(|text| Bytes::from_static(text.as_bytes())),
                "{shown}"
            );
        }
    }

    #[actix_web::test]
    async fn an_endless_body_is_given_up_soon_after_its_limit() {
        let polled = std::cell::Cell::new(0);
        let endless = stream::repeat_with(|| -> Chunk {
            polled.set(polled.get() + 1);
            Ok(Bytes::from_static(&[b' '; 1000]))
        });
        let outcome = read_bounded(&HeaderMap::new(), endless, 10_000, limits::BODY_WAIT).await;
        assert_eq!(outcome.map_err(|problem| problem.code()), Err(Code::TooLarge));
        assert_eq!(polled.get(), 11);
    }

    #[actix_web::test]
    async fn a_body_announced_too_long_is_not_read_at_all() {
        let announced = headers(&[(header::CONTENT_LENGTH, "10001")]);
        let unread = stream::poll_fn(|_| -> std::task::Poll<Option<Chunk>> { panic!("the body was read") });
        let outcome = read_bounded(&announced, unread, 10_000, limits::BODY_WAIT).await;
        assert_eq!(outcome.map_err(|problem| problem.code()), Err(Code::TooLarge));
    }

    #[actix_web::test]
    async fn a_body_that_does_not_come_is_given_up() {
        let stuck = stream::pending::<Chunk>();
        let outcome = read_bounded(&HeaderMap::new(), stuck, 10, Duration::ZERO).await;
        assert_eq!(outcome.map_err(|problem| problem.code()), Err(Code::RequestTimeout));
    }
}
