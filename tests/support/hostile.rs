//! A service that answers each connection as it is told to, whatever is asked: for whoever asks services that break.
#![allow(dead_code)] // each test binary uses its part of this

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

/// What is done with a connection once its request has come.
pub enum Does {
    /// says this and hangs up
    Says(String),
    /// says this and nothing more, and stays, until whoever asked is gone
    Hangs(String),
}

pub struct Hostile {
    pub url: String,
    asked: Receiver<String>,
}

impl Hostile {
    /// One connection after the other.
    pub fn that(answers: Vec<Does>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let (tell, asked) = channel();
        std::thread::spawn(move || {
            for does in answers {
                let (mut stream, _) = listener.accept().expect("a connection");
                let head = head(&stream);
                let _ = tell.send(head);
                does.with(&mut stream);
            }
        });
        Hostile { url, asked }
    }

    /// The heads of the requests that came, whole, in their order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.try_iter().collect()
    }
}

/// Of the request that comes; a connection that is closed with something unread loses what was said on it.
pub fn head(stream: &TcpStream) -> String {
    let mut lines = BufReader::new(stream.try_clone().expect("a clone"));
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if lines.read_line(&mut head).expect("a request") == 0 {
            break;
        }
    }
    head
}

impl Does {
    fn with(self, stream: &mut TcpStream) {
        let (Does::Says(text) | Does::Hangs(text)) = &self;
        let _ = stream.write_all(text.as_bytes());
        if let Does::Hangs(_) = self {
            // Until the other side hangs up.
            let _ = std::io::copy(&mut stream.try_clone().expect("a clone"), &mut std::io::sink());
        }
        let _ = stream.shutdown(Shutdown::Write);
    }
}

/// An answer with this body, whole.
pub fn answer(status: u16, media_type: &str, more: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} x\r\nContent-Type: {media_type}\r\n{more}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// An answer in chunks, of which the last one does not come.
pub fn torn(media_type: &str, body: &str) -> String {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nTransfer-Encoding: chunked\r\n\r\n");
    format!("{head}{:x}\r\n{body}\r\n", body.len())
}
