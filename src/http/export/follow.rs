//! Server-sent events: whatever is there from a place on, and then whatever comes, for as long as the reader stays. Each has the id by
//! which the reader goes on elsewhere (`Last-Event-ID`). When nothing comes, a comment says that the connection lives.

use actix_web::HttpResponse;
use actix_web::http::header::{HeaderMap, HeaderName};
use serde_json::Value;
use tokio::sync::mpsc;

use super::form::EVENT_STREAM;
use super::stream::{Part, Seat, body, send};
use crate::http::problem::Problem;
use crate::http::request_id::RequestId;
use crate::limits;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const ALIVE: &str = ":\n\n";

/// What is followed.
pub trait Feed {
    /// Whether the reader may still read; asked again and again.
    fn permitted(&mut self) -> impl Future<Output = Result<(), Problem>>;

    /// What there is by now, by id, and no more of it than one page; none: nothing more yet.
    fn next(&mut self) -> impl Future<Output = Result<Vec<(u64, Value)>, Problem>>;

    /// Until there may be more; false: there won't be, the service stops.
    fn more(&mut self) -> impl Future<Output = bool>;
}

/// Where a reader was that comes back.
pub fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(sent) = headers.get(LAST_EVENT_ID) else { return Ok(None) };
    let digits = sent.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let id = digits.and_then(|text| text.parse().ok());
    id.map(Some).ok_or_else(|| {
        Problem::invalid_header("Last-Event-ID", "expected the id of the last event that arrived, a position")
    })
}

/// Until the reader leaves, takes nothing for too long, or the service stops.
pub fn follow(seat: Seat, mut feed: impl Feed + 'static, request_id: RequestId) -> HttpResponse {
    let (to, parts) = mpsc::channel(limits::EXPORT_PAGES_AHEAD);
    actix_web::rt::spawn(async move {
        let _seat = seat;
        let mut part = Part::Text(ALIVE.to_owned());
        loop {
            let goes_on = matches!(part, Part::Text(_));
            if !send(&to, part, limits::EXPORT_STALL).await || !goes_on {
                return;
            }
            part = match next(&mut feed).await {
                Ok(part) => part,
                Err(problem) => {
                    problem.log_cause(&request_id);
                    Part::Broken
                }
            };
        }
    });
    HttpResponse::Ok().content_type(EVENT_STREAM).streaming(body(parts))
}

async fn next(feed: &mut impl Feed) -> Result<Part, Problem> {
    loop {
        feed.permitted().await?;
        let events = feed.next().await?;
        if !events.is_empty() {
            return Ok(Part::Text(
                events.iter().map(|(id, event)| format!("id: {id}\ndata: {event}\n\n")).collect(),
            ));
        }
        match tokio::time::timeout(limits::FOLLOW_HEARTBEAT, feed.more()).await {
            Ok(true) => {}
            Ok(false) => return Ok(Part::End),
            Err(_) => return Ok(Part::Text(ALIVE.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;
    use serde_json::json;

    use super::*;

    /// Two pages, a wait between them, and the end.
    struct Two(u64);

    impl Feed for Two {
        async fn permitted(&mut self) -> Result<(), Problem> {
            if self.0 < 100 { Ok(()) } else { Err(Problem::forbidden("no more")) }
        }

        async fn next(&mut self) -> Result<Vec<(u64, Value)>, Problem> {
            self.0 += 1;
            Ok(if self.0.is_multiple_of(2) { Vec::new() } else { vec![(self.0, json!({"n": self.0}))] })
        }

        async fn more(&mut self) -> bool {
            self.0 < 4
        }
    }

    async fn told(from: u64) -> Result<String, String> {
        let seats = std::sync::Arc::new(tokio::sync::Semaphore::new(1));
        let seat = Seat::take(&seats, 1).expect("a seat");
        let answer = follow(seat, Two(from), RequestId::minted([0; 16]));
        let whole = actix_web::body::to_bytes(answer.into_body()).await;
        whole.map_err(|cause| cause.to_string()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    #[actix_web::test]
    async fn events_come_with_their_ids_and_the_end_of_the_service_is_an_end() {
        let expected = ":\n\nid: 1\ndata: {\"n\":1}\n\nid: 3\ndata: {\"n\":3}\n\n";
        assert_eq!(told(0).await, Ok(expected.to_owned()));
    }

    #[actix_web::test]
    async fn who_may_read_no_more_is_cut_off() {
        assert_eq!(told(100).await, Err("the answer was broken off".to_owned()));
    }

    #[test]
    fn the_last_event_is_a_position() {
        let read =
            |text| last_event_id(&[(LAST_EVENT_ID, HeaderValue::from_static(text))].into_iter().collect());
        assert_eq!(read("17").ok(), Some(Some(17)));
        for bad in ["", "-1", "+1", "x", "18446744073709551616"] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
        assert_eq!(last_event_id(&HeaderMap::new()).ok(), Some(None));
    }
}
