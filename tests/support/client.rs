//! A small HTTP/1.1 client over one kept connection: tests see exactly what goes over the wire, and nothing is retried
//! behind their back.
#![allow(dead_code)] // each test binary uses its part of this

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Long beyond any bound that the service promises; a test that meets it has found a hang.
const HANG: Duration = Duration::from_secs(60);

pub struct Client {
    address: SocketAddr,
    connection: Option<BufReader<TcpStream>>,
}

#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn new(method: &str, path: &str) -> Self {
        Request { method: method.to_owned(), path: path.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    pub fn json(self, body: &Value) -> Self {
        self.header("Content-Type", "application/json").body(body.to_string().into_bytes())
    }

    pub fn body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    /// The head as it stands, for bodies that are sent in another way than whole.
    pub fn head_bytes(&self, host: &SocketAddr) -> Vec<u8> {
        [self.head(host).as_bytes(), b"\r\n"].concat()
    }

    fn head(&self, host: &SocketAddr) -> String {
        let mut head = format!("{} {} HTTP/1.1\r\nHost: {host}\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head
    }

    fn bytes(&self, host: &SocketAddr) -> Vec<u8> {
        let mut head = self.head(host);
        if !self.body.is_empty() || matches!(self.method.as_str(), "POST" | "PATCH" | "PUT") {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        head.push_str("\r\n");
        [head.as_bytes(), &self.body].concat()
    }
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {} {:?}", self.status, self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body, of an answer with this status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    /// A problem of this status and code.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.text());
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        assert_eq!(problem["request_id"].as_str(), self.header("x-request-id"), "{problem}");
        problem
    }
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        Client { address, connection: None }
    }

    /// The answer, or how the connection failed. After a failure the next request opens a new connection.
    pub fn try_send(&mut self, request: &Request) -> std::io::Result<Response> {
        let answer = self.exchange(request);
        match &answer {
            Ok(answer) if answer.header("connection") != Some("close") => {}
            _ => self.connection = None,
        }
        answer
    }

    #[track_caller]
    pub fn send(&mut self, request: &Request) -> Response {
        self.try_send(request).unwrap_or_else(|error| panic!("{} {}: {error}", request.method, request.path))
    }

    /// The answer to these bytes. A server that has answered need not take the rest of them.
    #[track_caller]
    pub fn send_raw(&mut self, bytes: &[u8]) -> Response {
        let mut connection = BufReader::new(connect(self.address).expect("a connection"));
        let written = connection.get_mut().write_all(bytes);
        read_response(&mut connection, false)
            .unwrap_or_else(|error| panic!("no answer: {error}, {written:?}"))
    }

    /// A request of which this much is sent so far.
    #[track_caller]
    pub fn begin(&self, bytes: &[u8]) -> Begun {
        let mut connection = BufReader::new(connect(self.address).expect("a connection"));
        connection.get_mut().write_all(bytes).expect("a connection that takes it");
        Begun(connection)
    }

    fn exchange(&mut self, request: &Request) -> std::io::Result<Response> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(BufReader::new(connect(self.address)?)),
        };
        connection.get_mut().write_all(&request.bytes(&self.address))?;
        read_response(connection, request.method == "HEAD")
    }
}

pub struct Begun(BufReader<TcpStream>);

impl Begun {
    /// Waits until the server asks for the rest, as `Expect: 100-continue` in what was sent has it do: it has taken this
    /// request in.
    #[track_caller]
    pub fn is_taken_in(&mut self) {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = self.0.read_line(&mut head).expect("a connection that stays");
            assert!(read > 0, "the server hung up after {head:?}");
        }
        assert!(head.starts_with("HTTP/1.1 100 "), "{head}");
    }

    /// Sends the rest of the request, and waits for its answer.
    pub fn finish(&mut self, bytes: &[u8]) -> std::io::Result<Response> {
        self.0.get_mut().write_all(bytes)?;
        read_response(&mut self.0, false)
    }
}

fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, HANG)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(HANG))?;
    stream.set_write_timeout(Some(HANG))?;
    Ok(stream)
}

fn invalid(what: &str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, what.to_owned())
}

fn read_response(connection: &mut BufReader<TcpStream>, no_body: bool) -> std::io::Result<Response> {
    let status_line = read_line(connection)?;
    let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| invalid("no status line"))?;
    let mut headers = Vec::new();
    loop {
        let line = read_line(connection)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or_else(|| invalid("a header without a colon"))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut response = Response { status, headers, body: Vec::new() };
    if status == 100 {
        return read_response(connection, no_body);
    }
    if !no_body {
        response.body = read_body(connection, &response)?;
    }
    Ok(response)
}

fn read_body(connection: &mut BufReader<TcpStream>, response: &Response) -> std::io::Result<Vec<u8>> {
    if response.header("transfer-encoding") == Some("chunked") {
        return read_chunks(connection);
    }
    let length = response.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    connection.read_exact(&mut body)?;
    Ok(body)
}

fn read_chunks(connection: &mut BufReader<TcpStream>) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = usize::from_str_radix(read_line(connection)?.trim(), 16)
            .map_err(|_| invalid("a chunk's size"))?;
        let mut chunk = vec![0; size + 2];
        connection.read_exact(&mut chunk)?;
        body.extend_from_slice(&chunk[..size]);
        if size == 0 {
            return Ok(body);
        }
    }
}

fn read_line(connection: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut line = String::new();
    if connection.read_line(&mut line)? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
