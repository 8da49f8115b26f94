//! A proxy between the service and PostgreSQL. It understands just enough of the protocol to lose a connection at the one
//! moment that a test chooses, or to let everything hang as a broken network does.
#![allow(dead_code)] // each test binary uses its part of this

use std::io::{Read, Result, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// Far above any message of the service.
const MESSAGE_BYTES: usize = 64 * 1024 * 1024;

/// When the connection is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// the statement never reaches the server
    BeforeTheStatement,
    /// the server has done it and said so; that never comes back
    BeforeTheAnswer,
    /// the statement is on its way, and what becomes of it is anybody's guess
    Meanwhile,
}

pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: Upstream,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    plan: Option<Plan>,
    cuts: u64,
    frozen: bool,
    refusing: bool,
    closed: bool,
    open: Vec<Arc<Pair>>,
}

struct Plan {
    /// part of the statement's text
    statement: &'static str,
    then: Then,
    /// let no new connection in afterwards
    refuse: bool,
}

#[derive(Clone, Copy)]
enum Then {
    Cut(Cut),
    Freeze,
}

#[derive(Clone)]
enum Upstream {
    Socket(PathBuf),
    Tcp(String, u16),
}

enum Stream {
    Socket(UnixStream),
    Tcp(TcpStream),
}

/// One connection of the service, and the one to the server that stands for it.
struct Pair {
    service: TcpStream,
    server: Stream,
    /// the answer that comes now is not passed on
    swallow: AtomicBool,
    /// nothing passes here again, and nobody is told
    stranded: AtomicBool,
}

impl Proxy {
    /// In front of the server that a connection string names.
    pub fn to(server: &str) -> Self {
        let config: Config = server.parse().expect("a connection string");
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let upstream = match config.get_hosts().first().expect("a host") {
            Host::Unix(folder) => Upstream::Socket(folder.join(format!(".s.PGSQL.{port}"))),
            Host::Tcp(name) => Upstream::Tcp(name.clone(), port),
        };
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared { upstream, state: Mutex::default(), changed: Condvar::new() });
        let accepting = shared.clone();
        std::thread::spawn(move || accepting.accept(&listener));
        Proxy { address, shared }
    }

    /// The same connection string, through this proxy.
    pub fn url(&self, server: &str) -> String {
        let config: Config = server.parse().expect("a connection string");
        let password = config.get_password().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        format!(
            "host=127.0.0.1 port={} sslmode=disable dbname={} user={}{}",
            self.address.port(),
            config.get_dbname().expect("a database"),
            config.get_user().expect("a user"),
            password.map(|password| format!(" password={password}")).unwrap_or_default()
        )
    }

    /// The next statement whose text holds `statement` is cut, once.
    pub fn cut_next(&self, statement: &'static str, cut: Cut) {
        self.plan(Plan { statement, then: Then::Cut(cut), refuse: false });
    }

    /// The same, and from then on nobody is let in until [`Proxy::heal`].
    pub fn cut_next_and_refuse(&self, statement: &'static str, cut: Cut) {
        self.plan(Plan { statement, then: Then::Cut(cut), refuse: true });
    }

    /// From the next such statement on, and with it, nothing passes any more, and nothing is closed.
    pub fn freeze_at(&self, statement: &'static str) {
        self.plan(Plan { statement, then: Then::Freeze, refuse: false });
    }

    fn plan(&self, plan: Plan) {
        self.shared.lock().plan = Some(plan);
    }

    /// What was planned and has not come to pass does not.
    pub fn forget_plan(&self) {
        self.shared.lock().plan = None;
    }

    /// How many connections were cut as planned.
    pub fn cuts(&self) -> u64 {
        self.shared.lock().cuts
    }

    pub fn is_frozen(&self) -> bool {
        self.shared.lock().frozen
    }

    /// Nothing passes any more, and nothing is closed.
    pub fn freeze(&self) {
        self.shared.change(|state| state.frozen = true);
    }

    /// Every connection is lost, and no new one is had.
    pub fn refuse(&self) {
        self.shared.change(|state| {
            state.refusing = true;
            state.close_all();
        });
    }

    /// The connections of now are dead, and nobody is told; new ones work.
    pub fn strand(&self) {
        self.shared.change(|state| {
            state.open.iter().for_each(|pair| pair.stranded.store(true, Ordering::Release));
        });
    }

    /// What was held back goes on its way; who knocks is let in.
    pub fn heal(&self) {
        self.shared.change(|state| {
            state.frozen = false;
            state.refusing = false;
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.change(|state| {
            state.closed = true;
            state.close_all();
        });
        // wakes the thread that accepts
        let _ = TcpStream::connect(self.address);
    }
}

impl State {
    fn close_all(&mut self) {
        self.open.drain(..).for_each(|pair| pair.close());
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for service in listener.incoming() {
            if self.lock().closed {
                return;
            }
            // A connection that can't be made is closed, and the service sees just that.
            let _ = service.and_then(|service| self.carry(service));
        }
    }

    fn carry(self: &Arc<Self>, service: TcpStream) -> Result<()> {
        if self.lock().refusing {
            return service.shutdown(Shutdown::Both);
        }
        service.set_nodelay(true)?;
        let pair = Arc::new(Pair {
            service,
            server: self.upstream.connect()?,
            swallow: AtomicBool::new(false),
            stranded: AtomicBool::new(false),
        });
        let mut state = self.lock();
        state.open.retain(|pair| Arc::strong_count(pair) > 1);
        state.open.push(pair.clone());
        drop(state);
        let (there, back) = ((self.clone(), pair.clone()), (self.clone(), pair));
        std::thread::spawn(move || {
            let _ = there.0.there(&there.1);
            there.1.close();
        });
        std::thread::spawn(move || {
            let _ = back.0.back(&back.1);
            back.1.close();
        });
        Ok(())
    }

    /// Waits while nothing may pass.
    fn pass(&self, pair: &Pair) {
        let mut state = self.lock();
        while (state.frozen || pair.stranded.load(Ordering::Acquire)) && !state.closed {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn there(&self, pair: &Pair) -> Result<()> {
        let (mut service, mut server) = (pair.service.try_clone()?, pair.server.try_clone()?);
        let startup = read_untagged(&mut service)?;
        self.pass(pair);
        server.write_all(&startup)?;
        let mut prepared: Vec<(Vec<u8>, String)> = Vec::new();
        let mut cut_after_it = false;
        loop {
            let message = read_message(&mut service)?;
            let (tag, body) = (message[0], &message[5..]);
            if tag == b'P' {
                let name = until_zero(body);
                let text = until_zero(&body[name.len() + 1..]);
                prepared.retain(|(known, _)| known != name);
                prepared.push((name.to_vec(), String::from_utf8_lossy(text).into_owned()));
            }
            let text = match tag {
                b'Q' => Some(String::from_utf8_lossy(until_zero(body)).into_owned()),
                b'B' => {
                    let portal = until_zero(body);
                    let name = until_zero(&body[portal.len() + 1..]);
                    prepared.iter().find(|(known, _)| known == name).map(|(_, text)| text.clone())
                }
                _ => None,
            };
            match text.and_then(|text| self.planned(&text)) {
                Some(Then::Cut(Cut::BeforeTheStatement)) => {
                    pair.close();
                    self.count();
                    return Ok(());
                }
                Some(Then::Cut(Cut::BeforeTheAnswer)) => pair.swallow.store(true, Ordering::Release),
                Some(Then::Cut(Cut::Meanwhile)) => cut_after_it = true,
                Some(Then::Freeze) | None => {}
            }
            self.pass(pair);
            server.write_all(&message)?;
            if cut_after_it && matches!(tag, b'S' | b'Q') {
                pair.close();
                self.count();
                return Ok(());
            }
        }
    }

    /// What is planned for this statement; a plan is carried out once.
    fn planned(&self, text: &str) -> Option<Then> {
        let mut state = self.lock();
        let plan = state.plan.take_if(|plan| text.contains(plan.statement))?;
        state.refusing |= plan.refuse;
        state.frozen |= matches!(plan.then, Then::Freeze);
        Some(plan.then)
    }

    fn count(&self) {
        self.change(|state| state.cuts += 1);
    }

    fn back(&self, pair: &Pair) -> Result<()> {
        let (mut service, mut server) = (pair.service.try_clone()?, pair.server.try_clone()?);
        loop {
            let message = read_message(&mut server)?;
            if pair.swallow.load(Ordering::Acquire) {
                // ReadyForQuery: it is committed
                if message[0] == b'Z' {
                    pair.close();
                    self.count();
                    return Ok(());
                }
                continue;
            }
            self.pass(pair);
            service.write_all(&message)?;
        }
    }
}

impl Pair {
    fn close(&self) {
        // One that is closed already is as it should be.
        let _ = self.service.shutdown(Shutdown::Both);
        let _ = match &self.server {
            Stream::Socket(stream) => stream.shutdown(Shutdown::Both),
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Both),
        };
    }
}

impl Upstream {
    fn connect(&self) -> Result<Stream> {
        match self {
            Upstream::Socket(path) => UnixStream::connect(path).map(Stream::Socket),
            Upstream::Tcp(host, port) => TcpStream::connect((host.as_str(), *port)).map(Stream::Tcp),
        }
    }
}

impl Stream {
    fn try_clone(&self) -> Result<Stream> {
        match self {
            Stream::Socket(stream) => stream.try_clone().map(Stream::Socket),
            Stream::Tcp(stream) => stream.try_clone().map(Stream::Tcp),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        match self {
            Stream::Socket(stream) => stream.read(buffer),
            Stream::Tcp(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        match self {
            Stream::Socket(stream) => stream.write(bytes),
            Stream::Tcp(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// The very first message of a connection, which has no tag.
fn read_untagged(from: &mut impl Read) -> Result<Vec<u8>> {
    let mut message = vec![0; 4];
    from.read_exact(&mut message)?;
    read_rest(from, message, 0)
}

fn read_message(from: &mut impl Read) -> Result<Vec<u8>> {
    let mut message = vec![0; 5];
    from.read_exact(&mut message)?;
    read_rest(from, message, 1)
}

/// `message` ends with the length, which counts itself.
fn read_rest(from: &mut impl Read, mut message: Vec<u8>, tag: usize) -> Result<Vec<u8>> {
    let length =
        u32::from_be_bytes([message[tag], message[tag + 1], message[tag + 2], message[tag + 3]]) as usize;
    if !(4..MESSAGE_BYTES).contains(&length) {
        return Err(std::io::ErrorKind::InvalidData.into());
    }
    message.resize(tag + length, 0);
    from.read_exact(&mut message[tag + 4..])?;
    Ok(message)
}

fn until_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}
