//! What a stranger can send, short of a request: nothing of it is an error of the service's, and nothing says so in its log.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use crate::acme;
use crate::support::service::Service;

/// Sends it, and reads what comes until the service closes the connection.
fn told(service: &Service, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(service.address()).expect("a connection");
    // What it has not read to its end it may close at any time.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn garbage_on_the_socket_and_bodies_that_break_off_write_no_errors() {
    let service = Service::start();
    let root = service.root();
    let holder = acme(&root).mint("k").secret;
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(300_000));
    let many = format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{}\r\n", "a: b\r\n".repeat(5000));
    let chunked = format!(
        "POST /api/v1/self/revoke HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {holder}\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\n"
    );
    let announced = chunked.replace("Transfer-Encoding: chunked", "Content-Length: 100");
    let sent: Vec<Vec<u8>> = vec![
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"\0\0\0\0\r\n\r\n".to_vec(),
        b"hello\r\n\r\n".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n".to_vec(),
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(),
        b"GET / HTTP/1.1\r\nHo st: x\r\n\r\n".to_vec(),
        b"GET /healthz HTTP/1.1\r\nHost:".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        vec![b'x'; 400_000],
        long.into_bytes(),
        many.into_bytes(),
        format!("{chunked}5\r\n{{\"a\"").into_bytes(),
        format!("{chunked}zz\r\n").into_bytes(),
        format!("{chunked}ffffffffffffffffff\r\n").into_bytes(),
        format!("{announced}{{").into_bytes(),
    ];
    let mut refused = 0;
    for bytes in &sent {
        refused += usize::from(told(&service, bytes).starts_with("HTTP/1.1 4"));
        // The same, by somebody who does not wait for the answer.
        let mut stream = TcpStream::connect(service.address()).expect("a connection");
        let _ = stream.write_all(bytes);
    }
    assert!(refused >= 8, "only {refused} of {} were told that they are wrong", sent.len());
    service.whoami(&holder).expect(200);
    let log = service.log();
    let errors: Vec<&str> = log.lines().filter(|line| line.contains("\"ERROR\"")).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}
