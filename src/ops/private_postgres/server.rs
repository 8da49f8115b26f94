//! One run of the server: from its start until it has ended.

use std::fs;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::time::Duration;

use super::cluster::{self, Cluster};
use super::log_file::LogFile;
use super::{PORT, PostgresError, leftover};
use crate::clock::BootTime;
use crate::limits;
use crate::ops::process::{self, Signal};

pub struct Server {
    child: Child,
    since: BootTime,
}

impl Server {
    /// Returns when it takes connections. `given_up` is asked meanwhile, since recovery after a crash may take long.
    pub fn start(
        cluster: &Cluster,
        socket_dir: &Path,
        log: &LogFile,
        given_up: impl Fn() -> bool,
    ) -> Result<Server, PostgresError> {
        leftover::end(&cluster.dir)?;
        leftover::forget_lock_files(&cluster.dir, socket_dir)?;
        let said =
            log.open().map_err(PostgresError::io(format!("{} cannot be written", log.path().display())))?;
        let mut command = cluster::quiet(&cluster.programs.dir.join("postgres"));
        command
            .arg("-D")
            .arg(&cluster.dir)
            .arg("-k")
            .arg(socket_dir)
            .stdout(std::process::Stdio::null())
            .stderr(said);
        for setting in settings() {
            command.args(["-c", &setting]);
        }
        let child = command.spawn().map_err(PostgresError::io("postgres cannot be run"))?;
        let mut server = Server { child, since: BootTime::now() };
        server.wait_until_ready(&cluster.dir, log, given_up)?;
        Ok(server)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn age(&self) -> Duration {
        BootTime::now().since(self.since)
    }

    /// None while it runs.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap_or_else(|error| {
            tracing::error!(%error, pid = self.pid(), "the state of the private PostgreSQL cannot be told");
            None
        })
    }

    /// Line 1 of its file is its process id, line 8 its state.
    fn wait_until_ready(
        &mut self,
        cluster: &Path,
        log: &LogFile,
        given_up: impl Fn() -> bool,
    ) -> Result<(), PostgresError> {
        let pid = self.pid().to_string();
        loop {
            let status = fs::read_to_string(cluster.join("postmaster.pid")).unwrap_or_default();
            let line = |number: usize| status.lines().nth(number - 1).map(str::trim);
            if line(1) == Some(pid.as_str()) && line(8) == Some("ready") {
                return Ok(());
            }
            let ended = self.exited().is_some();
            if ended || given_up() || self.age() > limits::POSTGRES_READY_WAIT {
                self.stop()?;
                return Err(PostgresError::DidNotStart { said: log.tail(), log: log.path().to_owned() });
            }
            std::thread::sleep(limits::POSTGRES_POLL);
        }
    }

    /// Fast: sessions are ended, everything is written. Then immediate: recovery comes with the next start. Then by force.
    pub fn stop(&mut self) -> Result<(), PostgresError> {
        let pid = self.pid();
        let failed = || PostgresError::io(format!("the PostgreSQL process {pid} cannot be signalled"));
        for (signal, wait) in
            [(Signal::Interrupt, limits::POSTGRES_FAST_STOP), (Signal::Quit, limits::POSTGRES_IMMEDIATE_STOP)]
        {
            if self.exited().is_some() {
                return Ok(());
            }
            process::signal(pid, signal).map_err(failed())?;
            if self.ends_within(wait) {
                return Ok(());
            }
            tracing::warn!(pid, ?signal, ?wait, "the private PostgreSQL did not stop in time");
        }
        self.child.kill().map_err(failed())?;
        match self.ends_within(limits::POSTGRES_IMMEDIATE_STOP) {
            true => Ok(()),
            false => Err(PostgresError::DidNotStop { pid }),
        }
    }

    fn ends_within(&mut self, wait: Duration) -> bool {
        let begun = BootTime::now();
        while self.exited().is_none() {
            if BootTime::now().since(begun) > wait {
                return false;
            }
            std::thread::sleep(limits::POSTGRES_POLL);
        }
        true
    }
}

/// On the command line, where no file in the cluster and no ALTER SYSTEM can outvote them.
fn settings() -> Vec<String> {
    let mut settings: Vec<String> = [
        // what P1 stands on
        "fsync=on",
        "full_page_writes=on",
        "synchronous_commit=on",
        // no network
        "listen_addresses=",
        "unix_socket_permissions=0700",
        // one log, ours, that quotes no statement and no value (P6)
        "logging_collector=off",
        "log_destination=stderr",
        "log_line_prefix=%m [%p] ",
        "log_min_error_statement=panic",
        "log_error_verbosity=terse",
        "lc_messages=C",
        "log_timezone=UTC",
        "timezone=UTC",
        "cluster_name=credledger",
    ]
    .map(str::to_owned)
    .into();
    settings.extend([
        format!("port={PORT}"),
        format!("max_connections={}", limits::POSTGRES_CONNECTIONS),
        format!("shared_buffers={}MB", limits::POSTGRES_SHARED_BUFFERS_MB),
        format!("max_wal_size={}MB", limits::POSTGRES_MAX_WAL_MB),
    ]);
    settings
}
