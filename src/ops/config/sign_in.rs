//! The settings of sign-in by identity provider: all or none.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{ConfigError, Given, Values, member, path, read_bounded};
use crate::domain::secret::PlainSecret;
use crate::limits;
use crate::people::mapping::{Entry, Mapping};
use crate::people::settings::{ClientAuth, Settings};
use crate::people::web::WebUrl;

const DEFAULT_SCOPES: &str = "openid email profile";
const DEFAULT_IDLE_SECONDS: u32 = 30 * 60;
const DEFAULT_SESSION_SECONDS: u32 = 12 * 60 * 60;
const DEFAULT_INVITATION_SECONDS: u32 = 7 * 24 * 60 * 60;

/// What is of no use without an issuer.
const REST: [&str; 13] = [
    "oidc-client-id",
    "oidc-client-secret-file",
    "oidc-client-auth",
    "oidc-scopes",
    "oidc-roles",
    "oidc-acr",
    "oidc-amr",
    "oidc-max-age-seconds",
    "oidc-ca-file",
    "oidc-hosts",
    "session-idle-seconds",
    "session-seconds",
    "invitation-seconds",
];

/// Everything but what the public URL adds, which may be known only once the address is bound.
#[derive(Debug)]
pub struct SignIn {
    issuer: String,
    discovery: WebUrl,
    client_id: String,
    client_secret: Option<PlainSecret>,
    client_auth: Option<ClientAuth>,
    scopes: String,
    mapping: Mapping,
    acr: Vec<String>,
    amr: Vec<Vec<String>>,
    max_age_seconds: Option<u32>,
    ca_file: Option<PathBuf>,
    hosts: Vec<String>,
    idle: Duration,
    life: Duration,
    invitation_seconds: u32,
}

impl SignIn {
    pub(super) fn read(values: &mut Values) -> Result<Option<SignIn>, ConfigError> {
        let Some((issuer, discovery)) = member(values, "oidc-issuer", issuer)? else {
            let stray = REST.into_iter().find_map(|name| values.take(name));
            return match stray {
                Some(given) => {
                    Err(ConfigError::at(&given.source, "is of no use without oidc_issuer".to_owned()))
                }
                None => Ok(None),
            };
        };
        let client_id = member(values, "oidc-client-id", text)?.ok_or_else(|| {
            ConfigError::new("oidc_issuer is set and oidc_client_id is not. Set both.".to_owned())
        })?;
        let seconds = |values: &mut Values, name, most, default| {
            let read = |given: &Given| number(given, most);
            Ok::<_, ConfigError>(member(values, name, read)?.unwrap_or(default))
        };
        let sign_in = SignIn {
            issuer,
            discovery,
            client_id,
            client_secret: member(values, "oidc-client-secret-file", secret_file)?,
            client_auth: member(values, "oidc-client-auth", client_auth)?,
            scopes: member(values, "oidc-scopes", scopes)?.unwrap_or_else(|| DEFAULT_SCOPES.to_owned()),
            mapping: member(values, "oidc-roles", roles)?.unwrap_or_default(),
            acr: member(values, "oidc-acr", |given| Ok(words(&given.text)))?.unwrap_or_default(),
            amr: member(values, "oidc-amr", alternatives)?.unwrap_or_default(),
            max_age_seconds: member(values, "oidc-max-age-seconds", |given| {
                number(given, limits::SESSION_SECONDS)
            })?,
            ca_file: member(values, "oidc-ca-file", path)?,
            hosts: member(values, "oidc-hosts", hosts)?.unwrap_or_default(),
            idle: whole(seconds(
                values,
                "session-idle-seconds",
                limits::SESSION_SECONDS,
                DEFAULT_IDLE_SECONDS,
            )?),
            life: whole(seconds(
                values,
                "session-seconds",
                limits::SESSION_SECONDS,
                DEFAULT_SESSION_SECONDS,
            )?),
            invitation_seconds: seconds(
                values,
                "invitation-seconds",
                limits::INVITATION_SECONDS,
                DEFAULT_INVITATION_SECONDS,
            )?,
        };
        match (sign_in.client_auth, &sign_in.client_secret) {
            (Some(ClientAuth::Basic | ClientAuth::Post), None) => Err(ConfigError::new(
                "oidc_client_auth wants a secret and oidc_client_secret_file is not set. Set it, or oidc_client_auth to none.".to_owned(),
            )),
            _ => Ok(Some(sign_in)),
        }
    }

    /// Whole, for an installation that browsers reach there.
    pub fn at(self, public_url: &str) -> Result<Settings, ConfigError> {
        let url = WebUrl::parse(public_url).map_err(|why| {
            ConfigError::new(format!(
                "People sign in over https alone, or on this machine itself, and public_url is {public_url}: {why}. Set \
                 public_url to the https address that browsers use."
            ))
        })?;
        Ok(Settings {
            issuer: self.issuer,
            discovery: self.discovery,
            client_id: self.client_id,
            client_secret: self.client_secret,
            client_auth: self.client_auth,
            scopes: self.scopes,
            mapping: self.mapping,
            acr: self.acr,
            amr: self.amr,
            max_age_seconds: self.max_age_seconds,
            ca_file: self.ca_file,
            hosts: self.hosts,
            redirect_uri: format!("{public_url}/console/callback"),
            origin: url.origin(),
            idle: self.idle,
            life: self.life,
            invitation_seconds: self.invitation_seconds,
        })
    }
}

fn whole(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}

fn issuer(given: &Given) -> Result<(String, WebUrl), ConfigError> {
    let discovery = Settings::discovery_of(&given.text).map_err(|why| {
        ConfigError::at(
            &given.source,
            format!("must be the provider's issuer, such as https://id.example.com: {why}"),
        )
    })?;
    Ok((given.text.clone(), discovery))
}

fn text(given: &Given) -> Result<String, ConfigError> {
    match given.text.trim().is_empty() {
        true => Err(ConfigError::at(&given.source, "must not be empty".to_owned())),
        false => Ok(given.text.clone()),
    }
}

/// The file's first line. It is read once, before root is given up; the secret is never an argument or a variable.
fn secret_file(given: &Given) -> Result<PlainSecret, ConfigError> {
    let file = path(given)?;
    let secret = read_bounded(Path::new(&file))
        .map_err(|error| ConfigError::at(&given.source, format!("can't be read: {error}")))?;
    match secret.trim_end_matches(['\r', '\n']) {
        "" => Err(ConfigError::at(&given.source, "names an empty file".to_owned())),
        secret if secret.contains(['\r', '\n']) => {
            Err(ConfigError::at(&given.source, "names a file of more than one line".to_owned()))
        }
        secret => Ok(PlainSecret::new(secret.to_owned())),
    }
}

fn client_auth(given: &Given) -> Result<ClientAuth, ConfigError> {
    match given.text.as_str() {
        "basic" => Ok(ClientAuth::Basic),
        "post" => Ok(ClientAuth::Post),
        "none" => Ok(ClientAuth::None),
        other => Err(ConfigError::at(&given.source, format!("must be basic, post or none, not {other:?}"))),
    }
}

fn scopes(given: &Given) -> Result<String, ConfigError> {
    let words: Vec<&str> = given.text.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    match words.contains(&"openid") {
        true => Ok(words.join(" ")),
        false => {
            Err(ConfigError::at(&given.source, "must hold openid, as in \"openid email profile\"".to_owned()))
        }
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// `mfa,pwd+otp`: the one method, or the two together.
fn alternatives(given: &Given) -> Result<Vec<Vec<String>>, ConfigError> {
    let all =
        |alternative: String| alternative.split('+').map(|word| word.trim().to_owned()).collect::<Vec<_>>();
    let alternatives: Vec<Vec<String>> = words(&given.text).into_iter().map(all).collect();
    match alternatives.iter().flatten().any(String::is_empty) {
        true => Err(ConfigError::at(&given.source, "must be methods such as mfa,pwd+otp".to_owned())),
        false => Ok(alternatives),
    }
}

fn roles(given: &Given) -> Result<Mapping, ConfigError> {
    let entry = |text: String| {
        Entry::parse(&text)
            .map_err(|why| ConfigError::at(&given.source, format!("lists {text:?}, which {why}")))
    };
    let entries = words(&given.text).into_iter().map(entry).collect::<Result<Vec<_>, _>>()?;
    Mapping::new(entries).ok_or_else(|| {
        ConfigError::at(&given.source, format!("has more than {} entries", limits::ROLE_MAPPINGS))
    })
}

fn hosts(given: &Given) -> Result<Vec<String>, ConfigError> {
    let sound = |host: &String| WebUrl::parse(&format!("https://{host}")).is_ok_and(|url| url.host == *host);
    let hosts: Vec<String> = words(&given.text).iter().map(|host| host.to_ascii_lowercase()).collect();
    match hosts.iter().find(|host| !sound(host)) {
        Some(host) => {
            Err(ConfigError::at(&given.source, format!("lists {host:?}, which is no name of a host")))
        }
        None => Ok(hosts),
    }
}

fn number(given: &Given, most: u32) -> Result<u32, ConfigError> {
    let number = given.text.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| {
        ConfigError::at(&given.source, format!("must be seconds, from 1 to {most}, not {:?}", given.text))
    })
}

#[cfg(test)]
#[path = "sign_in_test.rs"]
mod tests;
