//! What every row needs: a ledger in this process over the database of the run, and credentials to ask about.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use credledger::clock::{BootTime, Timestamp};
use credledger::db::{DatabaseUrl, Settings};
use credledger::domain::Caller;
use credledger::domain::command::Command;
use credledger::domain::credential::{Create, CredentialCommand, Reason, Revoke};
use credledger::domain::event::Actor;
use credledger::domain::ids::{CredentialId, StreamId, TenantId};
use credledger::domain::ip_rules::IpRules;
use credledger::domain::key_format::KeyFormat;
use credledger::domain::rate_limit::OwnRateLimit;
use credledger::domain::scope::Scope;
use credledger::domain::tenant::{self, Settings as TenantSettings, TenantCommand};
use credledger::ledger::execute::Order;
use credledger::ops::house::{Foundation, House};
use serde_json::{Map, Value};

pub struct World {
    pub database: String,
    pub foundation: Foundation,
    pub house: House,
    pub tenant: TenantId,
}

impl World {
    /// Opens the ledger, with a tenant of its own for this run.
    pub async fn open(database: &str, key_file: &Path) -> World {
        let settings = Settings::at(DatabaseUrl::from(database.to_owned()));
        let foundation = Foundation::lay(&settings, false, key_file).await.expect("a foundation");
        let house = House::open(&foundation, foundation.vault.uuid(0), None).await.expect("a house");
        let tenant = TenantId(foundation.vault.uuid(house.clock.now().millis()));
        let world = World { database: database.to_owned(), foundation, house, tenant };
        world.make_tenant(tenant, "bench").await;
        world
    }

    pub async fn another_tenant(&self, name: &str) -> TenantId {
        let tenant = TenantId(self.foundation.vault.uuid(self.house.clock.now().millis()));
        self.make_tenant(tenant, name).await;
        tenant
    }

    async fn make_tenant(&self, tenant: TenantId, name: &str) {
        let create = tenant::Create {
            slug: format!("{name}-{}", &tenant.0.simple().to_string()[20..]),
            name: name.to_owned(),
            plan: None,
            settings: TenantSettings::starting(KeyFormat::default()),
        };
        self.execute(tenant.into(), Command::Tenant(vec![TenantCommand::Create(create)])).await;
    }

    pub async fn admin(&self) -> tokio_postgres::Client {
        connect(&self.database).await
    }

    pub async fn execute(&self, stream: StreamId, command: Command) -> Map<String, Value> {
        let order = Order::of(
            stream,
            command,
            Caller {
                actor: Actor::System,
                client_ip: "127.0.0.1".parse().ok(),
                request_id: "bench".to_owned(),
            },
        );
        self.house.ledger.execute(order).await.expect("a command").answer.body
    }

    pub async fn mint(&self, expires_at: Option<Timestamp>) -> (CredentialId, String) {
        self.mint_in(self.tenant, expires_at).await
    }

    pub async fn mint_in(&self, tenant: TenantId, expires_at: Option<Timestamp>) -> (CredentialId, String) {
        let id = CredentialId(self.foundation.vault.uuid(self.house.clock.now().millis()));
        let create = Create {
            name: "ci-runner".to_owned(),
            description: String::new(),
            metadata: Map::new(),
            scopes: Scope::parse("logs:read").ok().map(|scope| vec![scope]),
            expires_at,
            ip_rules: IpRules::default(),
            rate_limit: OwnRateLimit::Default,
            owner: None,
            registration: None,
        };
        let made = self
            .execute(id.into(), Command::Credential(tenant, None, vec![CredentialCommand::Create(create)]))
            .await;
        (id, made["secret"].as_str().expect("a secret").to_owned())
    }

    pub async fn revoke(&self, id: CredentialId) {
        let revoke = Revoke { reason: Reason::Other, note: None };
        self.execute(
            id.into(),
            Command::Credential(self.tenant, None, vec![CredentialCommand::Revoke(revoke)]),
        )
        .await;
    }

    /// So many mints by so many callers; what was made, and mints a second.
    pub async fn mint_many(
        self: &Arc<Self>,
        count: u64,
        callers: usize,
        expires_at: Option<Timestamp>,
    ) -> (Vec<(CredentialId, String)>, f64) {
        let left = Arc::new(AtomicU64::new(count));
        let began = BootTime::now();
        let tasks: Vec<_> = (0..callers)
            .map(|_| {
                let (world, left) = (self.clone(), left.clone());
                tokio::spawn(async move {
                    let mut made = Vec::new();
                    while left
                        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                        .is_ok()
                    {
                        made.push(world.mint(expires_at).await);
                    }
                    made
                })
            })
            .collect();
        let mut made = Vec::new();
        for task in tasks {
            made.extend(task.await.expect("a caller"));
        }
        let seconds = BootTime::now().since(began).as_secs_f64();
        (made, count as f64 / seconds)
    }
}

/// As the one who owns the tables.
pub async fn connect(database: &str) -> tokio_postgres::Client {
    let config: tokio_postgres::Config = database.parse().expect("a database");
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client
}

pub fn micros(span: Duration) -> f64 {
    span.as_secs_f64() * 1e6
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
