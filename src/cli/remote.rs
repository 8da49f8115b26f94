//! A running service, asked over plain HTTP/1.1 by commands beside it. TLS ends before the service in any case; on its own machine
//! it is asked without.

mod answer;

use std::io::{BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgMatches, value_parser};
use serde_json::Value;

use crate::limits;
use crate::ops::StartError;

pub use answer::{Answer, cut, reason};

/// How long neither side may be silent: beyond what the service waits for its database.
const SILENCE: Duration = Duration::from_secs(120);

/// Where the service is, and by whom it is asked.
pub struct Remote {
    host: String,
    base: String,
    token: String,
}

/// What every command takes that asks a service. `role`: of the operator whose token it is.
pub fn flags(role: &'static str) -> [Arg; 2] {
    let flag =
        |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value).num_args(1);
    [
        flag("url", "URL").help("where the service listens").default_value("http://127.0.0.1:8080"),
        flag("token-file", "FILE").help(role).required(true).value_parser(value_parser!(PathBuf)),
    ]
}

impl Remote {
    /// As the flags say.
    pub fn of(given: &ArgMatches) -> Result<Remote, StartError> {
        let file = given.get_one::<PathBuf>("token-file").cloned().unwrap_or_default();
        let token = std::fs::read_to_string(&file);
        let token =
            token.map_err(|error| StartError::new(format!("{} can't be read: {error}.", file.display())))?;
        let url = given.get_one::<String>("url").map(String::as_str).unwrap_or_default();
        Remote::new(url, token.trim())
    }

    pub fn new(url: &str, token: &str) -> Result<Remote, StartError> {
        let Some(rest) = url.strip_prefix("http://") else {
            return Err(StartError::new(format!(
                "--url {url} is not plain http. Run this where the service listens, or ask it with curl: see docs/API.md."
            )));
        };
        let (host, base) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if !is_sound(host) || (!base.is_empty() && !is_sound(base)) {
            return Err(StartError::new("--url is not well formed."));
        }
        if !is_sound(token) {
            return Err(StartError::new("The token file holds no operator token."));
        }
        let host = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
        Ok(Remote { host, base: base.trim_end_matches('/').to_owned(), token: token.to_owned() })
    }

    /// The first lines of a request, without the one that ends them.
    pub fn head(&self, method: &str, path: &str) -> String {
        let Remote { host, base, token } = self;
        format!(
            "{method} {base}{path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n"
        )
    }

    pub fn connect(&self) -> Result<TcpStream, StartError> {
        let failed = |error: std::io::Error| {
            StartError::new(format!("The service at {} can't be reached: {error}.", self.host))
        };
        let mut addresses = self.host.to_socket_addrs().map_err(failed)?;
        let address = addresses.next().ok_or_else(|| StartError::new("The host has no address."))?;
        let stream = TcpStream::connect_timeout(&address, limits::CONNECT_WAIT).map_err(failed)?;
        stream.set_read_timeout(Some(SILENCE)).map_err(failed)?;
        stream.set_write_timeout(Some(SILENCE)).map_err(failed)?;
        Ok(stream)
    }

    /// One document for another. Whatever is not 200 is told as the service tells it.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value, StartError> {
        let body = body.to_string();
        let lines = format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
        let broken = |error| StartError::new(format!("The connection broke: {error}. Ask again."));
        let mut stream = self.connect()?;
        // A service that refuses the whole hangs up; its answer says why.
        let _ = stream.write_all([self.head("POST", path), lines, body].concat().as_bytes());
        let answer = Answer::read(BufReader::new(stream)).map_err(broken)?;
        let status = answer.status;
        let mut told = Vec::new();
        answer.body().take(ANSWER_BYTES).read_to_end(&mut told).map_err(cut).map_err(broken)?;
        let told: Value = serde_json::from_slice(&told).unwrap_or_default();
        match status {
            200 if told.is_object() => Ok(told),
            200 => Err(broken("what it answered is no document".to_owned())),
            _ => Err(StartError::new(format!("The service refused it ({status}): {}", reason(&told)))),
        }
    }
}

/// Of one document.
const ANSWER_BYTES: u64 = 4 * limits::BODY_BYTES as u64;

/// Whether a text may stand in the head of a request.
pub fn is_sound(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// One piece of a path.
pub fn is_segment(text: &str) -> bool {
    is_sound(text) && !text.contains(['/', '?', '#', '%'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_asked_is_told_before_anything_is_sent() {
        for (url, token) in [
            ("https://127.0.0.1", "t"),
            ("127.0.0.1:8080", "t"),
            ("http://", "t"),
            ("http://a b", "t"),
            ("http://127.0.0.1/a b", "t"),
            ("http://127.0.0.1", ""),
            ("http://127.0.0.1", "a\r\nHost: b"),
        ] {
            assert!(Remote::new(url, token).is_err(), "{url} {token}");
        }
        let remote = Remote::new("http://127.0.0.1/ledger/", "t").expect("well formed");
        assert!(
            remote
                .head("GET", "/healthz")
                .starts_with("GET /ledger/healthz HTTP/1.1\r\nHost: 127.0.0.1:80\r\n")
        );
        assert!(is_segment("acme") && !is_segment("a/b") && !is_segment(""));
    }
}
