//! The configuration of `credledger serve`, and the only place that reads the environment.

mod scanners;
mod sign_in;
mod sources;

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use super::process;
use crate::db;
use crate::domain::ip_rules::Cidr;
use crate::domain::key_format::{Checksum, KeyFormat};
use crate::domain::rate_limit::RateLimit;
use crate::domain::tenant::Settings;
use crate::limits;
pub use scanners::GithubScanning;
pub use sign_in::SignIn;
use sources::read_bounded;
pub use sources::{Given, MEMBERS, Member, Source, Values};

const DEFAULT_LISTEN: &str = "127.0.0.1:8080";
const DEFAULT_KEY_FORMAT: &str = "cl_live_,8,30,crc32";
const DEFAULT_TRUSTED_PROXIES: &str = "127.0.0.0/8,::1";
/// The server's own notes on its threads say nothing that ours do not.
const DEFAULT_LOG: &str = "info,actix_server=warn";
/// A hundred a second: enough for any console and any script that waits for its answers, and a brake on one that runs wild.
const DEFAULT_OPERATOR_RATE_LIMIT: RateLimit = match RateLimit::new(6000, 60) {
    Ok(limit) => limit,
    Err(_) => panic!("the default is outside the bounds of limits"),
};
const ROOT_DATA_DIR: &str = "/var/lib/credledger";

#[derive(Debug)]
pub struct Config {
    pub listen: SocketAddr,
    pub data_dir: PathBuf,
    /// None: a private PostgreSQL in the data directory
    pub database_url: Option<DatabaseUrl>,
    pub database_admin_url: Option<DatabaseUrl>,
    pub database_ca_file: Option<PathBuf>,
    pub allow_unsafe_database: bool,
    /// None: the address that was bound
    pub public_url: Option<String>,
    pub trusted_proxies: Vec<Cidr>,
    /// of tenants that give none
    pub default_key_format: KeyFormat,
    /// none: as often as they like
    pub operator_rate_limit: Option<RateLimit>,
    /// none: nobody signs in, operators come with tokens
    pub sign_in: Option<SignIn>,
    /// none: messages of GitHub's secret scanning are refused
    pub github: Option<GithubScanning>,
    /// how long a key signs tokens before another takes its place
    pub signing_key_rotation: Duration,
    /// how long what was counted of usage stays in memory alone
    pub usage_flush: Duration,
    /// for how long calls that were served are kept
    pub activity_retention_days: u32,
    pub ready_file: Option<PathBuf>,
    pub master_key_file: PathBuf,
    pub log: String,
    pub log_format: LogFormat,
    pub postgres_bin_dir: Option<PathBuf>,
    pub workers: usize,
    pub run_as: Option<String>,
    /// the directories of PATH, where PostgreSQL's programs are looked for too
    pub program_dirs: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Auto,
    Text,
    Json,
}

/// A connection URL. It may hold a password, so printing it prints no more than that it is there.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseUrl")
    }
}

/// One sentence for whoever wrote the setting: where it stands, what is wrong, what would be right.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError(String);

impl ConfigError {
    fn new(sentence: String) -> Self {
        Self(sentence)
    }

    fn at(source: &Source, problem: String) -> Self {
        Self(format!("{source} {problem}."))
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

/// What of the environment matters beside the settings themselves.
struct Surroundings {
    root: bool,
    environment: Vec<(OsString, OsString)>,
}

impl Config {
    /// `flags` are the members given on the command line, by the names of [`MEMBERS`].
    pub fn read(flags: &[(&'static str, String)]) -> Result<Config, ConfigError> {
        // The one reading of the environment.
        #[allow(clippy::disallowed_methods)]
        let environment = std::env::vars_os().collect();
        Config::assemble(flags, &Surroundings { root: process::is_root(), environment })
    }

    fn assemble(flags: &[(&'static str, String)], around: &Surroundings) -> Result<Config, ConfigError> {
        let mut values = Values::collect(flags, &around.environment)?;
        let data_dir = match values.take("data-dir") {
            Some(given) => path(&given)?,
            None => around.default_data_dir()?,
        };
        let config = Config {
            listen: member(&mut values, "listen", listen)?
                .map_or_else(|| parse_default(DEFAULT_LISTEN), Ok)?,
            database_url: member(&mut values, "database-url", database_url)?,
            database_admin_url: member(&mut values, "database-admin-url", database_url)?,
            database_ca_file: member(&mut values, "database-ca-file", path)?,
            allow_unsafe_database: member(&mut values, "allow-unsafe-database", switch)?.unwrap_or(false),
            public_url: member(&mut values, "public-url", public_url)?,
            trusted_proxies: match member(&mut values, "trusted-proxies", networks)? {
                Some(networks) => networks,
                None => {
                    DEFAULT_TRUSTED_PROXIES.split(',').filter_map(|entry| Cidr::parse(entry).ok()).collect()
                }
            },
            default_key_format: member(&mut values, "default-key-format", key_format)?.unwrap_or_default(),
            operator_rate_limit: match member(&mut values, "operator-rate-limit", rate_limit)? {
                Some(limit) => limit,
                None => Some(DEFAULT_OPERATOR_RATE_LIMIT),
            },
            sign_in: SignIn::read(&mut values)?,
            github: GithubScanning::read(&mut values)?,
            signing_key_rotation: member(&mut values, "signing-key-rotation-days", rotation_days)?
                .unwrap_or(days(limits::SIGNING_KEY_ROTATION_DAYS)),
            usage_flush: member(&mut values, "usage-flush-seconds", flush_seconds)?
                .unwrap_or(Duration::from_secs(limits::USAGE_FLUSH_SECONDS.into())),
            activity_retention_days: member(&mut values, "activity-retention-days", retention_days)?
                .unwrap_or(limits::ACTIVITY_RETENTION_DAYS_DEFAULT),
            ready_file: member(&mut values, "ready-file", path)?,
            master_key_file: member(&mut values, "master-key-file", path)?
                .unwrap_or_else(|| data_dir.join("master.key")),
            log: member(&mut values, "log", log_filter)?.unwrap_or_else(|| DEFAULT_LOG.to_owned()),
            log_format: member(&mut values, "log-format", log_format)?.unwrap_or(LogFormat::Auto),
            postgres_bin_dir: member(&mut values, "postgres-bin-dir", path)?,
            workers: member(&mut values, "workers", workers)?.unwrap_or_else(one_a_core),
            run_as: member(&mut values, "run-as", |given| Ok(given.text.clone()))?,
            program_dirs: around.program_dirs(),
            data_dir,
        };
        match (&config.database_url, &config.database_admin_url) {
            (None, Some(_)) => Err(ConfigError::new(
                "database_admin_url is set and database_url is not. Set both, or neither for a private PostgreSQL."
                    .to_owned(),
            )),
            _ => Ok(config),
        }
    }

    /// How callers reach the service, by the setting or else by the address that was bound.
    pub fn public_url(&self, bound: SocketAddr) -> String {
        self.public_url.clone().unwrap_or_else(|| local_url(bound))
    }
}

/// How this machine reaches an address that was bound; "all addresses" is reached by the loopback one.
pub fn local_url(bound: SocketAddr) -> String {
    let mut reachable = bound;
    if bound.ip().is_unspecified() {
        reachable.set_ip(match bound {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{reachable}")
}

impl Surroundings {
    fn variable(&self, name: &str) -> Option<&OsString> {
        self.environment.iter().find(|(key, text)| key == name && !text.is_empty()).map(|(_, text)| text)
    }

    fn default_data_dir(&self) -> Result<PathBuf, ConfigError> {
        if self.root {
            return Ok(PathBuf::from(ROOT_DATA_DIR));
        }
        // The XDG specification has relative paths ignored.
        let absolute = |name| self.variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        absolute("XDG_DATA_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
            .map(|base| base.join("credledger"))
            .ok_or_else(|| {
                ConfigError::new("There is no HOME to keep data in. Say where with --data-dir.".to_owned())
            })
    }

    fn program_dirs(&self) -> Vec<PathBuf> {
        let dirs = self.variable("PATH").map(|path| std::env::split_paths(path).collect::<Vec<_>>());
        dirs.unwrap_or_default().into_iter().filter(|dir| dir.is_absolute()).collect()
    }
}

fn member<T>(
    values: &mut Values,
    name: &'static str,
    parse: impl Fn(&Given) -> Result<T, ConfigError>,
) -> Result<Option<T>, ConfigError> {
    values.take(name).map(|given| parse(&given)).transpose()
}

fn parse_default(text: &str) -> Result<SocketAddr, ConfigError> {
    text.parse().map_err(|_| ConfigError::new(format!("{text} is no address")))
}

fn listen(given: &Given) -> Result<SocketAddr, ConfigError> {
    let problem =
        || format!("must be an IP address and a port, such as {DEFAULT_LISTEN}, not {:?}", given.text);
    given.text.parse().map_err(|_| ConfigError::at(&given.source, problem()))
}

/// Absolute from here on: the service changes its directory.
fn path(given: &Given) -> Result<PathBuf, ConfigError> {
    std::path::absolute(Path::new(&given.text))
        .map_err(|error| ConfigError::at(&given.source, format!("is not a usable path: {error}")))
}

fn database_url(given: &Given) -> Result<DatabaseUrl, ConfigError> {
    match db::DatabaseUrl::from(given.text.as_str()).is_readable() {
        true => Ok(DatabaseUrl(given.text.clone())),
        false => Err(ConfigError::at(
            &given.source,
            "must be a URL such as postgresql://role:password@host:5432/database, or the same as key=value words"
                .to_owned(),
        )),
    }
}

/// It becomes the issuer and the base of every link, so it has no query, no fragment and no trailing slash.
fn public_url(given: &Given) -> Result<String, ConfigError> {
    let text = given.text.trim_end_matches('/');
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let plain = |rest: &str| {
        !rest.is_empty()
            && !rest.starts_with('/')
            && rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#@\"<>\\^`{|}".contains(&byte))
    };
    match rest {
        Some(rest) if plain(rest) => Ok(text.to_owned()),
        _ => Err(ConfigError::at(
            &given.source,
            "must be a URL such as https://keys.example.com, without query, fragment or user".to_owned(),
        )),
    }
}

fn networks(given: &Given) -> Result<Vec<Cidr>, ConfigError> {
    let entries = given.text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let refused = |entry, error| ConfigError::at(&given.source, format!("lists {entry:?}, which {error}"));
    entries.map(|entry| Cidr::parse(entry).map_err(|error| refused(entry, error))).collect()
}

/// As a tenant's: prefix, public and secret characters, checksum.
fn key_format(given: &Given) -> Result<KeyFormat, ConfigError> {
    let refused = |problem: String| ConfigError::at(&given.source, problem);
    let parts: Vec<&str> = given.text.split(',').map(str::trim).collect();
    let written = match parts[..] {
        [prefix, public, secret, checksum] => {
            let checksum = match checksum {
                "crc32" => Some(Checksum::Crc32),
                "none" => Some(Checksum::None),
                _ => None,
            };
            public.parse().ok().zip(secret.parse().ok()).zip(checksum).map(|rest| (prefix, rest))
        }
        _ => None,
    };
    let Some((prefix, ((public, secret), checksum))) = written else {
        return Err(refused(format!(
            "must be a prefix, the number of public and of secret characters, and crc32 or none, such as \
             {DEFAULT_KEY_FORMAT}, not {:?}",
            given.text
        )));
    };
    let format = KeyFormat::new(prefix, public, secret, checksum)
        .map_err(|error| refused(format!("is refused: {error}")))?;
    // A tenant starts with it, and must be able to.
    let starting = Settings::starting(format.clone());
    starting.check(&starting).map_err(|refusal| {
        refused(format!("is refused, for clients are written with it too: {}", refusal.detail))
    })?;
    Ok(format)
}

/// The inner none: no limit.
fn rate_limit(given: &Given) -> Result<Option<RateLimit>, ConfigError> {
    if given.text == "none" {
        return Ok(None);
    }
    let numbers = given
        .text
        .split_once('/')
        .and_then(|(requests, seconds)| Some((requests.trim().parse().ok()?, seconds.trim().parse().ok()?)));
    let limit = numbers.map(|(requests, seconds)| RateLimit::new(requests, seconds));
    let wrong = |problem: String| ConfigError::at(&given.source, problem);
    match limit {
        Some(Ok(limit)) => Ok(Some(limit)),
        Some(Err(error)) => Err(wrong(format!("has {} out of bounds: {error}", error.member()))),
        None => Err(wrong(format!(
            "must be requests and seconds, such as 6000/60, or none, not {:?}",
            given.text
        ))),
    }
}

fn rotation_days(given: &Given) -> Result<Duration, ConfigError> {
    let most = limits::SIGNING_KEY_ROTATION_DAYS_MOST;
    let number = given.text.parse().ok().filter(|number| (1..=most).contains(number));
    number.map(days).ok_or_else(|| {
        ConfigError::at(&given.source, format!("must be days, from 1 to {most}, not {:?}", given.text))
    })
}

fn flush_seconds(given: &Given) -> Result<Duration, ConfigError> {
    let bounds = limits::USAGE_FLUSH_SECONDS_BOUNDS;
    let number: Option<u32> = given.text.parse().ok().filter(|number| bounds.contains(number));
    number.map(|number| Duration::from_secs(number.into())).ok_or_else(|| {
        let problem =
            format!("must be seconds, from {} to {}, not {:?}", bounds.start(), bounds.end(), given.text);
        ConfigError::at(&given.source, problem)
    })
}

fn retention_days(given: &Given) -> Result<u32, ConfigError> {
    let range = limits::ACTIVITY_RETENTION_DAYS;
    let number = given.text.parse().ok().filter(|number| range.contains(number));
    let (least, most) = (range.start(), range.end());
    number.ok_or_else(|| {
        let detail = format!("must be days, from {least} to {most}, not {:?}", given.text);
        ConfigError::at(&given.source, detail)
    })
}

fn days(number: u32) -> Duration {
    Duration::from_secs(u64::from(number) * 24 * 60 * 60)
}

fn log_filter(given: &Given) -> Result<String, ConfigError> {
    match EnvFilter::try_new(&given.text) {
        Ok(_) => Ok(given.text.clone()),
        Err(error) => Err(ConfigError::at(&given.source, format!("is no log filter such as info: {error}"))),
    }
}

fn log_format(given: &Given) -> Result<LogFormat, ConfigError> {
    match given.text.as_str() {
        "auto" => Ok(LogFormat::Auto),
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        other => Err(ConfigError::at(&given.source, format!("must be auto, text or json, not {other:?}"))),
    }
}

fn switch(given: &Given) -> Result<bool, ConfigError> {
    given
        .text
        .parse()
        .map_err(|_| ConfigError::at(&given.source, format!("must be true or false, not {:?}", given.text)))
}

fn workers(given: &Given) -> Result<usize, ConfigError> {
    let number = given.text.parse().ok().filter(|number| (1..=limits::WORKERS).contains(number));
    number.ok_or_else(|| {
        ConfigError::at(
            &given.source,
            format!("must be a number from 1 to {}, not {:?}", limits::WORKERS, given.text),
        )
    })
}

fn one_a_core() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(limits::WORKERS)
}

#[cfg(test)]
mod tests;
