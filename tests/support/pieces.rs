//! A request whose body and answer go in pieces at the same time.
#![allow(dead_code)] // each test binary uses its part of this

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use super::service::{Service, Tenant};

/// A body that is sent piece by piece, and its answer, read line by line.
pub struct Pieces {
    pub out: TcpStream,
    answer: BufReader<TcpStream>,
}

impl Pieces {
    /// An import into this tenant.
    pub fn of(tenant: &Tenant<'_>, service: &Service) -> Self {
        let path = format!("{}/keys/import", tenant.path());
        let request = tenant.admin.request("POST", &path).header("Content-Type", "application/x-ndjson");
        let head = request.header("Transfer-Encoding", "chunked").head_bytes(&service.address());
        let mut out = TcpStream::connect(service.address()).expect("a connection");
        out.set_nodelay(true).expect("an option");
        out.set_read_timeout(Some(std::time::Duration::from_secs(60))).expect("an option");
        out.write_all(&head).expect("room");
        let answer = BufReader::new(out.try_clone().expect("a clone"));
        Pieces { out, answer }
    }

    #[track_caller]
    pub fn send(&mut self, text: &str) {
        self.out.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes()).expect("room");
    }

    /// Waits for the head of an answer that is a 200.
    #[track_caller]
    pub fn head(&mut self) {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(self.answer.read_line(&mut head).expect("an answer") > 0, "{head}");
        }
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    }

    /// The next piece of the answer; none at its end.
    #[track_caller]
    pub fn piece(&mut self) -> Option<String> {
        let mut size = String::new();
        self.answer.read_line(&mut size).expect("a piece");
        let size = usize::from_str_radix(size.trim(), 16).expect("a size");
        let mut piece = vec![0; size + 2];
        self.answer.read_exact(&mut piece).expect("a piece");
        piece.truncate(size);
        (size > 0).then(|| String::from_utf8(piece).expect("text"))
    }
}
