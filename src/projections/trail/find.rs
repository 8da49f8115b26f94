//! Which events of a trail are asked for, and their rows: by one index each, in order. What that index can't say is held against each
//! of the rows that it names, a bounded number at a time, so that a page may be short, or empty, and yet not the last.

use std::net::IpAddr;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::{Bound, family};
use crate::db::{Database, Errand, Sight};
use crate::domain::event::kinds;
use crate::domain::ids::TenantId;
use crate::ledger::read::ReadError;
use crate::limits;
use crate::vault::{Purpose, Vault};

const ALL: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/trail/queries/all.sql"));
const OF_FAMILY: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/trail/queries/of_family.sql"));
const OF_TYPES: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/trail/queries/of_types.sql"));
const OF_SUBJECT: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/trail/queries/of_subject.sql"));
const OF_ACTOR: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/trail/queries/of_actor.sql"));
const OF_CLIENT_IP: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/trail/queries/of_client_ip.sql"));
const FEED: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/trail/queries/feed.sql"));

/// A row of the trail: what is told of an event beside the event itself.
#[derive(Clone, Debug)]
pub struct TrailRow {
    pub tenant: Option<TenantId>,
    pub position: u64,
    pub kind: String,
    pub at_ms: i64,
    pub stream: Uuid,
    pub version: u32,
    pub subject: Uuid,
    pub actor: Uuid,
    pub shown_version: u32,
    pub name_version: Option<u32>,
    pub changes: Option<String>,
}

/// Which events; absent filters let all pass.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub types: Option<Types>,
    pub subject: Option<Uuid>,
    /// zeros: the service itself
    pub actor: Option<Uuid>,
    pub client_ip: Option<IpAddr>,
}

/// What patterns of types come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Types {
    pub names: Vec<&'static str>,
    /// they are all of this one
    pub family: Option<&'static str>,
}

/// The part of a trail that lies from one position on and before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub first: u64,
    pub upto: u64,
}

pub struct Search<'a> {
    pub database: &'a Database,
    pub vault: &'a Vault,
    pub ledger: i32,
    pub tenant: TenantId,
    pub filter: &'a Filter,
    pub newest_first: bool,
}

/// What a page holds, and the part of the span that is left to look at.
pub struct Found {
    pub rows: Vec<TrailRow>,
    pub rest: Option<Span>,
}

impl Types {
    /// Of what the patterns name together; `None`: no event is called so.
    pub fn matching(pattern: &str) -> Option<Vec<&'static str>> {
        let names = kinds().map(|kind| kind.name);
        let found: Vec<_> = match pattern.strip_suffix('*') {
            Some(start) => names.filter(|name| name.starts_with(start)).collect(),
            None => names.filter(|name| *name == pattern).collect(),
        };
        (!found.is_empty()).then_some(found)
    }

    /// All that the patterns found; `None` where that is every type there is.
    pub fn of(found: Vec<Vec<&'static str>>) -> Option<Types> {
        let mut names: Vec<&'static str> = found.into_iter().flatten().collect();
        names.sort_unstable();
        names.dedup();
        if names.is_empty() || names.len() == kinds().count() {
            return None;
        }
        let first = names.first().map(|name| family(name));
        let of_first = |name: &str| first.is_some_and(|first| family_of(name) == first);
        let whole = kinds().filter(|kind| of_first(kind.name)).count();
        let is_whole = names.len() == whole && names.iter().all(|name| of_first(name));
        Some(Types { family: first.filter(|_| is_whole), names })
    }
}

fn family_of(name: &str) -> &str {
    name.split('.').next().unwrap_or_default()
}

impl Search<'_> {
    /// The next rows of the span.
    pub async fn page(&self, span: Span, limit: usize) -> Result<Found, ReadError> {
        let wanted = limit as i64 + 1;
        let mut rows = self.rows(span, wanted).await?;
        if rows.len() > limit {
            rows.truncate(limit);
            let rest = rows.last().map(|last| self.behind(span, last.position));
            return Ok(Found { rows, rest });
        }
        let rest = match self.holds_rows_against_more() {
            true => self.last_looked_at(span).await?.map(|position| self.behind(span, position)),
            false => None,
        };
        Ok(Found { rows, rest })
    }

    fn behind(&self, span: Span, position: u64) -> Span {
        match self.newest_first {
            true => Span { upto: position, ..span },
            false => Span { first: position + 1, ..span },
        }
    }

    /// Whether the index that is gone by leaves some of the filter to be held against each row.
    fn holds_rows_against_more(&self) -> bool {
        let Filter { types, subject, actor, client_ip } = self.filter;
        let others = [subject.is_some(), client_ip.is_some(), actor.is_some(), types.is_some()];
        others.iter().filter(|asked| **asked).count() > 1
    }

    async fn rows(&self, span: Span, wanted: i64) -> Result<Vec<TrailRow>, ReadError> {
        let scan = if self.holds_rows_against_more() { limits::TRAIL_SCAN } else { wanted };
        let types = self.filter.types.as_ref().map(|types| &types.names);
        let actor = self.filter.actor;
        let client_ip = self.filter.client_ip;
        match (self.filter.subject, client_ip, actor, &self.filter.types) {
            (Some(subject), ..) => {
                self.ask(OF_SUBJECT, span, scan, &[&0i64, &subject, &wanted, &types, &actor, &client_ip])
                    .await
            }
            (None, Some(address), ..) => {
                self.ask(OF_CLIENT_IP, span, scan, &[&0i64, &address, &wanted, &types, &actor]).await
            }
            (None, None, Some(actor), _) => {
                self.ask(OF_ACTOR, span, scan, &[&0i64, &actor, &wanted, &types]).await
            }
            (None, None, None, Some(Types { family: Some(family), .. })) => {
                self.ask(OF_FAMILY, span, wanted, &[family]).await
            }
            (None, None, None, Some(Types { names, .. })) => self.ask(OF_TYPES, span, wanted, &[names]).await,
            (None, None, None, None) => self.ask(ALL, span, wanted, &[]).await,
        }
    }

    /// Where the rows end that were held against the filter, when there may be more behind them.
    async fn last_looked_at(&self, span: Span) -> Result<Option<u64>, ReadError> {
        let (skip, one) = (limits::TRAIL_SCAN - 1, 1i64);
        let (types, none, nowhere) = (None::<Vec<&str>>, None::<Uuid>, None::<IpAddr>);
        let found = match (self.filter.subject, self.filter.client_ip, self.filter.actor) {
            (Some(subject), ..) => {
                self.ask(OF_SUBJECT, span, one, &[&skip, &subject, &one, &types, &none, &nowhere]).await?
            }
            (None, Some(address), _) => {
                self.ask(OF_CLIENT_IP, span, one, &[&skip, &address, &one, &types, &none]).await?
            }
            (None, None, Some(actor)) => {
                self.ask(OF_ACTOR, span, one, &[&skip, &actor, &one, &types]).await?
            }
            (None, None, None) => Vec::new(),
        };
        Ok(found.last().map(|row| row.position))
    }

    async fn ask(
        &self,
        sql: &str,
        span: Span,
        scan: i64,
        more: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<TrailRow>, ReadError> {
        let (first, upto) = (span.first.cast_signed(), span.upto.cast_signed());
        let mut params: Vec<&(dyn ToSql + Sync)> =
            vec![&self.ledger, &self.tenant.0, &first, &upto, &self.newest_first, &scan];
        params.extend(more);
        let sight = Sight::Tenant(self.tenant.0);
        let mut rows = ask(self.database, sight, self.vault, sql, &params).await?;
        if rows.iter().any(|row| row.tenant != Some(self.tenant)) {
            let position = rows.first().map_or(0, |row| row.position);
            return Err(ReadError::Forged { position });
        }
        rows.sort_by_key(|row| row.position);
        if self.newest_first {
            rows.reverse();
        }
        Ok(rows)
    }
}

/// The ledger from a position on.
pub async fn feed(
    database: &Database,
    vault: &Vault,
    ledger: i32,
    first: u64,
    rows: i64,
) -> Result<Vec<TrailRow>, ReadError> {
    let found = ask(database, Sight::Ledger, vault, FEED, &[&ledger, &first.cast_signed(), &rows]).await?;
    for (row, expected) in found.iter().zip(first..) {
        if row.position != expected {
            return Err(ReadError::Forged { position: expected });
        }
    }
    Ok(found)
}

async fn ask(
    database: &Database,
    sight: Sight<'_>,
    vault: &Vault,
    sql: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<Vec<TrailRow>, ReadError> {
    let mut rows = Vec::new();
    let take = |row: Row| {
        rows.push(TrailRow::read(vault, &row)?);
        Ok::<_, ReadError>(())
    };
    database.ask_each(Errand::Reading, sight, sql, params, take).await?;
    Ok(rows)
}

impl TrailRow {
    /// One that a node of this ledger wrote.
    pub(super) fn read(vault: &Vault, row: &Row) -> Result<Self, ReadError> {
        let read = TrailRow {
            tenant: row.get::<_, Option<Uuid>>(0).map(TenantId),
            position: row.get::<_, i64>(1).cast_unsigned(),
            kind: row.get(2),
            at_ms: row.get(3),
            stream: row.get(4),
            version: row.get::<_, i32>(5).cast_unsigned(),
            subject: row.get(6),
            actor: row.get(7),
            shown_version: row.get::<_, i32>(8).cast_unsigned(),
            name_version: row.get::<_, Option<i32>>(9).map(i32::cast_unsigned),
            changes: row.get(10),
        };
        let bound = Bound {
            tenant: read.tenant,
            position: read.position,
            stream: read.stream,
            version: read.version,
            shown_version: read.shown_version,
            name_version: read.name_version,
            changes: read.changes.as_deref(),
        };
        match bound.with_parts(|parts| vault.mac_holds(Purpose::Row, parts, row.get(11))) {
            true => Ok(read),
            false => Err(ReadError::Forged { position: read.position }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(patterns: &[&str]) -> Option<Types> {
        Types::of(patterns.iter().map(|pattern| Types::matching(pattern).expect("a type")).collect())
    }

    #[test]
    fn patterns_come_to_types_and_a_whole_family_to_itself() {
        assert_eq!(Types::matching("api_key.teleported"), None);
        assert_eq!(Types::matching("api"), None);
        assert_eq!(of(&["api_key.revoked"]).expect("some").names, ["api_key.revoked"]);
        let family = of(&["tenant.*"]).expect("some");
        assert_eq!((family.family, family.names.len()), (Some("tenant"), 5));
        assert_eq!(of(&["tenant.*", "tenant.created"]), Some(family));
        let begun = of(&["member.e*", "member.created"]).expect("some");
        assert_eq!(
            begun,
            Types { names: vec!["member.created", "member.edited", "member.enabled"], family: None }
        );
        assert_eq!(of(&["tenant.*", "member.*"]).expect("some").family, None);
        assert_eq!(of(&["*"]), None);
        assert_eq!(of(&["plan.set"]).expect("some").family, Some("plan"));
    }
}
