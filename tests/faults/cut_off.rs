//! A service whose way to its database can be broken.

use crate::library;
use crate::proxy::Proxy;
use crate::support::service::Service;
use crate::support::{Postgres, TestDatabase};

pub struct CutOff {
    // in this order: the service stops before its database is dropped
    pub service: Service,
    pub proxy: Proxy,
    pub database: TestDatabase,
}

impl CutOff {
    pub fn start() -> Self {
        let database = library::block_on(Postgres::database());
        let proxy = Proxy::to(&database.url);
        let (url, admin_url) = (proxy.url(&database.url), database.admin_url.clone());
        let flags =
            ["--database-url", &url, "--database-admin-url", &admin_url, "--allow-unsafe-database", "true"];
        let service = Service::start_private(&flags);
        CutOff { service, proxy, database }
    }
}
