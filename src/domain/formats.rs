//! The formats in use, and which of them a text fits. A forged or mistyped key ends here, before anything is hashed.

use std::collections::BTreeMap;
use std::fmt;

use super::client_format::SecretForm;
use super::key_format::{Checksum, KeyFormat, PublicPart, Shape, checksum_holds};
use super::letters::{has_white_space, is_base62, prefix_end};

/// Tenants may share a prefix, prefixes may nest, and a prefix may have had several formats. Formats are only ever added:
/// keys of an older one live on.
#[derive(Clone, Debug, Default)]
pub struct Formats {
    /// By prefix; sorted by length, then by public characters.
    shapes: BTreeMap<Box<str>, Vec<Shape>>,
}

fn order(shape: &Shape) -> (usize, u8, Checksum) {
    (shape.tail_chars(), shape.public_chars, shape.checksum)
}

impl Formats {
    /// Whether it was new.
    pub fn insert(&mut self, format: &KeyFormat) -> bool {
        self.insert_shape(format.prefix(), format.shape())
    }

    fn insert_shape(&mut self, prefix: &str, shape: Shape) -> bool {
        let shapes = self.shapes.entry(prefix.into()).or_default();
        match shapes.binary_search_by_key(&order(&shape), order) {
            Ok(_) => false,
            Err(place) => {
                shapes.insert(place, shape);
                true
            }
        }
    }

    /// Whether it was new. What may be told of a client's secret is its public part here.
    pub fn insert_client_secret(&mut self, form: &SecretForm) -> bool {
        let told = form.told_chars();
        let shape = Shape { public_chars: told, secret_chars: form.chars() - told, checksum: Checksum::None };
        self.insert_shape(form.prefix(), shape)
    }

    /// Each prefix, with how many characters may follow it.
    pub fn each(&self) -> impl Iterator<Item = (&str, usize)> {
        let lengths = |shapes: &[Shape]| shapes.iter().map(|shape| shape.tail_chars()).collect::<Vec<_>>();
        self.shapes.iter().flat_map(move |(prefix, shapes)| {
            lengths(shapes).into_iter().map(move |chars| (&**prefix, chars))
        })
    }

    pub fn fits(&self, text: &str) -> bool {
        self.candidates(text).next().is_some()
    }

    /// The public parts that the text may have, each once: formats of one length may differ in theirs.
    pub fn candidates<'t>(&self, text: &'t str) -> impl Iterator<Item = PublicPart<'t>> + use<'_, 't> {
        let (prefix_chars, shapes) = self.of_this_length(text);
        let mut checksum = None;
        let mut last = None;
        shapes.iter().filter_map(move |shape| {
            let fits = match shape.checksum {
                Checksum::None => true,
                Checksum::Crc32 => *checksum.get_or_insert_with(|| checksum_holds(text)),
            };
            let new = last != Some(shape.public_chars);
            if !(fits && new) {
                return None;
            }
            last = Some(shape.public_chars);
            PublicPart::of(text, prefix_chars, shape.public_chars)
        })
    }

    /// Why a text that fits no format does not. It reads the whole text.
    pub fn misfit(&self, text: &str) -> Misfit {
        if has_white_space(text) {
            return Misfit::StraySpace;
        }
        let (prefix, tail) = split(text);
        let shapes = self.shapes.get(prefix).map_or(&[][..], Vec::as_slice);
        let longer = shapes.last().is_some_and(|longest| tail.len() < longest.tail_chars());
        let same_length = |shape: &Shape| shape.tail_chars() == tail.len();
        if longer && !shapes.iter().any(same_length) && is_base62(tail) {
            Misfit::Truncated
        } else {
            Misfit::UnknownForm
        }
    }

    /// The shapes whose prefix, length and alphabet the text has, and the prefix's length.
    fn of_this_length(&self, text: &str) -> (usize, &[Shape]) {
        let (prefix, tail) = split(text);
        let shapes = self.shapes.get(prefix).map_or(&[][..], Vec::as_slice);
        let start = shapes.partition_point(|shape| shape.tail_chars() < tail.len());
        let length = shapes[start..].partition_point(|shape| shape.tail_chars() == tail.len());
        let fitting = &shapes[start..start + length];
        let fitting = if !fitting.is_empty() && is_base62(tail) { fitting } else { &[] };
        (prefix.len(), fitting)
    }
}

/// Up to the last `_` that a prefix could end with, and the rest: what follows a prefix never holds one.
fn split(text: &str) -> (&str, &str) {
    text.split_at_checked(prefix_end(text.as_bytes())).unwrap_or(("", text))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    StraySpace,
    Truncated,
    /// A wrong checksum too: whoever guesses learns nothing of which part was wrong.
    UnknownForm,
}

impl Misfit {
    pub fn detail(self) -> &'static str {
        match self {
            Misfit::StraySpace => "the key holds white space; paste it again without",
            Misfit::Truncated => "the key is cut off; paste it again whole",
            Misfit::UnknownForm => {
                "the key is of no known form; check that it was copied from the right place, and whole"
            }
        }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detail())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key_format::{RANDOM_BYTES, compose, read};

    fn format(prefix: &str, public: u8, secret: u8, checksum: Checksum) -> KeyFormat {
        KeyFormat::new(prefix, public, secret, checksum).unwrap()
    }

    fn key(format: &KeyFormat) -> String {
        compose(format, &[7; RANDOM_BYTES]).unwrap().secret.reveal().to_owned()
    }

    /// Nested prefixes, several lengths of one prefix, and two formats of one length with other public parts.
    fn in_use() -> Vec<KeyFormat> {
        vec![
            format("cl_", 8, 30, Checksum::Crc32),
            format("cl_live_", 8, 30, Checksum::Crc32),
            format("cl_live_", 6, 38, Checksum::None),
            format("cl_live_", 8, 36, Checksum::None),
            format("cl_live_", 8, 24, Checksum::None),
            format("vlk_", 8, 40, Checksum::None),
        ]
    }

    fn formats() -> Formats {
        let mut formats = Formats::default();
        for format in in_use() {
            assert!(formats.insert(&format));
            assert!(!formats.insert(&format));
        }
        formats
    }

    #[test]
    fn it_finds_what_each_format_alone_would_read() {
        let formats = formats();
        let mut texts: Vec<String> = in_use().iter().map(key).collect();
        texts.extend(["", "_", "cl_", "cl_live_", "nobody_0000000000"].map(str::to_owned));
        texts.extend(in_use().iter().map(|format| key(format).replacen('7', "8", 1)));
        texts.extend(in_use().iter().map(|format| key(format) + "0"));
        for text in texts {
            let mut one_by_one: Vec<&str> =
                in_use().iter().filter_map(|format| read(format, &text).map(PublicPart::as_str)).collect();
            one_by_one.sort_unstable();
            one_by_one.dedup();
            let found: Vec<&str> = formats.candidates(&text).map(PublicPart::as_str).collect();
            assert_eq!(found, one_by_one, "{text}");
            assert_eq!(formats.fits(&text), !found.is_empty());
        }
    }

    #[test]
    fn a_text_may_fit_formats_of_other_public_parts() {
        let text = key(&format("cl_live_", 8, 30, Checksum::Crc32));
        let found: Vec<&str> = formats().candidates(&text).map(PublicPart::as_str).collect();
        assert_eq!(found, ["cl_live_777777", "cl_live_77777777"]);
    }

    #[test]
    fn a_misfit_says_what_to_look_at() {
        let whole = key(&format("vlk_", 8, 40, Checksum::None));
        let checked = key(&format("cl_", 8, 30, Checksum::Crc32));
        let cases = [
            (format!("{whole} "), Misfit::StraySpace),
            (format!("vlk_ {}", &whole[4..]), Misfit::StraySpace),
            (format!("{whole}\n"), Misfit::StraySpace),
            (whole[..whole.len() - 1].to_owned(), Misfit::Truncated),
            ("vlk_".to_owned(), Misfit::Truncated),
            (format!("{whole}0"), Misfit::UnknownForm),
            (whole.replacen('7', "-", 1), Misfit::UnknownForm),
            (checked.replacen('7', "8", 1), Misfit::UnknownForm),
            ("nobody_7777".to_owned(), Misfit::UnknownForm),
            (String::new(), Misfit::UnknownForm),
            ("é".repeat(50_000), Misfit::UnknownForm),
            ("vlk_".to_owned() + &"7".repeat(100_000), Misfit::UnknownForm),
        ];
        for (text, misfit) in cases {
            assert!(!formats().fits(&text));
            assert_eq!(formats().misfit(&text), misfit, "{text:.60}");
        }
    }
}
