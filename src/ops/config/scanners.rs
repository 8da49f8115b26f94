//! The settings of secret scanners whose messages are taken.

use std::path::PathBuf;

use super::{ConfigError, Given, Values, member, path, read_bounded};
use crate::people::web::WebUrl;
use crate::scanners::Keys;

/// GitHub's secret scanning, by whose keys its messages are known.
#[derive(Debug)]
pub struct GithubScanning {
    /// those of the file
    pub filed: Keys,
    /// where GitHub publishes them
    pub keys_url: Option<WebUrl>,
    pub ca_file: Option<PathBuf>,
}

impl GithubScanning {
    /// None: its messages are refused.
    pub(super) fn read(values: &mut Values) -> Result<Option<Self>, ConfigError> {
        let filed = member(values, "github-secret-scanning-keys-file", keys)?;
        let keys_url = member(values, "github-secret-scanning-keys-url", url)?;
        let ca_file = match values.take("github-secret-scanning-ca-file") {
            Some(given) if keys_url.is_none() => {
                let stray = "is of no use without github_secret_scanning_keys_url".to_owned();
                return Err(ConfigError::at(&given.source, stray));
            }
            given => given.map(|given| path(&given)).transpose()?,
        };
        let any = filed.is_some() || keys_url.is_some();
        Ok(any.then(|| GithubScanning { filed: filed.unwrap_or_default(), keys_url, ca_file }))
    }
}

fn keys(given: &Given) -> Result<Keys, ConfigError> {
    let text = read_bounded(&path(given)?)
        .map_err(|error| ConfigError::at(&given.source, format!("can't be read: {error}")))?;
    Keys::parse(text.as_bytes()).map_err(|bad| {
        ConfigError::at(&given.source, format!("names a file that is no list of a scanner's keys: {bad}"))
    })
}

fn url(given: &Given) -> Result<WebUrl, ConfigError> {
    WebUrl::parse(&given.text).map_err(|why| {
        ConfigError::at(
            &given.source,
            format!(
                "must be a URL such as https://api.github.com/meta/public_keys/secret_scanning, not {:?}: {why}",
                given.text
            ),
        )
    })
}
