//! `ETag` and `If-Match` over a resource's version (RFC 9110, 8.8.3 and 13.1.1). Tags are strong: `"7"`.

use actix_web::http::header::{self, HeaderMap, HeaderValue};

use super::problem::Problem;

pub fn etag(version: u64) -> HeaderValue {
    let tag = format!("\"{version}\"");
    // Digits in quotes are always a header's value.
    HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\""))
}

/// What the caller thinks it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// no such header: whatever is there
    Absent,
    /// `*`: whatever is there, if anything is
    Any,
    /// one of these versions; empty when the tags were weak or none of ours, and then nothing matches
    Versions(Vec<u64>),
}

impl IfMatch {
    pub fn from_headers(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut versions = Vec::new();
        let mut tags = 0;
        let mut any = false;
        for line in headers.get_all(header::IF_MATCH) {
            let mut rest = line.to_str().map_err(|_| unreadable())?.trim();
            if rest == "*" {
                any = true;
                continue;
            }
            while !rest.is_empty() {
                let (tag, after) = next_tag(rest).ok_or_else(unreadable)?;
                tags += 1;
                versions.extend(tag);
                rest = after;
            }
        }
        match (any, tags) {
            (true, 0) => Ok(IfMatch::Any),
            (true, _) => Err(unreadable()),
            (false, 0) if headers.contains_key(header::IF_MATCH) => Err(unreadable()),
            (false, 0) => Ok(IfMatch::Absent),
            (false, _) => Ok(IfMatch::Versions(versions)),
        }
    }
}

fn unreadable() -> Problem {
    Problem::invalid_header("If-Match", "expected a list of entity tags, such as \"7\", or *")
}

/// One entity tag and what follows it and its comma. A weak tag and one that is none of ours give no version.
fn next_tag(text: &str) -> Option<(Option<u64>, &str)> {
    let (weak, strong) = match text.strip_prefix("W/") {
        Some(strong) => (true, strong),
        None => (false, text),
    };
    let (opaque, after) = strong.strip_prefix('"')?.split_once('"')?;
    if !opaque.bytes().all(|byte| matches!(byte, 0x21..=0x7e)) {
        return None;
    }
    let after = after.trim_start();
    let after = match after.strip_prefix(',') {
        Some(more) => more.trim_start(),
        None if after.is_empty() => after,
        None => return None,
    };
    let version = opaque.parse().ok().filter(|version: &u64| !weak && version.to_string() == opaque);
    Some((version, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&'static str]) -> Option<IfMatch> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::IF_MATCH, HeaderValue::from_static(line));
        }
        IfMatch::from_headers(&headers).ok()
    }

    #[test]
    fn if_match_is_a_list_of_strong_tags_or_a_star() {
        let versions = |versions: &[u64]| Some(IfMatch::Versions(versions.to_vec()));
        let cases: &[(&[&str], Option<IfMatch>)] = &[
            (&[], Some(IfMatch::Absent)),
            (&["*"], Some(IfMatch::Any)),
            (&["\"7\""], versions(&[7])),
            (&["\"7\", \"8\",\"9\""], versions(&[7, 8, 9])),
            (&["\"7\"", "\"8\""], versions(&[7, 8])),
            (&["W/\"7\""], versions(&[])),
            (&["W/\"7\", \"8\""], versions(&[8])),
            (&["\"07\", \"+7\", \"x,y\", \"\""], versions(&[])),
            (&["7"], None),
            (&[""], None),
            (&["\"7"], None),
            (&["\"7\" \"8\""], None),
            (&["\"7\"", "*"], None),
            (&["*, \"7\""], None),
            (&["\"7\", *"], None),
            (&["w/\"7\""], None),
            (&["\"a b\""], None),
        ];
        for (lines, expected) in cases {
            assert_eq!(read(lines), *expected, "{lines:?}");
        }
    }

    #[test]
    fn a_tag_is_the_version_in_quotes() {
        assert_eq!(etag(7), "\"7\"");
    }
}
