//! The ledger of a running service, opened beside it through the library.
#![allow(dead_code)] // each test binary uses its part of this

use std::sync::Arc;

use credledger::db::{Database, DatabaseUrl, Settings};
use credledger::ledger::read::{Positioned, Reader};
use credledger::ops::house::{Foundation, LEDGER};
use credledger::vault::{MasterKeys, Vault};
use tokio_postgres::Client;

use super::support::connect;
use super::support::service::Service;

/// More than one page of `follow`, so that reading in pages is part of it.
const PAGE: i64 = 700;

/// What a test does through the library, on a runtime of its own.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(work)
}

pub fn settings(service: &Service) -> Settings {
    match &service.database {
        Some(database) => database.settings(),
        None => {
            let host = service.data_dir().join("run");
            let url = |user: &str| {
                DatabaseUrl::from(format!("host={} user={user} dbname=credledger", host.display()))
            };
            Settings { admin_url: Some(url("postgres")), ..Settings::at(url("credledger_service")) }
        }
    }
}

pub fn vault(service: &Service) -> Vault {
    Vault::new(&MasterKeys::read(&service.data_dir().join("master.key")).expect("the service's master keys"))
}

pub async fn foundation(service: &Service) -> Foundation {
    let database = Database::open(&settings(service)).await.expect("the service's database");
    Foundation { database, vault: Arc::new(vault(service)), append_only: true }
}

/// As the superuser of the server.
pub async fn superuser(service: &Service) -> Client {
    match &service.database {
        Some(database) => database.admin().await,
        None => {
            let host = service.data_dir().join("run");
            let url = format!("host={} user=postgres dbname=credledger", host.display());
            connect(&url.parse().expect("our own text")).await
        }
    }
}

/// The whole ledger, dense from 0.
pub async fn events(foundation: &Foundation) -> Vec<Positioned> {
    let reader = Reader { ledger: LEDGER, vault: foundation.vault.clone() };
    let client = foundation.database.system().await.expect("a connection");
    let mut events: Vec<Positioned> = Vec::new();
    loop {
        let page = reader.events(&client, events.len() as u64, PAGE).await.expect("events that are ours");
        let last = (page.len() as i64) < PAGE;
        for event in page {
            assert_eq!(event.position, events.len() as u64, "positions are dense");
            events.push(event);
        }
        if last {
            return events;
        }
    }
}

pub async fn whole_ledger(service: &Service) -> Vec<Positioned> {
    events(&foundation(service).await).await
}
