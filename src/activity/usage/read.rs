//! What is asked about usage: what the database has, and what this node has counted and not brought yet, each call once.

use std::collections::HashMap;
use std::net::IpAddr;

use tokio_postgres::Row as Found;
use uuid::Uuid;

use super::radius::add;
use super::{Gap, HOUR_MS, Outcome, Row, Shard, Unknown, Usage, hash_of, lock, place};
use crate::clock::Timestamp;
use crate::db::{Database, DbError, Errand, Sight};
use crate::domain::credential::Credential;
use crate::domain::ids::{CredentialId, SecretId, TenantId};
use crate::limits;

const LAST_USES: &str =
    "select credential_id, secret_id, used_at_ms, client_ip from credledger.read_last_uses($1, $2, $3)";
const OF_CREDENTIAL: &str = "select flush_id, secret_id, start_ms, operation, outcome, calls \
                             from credledger.read_usage($1, $2, $3, $4, $5, $6, $7, $8)";
const OF_TENANT: &str = "select flush_id, null::uuid, start_ms, operation, outcome, calls \
                         from credledger.read_tenant_usage($1, $2, $3, $4, $5, $6, $7)";
const ADDRESSES: &str = "select flush_id, client_ip, first_at_ms, last_at_ms, accepted, refused, left_out \
                         from credledger.read_usage_addresses($1, $2, $3, $4, $5, $6, $7)";
const UNKNOWN: &str =
    "select flush_id, hour_ms, outcome, calls from credledger.read_unknown_usage($1, $2, $3, $4, $5, $6)";
const MISSING: &str =
    "select tenant_id, from_ms, to_ms, calls from credledger.read_missing_usage($1, $2, $3, $4)";

/// When and from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastUse {
    pub at_ms: i64,
    pub client_ip: Option<IpAddr>,
}

/// Of secrets that were ever let in.
#[derive(Clone, Debug, Default)]
pub struct LastUses(HashMap<Uuid, LastUse>);

impl LastUses {
    pub fn of(&self, secret: SecretId) -> Option<LastUse> {
        self.0.get(&secret.0).copied()
    }

    fn add(&mut self, secret: Uuid, found: LastUse) {
        let kept = self.0.entry(secret).or_insert(found);
        if found.at_ms > kept.at_ms {
            *kept = found;
        }
    }
}

/// Whole hours, or whole days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub by_day: bool,
    pub from_ms: i64,
    pub to_ms: i64,
}

impl Range {
    pub fn step_ms(by_day: bool) -> i64 {
        if by_day { 24 * HOUR_MS } else { HOUR_MS }
    }

    fn start_of(self, hour_ms: i64) -> i64 {
        hour_ms - hour_ms.rem_euclid(Self::step_ms(self.by_day))
    }

    fn holds(self, hour_ms: i64) -> bool {
        (self.from_ms..self.to_ms).contains(&hour_ms)
    }
}

/// What calls have in common that are told as one number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind {
    pub start_ms: i64,
    /// none where all of a tenant's are told together
    pub secret: Option<Uuid>,
    /// empty where the caller did not say
    pub operation: String,
    pub outcome: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    pub first_at_ms: i64,
    pub last_at_ms: i64,
    pub accepted: i64,
    pub refused: i64,
}

#[derive(Clone, Debug, Default)]
pub struct Addresses {
    /// those seen last first
    pub seen: Vec<(IpAddr, Address)>,
    /// there were others
    pub left_out: bool,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum ReadError {
    /// so many different ones that an answer would have no bound
    TooMany,
    /// memory was emptied while the database was read, again and again
    Moving,
    Db(DbError),
}

impl From<DbError> for ReadError {
    fn from(cause: DbError) -> Self {
        ReadError::Db(cause)
    }
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ReadError::TooMany => f.write_str("too many different calls lie in this range"),
            ReadError::Moving => f.write_str("usage was on its way to the database"),
            ReadError::Db(cause) => cause.fmt(f),
        }
    }
}

impl std::error::Error for ReadError {}

/// Whose usage is read: the ledger, the tenant, a credential of it with its secrets.
#[derive(Clone, Copy, Debug)]
pub struct Whose<'a> {
    pub ledger: i32,
    pub tenant: TenantId,
    pub credential: Option<(CredentialId, &'a [SecretId])>,
}

/// What this node has in memory alone, and in parcels that may have arrived.
pub(super) struct Seen<T> {
    takes: u64,
    here: Vec<T>,
    on_the_way: Vec<(Uuid, Vec<T>)>,
}

impl<T> Seen<T> {
    fn flushes(&self) -> Vec<Uuid> {
        self.on_the_way.iter().map(|(flush, _)| *flush).collect()
    }

    /// What the database did not have when it was read.
    fn beside(self, arrived: &[Uuid]) -> impl Iterator<Item = T> + use<'_, T> {
        let missing = self.on_the_way.into_iter().filter(|(flush, _)| !arrived.contains(flush));
        self.here.into_iter().chain(missing.flat_map(|(_, rows)| rows))
    }
}

impl Usage {
    /// Reads memory, then the database. Where something was taken out of memory in between, it may be in both, and is read anew.
    pub(super) async fn once<T>(
        &self,
        see: impl Fn() -> Seen<T>,
        ask: impl AsyncFn(&[Uuid]) -> Result<Vec<Found>, DbError>,
    ) -> Result<(Vec<Found>, Vec<T>), ReadError> {
        for _ in 0..limits::USAGE_READS {
            let seen = see();
            let rows = ask(&seen.flushes()).await?;
            if self.gate().takes != seen.takes {
                continue;
            }
            let (arrived, rows): (Vec<_>, Vec<_>) =
                rows.into_iter().partition(|row| row.get::<_, Option<Uuid>>(0).is_some());
            let arrived: Vec<Uuid> = arrived.iter().map(|row| row.get(0)).collect();
            return Ok((rows, seen.beside(&arrived).collect()));
        }
        Err(ReadError::Moving)
    }

    pub(super) fn see(&self, whose: Whose<'_>, is_asked: impl Fn(&Row) -> bool) -> Seen<Row> {
        let gate = self.gate();
        let is_asked = |row: &&Row| row.tenant == whose.tenant.0 && is_asked(row);
        let secrets: Option<Vec<_>> = whose.credential.map(|(_, secrets)| {
            secrets.iter().map(|secret| (hash_of(self.seed, secret.0), secret.0)).collect()
        });
        let of = |shard: &Shard, at: usize| -> Vec<Row> {
            match &secrets {
                None => shard.rows().iter().filter(is_asked).cloned().collect(),
                Some(secrets) => {
                    let here = secrets.iter().filter(|(hash, _)| place(*hash) == at);
                    here.flat_map(|(hash, secret)| shard.of(*hash, *secret))
                        .filter(is_asked)
                        .cloned()
                        .collect()
                }
            }
        };
        let here = self.shards.iter().enumerate().flat_map(|(at, shard)| of(&lock(shard), at)).collect();
        let parcels = gate.parcels.iter();
        let on_the_way = parcels.map(|parcel| {
            let rows = parcel.shards.iter().flat_map(|(at, shard)| of(shard, *at)).collect();
            (parcel.flush, rows)
        });
        Seen { takes: gate.takes, here, on_the_way: on_the_way.collect() }
    }

    /// When the secrets of some credentials of a tenant were last let in. Memory is looked at first: what is brought meanwhile is in
    /// both, and says the same.
    pub async fn last_uses(
        &self,
        database: &Database,
        errand: Errand,
        (ledger, tenant): (i32, TenantId),
        credentials: impl Iterator<Item = &Credential>,
    ) -> Result<LastUses, DbError> {
        let (mut uses, mut ids) = (LastUses::default(), Vec::new());
        for credential in credentials {
            ids.push(credential.id.0);
            self.last_uses_here(credential.secrets.iter().map(|secret| secret.facts.id), &mut uses);
        }
        let brought = last_uses_brought(database, errand, (ledger, tenant), &ids).await?;
        brought.0.into_iter().for_each(|(secret, used)| uses.add(secret, used));
        Ok(uses)
    }

    /// Adds what this node has in memory.
    pub fn last_uses_here(&self, secrets: impl Iterator<Item = SecretId>, uses: &mut LastUses) {
        let gate = self.gate();
        for secret in secrets {
            let hash = hash_of(self.seed, secret.0);
            let at = place(hash);
            let mut add = |shard: &Shard| {
                let accepted = shard.of(hash, secret.0).filter(|row| row.outcome == Outcome::Accepted);
                accepted.for_each(|row| {
                    uses.add(secret.0, LastUse { at_ms: row.last_at_ms(), client_ip: row.client_ip() });
                });
            };
            add(&lock(&self.shards[at]));
            let taken = gate.parcels.iter().flat_map(|parcel| &parcel.shards);
            taken.filter(|(place, _)| *place == at).for_each(|(_, shard)| add(shard));
        }
    }

    pub async fn counts(
        &self,
        database: &Database,
        whose: Whose<'_>,
        range: Range,
    ) -> Result<HashMap<Kind, i64>, ReadError> {
        let most = limits::USAGE_TOLD_ROWS;
        let (rows, here) = self
            .once(
                || self.see(whose, |row| range.holds(row.hour_ms())),
                async |flushes| {
                    let Range { by_day, from_ms, to_ms } = range;
                    let (sight, ledger, tenant) =
                        (Sight::Tenant(whose.tenant.0), whose.ledger, whose.tenant.0);
                    match whose.credential {
                        Some((credential, _)) => {
                            let of = &credential.0;
                            read(
                                database,
                                sight,
                                OF_CREDENTIAL,
                                &[&ledger, &tenant, of, &by_day, &from_ms, &to_ms, &flushes, &(most + 1)],
                            )
                            .await
                        }
                        None => {
                            read(
                                database,
                                sight,
                                OF_TENANT,
                                &[&ledger, &tenant, &by_day, &from_ms, &to_ms, &flushes, &(most + 1)],
                            )
                            .await
                        }
                    }
                },
            )
            .await?;
        if rows.len() > usize::try_from(most).unwrap_or(usize::MAX) {
            return Err(ReadError::TooMany);
        }
        let mut counts = HashMap::new();
        for row in rows {
            let kind =
                Kind { start_ms: row.get(2), secret: row.get(1), operation: row.get(3), outcome: row.get(4) };
            *counts.entry(kind).or_default() += row.get::<_, i64>(5);
        }
        for row in here {
            let kind = Kind {
                start_ms: range.start_of(row.hour_ms()),
                secret: whose.credential.map(|_| row.secret),
                operation: row.operation().to_owned(),
                outcome: row.outcome.word().to_owned(),
            };
            *counts.entry(kind).or_default() += row.calls();
        }
        Ok(counts)
    }

    /// From where one credential was used, of the addresses that were seen in a range.
    pub async fn addresses(
        &self,
        database: &Database,
        whose: Whose<'_>,
        range: Range,
    ) -> Result<Addresses, ReadError> {
        let Some((credential, _)) = whose.credential else { return Ok(Addresses::default()) };
        let most = limits::USAGE_TOLD_ADDRESSES;
        let (rows, here) = self
            .once(
                || self.see(whose, |_| true),
                async |flushes| {
                    let (ledger, tenant, of) = (whose.ledger, whose.tenant.0, credential.0);
                    let Range { from_ms, to_ms, .. } = range;
                    read(
                        database,
                        Sight::Tenant(tenant),
                        ADDRESSES,
                        &[&ledger, &tenant, &of, &from_ms, &to_ms, &flushes, &(most + 1)],
                    )
                    .await
                },
            )
            .await?;
        let (mut seen, mut left_out) = (HashMap::new(), false);
        for row in &rows {
            match row.get::<_, Option<IpAddr>>(1) {
                None => left_out = true,
                Some(ip) => add(
                    &mut seen,
                    ip,
                    Address {
                        first_at_ms: row.get(2),
                        last_at_ms: row.get(3),
                        accepted: row.get(4),
                        refused: row.get(5),
                    },
                ),
            }
        }
        for row in &here {
            left_out |= row.address_left_out;
            let (accepted, refused) = match row.outcome {
                Outcome::Accepted => (row.calls(), 0),
                _ => (0, row.calls()),
            };
            if let Some(ip) = row.client_ip() {
                add(
                    &mut seen,
                    ip,
                    Address {
                        first_at_ms: row.first_at_ms(),
                        last_at_ms: row.last_at_ms(),
                        accepted,
                        refused,
                    },
                );
            }
        }
        Ok(told(seen, left_out, range))
    }

    /// Calls with no known credential: of one tenant, where they named it, or of all.
    pub async fn unknown(
        &self,
        database: &Database,
        (ledger, tenant): (i32, Option<TenantId>),
        (range, now): (Range, Timestamp),
    ) -> Result<HashMap<(i64, String), i64>, ReadError> {
        let is_asked =
            |each: &&Unknown| (tenant.is_none() || each.tenant == tenant) && range.holds(each.hour_ms);
        let see = || {
            let gate = self.gate();
            let here = self.strangers.seen(now).0.iter().filter(is_asked).copied().collect();
            let on_the_way = gate.unknown.iter();
            let on_the_way = on_the_way
                .map(|parcel| (parcel.flush, parcel.unknown.iter().filter(is_asked).copied().collect()));
            Seen { takes: gate.takes, here, on_the_way: on_the_way.collect() }
        };
        let sight = tenant.map_or(Sight::Tenants(None), |tenant| Sight::Tenant(tenant.0));
        let most = limits::USAGE_TOLD_ROWS;
        let (rows, here) = self
            .once(see, async |flushes| {
                let of = tenant.map(|tenant| tenant.0);
                let Range { from_ms, to_ms, .. } = range;
                read(database, sight, UNKNOWN, &[&ledger, &of, &from_ms, &to_ms, &flushes, &most]).await
            })
            .await?;
        let mut counts = HashMap::new();
        for row in rows {
            let start_ms = range.start_of(row.get(1));
            *counts.entry((start_ms, row.get::<_, String>(2))).or_default() += row.get::<_, i64>(3);
        }
        for each in here {
            let start_ms = range.start_of(each.hour_ms);
            *counts.entry((start_ms, each.outcome.word().to_owned())).or_default() += each.calls;
        }
        Ok(counts)
    }

    /// What could not be counted, the latest first: of one tenant and of tenants that are not told apart, or of all.
    pub async fn missing(
        &self,
        database: &Database,
        (ledger, tenant): (i32, Option<TenantId>),
        (range, now): (Range, Timestamp),
    ) -> Result<Vec<Gap>, ReadError> {
        let is_asked = |gap: &&Gap| {
            (tenant.is_none() || gap.tenant.is_none() || gap.tenant == tenant)
                && gap.to_ms >= range.from_ms
                && gap.from_ms < range.to_ms
        };
        let mut gaps: Vec<Gap> = {
            let gate = self.gate();
            let here = self.strangers.seen(now).1;
            let taken = gate.unknown.iter().flat_map(|parcel| parcel.missing.clone());
            here.into_iter().chain(taken).filter(|gap| is_asked(&gap)).collect()
        };
        let sight = tenant.map_or(Sight::Tenants(None), |tenant| Sight::Decision(Some(tenant.0)));
        let most = limits::USAGE_TOLD_GAPS;
        let rows = read(database, sight, MISSING, &[&ledger, &range.from_ms, &range.to_ms, &most]).await?;
        let known: Vec<Gap> = rows
            .iter()
            .map(|row| Gap {
                tenant: row.get::<_, Option<Uuid>>(0).map(TenantId),
                from_ms: row.get(1),
                to_ms: row.get(2),
                calls: row.get(3),
            })
            .collect();
        // One that has just arrived is in both, and is the same one.
        gaps.retain(|gap| !known.contains(gap));
        gaps.extend(known);
        gaps.sort_by_key(|gap| std::cmp::Reverse(gap.to_ms));
        gaps.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        Ok(gaps)
    }
}

fn told(seen: HashMap<IpAddr, Address>, left_out: bool, range: Range) -> Addresses {
    let in_range =
        |(_, seen): &(IpAddr, Address)| seen.last_at_ms >= range.from_ms && seen.first_at_ms < range.to_ms;
    let mut seen: Vec<_> = seen.into_iter().filter(in_range).collect();
    seen.sort_by_key(|(ip, seen)| (std::cmp::Reverse(seen.last_at_ms), *ip));
    let most = usize::try_from(limits::USAGE_TOLD_ADDRESSES).unwrap_or(usize::MAX);
    let left_out = left_out || seen.len() > most;
    seen.truncate(most);
    Addresses { seen, left_out }
}

pub(super) async fn read(
    database: &Database,
    sight: Sight<'_>,
    sql: &str,
    params: &[&(dyn tokio_postgres::types::ToSql + Sync)],
) -> Result<Vec<Found>, DbError> {
    let mut rows = Vec::new();
    let keep = |row| {
        rows.push(row);
        Ok::<_, DbError>(())
    };
    database.ask_each(Errand::Reading, sight, sql, params, keep).await?;
    Ok(rows)
}

/// When the secrets of some credentials of a tenant were last let in, as far as it was brought to the database.
pub async fn last_uses_brought(
    database: &Database,
    errand: Errand,
    (ledger, tenant): (i32, TenantId),
    credentials: &[Uuid],
) -> Result<LastUses, DbError> {
    let mut uses = LastUses::default();
    let take = |row: Found| {
        uses.add(row.get(1), LastUse { at_ms: row.get(2), client_ip: row.get(3) });
        Ok::<_, DbError>(())
    };
    let sight = Sight::Tenant(tenant.0);
    database.ask_each(errand, sight, LAST_USES, &[&ledger, &tenant.0, &credentials], take).await?;
    Ok(uses)
}
