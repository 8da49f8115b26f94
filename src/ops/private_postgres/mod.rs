//! The private PostgreSQL: the machine's own programs, run over a cluster in the data directory, for this service alone.
//!
//! It listens on a Unix socket in a directory that only our account can enter. That directory's mode is what guards it, and
//! `trust` is what its own rules say: `peer` would admit the same two, our account and root, and would have to map one
//! account to each of the ledger's roles, by a file that breaks when the data directory changes hands.
//!
//! ```text
//! <data-dir>/postgres        the cluster       postgres.new      one that initdb has not finished
//! <data-dir>/postgres.log    what it says      run               its socket
//! ```

mod cluster;
mod leftover;
mod log_file;
mod programs;
mod server;
mod supervisor;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;

use tokio::sync::watch;

use super::process;
use crate::limits;

/// The cluster's folder, in the data directory; there once the cluster is whole.
pub const CLUSTER: &str = "postgres";
/// The owner of the cluster; no other account can reach its socket.
pub const SUPERUSER: &str = "postgres";
/// Made with the cluster, so a finished cluster has it.
pub const DATABASE: &str = "credledger";
/// Names the socket's file; there is no network port.
const PORT: u16 = 5432;

pub struct Settings {
    /// [`DataDir::path`](super::data_dir::DataDir::path): without symlinks, ours, closed to others, locked by this process
    pub data_dir: PathBuf,
    pub bin_dir: Option<PathBuf>,
    pub program_dirs: Vec<PathBuf>,
}

/// What the supervisor knows about the server, for whoever answers requests meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    Running { pid: u32 },
    Restarting { attempt: u32 },
    Stopped,
}

/// The running server. It stops when this is dropped, and also when the process is killed.
pub struct PrivatePostgres {
    socket_dir: PathBuf,
    health: watch::Receiver<Health>,
    stop: Option<mpsc::Sender<()>>,
    supervisor: Option<JoinHandle<Result<(), PostgresError>>>,
}

impl PrivatePostgres {
    /// Blocks until the server takes connections. Call it after root was given up.
    pub fn start(settings: Settings) -> Result<PrivatePostgres, PostgresError> {
        if process::is_root() {
            return Err(PostgresError::AsRoot);
        }
        let socket_dir = socket_dir(&settings.data_dir)?;
        let supervised = supervisor::start(settings, &socket_dir)?;
        Ok(PrivatePostgres {
            socket_dir,
            health: supervised.health,
            stop: Some(supervised.stop),
            supervisor: Some(supervised.thread),
        })
    }

    pub fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// Changes are told; it says `Stopped` once the server is gone for good.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }

    /// Blocks until the server is gone: fast shutdown first, harder ones after their deadlines.
    pub fn stop(mut self) -> Result<(), PostgresError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), PostgresError> {
        // Dropping the sender is the request.
        self.stop = None;
        let ended = self.supervisor.take().map(JoinHandle::join);
        // Empty by now. Where it is not, the next start makes it so.
        let _ = std::fs::remove_dir(&self.socket_dir);
        match ended {
            None => Ok(()),
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => Err(PostgresError::SupervisorPanicked),
        }
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::error!(%error, "the private PostgreSQL did not stop cleanly");
        }
    }
}

/// The URL at which the data directory's server answers any role of its cluster, while it runs, whoever started it. The
/// socket's directory is the guard, so there are no passwords.
pub fn url_of(data_dir: &Path, role: &str) -> String {
    url(&socket_dir_of(data_dir), role)
}

fn url(socket_dir: &Path, role: &str) -> String {
    let host = percent_encoded(socket_dir);
    format!("postgresql://{role}@{host}:{PORT}/{DATABASE}")
}

fn socket_dir(data_dir: &Path) -> Result<PathBuf, PostgresError> {
    let dir = socket_dir_of(data_dir);
    cluster::make_private_dir(&dir)?;
    Ok(dir)
}

/// In the data directory where the path is short enough for a socket, else in /tmp under a name that is always the same
/// for this data directory and account.
fn socket_dir_of(data_dir: &Path) -> PathBuf {
    let fits =
        |dir: &Path| dir.join(format!(".s.PGSQL.{PORT}")).as_os_str().len() <= limits::SOCKET_PATH_BYTES;
    let near = data_dir.join("run");
    match fits(&near) {
        true => near,
        false => {
            let name = crc32fast::hash(data_dir.as_os_str().as_encoded_bytes());
            PathBuf::from(format!("/tmp/credledger-{}-{name:08x}", process::effective_uid()))
        }
    }
}

fn percent_encoded(path: &Path) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encode = |byte: &u8| match plain(*byte) {
        true => char::from(*byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    path.as_os_str().as_encoded_bytes().iter().map(encode).collect()
}

#[derive(Debug)]
pub enum PostgresError {
    AsRoot,
    NotFound { looked_in: Option<PathBuf> },
    TooOld { major: u32 },
    OtherMajor { cluster: PathBuf, made_by: u32, here: Vec<u32> },
    NotACluster { cluster: PathBuf },
    ForeignDirectory { dir: PathBuf },
    Leftover { pid: u32 },
    InitdbFailed { said: String },
    DidNotStart { said: String, log: PathBuf },
    DidNotStop { pid: u32 },
    SupervisorPanicked,
    Io { doing: String, error: std::io::Error },
}

impl PostgresError {
    fn io(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> PostgresError {
        let doing = doing.into();
        move |error| PostgresError::Io { doing, error }
    }
}

const INSTALL: &str = "Install it (on Debian and Ubuntu: apt-get install postgresql), name the directory of its programs \
                       with --postgres-bin-dir, or use a server of your own with --database-url.";

impl fmt::Display for PostgresError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use PostgresError::*;
        match self {
            AsRoot => f.write_str("PostgreSQL refuses to run as root, and the service still is root."),
            NotFound { looked_in: Some(dir) } => {
                write!(
                    f,
                    "There is no PostgreSQL server in {}: both initdb and postgres are needed. {INSTALL}",
                    dir.display()
                )
            }
            NotFound { looked_in: None } => {
                write!(f, "No PostgreSQL server was found on this machine. {INSTALL}")
            }
            TooOld { major } => write!(
                f,
                "PostgreSQL {major} is too old: {} or newer is needed. {INSTALL}",
                limits::POSTGRES_OLDEST_MAJOR
            ),
            OtherMajor { cluster, made_by, here } => write!(
                f,
                "{} was made by PostgreSQL {made_by}, and only {} is here. Install PostgreSQL {made_by} again, or move \
                 the data over with pg_upgrade first.",
                cluster.display(),
                here.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
            ),
            NotACluster { cluster } => write!(
                f,
                "{} is there and holds no PostgreSQL cluster. Move it away, or restore it whole from a backup.",
                cluster.display()
            ),
            ForeignDirectory { dir } => write!(
                f,
                "{} belongs to another account, or is no directory. Remove it, or choose another --data-dir.",
                dir.display()
            ),
            Leftover { pid } => write!(
                f,
                "The PostgreSQL process {pid} of an earlier start still uses the data directory and does not end. \
                 End it (kill -QUIT {pid}) and start again."
            ),
            InitdbFailed { said } => write!(f, "initdb failed: {said}"),
            DidNotStart { said, log } => {
                write!(f, "PostgreSQL did not start. Its log ({}) ends so:\n{said}", log.display())
            }
            DidNotStop { pid } => write!(f, "The PostgreSQL process {pid} did not end when it was told to."),
            SupervisorPanicked => {
                f.write_str("The thread that looks after PostgreSQL has panicked; the log says where.")
            }
            Io { doing, error } => write!(f, "{doing}: {error}."),
        }
    }
}

impl std::error::Error for PostgresError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_the_socket_directory_as_a_driver_reads_it() {
        let read: tokio_postgres::Config =
            url_of(Path::new("/var/lib/a b@c"), SUPERUSER).parse().expect("a URL");
        assert_eq!(read.get_hosts(), [tokio_postgres::config::Host::Unix("/var/lib/a b@c/run".into())]);
        assert_eq!((read.get_user(), read.get_dbname()), (Some(SUPERUSER), Some(DATABASE)));
    }

    #[test]
    fn a_long_data_directory_has_its_socket_in_a_short_one() {
        let long = PathBuf::from(format!("/{}", "d".repeat(limits::SOCKET_PATH_BYTES)));
        let dir = socket_dir(&long).expect("/tmp can be written");
        assert!(dir.starts_with("/tmp") && dir == socket_dir(&long).expect("and again"));
        std::fs::remove_dir(&dir).expect("just made");
    }
}
