//! The processes of a private PostgreSQL, found by the directory they work in, and what can be done to them.
#![allow(dead_code)] // each test binary uses its part of this

use std::path::Path;

use super::support::service::{Service, signal_process};

pub fn postmaster(service: &Service) -> Option<u32> {
    let file = std::fs::read_to_string(service.data_dir().join("postgres/postmaster.pid")).ok()?;
    let pid = file.lines().next()?.trim().parse::<u32>().ok()?;
    // The file may be a dead server's.
    cluster(service).into_iter().find(|found| *found == pid)
}

/// The postmaster and its children.
pub fn cluster(service: &Service) -> Vec<u32> {
    let cluster = service.data_dir().join("postgres");
    let entries = std::fs::read_dir("/proc").expect("Linux").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == cluster))
        .collect()
}

/// What a process says of itself; nothing once it is gone.
pub fn title(pid: u32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default()
}

/// Stopped until it is dropped: the postmaster first, so that no new child is missed.
pub struct Stopped(Vec<u32>);

impl Stopped {
    pub fn cluster(service: &Service) -> Self {
        let postmaster = postmaster(service).expect("a private PostgreSQL that runs");
        signal_process(postmaster, "-STOP");
        let mut stopped = Stopped(vec![postmaster]);
        for child in cluster(service) {
            if child != postmaster {
                signal_process(child, "-STOP");
                stopped.0.push(child);
            }
        }
        stopped
    }

    pub fn service(service: &Service) -> Self {
        signal_process(service.pid(), "-STOP");
        Stopped(vec![service.pid()])
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        for pid in &self.0 {
            signal_process(*pid, "-CONT");
        }
    }
}

/// A line of /proc/<pid>/status, without its name.
pub fn status_line(pid: u32, name: &str) -> String {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in the status of {pid}")).trim().to_owned()
}

pub fn resident_kb(pid: u32) -> u64 {
    let line = status_line(pid, "VmRSS");
    line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number of kB")
}

pub fn owner(path: &Path) -> u32 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).expect("it is there").uid()
}
