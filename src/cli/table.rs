//! What commands print: tables as wide as the terminal, each text so that nothing in it can pass for something else. No colours:
//! they would say nothing that the words don't.

use std::io::{ErrorKind, IsTerminal, StdoutLock, Write};
use std::ops::ControlFlow;

use serde_json::Value;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use crate::domain::text::is_visible;
use crate::ops::StartError;
use crate::ops::process::terminal_columns;

/// Between two columns.
const GAP: usize = 2;
/// What a column that may be folded keeps at least; and the last one, or it goes below the others, so far in.
const NARROWEST: usize = 10;
const LAST_NARROWEST: usize = 30;
const BELOW: usize = 4;

/// Where a command's answer goes. `Break`: nobody reads any more, as behind `| head`.
pub struct Out {
    out: StdoutLock<'static>,
    /// the terminal's columns; none where there is no terminal
    pub room: Option<usize>,
    is_terminal: bool,
}

impl Out {
    pub fn open() -> Self {
        let out = std::io::stdout().lock();
        let is_terminal = out.is_terminal();
        Out { room: terminal_columns(&out), out, is_terminal }
    }

    pub fn text(&mut self, text: &str) -> Result<ControlFlow<()>, StartError> {
        match self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()) {
            Ok(()) => Ok(ControlFlow::Continue(())),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
            Err(error) => Err(StartError::new(format!("The answer could not be written out: {error}."))),
        }
    }

    /// JSON as the service wrote it, on one line: a break is no part of any value. Before people's eyes what can't be seen is spelt as
    /// JSON spells it: the same value.
    pub fn json(&mut self, text: &str) -> Result<ControlFlow<()>, StartError> {
        let line = text.replace(['\n', '\r'], " ");
        let line = if self.is_terminal { visible_json(&line) } else { line };
        self.text(&(line + "\n"))
    }
}

/// A column of a table. One that is not folded is as wide as what stands in it.
#[derive(Clone, Copy)]
pub struct Column {
    pub heading: &'static str,
    pub folds: bool,
    /// how wide it is at least, where there is room
    pub least: usize,
}

impl Column {
    pub const fn whole(heading: &'static str) -> Self {
        Column { heading, folds: false, least: 0 }
    }

    pub const fn least(self, least: usize) -> Self {
        Column { least, ..self }
    }

    pub const fn folded(heading: &'static str) -> Self {
        Column { heading, folds: true, least: 0 }
    }
}

/// A table that is written piece by piece; the first piece settles how wide its columns are.
pub struct Table<'c> {
    columns: &'c [Column],
    room: Option<usize>,
    widths: Vec<usize>,
    /// the last column stands below the others
    below: bool,
}

impl<'c> Table<'c> {
    pub fn new(columns: &'c [Column], room: Option<usize>) -> Self {
        Table { columns, room, widths: Vec::new(), below: false }
    }

    pub fn rows(&mut self, rows: &[Vec<String>]) -> String {
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(|cell| visible(cell)).collect()).collect();
        let mut text = String::new();
        if self.widths.is_empty() {
            self.settle(&rows);
            let headings: Vec<String> = self.columns.iter().map(|column| column.heading.to_owned()).collect();
            if headings.iter().any(|heading| !heading.is_empty()) {
                self.write(&headings, &mut text);
            }
        }
        rows.iter().for_each(|row| self.write(row, &mut text));
        text
    }

    /// As wide as what stands in them, as far as there is room.
    fn settle(&mut self, rows: &[Vec<String>]) {
        let cell = |row: &Vec<String>, index: usize| row.get(index).map_or(0, |cell| width(cell));
        self.widths = (0..self.columns.len())
            .map(|index| {
                let widest = rows.iter().map(|row| cell(row, index)).max().unwrap_or_default();
                widest.max(width(self.columns[index].heading)).max(self.columns[index].least)
            })
            .collect();
        let Some(room) = self.room else { return };
        let needed = |widths: &[usize]| widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
        let Some((last, others)) = self.widths.split_last_mut() else { return };
        self.below = *last > LAST_NARROWEST && needed(others) + GAP + LAST_NARROWEST > room;
        if self.below {
            *last = room.saturating_sub(BELOW).max(NARROWEST);
            narrow(others, self.columns, |others| needed(others) > room);
        } else {
            narrow(&mut self.widths, self.columns, |all| needed(all) > room);
        }
    }

    fn write(&self, row: &[String], text: &mut String) {
        let mut cells: Vec<Vec<String>> = row
            .iter()
            .zip(self.columns.iter().zip(&self.widths))
            .map(|(cell, (column, width))| match self.room {
                Some(_) if column.folds => folded(cell, *width),
                _ => vec![cell.clone()],
            })
            .collect();
        let below = if self.below { cells.pop().unwrap_or_default() } else { Vec::new() };
        let height = cells.iter().map(Vec::len).max().unwrap_or_default();
        for line in 0..height {
            let mut written = String::new();
            for (cell, wide) in cells.iter().zip(&self.widths) {
                let part = cell.get(line).map_or("", String::as_str);
                written.push_str(part);
                written.extend(std::iter::repeat_n(' ', wide.saturating_sub(width(part)) + GAP));
            }
            text.push_str(written.trim_end());
            text.push('\n');
        }
        for line in below.iter().filter(|line| !line.is_empty()) {
            text.push_str(&format!("{:BELOW$}{line}\n", ""));
        }
    }
}

/// The widest that may be folded gives way, until it is narrow enough, or can't be.
fn narrow(widths: &mut [usize], columns: &[Column], is_too_wide: impl Fn(&[usize]) -> bool) {
    while is_too_wide(widths) {
        let folding = widths.iter_mut().zip(columns).filter(|(_, column)| column.folds);
        match folding.map(|(width, _)| width).max_by_key(|width| **width) {
            Some(widest) if *widest > NARROWEST => *widest -= 1,
            _ => return,
        }
    }
}

/// Lines of at most so many columns, broken behind a blank or a mark where there is one.
fn folded(text: &str, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = text;
    while width(rest) > room {
        let (mut used, mut end, mut after_blank, mut after_mark) = (0, 0, 0, 0);
        for (at, character) in rest.char_indices() {
            used += columns(character);
            if used > room && end > 0 {
                break;
            }
            end = at + character.len_utf8();
            match character {
                ' ' => after_blank = end,
                ',' | '.' | '_' | '/' | '-' | ':' => after_mark = end,
                _ => {}
            }
        }
        let place = [after_blank, after_mark].into_iter().find(|place| *place > 0);
        let (line, left) = rest.split_at(place.unwrap_or(end));
        lines.push(line.trim_end().to_owned());
        rest = left;
    }
    if !rest.is_empty() || lines.is_empty() {
        lines.push(rest.to_owned());
    }
    lines
}

/// Escapes, controls and whatever else has no form of its own, by its number: it does nothing to a terminal, and nobody takes
/// it for something else.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            _ if is_visible(character) => shown.push(character),
            _ => shown.extend(character.escape_unicode()),
        }
    }
    shown
}

fn visible_json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match is_visible(character) {
            true => shown.push(character),
            false => character
                .encode_utf16(&mut [0; 2])
                .iter()
                .for_each(|unit| shown.push_str(&format!("\\u{unit:04x}"))),
        }
    }
    shown
}

/// A value in words; null, and a list or object of nothing else, are nothing to tell.
pub fn words(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(items) if items.is_empty() => None,
        Value::Array(items) => Some(items.iter().filter_map(words).collect::<Vec<_>>().join(", ")),
        Value::Object(members) if members.len() == 1 && members.get("erased") == Some(&Value::Bool(true)) => {
            Some("(erased)".to_owned())
        }
        Value::Object(members) => {
            let told = members.iter().filter_map(|(name, value)| Some(format!("{name} {}", words(value)?)));
            let told: Vec<String> = told.collect();
            (!told.is_empty()).then(|| format!("{{{}}}", told.join(", ")))
        }
        other => Some(other.to_string()),
    }
}

pub fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// How many columns of a terminal a character takes: marks none, what East Asia writes in squares two.
fn columns(character: char) -> usize {
    const WIDE: [(u32, u32); 9] = [
        (0x1100, 0x115f),
        (0x2e80, 0x303e),
        (0x3041, 0xa4cf),
        (0xac00, 0xd7a3),
        (0xf900, 0xfaff),
        (0xfe30, 0xfe6f),
        (0xff01, 0xff60),
        (0x1f300, 0x1faff),
        (0x20000, 0x3fffd),
    ];
    if character.is_ascii() {
        return 1;
    }
    match character.general_category() {
        GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark | GeneralCategory::Format => 0,
        _ => {
            let code = u32::from(character);
            1 + usize::from(WIDE.iter().any(|(first, last)| (*first..=*last).contains(&code)))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const COLUMNS: [Column; 3] = [Column::whole("AT"), Column::folded("WHO"), Column::folded("WHAT")];

    fn row(cells: [&str; 3]) -> Vec<String> {
        cells.map(str::to_owned).into()
    }

    #[test]
    fn a_table_without_a_terminal_has_one_line_a_row_however_long() {
        let long = "a word and another ".repeat(20).trim_end().to_owned();
        let mut table = Table::new(&COLUMNS, None);
        let text = table.rows(&[row(["12:00", "Ada", &long]), row(["12:01", "日本", "x"])]);
        assert_eq!(text, format!("AT     WHO   WHAT\n12:00  Ada   {long}\n12:01  日本  x\n"));
        // What comes later stands in the same columns, without headings.
        assert_eq!(table.rows(&[row(["12:02", "é\u{301}", "y"])]), "12:02  é\u{301}     y\n");
    }

    #[test]
    fn a_table_in_a_terminal_is_folded_into_its_width_and_nothing_is_lost() {
        let what = "scopes: orders.read, orders.write → orders.*";
        let told = |room: usize| {
            let text = Table::new(&COLUMNS, Some(room)).rows(&[row(["12:00", "first operator", what])]);
            assert!(text.lines().all(|line| width(line) <= room), "{text}");
            text
        };
        let in_its_column = "AT     WHO             WHAT\n\
                             12:00  first operator  scopes: orders.read, orders.write\n\
                             \u{20}                      → orders.*\n";
        assert_eq!(told(58), in_its_column);
        let below = "AT     WHO\n    WHAT\n12:00  first\n       operator\n    scopes:\n    orders.read,\n    orders.write →\n    orders.*\n";
        assert_eq!(told(20), below);
        // Narrower than it can be, it is as narrow as it can be; and what has no mark is cut where it must be.
        let text = Table::new(&COLUMNS, Some(1)).rows(&[row(["12:00", "abcdefghijklmnop", "x"])]);
        assert_eq!(text, "AT     WHO         WHAT\n12:00  abcdefghij  x\n       klmnop\n");
    }

    #[test]
    fn what_would_move_a_terminal_stands_there_by_its_number() {
        let hostile = "a\u{1b}[31mb\r\u{8}\n\u{9b}2J\u{202e}c\u{200b}";
        let shown = "a\\u{1b}[31mb\\u{d}\\u{8}\\n\\u{9b}2J\\u{202e}c\\u{200b}";
        assert_eq!(visible(hostile), shown);
        let text = Table::new(&COLUMNS, None).rows(&[row(["1", hostile, "-"])]);
        assert!(text.contains(shown), "{text}");
        let spelt = visible_json(&json!({"name": hostile, "tag": "\u{e0041}"}).to_string());
        assert!(spelt.chars().all(is_visible), "{spelt}");
        let read: Value = serde_json::from_str(&spelt).expect("JSON");
        assert_eq!(read, json!({"name": hostile, "tag": "\u{e0041}"}));
    }

    #[test]
    fn values_are_told_in_words_and_nothing_where_there_is_none() {
        assert_eq!((words(&Value::Null), words(&json!([]))), (None, None));
        assert_eq!(words(&json!(["a", "b"])).as_deref(), Some("a, b"));
        assert_eq!(words(&json!({"erased": true})).as_deref(), Some("(erased)"));
        assert_eq!(
            words(&json!({"a": 1, "b": null, "c": ["x", {"d": true}]})).as_deref(),
            Some("{a 1, c x, {d true}}")
        );
        assert_eq!(words(&json!({"allow": [], "deny": [], "more": {}})), None);
    }
}
