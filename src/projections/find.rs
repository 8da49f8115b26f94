//! Whose a secret is, by what is known of it besides its text.

use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::db::{Database, DbError, Errand, Sight};
use crate::domain::ids::{CredentialId, SecretId, TenantId};
use crate::domain::key_format::PublicPart;
use crate::limits;

const BY_ID: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/secrets/queries/by_id.sql"));
const BY_PREFIX: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/secrets/queries/by_prefix.sql"));
const OF_CLIENTS: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/projections/secrets/queries/of_clients.sql"));

/// A secret, and the credential that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    pub credential: CredentialId,
    pub secret: SecretId,
}

/// One that the tenant does not have is not seen.
pub async fn by_id(
    database: &Database,
    ledger: i32,
    tenant: TenantId,
    secret: SecretId,
) -> Result<Option<Found>, DbError> {
    Ok(asked(database, tenant, BY_ID, &[&ledger, &secret.0]).await?.pop())
}

/// Those of a tenant that begin so, and no more of them than `most`.
pub async fn by_prefix(
    database: &Database,
    ledger: i32,
    tenant: TenantId,
    prefix: &str,
    most: i64,
) -> Result<Vec<Found>, DbError> {
    asked(database, tenant, BY_PREFIX, &[&ledger, &tenant.0, &prefix, &most]).await
}

/// The ids that go with the clients' secrets that begin so, of whatever tenant; the newest first.
pub async fn client_ids(
    database: &Database,
    ledger: i32,
    beginning: PublicPart<'_>,
) -> Result<Vec<String>, DbError> {
    let mut ids: Vec<String> = Vec::new();
    let take = |row: tokio_postgres::Row| {
        ids.push(row.try_get(0)?);
        Ok::<_, DbError>(())
    };
    let params: [&(dyn ToSql + Sync); 3] = [&ledger, &beginning.as_str(), &limits::LEAK_CANDIDATES];
    let sight = Sight::Beginning(beginning);
    database.ask_each(Errand::Reading, sight, OF_CLIENTS, &params, take).await?;
    Ok(ids)
}

async fn asked(
    database: &Database,
    tenant: TenantId,
    sql: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Found>, DbError> {
    let mut found = Vec::new();
    let take = |row: tokio_postgres::Row| {
        let (credential, secret): (Uuid, Uuid) = (row.get(0), row.get(1));
        found.push(Found { credential: CredentialId(credential), secret: SecretId(secret) });
        Ok::<_, DbError>(())
    };
    database.ask_each(Errand::Reading, Sight::Tenant(tenant.0), sql, params, take).await?;
    Ok(found)
}
