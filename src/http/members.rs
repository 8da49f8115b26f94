//! Reading a parsed body member by member. All faults are collected, so that one answer tells them all:
//!
//! ```text
//! let rotate = document.decode(|members| {
//!     let grace = members.optional("grace_seconds", |node| node.integer(0..=7_776_000));
//!     let name = members.required("name", |node| node.parsed(Name::parse));
//!     let note = members.patch("note", |node| node.parsed(Note::parse));
//!     Some(Rotate { grace: grace?, name: name?, note: note? })
//! })?;
//! ```
//!
//! A reader gives `None` after it has noted a fault. Read every member first and use `?` last: what stands after the
//! first `?` is read only when nothing before it was wrong. Members that nobody asked for are faults too.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::ops::RangeInclusive;

use super::json::{Json, integer, push_pointer};
use super::problem::{Fault, FaultPlace, Problem};
use crate::clock::Timestamp;
use crate::limits;

/// What a merge patch says of one member (RFC 7396).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patch<T> {
    /// leave it as it is
    Absent,
    /// take it away
    Null,
    Value(T),
}

impl<T> Patch<T> {
    /// `None` = leave it; `Some(None)` = take it away.
    pub fn change(self) -> Option<Option<T>> {
        match self {
            Patch::Absent => None,
            Patch::Null => Some(None),
            Patch::Value(value) => Some(Some(value)),
        }
    }
}

/// The faults of one body.
#[derive(Default)]
pub(super) struct Faults {
    listed: RefCell<Vec<Fault>>,
    found: Cell<bool>,
}

impl Faults {
    fn note(&self, pointer: String, detail: String) {
        self.found.set(true);
        let mut listed = self.listed.borrow_mut();
        if listed.len() < limits::LISTED_ERRORS {
            listed.push(Fault { place: FaultPlace::Pointer(pointer), detail: detail.into() });
        }
    }
}

/// Reads an object; see the module.
pub(super) fn decode<'a, T>(
    json: &'a Json<'_>,
    read: impl FnOnce(&mut Members<'a, '_>) -> Option<T>,
) -> Result<T, Problem> {
    let faults = Faults::default();
    let node = Node { json, place: &Place::Root, faults: &faults };
    let value = node.object(read);
    match (value, faults.found.get()) {
        (Some(value), false) => Ok(value),
        (None, false) => Err(Problem::internal("a body's reader gave nothing and noted no fault")),
        (_, true) => Err(Problem::faults(faults.listed.into_inner())),
    }
}

/// Where a value stands: a list of steps up to the root, written out only for a fault.
enum Place<'p> {
    Root,
    Member(&'p Place<'p>, &'p str),
    Element(&'p Place<'p>, usize),
}

impl Place<'_> {
    fn write(&self, pointer: &mut String) {
        match self {
            Place::Root => {}
            Place::Member(parent, name) => {
                parent.write(pointer);
                push_pointer(pointer, name);
            }
            Place::Element(parent, index) => {
                parent.write(pointer);
                push_pointer(pointer, index);
            }
        }
    }

    fn pointer(&self) -> String {
        let mut pointer = String::new();
        self.write(&mut pointer);
        pointer
    }
}

/// One value of a body, which knows where it stands.
#[derive(Clone, Copy)]
pub struct Node<'a, 'p> {
    json: &'a Json<'a>,
    place: &'p Place<'p>,
    faults: &'p Faults,
}

impl<'a> Node<'a, '_> {
    /// Notes a fault at this value. Always `None`, so that a reader can end with it.
    pub fn refuse<T>(self, detail: impl fmt::Display) -> Option<T> {
        self.faults.note(self.place.pointer(), detail.to_string());
        None
    }

    fn expected<T>(self, what: &str) -> Option<T> {
        self.refuse(format_args!("expected {what}, found {}", self.json.kind()))
    }

    /// The value of a result, or its error noted here.
    pub fn accept<T, E: fmt::Display>(self, outcome: Result<T, E>) -> Option<T> {
        outcome.map_or_else(|error| self.refuse(error), Some)
    }

    pub fn json(self) -> &'a Json<'a> {
        self.json
    }

    pub fn is_null(self) -> bool {
        *self.json == Json::Null
    }

    pub fn text(self) -> Option<&'a str> {
        match self.json {
            Json::Text(text) => Some(text),
            _ => self.expected("a string"),
        }
    }

    /// A string that a type of the domain reads.
    pub fn parsed<T, E: fmt::Display>(self, parse: impl FnOnce(&'a str) -> Result<T, E>) -> Option<T> {
        let text = self.text()?;
        self.accept(parse(text))
    }

    pub fn one_of<T: Copy>(self, words: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        self.refuse(format_args!("expected one of {}", known.join(", ")))
    }

    pub fn boolean(self) -> Option<bool> {
        match self.json {
            Json::Bool(truth) => Some(*truth),
            _ => self.expected("a boolean"),
        }
    }

    pub fn integer(self, range: RangeInclusive<i64>) -> Option<i64> {
        let Json::Number(written) = self.json else {
            return self.expected("an integer");
        };
        match integer(written) {
            Some(value) if range.contains(&value) => Some(value),
            _ => self.refuse(format_args!("expected an integer from {} to {}", range.start(), range.end())),
        }
    }

    /// RFC 3339, cut to milliseconds.
    pub fn instant(self) -> Option<Timestamp> {
        self.parsed(Timestamp::read)
    }

    pub fn uuid(self) -> Option<uuid::Uuid> {
        let text = self.text()?;
        let hyphened = text.len() == 36;
        let id = uuid::Uuid::try_parse(text).ok().filter(|_| hyphened);
        id.or_else(|| self.refuse("expected a UUID, such as 01977f3a-5b1c-7000-8000-000000000000"))
    }

    pub fn list<T>(self, most: usize, mut read: impl FnMut(Node<'a, '_>) -> Option<T>) -> Option<Vec<T>> {
        let Json::List(items) = self.json else {
            return self.expected("an array");
        };
        if items.len() > most {
            return self.refuse(format_args!("expected at most {most} elements, found {}", items.len()));
        }
        // Every element is read, also after one that is wrong.
        let mut values = Vec::with_capacity(items.len());
        for (index, json) in items.iter().enumerate() {
            let place = Place::Element(self.place, index);
            values.extend(read(Node { json, place: &place, faults: self.faults }));
        }
        (values.len() == items.len()).then_some(values)
    }

    /// An object with free names.
    pub fn map<T>(
        self,
        most: usize,
        mut read: impl FnMut(&'a str, Node<'a, '_>) -> Option<T>,
    ) -> Option<Vec<(String, T)>> {
        let Json::Object(members) = self.json else {
            return self.expected("an object");
        };
        if members.len() > most {
            return self.refuse(format_args!("expected at most {most} members, found {}", members.len()));
        }
        let mut values = Vec::with_capacity(members.len());
        for (name, json) in members {
            let place = Place::Member(self.place, name);
            let value = read(name, Node { json, place: &place, faults: self.faults });
            values.extend(value.map(|value| (name.to_string(), value)));
        }
        (values.len() == members.len()).then_some(values)
    }

    /// An object with known names. Names that were not asked for are faults.
    pub fn object<T>(self, read: impl FnOnce(&mut Members<'a, '_>) -> Option<T>) -> Option<T> {
        let Json::Object(values) = self.json else {
            return self.expected("an object");
        };
        let mut members = Members { node: self, values, asked: Vec::with_capacity(16) };
        let value = read(&mut members);
        members.refuse_unknown();
        value
    }
}

/// The members of one object.
pub struct Members<'a, 'p> {
    node: Node<'a, 'p>,
    values: &'a [(std::borrow::Cow<'a, str>, Json<'a>)],
    asked: Vec<&'static str>,
}

impl<'a> Members<'a, '_> {
    /// Absent and null are faults.
    pub fn required<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Node<'a, '_>) -> Option<T>,
    ) -> Option<T> {
        let place = Place::Member(self.node.place, name);
        match self.find(name) {
            Some(json) => read(Node { json, place: &place, faults: self.node.faults }),
            None => {
                self.node.faults.note(place.pointer(), "this member is required".to_owned());
                None
            }
        }
    }

    /// `Some(None)` when absent; null is a value like any other, and most readers refuse it.
    pub fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Node<'a, '_>) -> Option<T>,
    ) -> Option<Option<T>> {
        let place = Place::Member(self.node.place, name);
        match self.find(name) {
            Some(json) => read(Node { json, place: &place, faults: self.node.faults }).map(Some),
            None => Some(None),
        }
    }

    /// `Some(None)` when absent and when null.
    pub fn nullable<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Node<'a, '_>) -> Option<T>,
    ) -> Option<Option<T>> {
        self.patch(name, read).map(|patch| patch.change().flatten())
    }

    /// Tells absent, null and a value apart.
    pub fn patch<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Node<'a, '_>) -> Option<T>,
    ) -> Option<Patch<T>> {
        let place = Place::Member(self.node.place, name);
        match self.find(name) {
            None => Some(Patch::Absent),
            Some(Json::Null) => Some(Patch::Null),
            Some(json) => read(Node { json, place: &place, faults: self.node.faults }).map(Patch::Value),
        }
    }

    /// Notes a fault of the object as a whole, such as two members that exclude each other.
    pub fn refuse<T>(&self, detail: impl fmt::Display) -> Option<T> {
        self.node.refuse(detail)
    }

    fn find(&mut self, name: &'static str) -> Option<&'a Json<'a>> {
        self.asked.push(name);
        self.values.iter().find(|(member, _)| member == name).map(|(_, json)| json)
    }

    fn refuse_unknown(&self) {
        let unknown = self.values.iter().filter(|(name, _)| !self.asked.contains(&name.as_ref()));
        for (name, _) in unknown.take(limits::LISTED_ERRORS) {
            let place = Place::Member(self.node.place, name);
            self.node.faults.note(place.pointer(), "there is no such member here".to_owned());
        }
    }
}

#[cfg(test)]
#[path = "members_test.rs"]
mod tests;
