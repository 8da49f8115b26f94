//! `credledger import`: keys from elsewhere into a running service, over HTTP: it goes on meanwhile, and says what becomes of
//! each key. What breaks off goes on when it is run again.

mod client;
mod rows;

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command, value_parser};
use serde_json::{Value, json};

use super::complain;
use crate::domain::imports::Alphabet;
use crate::limits;
use crate::ops::StartError;
use client::{Told, Upload};
use rows::Product;

pub fn describe() -> Command {
    let text = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).num_args(1).help(help)
    };
    let path = |arg: Arg| arg.value_parser(value_parser!(PathBuf));
    Command::new("import")
        .about("Import keys of another product into a running service, by their digests")
        .arg(text("tenant", "TENANT", "whose they will be, by id or slug").required(true))
        .arg(
            path(text("token-file", "FILE", "a file with the token of an operator who may mint keys"))
                .required(true),
        )
        .arg(text("url", "URL", "where the service listens").default_value("http://127.0.0.1:8080"))
        .arg(
            text(
                "from",
                "PRODUCT",
                "whose rows the file has, a JSON object a line; without: lines of the API's own form",
            )
            .value_parser(PossibleValuesParser::new(Product::ALL.map(Product::word))),
        )
        .arg(text("prefix", "TEXT", "with --from: what every key begins with").requires("from"))
        .arg(text("length", "N", "with --from: how long a whole key is, or MIN-MAX").requires("from"))
        .arg(
            text("alphabet", "WORD", "with --from: of what follows the prefix")
                .requires("from")
                .value_parser(PossibleValuesParser::new(Alphabet::ALL.map(Alphabet::word))),
        )
        .arg(path(Arg::new("file").value_name("FILE").required(true).help("what is imported")))
}

pub fn run(given: &ArgMatches) -> Result<(), StartError> {
    let text = |name: &str| given.get_one::<String>(name).map(String::as_str).unwrap_or_default();
    let file = |name: &str| given.get_one::<PathBuf>(name).cloned().unwrap_or_default();
    let token = std::fs::read_to_string(file("token-file")).map_err(|error| {
        StartError::new(format!("{} can't be read: {error}.", file("token-file").display()))
    })?;
    let product = given.get_one::<String>("from").and_then(|word| Product::from_word(word));
    let header = match product {
        Some(product) => Some(header(product, given)?),
        None => None,
    };
    let upload = Upload::new(text("url"), text("tenant"), token.trim())?;
    let (counts, lines) = send(&upload, &file("file"), product, header)?;
    let Counts { imported, exists, refused } = counts;
    complain(&format!("{lines} lines: {imported} imported, {exists} there already, {refused} refused."));
    match refused {
        0 => Ok(()),
        _ => Err(StartError::new(
            "Some lines were refused; each stands above with its reason. Mend them, and run it again: what is imported stays.",
        )),
    }
}

#[derive(Clone, Copy, Default)]
struct Counts {
    imported: u64,
    exists: u64,
    refused: u64,
}

/// The first line, of what the flags say and the product is known for.
fn header(product: Product, given: &ArgMatches) -> Result<Value, StartError> {
    let text = |name: &str| given.get_one::<String>(name).map(String::as_str);
    let prefix = text("prefix").unwrap_or_default();
    let alphabet = text("alphabet").unwrap_or(product.alphabet().word());
    let length = match (text("length"), product.secret_chars()) {
        (Some(length), _) => read_length(length)?,
        (None, Some(chars)) => json!(prefix.len() + chars),
        (None, None) => {
            return Err(StartError::new("Say how long a whole key is, with --length: a number, or MIN-MAX."));
        }
    };
    let format = json!({"prefix": prefix, "alphabet": alphabet, "length": length});
    Ok(json!({"import": {"source": product.word(), "format": format, "digest": {"algorithm": "sha256"}}}))
}

fn read_length(text: &str) -> Result<Value, StartError> {
    let number = |text: &str| text.parse::<u8>().ok();
    let read = match text.split_once('-') {
        Some((least, most)) => {
            number(least).zip(number(most)).map(|(min, max)| json!({"min": min, "max": max}))
        }
        None => number(text).map(|exactly| json!(exactly)),
    };
    read.ok_or_else(|| StartError::new(format!("--length {text} is neither a number nor MIN-MAX.")))
}

/// In bodies of bounded size, one after the other, each with the header. Every line of the file is a line of a body, so that
/// numbers can be told as the file has them.
fn send(
    upload: &Upload,
    path: &Path,
    product: Option<Product>,
    header: Option<Value>,
) -> Result<(Counts, u64), StartError> {
    let failed =
        |error: std::io::Error| StartError::new(format!("{} can't be read: {error}.", path.display()));
    let mut lines = BufReader::new(File::open(path).map_err(failed)?);
    let (mut counts, mut line) = (Counts::default(), 0);
    let header = match header {
        Some(header) => header.to_string() + "\n",
        None => {
            line += 1;
            next_line(&mut lines, path)?.ok_or_else(|| StartError::new("The file is empty."))?
        }
    };
    loop {
        let first = line + 1;
        let mut body = upload.begin()?;
        let (mut bytes, mut more) = (header.len(), true);
        body.write(header.as_bytes());
        let mut bad = Vec::new();
        while bytes + limits::IMPORT_LINE_BYTES < PIECE_BYTES {
            let Some(text) = next_line(&mut lines, path)? else {
                more = false;
                break;
            };
            line += 1;
            let text = match product.map(|product| rows::line(product, &text)) {
                None => text,
                Some(Ok(mapped)) => mapped.map(|line| line.to_string()).unwrap_or_default() + "\n",
                Some(Err(why)) => {
                    bad.push((line, why));
                    "\n".to_owned()
                }
            };
            bytes += text.len();
            body.write(text.as_bytes());
        }
        for told in body.finish() {
            tell(&mut counts, told?, first)?;
        }
        for (line, why) in bad {
            counts.refused += 1;
            say(&json!({"line": line, "outcome": "refused", "detail": why}))?;
        }
        if !more {
            return Ok((counts, line));
        }
        complain(&format!(
            "{line} lines so far: {} imported, {} there already",
            counts.imported, counts.exists
        ));
    }
}

/// Well within what one body may hold: a piece that broke off is soon sent again.
const PIECE_BYTES: usize = limits::IMPORT_BYTES / 4;

/// With its end; `None` after the last. A line that no service would take is not held whole.
fn next_line(lines: &mut impl BufRead, path: &Path) -> Result<Option<String>, StartError> {
    let failed =
        |error: std::io::Error| StartError::new(format!("{} can't be read: {error}.", path.display()));
    let mut text = Vec::new();
    let mut bounded = std::io::Read::take(&mut *lines, limits::IMPORT_LINE_BYTES as u64 + 2);
    let read = bounded.read_until(b'\n', &mut text).map_err(failed)?;
    if read == 0 {
        return Ok(None);
    }
    if !text.ends_with(b"\n") {
        // Its rest is passed over; what is kept of it is too long as well, and is refused by its number.
        lines.skip_until(b'\n').map_err(failed)?;
        text.push(b'\n');
    }
    Ok(Some(String::from_utf8_lossy(&text).into_owned()))
}

/// `first`: the file's line that the body's second is.
fn tell(counts: &mut Counts, told: Told, first: u64) -> Result<(), StartError> {
    match told {
        Told::Line(mut line) => match line["outcome"].as_str() {
            Some("imported") => counts.imported += 1,
            Some("exists") => counts.exists += 1,
            _ => {
                counts.refused += 1;
                let number = line["line"].as_u64().unwrap_or_default();
                line["line"] = (first + number.saturating_sub(2)).into();
                say(&line)?;
            }
        },
        Told::End(summary) if summary["complete"] == true => {}
        Told::End(summary) => {
            return Err(StartError::new(format!(
                "It broke off: {}. Run the same again; what is imported stays.",
                summary["detail"].as_str().unwrap_or("no reason was given")
            )));
        }
    }
    Ok(())
}

fn say(line: &Value) -> Result<(), StartError> {
    writeln!(std::io::stdout(), "{line}")
        .map_err(|error| StartError::new(format!("What was refused could not be written out: {error}.")))
}
