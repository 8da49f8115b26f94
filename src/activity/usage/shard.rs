//! Some of what was counted: rows, and a table that finds a secret's first one.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use hashbrown::HashTable;
use uuid::Uuid;

use super::labels::Labels;
use super::{HOUR_MS, Outcome, Use, hour_of};
use crate::limits;

/// No row follows.
const LAST: u32 = u32::MAX;

/// Calls of one secret that are alike: 104 bytes.
#[derive(Clone, Debug)]
pub struct Row {
    pub secret: Uuid,
    pub credential: Uuid,
    pub tenant: Uuid,
    operation: Option<Arc<str>>,
    /// IPv4 in IPv6
    address: [u8; 16],
    hour: u32,
    /// within the hour, in milliseconds
    first_ms: u32,
    last_ms: u32,
    calls: u32,
    /// the place of the same secret's next row
    next: u32,
    pub outcome: Outcome,
    has_address: bool,
    /// there was one, and too many others
    pub address_left_out: bool,
}

impl Row {
    pub fn hour_ms(&self) -> i64 {
        i64::from(self.hour) * HOUR_MS
    }

    pub fn first_at_ms(&self) -> i64 {
        self.hour_ms() + i64::from(self.first_ms)
    }

    pub fn last_at_ms(&self) -> i64 {
        self.hour_ms() + i64::from(self.last_ms)
    }

    /// Empty where the caller did not say.
    pub fn operation(&self) -> &str {
        self.operation.as_deref().unwrap_or_default()
    }

    pub fn calls(&self) -> i64 {
        i64::from(self.calls)
    }

    pub fn client_ip(&self) -> Option<IpAddr> {
        self.has_address.then(|| Ipv6Addr::from(self.address).to_canonical())
    }

    fn is_of(&self, hour: u32, call: &Use<'_>, operation: Option<&str>, address: Address) -> bool {
        self.hour == hour
            && self.outcome == call.outcome
            && self.has_address == address.is_there
            && self.address == address.bytes
            && self.address_left_out == address.left_out
            && self.operation.as_deref() == operation
            && self.calls < u32::MAX
    }
}

#[derive(Clone, Copy)]
struct Address {
    bytes: [u8; 16],
    is_there: bool,
    left_out: bool,
}

impl Address {
    fn of(ip: Option<IpAddr>) -> Self {
        let bytes = |ip| match ip {
            IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
            IpAddr::V6(ip) => ip.octets(),
        };
        Address { bytes: ip.map_or([0; 16], bytes), is_there: ip.is_some(), left_out: false }
    }

    fn left_out(self) -> Self {
        Address { left_out: self.is_there || self.left_out, ..Address::of(None) }
    }
}

pub(super) struct Shard {
    first: HashTable<u32>,
    rows: Vec<Row>,
    most: usize,
    seed: u64,
}

impl Shard {
    /// Of more than `most` rows none is kept.
    pub(super) fn new(most: usize, seed: u64) -> Self {
        Shard { first: HashTable::new(), rows: Vec::new(), most, seed }
    }

    /// An empty one that has room for as much as came into this one.
    pub(super) fn another(most: usize, seed: u64, rows: usize) -> Self {
        Shard { first: HashTable::with_capacity(rows), rows: Vec::with_capacity(rows), most, seed }
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// A secret's rows.
    pub(super) fn of(&self, hash: u64, secret: Uuid) -> impl Iterator<Item = &Row> {
        let is_its = |first: &u32| self.rows.get(*first as usize).is_some_and(|row| row.secret == secret);
        let first = self.first.find(hash, is_its).and_then(|first| self.rows.get(*first as usize));
        std::iter::successors(first, |row| self.rows.get(row.next as usize))
    }

    /// False: there is no room for it.
    pub(super) fn count(&mut self, hash: u64, call: &Use<'_>, labels: &Labels) -> bool {
        let hour = hour_of(call.at.millis());
        let head = self.head(hash, call.secret.0);
        let operation = call.operation.filter(|label| !label.is_empty());
        let mut address = Address::of(call.client_ip);
        let (mut found, rows) = self.find(head, hour, call, operation, address);
        // A secret that comes from many places, or asks for many things, is counted with fewer words for each.
        if found.is_none() && rows >= limits::USAGE_ROWS_OF_A_SECRET {
            address = address.left_out();
            found = self.find(head, hour, call, operation, address).0;
        }
        if let Some(found) = found {
            self.add(found, call);
            return true;
        }
        let operation = match operation {
            Some(_) if rows >= 2 * limits::USAGE_ROWS_OF_A_SECRET => Some(labels.others()),
            operation => operation.map(|label| labels.admit(call.tenant, label, hour)),
        };
        match self.find(head, hour, call, operation.as_deref(), address).0 {
            Some(found) => self.add(found, call),
            None if self.rows.len() >= self.most => return false,
            None => self.push(hash, head, call, operation, address),
        }
        true
    }

    fn head(&self, hash: u64, secret: Uuid) -> Option<u32> {
        self.first.find(hash, |first| self.rows[*first as usize].secret == secret).copied()
    }

    /// The row, or how many there are of its secret.
    fn find(
        &self,
        head: Option<u32>,
        hour: u32,
        call: &Use<'_>,
        operation: Option<&str>,
        address: Address,
    ) -> (Option<usize>, usize) {
        let (mut at, mut rows) = (head.unwrap_or(LAST), 0);
        while let Some(row) = self.rows.get(at as usize) {
            if row.is_of(hour, call, operation, address) {
                return (Some(at as usize), rows);
            }
            (at, rows) = (row.next, rows + 1);
        }
        (None, rows)
    }

    fn add(&mut self, found: usize, call: &Use<'_>) {
        let at = within_hour(call);
        let row = &mut self.rows[found];
        row.calls += 1;
        row.first_ms = row.first_ms.min(at);
        row.last_ms = row.last_ms.max(at);
    }

    fn push(
        &mut self,
        hash: u64,
        head: Option<u32>,
        call: &Use<'_>,
        operation: Option<Arc<str>>,
        address: Address,
    ) {
        let at = within_hour(call);
        let place = u32::try_from(self.rows.len()).unwrap_or(LAST);
        let next = match head {
            Some(head) => std::mem::replace(&mut self.rows[head as usize].next, place),
            None => LAST,
        };
        self.rows.push(Row {
            secret: call.secret.0,
            credential: call.credential.0,
            tenant: call.tenant.0,
            operation,
            address: address.bytes,
            hour: hour_of(call.at.millis()),
            first_ms: at,
            last_ms: at,
            calls: 1,
            next,
            outcome: call.outcome,
            has_address: address.is_there,
            address_left_out: address.left_out,
        });
        if head.is_none() {
            let (rows, seed) = (&self.rows, self.seed);
            self.first.insert_unique(hash, place, |first| hash_of(seed, rows[*first as usize].secret));
        }
    }
}

/// Nobody who can choose ids can choose where they meet.
pub(super) fn hash_of(seed: u64, secret: Uuid) -> u64 {
    let (high, low) = secret.as_u64_pair();
    let mixed = u128::from(low ^ seed) * u128::from((high ^ seed.rotate_left(32)) | 1);
    (mixed as u64) ^ ((mixed >> 64) as u64)
}

fn within_hour(call: &Use<'_>) -> u32 {
    u32::try_from(call.at.millis().rem_euclid(HOUR_MS)).unwrap_or(0)
}
