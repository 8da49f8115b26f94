//! The bytes of a record: fixed members, big-endian, and texts after their length. The first byte is the record's version.
//!
//! Reading is total: what is not exactly what writing makes is an error; nothing is allocated before its bytes are there.

use std::fmt;

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::domain::rate_limit::RateLimit;

/// A record that this version did not write, or cannot read. It comes with a sound mac only from a newer version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadRecord(pub &'static str);

impl fmt::Display for BadRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the record can't be read: {}", self.0)
    }
}

impl std::error::Error for BadRecord {}

pub const SHORT: BadRecord = BadRecord("it ends too early");

#[derive(Debug, Default)]
pub struct Writer(pub Vec<u8>);

impl Writer {
    pub fn new(version: u8, capacity: usize) -> Self {
        let mut bytes = Vec::with_capacity(capacity);
        bytes.push(version);
        Writer(bytes)
    }

    pub fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub fn flags<const N: usize>(&mut self, flags: [bool; N]) {
        const { assert!(N <= 8) };
        self.u8(flags.iter().rev().fold(0, |byte, &flag| byte << 1 | u8::from(flag)));
    }

    pub fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub fn uuid(&mut self, id: Uuid) {
        self.0.extend_from_slice(id.as_bytes());
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// All bits set: none.
    pub fn instant(&mut self, at: Option<Timestamp>) {
        self.0.extend_from_slice(&at.map_or(-1, Timestamp::millis).to_be_bytes());
    }

    pub fn rate_limit(&mut self, limit: RateLimit) {
        self.u32(limit.requests());
        self.u32(limit.per_seconds());
    }

    /// How many of something follow. Every list of the domain is bounded far below.
    pub fn count(&mut self, count: usize) {
        let count = u16::try_from(count).unwrap_or_else(|_| panic!("{count} of one kind in one record"));
        self.0.extend_from_slice(&count.to_be_bytes());
    }

    pub fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }
}

#[derive(Debug)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn new(version: u8, record: &'a [u8]) -> Result<Self, BadRecord> {
        match record.split_first() {
            Some((&first, rest)) if first == version => Ok(Reader(rest)),
            Some(_) => Err(BadRecord("its version is unknown")),
            None => Err(SHORT),
        }
    }

    pub fn take<const N: usize>(&mut self) -> Result<[u8; N], BadRecord> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(SHORT)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub fn u8(&mut self) -> Result<u8, BadRecord> {
        self.take().map(|[byte]| byte)
    }

    pub fn flags<const N: usize>(&mut self) -> Result<[bool; N], BadRecord> {
        const { assert!(N <= 8) };
        let byte = self.u8()?;
        if u32::from(byte) >> N != 0 {
            return Err(BadRecord("it has a flag that is unknown"));
        }
        Ok(std::array::from_fn(|place| byte >> place & 1 == 1))
    }

    pub fn u32(&mut self) -> Result<u32, BadRecord> {
        self.take().map(u32::from_be_bytes)
    }

    pub fn uuid(&mut self) -> Result<Uuid, BadRecord> {
        self.take().map(Uuid::from_bytes)
    }

    pub fn instant(&mut self) -> Result<Option<Timestamp>, BadRecord> {
        match self.take().map(i64::from_be_bytes)? {
            -1 => Ok(None),
            millis => Timestamp::from_millis(millis).map(Some).ok_or(BadRecord("an instant is out of range")),
        }
    }

    pub fn rate_limit(&mut self) -> Result<RateLimit, BadRecord> {
        RateLimit::new(self.u32()?, self.u32()?).map_err(|_| BadRecord("a rate limit is out of bounds"))
    }

    pub fn count(&mut self) -> Result<usize, BadRecord> {
        self.take().map(|bytes| usize::from(u16::from_be_bytes(bytes)))
    }

    pub fn text(&mut self) -> Result<&'a str, BadRecord> {
        let length = self.count()?;
        let (taken, rest) = self.0.split_at_checked(length).ok_or(SHORT)?;
        self.0 = rest;
        std::str::from_utf8(taken).map_err(|_| BadRecord("a text is not UTF-8"))
    }

    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    pub fn end(self) -> Result<(), BadRecord> {
        if self.0.is_empty() { Ok(()) } else { Err(BadRecord("it goes on after its end")) }
    }
}
