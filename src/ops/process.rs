//! The process itself: which account it runs as, what it must not leave behind, whom it may signal.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::StartError;

/// Who the service becomes when root starts it and nobody said whom: the first that exists.
const ACCOUNTS: [&str; 3] = ["credledger", "postgres", "nobody"];
const ACCOUNT_RECORD_BYTES: usize = 64 * 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
}

pub fn is_root() -> bool {
    effective_uid() == 0
}

pub fn effective_uid() -> u32 {
    // SAFETY: geteuid takes nothing and cannot fail.
    #[allow(unsafe_code)]
    unsafe {
        libc::geteuid()
    }
}

/// How many columns the terminal has that this leads to; none where it leads to no terminal, or to one that does not say.
pub fn terminal_columns(stream: &impl AsRawFd) -> Option<usize> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCGWINSZ writes one winsize, which `size` is and which outlives the call.
    #[allow(unsafe_code)]
    let outcome = unsafe { libc::ioctl(stream.as_raw_fd(), libc::TIOCGWINSZ, &mut size) };
    (outcome == 0 && size.ws_col > 0).then_some(usize::from(size.ws_col))
}

/// None when the process is not root and stays who it is. A data directory that somebody owns already decides before
/// the list does, so that an account created later does not lock the service out of its own data.
pub fn account_to_become(run_as: Option<&str>, data_dir: &Path) -> Result<Option<Account>, StartError> {
    if !is_root() {
        return match run_as {
            Some(name) if find_account(name).is_none_or(|account| account.uid != effective_uid()) => {
                Err(StartError::new(format!(
                    "Only root can become {name}. Start as root, or leave --run-as out."
                )))
            }
            _ => Ok(None),
        };
    }
    if let Some(name) = run_as {
        let account = find_account(name).ok_or_else(|| {
            StartError::new(format!("There is no account {name}. Create it, or name another with --run-as."))
        })?;
        return match account.uid {
            0 => Err(StartError::new("--run-as may not be root: PostgreSQL refuses to run as root.")),
            _ => Ok(Some(account)),
        };
    }
    let owner = std::fs::metadata(data_dir).ok().filter(|data| data.uid() != 0);
    let account = match owner {
        Some(data) => Some(account_of(data.uid()).unwrap_or_else(|| Account {
            name: format!("user {}", data.uid()),
            uid: data.uid(),
            gid: data.gid(),
        })),
        None => ACCOUNTS.iter().find_map(|name| find_account(name)),
    };
    account.map(Some).ok_or_else(|| {
        StartError::new(
            "Started by root, the service runs as another account, and none was found. Create one \
             (useradd --system credledger), or name one with --run-as.",
        )
    })
}

fn find_account(name: &str) -> Option<Account> {
    let name = CString::new(name).ok()?;
    look_up(|record, buffer, found| {
        // SAFETY: `name` ends in zero; `record`, `buffer` and `found` are valid for writes and outlive the call.
        #[allow(unsafe_code)]
        unsafe {
            libc::getpwnam_r(name.as_ptr(), record, buffer.as_mut_ptr(), buffer.len(), found)
        }
    })
}

fn account_of(uid: u32) -> Option<Account> {
    look_up(|record, buffer, found| {
        // SAFETY: as in `find_account`; the id is a plain number.
        #[allow(unsafe_code)]
        unsafe {
            libc::getpwuid_r(uid, record, buffer.as_mut_ptr(), buffer.len(), found)
        }
    })
}

fn look_up(
    ask: impl FnOnce(*mut libc::passwd, &mut [libc::c_char], *mut *mut libc::passwd) -> libc::c_int,
) -> Option<Account> {
    let mut record = std::mem::MaybeUninit::<libc::passwd>::uninit();
    let mut found = std::ptr::null_mut();
    let mut buffer = vec![0; ACCOUNT_RECORD_BYTES];
    if ask(record.as_mut_ptr(), &mut buffer, &mut found) != 0 || found.is_null() {
        return None;
    }
    // SAFETY: the call succeeded and set `found`, so `record` is filled in; its name points into `buffer`, still alive.
    #[allow(unsafe_code)]
    let (record, name) = unsafe {
        let record = record.assume_init();
        (record, CStr::from_ptr(record.pw_name))
    };
    Some(Account { name: name.to_string_lossy().into_owned(), uid: record.pw_uid, gid: record.pw_gid })
}

/// Gives root up for good: supplementary groups, group, user, in this order, each checked.
pub fn become_account(account: &Account) -> Result<(), StartError> {
    let failed = |what: &str| {
        let error = io::Error::last_os_error();
        StartError::new(format!(
            "Root could not be given up for {} ({what}: {error}). Start as that account instead.",
            account.name
        ))
    };
    // SAFETY: plain system calls on numbers; `gid` is one valid element. No other thread exists yet.
    #[allow(unsafe_code)]
    unsafe {
        if libc::setgroups(1, &account.gid) != 0 {
            return Err(failed("setgroups"));
        }
        if libc::setgid(account.gid) != 0 {
            return Err(failed("setgid"));
        }
        if libc::setuid(account.uid) != 0 {
            return Err(failed("setuid"));
        }
        if libc::setuid(0) == 0 || libc::getuid() != account.uid || libc::geteuid() != account.uid {
            return Err(failed("root can still be regained"));
        }
    }
    // Where root stood may be closed to this account, and nothing here is relative to it.
    std::env::set_current_dir("/").map_err(|error| StartError::new(format!("/ cannot be entered: {error}.")))
}

/// Memory holds key material: no core dump, no debugger of the same account, no file that others can read.
pub fn harden() -> Result<(), StartError> {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: plain system calls; `none` outlives the call.
    #[allow(unsafe_code)]
    unsafe {
        libc::umask(0o077);
        if libc::setrlimit(libc::RLIMIT_CORE, &none) != 0 {
            return Err(StartError::new(format!(
                "Core dumps cannot be turned off: {}.",
                io::Error::last_os_error()
            )));
        }
        #[cfg(target_os = "linux")]
        if libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 {
            let error = io::Error::last_os_error();
            return Err(StartError::new(format!("The process cannot be closed to debuggers: {error}.")));
        }
    }
    Ok(())
}

/// False when another process holds the lock. It is released when `file` is closed, however the process ends.
pub fn lock_exclusively(file: &File) -> io::Result<bool> {
    // SAFETY: the descriptor is open for as long as `file` is borrowed.
    #[allow(unsafe_code)]
    let outcome = unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) };
    let error = io::Error::last_os_error();
    match outcome {
        0 => Ok(true),
        _ if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        _ => Err(error),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    Interrupt,
    Quit,
}

/// False when there is no such process.
pub fn signal(pid: u32, signal: Signal) -> io::Result<bool> {
    let number = match signal {
        Signal::Interrupt => libc::SIGINT,
        Signal::Quit => libc::SIGQUIT,
    };
    // Zero and negative numbers would mean whole groups of processes.
    let pid = libc::pid_t::try_from(pid).ok().filter(|pid| *pid > 0);
    let pid = pid.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not a process id"))?;
    // SAFETY: a plain system call on numbers.
    #[allow(unsafe_code)]
    let outcome = unsafe { libc::kill(pid, number) };
    let error = io::Error::last_os_error();
    match outcome {
        0 => Ok(true),
        _ if error.raw_os_error() == Some(libc::ESRCH) => Ok(false),
        _ => Err(error),
    }
}

/// A child that is interrupted when the thread that spawns it ends, and that a Ctrl-C at the terminal does not reach.
pub fn die_with_this_thread(command: &mut Command) {
    command.process_group(0);
    #[cfg(target_os = "linux")]
    {
        let parent = std::process::id();
        // SAFETY: between fork and exec only async-signal-safe calls are made: signal, prctl and getppid.
        #[allow(unsafe_code)]
        unsafe {
            command.pre_exec(move || {
                // Whoever is started in the background by a script ignores it, and so would its children.
                if libc::signal(libc::SIGINT, libc::SIG_DFL) == libc::SIG_ERR {
                    return Err(io::Error::last_os_error());
                }
                if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGINT, 0, 0, 0) != 0 {
                    return Err(io::Error::last_os_error());
                }
                // The parent may have died before the request was made.
                match u32::try_from(libc::getppid()) == Ok(parent) {
                    true => Ok(()),
                    false => Err(io::Error::from_raw_os_error(libc::ESRCH)),
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_name() {
        assert_eq!(find_account("root").map(|account| account.uid), Some(0));
        assert_eq!(find_account("no such account"), None);
        assert_eq!(find_account("zero\0inside"), None);
    }

    #[test]
    fn a_lock_admits_one_holder_until_it_is_dropped() {
        let path = std::env::temp_dir().join(format!("credledger-lock-{}", std::process::id()));
        std::fs::create_dir(&path).expect("a fresh directory");
        let open = || File::open(&path).expect("the fresh directory");
        let (first, second) = (open(), open());
        assert!(lock_exclusively(&first).expect("lockable"));
        assert!(!lock_exclusively(&second).expect("lockable"));
        drop(first);
        assert!(lock_exclusively(&second).expect("lockable"));
        std::fs::remove_dir(&path).expect("still there");
    }

    #[test]
    fn a_signal_never_reaches_a_group_of_processes() {
        for pid in [0, u32::MAX, u32::MAX - 1, 1 << 31] {
            assert!(signal(pid, Signal::Interrupt).is_err(), "{pid}");
        }
    }

    #[test]
    fn a_child_of_the_thread_that_spawned_it_dies_with_it() {
        if cfg!(not(target_os = "linux")) {
            return;
        }
        let spawner = std::thread::spawn(|| {
            let mut command = Command::new("sleep");
            command.arg("600");
            die_with_this_thread(&mut command);
            command.spawn().expect("sleep exists")
        });
        let mut child = spawner.join().expect("the spawner ends");
        let status = child.wait().expect("the child is ours");
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(libc::SIGINT));
    }
}
