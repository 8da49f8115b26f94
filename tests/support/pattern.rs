//! The regular expressions that the API document uses: anchors, classes, groups, alternatives and counts. Anything else is
//! refused when it is read, so that no pattern is silently half understood.

use std::iter::Peekable;
use std::str::Chars;

pub struct Pattern(Vec<Sequence>);

type Sequence = Vec<Node>;

enum Node {
    Start,
    End,
    One(Class),
    Group(Vec<Sequence>),
    Repeat { what: Box<Node>, least: usize, most: usize },
}

struct Class {
    ranges: Vec<(char, char)>,
    negated: bool,
}

impl Class {
    fn of(character: char) -> Self {
        Class { ranges: vec![(character, character)], negated: false }
    }

    fn holds(&self, character: char) -> bool {
        self.negated != self.ranges.iter().any(|(from, to)| (from..=to).contains(&&character))
    }
}

impl Pattern {
    pub fn read(text: &str) -> Result<Self, String> {
        let mut rest = text.chars().peekable();
        let alternatives = read_alternatives(&mut rest)?;
        match rest.next() {
            None => Ok(Pattern(alternatives)),
            Some(left) => Err(format!("{left:?} has no meaning there")),
        }
    }

    /// Anywhere in the text, as JSON Schema means it.
    pub fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        (0..=text.len()).any(|at| self.0.iter().any(|nodes| goes_on(nodes, &text, at, &mut |_| true)))
    }
}

fn read_alternatives(rest: &mut Peekable<Chars<'_>>) -> Result<Vec<Sequence>, String> {
    let mut alternatives = vec![Vec::new()];
    while let Some(&next) = rest.peek() {
        if next == ')' {
            break;
        }
        rest.next();
        if next == '|' {
            alternatives.push(Vec::new());
            continue;
        }
        let node = read_node(next, rest)?;
        let node = repeated(node, rest)?;
        alternatives.last_mut().ok_or("no alternative")?.push(node);
    }
    Ok(alternatives)
}

fn read_node(first: char, rest: &mut Peekable<Chars<'_>>) -> Result<Node, String> {
    match first {
        '^' => Ok(Node::Start),
        '$' => Ok(Node::End),
        '(' => {
            let alternatives = read_alternatives(rest)?;
            match rest.next() {
                Some(')') => Ok(Node::Group(alternatives)),
                _ => Err("a group is not closed".to_owned()),
            }
        }
        '[' => read_class(rest).map(Node::One),
        '\\' => escaped(rest).map(|character| Node::One(Class::of(character))),
        '.' | '*' | '+' | '?' | '{' | '}' | ']' => Err(format!("{first:?} is not known there")),
        plain => Ok(Node::One(Class::of(plain))),
    }
}

fn read_class(rest: &mut Peekable<Chars<'_>>) -> Result<Class, String> {
    let negated = rest.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        let from = match rest.next().ok_or("a class is not closed")? {
            ']' => return Ok(Class { ranges, negated }),
            '\\' => escaped(rest)?,
            plain => plain,
        };
        let mut ahead = rest.clone();
        let to = match (ahead.next(), ahead.next()) {
            (Some('-'), Some(to)) if to != ']' => {
                *rest = ahead;
                to
            }
            _ => from,
        };
        ranges.push((from, to));
    }
}

/// Only signs: `\d` and its like are not known.
fn escaped(rest: &mut Peekable<Chars<'_>>) -> Result<char, String> {
    let sign = rest.next().filter(char::is_ascii_punctuation);
    sign.ok_or_else(|| "after a backslash stands a sign".to_owned())
}

fn repeated(node: Node, rest: &mut Peekable<Chars<'_>>) -> Result<Node, String> {
    let (least, most) = match rest.peek() {
        Some('*') => (0, usize::MAX),
        Some('+') => (1, usize::MAX),
        Some('?') => (0, 1),
        Some('{') => {
            let count: String = counted(rest)?;
            let (least, most) = count.split_once(',').unwrap_or((&count, &count));
            let number = |text: &str| text.parse().map_err(|_| format!("{{{count}}} is no count"));
            let most = if most.is_empty() { usize::MAX } else { number(most)? };
            return Ok(Node::Repeat { what: Box::new(node), least: number(least)?, most });
        }
        _ => return Ok(node),
    };
    rest.next();
    Ok(Node::Repeat { what: Box::new(node), least, most })
}

/// What stands between the braces.
fn counted(rest: &mut Peekable<Chars<'_>>) -> Result<String, String> {
    rest.next();
    let mut count = String::new();
    loop {
        match rest.next().ok_or("a count is not closed")? {
            '}' => return Ok(count),
            next => count.push(next),
        }
    }
}

/// Does the text from `at` match these nodes, and what `then` asks of the rest?
fn goes_on(nodes: &[Node], text: &[char], at: usize, then: &mut dyn FnMut(usize) -> bool) -> bool {
    let Some((node, more)) = nodes.split_first() else { return then(at) };
    let mut then = |next: usize| goes_on(more, text, next, &mut *then);
    match node {
        Node::Repeat { what, least, most } => repeats(what, (*least, *most), text, at, &mut then),
        once => once_at(once, text, at, &mut then),
    }
}

fn once_at(node: &Node, text: &[char], at: usize, then: &mut dyn FnMut(usize) -> bool) -> bool {
    match node {
        Node::Start => at == 0 && then(at),
        Node::End => at == text.len() && then(at),
        Node::One(class) => text.get(at).is_some_and(|&character| class.holds(character)) && then(at + 1),
        Node::Group(alternatives) => alternatives.iter().any(|nodes| goes_on(nodes, text, at, &mut *then)),
        Node::Repeat { what, least, most } => repeats(what, (*least, *most), text, at, then),
    }
}

fn repeats(
    what: &Node,
    (least, most): (usize, usize),
    text: &[char],
    at: usize,
    then: &mut dyn FnMut(usize) -> bool,
) -> bool {
    let fewer = (least.saturating_sub(1), most.saturating_sub(1));
    // Once more first, as far as that gets on; then as few as there must be.
    let once_more = most > 0
        && once_at(what, text, at, &mut |next| next > at && repeats(what, fewer, text, next, &mut *then));
    once_more || (least == 0 && then(at))
}
