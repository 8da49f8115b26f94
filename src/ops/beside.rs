//! The ledger for a command on its machine: through the running service's own PostgreSQL, or, while none runs, through one
//! started for the moment. The service is not asked; it follows the ledger, and knows of what was written a moment later.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use tokio::runtime::Runtime;

use super::config::Config;
use super::data_dir::DataDir;
use super::house::{Foundation, House};
use super::migrate::Schema;
use super::private_postgres::{CLUSTER, PrivatePostgres};
use super::start::{self, database_settings, own_postgres};
use super::{StartError, process};
use crate::clock::BootTime;
use crate::db::Settings;
use crate::limits;
use crate::projections::rebuild::Rebuilt;

/// Does `work` with the ledger's rooms, as the account that the service runs as: what it makes is that account's.
pub fn work<T>(
    config: &Config,
    work: impl AsyncFnOnce(&House) -> Result<T, StartError>,
) -> Result<T, StartError> {
    let data_dir = become_the_service(config)?;
    let _turn = take_turn(&data_dir)?;
    let runtime = runtime()?;
    let (house, own) = enter(config, &data_dir, &runtime)?;
    let outcome = runtime.block_on(async {
        let outcome = finish(house, work).await;
        if own.is_none() {
            // A courtesy to what is called next: by then a service that is well has followed.
            tokio::time::sleep(limits::POLL * 3).await;
        }
        outcome
    });
    runtime.shutdown_background();
    match own {
        Some(own) => outcome.and_then(|done| own.stop().map(|()| done)),
        None => outcome,
    }
}

/// Does `work` in the service's place: it holds the data directory and the node's lease, so that no service runs on this
/// ledger, here or elsewhere, until it has ended.
pub fn work_alone<T>(
    config: &Config,
    work: impl AsyncFnOnce(&House) -> Result<T, StartError>,
) -> Result<T, StartError> {
    in_its_place(config, async |settings, data_dir| {
        let (_, house) = start::open(config, settings, data_dir).await?;
        finish(house, work).await
    })
}

/// Every projection built anew from the events. Nothing is loaded before: it is what to do about rows that can't be.
pub fn rebuild(config: &Config) -> Result<Rebuilt, StartError> {
    in_its_place(config, async |settings, _| {
        let foundation = lay(config, settings).await?;
        let names: Vec<&'static str> = Schema::EMBEDDED.projections.iter().map(|each| each.name).collect();
        foundation.rebuild(settings, &names).await
    })
}

/// With the data directory held, so that no service runs on it, and with the database there.
fn in_its_place<T>(
    config: &Config,
    work: impl AsyncFnOnce(&Settings, &Path) -> Result<T, StartError>,
) -> Result<T, StartError> {
    let data_dir = become_the_service(config)?;
    let _turn = take_turn(&data_dir)?;
    let _claimed = DataDir::claim_free(&data_dir, None)?.ok_or_else(|| {
        StartError::new(format!(
            "The service runs on {}, and reads its keys and its rows at its start alone. Stop it, repeat this command, start \
             it again.",
            data_dir.display()
        ))
    })?;
    let runtime = runtime()?;
    let own = own_postgres(config, &data_dir)?;
    let outcome = runtime.block_on(work(&database_settings(config, &data_dir), &data_dir));
    runtime.shutdown_background();
    match own {
        Some(own) => outcome.and_then(|done| own.stop().map(|()| done).map_err(StartError::from)),
        None => outcome,
    }
}

fn runtime() -> Result<Runtime, StartError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(limits::ROOM_THREADS)
        .enable_all()
        .build()
        .map_err(|error| StartError::new(format!("The runtime cannot be started: {error}.")))
}

async fn finish<T>(
    house: House,
    work: impl AsyncFnOnce(&House) -> Result<T, StartError>,
) -> Result<T, StartError> {
    let outcome = work(&house).await;
    // What was asked for is known by now; that the rooms closed late changes nothing of it, and the log has it.
    let _ = house.close().await;
    outcome
}

/// What a start does before it becomes ready, but for the address.
fn become_the_service(config: &Config) -> Result<PathBuf, StartError> {
    a_ledger_is_there(config)?;
    let account = process::account_to_become(config.run_as.as_deref(), &config.data_dir)?;
    let data_dir = DataDir::provide(&config.data_dir, account.as_ref())?;
    if let Some(account) = &account {
        process::become_account(account)?;
    }
    process::harden()?;
    Ok(data_dir)
}

/// Only a service begins a ledger: a command that is told of the wrong place must not leave another one there.
fn a_ledger_is_there(config: &Config) -> Result<(), StartError> {
    let missing = |what: &str, path: &Path| {
        Err(StartError::new(format!(
            "There is no ledger in {}: {what} {} is not there. Say where yours is, with --data-dir (and --master-key-file); a \
             new one begins with credledger serve.",
            config.data_dir.display(),
            path.display()
        )))
    };
    // What can't be looked at is told when it is used, by whoever uses it.
    let gone = |path: &Path| path.try_exists().is_ok_and(|there| !there);
    let cluster = config.data_dir.join(CLUSTER);
    match &config.master_key_file {
        _ if config.database_url.is_none() && gone(&cluster) => missing("its database", &cluster),
        key_file if gone(key_file) => missing("its master key", key_file),
        _ => Ok(()),
    }
}

/// One command at a time: the server that one started for the moment must not end under another.
fn take_turn(data_dir: &Path) -> Result<File, StartError> {
    let path = data_dir.join("command.lock");
    let failed =
        |error: std::io::Error| StartError::new(format!("{} cannot be locked: {error}.", path.display()));
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(failed)?;
    let begun = BootTime::now();
    while !process::lock_exclusively(&file).map_err(failed)? {
        if BootTime::now().since(begun) > limits::COMMAND_WAIT {
            return Err(StartError::new(
                "Another command still works on this data directory. Wait until it has ended, then repeat yours.",
            ));
        }
        std::thread::sleep(limits::COMMAND_POLL);
    }
    Ok(file)
}

/// A private server of ours, and the claim on the data directory that it stands on.
struct Own {
    postgres: PrivatePostgres,
    _data_dir: DataDir,
}

impl Own {
    fn stop(self) -> Result<(), StartError> {
        self.postgres.stop().map_err(StartError::from)
    }
}

fn enter(config: &Config, data_dir: &Path, runtime: &Runtime) -> Result<(House, Option<Own>), StartError> {
    if config.database_url.is_some() {
        return Ok((runtime.block_on(open(config, data_dir))?, None));
    }
    let begun = BootTime::now();
    loop {
        // Free: nobody serves here, and nobody starts to while it is ours.
        if let Some(claimed) = DataDir::claim_free(data_dir, None)? {
            let postgres = own_postgres(config, data_dir)?
                .ok_or_else(|| StartError::new("There is no database. Name one with --database-url."))?;
            let house = runtime.block_on(open(config, data_dir))?;
            return Ok((house, Some(Own { postgres, _data_dir: claimed })));
        }
        // In use: by a service that answers, or that starts or stops just now.
        match runtime.block_on(open(config, data_dir)) {
            Ok(house) => return Ok((house, None)),
            Err(error) if BootTime::now().since(begun) > limits::COMMAND_WAIT => return Err(error),
            Err(_) => std::thread::sleep(limits::COMMAND_POLL),
        }
    }
}

async fn open(config: &Config, data_dir: &Path) -> Result<House, StartError> {
    let foundation = lay(config, &database_settings(config, data_dir)).await?;
    House::open_beside(&foundation).await
}

async fn lay(config: &Config, settings: &Settings) -> Result<Foundation, StartError> {
    Foundation::lay(settings, config.database_url.is_none(), &config.master_key_file).await
}
