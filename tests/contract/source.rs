//! Reads the sources as the rules of the house look at them: code apart from texts, comments and tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.to_string_lossy().ends_with(ending) => found.push(path),
                false => {}
            }
        }
    }
    found.sort();
    found
}

/// A Rust file as it is compiled into the service: without comments and tests. Lines keep their numbers.
pub struct Source {
    pub name: String,
    /// what stands in quotes is blanked out
    pub code: String,
    /// (line, text) of each quoted text
    pub texts: Vec<(usize, String)>,
}

pub fn sources() -> Vec<Source> {
    let all = files("src", ".rs");
    let read = |path: &PathBuf| {
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let tests: BTreeSet<PathBuf> = all.iter().flat_map(|path| test_files(path, &read(path))).collect();
    let served = all.iter().filter(|path| !tests.iter().any(|test| path.starts_with(test)));
    let sources: Vec<Source> = served.map(|path| Source::read(path, &read(path))).collect();
    assert!(sources.len() > 100, "only {} sources were found", sources.len());
    sources
}

/// The files and folders that `#[cfg(test)] mod …;` takes in.
fn test_files(path: &Path, text: &str) -> Vec<PathBuf> {
    let (folder, stem) = (path.parent().expect("in src"), path.file_stem().expect("a name"));
    let own = if stem == "mod" || stem == "lib" { folder.to_owned() } else { folder.join(stem) };
    let mut found = Vec::new();
    for (_, after) in text.match_indices("#[cfg(test)]").map(|(at, mark)| (at, &text[at + mark.len()..])) {
        let mut lines = after.lines().map(str::trim).filter(|line| !line.is_empty());
        let first = lines.next().unwrap_or_default();
        if let Some(named) = first.strip_prefix("#[path = \"") {
            found.push(folder.join(named.trim_end_matches("\"]")));
        } else if let Some(name) =
            first.trim_start_matches("pub ").strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';'))
        {
            found.extend([own.join(format!("{name}.rs")), own.join(name)]);
        }
    }
    found
}

impl Source {
    fn read(path: &Path, text: &str) -> Self {
        let name = path.strip_prefix(root()).expect("in the repository").to_string_lossy().into_owned();
        let (mut code, mut texts) = blanked(text);
        let tests = test_spans(&code);
        for (begin, end) in tests.into_iter().rev() {
            let lines = |at: usize| code[..at].matches('\n').count() + 1;
            let (first, last) = (lines(begin), lines(end));
            texts.retain(|(line, _)| !(first..=last).contains(line));
            let blank: String =
                code[begin..end].chars().map(|letter| if letter == '\n' { '\n' } else { ' ' }).collect();
            code.replace_range(begin..end, &blank);
        }
        Source { name, code, texts }
    }

    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.code.lines())
    }

    /// The room: the first step of the path below src.
    pub fn room(&self) -> &str {
        let below = self.name.strip_prefix("src/").unwrap_or(&self.name);
        below.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }
}

/// The items under `#[cfg(test)]`, to their closing brace or semicolon.
fn test_spans(code: &str) -> Vec<(usize, usize)> {
    let mut spans = Vec::new();
    let mut from = 0;
    while let Some(at) = code[from..].find("#[cfg(test)]").map(|at| from + at) {
        let mut depth = 0;
        let end = code[at..].char_indices().find_map(|(offset, letter)| {
            match letter {
                '{' => depth += 1,
                '}' => depth -= 1,
                ';' if depth == 0 => return Some(at + offset + 1),
                _ => {}
            }
            (letter == '}' && depth == 0).then_some(at + offset + 1)
        });
        from = end.unwrap_or(code.len());
        spans.push((at, from));
    }
    spans
}

/// Comments and quoted texts blanked out, and the quoted texts by themselves.
fn blanked(text: &str) -> (String, Vec<(usize, String)>) {
    let (mut code, mut texts, mut line) = (String::with_capacity(text.len()), Vec::new(), 1);
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let (length, quoted) = token(rest, &code);
        let (token, after) = rest.split_at(length);
        match quoted {
            None => code.push_str(token),
            Some(inner) => {
                if let Some(inner) = inner {
                    texts.push((line, inner));
                }
                // The outer marks stay, so that code can see that there was a text.
                let blank = |(place, letter): (usize, char)| match letter {
                    '\n' => '\n',
                    '"' if place == 0 || place + 1 == length => '"',
                    _ => ' ',
                };
                code.extend(token.char_indices().map(blank));
            }
        }
        line += token.matches('\n').count();
        rest = after;
        debug_assert!(length >= letter.len_utf8());
    }
    (code, texts)
}

/// How long the next token is; for a comment `Some(None)`, for a quoted text `Some` of what it says.
fn token(rest: &str, before: &str) -> (usize, Option<Option<String>>) {
    let letter = rest.chars().next().map_or(1, char::len_utf8);
    let in_word = before.ends_with(|last: char| last.is_alphanumeric() || last == '_');
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), Some(None));
    }
    if rest.starts_with("/*") {
        return (rest.find("*/").map_or(rest.len(), |end| end + 2), Some(None));
    }
    if let Some(raw) = rest.strip_prefix('r').filter(|_| !in_word) {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if let Some(inner) = raw[hashes..].strip_prefix('"') {
            let close = format!("\"{}", "#".repeat(hashes));
            let end = inner.find(&close).unwrap_or(inner.len());
            let length = 1 + hashes + 1 + end + close.len();
            return (length.min(rest.len()), Some(Some(inner[..end].to_owned())));
        }
    }
    if rest.starts_with('"') {
        return quoted(rest);
    }
    // A character, and no lifetime.
    if let Some(escaped) = rest.strip_prefix("'\\") {
        // The letter after the backslash may itself be a quote.
        let letter = escaped.chars().next().map_or(0, char::len_utf8);
        let end = escaped[letter..].find('\'').map_or(rest.len(), |end| 2 + letter + end + 1);
        return (end, Some(None));
    }
    if let Some(inner) = rest.strip_prefix('\'') {
        let length = inner.chars().next().map_or(0, char::len_utf8);
        if inner[length..].starts_with('\'') {
            return (length + 2, Some(None));
        }
    }
    (letter, None)
}

fn quoted(rest: &str) -> (usize, Option<Option<String>>) {
    let mut escaped = false;
    let end = rest.char_indices().skip(1).find(|(_, letter)| {
        let closes = *letter == '"' && !escaped;
        escaped = *letter == '\\' && !escaped;
        closes
    });
    let end = end.map_or(rest.len() - 1, |(end, _)| end);
    (end + 1, Some(Some(rest[1..end].to_owned())))
}

#[test]
fn the_reader_of_sources_tells_code_from_text_and_tests() {
    let text = "let a = \"x.unwrap() // no\"; // b.unwrap()\nlet c = '\"'; let d = r#\"e\"f\"#;\n#[cfg(test)]\nmod tests {\n    g.unwrap()\n}\nh";
    let source = Source::read(&root().join("src/x.rs"), text);
    assert!(!source.code.contains("unwrap"), "{}", source.code);
    assert_eq!(source.texts, [(1, "x.unwrap() // no".to_owned()), (2, "e\"f".to_owned())]);
    assert_eq!(source.lines().last(), Some((7, "h")));
}
