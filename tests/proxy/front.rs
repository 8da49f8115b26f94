//! A real proxy, Debian's package of it, run as a child of the test with what docs/PROXIES.md gives as its configuration.

use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::client::{Client, Request, Response};
use crate::support::service::{eventually, signal_process};

const PAGE: &str = include_str!("../../docs/PROXIES.md");
/// Where scripts/test looks too.
const FOLDERS: [&str; 4] = ["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin"];
/// How often a port that was free a moment ago is looked for.
const ATTEMPTS: usize = 5;

/// What the tests know of one make of proxy.
pub struct Make {
    /// Of the program, too.
    pub name: &'static str,
    /// Writes its configuration, and says how to run it in the foreground with everything in its own folder.
    pub prepare: fn(&Places, &mut Command),
    /// How long a path, a credential and another header may be for it, all three at once.
    pub long: usize,
    /// How it refuses a head beyond all its bounds.
    pub too_large: u16,
    /// What it says when the application is gone.
    pub no_application: u16,
    /// How it tells a caller to wait.
    pub limited: u16,
}

/// Who is where.
pub struct Places {
    pub folder: PathBuf,
    pub own: SocketAddr,
    pub authority: SocketAddr,
    pub application: SocketAddr,
    /// The caller is a proxy as well, and believed.
    pub behind_another: bool,
}

/// The page's one block in this language.
pub fn block(language: &str) -> String {
    let opening = format!("```{language}\n");
    let mut blocks = PAGE.split(&opening).skip(1);
    let block = blocks.next().and_then(|rest| rest.split("```").next());
    let block = block.unwrap_or_else(|| panic!("docs/PROXIES.md has no block in {language}"));
    assert!(blocks.next().is_none(), "docs/PROXIES.md has two blocks in {language}");
    block.to_owned()
}

/// The text stands there so often, and no other number of times.
#[track_caller]
pub fn put(place: &str, times: usize, own: &str, text: &str) -> String {
    assert_eq!(text.matches(place).count(), times, "{place}");
    text.replace(place, own)
}

impl Places {
    /// The page's configuration, with the addresses of the test in place of the documented ones.
    pub fn documented(&self, language: &str) -> String {
        let text = put(":8000", 1, &format!(":{}", self.own.port()), &block(language));
        let text = put("127.0.0.1:8080", 1, &self.authority.to_string(), &text);
        put("127.0.0.1:9000", 1, &self.application.to_string(), &text)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        std::fs::write(&path, text).expect("writable");
        path
    }
}

pub struct Front {
    process: Child,
    folder: PathBuf,
    pub address: SocketAddr,
}

impl Front {
    pub fn start(make: &Make, authority: SocketAddr, application: SocketAddr) -> Front {
        Front::start_as(make.name, make.prepare, authority, application, false)
    }

    /// With what the page says of a proxy before this one.
    pub fn start_behind_another(make: &Make, authority: SocketAddr, application: SocketAddr) -> Front {
        Front::start_as(make.name, make.prepare, authority, application, true)
    }

    /// Of a program by this name, which `prepare` makes ready as a make's own does.
    pub fn start_as(
        name: &str,
        prepare: impl Fn(&Places, &mut Command),
        authority: SocketAddr,
        application: SocketAddr,
        behind_another: bool,
    ) -> Front {
        let program = FOLDERS.map(|folder| Path::new(folder).join(name));
        let program = program.iter().find(|program| program.exists());
        let program = program.unwrap_or_else(|| panic!("no {name}; scripts/test installs it"));
        for _ in 0..ATTEMPTS {
            let folder = PathBuf::from(format!("/tmp/credledger-proxy-{}", uuid::Uuid::now_v7().simple()));
            std::fs::create_dir(&folder).expect("a folder");
            let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
            let own = free.expect("a free port");
            let places = Places { folder: folder.clone(), own, authority, application, behind_another };
            let log = File::create(folder.join("log")).expect("a log");
            let mut command = Command::new(program);
            prepare(&places, &mut command);
            command.stdin(Stdio::null()).stdout(log.try_clone().expect("a log")).stderr(log);
            let mut front = Front {
                process: command.spawn().expect("it runs"),
                folder: folder.clone(),
                address: places.own,
            };
            if front.listens() {
                return front;
            }
            eprintln!("{name} did not start:\n{}", front.log());
        }
        panic!("{name} did not start");
    }

    /// False when it ended.
    fn listens(&mut self) -> bool {
        let listens = eventually(|| match self.process.try_wait().expect("a look") {
            Some(_) => Some(false),
            None => TcpStream::connect(self.address).is_ok().then_some(true),
        });
        listens == Some(true)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    #[track_caller]
    pub fn send(&self, request: &Request) -> Response {
        let answer = Client::new(self.address).send(request);
        assert_ne!(answer.status, 500, "{}", self.log());
        answer
    }

    #[track_caller]
    pub fn get(&self, secret: &str) -> Response {
        self.send(&Request::new("GET", "/orders").bearer(secret))
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        signal_process(self.process.id(), "-TERM");
        if eventually(|| self.process.try_wait().ok().flatten()).is_none() {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
        if std::thread::panicking() {
            eprintln!("the proxy's log:\n{}", self.log());
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
