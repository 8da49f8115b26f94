//! Which credentials of a tenant there were at a moment, newest first: a bounded number of them is looked at for a page, so that a page
//! may be short, or empty, and yet not the last. A row only says where to look: whoever tells of it folds the credential's events, and
//! holds the row against what they come to.

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::Listed;
use crate::clock::Timestamp;
use crate::db::{Database, DbError, Errand, Sight};
use crate::domain::credential::Kind;
use crate::domain::ids::{CredentialId, TenantId};
use crate::ledger::past::Moment;
use crate::limits;
use crate::projections::list::{CredentialFilter, CredentialPlace};

const PAGE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/validity/queries/page.sql"));
const PAGE_END: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/validity/queries/page_end.sql"));
const OF_SOME: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/validity/queries/of_some.sql"));
const OF_OWNER: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/validity/queries/of_owner.sql"));
const OF_OWNER_END: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/validity/queries/of_owner_end.sql"));
const PREFIXED: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/validity/queries/prefixed.sql"));

pub struct Search<'a> {
    pub database: &'a Database,
    pub ledger: i32,
    pub tenant: TenantId,
    pub kind: Kind,
    pub moment: Moment,
    pub filter: &'a CredentialFilter,
    /// the tenant's warning window of then
    pub warning_seconds: u32,
    /// those that the filter's prefix may be of, where these are few
    pub prefixed: Option<&'a [Uuid]>,
}

/// Of one credential, what it was listed by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    pub credential: CredentialId,
    pub from_position: u64,
    pub listed: Listed,
}

/// What a look holds, and where the next one goes on; none: there is no more.
pub struct Found {
    pub periods: Vec<Period>,
    pub rest: Option<CredentialPlace>,
}

impl Period {
    fn read(row: &Row) -> Self {
        Period {
            credential: CredentialId(row.get(0)),
            from_position: row.get::<_, i64>(2).cast_unsigned(),
            listed: Listed {
                created_at_ms: row.get(1),
                expires_at_ms: row.get(3),
                description_version: row.get::<_, i32>(4).cast_unsigned(),
                name_version: row.get::<_, i32>(5).cast_unsigned(),
                owner: row.get(6),
                revoked: row.get(7),
                scopes: row.get(8),
                suspended: row.get(9),
            },
        }
    }

    pub fn place(&self) -> CredentialPlace {
        CredentialPlace { created_at_ms: self.listed.created_at_ms, id: self.credential.0 }
    }
}

/// Which credentials have, or will have had, a secret that begins so; none where they are too many to be looked at one by one.
pub async fn prefixed(
    database: &Database,
    (ledger, tenant): (i32, TenantId),
    prefix: &str,
) -> Result<Option<Vec<Uuid>>, DbError> {
    let most = limits::VALIDITY_PREFIXED + 1;
    let rows = ask(database, tenant, PREFIXED, &[&ledger, &tenant.0, &prefix, &most]).await?;
    let few = (rows.len() as i64) < most;
    Ok(few.then(|| rows.iter().map(|row| row.get(0)).collect()))
}

/// Before the newest that there can have been then.
pub fn start(moment: Moment) -> CredentialPlace {
    CredentialPlace { created_at_ms: moment.at.millis(), id: Uuid::max() }
}

impl Search<'_> {
    /// The next ones behind a place, at most so many.
    pub async fn page(&self, after: CredentialPlace, limit: usize) -> Result<Found, DbError> {
        let rows = self.rows(after, limit as i64 + 1).await?;
        let mut periods: Vec<Period> = rows.iter().map(Period::read).collect();
        if periods.len() > limit {
            periods.truncate(limit);
            let rest = periods.last().map(Period::place);
            return Ok(Found { periods, rest });
        }
        Ok(Found { periods, rest: self.looked_at_last(after).await? })
    }

    async fn rows(&self, after: CredentialPlace, wanted: i64) -> Result<Vec<Row>, DbError> {
        let (position, at) = (self.moment.position.cast_signed(), self.moment.at.millis());
        let (kind, filter) = (self.kind.word(), self.filter);
        let warning_ms = i64::from(self.warning_seconds) * 1000;
        let (ends, owner) = (filter.expires_before.map(Timestamp::millis), filter.owner.map(|owner| owner.0));
        let mut params: Vec<&(dyn ToSql + Sync)> = vec![
            &self.ledger,
            &self.tenant.0,
            &kind,
            &after.created_at_ms,
            &after.id,
            &wanted,
            &position,
            &limits::VALIDITY_SCAN,
            &at,
            &warning_ms,
            &filter.statuses,
            &filter.scope,
            &ends,
            &filter.name,
            &filter.text,
            &owner,
        ];
        let sql = match (&self.prefixed, owner) {
            (Some(few), _) => {
                params.push(few);
                OF_SOME
            }
            (None, Some(_)) => OF_OWNER,
            (None, None) => PAGE,
        };
        ask(self.database, self.tenant, sql, &params).await
    }

    /// Where those end that were looked at, when there may be more behind them.
    async fn looked_at_last(&self, after: CredentialPlace) -> Result<Option<CredentialPlace>, DbError> {
        let (kind, skip) = (self.kind.word(), limits::VALIDITY_SCAN - 1);
        let position = self.moment.position.cast_signed();
        let mut params: Vec<&(dyn ToSql + Sync)> =
            vec![&self.ledger, &self.tenant.0, &kind, &after.created_at_ms, &after.id, &skip];
        let owner = self.filter.owner.map(|owner| owner.0);
        let sql = match (&self.prefixed, &owner) {
            (Some(_), _) => return Ok(None),
            (None, Some(owner)) => {
                params.extend([&position as &(dyn ToSql + Sync), owner]);
                OF_OWNER_END
            }
            (None, None) => PAGE_END,
        };
        let rows = ask(self.database, self.tenant, sql, &params).await?;
        Ok(rows.first().map(|row| CredentialPlace { id: row.get(0), created_at_ms: row.get(1) }))
    }
}

pub(super) async fn ask(
    database: &Database,
    tenant: TenantId,
    sql: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, DbError> {
    let mut rows = Vec::new();
    let keep = |row: Row| {
        rows.push(row);
        Ok::<_, DbError>(())
    };
    database.ask_each(Errand::Reading, Sight::Tenant(tenant.0), sql, params, keep).await?;
    Ok(rows)
}
