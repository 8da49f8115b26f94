//! The rules of the house that a compiler doesn't know: which room may see which, where SQL stands, and what may panic.

use std::collections::BTreeSet;
use std::fs;

use credledger::ops::migrate::Schema;

use super::source::{files, root, sources};

/// From the ground up. Rooms of one line see each other.
const FLOORS: [&[&str]; 16] = [
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
    &["scanners"],
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

fn assert_none(violations: Vec<String>, rule: &str) {
    assert!(violations.is_empty(), "{rule}\n{}", violations.join("\n"));
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
         `select … from credledger.function(…)`, or a `copy (…)` of that.",
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

/// `select … from credledger.name(…)`, or `select credledger.name(…)`; as it is, or as what a `copy (…)` takes.
fn calls_a_function(text: &str) -> bool {
    let text = text.strip_prefix("copy (").unwrap_or(text);
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
