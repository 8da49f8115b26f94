//! One key of an import: what is read of its line, and what is asked of the ledger for it.

use super::header::{Header, SaltText};
use crate::domain::command::Command;
use crate::domain::credential::{Create, CredentialCommand, ForeignSecret, Import, Kind, Salt, SaltBytes};
use crate::domain::ids::{StreamId, TenantId};
use crate::domain::imports::Scheme;
use crate::http::commands::create_key;
use crate::http::json::Json;
use crate::http::members::{self, Members, Node};
use crate::http::problem::{Fault, FaultPlace, Problem};
use crate::ledger::execute::Ledger;
use crate::ledger::imports::{read_base64, read_digest};
use crate::limits;

/// What is read of a line before it is known to be right; enough to tell which one it was.
pub struct Asked {
    pub stream: StreamId,
    pub command: Command,
}

struct Given<'a> {
    old_id: &'a str,
    digest: [u8; 32],
    salt: Option<SaltBytes>,
    prefix: Option<&'a str>,
    created_at: Option<crate::clock::Timestamp>,
    suspended: bool,
    create: Create,
}

/// As far as it can be told of any line.
pub fn old_id(json: &Json<'_>) -> Option<String> {
    let Json::Object(members) = json else { return None };
    let (_, value) = members.iter().find(|(name, _)| name == "old_id")?;
    match value {
        Json::Text(text) if text.chars().count() <= limits::OLD_ID_CHARS => Some(text.to_string()),
        _ => None,
    }
}

pub fn read(json: &Json<'_>, header: &Header, tenant: TenantId, ledger: &Ledger) -> Result<Asked, Problem> {
    let given = members::decode(json, |members| given(members, header))?;
    let (prefix, salt) = found_by(&given, header)?;
    let label = header.scheme.label();
    let canonical = json.canonical();
    let content = [label.as_bytes(), b"\0", header.format.prefix().as_bytes(), b"\0", canonical.as_bytes()];
    let wrapped = ledger.wrap(&label, &given.digest);
    let import = Import {
        content: ledger.line_digest(&content.concat()),
        suspended: given.suspended,
        created_at: given.created_at,
        source: header.source.clone(),
        old_id: given.old_id.to_owned(),
        secret: ForeignSecret {
            prefix,
            format: header.format.prefix().to_owned(),
            scheme: label,
            salt,
            claim: wrapped.claim,
            pepper: wrapped.pepper,
            digest: wrapped.digest,
        },
        create: given.create,
    };
    let stream = ledger.imported_id(tenant, &header.source, &import.old_id).into();
    let command =
        Command::Credential(tenant, Some(Kind::ApiKey), vec![CredentialCommand::Import(Box::new(import))]);
    Ok(Asked { stream, command })
}

fn given<'a>(members: &mut Members<'a, '_>, header: &Header) -> Option<Given<'a>> {
    let old_id = members.required("old_id", old_id_text);
    let digest = members.required("digest", digest);
    let salt = members.nullable("salt", |text| salt(text, header.salt_text));
    let prefix = members.nullable("prefix", |text| text.text());
    let created_at = members.nullable("created_at", |text| text.instant());
    let suspended = members.optional("suspended", |flag| flag.boolean());
    let create = create_key::create(members);
    Some(Given {
        old_id: old_id?,
        digest: digest?,
        salt: salt?,
        prefix: prefix?,
        created_at: created_at?,
        suspended: suspended?.unwrap_or_default(),
        create: create?,
    })
}

fn old_id_text<'a>(node: Node<'a, '_>) -> Option<&'a str> {
    let text = node.text()?;
    let plain = !text.is_empty() && !text.chars().any(char::is_control);
    if plain && text.chars().count() <= limits::OLD_ID_CHARS {
        return Some(text);
    }
    node.refuse(format_args!("expected 1 to {} characters, none of them a control", limits::OLD_ID_CHARS))
}

fn digest(node: Node<'_, '_>) -> Option<[u8; 32]> {
    let read = read_digest(node.text()?);
    read.or_else(|| node.refuse("expected 32 bytes as 64 hexadecimal digits, or as base64"))
}

fn salt(node: Node<'_, '_>, written: SaltText) -> Option<SaltBytes> {
    let text = node.text()?;
    let bytes = match written {
        SaltText::Text => Some(text.as_bytes().to_vec()),
        SaltText::Hex => read_hex(text),
        SaltText::Base64 => read_base64(text),
    };
    let bytes = bytes.filter(|bytes| limits::SALT_BYTES.contains(&bytes.len()));
    bytes.map(SaltBytes).or_else(|| {
        let (least, most) = (limits::SALT_BYTES.start(), limits::SALT_BYTES.end());
        node.refuse(format_args!("expected {least} to {most} bytes, written as the first line says"))
    })
}

fn read_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.len().is_multiple_of(2) && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    let byte = |place: usize| u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok();
    digits.then(|| (0..text.len() / 2).map(byte).collect()).flatten()
}

/// What is shown of the key, and how it is found when its digest has a salt.
fn found_by(given: &Given<'_>, header: &Header) -> Result<(String, Option<Salt>), Problem> {
    let refuse = |member: &str, detail: String| {
        let place = FaultPlace::Pointer(format!("/{member}"));
        Err(Problem::faults(vec![Fault { place, detail: detail.into() }]))
    };
    let known = given.prefix.unwrap_or(header.format.prefix());
    let shown = match header.format.public_part(known) {
        Ok(shown) => shown.to_owned(),
        Err(detail) => return refuse("prefix", detail),
    };
    match (&header.scheme, &given.salt) {
        (Scheme::Salted { side, start_chars }, Some(salt)) => match known.get(..usize::from(*start_chars)) {
            Some(start) => {
                let salt = Salt { side: *side, start: start.to_owned(), bytes: salt.clone() };
                Ok((shown, Some(salt)))
            }
            None => refuse(
                "prefix",
                format!("a salted key is found by its first {start_chars} characters; give them"),
            ),
        },
        (Scheme::Salted { .. }, None) => refuse("salt", "this member is required".to_owned()),
        (_, Some(_)) => refuse("salt", "the first line says that the digests have none".to_owned()),
        (_, None) => Ok((shown, None)),
    }
}
