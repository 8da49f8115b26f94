//! The rules of the house that a compiler doesn't know: which room may see which, where SQL stands, and what may panic.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use credledger::ops::migrate::Schema;

/// From the ground up. Rooms of one line see each other.
const FLOORS: [&[&str]; 15] = [
    &["limits", "clock", "vault"],
    &["domain"],
    &["db"],
    &["ledger"],
    &["proof"],
    &["projections"],
    &["cluster"],
    &["activity"],
    &["tokens"],
    &["limiter"],
    &["people"],
    &["outbound"],
    &["http"],
    &["ops"],
    &["cli"],
];

/// What the domain is free of: it is handed instants, ids and secrets, and never waits.
const IMPURE: [&str; 9] = [
    "async ",
    ".await",
    "tokio",
    "actix_web",
    "tokio_postgres",
    "ring::",
    "std::time",
    "std::fs",
    "std::env",
];

/// SQL that is no call of a function: (file, how it begins, why). This list may only shrink.
const OTHER_SQL: [(&str, &str, &str); 18] = [
    ("src/db/pool.rs", "set role {}; set statement_timeout", "a session's role and time-outs"),
    ("src/db/pool.rs", "commit", "the end of one statement's transaction"),
    ("src/db/scope.rs", "commit", "the end of a scope's transaction"),
    (
        "src/db/server.rs",
        "select name, setting from pg_settings",
        "what the server is set to, before there is a schema",
    ),
    ("src/projections/load.rs", "set statement_timeout = 0", "the one long read, on a connection of its own"),
    ("src/ops/private_postgres/cluster.rs", "create database {database}", "no function can make a database"),
    ("src/ops/migrate/mod.rs", "set lock_timeout", "the migration's own session"),
    ("src/ops/migrate/mod.rs", "select pg_advisory_lock", "one migration at a time"),
    ("src/ops/migrate/mod.rs", "select pg_advisory_unlock", "one migration at a time"),
    ("src/ops/migrate/mod.rs", "set role credledger_owner", "the migration's own session"),
    ("src/ops/migrate/mod.rs", "set role credledger_system", "the migration's own session"),
    ("src/ops/migrate/mod.rs", "set local role credledger_owner", "the migration's own session"),
    ("src/ops/migrate/mod.rs", "reset role", "the migration's own session"),
    (
        "src/ops/migrate/mod.rs",
        "select kind, name, digest from credledger.migrations",
        "read before any function is there",
    ),
    ("src/ops/house.rs", "set statement_timeout = 0", "a rebuild reads the whole ledger"),
    ("src/ops/migrate/mod.rs", "insert into credledger.migrations", "written before any function is there"),
    ("src/ops/migrate/mod.rs", "delete from credledger.migrations", "written before any function is there"),
    ("src/ops/migrate/mod.rs", "select set_config('credledger.login'", "names the login to login.sql"),
];

/// Files that nothing reads yet. This list may only shrink.
const UNREAD: [&str; 0] = [];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
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
    texts: Vec<(usize, String)>,
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

    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.code.lines())
    }

    /// The room: the first step of the path below src.
    fn room(&self) -> &str {
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

fn assert_none(violations: Vec<String>, rule: &str) {
    assert!(violations.is_empty(), "{rule}\n{}", violations.join("\n"));
}

#[test]
fn the_reader_of_sources_tells_code_from_text_and_tests() {
    let text = "let a = \"x.unwrap() // no\"; // b.unwrap()\nlet c = '\"'; let d = r#\"e\"f\"#;\n#[cfg(test)]\nmod tests {\n    g.unwrap()\n}\nh";
    let source = Source::read(&root().join("src/x.rs"), text);
    assert!(!source.code.contains("unwrap"), "{}", source.code);
    assert_eq!(source.texts, [(1, "x.unwrap() // no".to_owned()), (2, "e\"f".to_owned())]);
    assert_eq!(source.lines().last(), Some((7, "h")));
}

#[test]
fn a_file_imports_only_from_its_own_room_and_from_lower_floors() {
    let floor = |room: &str| FLOORS.iter().position(|rooms| rooms.contains(&room));
    let mut violations = Vec::new();
    let mut imports = 0;
    for source in sources().iter().filter(|source| !["lib", "main"].contains(&source.room())) {
        let own = floor(source.room()).unwrap_or_else(|| panic!("{} is in no room of FLOORS", source.name));
        for (line, room) in imported_rooms(&source.code) {
            imports += 1;
            match floor(&room) {
                Some(theirs) if theirs <= own => {}
                Some(_) => violations.push(format!("{}:{line} reaches up to {room}", source.name)),
                None => violations.push(format!("{}:{line} names {room}, which is no room", source.name)),
            }
        }
    }
    assert!(imports > 300, "only {imports} imports were found");
    assert_none(
        violations,
        "Floors import downward only. State what is needed as a trait on the lower floor, and let ops wire it.",
    );
}

/// Each room named after `crate::`, also inside braces.
fn imported_rooms(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, mark) in code.match_indices("crate::") {
        let line = code[..at].matches('\n').count() + 1;
        let rest = &code[at + mark.len()..];
        let name = |text: &str| -> String {
            text.trim_start()
                .chars()
                .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
                .collect()
        };
        match rest.strip_prefix('{') {
            None => found.push((line, name(rest))),
            Some(list) => {
                let mut depth = 0;
                let mut start = 0;
                for (place, letter) in list.char_indices() {
                    match letter {
                        '{' => depth += 1,
                        '}' if depth > 0 => depth -= 1,
                        ',' | '}' if depth == 0 => {
                            found.push((line, name(&list[start..place])));
                            start = place + 1;
                        }
                        _ => {}
                    }
                    if letter == '}' && depth == 0 && start == place + 1 {
                        break;
                    }
                }
            }
        }
    }
    found.retain(|(_, room)| !room.is_empty());
    found
}

#[test]
fn the_domain_is_pure() {
    let mut violations = Vec::new();
    for source in sources().iter().filter(|source| source.room() == "domain") {
        for (line, code) in source.lines() {
            let found = IMPURE.iter().filter(|word| holds_word(code, word));
            violations.extend(found.map(|word| format!("{}:{line} {word}", source.name)));
        }
    }
    assert_none(violations, "The domain waits for nothing and asks nobody. Hand it in through Context.");
}

/// Not as the end of a longer word.
fn holds_word(code: &str, word: &str) -> bool {
    let goes_on = |before: &str| before.ends_with(|last: char| last.is_alphanumeric() || last == '_');
    code.match_indices(word).any(|(at, _)| word.starts_with('.') || !goes_on(&code[..at]))
}

#[test]
fn nothing_outside_tests_unwraps_and_every_panic_says_why() {
    let mut violations = Vec::new();
    for source in sources() {
        for (line, code) in source.lines() {
            for word in [".unwrap()", ".expect(", ".unwrap_err()", ".expect_err("] {
                if code.contains(word) {
                    violations.push(format!("{}:{line} {word}", source.name));
                }
            }
        }
        for word in ["panic!(", "unreachable!("] {
            for (at, _) in source.code.match_indices(word) {
                if !source.code[at + word.len()..].trim_start().starts_with('"') {
                    let line = source.code[..at].matches('\n').count() + 1;
                    violations.push(format!("{}:{line} {word} without a message", source.name));
                }
            }
        }
    }
    assert_none(
        violations,
        "Bad input is an error; a broken invariant panics with a sentence: unwrap_or_else(|| panic!(…)).",
    );
}

#[test]
fn sql_stands_in_files_and_the_code_only_calls_functions() {
    let mut violations = Vec::new();
    let mut met = BTreeSet::new();
    for source in sources() {
        for (line, text) in &source.texts {
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase();
            let listed = OTHER_SQL
                .iter()
                .position(|(file, begins, _)| *file == source.name && text.starts_with(begins));
            met.extend(listed);
            if is_sql(&text) && !calls_a_function(&text) && listed.is_none() {
                violations.push(format!("{}:{line} {text:.90}", source.name));
            }
        }
    }
    let gone = (0..OTHER_SQL.len()).filter(|place| !met.contains(place)).map(|place| OTHER_SQL[place]);
    violations.extend(
        gone.map(|(file, begins, _)| format!("{file} no longer has {begins:?}: take it from the list")),
    );
    assert_none(
        violations,
        "SQL stands in schema/ or projections/, one object or query a file, taken in by include_str!. Here only \
         `select … from credledger.function(…)`.",
    );
}

fn is_sql(text: &str) -> bool {
    let after = |first: &[&str], second: &[&str]| {
        first.iter().any(|first| {
            let rest = text.strip_prefix(first).and_then(|rest| rest.strip_prefix(' '));
            rest.is_some_and(|rest| second.iter().any(|second| rest.starts_with(second)))
        })
    };
    let objects =
        ["table", "role", "index", "function", "schema", "database", "type", "view", "or replace", "policy"];
    (text.starts_with("select ") && (text.contains(" from ") || text.contains('(') || text.contains('$')))
        || (text.starts_with("update ") && text.contains(" set "))
        || after(&["create", "alter", "drop", "comment on"], &objects)
        || after(&["insert"], &["into "])
        || after(&["delete"], &["from credledger"])
        || after(
            &["set"],
            &["role", "local", "session", "statement_timeout", "lock_timeout", "search_path", "constraints"],
        )
        || after(&["reset"], &["role", "all"])
        || after(&["copy"], &["(", "credledger."])
        || after(&["do"], &["$"])
        || ["truncate ", "listen ", "unlisten ", "notify ", "lock table ", "grant ", "vacuum "]
            .iter()
            .any(|word| text.starts_with(word))
        || ["begin", "commit", "rollback"].contains(&text)
}

/// `select … from credledger.name(…)`, or `select credledger.name(…)`.
fn calls_a_function(text: &str) -> bool {
    let called = text.strip_prefix("select credledger.").or_else(|| text.split(" from credledger.").nth(1));
    let named = called
        .map(|called| called.trim_start_matches(|letter: char| letter.is_ascii_lowercase() || letter == '_'));
    let one_call = text.matches("credledger.").count() == 1 && !text.contains(';');
    text.starts_with("select ") && one_call && named.is_some_and(|rest| rest.starts_with('('))
}

#[test]
fn every_sql_file_is_part_of_the_service() {
    let code: String = files("src", ".rs")
        .iter()
        .map(|path| fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        .collect();
    let schema = Schema::EMBEDDED;
    let mut embedded: BTreeSet<String> = BTreeSet::new();
    for (folder, list) in
        [("tables", schema.tables), ("functions", schema.functions), ("privileges", schema.privileges)]
    {
        embedded.extend(list.iter().map(|file| format!("schema/{folder}/{}.sql", file.name)));
    }
    for projection in schema.projections {
        embedded.extend(["table", "apply"].map(|file| format!("projections/{}/{file}.sql", projection.name)));
        if code.contains(&format!("load_query!(\"{}\")", projection.name)) {
            embedded.insert(format!("projections/{}/queries/load.sql", projection.name));
        }
    }
    let unused: Vec<String> = ["schema", "projections"]
        .iter()
        .flat_map(|folder| files(folder, ".sql"))
        .map(|path| path.strip_prefix(root()).expect("in the repository").to_string_lossy().into_owned())
        .filter(|name| !embedded.contains(name) && !code.contains(&format!("\"/{name}\"")))
        .filter(|name| !UNREAD.contains(&name.as_str()))
        .collect();
    assert_none(unused, "These files are never read. Take them into the code, or out of the repository.");
}
