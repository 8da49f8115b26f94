//! Where the database is and how to speak to it: the URL, and TLS by its sslmode.
//!
//! A certificate is always verified, name and all, whatever the sslmode: `verify-ca` and `verify-full` are read as `require`. Unix
//! sockets need no TLS. Trusted are the machine's roots, or those of a CA file alone.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::DbError;
use crate::limits;

/// A connection string, which may hold a password: it prints as nothing but its type's name.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl From<String> for DatabaseUrl {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for DatabaseUrl {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl DatabaseUrl {
    /// Whether it can be read; where it leads to is another matter.
    pub fn is_readable(&self) -> bool {
        self.read().is_some()
    }

    fn read(&self) -> Option<(tokio_postgres::Config, Option<PathBuf>)> {
        let (text, ca_file) = without_libpq_tls_words(&self.0);
        Some((text.parse().ok()?, ca_file))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseUrl")
    }
}

#[derive(Clone, Debug)]
pub struct Settings {
    pub url: DatabaseUrl,
    /// For migrations; `url` when there is none.
    pub admin_url: Option<DatabaseUrl>,
    /// PEM file of the authorities to trust instead of the machine's.
    pub ca_file: Option<PathBuf>,
    /// Starts on a server that may lose what it acknowledged. For tests.
    pub allow_unsafe_database: bool,
}

impl Settings {
    pub fn at(url: impl Into<DatabaseUrl>) -> Self {
        Self { url: url.into(), admin_url: None, ca_file: None, allow_unsafe_database: false }
    }
}

#[derive(Clone)]
pub(super) struct Target {
    pub config: tokio_postgres::Config,
    /// `None`: over Unix sockets, and with sslmode=disable
    pub tls: Option<MakeRustlsConnect>,
}

impl Target {
    pub fn of(url: &DatabaseUrl, ca_file: Option<&Path>) -> Result<Self, DbError> {
        let (mut config, ca_in_url) = url.read().ok_or_else(|| {
            DbError::Unfit(
                "The database URL can't be read; it should look like postgres://user:password@host:5432/name"
                    .into(),
            )
        })?;
        config.connect_timeout(limits::CONNECT_WAIT).keepalives(true).keepalives_idle(limits::KEEPALIVE_IDLE);
        let remote = config.get_hosts().iter().any(|host| matches!(host, Host::Tcp(_)))
            || !config.get_hostaddrs().is_empty();
        if !remote || config.get_ssl_mode() == SslMode::Disable {
            config.ssl_mode(SslMode::Disable);
            return Ok(Self { config, tls: None });
        }
        let roots = trusted_roots(ca_file.or(ca_in_url.as_deref()))?;
        Ok(Self { config, tls: Some(MakeRustlsConnect::new(tls_config(roots)?)) })
    }
}

fn tls_config(roots: RootCertStore) -> Result<ClientConfig, DbError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| DbError::Unfit(format!("TLS can't be set up: {error}")))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn trusted_roots(ca_file: Option<&Path>) -> Result<RootCertStore, DbError> {
    let mut roots = RootCertStore::empty();
    let Some(path) = ca_file else {
        // what the machine's store holds of unreadable certificates is left out; no root at all fails at the handshake
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    };
    let unreadable = |error: &dyn fmt::Display| {
        DbError::Unfit(format!("The database's CA file {} can't be read: {error}", path.display()))
    };
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unreadable(&error))? {
        let certificate = certificate.map_err(|error| unreadable(&error))?;
        roots.add(certificate).map_err(|error| unreadable(&error))?;
    }
    if roots.is_empty() {
        return Err(unreadable(&"it holds no certificate"));
    }
    Ok(roots)
}

/// tokio-postgres knows neither libpq's `sslmode=verify-…` nor `sslrootcert`. Takes them out of a URL or of key=value text.
fn without_libpq_tls_words(text: &str) -> (String, Option<PathBuf>) {
    let mut ca_file = None;
    let mut keep = |word: &str| match word.split_once('=') {
        Some(("sslmode", "verify-ca" | "verify-full")) => Some("sslmode=require".to_owned()),
        Some(("sslrootcert", path)) => {
            if path != "system" {
                ca_file = Some(PathBuf::from(unescaped(path.trim_matches('\''))));
            }
            None
        }
        _ => Some(word.to_owned()),
    };
    let is_url = text.starts_with("postgres://") || text.starts_with("postgresql://");
    let kept = match text.split_once('?') {
        Some((address, query)) if is_url => {
            let words: Vec<String> = query.split('&').filter_map(&mut keep).collect();
            if words.is_empty() { address.to_owned() } else { format!("{address}?{}", words.join("&")) }
        }
        _ if !is_url && (text.contains("sslmode=verify-") || text.contains("sslrootcert=")) => {
            text.split(' ').filter_map(&mut keep).collect::<Vec<_>>().join(" ")
        }
        _ => text.to_owned(),
    };
    (kept, ca_file)
}

/// Undoes percent-encoding; what is not an escape stays.
fn unescaped(text: &str) -> String {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escape = (first == b'%')
            .then(|| after.get(..2).and_then(|two| std::str::from_utf8(two).ok()))
            .flatten()
            .and_then(|two| u8::from_str_radix(two, 16).ok());
        plain.push(escape.unwrap_or(first));
        rest = if escape.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libpq_words_about_tls_are_understood() {
        let cases = [
            ("postgres://u@h/d", "postgres://u@h/d", None),
            ("postgres://u@h/d?sslmode=verify-full", "postgres://u@h/d?sslmode=require", None),
            (
                "postgresql://u@h/d?sslrootcert=%2Fca%20s.pem&connect_timeout=3",
                "postgresql://u@h/d?connect_timeout=3",
                Some("/ca s.pem"),
            ),
            (
                "host=h sslmode=verify-ca sslrootcert=/ca.pem user=u",
                "host=h sslmode=require user=u",
                Some("/ca.pem"),
            ),
            ("host=h password='a  b'", "host=h password='a  b'", None),
        ];
        for (given, kept, ca) in cases {
            let (text, ca_file) = without_libpq_tls_words(given);
            assert_eq!((text.as_str(), ca_file.as_deref()), (kept, ca.map(Path::new)), "{given}");
        }
    }

    #[test]
    fn a_url_never_prints_its_password() {
        let settings = Settings::at("postgres://u:hunter2@h/d");
        assert!(!format!("{settings:?}").contains("hunter2"));
    }

    #[test]
    fn an_unreadable_url_or_authority_is_told_in_a_sentence() {
        for (url, ca) in [("postgres://u@h:port/d", None), ("postgres://u@h/d", Some("/no/such/ca.pem"))] {
            let refused = Target::of(&url.into(), ca.map(Path::new)).err();
            assert!(matches!(refused, Some(DbError::Unfit(_))), "{url}");
        }
    }

    #[test]
    fn a_socket_needs_no_tls() {
        let target = Target::of(&"host=/tmp user=u sslmode=prefer".into(), None);
        assert_eq!(target.map(|t| t.config.get_ssl_mode()).ok(), Some(SslMode::Disable));
    }
}
