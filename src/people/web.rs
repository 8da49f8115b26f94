//! What people need of the room that makes HTTP requests, stated here; `outbound` is it.

use std::fmt;
use std::net::IpAddr;

use futures::future::BoxFuture;

/// An absolute URL that may be asked: https, or http to this machine itself (for trying things out). No user, no fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebUrl {
    text: String,
    pub is_https: bool,
    /// in lower case; an IPv6 address without its brackets
    pub host: String,
    pub port: u16,
    /// path and query, and at least a slash
    pub path: String,
}

impl WebUrl {
    pub fn parse(text: &str) -> Result<WebUrl, &'static str> {
        let (is_https, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return Err("it does not begin with https://"),
        };
        if !rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}#@".contains(&byte)) {
            return Err("it holds a character that such a URL does not have");
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (host, port) = host_and_port(authority, is_https).ok_or("its host can't be read")?;
        if !is_https && !is_this_machine(&host) {
            return Err("it is not https, which only addresses of this machine need not be");
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(WebUrl { text: text.to_owned(), is_https, host, port, path })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// As a `Host` header has it.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.is_https, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }

    pub fn origin(&self) -> String {
        format!("{}://{}", if self.is_https { "https" } else { "http" }, self.authority())
    }
}

fn host_and_port(authority: &str, is_https: bool) -> Option<(String, u16)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            let address: IpAddr = host.parse().ok()?;
            (address.to_string(), rest)
        }
        None => {
            let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            let sound = !host.is_empty()
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
            (sound.then(|| host.to_ascii_lowercase())?, port)
        }
    };
    let port = match port.strip_prefix(':') {
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            port.parse().ok().filter(|port| *port != 0)?
        }
        Some(_) => return None,
        None if port.is_empty() => {
            if is_https {
                443
            } else {
                80
            }
        }
        None => return None,
    };
    Some((host, port))
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// One request: a GET, or a POST of a form.
pub struct Question<'a> {
    pub url: &'a WebUrl,
    pub authorization: Option<String>,
    pub form: Option<String>,
}

/// A whole answer, of whatever status. Redirects are answers like any other: none is followed.
pub struct Page {
    pub status: u16,
    pub body: Vec<u8>,
}

#[derive(Debug)]
pub enum WebError {
    /// it can't be reached, or broke off
    Away(String),
    /// it took longer than [`crate::limits::PROVIDER_WAIT`]
    Late,
    TooLarge,
}

impl fmt::Display for WebError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WebError::Away(cause) => write!(f, "it can't be reached: {cause}"),
            WebError::Late => f.write_str("it did not answer in time"),
            WebError::TooLarge => f.write_str("its answer is too large"),
        }
    }
}

pub trait Web: Send + Sync {
    fn ask<'a>(&'a self, question: Question<'a>) -> BoxFuture<'a, Result<Page, WebError>>;
}

/// `application/x-www-form-urlencoded`, which a query is too.
pub fn form(members: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in members {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(&encoded(name));
        text.push('=');
        text.push_str(&encoded(value));
    }
    text
}

pub fn encoded(plain: &str) -> String {
    let mut text = String::with_capacity(plain.len());
    for byte in plain.bytes() {
        match byte {
            byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => text.push(char::from(byte)),
            byte => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_into_its_parts() {
        let url = WebUrl::parse("https://ID.example.com/a/b?c=d").expect("a URL");
        assert_eq!((url.host.as_str(), url.port, url.path.as_str()), ("id.example.com", 443, "/a/b?c=d"));
        assert_eq!(url.origin(), "https://id.example.com");
        let url = WebUrl::parse("http://[::1]:8080").expect("a URL");
        assert_eq!((url.host.as_str(), url.port, url.path.as_str()), ("::1", 8080, "/"));
        assert_eq!(url.origin(), "http://[::1]:8080");
        assert_eq!(WebUrl::parse("http://localhost?x").expect("a URL").path, "/?x");
    }

    #[test]
    fn what_is_not_to_be_asked_is_refused() {
        for text in [
            "",
            "id.example.com",
            "ftp://id.example.com",
            "http://id.example.com",
            "http://169.254.169.254/",
            "http://10.0.0.1/",
            "https://",
            "https:///path",
            "https://user@id.example.com",
            "https://id.example.com:0",
            "https://id.example.com:x",
            "https://id.example.com:99999",
            "https://id.example.com/#x",
            "https://id.example.com/ x",
            "https://id.example.com/\r\nX: y",
            "https://[::1",
            "https://[nonsense]/",
            "https://ид.example.com",
            "http://localhost.evil.example/",
            "http://127.0.0.1.evil.example/",
        ] {
            assert!(WebUrl::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_form_holds_whatever_it_is_given() {
        assert_eq!(form(&[("a", "b c&d=é"), ("e", "")]), "a=b%20c%26d%3D%C3%A9&e=");
    }
}
