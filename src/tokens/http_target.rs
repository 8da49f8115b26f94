//! What a request goes to, so that two ways of writing it can be held against each other: scheme, host and path, without query and
//! fragment (RFC 9449, 4.3).
//!
//! The rule. Letters of scheme and host count in either case, the scheme's own port is as good as none, and no path as good as `/`
//! (RFC 3986, 6.2.2.1 and 6.2.3). In the path a percent sign and two hexadecimal digits are the letter that they stand for, where
//! that needs no escape, and else are compared in upper case (6.2.2.2). Nothing else is: `/a/../b` is another path than `/b`, and
//! `/a/` another one than `/a`, since whoever serves them may tell them apart.

use crate::limits;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpTarget(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoHttpTarget;

impl std::fmt::Display for NoHttpTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("expected an absolute URI of http or https, such as https://api.example.com/orders")
    }
}

impl HttpTarget {
    pub fn parse(text: &str) -> Result<Self, NoHttpTarget> {
        Self::normal(text).map(HttpTarget).ok_or(NoHttpTarget)
    }

    /// From what a proxy tells in parts; query and all in `path`.
    pub fn of_parts(scheme: &str, host: &str, path: &str) -> Result<Self, NoHttpTarget> {
        // Else a part could end another one.
        if !path.starts_with('/') || host.contains(['/', '?', '#', '\\']) || scheme.contains(':') {
            return Err(NoHttpTarget);
        }
        Self::parse(&format!("{scheme}://{host}{path}"))
    }

    fn normal(text: &str) -> Option<String> {
        if text.len() > limits::URL_BYTES || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let (scheme, rest) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let own_port = match scheme.as_str() {
            "https" => 443,
            "http" => 80,
            _ => return None,
        };
        let rest = rest.split(['?', '#']).next()?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = host_and_port(authority)?;
        let port = port.filter(|port| *port != own_port).map(|port| format!(":{port}")).unwrap_or_default();
        let path = if path.is_empty() { "/".to_owned() } else { escapes(path)? };
        Some(format!("{scheme}://{host}{port}{path}"))
    }
}

/// Neither a user nor a zone.
fn host_and_port(authority: &str) -> Option<(String, Option<u16>)> {
    let bracketed = authority.strip_prefix('[').map(|inner| inner.split_once(']'));
    let (host, after) = match bracketed {
        Some(split) => {
            let (address, after) = split?;
            address.parse::<std::net::Ipv6Addr>().ok()?;
            (format!("[{}]", address.to_ascii_lowercase()), after)
        }
        None => {
            let (host, after) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            let named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
            if host.is_empty() || !host.bytes().all(named) {
                return None;
            }
            (host.to_ascii_lowercase(), after)
        }
    };
    let port = match after.strip_prefix(':') {
        None => Some(None).filter(|_| after.is_empty())?,
        Some("") => None,
        Some(digits) => {
            Some(digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))?)
        }
    };
    Some((host, port))
}

fn escapes(path: &str) -> Option<String> {
    let mut parts = path.split('%');
    let mut normal = parts.next()?.to_owned();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        let byte = u8::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))?;
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                normal.push(char::from(byte))
            }
            _ => normal.push_str(&format!("%{byte:02X}")),
        }
        normal.push_str(rest);
    }
    Some(normal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_ways_to_write_one_target_are_the_same() {
        let plain = HttpTarget::parse("https://api.example.com/orders/7");
        assert!(plain.is_ok());
        for same in [
            "https://api.example.com/orders/7?page=2",
            "https://api.example.com/orders/7#top",
            "https://api.example.com/orders/7?a#b",
            "HTTPS://API.example.COM/orders/7",
            "https://api.example.com:443/orders/7",
            "https://api.example.com:/orders/7",
            "https://api.example.com/%6frders/%37",
        ] {
            assert_eq!(HttpTarget::parse(same), plain, "{same}");
        }
        let parse = |text| HttpTarget::parse(text).expect("a target");
        assert_eq!(parse("http://a"), parse("http://A:80/?x"));
        assert_eq!(parse("http://[2001:DB8::1]:8080/%c3%a4"), parse("http://[2001:db8::1]:8080/%C3%A4"));
    }

    #[test]
    fn what_may_be_another_target_is_one() {
        let plain = HttpTarget::parse("https://api.example.com/orders");
        for other in [
            "http://api.example.com/orders",
            "https://api.example.com:8443/orders",
            "https://api.example.org/orders",
            "https://api.example.com/Orders",
            "https://api.example.com/orders/",
            "https://api.example.com//orders",
            "https://api.example.com/x/../orders",
            "https://api.example.com/orders%2F",
            "https://api.example.com/orders;x",
        ] {
            let other = HttpTarget::parse(other);
            assert!(other.is_ok() && other != plain, "{other:?}");
        }
    }

    #[test]
    fn what_is_no_absolute_target_of_the_web_is_none() {
        let long = format!("https://a/{}", "x".repeat(limits::URL_BYTES));
        for bad in [
            "",
            "/orders",
            "//a/orders",
            "a.example.com/orders",
            "ftp://a/orders",
            "https:/a/orders",
            "https:///orders",
            "https://user@a/orders",
            "https://a@b:c@d/",
            "https://a:b/",
            "https://a:65536/",
            "https://a:+80/",
            "https://[::1/",
            "https://[::1]x/",
            "https://[fe80::1%25eth0]/",
            "https://a b/",
            "https://a/b c",
            "https://ä/",
            "https://a\\b/",
            "https://a/%",
            "https://a/%4",
            "https://a/%+4",
            "https://a/%zz",
            &long,
        ] {
            assert_eq!(HttpTarget::parse(bad), Err(NoHttpTarget), "{bad}");
        }
    }

    #[test]
    fn parts_that_a_proxy_tells_stay_within_themselves() {
        let whole = HttpTarget::parse("https://api.example.com/orders");
        assert_eq!(HttpTarget::of_parts("https", "api.example.com:443", "/orders?x=y"), whole);
        for (scheme, host, path) in [
            ("https", "api.example.com/orders?", "/x"),
            ("https", "api.example.com", "orders"),
            ("https", "api.example.com", ""),
            ("https", "api.example.com", "http://evil.example/orders"),
            ("https", "api.example.com, evil.example", "/orders"),
            ("https", "", "/orders"),
            ("https://evil.example/x", "api.example.com", "/orders"),
            ("", "api.example.com", "/orders"),
            ("wss", "api.example.com", "/orders"),
        ] {
            assert_eq!(HttpTarget::of_parts(scheme, host, path), Err(NoHttpTarget), "{scheme} {host} {path}");
        }
    }
}
