//! A directory for one test, the services started in it, and waiting for what must become true.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use credledger::clock::BootTime;

const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(10);

/// Waits for a condition, never for a time; the limit only ends a test that has failed.
pub fn until(what: &str, within: Duration, condition: impl Fn() -> bool) {
    let begun = BootTime::now();
    while !condition() {
        assert!(BootTime::now().since(begun) < within, "within {within:?}: {what}");
        std::thread::sleep(POLL);
    }
}

pub struct House(PathBuf);

impl House {
    /// Open for passing through: a service that root starts reaches it as another account.
    pub fn new(name: &str) -> House {
        let path = std::env::temp_dir().join(format!("credledger-{name}-{}", std::process::id()));
        fs::create_dir(&path).expect("a fresh directory");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("ours");
        House(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    pub fn cluster(&self) -> PathBuf {
        self.data().join("postgres")
    }

    /// Of our environment only PATH, so that no setting of the developer's changes a test.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_credledger"));
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").stdin(Stdio::null());
        command.env("CREDLEDGER_LISTEN", "127.0.0.1:0");
        command.args(["serve", "--data-dir"]).arg(self.data()).args(args);
        command
    }

    /// Returns when the service is ready.
    pub fn start(&self) -> Service<'_> {
        let ready_file = self.0.join("ready.json");
        let _ = fs::remove_file(&ready_file);
        let log = fs::File::create(self.0.join("service.log")).expect("writable");
        let mut command = self.command(&["--ready-file"]);
        let child = command.arg(&ready_file).stderr(log).spawn().expect("the binary runs");
        let mut service = Service { house: self, child, ready: serde_json::Value::Null };
        until("the service is ready", PATIENCE, || {
            ready_file.exists() || self.log().contains("credledger: ")
        });
        let ready = fs::read(&ready_file).unwrap_or_else(|_| panic!("it did not start:\n{}", self.log()));
        service.ready = serde_json::from_slice(&ready).expect("the ready file is whole");
        service
    }

    /// What the service said when it refused to start.
    pub fn refusal(&self, args: &[&str]) -> String {
        self.refusal_of(self.command(args))
    }

    pub fn refusal_of(&self, mut command: Command) -> String {
        let output = command.output().expect("the binary runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        said
    }

    pub fn log(&self) -> String {
        let mut text = String::new();
        let file = fs::File::open(self.0.join("service.log"));
        file.and_then(|mut file| file.read_to_string(&mut text)).expect("the log is text");
        text
    }

    /// The server that says it is ready; None while there is none.
    pub fn postmaster(&self) -> Option<u32> {
        let file = fs::read_to_string(self.cluster().join("postmaster.pid")).ok()?;
        let line = |number: usize| file.lines().nth(number).map(str::trim);
        line(7).filter(|state| *state == "ready")?;
        line(0)?.parse().ok()
    }

    /// Every server process works in its cluster's directory.
    pub fn server_processes(&self) -> Vec<u32> {
        let cluster = self.cluster();
        let entries = fs::read_dir("/proc").expect("Linux").flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        pids.filter(|pid| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == cluster)).collect()
    }

    pub fn until_no_server(&self, within: Duration) {
        until("no PostgreSQL process is left", within, || self.server_processes().is_empty());
    }
}

impl Drop for House {
    /// A test that failed may have left a server, which nobody else would end.
    fn drop(&mut self) {
        for pid in self.server_processes() {
            send("KILL", pid);
        }
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub struct Service<'a> {
    pub house: &'a House,
    child: Child,
    pub ready: serde_json::Value,
}

impl Service<'_> {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it is ours");
    }

    pub fn terminate(mut self) -> std::process::ExitStatus {
        send("TERM", self.pid());
        self.child.wait().expect("it is ours")
    }

    pub fn query(&self, sql: &str) -> String {
        let run = self.house.data().join("run");
        let config = format!("host={} user=postgres dbname=credledger", run.display());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let (client, connection) =
                tokio_postgres::connect(&config, tokio_postgres::NoTls).await.expect("the server answers");
            tokio::spawn(connection);
            client.query_one(sql, &[]).await.expect("a query that works").get(0)
        })
    }
}

impl Drop for Service<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !std::thread::panicking() {
            self.house.until_no_server(PATIENCE);
        }
    }
}

/// A process of the test's own, which ends with the test.
pub struct Guarded(pub Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A process that is gone by then is no failure: those who send it look at what became of it.
pub fn send(signal: &str, pid: u32) {
    let sent = Command::new("kill").args(["-s", signal, &pid.to_string()]).stderr(Stdio::null()).status();
    sent.expect("kill exists");
}

/// The real, effective, saved and file-system user of a process.
pub fn users_of(pid: u32) -> Vec<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:")).expect("Linux");
    line.split_whitespace().map(|uid| uid.parse().expect("a number")).collect()
}

/// The account that owns the cluster.
pub fn owner_of(path: &Path) -> (u32, u32) {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::metadata(path).expect("it exists");
    (metadata.uid(), metadata.gid())
}
