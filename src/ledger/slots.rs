//! What stands apart from an entry and may be erased: salt and value of each of its personal members. The entry holds the
//! base64url of SHA-256(salt ‖ canonical text of the value).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::entry::BadEntry;
use crate::domain::{base64url, canonical};
use crate::vault::sha256;

pub(super) const SALT_BYTES: usize = 16;

/// Salt and value of each personal member of one event, as they are written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Slots(BTreeMap<String, (String, Value)>);

impl Slots {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As it is stored: `{"member": ["salt", value]}`.
    pub fn to_json(&self) -> Value {
        self.0
            .iter()
            .map(|(member, (salt, value))| {
                (member.clone(), Value::from(vec![Value::from(salt.as_str()), value.clone()]))
            })
            .collect::<Map<_, _>>()
            .into()
    }

    /// The text that is stored: canonical, so that what comes back is as long as what was measured.
    pub fn to_text(&self) -> String {
        canonical::string(&self.to_json())
    }

    pub fn commit(&mut self, member: &str, value: Value, salt: [u8; SALT_BYTES]) -> Value {
        let salt = base64url::encode(&salt);
        let commitment = committed(&salt, &canonical::text(&value));
        self.0.insert(member.to_owned(), (salt, value));
        Value::String(base64url::encode(&commitment))
    }
}

/// The salt is hashed as the text it is stored as.
fn committed(salt: &str, value: &[u8]) -> [u8; 32] {
    sha256(&[salt.as_bytes(), value])
}

/// The same as they are stored, read in place: nothing is copied that no member asks for. What was erased is missing.
#[derive(Debug, Default)]
pub struct StoredSlots<'a>(Vec<(Text<'a>, Slot<'a>)>);

type Slot<'a> = (Text<'a>, &'a RawValue);

/// A text of JSON: a copy only where it has escapes.
#[derive(Debug, Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

impl<'a> StoredSlots<'a> {
    /// What does not have the stored shape counts as changed.
    pub fn read(stored: Option<&'a str>) -> Result<Self, BadEntry> {
        let Some(stored) = stored else { return Ok(Self::default()) };
        let mut reader = serde_json::Deserializer::from_str(stored);
        let mut misshapen = None;
        let read = Shape(&mut misshapen).deserialize(&mut reader);
        let read = read.and_then(|slots| reader.end().map(|()| slots));
        let changed = |_| BadEntry::PersonalChanged(misshapen.unwrap_or_else(|| "*".to_owned()));
        read.map(StoredSlots).map_err(changed)
    }

    /// The text of the value behind a commitment; none when it was erased.
    pub(super) fn reveal(&self, member: &str, commitment: &RawValue) -> Result<Option<&'a str>, BadEntry> {
        // Of two with one name the later one counts, as wherever JSON is read.
        let Some((_, (salt, value))) = self.0.iter().rfind(|(name, _)| name.0 == member) else {
            return Ok(None);
        };
        let commits = |value: &[u8]| {
            let commitment = unquoted(commitment.get());
            commitment.is_some_and(|text| base64url::encodes(&committed(&salt.0, value), text.as_bytes()))
        };
        // Spelt otherwise than we write it, it may still be the same value.
        let spelt = || {
            serde_json::from_str::<Value>(value.get()).is_ok_and(|value| commits(&canonical::text(&value)))
        };
        if commits(value.get().as_bytes()) || spelt() {
            return Ok(Some(value.get()));
        }
        Err(BadEntry::PersonalChanged(member.to_owned()))
    }
}

/// What stands between the quotes. A commitment has no escapes.
fn unquoted(text: &str) -> Option<&str> {
    text.strip_prefix('"')?.strip_suffix('"')
}

/// Reads all slots; tells which one has another shape.
struct Shape<'e>(&'e mut Option<String>);

impl<'de> DeserializeSeed<'de> for Shape<'_> {
    type Value = Vec<(Text<'de>, Slot<'de>)>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Shape<'_> {
    type Value = Vec<(Text<'de>, Slot<'de>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of salts and values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut slots = Vec::with_capacity(4);
        while let Some(member) = members.next_key::<Text<'de>>()? {
            match members.next_value::<Slot<'de>>() {
                Ok(slot) => slots.push((member, slot)),
                Err(cause) => {
                    *self.0 = Some(member.0.into_owned());
                    return Err(cause);
                }
            }
        }
        Ok(slots)
    }
}
