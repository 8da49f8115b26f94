//! The half of a start that may need root: bind, claim the data directory, become an unprivileged account.
//!
//! All of it happens before the first thread is spawned, because giving up root concerns a whole process only then.

use std::net::TcpListener;

use super::config::Config;
use super::data_dir::DataDir;
use super::ready_file::ReadyFile;
use super::{StartError, bind, process};

/// A process that holds its address and its data directory and is not root.
pub struct Prepared {
    pub config: Config,
    pub listener: TcpListener,
    /// Held for as long as the service lives: its lock keeps a second service off.
    pub data_dir: DataDir,
    pub ready_file: ReadyFile,
}

pub fn prepare(config: Config) -> Result<Prepared, StartError> {
    let account = process::account_to_become(config.run_as.as_deref(), &config.data_dir)?;
    ReadyFile::check(config.ready_file.as_deref(), &config.data_dir)?;
    let listener = bind::bind(config.listen)?;
    let data_dir = DataDir::claim(&config.data_dir, account.as_ref())?;
    let ready_file = ReadyFile::prepare(config.ready_file.as_deref())?;
    if let Some(account) = &account {
        process::become_account(account)?;
        tracing::info!(account = account.name, "root was given up");
    }
    process::harden()?;
    data_dir.check_reach(account.as_ref())?;
    Ok(Prepared { config, listener, data_dir, ready_file })
}
