//! One import: the body goes out as the file is read, while another thread reads the answer, as the service wants it.

use std::io::{BufRead, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use serde_json::Value;

use crate::cli::remote::{Answer, Remote, cut, reason};
use crate::limits;
use crate::ops::StartError;

const CHUNK_BYTES: usize = 64 * 1024;

pub struct Upload {
    remote: Remote,
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
    /// `tenant`: the path of whose they will be.
    pub fn new(remote: Remote, tenant: &str) -> Self {
        let head = remote.head("POST", &format!("{tenant}/keys/import"))
            + "Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n";
        Upload { remote, head }
    }

    pub fn begin(&self) -> Result<Body, StartError> {
        let mut out = self.remote.connect_plain()?;
        let failed =
            |error: std::io::Error| StartError::new(format!("The service can't be reached: {error}."));
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
    let outcome = read_answer(answer, tell);
    if let Err(error) = outcome {
        // Nobody listens any more when this fails.
        let _ = tell.send(Err(error));
    }
}

fn broken(error: impl std::fmt::Display) -> StartError {
    StartError::new(format!("The connection broke: {error}. Run the same again; what is imported stays."))
}

fn read_answer(answer: TcpStream, tell: &Sender<Outcome>) -> Result<(), StartError> {
    let answer = Answer::read(answer).map_err(broken)?;
    let (status, mut lines) = (answer.status, answer.body());
    let cut = |error| broken(cut(error));
    if status != 200 {
        let mut problem = Vec::new();
        lines.take(limits::BODY_BYTES as u64).read_to_end(&mut problem).map_err(cut)?;
        let problem: Value = serde_json::from_slice(&problem).unwrap_or_default();
        return Err(StartError::new(format!(
            "The service refused the import ({status}): {}",
            reason(&problem)
        )));
    }
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

#[cfg(test)]
mod tests {
    use std::net::{Shutdown, TcpListener};

    use super::*;
    use crate::cli::remote;

    /// What is told when the service says this much and is gone.
    fn after(said: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let upload = Upload::new(remote::at(&url), "/api/admin/v1/tenants/acme");
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
}
