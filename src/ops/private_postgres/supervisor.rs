//! The thread that starts the server, restarts it when it dies alone, and stops it.
//!
//! It lives as long as the server: the signal that a killed service's server gets comes with the end of the thread that
//! started it. So it is a thread of its own, and never one of a pool.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::watch;

use super::cluster::{self, Cluster};
use super::log_file::LogFile;
use super::server::Server;
use super::{Health, PostgresError, Settings};
use crate::limits;

pub struct Supervised {
    pub health: watch::Receiver<Health>,
    /// dropped to ask for the stop
    pub stop: Sender<()>,
    pub thread: JoinHandle<Result<(), PostgresError>>,
}

/// Returns when the server takes connections.
pub fn start(settings: Settings, socket_dir: &Path) -> Result<Supervised, PostgresError> {
    let (stop, asked_to_stop) = mpsc::channel();
    let (first, started) = mpsc::channel();
    let socket_dir = socket_dir.to_owned();
    let thread = thread::Builder::new()
        .name("private-postgres".to_owned())
        .spawn(move || {
            let log = LogFile::in_dir(&settings.data_dir);
            let begun = cluster::open_or_make(&settings)
                .and_then(|cluster| Ok((Server::start(&cluster, &socket_dir, &log, || false)?, cluster)));
            let (server, cluster) = begun?;
            let (health, watched) = watch::channel(Health::Running { pid: server.pid() });
            // Nobody waits any more only if the starter has panicked; then the stop is asked for as well.
            let _ = first.send(watched);
            Supervisor { cluster, socket_dir, log, health, asked_to_stop }.run(server)
        })
        .map_err(PostgresError::io("the thread that looks after PostgreSQL cannot be started"))?;
    match started.recv() {
        Ok(health) => Ok(Supervised { health, stop, thread }),
        Err(_) => match thread.join() {
            Ok(Err(error)) => Err(error),
            Ok(Ok(())) | Err(_) => Err(PostgresError::SupervisorPanicked),
        },
    }
}

struct Supervisor {
    cluster: Cluster,
    socket_dir: PathBuf,
    log: LogFile,
    health: watch::Sender<Health>,
    asked_to_stop: Receiver<()>,
}

impl Supervisor {
    fn run(self, first: Server) -> Result<(), PostgresError> {
        let mut server = first;
        let mut deaths = 0;
        while !self.stop_asked_within(limits::POSTGRES_TICK) {
            if let Err(error) = self.log.keep_bounded() {
                tracing::debug!(%error, "PostgreSQL's log cannot be kept bounded");
            }
            let Some(status) = server.exited() else { continue };
            deaths = if server.age() > limits::POSTGRES_SETTLED { 1 } else { deaths + 1 };
            tracing::error!(pid = server.pid(), %status, "the private PostgreSQL died; starting it again");
            match self.restart(&mut deaths) {
                Some(restarted) => server = restarted,
                None => break,
            }
        }
        let outcome = server.stop();
        self.health.send_replace(Health::Stopped);
        outcome
    }

    /// For as long as it takes; None when the stop is asked for meanwhile.
    fn restart(&self, attempt: &mut u32) -> Option<Server> {
        loop {
            self.health.send_replace(Health::Restarting { attempt: *attempt });
            if self.stop_asked_within(backoff(*attempt)) {
                return None;
            }
            let given_up = || self.stop_asked_within(Duration::ZERO);
            match Server::start(&self.cluster, &self.socket_dir, &self.log, given_up) {
                Ok(server) => {
                    self.health.send_replace(Health::Running { pid: server.pid() });
                    tracing::warn!(
                        pid = server.pid(),
                        attempt = *attempt,
                        "the private PostgreSQL runs again"
                    );
                    return Some(server);
                }
                Err(error) => {
                    tracing::error!(attempt = *attempt, %error, "the private PostgreSQL did not start again")
                }
            }
            *attempt = attempt.saturating_add(1);
        }
    }

    fn stop_asked_within(&self, wait: Duration) -> bool {
        !matches!(self.asked_to_stop.recv_timeout(wait), Err(RecvTimeoutError::Timeout))
    }
}

/// The first restart comes at once, each later one after twice as long.
fn backoff(attempt: u32) -> Duration {
    match attempt.checked_sub(2) {
        None => Duration::ZERO,
        Some(doublings) => limits::POSTGRES_BACKOFF_FIRST
            .saturating_mul(2_u32.saturating_pow(doublings))
            .min(limits::POSTGRES_BACKOFF_MOST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_restart_is_at_once_and_no_wait_is_longer_than_the_limit() {
        let waits: Vec<u128> =
            [1, 2, 3, 4, 7, 8, 100, u32::MAX].map(|attempt| backoff(attempt).as_millis()).into();
        assert_eq!(waits, [0, 100, 200, 400, 3200, 5000, 5000, 5000]);
    }
}
