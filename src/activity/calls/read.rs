//! A tenant's calls, newest first. Each page asks one day after the other, so that one index of one partition is read in its order;
//! and it looks at so many rows and no more, however few of them a combination of filters leaves: then the page is short, and says
//! where the next one begins.

use std::net::IpAddr;

use tokio_postgres::Row as DbRow;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::columns::{self, Columns};
use super::row::{first_of, instant_of, last_of};
use super::writer::DAY_MS;
use crate::clock::Timestamp;
use crate::db::{Database, DbError, Errand, Sight};
use crate::domain::ids::{CredentialId, SecretId, TenantId};
use crate::limits;

/// What rows are filtered by, all of it together.
#[derive(Debug, Default)]
pub struct Filter {
    pub credential: Option<CredentialId>,
    pub secret: Option<SecretId>,
    pub operation: Option<String>,
    pub outcome: Option<&'static str>,
    pub client_ip: Option<IpAddr>,
    pub request_id: Option<String>,
    /// from this instant on
    pub from: Option<Timestamp>,
    /// before this one
    pub to: Option<Timestamp>,
}

/// A call as it is shown: a row, or a verdict's and the report that completes it.
#[derive(Debug)]
pub struct Call {
    pub id: Uuid,
    pub at: Timestamp,
    pub prefix: Option<String>,
    pub decision_id: Option<Uuid>,
    pub completes: Option<Uuid>,
    pub of: Columns,
}

/// Behind which row a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(pub Uuid, pub Uuid);

impl Place {
    pub fn bytes(self) -> Vec<u8> {
        [self.0.as_bytes().as_slice(), self.1.as_bytes()].concat()
    }

    pub fn read(bytes: &[u8]) -> Option<Place> {
        let (place, id) = bytes.split_at_checked(16)?;
        Some(Place(Uuid::from_slice(place).ok()?, Uuid::from_slice(id).ok()?))
    }
}

/// Whose calls, and which part of them.
pub struct Asked<'a> {
    pub ledger: i32,
    pub tenant: TenantId,
    pub filter: &'a Filter,
    /// the oldest day that is kept begins here
    pub oldest: Timestamp,
    pub now: Timestamp,
    pub after: Option<Place>,
    pub limit: usize,
}

impl Filter {
    /// The one that finds the fewest rows, as a rule.
    fn driver(&self) -> &'static str {
        let Filter { credential, secret, operation, outcome, client_ip, request_id, .. } = self;
        match () {
            () if request_id.is_some() => "request_id",
            () if secret.is_some() => "secret",
            () if credential.is_some() => "credential",
            () if client_ip.is_some() => "client_ip",
            () if operation.is_some() => "operation",
            () if outcome.is_some() => "outcome",
            () => "tenant",
        }
    }

    fn count(&self) -> usize {
        let Filter { credential, secret, operation, outcome, client_ip, request_id, .. } = self;
        let filters = [
            credential.is_some(),
            secret.is_some(),
            operation.is_some(),
            outcome.is_some(),
            client_ip.is_some(),
            request_id.is_some(),
        ];
        filters.into_iter().filter(|given| *given).count()
    }
}

/// The secret of this tenant whose whole prefix this is.
pub async fn secret_of(
    database: &Database,
    ledger: i32,
    tenant: TenantId,
    prefix: &str,
) -> Result<Option<SecretId>, DbError> {
    let find = "select credledger.secret_of_prefix($1, $2, $3)";
    let mut found = None;
    let take = |row: DbRow| {
        found = row.try_get::<_, Option<Uuid>>(0)?.map(SecretId);
        Ok::<_, DbError>(())
    };
    let params: [&(dyn ToSql + Sync); 3] = [&ledger, &tenant.0, &prefix];
    database.ask_each(Errand::Reading, Sight::Tenant(tenant.0), find, &params, take).await?;
    Ok(found)
}

/// When the oldest day begins that is kept.
pub fn oldest(now: Timestamp, kept_days: u32) -> Timestamp {
    let today = now.millis().div_euclid(DAY_MS);
    Timestamp::from_millis((today - i64::from(kept_days)) * DAY_MS).unwrap_or_default()
}

/// A page, and where the next one begins.
pub async fn page(database: &Database, asked: &Asked<'_>) -> Result<(Vec<Call>, Option<Place>), DbError> {
    let Asked { filter, limit, .. } = asked;
    let newest = asked.now.millis() + limits::ACTIVITY_AHEAD.as_millis() as i64;
    let to = filter.to.map_or(newest, |to| (to.millis() - 1).min(newest));
    let from = filter.from.map_or(asked.oldest, |from| from.max(asked.oldest)).millis();
    let mut before = match asked.after {
        Some(after) => after,
        None => Place(last_of(to), Uuid::max()),
    };
    // Each call is found by two rows at most; with more filters than one, most rows may be others.
    let mut left = if filter.count() > 1 { limits::ACTIVITY_LOOKED_AT } else { limit * 2 + 2 };
    let (mut calls, mut days) = (Vec::new(), 1);
    loop {
        let at = instant_of_place(before.0);
        if at < from {
            return Ok((whole(calls), None));
        }
        // One day, then many together: a tenant of few calls is not asked about day by day.
        let first = (at.div_euclid(DAY_MS) - (days - 1)) * DAY_MS;
        let stretch = stretch(database, asked, first.max(from), before, left).await?;
        left = left.saturating_sub(stretch.looked_at);
        calls.extend(stretch.found.into_iter().filter_map(|(place, call)| Some((place, call?))));
        // One more than fit says that there is another page.
        if calls.len() > *limit {
            calls.truncate(*limit);
            let next = calls.last().map(|(place, _)| *place);
            return Ok((whole(calls), next));
        }
        if left == 0 {
            return Ok((whole(calls), Some(stretch.last)));
        }
        before = Place(last_of(first - 1), Uuid::max());
        days = limits::ACTIVITY_DAYS_AT_ONCE;
    }
}

fn whole(calls: Vec<(Place, Call)>) -> Vec<Call> {
    calls.into_iter().map(|(_, call)| call).collect()
}

/// What stands in some days.
struct Stretch {
    looked_at: usize,
    last: Place,
    found: Vec<(Place, Option<Call>)>,
}

/// One statement for each driver: each is planned once, for its own index.
fn statement(driver: &str) -> String {
    format!(
        "select shown, place, id, looked_at, prefix, judged, completes, {} \
         from credledger.read_activity($1, $2, $3, $4, $5, $6, '{driver}', $7, $8, $9, $10, $11, $12)",
        columns::NAMES
    )
}

async fn stretch(
    database: &Database,
    asked: &Asked<'_>,
    first: i64,
    before: Place,
    most: usize,
) -> Result<Stretch, DbError> {
    let Asked { filter, tenant, .. } = asked;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let (credential, secret) = (filter.credential.map(|id| id.0), filter.secret.map(|id| id.0));
    let (first, Place(place, id)) = (first_of(first), before);
    let params: [&(dyn ToSql + Sync); 12] = [
        &asked.ledger,
        &tenant.0,
        &first,
        &place,
        &id,
        &most,
        &credential,
        &secret,
        &filter.operation,
        &filter.outcome,
        &filter.client_ip,
        &filter.request_id,
    ];
    let mut stretch = Stretch { looked_at: 0, last: before, found: Vec::new() };
    let take = |row: DbRow| {
        let (place, call) = read(&row)?;
        stretch.looked_at = usize::try_from(row.try_get::<_, i64>(3)?).unwrap_or(0);
        stretch.last = place;
        stretch.found.push((place, call));
        Ok::<_, DbError>(())
    };
    let sql = statement(filter.driver());
    database.ask_in_order(Sight::Tenant(tenant.0), &sql, &params, take).await?;
    Ok(stretch)
}

fn read(row: &DbRow) -> Result<(Place, Option<Call>), DbError> {
    let place = Place(row.try_get(1)?, row.try_get(2)?);
    if !row.try_get::<_, bool>(0)? {
        return Ok((place, None));
    }
    let at =
        instant_of(place.0).ok_or_else(|| DbError::Unreadable("a call has an id of no instant".into()))?;
    let (judged, completes): (bool, Option<Uuid>) = (row.try_get(5)?, row.try_get(6)?);
    let call = Call {
        id: if judged { place.0 } else { place.1 },
        at,
        prefix: row.try_get(4)?,
        decision_id: completes.or(judged.then_some(place.0)),
        completes,
        of: Columns::read(row, 7)?,
    };
    Ok((place, Some(call)))
}

fn instant_of_place(place: Uuid) -> i64 {
    (place.as_u64_pair().0 >> 16).cast_signed()
}
