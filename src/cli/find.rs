//! Whom a command is about: a key or a client, by its id or by how one of its secrets begins.

use clap::{Arg, ArgMatches};
use serde_json::Value;
use uuid::Uuid;

use super::remote::{Remote, broken, tenant_path, with};
use super::table::{Column, Table};
use crate::limits;
use crate::ops::StartError;

/// How much of what follows a text's last `_` is sent: no more than lists tell of a secret. Whoever gives more is held to it
/// by what was found.
const SENT_CHARS: usize = *limits::KEY_PUBLIC_CHARS.end() as usize;
/// Beyond this no prefix and no client's id goes on behind its last `_`, and none is longer.
const KNOWN_CHARS: usize = *limits::CLIENT_ID_CHARS.end() as usize;
const LONGEST: usize = KNOWN_CHARS + *limits::KEY_PREFIX_CHARS.end();

pub fn argument() -> Arg {
    Arg::new("credential")
        .value_name("ID|PREFIX")
        .required(true)
        .help("a key or a client by its id, or by how one of its secrets or client ids begins")
}

/// The path of the one that is meant.
pub fn credential(remote: &Remote, given: &ArgMatches) -> Result<String, StartError> {
    let tenant = tenant_path(given);
    let text = given.get_one::<String>("credential").map(String::as_str).unwrap_or_default();
    if let Ok(id) = text.parse::<Uuid>() {
        return by_id(remote, &tenant, id);
    }
    let sent = sent(text)?;
    let mut found = Vec::new();
    for collection in ["keys", "clients"] {
        let list = with(&format!("{tenant}/{collection}"), "prefix", sent);
        let page = remote.document(&with(&list, "limit", &limits::ASK_CANDIDATES.to_string()))?;
        let rows = page["data"].as_array().map(Vec::as_slice).unwrap_or_default();
        for row in rows.iter().filter(|row| prefix_of(row, text).is_some()) {
            let id = row["id"].as_str().and_then(|id| id.parse::<Uuid>().ok());
            let id = id.ok_or_else(|| broken("it listed something without an id"))?;
            found.push((format!("{tenant}/{collection}/{id}"), row.clone()));
        }
    }
    match &found[..] {
        [(path, _)] => Ok(path.clone()),
        [] => Err(StartError::new(
            "No key or client begins so that this token may see. Give its id, or its prefix as lists and logs tell it.",
        )),
        several => Err(StartError::new(format!(
            "Several begin so; give more of the prefix, or the id:\n{}",
            candidates(text, several).trim_end()
        ))),
    }
}

fn by_id(remote: &Remote, tenant: &str, id: Uuid) -> Result<String, StartError> {
    for collection in ["keys", "clients"] {
        let path = format!("{tenant}/{collection}/{id}");
        if remote.document_if_there(&path)?.is_some() {
            return Ok(path);
        }
    }
    Err(StartError::new(format!("There is no key or client {id} in this tenant that this token may see.")))
}

/// What of a text goes into a URL.
fn sent(text: &str) -> Result<&str, StartError> {
    is_prefix(text)?;
    let tail = tail(text);
    let end = text[tail..].char_indices().nth(SENT_CHARS).map_or(text.len(), |(at, _)| tail + at);
    Ok(&text[..end])
}

/// Refuses whole secrets: they have no place on a command line.
pub fn is_prefix(text: &str) -> Result<(), StartError> {
    goes_no_further_than(text, KNOWN_CHARS)
}

/// The same of what goes into a URL as it is: there a short secret is refused too, and of a client's id its beginning has to do.
pub fn is_told_prefix(text: &str) -> Result<(), StartError> {
    goes_no_further_than(text, SENT_CHARS)
}

fn goes_no_further_than(text: &str, chars: usize) -> Result<(), StartError> {
    if text.is_empty() || text.len() > LONGEST || text[tail(text)..].len() > chars {
        return Err(StartError::new(
            "That is neither an id nor a prefix. Of a secret give the beginning alone, as lists tell it: a whole one has no place on \
             a command line, and is to be rotated or revoked when it stood there.",
        ));
    }
    Ok(())
}

/// Where what follows the last `_` begins.
fn tail(text: &str) -> usize {
    text.rfind('_').map_or(0, |at| at + 1)
}

/// How one of its secrets is told, that begins so.
fn prefix_of<'r>(row: &'r Value, text: &str) -> Option<&'r str> {
    let secrets = row["secrets"].as_array().map(Vec::as_slice).unwrap_or_default();
    let told = secrets.iter().flat_map(|secret| [secret["prefix"].as_str(), secret["client_id"].as_str()]);
    told.flatten().find(|prefix| prefix.starts_with(text))
}

fn candidates(text: &str, several: &[(String, Value)]) -> String {
    let rows: Vec<Vec<String>> = several
        .iter()
        .map(|(_, row)| {
            let prefix = prefix_of(row, text).unwrap_or_default().to_owned();
            vec![String::new(), word(&row["id"]), prefix, word(&row["status"]), word(&row["name"])]
        })
        .collect();
    // Set in, by a column with nothing in it.
    Table::new(&["", "ID", "PREFIX", "STATUS", "NAME"].map(Column::whole), None).rows(&rows)
}

fn word(value: &Value) -> String {
    super::table::words(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_of_a_secret_is_sent_than_lists_tell_of_it() {
        assert_eq!(sent("cl_live_1vXoUNdj").ok(), Some("cl_live_1vXoUNdj"));
        assert_eq!(sent("velgent_client_0123456789abcdef").ok(), Some("velgent_client_0123456789ab"));
        assert_eq!(sent("plain").ok(), Some("plain"));
        let whole = "cl_live_1vXoUNdj4yRh8Tw889dy6wFoSRCRAuXqQuImW01umVWw";
        let told = sent(whole).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(told.contains("no place") && !told.contains("1vXo"), "{told}");
        assert!(sent("").is_err());
        // One that is no longer than a client's id may be: what is sent of it is no more than of any, and as a filter nothing.
        let short = "velgent_live_0123456789abcdef0123456789abcdef";
        assert_eq!(sent(short).ok(), Some("velgent_live_0123456789ab"));
        assert!(is_told_prefix(short).is_err() && is_told_prefix("velgent_live_01234567").is_ok());
    }
}
