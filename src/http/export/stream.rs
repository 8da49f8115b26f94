//! The way of rows to whoever reads them. One task asks for page after page and writes them down; between it and the connection
//! stand a few pages at most, so that memory is flat however long the whole is and however slowly it is read.
//!
//! An answer that breaks off is never taken for one that is whole: the connection is closed without the last chunk.

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use bytes::Bytes;
use futures::{Stream, stream};
use serde_json::Value;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::csv::{self, Column};
use super::form::Form;
use crate::http::problem::Problem;
use crate::http::request_id::RequestId;
use crate::limits;

/// What is exported, page by page. Each page is read by itself: nothing is held in the database from one to the next.
pub trait Pages {
    /// `None` after the last. A page may be empty.
    fn next(&mut self) -> impl Future<Output = Result<Option<Vec<Value>>, Problem>>;
}

/// A place among the few that may read at once; held until all is sent, or the reader is gone.
pub struct Seat {
    _permit: OwnedSemaphorePermit,
}

impl Seat {
    /// `most` is told to whoever finds none.
    pub fn take(seats: &Arc<Semaphore>, most: usize) -> Result<Self, Problem> {
        let permit = seats.clone().try_acquire_owned().map_err(|_| {
            let detail = format!("{most} others read at once; ask again when one is done");
            Problem::unavailable(limits::RETRY_AFTER_SECONDS, detail)
        })?;
        Ok(Seat { _permit: permit })
    }
}

/// What goes to the connection.
#[derive(Debug, PartialEq)]
pub(super) enum Part {
    Text(String),
    End,
    Broken,
}

/// The whole of it. What fails before the first page is a problem like any other.
pub async fn answer(
    form: Form,
    columns: &'static [Column],
    seat: Seat,
    mut pages: impl Pages + 'static,
    request_id: RequestId,
) -> Result<HttpResponse, Problem> {
    let first = pages.next().await?;
    let (to, parts) = mpsc::channel(limits::EXPORT_PAGES_AHEAD);
    actix_web::rt::spawn(async move {
        let _seat = seat;
        let mut text = String::new();
        if form == Form::Csv {
            csv::write_header(columns, &mut text);
        }
        let mut page: Result<_, Problem> = Ok(first);
        loop {
            let part = match page {
                Ok(Some(rows)) => {
                    rows.iter().for_each(|row| write(form, columns, row, &mut text));
                    Part::Text(std::mem::take(&mut text))
                }
                Ok(None) if !text.is_empty() => Part::Text(std::mem::take(&mut text)),
                Ok(None) => Part::End,
                Err(problem) => {
                    problem.log_cause(&request_id);
                    Part::Broken
                }
            };
            let goes_on = matches!(part, Part::Text(_));
            if !send(&to, part, limits::EXPORT_STALL).await || !goes_on {
                return;
            }
            page = pages.next().await;
        }
    });
    let media_type = match form {
        Form::Csv => "text/csv; charset=utf-8",
        other => other.media_type(),
    };
    Ok(HttpResponse::Ok().content_type(media_type).streaming(body(parts)))
}

fn write(form: Form, columns: &[Column], row: &Value, text: &mut String) {
    match form {
        Form::Csv => csv::write_row(columns, row, text),
        Form::Page | Form::Ndjson | Form::Follow => {
            text.push_str(&row.to_string());
            text.push('\n');
        }
    }
}

/// Whether it was taken: not by a reader that is gone, and not by one that takes nothing for that long.
pub(super) async fn send(to: &Sender<Part>, part: Part, stall: Duration) -> bool {
    matches!(tokio::time::timeout(stall, to.send(part)).await, Ok(Ok(())))
}

/// Why a connection is closed in the middle of an answer.
#[derive(Debug)]
struct BrokenOff;

impl std::fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the answer was broken off")
    }
}

impl std::error::Error for BrokenOff {}

/// Ends in order after [`Part::End`] alone.
pub(super) fn body(parts: Receiver<Part>) -> impl Stream<Item = Result<Bytes, Box<dyn std::error::Error>>> {
    stream::unfold(Some(parts), |parts| async move {
        let mut parts = parts?;
        match parts.recv().await {
            Some(Part::Text(text)) => Some((Ok(Bytes::from(text)), Some(parts))),
            Some(Part::End) => None,
            Some(Part::Broken) | None => Some((Err(BrokenOff.into()), None)),
        }
    })
}

#[cfg(test)]
mod tests {
    use actix_web::body::MessageBody;
    use futures::{StreamExt, TryStreamExt, pin_mut};
    use serde_json::json;

    use super::*;

    const COLUMNS: &[Column] = &[Column::of(&["n"])];

    /// So many pages of one row, and then a fault or the end.
    struct Counting {
        next: usize,
        pages: usize,
        fails: bool,
    }

    impl Pages for Counting {
        async fn next(&mut self) -> Result<Option<Vec<Value>>, Problem> {
            self.next += 1;
            match self.next > self.pages {
                false => Ok(Some(vec![json!({"n": self.next})])),
                true if self.fails => Err(Problem::invalid("gone")),
                true => Ok(None),
            }
        }
    }

    fn seats() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(1))
    }

    async fn told(form: Form, pages: Counting) -> Result<String, String> {
        let seat = Seat::take(&seats(), 1).expect("a seat");
        let answer = answer(form, COLUMNS, seat, pages, RequestId::minted([0; 16])).await;
        let body = answer.map_err(|problem| problem.detail().to_owned())?.into_body();
        let whole = actix_web::body::to_bytes(body).await;
        whole.map_err(|cause| cause.to_string()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    fn counting(pages: usize, fails: bool) -> Counting {
        Counting { next: 0, pages, fails }
    }

    #[actix_web::test]
    async fn all_pages_are_told_in_each_form() {
        assert_eq!(told(Form::Ndjson, counting(2, false)).await, Ok("{\"n\":1}\n{\"n\":2}\n".to_owned()));
        assert_eq!(told(Form::Csv, counting(2, false)).await, Ok("n\r\n1\r\n2\r\n".to_owned()));
        assert_eq!(told(Form::Csv, counting(0, false)).await, Ok("n\r\n".to_owned()));
        assert_eq!(told(Form::Ndjson, counting(0, false)).await, Ok(String::new()));
    }

    #[actix_web::test]
    async fn what_fails_at_once_is_a_problem_and_later_the_answer_is_broken_off() {
        assert_eq!(told(Form::Csv, counting(0, true)).await, Err("gone".to_owned()));
        assert_eq!(told(Form::Csv, counting(3, true)).await, Err("the answer was broken off".to_owned()));
    }

    #[actix_web::test]
    async fn a_reader_that_goes_away_gives_its_seat_back() {
        let seats = seats();
        let seat = Seat::take(&seats, 1).expect("a seat");
        let endless = counting(usize::MAX, false);
        let answer = answer(Form::Ndjson, COLUMNS, seat, endless, RequestId::minted([0; 16]))
            .await
            .expect("an answer");
        let mut body = answer.into_body();
        let first =
            futures::future::poll_fn(|context| std::pin::Pin::new(&mut body).poll_next(context)).await;
        assert!(first.is_some());
        let full = Seat::take(&seats, 1).err().expect("no other seat");
        assert_eq!(full.code(), crate::http::problem::Code::Unavailable);
        drop(body);
        // Free as soon as the task has met that nobody reads.
        drop(seats.acquire().await.expect("a seat"));
    }

    #[actix_web::test]
    async fn a_reader_that_takes_nothing_is_cut_off() {
        let (to, parts) = mpsc::channel(1);
        let stall = Duration::from_millis(5);
        assert!(send(&to, Part::Text("a".to_owned()), stall).await);
        assert!(!send(&to, Part::Text("b".to_owned()), stall).await);
        drop(to);
        let body = body(parts);
        pin_mut!(body);
        assert_eq!(body.next().await.expect("a part").expect("a text"), "a");
        assert!(body.try_next().await.is_err());
        assert!(body.next().await.is_none());
    }
}
