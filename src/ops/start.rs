//! From a prepared process to a service that answers, and back.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use actix_web::web::Data;
use tokio::sync::watch;
use uuid::Uuid;

use super::config::{Config, GithubScanning, local_url};
use super::house::{Foundation, House, LEDGER};
use super::migrate::PRIVATE_LOGIN_ROLE;
use super::private_postgres::{self, PrivatePostgres, SUPERUSER, Settings as PostgresSettings};
use super::ready_file::{Ready, ReadyFile};
use super::{Prepared, StartError, first_operator, housekeeping};
use crate::activity::calls::Locator;
use crate::activity::usage::flush::Flusher;
use crate::activity::usage::{Process, Usage};
use crate::db::{DatabaseUrl, Settings};
use crate::domain::tenant;
use crate::http::app::App;
use crate::http::metrics::Metrics;
use crate::http::openapi::document;
use crate::http::reference;
use crate::http::serve::serve as serve_http;
use crate::limiter::Limiter;
use crate::limits;
use crate::outbound::Outbound;
use crate::people::web::Web;
use crate::people::{self, People};
use crate::scanners::Scanner;
use crate::tokens::check::is_shaped_as_token;
use crate::tokens::keyring::Keyring;
use crate::tokens::revocations::Lists;
use crate::vault::{id_bytes, random_bytes};

/// Runs until the process is told to stop.
pub fn serve(prepared: Prepared) -> Result<(), StartError> {
    let postgres = own_postgres(&prepared.config, prepared.data_dir.path())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(limits::ROOM_THREADS)
        .enable_all()
        .build()
        .map_err(|error| StartError::new(format!("The runtime cannot be started: {error}.")))?;
    let settings = database_settings(&prepared.config, prepared.data_dir.path());
    let outcome = runtime.block_on(run(prepared, settings));
    // The rooms are closed; whatever still waits for the database has nobody to answer.
    runtime.shutdown_background();
    let outcome = match postgres {
        Some(postgres) => outcome.and(postgres.stop().map_err(StartError::from)),
        None => outcome,
    };
    if outcome.is_ok() {
        tracing::info!("stopped");
    }
    outcome
}

/// Starts the private server when no other is named.
pub fn own_postgres(config: &Config, data_dir: &Path) -> Result<Option<PrivatePostgres>, StartError> {
    if config.database_url.is_some() {
        return Ok(None);
    }
    let settings = PostgresSettings {
        data_dir: data_dir.to_owned(),
        bin_dir: config.postgres_bin_dir.clone(),
        program_dirs: config.program_dirs.clone(),
    };
    Ok(Some(PrivatePostgres::start(settings)?))
}

/// The server that was named, else the data directory's own.
pub fn database_settings(config: &Config, data_dir: &Path) -> Settings {
    let url = |text: &str| DatabaseUrl::from(text.to_owned());
    match &config.database_url {
        Some(given) => Settings {
            url: url(given.expose()),
            admin_url: config.database_admin_url.as_ref().map(|given| url(given.expose())),
            ca_file: config.database_ca_file.clone(),
            allow_unsafe_database: config.allow_unsafe_database,
        },
        None => Settings {
            admin_url: Some(url(&private_postgres::url_of(data_dir, SUPERUSER))),
            ..Settings::at(url(&private_postgres::url_of(data_dir, PRIVATE_LOGIN_ROLE)))
        },
    }
}

async fn run(prepared: Prepared, settings: Settings) -> Result<(), StartError> {
    let mut stop = Box::pin(stop_signal()?);
    let Prepared { mut config, listener, data_dir, ready_file } = prepared;
    let bound = bound(&listener)?;
    let people = config.sign_in.take().map(|sign_in| sign_in.at(&config.public_url(bound))).transpose()?;
    let github = config.github.take().map(scanner_of).transpose()?;
    let opened = tokio::select! {
        opened = open(&config, &settings, data_dir.path()) => opened?,
        // Whatever a start has written down by then, the next one goes on from.
        () = &mut stop => return Ok(()),
    };
    let (foundation, house) = opened;
    let opening = Opening {
        house: &house,
        append_only: foundation.append_only,
        config: &config,
        data_dir: data_dir.path(),
        listener,
        ready_file,
        people,
        github,
    };
    let outcome = keep(opening, stop).await;
    outcome.and(house.close().await.map_err(StartError::from))
}

/// The ledger's rooms, as the one node that serves it.
pub(super) async fn open(
    config: &Config,
    settings: &Settings,
    data_dir: &Path,
) -> Result<(Foundation, House), StartError> {
    let foundation =
        Foundation::lay(settings, config.database_url.is_none(), &config.master_key_file).await?;
    let house = House::open(&foundation, node_id(data_dir)?, Some(&data_dir.join("activity-spool"))).await?;
    Ok((foundation, house))
}

/// What a house needs to become one that answers.
struct Opening<'a> {
    house: &'a House,
    append_only: bool,
    config: &'a Config,
    data_dir: &'a Path,
    listener: TcpListener,
    ready_file: ReadyFile,
    /// by what people sign in, if they do
    people: Option<people::settings::Settings>,
    github: Option<Scanner>,
}

/// However it ends, what was begun here has ended when it returns.
async fn keep(opening: Opening<'_>, mut stop: impl Future<Output = ()> + Unpin) -> Result<(), StartError> {
    let house = opening.house;
    let token = tokio::select! {
        // A token that is made is shown, whoever has said stop meanwhile.
        biased;
        token = first_operator::ensure(house) => token?,
        () = &mut stop => {
            tracing::warn!(
                "stopped while the first operator was looked for; if it was made, its token is lost, and the next start \
                 shows none: credledger operator token makes another"
            );
            return Ok(());
        }
    };
    let (quiet, told) = watch::channel(false);
    let metrics = Arc::new(Metrics::new(random_bytes()));
    let counted = metrics.clone();
    let verdicts: housekeeping::Verdicts = Arc::new(move || counted.verdicts());
    let rotation = opening.config.signing_key_rotation;
    let keyring = Arc::new(Keyring::new(house.ledger.clone(), house.view.clone(), rotation));
    begin_signing_keys(&keyring).await;
    let usage = usage_of(house);
    let flusher = Flusher {
        usage: usage.clone(),
        database: house.ledger.database().clone(),
        clock: house.clock.clone(),
        vault: house.ledger.reader().vault.clone(),
        ledger: LEDGER,
        every: opening.config.usage_flush,
    };
    if let Err(cause) = flusher.begin().await {
        tracing::warn!(%cause, "it could not be said yet that usage is counted from now on; the first flush says it");
    }
    let flushing = tokio::spawn(flusher.run(told.clone()));
    let calls = house.calls.clone().map(|calls| {
        housekeeping::Served::new(house.ledger.clone(), calls, opening.config.activity_retention_days)
    });
    let kept = housekeeping::Kept { keyring: keyring.clone(), usage: usage.clone(), calls };
    let keeping = housekeeping::run(house.ledger.clone(), house.lease.clone(), kept, verdicts, told);
    let keeping = tokio::spawn(keeping);
    let outcome = answer(opening, metrics, (keyring, usage), token.as_deref(), stop).await;
    quiet.send_replace(true);
    if let Err(cause) = keeping.await {
        tracing::error!(%cause, "housekeeping did not stop in order");
    }
    if let Err(cause) = flushing.await {
        tracing::error!(%cause, "the counting of usage did not stop in order");
    }
    outcome.map_err(|error| match token {
        // The ledger has it only as a digest, and no later start makes one.
        Some(_) => StartError::new(format!(
            "{error} The first operator's token was made and cannot be shown again; make another: credledger operator token."
        )),
        None => error,
    })
}

/// An operation is a caller's own word, and is written down; a secret in its place is not.
fn usage_of(house: &House) -> Arc<Usage> {
    let view = house.view.clone();
    let is_a_secret =
        Box::new(move |text: &str| is_shaped_as_token(text) || view.is_formed_as_a_secret(text));
    let usage = Usage::new(u64::from_ne_bytes(random_bytes()), house.clock.now(), is_a_secret);
    Arc::new(match house.node {
        Some(node) => usage.of_process(Process { node: node.node, boot: node.boot }),
        None => usage,
    })
}

/// So that tokens can be signed from the first request on. A start goes on without: housekeeping tries again, and the token of the
/// first operator, which may have been made just now, has to be shown.
async fn begin_signing_keys(keyring: &Keyring) {
    if let Err(cause) = keyring.begin().await {
        tracing::error!(%cause, "no signing key could be made yet; it is tried again");
    }
}

/// Answers until it is told to stop. An error is one of starting.
async fn answer(
    opening: Opening<'_>,
    metrics: Arc<Metrics>,
    (keyring, usage): (Arc<Keyring>, Arc<Usage>),
    token: Option<&str>,
    stop: impl Future<Output = ()>,
) -> Result<(), StartError> {
    let Opening { house, append_only, config, data_dir, listener, ready_file, people, github } = opening;
    let bound = bound(&listener)?;
    let people = people.map(|settings| people_of(house, settings)).transpose()?;
    let calls = house.calls.clone().ok_or_else(|| StartError::new("A node that answers takes calls in."))?;
    let openapi = document(&config.public_url(bound));
    let reference = reference::page(&openapi)
        .map_err(|cause| StartError::new(format!("The API document can't be read: {}.", cause.detail)))?;
    let (stopping, stops) = watch::channel(false);
    let app = Data::new(App {
        ledger: house.ledger.clone(),
        view: house.view.clone(),
        lease: house.lease.clone(),
        once: house.once.clone(),
        locator: Arc::new(Locator::new(house.ledger.database().clone(), house.ledger.reader().ledger)),
        calls,
        activity_retention_days: config.activity_retention_days,
        reached: house.reached.clone(),
        metrics,
        limiter: Limiter::new(config.operator_rate_limit),
        usage,
        keyring,
        revocations: Lists::default(),
        imports: Arc::new(tokio::sync::Semaphore::new(limits::IMPORTS_AT_ONCE)),
        exports: Arc::new(tokio::sync::Semaphore::new(limits::EXPORTS_AT_ONCE)),
        followers: Arc::new(tokio::sync::Semaphore::new(limits::FOLLOWERS_AT_ONCE)),
        stopping: stops,
        people,
        reports: tokio::sync::Semaphore::new(limits::LEAK_REPORTS_AT_ONCE),
        github,
        trusted_proxies: config.trusted_proxies.clone(),
        public_url: config.public_url(bound),
        starting_settings: tenant::Settings::starting(config.default_key_format.clone()),
        append_only,
        openapi,
        reference,
    });
    house
        .lease
        .valid()
        .await
        .map_err(|_| StartError::new("The node could not take its lease in time. Start it again."))?;
    let server = serve_http(app, listener, config.workers, id_bytes)
        .map_err(|error| StartError::new(format!("The server cannot be started: {error}.")))?;
    let handle = server.handle();
    let serving = tokio::spawn(server);
    let url = local_url(bound);
    let told = ready_file.write(&Ready { url: &url, data_dir, operator_token: token });
    if told.is_ok() {
        tracing::info!(url, data_dir = %data_dir.display(), "ready");
        stop.await;
        tracing::info!("stopping: what has begun is finished first");
    }
    stopping.send_replace(true);
    handle.stop(true).await;
    if let Ok(Err(cause)) = serving.await {
        tracing::error!(%cause, "the server did not stop in order");
    }
    told
}

fn bound(listener: &TcpListener) -> Result<SocketAddr, StartError> {
    let bound = listener.local_addr();
    bound.map_err(|error| StartError::new(format!("The bound address cannot be told: {error}.")))
}

fn people_of(house: &House, settings: people::settings::Settings) -> Result<Arc<People>, StartError> {
    let web = Outbound::new(settings.ca_file.as_deref()).map_err(|error| {
        StartError::new(format!("TLS to the identity provider can't be set up (oidc_ca_file): {error}."))
    })?;
    Ok(Arc::new(People::new(settings, Arc::new(web), house.ledger.clone(), house.view.clone())))
}

fn scanner_of(settings: GithubScanning) -> Result<Scanner, StartError> {
    let GithubScanning { filed, keys_url, ca_file } = settings;
    let asked = keys_url.map(|url| {
        let web = Outbound::new(ca_file.as_deref()).map_err(|error| {
            StartError::new(format!(
                "TLS to GitHub can't be set up (github_secret_scanning_ca_file): {error}."
            ))
        })?;
        Ok::<_, StartError>((url, Arc::new(web) as Arc<dyn Web>))
    });
    Ok(Scanner::new(filed, asked.transpose()?))
}

/// This node's id, kept on its data directory: a restart takes its own lease over at once.
fn node_id(data_dir: &Path) -> Result<Uuid, StartError> {
    let path = data_dir.join("node-id");
    let failed =
        |cause: std::io::Error| StartError::new(format!("{} can't be kept: {cause}.", path.display()));
    match std::fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map_err(|_| {
            StartError::new(format!(
                "{} holds no node id. Remove it, and wait 2 seconds before you start.",
                path.display()
            ))
        }),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            let id = uuid::Builder::from_random_bytes(random_bytes()).into_uuid();
            std::fs::write(&path, format!("{id}\n")).map_err(failed)?;
            Ok(id)
        }
        Err(cause) => Err(failed(cause)),
    }
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
