//! The only way to a tenant's rows: a read-only transaction of the app role that names the tenant. Row-level security does the rest.

use deadpool_postgres::{ClientWrapper, Object};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, RowStream};
use uuid::Uuid;

use super::{Client, DbError, in_time};

/// Dropped without [`Scope::finish`], its connection is closed, not lent again: no transaction and no tenant outlives its scope.
pub struct Scope {
    client: Option<Client>,
}

impl Scope {
    pub(super) async fn open(client: Client, tenant: Uuid) -> Result<Self, DbError> {
        let scope = Self { client: Some(client) };
        // a Uuid prints as hexadecimal digits and hyphens alone
        // Lists have filters that are mostly absent: planned with their values, each query is only what it asks for.
        let begin = format!(
            "begin read only; select set_config('credledger.tenant', '{tenant}', true), \
             set_config('plan_cache_mode', 'force_custom_plan', true)"
        );
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
