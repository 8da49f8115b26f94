//! How the keys of an import are written, as the flags say it; held against the file before anything is sent, because the service
//! keeps for ever what it was once told.

use std::ops::RangeInclusive;

use clap::ArgMatches;
use serde_json::{Value, json};

use super::rows::Product;
use crate::domain::imports::{Alphabet, ForeignFormat};
use crate::ops::StartError;

pub struct Form {
    product: Product,
    format: ForeignFormat,
}

impl Form {
    pub fn read(product: Product, given: &ArgMatches) -> Result<Form, StartError> {
        let text = |name: &str| given.get_one::<String>(name).map(String::as_str);
        let prefix = text("prefix").unwrap_or_default();
        let word = text("alphabet").unwrap_or(product.alphabet().word());
        let alphabet = Alphabet::ALL.into_iter().find(|alphabet| alphabet.word() == word);
        let length = match (text("length"), product.secret_chars()) {
            (Some(length), _) => read_length(length)?,
            (None, Some(chars)) => {
                let whole = u8::try_from(prefix.len() + chars).unwrap_or(u8::MAX);
                whole..=whole
            }
            (None, None) => {
                return Err(StartError::new(
                    "Say how long a whole key is, with --length: a number, or MIN-MAX.",
                ));
            }
        };
        let format = ForeignFormat::new(prefix, alphabet.unwrap_or(product.alphabet()), length);
        let format = format.map_err(|why| {
            let hint =
                if prefix.is_empty() { " What every key begins with is said with --prefix." } else { "" };
            StartError::new(format!("Keys of that form can't be imported: {why}.{hint}"))
        })?;
        Ok(Form { product, format })
    }

    /// The first line of what is sent.
    pub fn header(&self) -> Value {
        let shape = self.format.shape();
        let length = match (shape.shortest, shape.longest) {
            (exactly, same) if exactly == same => json!(exactly),
            (min, max) => json!({"min": min, "max": max}),
        };
        let format =
            json!({"prefix": self.format.prefix(), "alphabet": shape.alphabet.word(), "length": length});
        json!({"import": {"source": self.product.word(), "format": format, "digest": {"algorithm": "sha256"}}})
    }

    /// Whether a key may begin as its row says.
    pub fn holds(&self, line: &Value) -> Result<(), StartError> {
        let Some(start) = line["prefix"].as_str() else { return Ok(()) };
        self.format.public_part(start).map(drop).map_err(|why| {
            StartError::new(format!(
                "The first row's key begins with {start:?}, and these are not such keys: {why}. Say with --prefix, --alphabet and \
                 --length how the keys are written. Nothing was sent."
            ))
        })
    }
}

/// What a first line declares, in words.
pub fn in_words(header: &Value) -> String {
    let (format, digest) = (&header["import"]["format"], &header["import"]["digest"]);
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let prefix = match word(&format["prefix"]) {
        none if none.is_empty() => "no prefix".to_owned(),
        prefix => format!("prefix {prefix}"),
    };
    let length = match &format["length"] {
        Value::Object(both) => format!("{}-{}", both["min"], both["max"]),
        exactly => exactly.to_string(),
    };
    format!(
        "{prefix}, {} after it, {length} characters in all, digests by {}",
        word(&format["alphabet"]),
        word(&digest["algorithm"])
    )
}

fn read_length(text: &str) -> Result<RangeInclusive<u8>, StartError> {
    let number = |text: &str| text.parse::<u8>().ok();
    let read = match text.split_once('-') {
        Some((least, most)) => number(least).zip(number(most)).map(|(least, most)| least..=most),
        None => number(text).map(|exactly| exactly..=exactly),
    };
    read.ok_or_else(|| StartError::new(format!("--length {text} is neither a number nor MIN-MAX.")))
}
