//! The lists that operators read: which resources, in which order. What each one is comes from its events.

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio_postgres::Row;
use uuid::Uuid;

use super::erasures::under;
use crate::clock::Timestamp;
use crate::db::{Database, DbError, Lent, Scope, Sight};
use crate::domain::authority::Role;
use crate::domain::credential::Kind;
use crate::domain::ids::{CredentialId, ErasureId, MemberId, OperatorId, PlanId, TenantId};
use crate::domain::secret::Digest;
use crate::ledger::Ended;
use crate::limits;

const CREDENTIALS: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/credentials/queries/page.sql"));
const TENANTS: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/tenants/queries/page.sql"));
const MEMBERS: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/members/queries/page.sql"));
const PLANS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/plans/queries/page.sql"));
const ERASURES: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/erasures/queries/page.sql"));
const ENDED: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/credentials/queries/ended.sql"));
const OPERATORS: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/operators/queries/page.sql"));
const SIGN_IN: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/operators/queries/sign_in.sql"));
const QUIET: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/credentials/queries/quiet.sql"));
const DUE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/credentials/queries/due.sql"));

/// Which of a tenant's credentials are asked for; absent filters let all pass.
#[derive(Clone, Debug, Default)]
pub struct CredentialFilter {
    /// one of these
    pub statuses: Option<Vec<&'static str>>,
    pub name: Option<String>,
    pub scope: Option<String>,
    pub expires_before: Option<Timestamp>,
    /// never let in since then
    pub unused_since: Option<Timestamp>,
    pub prefix: Option<String>,
    pub text: Option<String>,
    pub owner: Option<MemberId>,
}

/// Where a list of credentials goes on: behind this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CredentialPlace {
    pub created_at_ms: i64,
    pub id: Uuid,
}

impl CredentialPlace {
    /// Before the newest.
    pub const START: CredentialPlace = CredentialPlace { created_at_ms: i64::MAX, id: Uuid::max() };
}

pub struct CredentialPage<'a> {
    pub ledger: i32,
    pub tenant: TenantId,
    pub kind: Kind,
    pub filter: &'a CredentialFilter,
    pub after: CredentialPlace,
    pub rows: i64,
    pub now: Timestamp,
    pub warning_seconds: u32,
}

/// Newest first.
pub async fn credentials(scope: &Scope, page: &CredentialPage<'_>) -> Result<Vec<CredentialPlace>, DbError> {
    let filter = page.filter;
    let warning_ms = i64::from(page.warning_seconds) * 1000;
    let rows = scope
        .query(
            CREDENTIALS,
            &[
                &page.ledger,
                &page.tenant.0,
                &page.after.created_at_ms,
                &page.after.id,
                &page.rows,
                &page.now.millis(),
                &warning_ms,
                &filter.statuses,
                &filter.name,
                &filter.scope,
                &filter.expires_before.map(Timestamp::millis),
                &filter.prefix,
                &filter.text,
                &filter.owner.map(|owner| owner.0),
                &page.kind.word(),
                &filter.unused_since.map(Timestamp::millis),
            ],
        )
        .await?;
    Ok(rows.iter().map(|row| CredentialPlace { id: row.get(0), created_at_ms: row.get(1) }).collect())
}

/// Which of a tenant's members are asked for; absent filters let all pass.
#[derive(Clone, Debug, Default)]
pub struct MemberFilter {
    pub status: Option<&'static str>,
    pub name: Option<String>,
}

/// Newest first, after the last of the page before.
pub async fn members(
    scope: &Scope,
    (ledger, tenant): (i32, TenantId),
    after: Uuid,
    rows: i64,
    filter: &MemberFilter,
) -> Result<Vec<MemberId>, DbError> {
    let rows =
        scope.query(MEMBERS, &[&ledger, &tenant.0, &after, &rows, &filter.status, &filter.name]).await?;
    Ok(rows.iter().map(|row| MemberId(row.get(0))).collect())
}

/// A tenant's, or the platform's; newest first, after the last of the page before.
pub async fn erasures(
    scope: &Scope,
    (ledger, tenant): (i32, Option<TenantId>),
    after: Uuid,
    rows: i64,
) -> Result<Vec<ErasureId>, DbError> {
    let rows = scope.query(ERASURES, &[&ledger, &under(tenant), &after, &rows]).await?;
    Ok(rows.iter().map(|row| ErasureId(row.get(0))).collect())
}

/// By name, after the last of the page before.
pub async fn plans(
    scope: &Scope,
    ledger: i32,
    after: &str,
    rows: i64,
) -> Result<Vec<(PlanId, String)>, DbError> {
    let rows = scope.query(PLANS, &[&ledger, &after, &rows]).await?;
    Ok(rows.iter().map(|row| (PlanId(row.get(0)), row.get(1))).collect())
}

/// Those of one tenant that are over by `now` and still count, since nothing has recorded it.
pub async fn ended(
    scope: &Scope,
    (ledger, tenant): (i32, TenantId),
    now: Timestamp,
    rows: i64,
) -> Result<Vec<CredentialId>, DbError> {
    let rows = scope.query(ENDED, &[&ledger, &tenant.0, &now.millis(), &rows]).await?;
    Ok(rows.iter().map(|row| CredentialId(row.get(0))).collect())
}

/// The lists, for the ledger.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lists;

impl Ended for Lists {
    fn ended<'a>(
        &'a self,
        database: &'a Database,
        of: (i32, TenantId),
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<CredentialId>, DbError>> {
        async move {
            let scope = database.scope(Sight::Tenant(of.1.0)).await?;
            let found = ended(&scope, of, now, limits::ENDED_AT_ONCE).await?;
            scope.finish().await?;
            Ok(found)
        }
        .boxed()
    }
}

/// By slug; `visible` are the tenants that may be seen, none for all.
pub async fn tenants(
    scope: &Scope,
    ledger: i32,
    after: &str,
    rows: i64,
    visible: Option<&[Uuid]>,
) -> Result<Vec<(TenantId, String)>, DbError> {
    let rows = scope.query(TENANTS, &[&ledger, &after, &rows, &visible]).await?;
    Ok(rows.iter().map(|row| (TenantId(row.get(0)), row.get(1))).collect())
}

/// Which operators are asked for; absent filters let all pass.
#[derive(Clone, Debug, Default)]
pub struct OperatorFilter {
    pub role: Option<Role>,
    pub status: Option<&'static str>,
    pub name: Option<String>,
    pub prefix: Option<String>,
}

/// Newest first, after the last of the page before; the scope says which may be seen.
pub async fn operators(
    scope: &Scope,
    ledger: i32,
    after: Uuid,
    rows: i64,
    filter: &OperatorFilter,
) -> Result<Vec<OperatorId>, DbError> {
    let role = filter.role.map(Role::word);
    let rows = scope
        .query(OPERATORS, &[&ledger, &after, &rows, &role, &filter.status, &filter.name, &filter.prefix])
        .await?;
    Ok(rows.iter().map(|row| OperatorId(row.get(0))).collect())
}

/// Who may sign in: the operator of this identity, then open invitations to these addresses, newest first.
pub async fn may_sign_in(
    scope: &Scope,
    ledger: i32,
    identity: &Digest,
    address: Option<&Digest>,
    rows: i64,
) -> Result<Vec<OperatorId>, DbError> {
    let addresses: Vec<String> = address.iter().map(|address| address.text()).collect();
    let rows = scope.query(SIGN_IN, &[&ledger, &identity.text(), &addresses, &rows]).await?;
    Ok(rows.iter().map(|row| OperatorId(row.get(0))).collect())
}

/// A credential that housekeeping has something to record of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    pub credential: CredentialId,
    pub tenant: TenantId,
    /// how many events its stream holds
    pub events: u32,
    pub place: DuePlace,
}

/// Where the walk over what is due goes on: behind this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DuePlace {
    pub due_at_ms: i64,
    pub id: Uuid,
}

impl DuePlace {
    /// Before whatever has been due the longest.
    pub const START: DuePlace = DuePlace { due_at_ms: i64::MIN, id: Uuid::nil() };
}

/// What is due at `now`, the longest first.
pub async fn due(
    client: &Lent,
    ledger: i32,
    now: Timestamp,
    after: DuePlace,
    rows: i64,
) -> Result<Vec<Due>, DbError> {
    walked(client, DUE, ledger, now, after, rows).await
}

/// Those of which a window may be closed at `now` because its secret is not used, the longest ago first.
pub async fn quiet(
    client: &Lent,
    ledger: i32,
    now: Timestamp,
    after: DuePlace,
    rows: i64,
) -> Result<Vec<Due>, DbError> {
    walked(client, QUIET, ledger, now, after, rows).await
}

async fn walked(
    client: &Lent,
    query: &str,
    ledger: i32,
    now: Timestamp,
    after: DuePlace,
    rows: i64,
) -> Result<Vec<Due>, DbError> {
    let statement = client.prepare_cached(query).await?;
    let found =
        client.query(&statement, &[&ledger, &now.millis(), &after.due_at_ms, &after.id, &rows]).await?;
    let due = |row: &Row| Due {
        credential: CredentialId(row.get(0)),
        tenant: TenantId(row.get(1)),
        events: row.get::<_, i32>(3).unsigned_abs(),
        place: DuePlace { id: row.get(0), due_at_ms: row.get(2) },
    };
    Ok(found.iter().map(due).collect())
}
