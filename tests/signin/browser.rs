//! As much of a browser as sign-in needs: it keeps cookies by site, follows redirects when it is told to, and says where a page
//! that asks is from. Every answer of the service is held against the API document.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::support::client::{Client, Request, Response};
use crate::support::document;

/// What browsers call the service.
pub const SITE: &str = "https://keys.test";
pub const SESSION: &str = "__Host-credledger";
pub const SIGN_IN: &str = "__Host-credledger-sign-in";

pub struct Browser {
    service: SocketAddr,
    /// by site and name
    pub cookies: BTreeMap<(String, String), String>,
    /// who sits before it
    login: String,
    /// behind what ends TLS for a provider that has it: its plain port
    pub behind_tls: Option<u16>,
}

impl Browser {
    pub fn new(service: SocketAddr, login: &str) -> Self {
        Browser { service, cookies: BTreeMap::new(), login: login.to_owned(), behind_tls: None }
    }

    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.get(&(SITE.to_owned(), name.to_owned())).cloned()
    }

    pub fn set_cookie(&mut self, name: &str, value: &str) {
        self.cookies.insert((SITE.to_owned(), name.to_owned()), value.to_owned());
    }

    #[track_caller]
    pub fn get(&mut self, url: &str) -> Response {
        self.ask("GET", url, &[])
    }

    /// As a form of a page of the service does.
    #[track_caller]
    pub fn post(&mut self, path: &str) -> Response {
        self.ask("POST", &format!("{SITE}{path}"), &[("Sec-Fetch-Site", "same-origin")])
    }

    #[track_caller]
    pub fn ask(&mut self, method: &str, url: &str, headers: &[(&str, &str)]) -> Response {
        let (site, path) = split(url);
        let address = match (site == SITE, self.behind_tls) {
            (true, _) => self.service,
            (false, Some(port)) => SocketAddr::from(([127, 0, 0, 1], port)),
            (false, None) => address(&site),
        };
        let mut request = Request::new(method, &path).header("Accept", "text/html, application/json");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let own = self.cookies.iter().filter(|((of, _), _)| *of == site);
        let cookies: Vec<String> = own.map(|((_, name), value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request = request.header("Cookie", &cookies.join("; "));
        }
        if site != SITE {
            request = request.header("X-Login", &self.login);
            if let Some(host) = site.strip_prefix("https://") {
                request = request.header("X-Forwarded-Proto", "https").header("X-Forwarded-Host", host);
            }
        }
        let answer = Client::new(address).send(&request);
        if site == SITE {
            document::holds(&request, &answer);
        }
        self.keep(&site, &answer);
        answer
    }

    fn keep(&mut self, site: &str, answer: &Response) {
        let set = answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        for (_, text) in set {
            let (pair, attributes) = text.split_once(';').unwrap_or((text, ""));
            let (name, value) = pair.split_once('=').expect("a cookie");
            if name.starts_with("__Host-") {
                for attribute in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
                    assert!(attributes.contains(attribute), "{text}");
                }
                assert!(!attributes.contains("Domain"), "{text}");
            }
            let key = (site.to_owned(), name.to_owned());
            let over = attributes.contains("Max-Age=0") || attributes.contains("01 Jan 1970");
            match over {
                true => drop(self.cookies.remove(&key)),
                false => drop(self.cookies.insert(key, value.to_owned())),
            }
        }
    }

    /// Where the service sends whoever wants to sign in.
    #[track_caller]
    pub fn begin(&mut self) -> String {
        let begun = self.get(&format!("{SITE}/console/sign-in"));
        location(&begun)
    }

    /// At the provider, until it sends the browser back: where to.
    #[track_caller]
    pub fn authenticate(&mut self, authorization: &str) -> String {
        let mut url = authorization.to_owned();
        for _ in 0..10 {
            let (site, _) = split(&url);
            let answer = self.get(&url);
            let next = location(&answer);
            url = if next.starts_with('/') { format!("{site}{next}") } else { next };
            if url.starts_with(SITE) {
                return url;
            }
        }
        panic!("the provider does not send the browser back: {url}");
    }

    /// The whole way; what the callback answers.
    #[track_caller]
    pub fn sign_in(&mut self) -> Response {
        let authorization = self.begin();
        let callback = self.authenticate(&authorization);
        self.get(&callback)
    }

    /// The whole way, with success.
    #[track_caller]
    pub fn signs_in(&mut self) {
        let answer = self.sign_in();
        assert_eq!(answer.status, 303, "{}", answer.text());
        assert_eq!(answer.header("location"), Some("/console"));
        assert!(self.cookie(SESSION).is_some() && self.cookie(SIGN_IN).is_none());
    }

    /// A read of the operators' API.
    #[track_caller]
    pub fn read(&mut self, path: &str) -> Response {
        self.get(&format!("{SITE}/api/admin/v1{path}"))
    }
}

#[track_caller]
pub fn location(answer: &Response) -> String {
    assert!(matches!(answer.status, 302 | 303), "{} {}", answer.status, answer.text());
    answer.header("location").expect("a place to go").to_owned()
}

fn split(url: &str) -> (String, String) {
    let after_scheme = url.find("://").expect("a scheme") + 3;
    let path = url[after_scheme..].find('/').map_or(url.len(), |slash| after_scheme + slash);
    let path_text = if path == url.len() { "/" } else { &url[path..] };
    (url[..path].to_owned(), path_text.to_owned())
}

fn address(site: &str) -> SocketAddr {
    site.strip_prefix("http://").and_then(|address| address.parse().ok()).expect("a provider on loopback")
}

/// The same URL with another value of one parameter.
pub fn with_parameter(url: &str, name: &str, value: &str) -> String {
    let (place, query) = url.split_once('?').expect("a query");
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((own, _)) if own == name => format!("{own}={value}"),
        _ => pair.to_owned(),
    });
    format!("{place}?{}", pairs.collect::<Vec<_>>().join("&"))
}

pub fn parameter(url: &str, name: &str) -> String {
    let query = url.split_once('?').expect("a query").1;
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(own, _)| *own == name).unwrap_or_else(|| panic!("no {name} in {url}")).1.to_owned()
}
