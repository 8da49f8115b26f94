//! Where a service is, and what may stand in a request to it.

use crate::ops::StartError;

/// Of a service: host and port, and what its paths begin with.
#[derive(Clone, Debug)]
pub struct Address {
    pub is_https: bool,
    pub host: String,
    pub base: String,
}

impl Address {
    pub fn read(url: &str) -> Result<Address, StartError> {
        let forms = [(true, "https://", 443), (false, "http://", 80)];
        let found = forms
            .into_iter()
            .find_map(|(is_https, scheme, port)| Some((is_https, url.strip_prefix(scheme)?, port)));
        let Some((is_https, rest, port)) = found else {
            return Err(StartError::new("--url begins neither with https:// nor with http://."));
        };
        let (host, base) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if !is_sound(host) || host.contains('@') || (!base.is_empty() && !is_sound(base)) {
            return Err(StartError::new("--url is not well formed."));
        }
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
        let host = if has_port { host.to_owned() } else { format!("{host}:{port}") };
        Ok(Address { is_https, host, base: base.trim_end_matches('/').to_owned() })
    }

    /// Without port and brackets.
    pub fn name(&self) -> &str {
        let name = self.host.rsplit_once(':').map_or(&*self.host, |(name, _)| name);
        name.trim_matches(['[', ']'])
    }

    pub fn stays_on_this_machine(&self) -> bool {
        let name = self.name();
        name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

/// Whether a text may stand in the head of a request.
pub fn is_sound(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// One piece of a path.
pub fn segment(text: &str) -> Result<String, &'static str> {
    let sound = is_sound(text) && !text.contains(['/', '?', '#', '%']) && !text.starts_with('.');
    if sound { Ok(text.to_owned()) } else { Err("it is not well formed") }
}

/// A parameter of a path, behind what stands there already.
pub fn with(path: &str, name: &str, value: &str) -> String {
    let mut path = format!("{path}{}{name}=", if path.contains('?') { '&' } else { '?' });
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                path.push(char::from(byte))
            }
            _ => path.push_str(&format!("%{byte:02X}")),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_a_request_is_well_formed() {
        for (url, stays) in [
            ("http://127.0.0.1:8080", true),
            ("http://[::1]", true),
            ("http://localhost/base", true),
            ("http://192.0.2.1", false),
            ("http://localhost.example", false),
        ] {
            assert_eq!(Address::read(url).expect("well formed").stays_on_this_machine(), stays, "{url}");
        }
        for (url, host) in
            [("http://[::1]", "[::1]:80"), ("http://[::1]:8080", "[::1]:8080"), ("http://a:1/", "a:1")]
        {
            assert_eq!(Address::read(url).expect("well formed").host, host);
        }
        assert!(segment("acme").is_ok());
        for ill in ["a/b", "", "a?b", "a%2f", "..", "a b", "ä"] {
            assert!(segment(ill).is_err(), "{ill}");
        }
        assert_eq!(with("/a", "q", "x y+&é"), "/a?q=x%20y%2B%26%C3%A9");
        assert_eq!(with("/a?b=c", "q", "1.0-_~"), "/a?b=c&q=1.0-_~");
    }
}
