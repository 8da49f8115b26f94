//! Server processes that an earlier service left behind.
//!
//! A killed service takes its server with it, but a shutdown takes a moment, and backends of a killed server notice its
//! death only when they next look. Nothing may start over a directory that they still write to.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::PostgresError;
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
    forget_pid_file(cluster)
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

/// PostgreSQL takes its file for that of a living server when any process of ours has come to bear that number.
fn forget_pid_file(cluster: &Path) -> Result<(), PostgresError> {
    if cfg!(not(target_os = "linux")) {
        return Ok(());
    }
    match fs::remove_file(cluster.join("postmaster.pid")) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(PostgresError::Io { doing: "a stale postmaster.pid cannot be removed".to_owned(), error })
        }
        _ => Ok(()),
    }
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

/// Without /proc, the server's own file is what there is.
#[cfg(not(target_os = "linux"))]
fn processes_in(cluster: &Path) -> Result<Vec<u32>, PostgresError> {
    let alive = |pid: &u32| process::signal(*pid, Signal::Probe).unwrap_or(false);
    Ok(pid_in(cluster).filter(alive).into_iter().collect())
}
