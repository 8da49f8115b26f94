//! The parser behind [`super::json::Json::parse`]: recursive descent over a text that is known to be UTF-8.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use super::json::{Json, Malformed, push_pointer};
use crate::limits;

pub(super) fn document(text: &str) -> Result<Json<'_>, Malformed> {
    let mut parser = Parser { text, at: 0, values: 0, apart: None, in_items: false };
    parser.document().map_err(|stop| stop.explained(parser.at))
}

/// The elements of the document's list `items` stand apart: one that is JSON and may not be taken is null here, and told beside, by
/// its index and with its place within itself.
pub(super) fn document_of_items(text: &str) -> Result<(Json<'_>, Vec<(usize, Malformed)>), Malformed> {
    let mut parser = Parser { text, at: 0, values: 0, apart: Some(Vec::new()), in_items: false };
    let document = parser.document().map_err(|stop| stop.explained(parser.at))?;
    Ok((document, parser.apart.unwrap_or_default()))
}

/// A refusal on its way up; each level adds its step, so the good way pays nothing for pointers.
struct Stop {
    detail: Cow<'static, str>,
    /// innermost first
    steps: Vec<String>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// this is no JSON; told with the byte
    Syntax,
    /// a value that is JSON and may not be taken: a member twice, or nested too deep
    Shape,
    /// the body as a whole has too much
    Size,
}

impl Stop {
    /// The syntax is wrong at the byte where the parser stands.
    fn syntax(detail: &'static str) -> Self {
        Stop { detail: Cow::Borrowed(detail), steps: Vec::new(), kind: Kind::Syntax }
    }

    fn within(mut self, step: &dyn fmt::Display) -> Self {
        self.steps.push(step.to_string());
        self
    }

    fn explained(self, at: usize) -> Malformed {
        let mut pointer = String::new();
        for step in self.steps.iter().rev() {
            push_pointer(&mut pointer, step);
        }
        let detail = match self.kind {
            Kind::Syntax => format!("{}, at byte {at}", self.detail),
            Kind::Shape | Kind::Size => self.detail.into_owned(),
        };
        Malformed { pointer, detail }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    values: usize,
    /// elements that stand apart and may not be taken; none where nothing stands apart
    apart: Option<Vec<(usize, Malformed)>>,
    /// the member of the document that is being read is `items`
    in_items: bool,
}

impl<'a> Parser<'a> {
    fn document(&mut self) -> Result<Json<'a>, Stop> {
        let value = self.value(0)?;
        self.skip_space();
        match self.peek() {
            None => Ok(value),
            Some(_) => Err(Stop::syntax("something follows the end of the JSON")),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// `depth` = how many arrays and objects this value stands in.
    fn value(&mut self, depth: usize) -> Result<Json<'a>, Stop> {
        self.values += 1;
        if self.values > limits::JSON_VALUES {
            let detail = format!("a body holds at most {} values", limits::JSON_VALUES);
            return Err(Stop { detail: detail.into(), steps: Vec::new(), kind: Kind::Size });
        }
        self.skip_space();
        match self.peek() {
            Some(b'{' | b'[') if depth == limits::JSON_DEPTH => {
                let detail = format!("nested deeper than {} levels", limits::JSON_DEPTH);
                Err(Stop { detail: detail.into(), steps: Vec::new(), kind: Kind::Shape })
            }
            Some(b'{') => self.object(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => self.string().map(Json::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => self.word(),
            None => Err(Stop::syntax("the JSON ends too early")),
        }
    }

    fn word(&mut self) -> Result<Json<'a>, Stop> {
        let words = [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))];
        for (word, value) in words {
            if self.text[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(Stop::syntax("no JSON value begins like this"))
    }

    fn list(&mut self, depth: usize) -> Result<Json<'a>, Stop> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip_space();
        if self.take(b']') {
            return Ok(Json::List(items));
        }
        loop {
            self.skip_space();
            let begin = self.at;
            let item = match self.value(depth + 1) {
                Err(stop)
                    if depth == 1 && self.in_items && stop.kind == Kind::Shape && self.apart.is_some() =>
                {
                    self.leave_apart(begin, items.len(), stop)
                }
                item => item,
            };
            items.push(item.map_err(|stop| stop.within(&items.len()))?);
            self.skip_space();
            if self.take(b']') {
                return Ok(Json::List(items));
            }
            if !self.take(b',') {
                return Err(Stop::syntax("expected `,` or `]`"));
            }
        }
    }

    /// Goes on behind the element that begins there: what is left of it is looked at no closer than to find its end.
    fn leave_apart(&mut self, begin: usize, index: usize, stop: Stop) -> Result<Json<'a>, Stop> {
        let malformed = stop.explained(self.at);
        self.apart.get_or_insert_default().push((index, malformed));
        self.at = begin;
        let mut open = 0_usize;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.string()?;
                    continue;
                }
                Some(b'{' | b'[') => open += 1,
                Some(b'}' | b']') => open = open.saturating_sub(1),
                Some(_) => {}
                None => return Err(Stop::syntax("the JSON ends too early")),
            }
            self.at += 1;
            if open == 0 {
                return Ok(Json::Null);
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json<'a>, Stop> {
        self.at += 1;
        let mut members: Vec<(Cow<'a, str>, Json<'a>)> = Vec::new();
        let mut names = Names::default();
        self.skip_space();
        if self.take(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(Stop::syntax("expected a member's name in double quotes"));
            }
            let name = self.string()?;
            if names.is_repeated(&name, &members) {
                let detail = Cow::Borrowed("this member stands here twice");
                return Err(Stop { detail, steps: vec![name.into_owned()], kind: Kind::Shape });
            }
            self.skip_space();
            if !self.take(b':') {
                return Err(Stop::syntax("expected `:`").within(&name));
            }
            if depth == 0 {
                self.in_items = matches!(&*name, "items" | "calls");
            }
            let value = self.value(depth + 1).map_err(|stop| stop.within(&name))?;
            members.push((name, value));
            self.skip_space();
            if self.take(b'}') {
                return Ok(Json::Object(members));
            }
            if !self.take(b',') {
                return Err(Stop::syntax("expected `,` or `}`"));
            }
        }
    }

    fn number(&mut self) -> Result<Json<'a>, Stop> {
        let begin = self.at;
        self.take(b'-');
        if !self.take(b'0') && self.digits() == 0 {
            return Err(Stop::syntax("expected a digit"));
        }
        if self.take(b'.') && self.digits() == 0 {
            return Err(Stop::syntax("expected a digit after the point"));
        }
        if self.take(b'e') || self.take(b'E') {
            let _signed = self.take(b'+') || self.take(b'-');
            if self.digits() == 0 {
                return Err(Stop::syntax("expected a digit in the exponent"));
            }
        }
        let written = &self.text[begin..self.at];
        match written.parse::<f64>() {
            Ok(double) if double.is_finite() => Ok(Json::Number(written)),
            _ => Err(Stop::syntax("the number is out of range")),
        }
    }

    fn digits(&mut self) -> usize {
        let begin = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - begin
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Stop> {
        self.at += 1;
        let mut unescaped: Option<String> = None;
        loop {
            let plain = self.plain_run();
            match (self.peek(), &mut unescaped) {
                (Some(b'"'), whole) => {
                    self.at += 1;
                    return Ok(match whole.take() {
                        None => Cow::Borrowed(plain),
                        Some(text) => Cow::Owned(text + plain),
                    });
                }
                (Some(b'\\'), whole) => {
                    let whole = whole.get_or_insert_default();
                    whole.push_str(plain);
                    self.at += 1;
                    whole.push(self.escape()?);
                }
                (Some(_), _) => return Err(Stop::syntax("control characters in strings are to be escaped")),
                (None, _) => return Err(Stop::syntax("the string does not end")),
            }
        }
    }

    /// Up to the next quote, backslash or control character.
    fn plain_run(&mut self) -> &'a str {
        let begin = self.at;
        let rest = &self.text.as_bytes()[begin..];
        let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
        // Whole words without any are passed over at once: without an early way out the compiler looks at all of one.
        let dull = |word: &&[u8; 16]| !word.iter().fold(false, |any, byte| any | special(byte));
        let passed = rest.as_chunks::<16>().0.iter().take_while(dull).count() * 16;
        let rest = &rest[passed..];
        self.at += passed + rest.iter().position(special).unwrap_or(rest.len());
        &self.text[begin..self.at]
    }

    fn escape(&mut self) -> Result<char, Stop> {
        let letter = self.peek();
        self.at += usize::from(letter.is_some());
        Ok(match letter {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.code_point(),
            _ => {
                self.at -= usize::from(letter.is_some());
                return Err(Stop::syntax("there is no such escape"));
            }
        })
    }

    fn code_point(&mut self) -> Result<char, Stop> {
        const LONE: &str = "half a surrogate pair is no character";
        let first = self.four_hex()?;
        let code = match first {
            0xd800..=0xdbff => {
                if !(self.take(b'\\') && self.take(b'u')) {
                    return Err(Stop::syntax(LONE));
                }
                match self.four_hex()? {
                    second @ 0xdc00..=0xdfff => 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00),
                    _ => return Err(Stop::syntax(LONE)),
                }
            }
            code => code,
        };
        char::from_u32(code).ok_or_else(|| Stop::syntax(LONE))
    }

    fn four_hex(&mut self) -> Result<u32, Stop> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else {
                return Err(Stop::syntax("expected four hexadecimal digits"));
            };
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }
}

/// Finds duplicates by looking while there are few members, and by a set from then on, so that many cost no square.
#[derive(Default)]
struct Names(Option<HashSet<String>>);

impl Names {
    const FEW: usize = 32;

    fn is_repeated(&mut self, name: &str, before: &[(Cow<'_, str>, Json<'_>)]) -> bool {
        if before.len() < Self::FEW {
            return before.iter().any(|(earlier, _)| earlier == name);
        }
        let seen = || before.iter().map(|(earlier, _)| earlier.to_string()).collect();
        !self.0.get_or_insert_with(seen).insert(name.to_owned())
    }
}
