//! What one secret was used for since it was made: by what, with which outcome, from where, and when first and last.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::net::IpAddr;

use uuid::Uuid;

use super::read::{Address, Addresses, ReadError, Whose, read};
use super::{HOUR_MS, Outcome, Row, Usage};
use crate::clock::Timestamp;
use crate::db::{Database, Errand, Sight};
use crate::domain::ids::SecretId;
use crate::limits;

const USAGE: &str = "select flush_id, operation, outcome, calls, first_ms, last_ms \
                     from credledger.read_secret_usage($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
const ADDRESSES: &str = "select flush_id, client_ip, first_at_ms, last_at_ms, accepted, refused, left_out \
                         from credledger.read_addresses_of_one($1, $2, $3, $4, $5, $6, $7)";
const DAY_MS: i64 = 24 * HOUR_MS;

/// Calls that are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alike {
    pub calls: i64,
    /// when the day or hour began in which there were the first and the last of them
    pub first_ms: i64,
    pub last_ms: i64,
}

#[derive(Debug, Default)]
pub struct Radius {
    /// by operation and outcome
    pub calls: BTreeMap<(String, String), Alike>,
    /// there were others, less frequent
    pub calls_left_out: bool,
    /// none: all was looked at; else from when on
    pub looked_from_ms: Option<i64>,
    pub addresses: Addresses,
    /// when it was first and last let in
    pub first_used_ms: Option<i64>,
    pub last_used_ms: Option<i64>,
}

/// From a secret's first day on, to the end of the hour that an instant lies in.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    from_ms: i64,
    /// the last day begins
    day_ms: i64,
    to_ms: i64,
}

impl Stretch {
    pub fn new(made_at: Timestamp, to: Timestamp) -> Self {
        let start = |at: i64, step: i64| at - at.rem_euclid(step);
        let (made_ms, to_ms) = (made_at.millis(), to.millis());
        Stretch {
            from_ms: start(made_ms, DAY_MS),
            day_ms: start(to_ms, DAY_MS),
            to_ms: start(to_ms, HOUR_MS) + HOUR_MS,
        }
    }

    /// Up to which instant it tells.
    pub fn to_ms(&self) -> i64 {
        self.to_ms
    }

    fn holds(&self, row: &Row) -> bool {
        (self.from_ms..self.to_ms).contains(&row.hour_ms())
    }
}

impl Radius {
    fn count(&mut self, operation: String, outcome: String, more: Alike) {
        let alike = self.calls.entry((operation, outcome)).or_insert(Alike { calls: 0, ..more });
        alike.calls += more.calls;
        alike.first_ms = alike.first_ms.min(more.first_ms);
        alike.last_ms = alike.last_ms.max(more.last_ms);
    }

    fn used(&mut self, first: Option<i64>, last: Option<i64>) {
        self.first_used_ms = self.first_used_ms.into_iter().chain(first).min();
        self.last_used_ms = self.last_used_ms.max(last);
    }
}

impl Usage {
    /// `whose` names the credential and this one secret of it.
    pub async fn radius(
        &self,
        database: &Database,
        whose: Whose<'_>,
        secret: SecretId,
        stretch: Stretch,
    ) -> Result<Radius, ReadError> {
        let mut radius = Radius::default();
        self.add_calls(database, whose, secret, stretch, &mut radius).await?;
        self.add_addresses(database, whose, secret, stretch, &mut radius).await?;
        Ok(radius)
    }

    async fn add_calls(
        &self,
        database: &Database,
        whose: Whose<'_>,
        secret: SecretId,
        stretch: Stretch,
        radius: &mut Radius,
    ) -> Result<(), ReadError> {
        let Some((credential, _)) = whose.credential else { return Ok(()) };
        let (ledger, tenant) = (whose.ledger, whose.tenant.0);
        let most = usize::try_from(limits::USAGE_TOLD_ROWS).unwrap_or(usize::MAX);
        let Stretch { from_ms, day_ms, to_ms } = stretch;
        let ask = async |flushes: &[Uuid]| {
            let (looked, told) = (limits::USAGE_LOOKED_ROWS, limits::USAGE_TOLD_ROWS + 1);
            read(
                database,
                Errand::Reading,
                Sight::Tenant(tenant),
                USAGE,
                &[
                    &ledger,
                    &tenant,
                    &credential.0,
                    &secret.0,
                    &from_ms,
                    &day_ms,
                    &to_ms,
                    &flushes,
                    &looked,
                    &told,
                ],
            )
            .await
        };
        let (rows, here) = self.once(|| self.see(whose, |row| stretch.holds(row)), ask).await?;
        for row in rows {
            let first_ms: Option<i64> = row.get(4);
            match row.get::<_, Option<i64>>(3) {
                None => radius.looked_from_ms = first_ms,
                Some(_) if radius.calls.len() >= most => radius.calls_left_out = true,
                Some(calls) => {
                    let first_ms = first_ms.unwrap_or_default();
                    let alike = Alike { calls, first_ms, last_ms: row.get(5) };
                    radius.count(row.get(1), row.get(2), alike);
                }
            }
        }
        for row in here {
            let hour = row.hour_ms();
            let alike = Alike { calls: row.calls(), first_ms: hour, last_ms: hour };
            radius.count(row.operation().to_owned(), row.outcome.word().to_owned(), alike);
        }
        Ok(())
    }

    async fn add_addresses(
        &self,
        database: &Database,
        whose: Whose<'_>,
        secret: SecretId,
        stretch: Stretch,
        radius: &mut Radius,
    ) -> Result<(), ReadError> {
        let Some((credential, _)) = whose.credential else { return Ok(()) };
        let (ledger, tenant, most) = (whose.ledger, whose.tenant.0, limits::USAGE_TOLD_ADDRESSES);
        let ask = async |flushes: &[Uuid]| {
            read(
                database,
                Errand::Reading,
                Sight::Tenant(tenant),
                ADDRESSES,
                &[&ledger, &tenant, &credential.0, &secret.0, &stretch.to_ms, &flushes, &(most + 1)],
            )
            .await
        };
        let (rows, here) = self.once(|| self.see(whose, |_| true), ask).await?;
        let mut seen = HashMap::new();
        for row in &rows {
            match row.get::<_, Option<IpAddr>>(1) {
                None => {
                    radius.used(row.get(2), row.get(3));
                    radius.addresses.left_out |= row.get::<_, bool>(6);
                }
                Some(ip) => Address::add(&mut seen, ip, Address::read(row, 2)),
            }
        }
        for row in &here {
            let accepted = row.outcome == Outcome::Accepted;
            if accepted {
                radius.used(Some(row.first_at_ms()), Some(row.last_at_ms()));
            }
            radius.addresses.left_out |= row.address_left_out;
            if let Some(ip) = row.client_ip() {
                Address::add(&mut seen, ip, Address::of(row, accepted));
            }
        }
        radius.tell_addresses(seen, stretch);
        Ok(())
    }
}

impl Radius {
    /// Those seen last first, and no more than an answer holds.
    fn tell_addresses(&mut self, seen: HashMap<IpAddr, Address>, stretch: Stretch) {
        let in_time = |(_, seen): &(IpAddr, Address)| seen.first_at_ms < stretch.to_ms;
        let mut seen: Vec<_> = seen.into_iter().filter(in_time).collect();
        seen.sort_by_key(|(ip, seen)| (std::cmp::Reverse(seen.last_at_ms), *ip));
        let most = usize::try_from(limits::USAGE_TOLD_ADDRESSES).unwrap_or(usize::MAX);
        self.addresses.left_out |= seen.len() > most;
        seen.truncate(most);
        self.addresses.seen = seen;
    }
}
