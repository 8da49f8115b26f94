//! `credledger serve`: everything that may need root, then the service.

use clap::{ArgMatches, Command};

use super::{config_flags, given_flags};
use crate::ops::config::{Config, local_url};
use crate::ops::private_postgres::{PrivatePostgres, Settings};
use crate::ops::ready_file::Ready;
use crate::ops::{Prepared, StartError, prepare, telemetry};

pub fn describe() -> Command {
    Command::new("serve")
        .about("Run the service")
        .after_help(
            "Each setting can also stand in the environment (--foo-bar as CREDLEDGER_FOO_BAR) or in the file given by \
             --config (as foo_bar). A flag wins over the environment, and that over the file.",
        )
        .args(config_flags())
}

pub fn run(given: &ArgMatches) -> Result<(), StartError> {
    let config = Config::read(&given_flags(given))?;
    telemetry::init(&config.log, config.log_format)?;
    serve(prepare(config)?)
}

/// Stands in for `ops::start::serve`, which takes the same argument: the database runs, and nothing is served yet.
fn serve(prepared: Prepared) -> Result<(), StartError> {
    let Prepared { config, listener, data_dir, ready_file } = prepared;
    let postgres = match config.database_url {
        Some(_) => None,
        None => Some(PrivatePostgres::start(Settings {
            data_dir: data_dir.path().to_owned(),
            bin_dir: config.postgres_bin_dir,
            program_dirs: config.program_dirs,
        })?),
    };
    let bound = listener
        .local_addr()
        .map_err(|error| StartError::new(format!("The bound address cannot be told: {error}.")))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| StartError::new(format!("The runtime cannot be started: {error}.")))?;
    runtime.block_on(async {
        let stop = stop_signal()?;
        let url = local_url(bound);
        tracing::info!(url, data_dir = %data_dir.path().display(), "ready");
        ready_file.write(&Ready { url: &url, data_dir: data_dir.path(), operator_token: None })?;
        stop.await;
        tracing::info!("stopping");
        Ok::<(), StartError>(())
    })?;
    postgres.map_or(Ok(()), |postgres| postgres.stop().map_err(StartError::from))
}

fn stop_signal() -> Result<impl Future<Output = ()>, StartError> {
    use tokio::signal::unix::{SignalKind, signal};
    let failed = |error: std::io::Error| StartError::new(format!("Signals cannot be heard: {error}."));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
