//! CSV as RFC 4180 has it: UTF-8 without a mark, CRLF, a header. A spreadsheet takes a cell that begins like a formula for one:
//! such a cell gets a `'` before it.

use std::borrow::Cow;

use serde_json::Value;

/// A column, and where in a row its value stands. What has members of its own is told as JSON text, null and what is missing as
/// nothing.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub name: &'static str,
    pub at: &'static [&'static str],
}

impl Column {
    /// One that is called as the row's own member.
    pub const fn of(at: &'static [&'static str; 1]) -> Column {
        Column { name: at[0], at }
    }

    /// One of what a member holds.
    pub const fn within(name: &'static str, at: &'static [&'static str]) -> Column {
        Column { name, at }
    }

    /// Inside something that is told as a whole otherwise (a value that was erased), the first column of it tells that whole.
    fn text<'a>(&self, row: &'a Value) -> Cow<'a, str> {
        let found = self.at.iter().try_fold(row, |value, name| value.get(name));
        match found {
            None | Some(Value::Null) => Cow::Borrowed(""),
            Some(Value::String(text)) => Cow::Borrowed(text),
            Some(other) => Cow::Owned(other.to_string()),
        }
    }
}

pub fn write_header(columns: &[Column], text: &mut String) {
    write_cells(columns.iter().map(|column| Cow::Borrowed(column.name)), text);
}

pub fn write_row(columns: &[Column], row: &Value, text: &mut String) {
    write_cells(columns.iter().map(|column| column.text(row)), text);
}

fn write_cells<'a>(cells: impl Iterator<Item = Cow<'a, str>>, text: &mut String) {
    for (place, cell) in cells.enumerate() {
        if place > 0 {
            text.push(',');
        }
        write_cell(&cell, text);
    }
    text.push_str("\r\n");
}

fn write_cell(cell: &str, text: &mut String) {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let quoted = cell.contains(['"', ',', '\r', '\n']);
    if quoted {
        text.push('"');
    }
    if formula {
        text.push('\'');
    }
    match cell.contains('"') {
        true => text.push_str(&cell.replace('"', "\"\"")),
        false => text.push_str(cell),
    }
    if quoted {
        text.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const COLUMNS: &[Column] = &[
        Column::of(&["position"]),
        Column::within("actor_name", &["actor", "name"]),
        Column::of(&["data"]),
        Column::of(&["gone"]),
    ];

    fn told(row: Value) -> String {
        let mut text = String::new();
        write_row(COLUMNS, &row, &mut text);
        text
    }

    #[test]
    fn a_row_is_told_column_by_column() {
        let mut header = String::new();
        write_header(COLUMNS, &mut header);
        assert_eq!(header, "position,actor_name,data,gone\r\n");
        let row =
            json!({"position": 7, "actor": {"name": "Ada \"the\" first"}, "data": {"a": [1]}, "gone": null});
        assert_eq!(told(row), "7,\"Ada \"\"the\"\" first\",\"{\"\"a\"\":[1]}\",\r\n");
        assert_eq!(told(json!({"actor": {"name": "a\nb"}})), ",\"a\nb\",,\r\n");
        assert_eq!(told(json!({"actor": {"name": {"erased": true}}})), ",\"{\"\"erased\"\":true}\",,\r\n");
    }

    #[test]
    fn what_begins_like_a_formula_is_none() {
        let named = |name: &str| told(json!({"actor": {"name": name}}));
        for (name, cell) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\tx", "'\tx"),
            ("\r=x", "\"'\r=x\""),
            ("=a,\"b\"", "\"'=a,\"\"b\"\"\""),
            ("a=1", "a=1"),
            ("'quoted", "'quoted"),
            (" =1", " =1"),
        ] {
            assert_eq!(named(name), format!(",{cell},,\r\n"), "{name:?}");
        }
    }
}
