//! JSON on its way out, for what is answered on every call: each member is written once, where it stays, and only texts
//! that people chose are looked through for what is to be escaped.

use std::io::Write as _;

use serde_json::Value;
use uuid::Uuid;

use crate::clock::Timestamp;

/// An object that is being written.
pub struct ObjectOut<'o> {
    out: &'o mut Vec<u8>,
    /// what stands before the next member
    before: u8,
}

impl<'o> ObjectOut<'o> {
    pub fn begin(out: &'o mut Vec<u8>) -> Self {
        ObjectOut { out, before: b'{' }
    }

    pub fn end(self) {
        if self.before == b'{' {
            self.out.push(b'{');
        }
        self.out.push(b'}');
    }

    fn name(&mut self, name: &'static str) {
        self.out.push(self.before);
        self.before = b',';
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn quoted(&mut self, text: &str) {
        self.out.push(b'"');
        self.out.extend_from_slice(text.as_bytes());
        self.out.push(b'"');
    }

    /// Of characters that are never escaped: words, ids, scopes.
    pub fn plain(&mut self, name: &'static str, text: &str) {
        self.name(name);
        self.quoted(text);
    }

    pub fn text(&mut self, name: &'static str, text: &str) {
        self.name(name);
        // Without an early way out the compiler looks at many bytes at once.
        let escaped = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
        if text.bytes().fold(false, |any, byte| any | escaped(byte)) {
            self.out.extend_from_slice(Value::from(text).to_string().as_bytes());
        } else {
            self.quoted(text);
        }
    }

    pub fn id(&mut self, name: &'static str, id: Uuid) {
        self.plain(name, id.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    }

    pub fn instant(&mut self, name: &'static str, at: Timestamp) {
        self.name(name);
        // Writing to a Vec cannot fail.
        let _ = write!(self.out, "\"{at}\"");
    }

    pub fn number(&mut self, name: &'static str, number: u64) {
        self.name(name);
        // Writing to a Vec cannot fail.
        let _ = write!(self.out, "{number}");
    }

    pub fn boolean(&mut self, name: &'static str, truth: bool) {
        self.name(name);
        self.out.extend_from_slice(if truth { b"true" } else { b"false" });
    }

    pub fn null(&mut self, name: &'static str) {
        self.name(name);
        self.out.extend_from_slice(b"null");
    }

    /// Of plain texts.
    pub fn list<'t>(&mut self, name: &'static str, texts: impl Iterator<Item = &'t str>) {
        self.name(name);
        self.out.push(b'[');
        for (place, text) in texts.enumerate() {
            if place > 0 {
                self.out.push(b',');
            }
            self.quoted(text);
        }
        self.out.push(b']');
    }

    pub fn numbers(&mut self, name: &'static str, numbers: &[u64]) {
        self.name(name);
        self.out.push(b'[');
        for (place, number) in numbers.iter().enumerate() {
            // Writing to a Vec cannot fail.
            let _ = write!(self.out, "{}{number}", if place > 0 { "," } else { "" });
        }
        self.out.push(b']');
    }

    pub fn object(&mut self, name: &'static str, write: impl FnOnce(&mut ObjectOut<'_>)) {
        self.name(name);
        let mut within = ObjectOut::begin(self.out);
        write(&mut within);
        within.end();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn written(write: impl FnOnce(&mut ObjectOut<'_>)) -> String {
        let mut out = Vec::new();
        let mut object = ObjectOut::begin(&mut out);
        write(&mut object);
        object.end();
        String::from_utf8(out).expect("text")
    }

    proptest! {
        #[test]
        fn a_text_reads_back_and_is_written_as_everywhere(text in "\\PC{0,20}|[\\x00-\\x7f]{0,20}") {
            prop_assert_eq!(written(|object| object.text("a", &text)), json!({"a": text}).to_string());
        }
    }

    #[test]
    fn every_member_reads_back() {
        let at = Timestamp::from_millis(1_800_000_000_000).expect("an instant");
        let text = written(|object| {
            object.boolean("yes", true);
            object.boolean("no", false);
            object.null("none");
            object.number("most", u64::MAX);
            object.instant("at", at);
            object.id("id", Uuid::from_u128(7));
            object.list("list", ["a.*", "b:c"].into_iter());
            object.list("empty", std::iter::empty());
            object.numbers("numbers", &[7, u64::MAX]);
            object.numbers("none of them", &[]);
            object.object("within", |within| within.plain("word", "b"));
            object.object("nothing", |_| ());
        });
        let read: Value = serde_json::from_str(&text).expect("JSON");
        let expected = json!({
            "yes": true, "no": false, "none": null, "most": u64::MAX, "at": at, "id": Uuid::from_u128(7),
            "list": ["a.*", "b:c"], "empty": [], "numbers": [7, u64::MAX], "none of them": [], "within": {"word": "b"}, "nothing": {},
        });
        assert_eq!(read, expected);
    }
}
