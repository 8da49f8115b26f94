//! A running service, asked over HTTP/1.1: by auditors from wherever they are, through whatever ends TLS before it; and without TLS
//! by commands beside it.

mod address;
mod answer;
mod feed;
mod pages;
mod stream;

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Arg, ArgMatches, value_parser};
use rustls::ClientConfig;
use serde_json::Value;

use super::complain;
use crate::limits;
use crate::ops::StartError;
use crate::outbound::trust;

use address::is_sound;
pub use address::{Address, segment, with};
pub use answer::{Answer, cut, reason};
pub use feed::Feed;
pub use pages::Pages;
use stream::Stream;

/// Where the service is, and by whom it is asked.
pub struct Remote {
    address: Address,
    token: String,
    silence: Duration,
    /// none: it is asked without TLS
    tls: Option<Arc<ClientConfig>>,
}

/// What every command takes that asks a service. `role`: of the operator whose token it is.
pub fn flags(role: &'static str) -> [Arg; 3] {
    let flag =
        |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value).num_args(1);
    [
        flag("url", "URL")
            .help("where the service listens")
            .default_value("http://127.0.0.1:8080")
            .value_parser(Address::read),
        flag("token-file", "FILE").help(role).required(true).value_parser(value_parser!(PathBuf)),
        flag("silence-seconds", "N")
            .help(format!(
                "give up when the service is silent for so long [{}]",
                limits::ASK_SILENCE.as_secs()
            ))
            .value_parser(value_parser!(u32).range(1..)),
    ]
}

/// What a command takes besides that may ask over TLS.
pub fn ca_flag() -> Arg {
    Arg::new("ca-file")
        .long("ca-file")
        .value_name("FILE")
        .help("PEM roots that the certificate of an https URL must lead to [the system's]")
        .value_parser(value_parser!(PathBuf))
}

/// The flag that says whose.
pub fn tenant_flag() -> Arg {
    let help = "whose, by id or slug";
    Arg::new("tenant").long("tenant").value_name("TENANT").num_args(1).help(help).value_parser(segment)
}

/// Where what a tenant has is found.
pub fn tenant_path(given: &ArgMatches) -> String {
    format!(
        "/api/admin/v1/tenants/{}",
        given.get_one::<String>("tenant").map(String::as_str).unwrap_or_default()
    )
}

impl Remote {
    /// As the flags say.
    pub fn of(given: &ArgMatches) -> Result<Remote, StartError> {
        let file = given.get_one::<PathBuf>("token-file").cloned().unwrap_or_default();
        let token = std::fs::read_to_string(&file);
        let token =
            token.map_err(|error| StartError::new(format!("{} can't be read: {error}.", file.display())))?;
        let address = given.get_one::<Address>("url").ok_or_else(|| StartError::new("--url is missing."))?;
        let mut remote = Remote::new(address.clone(), token.trim())?;
        if address.is_https {
            // Not every command takes it.
            let file = given.try_get_one::<PathBuf>("ca-file").ok().flatten();
            let roots = trust(file.map(PathBuf::as_path));
            let roots =
                roots.map_err(|error| StartError::new(format!("--ca-file can't be read: {error}.")))?;
            remote.tls = Some(roots);
        } else if !address.stays_on_this_machine() {
            complain(&format!(
                "Everybody on the way to {} can read the token and the answers; https hides both.",
                address.host
            ));
        }
        if let Some(seconds) = given.get_one::<u32>("silence-seconds") {
            remote.silence = Duration::from_secs((*seconds).into());
        }
        Ok(remote)
    }

    fn new(address: Address, token: &str) -> Result<Remote, StartError> {
        if !is_sound(token) {
            return Err(StartError::new("The token file holds no operator token."));
        }
        Ok(Remote { address, token: token.to_owned(), silence: limits::ASK_SILENCE, tls: None })
    }

    /// The first lines of a request, without the one that ends them.
    pub fn head(&self, method: &str, path: &str) -> String {
        let Remote { address: Address { host, base, .. }, token, .. } = self;
        format!(
            "{method} {base}{path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n"
        )
    }

    /// For whoever says and hears something at the same time, which goes without TLS alone.
    pub fn connect_plain(&self) -> Result<TcpStream, StartError> {
        if self.tls.is_some() {
            return Err(StartError::new(
                "This goes over plain http alone. Run it where the service listens, or ask it with curl: see docs/API.md.",
            ));
        }
        self.connect_for(self.silence)
    }

    /// `silence`: how long neither side may say nothing.
    fn connect_for(&self, silence: Duration) -> Result<TcpStream, StartError> {
        let host = &self.address.host;
        let failed = |error: std::io::Error| {
            StartError::new(format!("The service at {host} can't be reached: {error}."))
        };
        let mut last = StartError::new("The host has no address.");
        for address in host.to_socket_addrs().map_err(failed)?.take(limits::ADDRESSES_TRIED) {
            match TcpStream::connect_timeout(&address, limits::CONNECT_WAIT) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(silence)).map_err(failed)?;
                    stream.set_write_timeout(Some(silence)).map_err(failed)?;
                    return Ok(stream);
                }
                Err(error) => last = failed(error),
            }
        }
        Err(last)
    }

    /// One document for another.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value, StartError> {
        let body = body.to_string();
        let lines = format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
        let request = [self.head("POST", path), lines, body].concat();
        document(self.asked(&request)?)
    }

    /// An answer of one of these types, 200; anything else is told as the service tells it.
    pub fn get(&self, path: &str, accepted: &str) -> Result<Answer, StartError> {
        let answer = self.asked(&self.reading(path, accepted))?;
        if answer.status != 200 {
            return Err(refused(answer));
        }
        if answer.media_type() != accepted {
            return Err(StartError::new(format!(
                "The service does not tell this as {accepted}. It may be older than this command, or --url leads elsewhere."
            )));
        }
        Ok(answer)
    }

    pub fn document(&self, path: &str) -> Result<Value, StartError> {
        document(self.asked(&self.reading(path, "application/json"))?)
    }

    /// None where the service knows nothing of the kind.
    pub fn document_if_there(&self, path: &str) -> Result<Option<Value>, StartError> {
        let answer = self.asked(&self.reading(path, "application/json"))?;
        if answer.status == 404 { Ok(None) } else { document(answer).map(Some) }
    }

    fn reading(&self, path: &str, accepted: &str) -> String {
        format!("{}Accept: {accepted}\r\n\r\n", self.head("GET", path))
    }

    /// Asked again, so many times, while the service says when it will be less busy. Only what changes nothing is asked so.
    fn asked(&self, request: &str) -> Result<Answer, StartError> {
        let mut attempt = 1;
        loop {
            let answer = self.exchange(request, self.silence)?;
            let wait = answer.wait().filter(|wait| *wait <= limits::ASK_AGAIN_WAIT);
            let Some(wait) = wait.filter(|_| attempt < limits::ASK_ATTEMPTS) else { return Ok(answer) };
            complain(&format!("The service is busy; asking again in {} s.", wait.as_secs()));
            std::thread::sleep(wait);
            attempt += 1;
        }
    }

    fn exchange(&self, request: &str, silence: Duration) -> Result<Answer, StartError> {
        let tcp = self.connect_for(silence)?;
        let mut stream = match &self.tls {
            None => Stream::Plain(tcp),
            Some(tls) => {
                let Address { host, .. } = &self.address;
                let failed = |why| StartError::new(format!("There is no safe connection to {host}: {why}."));
                Stream::secure(tcp, tls.clone(), self.address.name()).map_err(failed)?
            }
        };
        // A service that refuses the whole hangs up; its answer says why.
        let _ = stream.write_all(request.as_bytes());
        Answer::read(stream).map_err(broken)
    }
}

/// A connection that did not bring the whole answer.
pub fn broken(why: impl std::fmt::Display) -> StartError {
    StartError::new(format!("The connection broke: {why}. Ask again."))
}

/// What the service says instead of an answer.
pub fn refused(answer: Answer) -> StartError {
    let status = answer.status;
    let mut told = Vec::new();
    let read = answer.body().take(limits::BODY_BYTES as u64).read_to_end(&mut told);
    let problem = read.ok().and_then(|_| serde_json::from_slice(&told).ok()).unwrap_or_default();
    StartError::new(format!("The service refused it ({status}): {}", reason(&problem)))
}

fn document(answer: Answer) -> Result<Value, StartError> {
    let told: Value = serde_json::from_slice(&whole(answer)?).unwrap_or_default();
    if told.is_object() { Ok(told) } else { Err(broken("what it answered is no document")) }
}

/// All of a 200's body.
fn whole(answer: Answer) -> Result<Vec<u8>, StartError> {
    if answer.status != 200 {
        return Err(refused(answer));
    }
    let mut told = Vec::new();
    let bounded = answer.body().take(limits::ASK_DOCUMENT_BYTES).read_to_end(&mut told);
    bounded.map_err(cut).map_err(broken)?;
    Ok(told)
}

/// A service at an address, for tests of what becomes of its answers.
#[cfg(test)]
pub fn at(url: &str) -> Remote {
    let address = Address::read(url).unwrap_or_else(|error| panic!("{error}"));
    Remote::new(address, "token").unwrap_or_else(|error| panic!("{error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_asked_is_told_before_anything_is_sent() {
        for url in [
            "ftp://127.0.0.1",
            "https://",
            "127.0.0.1:8080",
            "http://",
            "http://a b",
            "http://user:word@127.0.0.1",
            "http://127.0.0.1/a b",
        ] {
            assert!(Address::read(url).is_err(), "{url}");
        }
        let address = Address::read("http://127.0.0.1/ledger/").expect("well formed");
        for token in ["", "a b", "a\r\nHost: b"] {
            assert!(Remote::new(address.clone(), token).is_err(), "{token}");
        }
        let remote = Remote::new(address, "t").expect("well formed");
        assert!(
            remote
                .head("GET", "/healthz")
                .starts_with("GET /ledger/healthz HTTP/1.1\r\nHost: 127.0.0.1:80\r\n")
        );
    }
}
