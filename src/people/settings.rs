//! What sign-in goes by.

use std::path::PathBuf;
use std::time::Duration;

use super::mapping::Mapping;
use super::web::WebUrl;
use crate::domain::secret::PlainSecret;

/// How the client shows the provider that it is itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    Basic,
    Post,
    /// a public client: PKCE alone binds the code to us
    None,
}

#[derive(Debug)]
pub struct Settings {
    pub issuer: String,
    pub discovery: WebUrl,
    pub client_id: String,
    pub client_secret: Option<PlainSecret>,
    /// none: by what the provider says it takes
    pub client_auth: Option<ClientAuth>,
    pub scopes: String,
    pub mapping: Mapping,
    pub acr: Vec<String>,
    pub amr: Vec<Vec<String>>,
    pub max_age_seconds: Option<u32>,
    /// PEM roots that the provider's certificate must lead to; none: the machine's
    pub ca_file: Option<PathBuf>,
    /// hosts beside the issuer's own that may be asked
    pub hosts: Vec<String>,
    pub redirect_uri: String,
    /// of the public URL, as a browser says it
    pub origin: String,
    pub idle: Duration,
    pub life: Duration,
    pub invitation_seconds: u32,
}

impl Settings {
    /// The issuer names its document; the document's own `issuer` is held to be the same, to the letter.
    pub fn discovery_of(issuer: &str) -> Result<WebUrl, &'static str> {
        if issuer.contains('?') {
            return Err("it has a query");
        }
        WebUrl::parse(&format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/')))
    }

    /// Whether the service itself may ask there.
    pub fn may_ask(&self, url: &WebUrl) -> bool {
        let of_issuer = (&url.host, url.port) == (&self.discovery.host, self.discovery.port);
        // One that is asked without TLS is only ever the issuer itself, on this machine.
        of_issuer || url.is_https && self.hosts.contains(&url.host)
    }
}
