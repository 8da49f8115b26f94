//! What was taken out of the shards, as the database takes it: lists of columns, and one function that adds them or knows them already.

use std::net::IpAddr;
use std::sync::Arc;

use uuid::Uuid;

use super::{Gap, Parcel, Row, Unknown, UnknownParcel};
use crate::db::{Database, DbError};

/// Whether it was added now or before: in either case it is there, once.
pub(super) async fn bring(database: &Database, ledger: i32, parcel: Arc<Parcel>) -> Result<(), DbError> {
    let columns = Columns::of(parcel.shards.iter().flat_map(|(_, shard)| shard.rows()));
    let record = "select credledger.record_usage($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    let Columns {
        tenants,
        credentials,
        secrets,
        hours,
        operations,
        outcomes,
        calls,
        firsts,
        lasts,
        addresses,
        left_out,
    } = &columns;
    database
        .people(
            record,
            &[
                &ledger,
                &parcel.flush,
                tenants,
                credentials,
                secrets,
                hours,
                operations,
                outcomes,
                calls,
                firsts,
                lasts,
                addresses,
                left_out,
            ],
        )
        .await
        .map(drop)
}

#[derive(Default)]
struct Columns<'a> {
    tenants: Vec<Uuid>,
    credentials: Vec<Uuid>,
    secrets: Vec<Uuid>,
    hours: Vec<i64>,
    operations: Vec<&'a str>,
    outcomes: Vec<&'static str>,
    calls: Vec<i64>,
    firsts: Vec<i64>,
    lasts: Vec<i64>,
    addresses: Vec<Option<IpAddr>>,
    left_out: Vec<bool>,
}

impl<'a> Columns<'a> {
    fn of(rows: impl Iterator<Item = &'a Row>) -> Self {
        let mut columns = Columns::default();
        for row in rows {
            columns.tenants.push(row.tenant);
            columns.credentials.push(row.credential);
            columns.secrets.push(row.secret);
            columns.hours.push(row.hour_ms());
            columns.operations.push(row.operation());
            columns.outcomes.push(row.outcome.word());
            columns.calls.push(row.calls());
            columns.firsts.push(row.first_at_ms());
            columns.lasts.push(row.last_at_ms());
            columns.addresses.push(row.client_ip());
            columns.left_out.push(row.address_left_out);
        }
        columns
    }
}

pub(super) async fn bring_unknown(
    database: &Database,
    ledger: i32,
    parcel: Arc<UnknownParcel>,
) -> Result<(), DbError> {
    let UnknownParcel { flush, unknown, missing } = &*parcel;
    let tenants: Vec<_> = unknown.iter().map(|each| each.tenant.map(|tenant| tenant.0)).collect();
    let hours: Vec<_> = unknown.iter().map(|each| each.hour_ms).collect();
    let outcomes: Vec<_> = unknown.iter().map(|each: &Unknown| each.outcome.word()).collect();
    let calls: Vec<_> = unknown.iter().map(|each| each.calls).collect();
    let missing_of: Vec<_> = missing.iter().map(|gap: &Gap| gap.tenant.map(|tenant| tenant.0)).collect();
    let from: Vec<_> = missing.iter().map(|gap| gap.from_ms).collect();
    let to: Vec<_> = missing.iter().map(|gap| gap.to_ms).collect();
    let missed: Vec<_> = missing.iter().map(|gap| gap.calls).collect();
    let record = "select credledger.record_unknown_usage($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    database
        .people(
            record,
            &[&ledger, flush, &tenants, &hours, &outcomes, &calls, &missing_of, &from, &to, &missed],
        )
        .await
        .map(drop)
}
