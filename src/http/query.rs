//! A query string, read as strictly as a body: unknown and repeated parameters are faults, and all faults are told
//! together.
//!
//! ```text
//! let filter = Query::parse(request.query_string())?.decode(|query| {
//!     let limit = query.limit();
//!     let status = query.optional("status", Status::parse);
//!     let scopes = query.repeated("scope", limits::SCOPES, Scope::parse);
//!     Some(Filter { limit: limit?, status: status?, scopes: scopes? })
//! })?;
//! ```

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use super::problem::{Fault, FaultPlace, Problem};
use crate::domain::text::Name;
use crate::limits;

/// Decoded parameters, in their order. Their number is bounded by the length of a URL.
#[derive(Debug)]
pub struct Query<'a> {
    parameters: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// What every list is asked, whatever it is filtered by.
#[derive(Debug, Default)]
pub struct Asked {
    /// how many rows a page has
    pub limit: u32,
    /// the caller said how many
    pub limit_given: bool,
    /// where the list goes on; what it says is for the list to open
    pub cursor: Option<String>,
    pub min_position: Option<u64>,
}

impl Asked {
    /// What is told as a whole has no pages.
    pub fn is_whole(&self) -> Result<(), Problem> {
        let whole = "what is not a page of JSON is told as a whole; leave this out";
        let given = [("limit", self.limit_given), ("cursor", self.cursor.is_some())];
        match given.into_iter().find(|(_, given)| *given) {
            Some((name, _)) => Err(Problem::parameter(name, whole)),
            None => Ok(()),
        }
    }
}

/// For a route that takes no parameter: each is a fault.
pub fn none(text: &str) -> Result<(), Problem> {
    if text.is_empty() { Ok(()) } else { Query::parse(text)?.decode(|_| Some(())) }
}

/// Asks for parameters one by one, and notes what was asked and what was wrong.
pub struct Parameters<'q> {
    given: &'q [(Cow<'q, str>, Cow<'q, str>)],
    asked: Vec<&'static str>,
    faults: Vec<Fault>,
}

impl<'a> Query<'a> {
    pub fn parse(text: &'a str) -> Result<Self, Problem> {
        let pieces = text.split('&').filter(|piece| !piece.is_empty());
        let parameters = pieces.map(|piece| {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            let name = decoded(name).map_err(|detail| fault("a parameter's name", detail))?;
            match decoded(value) {
                Ok(value) => Ok((name, value)),
                Err(detail) => Err(fault(&name, detail)),
            }
        });
        let parameters =
            parameters.collect::<Result<_, Fault>>().map_err(|bad| Problem::faults(vec![bad]))?;
        Ok(Query { parameters })
    }

    pub fn decode<T>(&self, read: impl FnOnce(&mut Parameters<'_>) -> Option<T>) -> Result<T, Problem> {
        let mut asking =
            Parameters { given: &self.parameters, asked: Vec::with_capacity(8), faults: Vec::new() };
        let value = read(&mut asking);
        asking.refuse_unknown();
        match value {
            Some(value) if asking.faults.is_empty() => Ok(value),
            None if asking.faults.is_empty() => {
                Err(Problem::internal("a query's reader gave nothing and noted no fault"))
            }
            _ => {
                asking.faults.truncate(limits::LISTED_ERRORS);
                Err(Problem::faults(asking.faults))
            }
        }
    }

    pub fn each(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }

    /// All of them, for whoever reads by rules of its own.
    pub fn into_parameters(self) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
        self.parameters
    }

    /// The value of a parameter that is there once; for a query that others write too, and that is not refused for what it holds
    /// besides.
    pub fn only(&self, name: &str) -> Option<&str> {
        let mut values =
            self.parameters.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_ref());
        values.next().filter(|_| values.next().is_none())
    }

    /// What makes this list the one that a cursor belongs to: the path and every parameter but where it stands and how
    /// much is wanted. Two spellings of one query have the same text.
    pub fn identity(&self, path: &str) -> Vec<u8> {
        const PLACE: &[&str] = &["cursor", "format", "limit", "min_position"];
        let mut filters: Vec<_> =
            self.parameters.iter().filter(|(name, _)| !PLACE.contains(&name.as_ref())).collect();
        filters.sort();
        let mut identity = Vec::new();
        let texts = filters.iter().flat_map(|(name, value)| [name.as_ref(), value.as_ref()]);
        for text in std::iter::once(path).chain(texts) {
            identity.extend_from_slice(&(text.len() as u64).to_be_bytes());
            identity.extend_from_slice(text.as_bytes());
        }
        identity
    }
}

impl<'q> Parameters<'q> {
    /// `Some(None)` when absent; a fault when it stands there twice.
    pub fn optional<T, E: fmt::Display>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<Option<T>> {
        let mut values = self.values(name);
        match (values.next(), values.next()) {
            (None, _) => Some(None),
            (Some(value), None) => match parse(value) {
                Ok(value) => Some(Some(value)),
                Err(error) => self.refuse(name, error),
            },
            (Some(_), Some(_)) => self.refuse(name, "this parameter stands here more than once"),
        }
    }

    pub fn required<T, E: fmt::Display>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let value = self.optional(name, parse)?;
        value.or_else(|| self.refuse(name, "this parameter is required"))
    }

    /// Every value of a parameter that may stand there several times.
    pub fn repeated<T, E: fmt::Display>(
        &mut self,
        name: &'static str,
        most: usize,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Vec<T>> {
        let values = self.values(name);
        if values.clone().count() > most {
            return self.refuse(name, format_args!("this parameter stands here more than {most} times"));
        }
        match values.map(parse).collect() {
            Ok(values) => Some(values),
            Err(error) => self.refuse(name, error),
        }
    }

    pub fn asked(&mut self) -> Option<Asked> {
        let limit = self.limit();
        let cursor = self.optional("cursor", |text| Ok::<_, std::convert::Infallible>(text.to_owned()));
        let min_position = self.number("min_position");
        let limit_given = self.given.iter().any(|(name, _)| name == "limit");
        Some(Asked { limit: limit?, limit_given, cursor: cursor?, min_position: min_position? })
    }

    fn limit(&mut self) -> Option<u32> {
        let limit = self.optional("limit", |text| {
            let wanted = plain_number::<u32>(text).filter(|wanted| (1..=limits::PAGE_MAX).contains(wanted));
            wanted.ok_or_else(|| format!("expected an integer from 1 to {}", limits::PAGE_MAX))
        })?;
        Some(limit.unwrap_or(limits::PAGE_DEFAULT))
    }

    /// A text that a list is filtered by.
    pub fn text(&mut self, name: &'static str) -> Option<Option<String>> {
        self.optional(name, |text| match text.chars().count() {
            1..=limits::FILTER_CHARS => Ok(text.to_owned()),
            _ => Err(format!("expected 1 to {} characters", limits::FILTER_CHARS)),
        })
    }

    /// A whole name that a list is filtered by.
    pub fn name(&mut self) -> Option<Option<String>> {
        self.optional("name", |text| Name::parse(text).map(|name| name.as_str().to_owned()))
    }

    /// A position of the ledger, or any other number that is not negative.
    pub fn number(&mut self, name: &'static str) -> Option<Option<u64>> {
        self.optional(name, |text| {
            plain_number::<u64>(text).ok_or("expected an integer that is not negative")
        })
    }

    pub fn boolean(&mut self, name: &'static str) -> Option<Option<bool>> {
        self.optional(name, |text| text.parse::<bool>().map_err(|_| "expected true or false"))
    }

    /// Notes a fault. Always `None`.
    pub fn refuse<T>(&mut self, name: &'static str, detail: impl fmt::Display) -> Option<T> {
        self.faults.push(fault(name, detail.to_string()));
        None
    }

    fn values(&mut self, name: &'static str) -> impl Iterator<Item = &'q str> + Clone + use<'q> {
        self.asked.push(name);
        let given = self.given;
        given.iter().filter(move |(sent, _)| sent == name).map(|(_, value)| value.as_ref())
    }

    fn refuse_unknown(&mut self) {
        for (name, _) in self.given {
            if !self.asked.contains(&name.as_ref()) && self.faults.len() < limits::LISTED_ERRORS {
                self.faults.push(fault(name, "there is no such parameter here".to_owned()));
            }
        }
    }
}

fn fault(name: &str, detail: impl Into<Cow<'static, str>>) -> Fault {
    Fault { place: FaultPlace::Parameter(name.to_owned()), detail: detail.into() }
}

/// Digits alone: `+1` and `01x` are none.
fn plain_number<N: FromStr>(text: &str) -> Option<N> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// `+` is a space and `%XX` a byte; the bytes are to be UTF-8, and no control characters: nothing here holds any, and
/// PostgreSQL's text can't.
fn decoded(text: &str) -> Result<Cow<'_, str>, &'static str> {
    let plain = unescaped(text)?;
    if plain.contains(char::is_control) {
        return Err("a control character can't stand here");
    }
    Ok(plain)
}

pub fn unescaped(text: &str) -> Result<Cow<'_, str>, &'static str> {
    if !text.contains(['%', '+']) {
        return Ok(Cow::Borrowed(text));
    }
    let hex = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => match (hex(rest.next()), hex(rest.next())) {
                (Some(high), Some(low)) => (high * 16 + low) as u8,
                _ => return Err("after % stand two hexadecimal digits"),
            },
            plain => plain,
        });
    }
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| "the decoded text is not UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Filter {
        limit: u32,
        name: Option<String>,
        scopes: Vec<String>,
        from: Option<u64>,
        all: Option<bool>,
    }

    fn filter(text: &str) -> Result<Filter, String> {
        let own = |text: &str| if text == "bad" { Err("that is bad") } else { Ok(text.to_owned()) };
        let query = Query::parse(text).map_err(|problem| problem.detail().to_owned())?;
        let read = query.decode(|query| {
            let limit = query.limit();
            let name = query.optional("name", own);
            let scopes = query.repeated("scope", 2, own);
            let from = query.number("from");
            let all = query.boolean("all");
            Some(Filter { limit: limit?, name: name?, scopes: scopes?, from: from?, all: all? })
        });
        read.map_err(|problem| match problem.listed() {
            [] => problem.detail().to_owned(),
            faults => faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("; "),
        })
    }

    #[test]
    fn parameters_are_decoded() {
        let nothing = Filter { limit: 50, name: None, scopes: vec![], from: None, all: None };
        assert_eq!(filter(""), Ok(nothing));
        let read = Filter {
            limit: 500,
            name: Some("é &=".to_owned()),
            scopes: vec!["a".to_owned(), String::new()],
            from: Some(u64::MAX),
            all: Some(true),
        };
        assert_eq!(
            filter("limit=500&&name=%c3%A9+%26=&scope=a&from=18446744073709551615&scope&%61ll=true"),
            Ok(read)
        );
    }

    #[test]
    fn each_fault_names_its_parameter() {
        let cases = [
            ("limit=0", "limit: expected an integer from 1 to 500"),
            ("limit=501", "limit: expected an integer from 1 to 500"),
            ("limit=%2B1", "limit: expected an integer from 1 to 500"),
            ("limit=", "limit: expected an integer from 1 to 500"),
            ("limit=1&limit=1", "limit: this parameter stands here more than once"),
            ("from=-1", "from: expected an integer that is not negative"),
            ("from=18446744073709551616", "from: expected an integer that is not negative"),
            ("all=yes", "all: expected true or false"),
            ("name=bad", "name: that is bad"),
            ("scope=a&scope=bad", "scope: that is bad"),
            ("scope=a&scope=b&scope=c", "scope: this parameter stands here more than 2 times"),
            ("Name=a", "Name: there is no such parameter here"),
            ("name=%", "name: after % stand two hexadecimal digits"),
            ("name=%g0", "name: after % stand two hexadecimal digits"),
            ("name=%ff", "name: the decoded text is not UTF-8"),
            ("name=%00", "name: a control character can't stand here"),
            ("name=a%0Ab", "name: a control character can't stand here"),
            ("name=%7f", "name: a control character can't stand here"),
            ("name=%c2%85", "name: a control character can't stand here"),
            ("name=\u{1}", "name: a control character can't stand here"),
            ("na%00me=1", "a parameter's name: a control character can't stand here"),
            ("%=1", "a parameter's name: after % stand two hexadecimal digits"),
            (
                "limit=x&x=1&name=bad",
                "limit: expected an integer from 1 to 500; name: that is bad; x: there is no such parameter here",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(filter(text), Err(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn one_query_in_two_spellings_has_one_identity() {
        let identity = |path: &str, text: &str| Query::parse(text).map(|query| query.identity(path)).ok();
        let same = identity("/keys", "status=active&name=a");
        assert_eq!(identity("/keys", "name=%61&limit=3&status=active&cursor=x&min_position=1"), same);
        for (path, text) in [
            ("/clients", "status=active&name=a"),
            ("/keys", "status=active"),
            ("/keys", "status=active&name=b"),
            ("/keys", "status=active&name=a&name=a"),
        ] {
            assert_ne!(identity(path, text), same, "{path}?{text}");
        }
    }
}
