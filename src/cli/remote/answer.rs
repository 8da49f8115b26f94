//! An answer as it comes: its status, its headers, and its body, which is whole or fails.

use std::io::{BufRead, BufReader, Read};
use std::time::Duration;

use serde_json::Value;

use crate::cli::table::visible;
use crate::limits;

/// Of what is wrong with a request.
const FAULTS_TOLD: usize = 5;
/// A chunk's size, in hexadecimal digits, with its end.
const CHUNK_LINE_BYTES: u64 = 64;

type Source = BufReader<Box<dyn Read + Send>>;

pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    rest: Source,
}

impl Answer {
    /// Its head. What went wrong is told in words.
    pub fn read(stream: impl Read + Send + 'static) -> Result<Answer, String> {
        let mut rest: Source = BufReader::new(Box::new(stream));
        let mut head = String::new();
        let mut bounded = rest.by_ref().take(limits::HEAD_BYTES as u64);
        while !head.ends_with("\r\n\r\n") {
            if bounded.read_line(&mut head).map_err(cut)? == 0 {
                return Err("the service went away without an answer".to_owned());
            }
        }
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|first| first.split(' ').nth(1)?.parse().ok());
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers =
            headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
        Ok(Answer { status: status.ok_or("there is no status")?, headers, rest })
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Its type, without parameters.
    pub fn media_type(&self) -> &str {
        self.header("content-type").and_then(|value| value.split(';').next()).unwrap_or_default().trim()
    }

    /// How long the service, too busy to answer, wants to be left alone.
    pub fn wait(&self) -> Option<Duration> {
        let seconds = self.header("retry-after").filter(|_| matches!(self.status, 429 | 503))?;
        seconds.parse().ok().map(Duration::from_secs)
    }

    fn is_chunked(&self) -> bool {
        self.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
    }

    fn length(&self) -> Option<u64> {
        self.header("content-length").and_then(|length| length.parse().ok())
    }

    /// Whether it says where it ends: of any other nobody can tell that it is whole.
    pub fn has_an_end(&self) -> bool {
        self.is_chunked() || self.length().is_some()
    }

    pub fn body(self) -> impl BufRead {
        let chunks = self.is_chunked();
        let left = if chunks { Some(0) } else { self.length() };
        BufReader::new(Body { rest: self.rest, left, chunks })
    }
}

/// A read that failed: mostly, because the service has ended.
pub fn cut(error: std::io::Error) -> String {
    use std::io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof, WouldBlock,
    };
    match error.kind() {
        BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof => {
            "the service went away".to_owned()
        }
        TimedOut | WouldBlock => "the service says nothing more".to_owned(),
        _ => error.to_string(),
    }
}

/// What a problem says, with the first few of the places that it lists, and by what whoever runs the service finds it in its log.
pub fn reason(problem: &Value) -> String {
    let told = |value: &Value| visible(value.as_str().unwrap_or_default());
    let detail = problem["detail"].as_str().map_or("it gave no reason".to_owned(), visible);
    let mut text = format!("{}.", detail.trim_end_matches('.'));
    let faults = problem["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    for fault in faults.iter().take(FAULTS_TOLD) {
        text.push_str(&format!("\n  {}: {}", told(&fault["pointer"]), told(&fault["detail"])));
    }
    if faults.len() > FAULTS_TOLD {
        text.push_str(&format!("\n  and {} more", faults.len() - FAULTS_TOLD));
    }
    if problem["request_id"].is_string() {
        text.push_str(&format!("\n  request id: {}", told(&problem["request_id"])));
    }
    text
}

/// A body that is whole when it ends; what says neither its length nor comes in chunks ends with the connection.
struct Body {
    rest: Source,
    /// of the chunk, or of the whole; none: to the end of the connection
    left: Option<u64>,
    chunks: bool,
}

impl Body {
    fn begin_chunk(&mut self) -> std::io::Result<()> {
        let mut size = String::new();
        self.rest.by_ref().take(CHUNK_LINE_BYTES).read_line(&mut size)?;
        if !size.ends_with('\n') {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        // The end of the chunk before.
        if size.trim().is_empty() {
            return Ok(());
        }
        let bad = |_| std::io::Error::new(std::io::ErrorKind::InvalidData, "a chunk has no size");
        let digits = size.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(digits, 16).map_err(bad)?;
        self.left = Some(size);
        self.chunks = size > 0;
        Ok(())
    }
}

impl Read for Body {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        while self.left == Some(0) && self.chunks {
            self.begin_chunk()?;
        }
        let room = out.len();
        let most = self.left.map_or(room, |left| usize::try_from(left).map_or(room, |left| left.min(room)));
        let read = self.rest.read(&mut out[..most])?;
        if read == 0 && most > 0 && self.left.is_some() {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        self.left = self.left.map(|left| left.saturating_sub(read as u64));
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refusal_names_the_first_places_and_the_request() {
        let faults: Vec<Value> =
            (0..7).map(|each| json!({"pointer": format!("/m{each}"), "detail": "not known"})).collect();
        let problem = json!({"detail": "7 things are wrong with it; see errors.", "errors": faults});
        let text = reason(&problem);
        assert!(text.starts_with("7 things are wrong with it; see errors.\n  /m0: not known\n"), "{text}");
        assert!(text.contains("/m4") && !text.contains("/m5") && text.ends_with("and 2 more"), "{text}");
        assert_eq!(reason(&Value::Null), "it gave no reason.");
        let hostile = json!({"detail": "no\u{1b}[2J\nway", "request_id": "r\u{7}1"});
        assert_eq!(reason(&hostile), "no\\u{1b}[2J\\nway.\n  request id: r\\u{7}1");
    }

    fn told(answer: &'static str) -> Result<String, String> {
        let answer = Answer::read(answer.as_bytes())?;
        let mut text = String::new();
        answer.body().read_to_string(&mut text).map_err(cut)?;
        Ok(text)
    }

    #[test]
    fn a_body_is_whole_or_fails_wherever_it_was_cut() {
        const CHUNKED: &str =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;x=1\r\nabcd\r\n2\r\nef\r\n0\r\n\r\n";
        const LENGTH: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabcdef";
        for whole in [CHUNKED, LENGTH] {
            assert_eq!(told(whole), Ok("abcdef".to_owned()));
        }
        // The size of the last chunk says that it is the last; the line behind it says nothing.
        for (whole, needed) in [(CHUNKED, CHUNKED.len() - 2), (LENGTH, LENGTH.len())] {
            for end in 0..needed {
                assert!(told(&whole[..end]).is_err(), "{:?}", &whole[..end]);
            }
        }
        assert_eq!(told("HTTP/1.1 200 OK\r\n\r\nabc"), Ok("abc".to_owned()));
        for bad in ["HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"] {
            assert!(told(bad).is_err(), "{bad:?}");
        }
    }
}
