//! An event's members straight from the text of its entry: each personal one is replaced by what its slot holds, on the
//! way to the type that reads it. No tree of values is made.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use serde::de::value::{BorrowedStrDeserializer, CowStrDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Error;
use serde_json::value::RawValue;

use super::entry::BadEntry;
use super::slots::{StoredSlots, Text};
use crate::domain::event::CLIENT_IP;
use crate::domain::personal::Personal;

pub(super) struct Members<'a, 'de> {
    pub text: &'de str,
    /// which of them stand in slots
    pub personal: &'static [&'static str],
    pub slots: &'de StoredSlots<'de>,
    pub beside: &'a mut Beside,
}

/// What is met beside the event's own members.
#[derive(Default)]
pub(super) struct Beside {
    pub client_ip: Option<Personal<IpAddr>>,
    /// a personal member that is not what the entry commits to
    pub bad: Option<BadEntry>,
}

impl Beside {
    fn refused<E: serde::de::Error>(&mut self, bad: BadEntry) -> E {
        let told = E::custom(&bad);
        self.bad = Some(bad);
        told
    }
}

impl<'de> Deserializer<'de> for Members<'_, 'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let Members { text, personal, slots, beside } = self;
        let mut reader = serde_json::Deserializer::from_str(text);
        let read =
            reader.deserialize_map(Revealing { inner: visitor, personal, slots, beside, reading: None })?;
        reader.end()?;
        Ok(read)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// The visitor of the event's type, or its way through the members.
struct Revealing<'a, 'de, T> {
    inner: T,
    personal: &'static [&'static str],
    slots: &'de StoredSlots<'de>,
    beside: &'a mut Beside,
    /// the personal member whose value is next
    reading: Option<&'static str>,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Revealing<'_, 'de, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<V::Value, A::Error> {
        let Revealing { inner, personal, slots, beside, reading } = self;
        inner.visit_map(Revealing { inner: members, personal, slots, beside, reading })
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Revealing<'_, 'de, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(Text(name)) = self.inner.next_key()? {
            if name == CLIENT_IP {
                let committed = self.inner.next_value()?;
                self.beside.client_ip = Some(self.client_ip(committed)?);
                continue;
            }
            self.reading = self.personal.iter().copied().find(|personal| *personal == name);
            return match name {
                Cow::Borrowed(name) => seed.deserialize(BorrowedStrDeserializer::new(name)),
                name => seed.deserialize(CowStrDeserializer::new(name)),
            }
            .map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let Some(member) = self.reading.take() else { return self.inner.next_value_seed(seed) };
        let committed = self.inner.next_value()?;
        match self.slots.reveal(member, committed) {
            Ok(None) => seed.deserialize(().into_deserializer()),
            Ok(Some(text)) => {
                let read = seed.deserialize(&mut serde_json::Deserializer::from_str(text));
                read.map_err(A::Error::custom)
            }
            Err(bad) => Err(self.beside.refused(bad)),
        }
    }
}

impl<A> Revealing<'_, '_, A> {
    fn client_ip<E: serde::de::Error>(&mut self, committed: &RawValue) -> Result<Personal<IpAddr>, E> {
        let read = match self.slots.reveal(CLIENT_IP, committed) {
            Ok(None) => Ok(Personal::Erased),
            Ok(Some(text)) => ip(text).map(Personal::Known),
            Err(bad) => Err(bad),
        };
        read.map_err(|bad| self.beside.refused(bad))
    }
}

fn ip(text: &str) -> Result<IpAddr, BadEntry> {
    let text = serde_json::from_str::<Text<'_>>(text).ok();
    let ip = text.and_then(|text| text.0.parse().ok());
    ip.ok_or_else(|| BadEntry::PersonalChanged(CLIENT_IP.to_owned()))
}
