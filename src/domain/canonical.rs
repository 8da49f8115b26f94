//! RFC 8785 (JCS): one text for one JSON value. Our own numbers are integers that every JSON reader holds exactly; doubles
//! occur only in free metadata.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use serde_json::{Number, Value};

/// Appends the canonical text.
pub fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => out.extend_from_slice(number_text(number).as_bytes()),
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(item, out);
            }
            out.push(b']');
        }
        Value::Object(members) => write_object(members.iter(), out),
    }
}

/// One number has one text however it was spelt (`1e16` is an integer, `-0.0` is 0): what is hashed, stored and measured. An integer beyond 2^53 keeps all its digits.
fn number_text(number: &Number) -> String {
    let double = number.as_f64().filter(|_| number.is_f64());
    double.map_or_else(|| number.to_string(), double_text)
}

/// A double as ECMAScript writes it.
pub fn double_text(double: f64) -> String {
    const PLAIN: std::ops::Range<f64> = 1e-6..1e21;
    match double {
        0.0 => "0".to_owned(),
        double if PLAIN.contains(&double.abs()) => double.to_string(),
        double if double.abs() < PLAIN.start => format!("{double:e}"),
        double => format!("{double:e}").replace('e', "e+"),
    }
}

/// Members sorted by the UTF-16 code units of their names, as the RFC demands.
pub fn write_object<'a>(members: impl Iterator<Item = (&'a String, &'a Value)>, out: &mut Vec<u8>) {
    let mut members: Vec<_> = members.collect();
    members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    out.push(b'{');
    for (index, (name, value)) in members.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_string(name, out);
        out.push(b':');
        write(value, out);
    }
    out.push(b'}');
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\r' => out.extend_from_slice(b"\\r"),
            0x00..=0x1f => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

pub fn text(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write(value, &mut out);
    out
}

/// The canonical text, for where text is wanted.
pub fn string(value: &Value) -> String {
    String::from_utf8(text(value)).unwrap_or_else(|_| panic!("JSON is UTF-8"))
}

/// How many bytes the canonical text of a value has, without making it.
pub fn length(value: &impl Serialize) -> usize {
    let mut counted = Counted(0);
    let written = value.serialize(&mut Serializer::with_formatter(&mut counted, Canonical));
    written.unwrap_or_else(|cause| panic!("a value of plain members is written: {cause}"));
    counted.0
}

struct Counted(usize);

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0 += bytes.len();
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The order of members does not change a length; what doubles look like does.
struct Canonical;

impl Formatter for Canonical {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, double: f64) -> io::Result<()> {
        writer.write_all(double_text(double).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_are_sorted_by_utf16_and_texts_escaped_as_the_rfc_says() {
        let value = json!({
            "\u{20ac}": "Euro Sign", "\r": "Carriage Return", "\u{fb33}": "Hebrew Letter Dalet With Dagesh",
            "1": "One", "\u{1f600}": "Emoji: Grinning Face", "\u{80}": "Control", "\u{f6}": "Latin Small Letter O With Diaeresis"
        });
        let text = String::from_utf8(text(&value)).expect("UTF-8");
        let order = ["Carriage Return", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"];
        let places: Vec<_> = order.iter().map(|word| text.find(word).expect(word)).collect();
        assert!(places.is_sorted(), "{text}");
        assert_eq!(
            super::text(&json!("\u{0}\u{1f}\u{7f}\"\\/\n")),
            "\"\\u0000\\u001f\u{7f}\\\"\\\\/\\n\"".as_bytes()
        );
    }

    #[test]
    fn a_number_has_one_text_however_it_was_spelt() {
        for (spelt, canonical) in [
            ("-0.0", "0"),
            ("1.0", "1"),
            ("1e16", "10000000000000000"),
            ("10000000000000000", "10000000000000000"),
            ("1.152921504606847e18", "1152921504606847000"),
            ("1152921504606847000", "1152921504606847000"),
            ("18446744073709551615", "18446744073709551615"),
            ("333333333.33333329", "333333333.3333333"),
            ("1E30", "1e+30"),
            ("1e21", "1e+21"),
            ("4.50", "4.5"),
            ("2e-3", "0.002"),
            ("0.000001", "0.000001"),
            ("1e-7", "1e-7"),
            ("-5e-324", "-5e-324"),
            ("31.245270191439438", "31.245270191439438"),
        ] {
            let value: Value = serde_json::from_str(spelt).expect(spelt);
            assert_eq!((string(&value).as_str(), length(&value)), (canonical, canonical.len()), "{spelt}");
        }
    }

    #[test]
    fn the_length_is_that_of_the_text() {
        for value in [
            json!({"b": [1, -2, null, true, {"x": {}}], "\u{20ac}": "\u{0}\u{1f}\u{7f}\"\\/\n\r\t\u{8}\u{c}", "c": u64::MAX}),
            json!([1e308, 1e20, -0.0, 0.1, 1e-7, [], {}, ""]),
        ] {
            assert_eq!(length(&value), text(&value).len(), "{value}");
        }
    }

    #[test]
    fn the_text_reads_back_as_the_value() {
        let value = json!({"b": [1, -2, null, true, {"x": {}}], "a": "é", "c": 9007199254740991u64});
        assert_eq!(serde_json::from_slice::<Value>(&text(&value)).ok(), Some(value));
    }
}
