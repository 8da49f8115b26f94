//! One import over plain HTTP/1.1: the body goes out as the file is read, while another thread reads the answer, as the service
//! wants it. TLS ends before the service in any case; on its own machine it is asked without.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use crate::limits;
use crate::ops::StartError;

/// How long neither side may be silent: beyond what the service waits for its database.
const SILENCE: Duration = Duration::from_secs(120);
const CHUNK_BYTES: usize = 64 * 1024;
/// Of what is wrong with a first line.
const FAULTS_TOLD: usize = 5;

pub struct Upload {
    host: String,
    head: String,
}

/// A line of the answer.
pub enum Told {
    Line(Value),
    End(Value),
}

type Outcome = Result<Told, StartError>;

/// A body on its way.
pub struct Body {
    out: TcpStream,
    buffer: Vec<u8>,
    told: Receiver<Outcome>,
    reading: JoinHandle<()>,
    /// the service has answered and takes no more
    closed: bool,
}

impl Upload {
    pub fn new(url: &str, tenant: &str, token: &str) -> Result<Self, StartError> {
        let Some(rest) = url.strip_prefix("http://") else {
            return Err(StartError::new(format!(
                "--url {url} is not plain http. Run this where the service listens, or send the lines with curl: see docs/MOVING-IN.md."
            )));
        };
        let (host, base) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let sound = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !sound(host) || !sound(tenant) || tenant.contains(['/', '?', '#', '%']) {
            return Err(StartError::new("--url or --tenant is not well formed."));
        }
        if !sound(token) {
            return Err(StartError::new("The token file holds no operator token."));
        }
        let host = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
        let base = base.trim_end_matches('/');
        let head = format!(
            "POST {base}/api/admin/v1/tenants/{tenant}/keys/import HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        );
        Ok(Upload { host, head })
    }

    pub fn begin(&self) -> Result<Body, StartError> {
        let failed = |error: std::io::Error| {
            StartError::new(format!("The service at {} can't be reached: {error}.", self.host))
        };
        let mut addresses = self.host.to_socket_addrs().map_err(failed)?;
        let address = addresses.next().ok_or_else(|| StartError::new("The host has no address."))?;
        let mut out = TcpStream::connect_timeout(&address, limits::CONNECT_WAIT).map_err(failed)?;
        out.set_read_timeout(Some(SILENCE)).map_err(failed)?;
        out.set_write_timeout(Some(SILENCE)).map_err(failed)?;
        out.write_all(self.head.as_bytes()).map_err(failed)?;
        let answer = out.try_clone().map_err(failed)?;
        // As many lines as one piece of the file has: it is of bounded size.
        let (tell, told) = channel();
        let reading = std::thread::spawn(move || read(answer, &tell));
        Ok(Body { out, buffer: Vec::with_capacity(2 * CHUNK_BYTES), told, reading, closed: false })
    }
}

impl Body {
    pub fn write(&mut self, text: &[u8]) {
        self.buffer.extend_from_slice(text);
        if self.buffer.len() >= CHUNK_BYTES {
            self.flush();
        }
    }

    /// A service that refused the whole has hung up; its answer says why.
    fn flush(&mut self) {
        if !self.buffer.is_empty() && !self.closed {
            let size = format!("{:x}\r\n", self.buffer.len());
            let parts = [size.as_bytes(), &self.buffer, b"\r\n"];
            self.closed = parts.iter().any(|part| self.out.write_all(part).is_err());
        }
        self.buffer.clear();
    }

    /// Everything that the service said.
    pub fn finish(mut self) -> impl Iterator<Item = Outcome> {
        self.flush();
        if !self.closed {
            // A connection that broke is told by the answer that is missing.
            let _ = self.out.write_all(b"0\r\n\r\n");
        }
        let Body { told, reading, .. } = self;
        let mut reading = Some(reading);
        std::iter::from_fn(move || {
            let next = told.recv().ok();
            if next.is_none() && reading.take().is_some_and(|reading| reading.join().is_err()) {
                return Some(Err(StartError::new("The answer could not be read to its end.")));
            }
            next
        })
    }
}

fn read(answer: TcpStream, tell: &Sender<Outcome>) {
    let outcome = read_answer(BufReader::new(answer), tell);
    if let Err(error) = outcome {
        // Nobody listens any more when this fails.
        let _ = tell.send(Err(error));
    }
}

fn broken(error: impl std::fmt::Display) -> StartError {
    StartError::new(format!("The connection broke: {error}. Run the same again; what is imported stays."))
}

/// A read that failed: mostly, because the service has ended.
fn cut(error: std::io::Error) -> StartError {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    match error.kind() {
        BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof => broken("the service went away"),
        _ => broken(error),
    }
}

fn read_answer(mut answer: BufReader<TcpStream>, tell: &Sender<Outcome>) -> Result<(), StartError> {
    let (status, chunked) = read_head(&mut answer)?;
    if status != 200 {
        let mut problem = Vec::new();
        answer.take(limits::BODY_BYTES as u64).read_to_end(&mut problem).map_err(cut)?;
        let text = String::from_utf8_lossy(&problem);
        let problem: Value = serde_json::from_str(text.trim()).unwrap_or_default();
        return Err(StartError::new(format!(
            "The service refused the import ({status}): {}",
            reason(&problem)
        )));
    }
    let mut lines = BufReader::new(Chunks { answer, left: 0, ended: !chunked });
    let mut text = String::new();
    loop {
        text.clear();
        if lines.read_line(&mut text).map_err(cut)? == 0 {
            return Err(broken("the service went away"));
        }
        let mut line: Value = serde_json::from_str(&text).map_err(broken)?;
        let summary = line.get_mut("summary").map(Value::take);
        let ended = summary.is_some();
        // Whoever does not listen any more has failed for a reason of its own.
        let _ = tell.send(Ok(summary.map_or(Told::Line(line), Told::End)));
        if ended {
            return Ok(());
        }
    }
}

/// What a problem says, with the first few of the places that it lists.
fn reason(problem: &Value) -> String {
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

/// The status, and whether the body comes in chunks.
fn read_head(answer: &mut impl BufRead) -> Result<(u16, bool), StartError> {
    let mut head = String::new();
    let mut bounded = answer.take(limits::HEAD_BYTES as u64);
    while !head.ends_with("\r\n\r\n") {
        if bounded.read_line(&mut head).map_err(cut)? == 0 {
            return Err(broken("the service went away without an answer"));
        }
    }
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    Ok((status.ok_or_else(|| broken("there is no status"))?, chunked))
}

/// A chunked body, read as one.
struct Chunks {
    answer: BufReader<TcpStream>,
    left: usize,
    ended: bool,
}

impl Read for Chunks {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
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
    use std::net::{Shutdown, TcpListener};

    use serde_json::json;

    use super::*;

    /// What is told when the service says this much and is gone.
    fn after(said: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let upload = Upload::new(&url, "acme", "token").expect("well formed");
        let body = upload.begin().expect("it listens");
        let (mut service, _) = listener.accept().expect("a connection");
        service.write_all(said.as_bytes()).expect("written");
        service.shutdown(Shutdown::Write).expect("an end");
        let last = body.finish().last().expect("something is told");
        last.err().expect("an error").to_string()
    }

    #[test]
    fn a_service_that_ends_in_the_middle_is_told_so_wherever_that_was() {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let line = r#"{"line":2,"outcome":"imported"}"#;
        for said in [
            String::new(),
            head[..20].to_owned(),
            head.to_owned(),
            format!("{head}20\r\n{}", &line[..9]),
            format!("{head}20\r\n{line}\n\r\n"),
        ] {
            let told = after(&said);
            assert!(told.contains("the service went away"), "{said:?}: {told}");
            assert!(told.ends_with("Run the same again; what is imported stays."), "{told}");
        }
    }

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
