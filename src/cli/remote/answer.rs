//! An answer as it comes: its status, and its body, be it in chunks or not.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;

use serde_json::Value;

use crate::limits;

/// Of what is wrong with a request.
const FAULTS_TOLD: usize = 5;

pub struct Answer {
    pub status: u16,
    chunked: bool,
    rest: BufReader<TcpStream>,
}

impl Answer {
    /// Its head. What went wrong is told in words.
    pub fn read(mut rest: BufReader<TcpStream>) -> Result<Answer, String> {
        let mut head = String::new();
        let mut bounded = rest.by_ref().take(limits::HEAD_BYTES as u64);
        while !head.ends_with("\r\n\r\n") {
            if bounded.read_line(&mut head).map_err(cut)? == 0 {
                return Err("the service went away without an answer".to_owned());
            }
        }
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
        Ok(Answer { status: status.ok_or("there is no status")?, chunked, rest })
    }

    pub fn body(self) -> impl BufRead {
        BufReader::new(Chunks { answer: self.rest, left: 0, ended: !self.chunked, whole: !self.chunked })
    }
}

/// A read that failed: mostly, because the service has ended.
pub fn cut(error: std::io::Error) -> String {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    match error.kind() {
        BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof => {
            "the service went away".to_owned()
        }
        _ => error.to_string(),
    }
}

/// What a problem says, with the first few of the places that it lists.
pub fn reason(problem: &Value) -> String {
    let detail = problem["detail"].as_str().unwrap_or("it gave no reason");
    let mut text = format!("{}.", detail.trim_end_matches('.'));
    let faults = problem["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    for fault in faults.iter().take(FAULTS_TOLD) {
        let place = fault["pointer"].as_str().unwrap_or_default();
        text.push_str(&format!("\n  {place}: {}", fault["detail"].as_str().unwrap_or_default()));
    }
    if faults.len() > FAULTS_TOLD {
        text.push_str(&format!("\n  and {} more", faults.len() - FAULTS_TOLD));
    }
    text
}

/// A chunked body, read as one; what is not chunked ends with the connection.
struct Chunks {
    answer: BufReader<TcpStream>,
    left: usize,
    ended: bool,
    whole: bool,
}

impl Read for Chunks {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.whole {
            return self.answer.read(out);
        }
        while self.left == 0 && !self.ended {
            let mut size = String::new();
            if self.answer.by_ref().take(64).read_line(&mut size)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            // The end of the chunk before.
            if size.trim().is_empty() && !size.is_empty() {
                continue;
            }
            let bad = |_| std::io::Error::new(std::io::ErrorKind::InvalidData, "a chunk has no size");
            self.left = usize::from_str_radix(size.trim(), 16).map_err(bad)?;
            self.ended = self.left == 0;
        }
        let most = self.left.min(out.len());
        let read = self.answer.read(&mut out[..most])?;
        if read == 0 && most > 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refusal_names_the_first_places() {
        let faults: Vec<Value> =
            (0..7).map(|each| json!({"pointer": format!("/m{each}"), "detail": "not known"})).collect();
        let problem = json!({"detail": "7 things are wrong with it; see errors.", "errors": faults});
        let text = reason(&problem);
        assert!(text.starts_with("7 things are wrong with it; see errors.\n  /m0: not known\n"), "{text}");
        assert!(text.contains("/m4") && !text.contains("/m5") && text.ends_with("and 2 more"), "{text}");
        assert_eq!(reason(&Value::Null), "it gave no reason.");
    }
}
