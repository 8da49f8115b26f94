//! Server processes that an earlier service left behind.
//!
//! A killed service takes its server with it, but a shutdown takes a moment, and backends of a killed server notice its
//! death only when they next look. Nothing may start over a directory that they still write to.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::{PORT, PostgresError};
use crate::clock::BootTime;
use crate::limits;
use crate::ops::process::{self, Signal};

/// Returns once no process works in `cluster`. The caller holds the data directory's lock, so none of them is wanted.
pub fn end(cluster: &Path) -> Result<(), PostgresError> {
    let begun = BootTime::now();
    let mut sent = None;
    while let Some(pid) = processes_in(cluster)?.first().copied() {
        let waited = BootTime::now().since(begun);
        if waited > limits::POSTGRES_LEFTOVER_FAST_STOP + limits::POSTGRES_IMMEDIATE_STOP {
            return Err(PostgresError::Leftover { pid });
        }
        let wanted = match waited > limits::POSTGRES_LEFTOVER_FAST_STOP {
            true => Signal::Quit,
            false => Signal::Interrupt,
        };
        if sent != Some(wanted) {
            tracing::warn!(pid, "ending PostgreSQL processes that an earlier start left behind");
            end_all(cluster, wanted)?;
            sent = Some(wanted);
        }
        std::thread::sleep(limits::POSTGRES_POLL);
    }
    Ok(())
}

/// The lock files of a server that is gone. PostgreSQL takes them for a living one's when their process id is borne by
/// a process of ours again, or still by one that nobody has reaped.
pub fn forget_lock_files(cluster: &Path, socket_dir: &Path) -> Result<(), PostgresError> {
    let socket = socket_dir.join(format!(".s.PGSQL.{PORT}"));
    for file in [cluster.join("postmaster.pid"), socket.with_extension(format!("{PORT}.lock")), socket] {
        match fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(PostgresError::Io {
                    doing: format!("{} cannot be removed", file.display()),
                    error,
                });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Fast shutdown is for the postmaster to lead; backends without one only hear the harder signal.
fn end_all(cluster: &Path, signal: Signal) -> Result<(), PostgresError> {
    let postmaster = pid_in(cluster);
    for pid in processes_in(cluster)? {
        if signal == Signal::Quit || Some(pid) == postmaster {
            process::signal(pid, signal)
                .map_err(PostgresError::io(format!("the PostgreSQL process {pid} cannot be ended")))?;
        }
    }
    Ok(())
}

fn pid_in(cluster: &Path) -> Option<u32> {
    fs::read_to_string(cluster.join("postmaster.pid")).ok()?.lines().next()?.trim().parse().ok()
}

/// Every server process works in its cluster's directory, and says so under /proc.
#[cfg(target_os = "linux")]
fn processes_in(cluster: &Path) -> Result<Vec<u32>, PostgresError> {
    let all = fs::read_dir("/proc").map_err(PostgresError::io("/proc cannot be read"))?;
    let pids = all.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let works_here = |pid: &u32| {
        let about = Path::new("/proc").join(pid.to_string());
        fs::read_link(about.join("cwd")).is_ok_and(|cwd| cwd == cluster)
            && fs::read_to_string(about.join("comm")).is_ok_and(|comm| comm.trim_end() == "postgres")
    };
    Ok(pids.filter(works_here).collect())
}

/// Without /proc, the server's own file is what there is, and the process it names must look like one.
#[cfg(not(target_os = "linux"))]
fn processes_in(cluster: &Path) -> Result<Vec<u32>, PostgresError> {
    let Some(pid) = pid_in(cluster) else { return Ok(Vec::new()) };
    let told = std::process::Command::new("ps")
        .args(["-o", "comm=", "-p", &pid.to_string()])
        .output()
        .map_err(PostgresError::io("ps cannot be run"))?;
    let program = String::from_utf8_lossy(&told.stdout);
    Ok(program.trim_end().ends_with("postgres").then_some(pid).into_iter().collect())
}
