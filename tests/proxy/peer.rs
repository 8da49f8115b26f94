//! What stands at the other ends of a proxy: gives everybody the same answer, and remembers what it was sent.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

const WELCOME: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

pub struct Peer {
    pub address: SocketAddr,
    noted: Arc<Mutex<Noted>>,
}

/// Empty: it takes what it is sent, and stays silent.
type Answer = dyn Fn(&Seen) -> String + Send + Sync;

struct Noted {
    answer: Arc<Answer>,
    seen: Vec<Seen>,
    connections: usize,
}

#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub path: String,
    headers: Vec<(String, String)>,
    pub body_bytes: usize,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name));
        let first = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} came twice: {self:?}");
        first
    }

    pub fn names(&self) -> impl Iterator<Item = String> {
        self.headers.iter().map(|(name, _)| name.to_ascii_lowercase())
    }
}

impl Peer {
    /// What stands behind the proxy: says 200 to everything.
    pub fn application() -> Peer {
        Peer::answering(WELCOME)
    }

    pub fn answering(answer: &str) -> Peer {
        let answer = answer.to_owned();
        Peer::judging(move |_| answer.clone())
    }

    /// A connection stays unless the answer says that it is closed.
    pub fn judging(answer: impl Fn(&Seen) -> String + Send + Sync + 'static) -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let noted = Noted { answer: Arc::new(answer), seen: Vec::new(), connections: 0 };
        let noted = Arc::new(Mutex::new(noted));
        let peer = Peer { address, noted: noted.clone() };
        // These end with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let noted = noted.clone();
                lock(&noted).connections += 1;
                std::thread::spawn(move || serve(stream, &noted));
            }
        });
        peer
    }

    /// From the next request on.
    pub fn now_answers(&self, answer: &str) {
        let answer = answer.to_owned();
        lock(&self.noted).answer = Arc::new(move |_| answer.clone());
    }

    /// What came since the last look.
    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut lock(&self.noted).seen)
    }

    /// How often somebody connected.
    pub fn connections(&self) -> usize {
        lock(&self.noted).connections
    }
}

fn lock(noted: &Mutex<Noted>) -> MutexGuard<'_, Noted> {
    noted.lock().expect("nobody panics with it")
}

fn serve(stream: TcpStream, noted: &Mutex<Noted>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let seen = read(&mut reader)?;
        let judge = lock(noted).answer.clone();
        let answer = judge(&seen);
        // Noted before it is answered: whoever has the answer finds the note.
        lock(noted).seen.push(seen);
        reader.get_mut().write_all(answer.as_bytes()).ok()?;
        if answer.contains("Connection: close") {
            return Some(());
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut seen = Seen { method, path, headers, body_bytes: 0 };
    seen.body_bytes = match seen.header("transfer-encoding") {
        Some("chunked") => read_chunks(reader)?,
        _ => {
            let length = seen.header("content-length").and_then(|length| length.parse().ok());
            read_exactly(reader, length.unwrap_or(0))?
        }
    };
    Some(seen)
}

fn read_exactly(reader: &mut BufReader<TcpStream>, length: usize) -> Option<usize> {
    reader.read_exact(&mut vec![0; length]).ok()?;
    Some(length)
}

fn read_chunks(reader: &mut BufReader<TcpStream>) -> Option<usize> {
    let mut total = 0;
    loop {
        let mut size = String::new();
        reader.read_line(&mut size).ok()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        read_exactly(reader, size + 2)?;
        if size == 0 {
            return Some(total);
        }
        total += size;
    }
}
