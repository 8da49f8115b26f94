//! Where a setting can come from, and which source wins: flag over environment over file over default.
//!
//! [`MEMBERS`] is the one list of settings. The flags, the variables and the file's members all follow from it, so a
//! setting that works in one place works in the other two, under the same name.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::ConfigError;
use crate::limits;

/// `foo-bar` here is `--foo-bar`, `CREDLEDGER_FOO_BAR`, and `foo_bar` in the file.
pub struct Member {
    pub name: &'static str,
    pub value: &'static str,
    pub help: &'static str,
}

const fn member(name: &'static str, value: &'static str, help: &'static str) -> Member {
    Member { name, value, help }
}

pub const MEMBERS: &[Member] = &[
    member(CONFIG, "FILE", "read settings from this TOML file"),
    member("listen", "ADDRESS", "address and port to serve on; port 0 takes any free one [127.0.0.1:8080]"),
    member("data-dir", "DIR", "where everything is kept [/var/lib/credledger, or ~/.local/share/credledger]"),
    member(DATABASE_URL, "URL", "use this PostgreSQL instead of a private one (DATABASE_URL is read too)"),
    member("database-admin-url", "URL", "the same server, as the role that may change the schema"),
    member("database-ca-file", "FILE", "PEM roots that the server's certificate must lead to [the system's]"),
    member(
        "allow-unsafe-database",
        "true",
        "take a PostgreSQL that can lose acknowledged events; for tests [false]",
    ),
    member("public-url", "URL", "how callers reach this service [the listen address]"),
    member("trusted-proxies", "CIDR,…", "whose X-Forwarded-* headers are believed [127.0.0.0/8,::1]"),
    member("default-key-format", "FORMAT", "of keys of tenants that give none [cl_live_,8,30,crc32]"),
    member(
        "operator-rate-limit",
        "REQUESTS/SECONDS",
        "how often each operator may use the admin API, or none [6000/60]",
    ),
    member("oidc-issuer", "URL", "let people sign in by this OpenID Connect provider [nobody signs in]"),
    member("oidc-client-id", "ID", "what the provider calls this service"),
    member("oidc-client-secret-file", "FILE", "the client's secret, alone in a file [a public client]"),
    member("oidc-client-auth", "METHOD", "basic, post or none [what the provider takes]"),
    member("oidc-scopes", "WORDS", "what is asked of the provider [openid email profile]"),
    member(
        "oidc-roles",
        "CLAIM=VALUE=ROLE[@TENANTS],…",
        "whom claims let in: tenants are slugs joined by +, * or $CLAIM [only who is invited]",
    ),
    member("oidc-acr", "VALUE,…", "accept only sign-ins with one of these acr [any]"),
    member("oidc-amr", "METHOD[+METHOD],…", "accept only sign-ins with these amr, such as mfa,pwd+otp [any]"),
    member("oidc-max-age-seconds", "SECONDS", "how old the sign-in at the provider may be [any age]"),
    member("oidc-ca-file", "FILE", "PEM roots that the provider's certificate must lead to [the system's]"),
    member("oidc-hosts", "HOST,…", "hosts beside the issuer's that the provider's endpoints may be on"),
    member("session-idle-seconds", "SECONDS", "a session that is not used for so long ends [1800]"),
    member("session-seconds", "SECONDS", "every session ends after so long [43200]"),
    member("invitation-seconds", "SECONDS", "how long an invitation can be accepted [604800]"),
    member(
        "github-secret-scanning-keys-url",
        "URL",
        "take messages of GitHub's secret scanning, by the keys that it publishes there [none are taken]",
    ),
    member("github-secret-scanning-keys-file", "FILE", "the same keys in a file, where there is no way out"),
    member(
        "github-secret-scanning-ca-file",
        "FILE",
        "PEM roots that certificate must lead to [the system's]",
    ),
    member(
        "signing-key-rotation-days",
        "DAYS",
        "how long a key signs access tokens before another takes its place [90]",
    ),
    member(
        "usage-flush-seconds",
        "SECONDS",
        "how often counted usage is written; a crash loses what was not [10]",
    ),
    member("activity-retention-days", "DAYS", "how long calls that were served are kept [90]"),
    member("ready-file", "FILE", "write the address there, as JSON, as soon as requests are served"),
    member("master-key-file", "FILE", "the key that secrets are kept under [<data-dir>/master.key]"),
    member("log", "FILTER", "what to log: a level, or target=level,… [info,actix_server=warn]"),
    member("log-format", "FORMAT", "auto, text or json; auto is text on a terminal [auto]"),
    member("postgres-bin-dir", "DIR", "where initdb and postgres are [searched for]"),
    member("workers", "NUMBER", "threads that serve HTTP [one a core]"),
    member("run-as", "ACCOUNT", "account to become after binding, when started by root [credledger]"),
];

const CONFIG: &str = "config";
const DATABASE_URL: &str = "database-url";
const VARIABLE_PREFIX: &str = "CREDLEDGER_";
/// Variables of the test suite, which the service it starts inherits.
const TEST_PREFIX: &str = "CREDLEDGER_TEST_";

impl Member {
    fn named(name: &str) -> Option<&'static Member> {
        MEMBERS.iter().find(|member| member.name == name)
    }

    /// The file's spelling and, in capitals, that of a variable: with `_`, and never with `-`.
    fn spelled(name: &str) -> Option<&'static Member> {
        Self::named(&name.replace('_', "-")).filter(|_| !name.contains('-'))
    }

    fn in_file(&self) -> String {
        self.name.replace('-', "_")
    }
}

/// Where a value stood, told back to whoever has to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Flag(&'static Member),
    Variable(String),
    File(&'static Member, PathBuf),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Flag(member) => write!(f, "--{}", member.name),
            Source::Variable(name) => f.write_str(name),
            Source::File(member, path) => write!(f, "{} in {}", member.in_file(), path.display()),
        }
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Member {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Member {}

/// A value as it was written. Without Debug: it may hold a password.
pub struct Given {
    pub text: String,
    pub source: Source,
}

/// What was given, each member from the source that wins.
pub struct Values(BTreeMap<&'static str, Given>);

impl Values {
    /// `flags` are (member, text); `environment` is the process's whole environment.
    pub fn collect(
        flags: &[(&'static str, String)],
        environment: &[(OsString, OsString)],
    ) -> Result<Values, ConfigError> {
        let mut above_file = from_environment(environment)?;
        for (name, text) in flags {
            if let Some(member) = Member::named(name) {
                above_file.insert(member.name, Given { text: text.clone(), source: Source::Flag(member) });
            }
        }
        let mut values = match above_file.get(CONFIG) {
            Some(given) => from_file(Path::new(&given.text))?,
            None => BTreeMap::new(),
        };
        values.extend(above_file);
        Ok(Values(values))
    }

    pub fn take(&mut self, name: &'static str) -> Option<Given> {
        debug_assert!(Member::named(name).is_some(), "{name} is not in the list of members");
        self.0.remove(name)
    }
}

/// An empty variable counts as not set, since that is what compose files make of an absent one.
fn from_environment(
    environment: &[(OsString, OsString)],
) -> Result<BTreeMap<&'static str, Given>, ConfigError> {
    let mut values = BTreeMap::new();
    // What everybody else calls it, and what gives way to our own name for it.
    if let Some((key, text)) =
        environment.iter().find(|(key, text)| key == "DATABASE_URL" && !text.is_empty())
    {
        values.insert(DATABASE_URL, from_variable(&key.to_string_lossy(), text)?);
    }
    for (key, text) in environment {
        let Some(key) = key.to_str() else { continue };
        let member = match key.strip_prefix(VARIABLE_PREFIX) {
            _ if key.starts_with(TEST_PREFIX) => continue,
            Some(rest) => Member::spelled(&rest.to_ascii_lowercase())
                .filter(|_| rest == rest.to_ascii_uppercase())
                .ok_or_else(|| {
                    ConfigError::new(format!("{key} is not a setting of credledger. Unset it."))
                })?,
            None => continue,
        };
        if text.is_empty() {
            continue;
        }
        values.insert(member.name, from_variable(key, text)?);
    }
    Ok(values)
}

fn from_variable(key: &str, text: &OsStr) -> Result<Given, ConfigError> {
    let text = text.to_str().ok_or_else(|| ConfigError::new(format!("{key} is not UTF-8 text.")))?;
    Ok(Given { text: text.to_owned(), source: Source::Variable(key.to_owned()) })
}

fn from_file(path: &Path) -> Result<BTreeMap<&'static str, Given>, ConfigError> {
    let at = path.display();
    let text = read_bounded(path)
        .map_err(|error| ConfigError::new(format!("The configuration file {at} cannot be read: {error}.")))?;
    // The parser's own message quotes the line, which may hold a password: only its place is told.
    let table: toml::Table = toml::from_str(&text).map_err(|error| {
        let line =
            error.span().and_then(|span| text.get(..span.start)).map_or(1, |s| s.matches('\n').count() + 1);
        ConfigError::new(format!("The configuration file {at} is not TOML, first seen on line {line}."))
    })?;
    let mut values = BTreeMap::new();
    for (name, value) in table {
        let member = Member::spelled(&name)
            .filter(|member| member.name != CONFIG)
            .ok_or_else(|| ConfigError::new(format!("{name} in {at} is not a setting of credledger.")))?;
        let source = Source::File(member, path.to_owned());
        let text = plain_text(&value).ok_or_else(|| {
            ConfigError::at(&source, "must be a text, a number, or a list of texts".to_owned())
        })?;
        values.insert(member.name, Given { text, source });
    }
    Ok(values)
}

pub(super) fn read_bounded(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let limit = limits::CONFIG_FILE_BYTES;
    std::fs::File::open(path)?.take(limit + 1).read_to_string(&mut text)?;
    if u64::try_from(text.len()).is_ok_and(|length| length <= limit) {
        return Ok(text);
    }
    Err(std::io::Error::other(format!("it is larger than {limit} bytes")))
}

/// A list is what a comma joins on the command line.
fn plain_text(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Array(items) => {
            items.iter().map(toml::Value::as_str).collect::<Option<Vec<_>>>().map(|texts| texts.join(","))
        }
        _ => None,
    }
}
