//! What went by: how many rows, and whether the last one ended.

use super::Form;

pub struct Rows {
    form: Form,
    pub bytes: u64,
    /// lines that ended, a table's headings among them
    lines: u64,
    quoted: bool,
    last: u8,
}

impl Rows {
    pub fn of(form: Form) -> Self {
        Rows { form, bytes: 0, lines: 0, quoted: false, last: b'\n' }
    }

    /// In a table a line may end within quotes, and the row goes on. A quote that stands for itself is two.
    pub fn take(&mut self, piece: &[u8]) {
        for byte in piece {
            match byte {
                b'"' if self.form == Form::Csv => self.quoted = !self.quoted,
                b'\n' if !self.quoted => self.lines += 1,
                _ => {}
            }
        }
        self.bytes += piece.len() as u64;
        self.last = piece.last().copied().unwrap_or(self.last);
    }

    pub fn count(&self) -> u64 {
        self.lines.saturating_sub(u64::from(self.form == Form::Csv))
    }

    /// A table has headings at least.
    pub fn are_whole(&self) -> bool {
        self.last == b'\n' && !self.quoted && (self.form == Form::Ndjson || self.lines > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(form: Form, text: &str) -> (u64, bool) {
        let mut rows = Rows::of(form);
        text.as_bytes().chunks(3).for_each(|piece| rows.take(piece));
        (rows.count(), rows.are_whole())
    }

    #[test]
    fn rows_are_counted_as_each_form_ends_them() {
        assert_eq!(counted(Form::Ndjson, ""), (0, true));
        assert_eq!(counted(Form::Ndjson, "{\"a\":\"\\\"\"}\n{}\n"), (2, true));
        assert_eq!(counted(Form::Ndjson, "{}\n{"), (1, false));
        assert_eq!(counted(Form::Csv, "a,b\r\n"), (0, true));
        assert_eq!(counted(Form::Csv, "a,b\r\n1,\"x\r\n\"\"y\"\"\"\r\n2,\r\n"), (2, true));
        assert!(!counted(Form::Csv, "a,b\r\n1,\"x\r\n").1);
        assert!(!counted(Form::Csv, "").1);
    }
}
