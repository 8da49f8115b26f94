//! Many texts, looked for at once in many bytes, in the forms in which software writes bytes down.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Enough to be no chance hit, and short enough that a truncated secret is found too.
const PRIVATE_CHARS: usize = 14;
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Texts by their first two bytes.
#[derive(Default)]
pub struct Needles(HashMap<[u8; 2], Vec<(String, Vec<u8>)>>);

/// The part of a credential in its middle, behind what may be shown.
pub fn private_part(text: &str) -> &str {
    match text.len() {
        length if length > 2 * PRIVATE_CHARS => &text[length - PRIVATE_CHARS - 6..length - 6],
        _ => text,
    }
}

impl Needles {
    pub fn of<'a>(what: &str, texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut needles = Needles::default();
        texts.into_iter().for_each(|text| needles.add(what, text));
        needles
    }

    /// The text's private part: plain, as hexadecimal digits of either case, and as base64 at each of its three offsets.
    pub fn add(&mut self, what: &str, text: &str) {
        self.add_bytes(what, private_part(text).as_bytes());
    }

    /// The same of what is no text; in base64url, too.
    pub fn add_bytes(&mut self, what: &str, private: &[u8]) {
        let hex: String = private.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut forms = vec![private.to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes()];
        forms.extend((0..3).map(|offset| base64(private, offset)));
        let url = |byte: u8| match byte {
            b'+' => b'-',
            b'/' => b'_',
            other => other,
        };
        forms.extend((0..3).map(|offset| base64(private, offset).into_iter().map(url).collect()));
        for form in forms {
            self.0.entry([form[0], form[1]]).or_default().push((what.to_owned(), form));
        }
    }

    /// The first found, and where.
    pub fn found_in(&self, bytes: &[u8]) -> Option<(&str, usize)> {
        let mut starts = vec![false; 1 << 16];
        self.0.keys().for_each(|start| starts[usize::from(u16::from_be_bytes(*start))] = true);
        for (place, pair) in bytes.windows(2).enumerate() {
            if !starts[usize::from(u16::from_be_bytes([pair[0], pair[1]]))] {
                continue;
            }
            let here = &bytes[place..];
            let found = self.0[&[pair[0], pair[1]]].iter().find(|(_, form)| here.starts_with(form));
            if let Some((what, _)) = found {
                return Some((what, place));
            }
        }
        None
    }

    #[track_caller]
    pub fn are_not_in(&self, place: &str, bytes: &[u8]) {
        if let Some((what, at)) = self.found_in(bytes) {
            let around = &bytes[at.saturating_sub(200)..bytes.len().min(at + 100)];
            panic!("{what} is in {place}, at {at}: {}", String::from_utf8_lossy(around));
        }
    }
}

/// The characters that depend on nothing but these bytes, when `offset` bytes stand before them.
fn base64(bytes: &[u8], offset: usize) -> Vec<u8> {
    let skipped = (3 - offset) % 3;
    let whole = bytes[skipped..].chunks_exact(3);
    whole
        .flat_map(|three| {
            let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
            [18, 12, 6, 0].map(|shift| BASE64[(bits >> shift & 63) as usize])
        })
        .collect()
}

/// Every file below a directory, with its bytes.
pub fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a directory").map(|entry| entry.expect("an entry")) {
            let kind = entry.file_type().expect("a kind");
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                found.push((entry.path(), std::fs::read(entry.path()).expect("a file")));
            }
        }
    }
    found
}
