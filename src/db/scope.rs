//! The way to a tenant's rows: a read-only transaction of the app role that names whose rows it may see. Row-level
//! security does the rest (schema/privileges/tenant_isolation.sql).

use deadpool_postgres::{ClientWrapper, Object};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, RowStream};
use uuid::Uuid;

use super::{Client, DbError, in_time};
use crate::domain::key_format::PublicPart;

/// Whose rows a transaction may see.
#[derive(Clone, Copy, Debug)]
pub enum Sight<'a> {
    /// one tenant's
    Tenant(Uuid),
    /// what a decision reads: rows of its tenant, where it has one, and of the platform's own streams (operators)
    Decision(Option<Uuid>),
    /// tenants themselves and nothing that is in them: these, or all of them
    Tenants(Option<&'a [Uuid]>),
    /// operators, with their tokens and the platform's streams: those who reach these tenants and no other, or all of them
    Operators(Option<&'a [Uuid]>),
    /// every event there is, for whoever may read the whole ledger
    Ledger,
    /// the answers kept for one operator's retries
    Answers(Uuid),
    /// clients' secrets of any tenant that begin so, for whoever found one
    Beginning(PublicPart<'a>),
}

impl Sight<'_> {
    /// Begins a transaction that sees this. A Uuid prints as hexadecimal digits and hyphens alone; a beginning is letters, digits
    /// and `_`.
    pub(super) fn begin(&self) -> String {
        let named = |tenant: Uuid| format!("set_config('credledger.tenant', '{tenant}', true)");
        let settings = match self {
            Sight::Tenant(tenant) => named(*tenant),
            Sight::Decision(tenant) => {
                let platform = "set_config('credledger.platform', 'on', true)";
                tenant.map_or_else(|| platform.to_owned(), |tenant| format!("{}, {platform}", named(tenant)))
            }
            Sight::Ledger => "set_config('credledger.ledger', 'on', true)".to_owned(),
            Sight::Answers(operator) => format!("set_config('credledger.operator', '{operator}', true)"),
            Sight::Beginning(part) => {
                format!("set_config('credledger.beginning', '{}', true)", part.as_str())
            }
            Sight::Tenants(these) => format!("set_config('credledger.tenants', '{}', true)", listed(*these)),
            Sight::Operators(these) => {
                let these = listed(*these);
                let platform = "set_config('credledger.platform', 'on', true)";
                format!("set_config('credledger.operators', '{these}', true), {platform}")
            }
        };
        format!("begin read only; select {settings}")
    }
}

impl Sight<'_> {
    /// And reads rows in the order of an index alone. The planner takes filters of one row for independent of each other, and a
    /// credential's tenant is not.
    pub(super) fn begin_in_order(&self) -> String {
        let settings = ["enable_sort", "enable_bitmapscan", "enable_seqscan"]
            .map(|setting| format!("set_config('{setting}', 'off', true)"));
        let once = "set_config('plan_cache_mode', 'force_generic_plan', true)";
        format!("{}, {}, {once}", self.begin(), settings.join(", "))
    }
}

fn listed(these: Option<&[Uuid]>) -> String {
    let Some(these) = these else { return "all".to_owned() };
    let these: Vec<String> = these.iter().map(Uuid::to_string).collect();
    these.join(",")
}

/// Dropped without [`Scope::finish`], its connection is closed, not lent again: no transaction and no tenant outlives its scope.
pub struct Scope {
    client: Option<Client>,
}

impl Scope {
    pub(super) async fn open(client: Client, sight: Sight<'_>) -> Result<Self, DbError> {
        let scope = Self { client: Some(client) };
        // Lists have filters that are mostly absent: planned with their values, each query is only what it asks for.
        let begin = format!("{}, set_config('plan_cache_mode', 'force_custom_plan', true)", sight.begin());
        let client = scope.client()?;
        in_time(async { Ok::<_, DbError>(client.batch_execute(&begin).await?) }).await?;
        Ok(scope)
    }

    fn client(&self) -> Result<&ClientWrapper, DbError> {
        let closed = || DbError::connecting("the scope has ended");
        self.client.as_deref().ok_or_else(closed)
    }

    pub async fn query(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, DbError> {
        let client = self.client()?;
        in_time(async {
            let statement = client.prepare_cached(sql).await?;
            Ok(client.query(&statement, params).await?)
        })
        .await
    }

    pub async fn query_opt(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Option<Row>, DbError> {
        let client = self.client()?;
        in_time(async {
            let statement = client.prepare_cached(sql).await?;
            Ok(client.query_opt(&statement, params).await?)
        })
        .await
    }

    /// Rows as they come, for what is too long to hold. The scope has to outlive the stream.
    pub async fn stream(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<RowStream, DbError> {
        let client = self.client()?;
        let statement = client.prepare_cached(sql).await?;
        Ok(client.query_raw(&statement, params.iter().copied()).await?)
    }

    /// Ends the transaction and gives the connection back.
    pub async fn finish(mut self) -> Result<(), DbError> {
        let client = self.client()?;
        in_time(async { Ok::<_, DbError>(client.batch_execute("commit").await?) }).await?;
        self.client.take();
        Ok(())
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            drop(Object::take(client));
        }
    }
}
