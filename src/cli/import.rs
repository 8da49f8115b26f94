//! `credledger import`: keys from elsewhere into a running service, over HTTP: it goes on meanwhile, and says what becomes of
//! each key. What breaks off goes on when it is run again.

mod client;
mod form;
mod rows;

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command, value_parser};
use serde_json::{Value, json};

use super::complain;
use super::remote::{self, Remote};
use crate::domain::imports::Alphabet;
use crate::limits;
use crate::ops::StartError;
use client::{Told, Upload};
use form::Form;
use rows::{Product, Row};

pub fn describe() -> Command {
    let text = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).num_args(1).help(help)
    };
    let path = |arg: Arg| arg.value_parser(value_parser!(PathBuf));
    Command::new("import")
        .about("Import keys of another product into a running service, by their digests")
        .arg(remote::tenant_flag().required(true))
        .args(remote::flags("a file with the token of an operator who may mint keys"))
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
    let file = |name: &str| given.get_one::<PathBuf>(name).cloned().unwrap_or_default();
    let remote = Remote::of(given)?;
    let product = given.get_one::<String>("from").and_then(|word| Product::from_word(word));
    let upload = Upload::new(remote, &remote::tenant_path(given));
    let header = match product {
        Some(product) => Some(checked_header(product, given, &file("file"))?),
        None => None,
    };
    let counts = send(&upload, &file("file"), product, header)?;
    complain(&counts.in_words());
    match counts.refused {
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
    /// rows of what was deleted there
    left_out: u64,
}

impl Counts {
    fn in_words(self) -> String {
        let Counts { imported, exists, refused, left_out } = self;
        let all = imported + exists + refused + left_out;
        let deleted = match left_out {
            0 => String::new(),
            some => format!(", {some} left out as deleted there"),
        };
        format!("{all} keys: {imported} imported, {exists} there already, {refused} refused{deleted}.")
    }
}

/// The first line, of what the flags say and the product is known for, where the file's first key may be written so.
fn checked_header(product: Product, given: &ArgMatches, path: &Path) -> Result<Value, StartError> {
    let form = Form::read(product, given)?;
    let mut lines = open(path)?;
    while let Some(text) = next_line(&mut lines, path)? {
        if let Ok(Row::Key(line)) = rows::line(product, &text) {
            form.holds(&line)?;
            break;
        }
    }
    Ok(form.header())
}

/// The file's own first line. What is no header is rows of something: the service would list all that it lacks.
fn own_header(lines: &mut impl BufRead, path: &Path) -> Result<String, StartError> {
    let text = next_line(lines, path)?.ok_or_else(|| StartError::new("The file is empty."))?;
    let header: Value = serde_json::from_str(&text).unwrap_or_default();
    if header.get("import").is_none() {
        let products = Product::ALL.map(Product::word).join(" or ");
        return Err(StartError::new(format!(
            "The file's first line does not say what is imported. For rows of another product's table, say whose they are, with \
             --from ({products}); the API's own form is told in docs/MOVING-IN.md."
        )));
    }
    Ok(text)
}

fn open(path: &Path) -> Result<BufReader<File>, StartError> {
    let opened = File::open(path).map(BufReader::new);
    opened.map_err(|error| StartError::new(format!("{} can't be read: {error}.", path.display())))
}

/// In bodies of bounded size, one after the other, each with the header. Every line of the file is a line of a body, so that
/// numbers can be told as the file has them.
fn send(
    upload: &Upload,
    path: &Path,
    product: Option<Product>,
    header: Option<Value>,
) -> Result<Counts, StartError> {
    let mut lines = open(path)?;
    let (mut counts, mut line) = (Counts::default(), 0);
    let header = match header {
        Some(header) => header.to_string() + "\n",
        None => {
            line += 1;
            own_header(&mut lines, path)?
        }
    };
    let declares: Value = serde_json::from_str(&header).unwrap_or_default();
    complain(&format!("declared: {}.", form::in_words(&declares)));
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
                Some(Ok(Row::Key(line))) => format!("{line}\n"),
                // A blank line keeps the service's numbers those of the file.
                Some(Ok(row)) => {
                    counts.left_out += u64::from(row == Row::Deleted);
                    "\n".to_owned()
                }
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
            return Ok(counts);
        }
        complain(&format!("so far, to line {line}: {}", counts.in_words()));
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
