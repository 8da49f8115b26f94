//! "Projections equal to a rebuild": what stands in the database is what the events alone amount to.

use std::collections::{BTreeMap, HashMap};

use credledger::db::Database;
use credledger::domain::ids::StreamId;
use credledger::domain::stream::StreamState;
use credledger::ledger::read::Positioned;
use credledger::ledger::{Applier, Inline, InlineRow};
use credledger::ops::house::{Foundation, LEDGER};
use credledger::projections::InlineProjections;
use credledger::projections::active::{ActiveView, ViewDump};
use credledger::projections::load::load;
use credledger::vault::{MAC_BYTES, Purpose, Vault};
use serde_json::Value;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::library;
use crate::support::service::Service;

const PROJECTIONS: [&str; 8] = [
    "signing_keys",
    "tenants",
    "members",
    "operators",
    "operator_tokens",
    "credentials",
    "secrets",
    "erasures",
];

/// Of a service that is at rest. Returns the ledger's events.
pub fn assert_equal_to_a_rebuild(service: &Service) -> Vec<Positioned> {
    library::block_on(async {
        let foundation = library::foundation(service).await;
        let events = library::events(&foundation).await;
        let loaded = loaded(&foundation.database, &foundation).await;
        let rebuilt = rebuilt(&events);
        assert_eq!(loaded.applied, events.len() as u64);
        assert_eq!(loaded.tenants, rebuilt.tenants);
        assert_eq!(loaded.members, rebuilt.members);
        assert_eq!(loaded.operators, rebuilt.operators);
        assert_eq!(loaded.credentials, rebuilt.credentials);
        assert_eq!(loaded.secrets, rebuilt.secrets);
        assert_eq!(loaded, rebuilt);
        let rows = stored_rows(&library::superuser(service).await, &foundation.vault).await;
        assert_rows(rows, folded_rows(&events));
        events
    })
}

async fn loaded(database: &Database, foundation: &Foundation) -> ViewDump {
    let view = ActiveView::new().expect("a view");
    load(database, LEDGER, &foundation.vault, &view).await.expect("rows that load");
    view.dump().expect("a view that answers")
}

fn rebuilt(events: &[Positioned]) -> ViewDump {
    let view = ActiveView::new().expect("a view");
    for event in events {
        view.apply(event.position, &event.recorded).expect("an event that fits");
    }
    view.dump().expect("a view that answers")
}

type Key = (&'static str, Uuid);

/// What the projections make of each stream's fold.
fn folded_rows(events: &[Positioned]) -> BTreeMap<Key, InlineRow> {
    let mut streams: HashMap<StreamId, StreamState> = HashMap::new();
    for event in events {
        let state = streams.remove(&event.recorded.stream).unwrap_or_default();
        let state = state.folded(event.recorded.clone()).expect("a stream that folds");
        streams.insert(event.recorded.stream, state);
    }
    let rows = streams.values().flat_map(|state| InlineProjections.rows(state, 0));
    rows.map(|row| ((row.projection, row.id), row)).collect()
}

struct Stored {
    tenant: Option<Uuid>,
    version: i32,
    record: Vec<u8>,
    columns: Value,
}

async fn stored_rows(client: &Client, vault: &Vault) -> BTreeMap<Key, Stored> {
    let mut stored = BTreeMap::new();
    for projection in PROJECTIONS {
        let query = format!(
            "select id, tenant_id, version, record, mac, to_jsonb(held) from credledger.{projection} held where ledger_id = $1"
        );
        for row in client.query(&query, &[&LEDGER]).await.expect("rows") {
            let (id, tenant) = (row.get::<_, Uuid>(0), row.get::<_, Option<Uuid>>(1));
            let (version, record) = (row.get::<_, i32>(2), row.get::<_, Vec<u8>>(3));
            let (version_bytes, own) = (version.to_be_bytes(), tenant.unwrap_or_default());
            let parts = InlineRow::mac_parts(projection, &id, &own, &version_bytes, &record);
            let mac: &[u8] = row.get(4);
            let own = &mac[..MAC_BYTES.min(mac.len())];
            assert!(vault.mac_holds(Purpose::Row, &parts, own), "the mac of {projection} {id}");
            stored.insert((projection, id), Stored { tenant, version, record, columns: row.get(5) });
        }
    }
    stored
}

fn assert_rows(stored: BTreeMap<Key, Stored>, folded: BTreeMap<Key, InlineRow>) {
    assert!(stored.keys().eq(folded.keys()), "the same rows stand there");
    for (key, row) in folded {
        let held = &stored[&key];
        assert_eq!(held.record, row.record, "{key:?}");
        assert_eq!(held.version.cast_unsigned(), row.version, "{key:?}");
        assert_eq!(held.tenant, row.tenant.map(|tenant| tenant.0), "{key:?}");
        for (name, fact) in row.facts.as_object().into_iter().flatten() {
            assert_eq!(held.columns[name], *fact, "{name} of {key:?}");
        }
    }
}
