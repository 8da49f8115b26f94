//! A body of lines, read as they arrive. A line that is too long fails alone; a body that is too long, or that stops coming, fails
//! as a whole.

use actix_web::HttpRequest;
use actix_web::error::PayloadError;
use actix_web::http::header;
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};

use super::problem::Problem;
use crate::limits;

pub struct Lines<S> {
    stream: S,
    buffer: BytesMut,
    /// of the buffer: no line ends before it
    searched: usize,
    read: usize,
    number: u64,
    ended: bool,
    /// the rest of a line that is too long is on its way
    skipping: bool,
}

/// One that is not blank, and its number among all, from 1 on.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    pub number: u64,
    pub text: LineText,
}

#[derive(Debug, PartialEq, Eq)]
pub enum LineText {
    Whole(Bytes),
    TooLong,
}

impl<S: Stream<Item = Result<Bytes, PayloadError>> + Unpin> Lines<S> {
    /// A body that is announced longer than it may be is not read at all.
    pub fn new(request: &HttpRequest, stream: S) -> Result<Self, Problem> {
        let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        let announced: usize = announced.and_then(|text| text.parse().ok()).unwrap_or(0);
        match announced > limits::IMPORT_BYTES {
            true => Err(Problem::too_large(limits::IMPORT_BYTES)),
            false => Ok(Lines::of(stream)),
        }
    }

    fn of(stream: S) -> Self {
        let buffer = BytesMut::new();
        Lines { stream, buffer, searched: 0, read: 0, number: 0, ended: false, skipping: false }
    }

    /// May be given up at any moment, and asked again: nothing is lost.
    pub async fn next(&mut self) -> Result<Option<Line>, Problem> {
        loop {
            while let Some(text) = self.held() {
                self.number += 1;
                let blank = matches!(&text, LineText::Whole(text) if text.trim_ascii().is_empty());
                if !blank {
                    return Ok(Some(Line { number: self.number, text }));
                }
            }
            if self.ended {
                return Ok(None);
            }
            match self.stream.next().await {
                None => self.ended = true,
                Some(Err(PayloadError::Overflow)) => return Err(Problem::too_large(limits::IMPORT_BYTES)),
                Some(Err(other)) => {
                    let problem = Problem::invalid("the body did not arrive whole; send it again");
                    return Err(problem.with_cause(other.to_string()));
                }
                Some(Ok(chunk)) => {
                    self.read += chunk.len();
                    if self.read > limits::IMPORT_BYTES {
                        return Err(Problem::too_large(limits::IMPORT_BYTES));
                    }
                    self.buffer.extend_from_slice(&chunk);
                }
            }
        }
    }

    /// The next line of what has arrived; at the end the last one, which need not be ended.
    fn held(&mut self) -> Option<LineText> {
        let end = self.buffer[self.searched..].iter().position(|&byte| byte == b'\n');
        if let Some(end) = end {
            let line = self.buffer.split_to(self.searched + end + 1);
            self.searched = 0;
            return Some(self.finished(line));
        }
        self.searched = self.buffer.len();
        if self.searched > limits::IMPORT_LINE_BYTES {
            self.skipping = true;
            self.buffer.clear();
            self.searched = 0;
        }
        let last = self.ended && (self.skipping || !self.buffer.is_empty());
        last.then(|| {
            let line = self.buffer.split();
            self.searched = 0;
            self.finished(line)
        })
    }

    fn finished(&mut self, line: BytesMut) -> LineText {
        let too_long = std::mem::take(&mut self.skipping) || line.len() > limits::IMPORT_LINE_BYTES;
        if too_long { LineText::TooLong } else { LineText::Whole(line.freeze()) }
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    async fn all(chunks: Vec<Bytes>) -> Vec<(u64, String)> {
        let mut lines = Lines::of(stream::iter(chunks.into_iter().map(Ok)));
        let mut found = Vec::new();
        while let Some(line) = lines.next().await.expect("a body") {
            let text = match line.text {
                LineText::Whole(text) => String::from_utf8_lossy(text.trim_ascii()).into_owned(),
                LineText::TooLong => "too long".to_owned(),
            };
            found.push((line.number, text));
        }
        found
    }

    fn cut(text: &str, at: usize) -> Vec<Bytes> {
        text.as_bytes().chunks(at).map(Bytes::copy_from_slice).collect()
    }

    #[actix_web::test]
    async fn lines_come_out_whole_however_the_body_is_cut() {
        let body = "one\r\n\n  \ntwo\nthree";
        let expected = vec![(1, "one".to_owned()), (4, "two".to_owned()), (5, "three".to_owned())];
        for at in 1..=body.len() {
            assert_eq!(all(cut(body, at)).await, expected, "cut every {at}");
        }
        assert_eq!(all(Vec::new()).await, []);
        assert_eq!(all(cut("\n\n", 1)).await, []);
    }

    #[actix_web::test]
    async fn a_line_that_is_too_long_fails_alone_and_is_not_held() {
        let long = "x".repeat(limits::IMPORT_LINE_BYTES + 1);
        let body = format!("one\n{long}\ntwo\n{long}");
        let named = |number, text: &str| (number, text.to_owned());
        let expected = vec![named(1, "one"), named(2, "too long"), named(3, "two"), named(4, "too long")];
        for at in [1000, 64 * 1024, body.len()] {
            assert_eq!(all(cut(&body, at)).await, expected, "cut every {at}");
        }
    }

    #[actix_web::test]
    async fn an_endless_body_is_given_up_at_its_limit() {
        let chunk = Bytes::from(vec![b'x'; 1024 * 1024]);
        let mut lines = Lines::of(stream::repeat_with(move || Ok(chunk.clone())));
        let problem = lines.next().await.expect_err("too large");
        assert_eq!(problem.code(), super::super::problem::Code::TooLarge);
        assert_eq!(lines.read, limits::IMPORT_BYTES + 1024 * 1024);
        assert!(lines.buffer.capacity() < 4 * 1024 * 1024, "{}", lines.buffer.capacity());
    }
}
