//! Tenants do not see each other (P8): whoever reads the database without a tenant's scope stands here with the reason. What an
//! operator's request reads of a tenant goes through `Database::ask` and `Database::scope`, where row-level security holds it.

use std::collections::BTreeMap;

use super::source::sources;

/// Where the role that sees every tenant is used: (file, how often, why). This list may only shrink.
const SYSTEM: [(&str, usize, &str); 10] = [
    ("src/cluster/lease.rs", 2, "leases and the head: no tenant's rows"),
    ("src/http/health.rs", 1, "asks whether the database answers, and reads nothing"),
    ("src/ledger/doorbell.rs", 1, "rings and listens: no rows at all"),
    ("src/ledger/follow.rs", 1, "follows every tenant's events into the view"),
    ("src/ledger/store.rs", 2, "the kernel's event store names streams and no tenant; no door leads to it"),
    (
        "src/ops/house.rs",
        3,
        "the ledger's head at the start; a rebuild and the list of old peppers: every tenant's events",
    ),
    (
        "src/ops/housekeeping/mod.rs",
        1,
        "ends that came by time or are near, of all tenants; forgets old answers",
    ),
    ("src/ops/rotate_key.rs", 2, "seals every kept answer anew, on the machine; no door leads to it"),
    ("src/projections/behind/projector.rs", 1, "fills what follows behind with every tenant's events"),
    ("src/projections/load.rs", 1, "loads every tenant into the view"),
];

/// The pools' own room makes the role; it reads no tenant's rows by itself.
const POOLS: &str = "src/db/pool.rs";

const USES: [&str; 2] = [".system()", "connect_dedicated(Role::System)"];

#[test]
fn whatever_reads_every_tenant_stands_in_the_list_with_its_reason() {
    let sources = sources();
    let uses = |code: &str| -> usize {
        let dense: String = code.split_whitespace().collect();
        USES.iter().map(|call| dense.matches(call).count()).sum::<usize>()
    };
    let found: BTreeMap<&str, usize> = sources
        .iter()
        .filter(|source| source.name != POOLS)
        .map(|source| (source.name.as_str(), uses(&source.code)))
        .filter(|(_, times)| *times > 0)
        .collect();
    let listed: BTreeMap<&str, usize> = SYSTEM.iter().map(|(file, times, _)| (*file, *times)).collect();
    assert_eq!(
        found, listed,
        "the list may only shrink: read a tenant's rows through Database::ask or Database::scope"
    );
}

#[test]
fn every_connection_of_its_own_names_its_role_in_place() {
    let named = ["connect_dedicated(Role::System)", "connect_dedicated(Role::Append)"];
    let unnamed: Vec<String> = sources()
        .iter()
        .filter(|source| source.name != POOLS)
        .filter(|source| {
            let dense: String = source.code.split_whitespace().collect();
            let all = dense.matches("connect_dedicated(").count();
            all != named.iter().map(|call| dense.matches(call).count()).sum::<usize>()
        })
        .map(|source| source.name.clone())
        .collect();
    assert_eq!(unnamed, Vec::<String>::new(), "a role in a variable escapes the list above");
}
