//! The commands that ask a service, where TLS ends before it: the token goes to nobody else.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::asking::{Asking, Folder, Ran};
use crate::support::hostile::{Does, Hostile, answer};

const NDJSON: &str = "application/x-ndjson";

fn openssl(folder: &Path, args: &str) {
    let mut command = Command::new("openssl");
    command.current_dir(folder).args(args.split(' ')).stdin(Stdio::null());
    let output = command.output().expect("it is installed");
    assert!(output.status.success(), "{args}: {}", String::from_utf8_lossy(&output.stderr));
}

/// `ours.pem`, which `server.pem` of localhost leads to, and `theirs.pem`, which it does not.
fn certificates(folder: &Path) -> Arc<ServerConfig> {
    let new = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    for name in ["ours", "theirs"] {
        let root =
            format!("req -x509 {new} -days 2 -addext basicConstraints=critical,CA:TRUE -subj /CN={name}");
        openssl(folder, &format!("{root} -keyout {name}.key -out {name}.pem"));
    }
    openssl(folder, &format!("req {new} -subj /CN=localhost -keyout server.key -out server.csr"));
    fs::write(folder.join("extensions"), "subjectAltName=DNS:localhost\n").expect("writable");
    let sign =
        "x509 -req -in server.csr -CA ours.pem -CAkey ours.key -CAcreateserial -days 2 -extfile extensions";
    openssl(folder, &format!("{sign} -out server.pem"));
    let chain = CertificateDer::pem_file_iter(folder.join("server.pem")).expect("a file");
    let chain = chain.map(|certificate| certificate.expect("a certificate")).collect();
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("versions").with_no_client_auth().with_single_cert(chain, key);
    Arc::new(config.expect("a key of the certificate"))
}

/// A proxy that answers one connection so; what it was asked. `says_end`: that TLS ends is announced, as it has to be.
fn proxy(config: &Arc<ServerConfig>, answer: String, says_end: bool) -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let (tell, asked) = channel();
    let config = config.clone();
    std::thread::spawn(move || {
        let (tcp, _) = listener.accept().expect("a connection");
        let connection = ServerConnection::new(config).expect("a connection");
        let mut lines = BufReader::new(StreamOwned::new(connection, tcp));
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            // Whoever does not trust it hangs up.
            if lines.read_line(&mut head).unwrap_or_default() == 0 {
                return;
            }
        }
        let _ = tell.send(head);
        let stream = lines.get_mut();
        let _ = stream.write_all(answer.as_bytes());
        if says_end {
            stream.conn.send_close_notify();
        }
        let _ = stream.flush();
        let _ = stream.sock.shutdown(std::net::Shutdown::Write);
        let _ = stream.sock.read_to_end(&mut Vec::new());
    });
    (port, asked)
}

#[test]
fn over_https_the_token_goes_to_whom_the_certificate_names_and_a_cut_is_no_end() {
    let folder = Folder::new();
    let config = certificates(&folder.0);
    let whole = || answer(200, NDJSON, "", "{\"a\":1}\n");
    let export = |host: &str, port: u16, more: &[&str]| -> Ran {
        let asking = Asking::at(format!("https://{host}:{port}"), &folder.0, "token");
        let _ = fs::remove_file(folder.0.join("out"));
        asking.run(&[&["export", "trail", "--tenant", "acme", "--output", "out"][..], more].concat())
    };
    let (port, asked) = proxy(&config, whole(), true);
    assert_eq!(export("localhost", port, &["--ca-file", "ours.pem"]).done(), "1 rows (8 B) are in out.\n");
    let head = asked.recv().expect("a request");
    assert!(head.contains("\r\nAuthorization: Bearer token\r\n"), "{head}");
    // Who can't be told apart from anybody else is told nothing.
    for (host, more) in [
        ("localhost", &["--ca-file", "theirs.pem"][..]),
        ("localhost", &[]),
        ("127.0.0.1", &["--ca-file", "ours.pem"]),
    ] {
        let (port, asked) = proxy(&config, whole(), true);
        let err = export(host, port, more).failed(1);
        assert!(err.contains("There is no safe connection to") && err.contains("certificate"), "{err}");
        assert!(asked.recv().is_err(), "nothing was asked");
    }
    // An attacker in between can cut a connection, but not so that it looks like an end.
    let torn = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {NDJSON}\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{{\"a\":1}}\n\r\n"
    );
    let (port, _asked) = proxy(&config, torn, false);
    let err = export("localhost", port, &["--ca-file", "ours.pem"]).failed(1);
    assert!(err.contains("broke off"), "{err}");
    assert!(!folder.files().contains(&"out".to_owned()));
    let err = export("localhost", port, &["--ca-file", "nowhere.pem"]).failed(1);
    assert!(err.contains("--ca-file can't be read"), "{err}");
    // What speaks no TLS, and what says nothing at all.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("bound").port();
    let err = export("localhost", port, &["--ca-file", "ours.pem", "--silence-seconds", "1"]).failed(1);
    assert!(err.contains("says nothing more"), "{err}");
}

#[test]
fn whoever_sends_a_token_in_the_clear_is_told_and_an_import_goes_without_tls_alone() {
    let folder = Folder::new();
    let said = |url: &str| {
        let asking = Asking::at(url.to_owned(), &folder.0, "cl_operator_x");
        asking.run(&["export", "trail", "--tenant", "acme", "--output", "out", "--force"])
    };
    let empty = || Does::Says(answer(200, NDJSON, "", ""));
    let service = Hostile::that(vec![empty(), empty()]);
    assert_eq!(said(&service.url).err, "");
    // The same machine, by an address that is not said to be it.
    let ran = said(&service.url.replace("127.0.0.1", "0.0.0.0"));
    assert!(ran.err.contains("can read the token") && ran.err.contains("https"), "{}", ran.err);
    ran.done();
    let asking = Asking::at("https://localhost:1".to_owned(), &folder.0, "cl_operator_x");
    fs::write(folder.0.join("keys"), "{\"import\":{}}\n").expect("a file");
    let err = asking.run(&["import", "--tenant", "acme", "keys"]).failed(1);
    assert!(err.contains("over plain http alone"), "{err}");
    asking.run(&["import", "--tenant", "acme", "keys", "--ca-file", "ours.pem"]).failed(2);
}
