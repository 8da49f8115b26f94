//! S9, S10, S21: the whole ledger folded again, every projection built anew from it, and a whole tenant suspended.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use credledger::clock::BootTime;
use credledger::db::{CopyReader, Dedicated, Role, Settings};
use credledger::domain::command::Command;
use credledger::domain::ids::TenantId;
use credledger::domain::stream::StreamState;
use credledger::domain::tenant::{self, TenantCommand};
use credledger::ledger::read::Reader;
use credledger::ops::house::LEDGER;
use credledger::ops::migrate::Schema;
use futures::{SinkExt, StreamExt, TryStreamExt};

use super::Line;
use super::world::{World, median, micros};

const ROUNDS: usize = 3;
const SUSPENSIONS: usize = 100;

/// What a fold reads, as it is stored.
const COLUMNS: &str = "copy (select e.position, e.stream_id, e.entry, e.mac, p.slots from credledger.events e \
    left join credledger.personal p on p.ledger_id = e.ledger_id and p.stream_id = e.stream_id and p.version = e.version) \
    to stdout (format binary)";

/// S9: every event from the database into its stream's state.
pub async fn replay(world: &Arc<World>, lines: &mut Vec<Line>) {
    let reader = Reader { ledger: LEDGER, vault: world.foundation.vault.clone() };
    let source = source(world).await;
    let (mut own, mut limit, mut events) = (Vec::new(), Vec::new(), 0u64);
    for _ in 0..ROUNDS {
        let began = BootTime::now();
        events = fold_all(&reader, &source).await;
        own.push(events as f64 / BootTime::now().since(began).as_secs_f64());
        let began = BootTime::now();
        let rows = source.copy_out(COLUMNS).await.expect("rows");
        let (mut rows, mut drained) = (CopyReader::new(Box::pin(rows)), 0u64);
        while rows.next().await.expect("a row").is_some() {
            drained += 1;
        }
        assert_eq!(drained, events, "both read all there is");
        limit.push(drained as f64 / BootTime::now().since(began).as_secs_f64());
    }
    let (own, limit) = (median(own), median(limit));
    lines.push(Line {
        row: "S9",
        what: format!("{events} events folded into states"),
        figure: format!("{own:.0}/s"),
        limit: format!("{limit:.0}/s COPY of the same columns"),
        ratio: own / limit,
        budget: "≥ 0.6",
        met: own / limit >= 0.6,
    });
}

async fn fold_all(reader: &Reader, source: &Dedicated) -> u64 {
    let events = reader.by_stream(source).await.expect("events");
    let mut events = pin!(events);
    let (mut state, mut stream, mut count) = (StreamState::Empty, None, 0);
    while let Some(event) = events.try_next().await.expect("an event") {
        if stream.replace(event.recorded.stream) != Some(event.recorded.stream) {
            state = StreamState::Empty;
        }
        state = state.folded(event.recorded).expect("an event that folds");
        count += 1;
    }
    std::hint::black_box(&state);
    count
}

/// S10: every projection from the events, against putting the same rows into tables of the same shape and indexes.
pub async fn rebuild(world: &Arc<World>, lines: &mut Vec<Line>) {
    let names: Vec<&'static str> = Schema::EMBEDDED.projections.iter().map(|each| each.name).collect();
    let settings = Settings::at(world.database.clone());
    let admin = world.admin().await;
    let (mut own, mut limit, mut rows) = (Vec::new(), Vec::new(), 0);
    for _ in 0..ROUNDS {
        let began = BootTime::now();
        let rebuilt = world.foundation.rebuild(&settings, &names).await.expect("a rebuild");
        own.push(BootTime::now().since(began).as_secs_f64());
        rows = rebuilt.rows;
        let mut stored = HashMap::new();
        for name in &names {
            stored.insert(*name, copied_out(&admin, name).await);
        }
        let began = BootTime::now();
        for name in &names {
            copy_in(&admin, name, stored.remove(name).unwrap_or_default()).await;
        }
        limit.push(BootTime::now().since(began).as_secs_f64());
    }
    let (own, limit) = (median(own), median(limit));
    lines.push(Line {
        row: "S10",
        what: format!("{rows} rows of every projection built anew"),
        figure: format!("{own:.1} s"),
        limit: format!("{limit:.1} s COPY in of the same rows"),
        ratio: own / limit,
        budget: "≤ 3",
        met: own / limit <= 3.0,
    });
}

async fn copied_out(admin: &tokio_postgres::Client, table: &str) -> Vec<Bytes> {
    let out = format!("copy credledger.{table} to stdout (format binary)");
    let pieces = admin.copy_out(&out).await.expect("rows");
    pieces.map(|piece| piece.expect("a piece")).collect().await
}

async fn copy_in(admin: &tokio_postgres::Client, table: &str, pieces: Vec<Bytes>) {
    let fresh = format!(
        "drop schema if exists built cascade; create schema built; \
         create table built.{table} (like credledger.{table} including all)"
    );
    admin.batch_execute(&fresh).await.expect("a table");
    let into = format!("copy built.{table} from stdin (format binary)");
    let mut sink = pin!(admin.copy_in(&into).await.expect("a table to copy into"));
    for piece in pieces {
        sink.send(piece).await.expect("a piece");
    }
    sink.finish().await.expect("rows");
}

/// S21: a tenant of many keys against one of ten, from the request to its enforcement on this node.
pub async fn suspend(world: &Arc<World>, keys: u64, lines: &mut Vec<Line>) {
    let small = world.another_tenant("small").await;
    for _ in 0..10 {
        world.mint_in(small, None).await;
    }
    let (mut own, mut limit) = (Vec::new(), Vec::new());
    for _ in 0..SUSPENSIONS {
        own.push(suspended(world, world.tenant).await);
        limit.push(suspended(world, small).await);
    }
    let (own, limit) = (median(own), median(limit));
    lines.push(Line {
        row: "S21",
        what: format!("a tenant of {keys} keys suspended"),
        figure: format!("{own:.0} µs"),
        limit: format!("{limit:.0} µs one of ten keys"),
        ratio: own / limit,
        budget: "≤ 1.2",
        met: own / limit <= 1.2,
    });
}

/// How long a suspension took, which is taken back.
async fn suspended(world: &Arc<World>, tenant: TenantId) -> f64 {
    let command = |command| Command::Tenant(vec![command]);
    let began = BootTime::now();
    world.execute(tenant.into(), command(TenantCommand::Suspend(tenant::Suspend))).await;
    let took = micros(BootTime::now().since(began));
    world.execute(tenant.into(), command(TenantCommand::Resume(tenant::Resume))).await;
    took
}

async fn source(world: &Arc<World>) -> Dedicated {
    let source = world.foundation.database.connect_dedicated(Role::System).await.expect("a connection");
    source.batch_execute("set statement_timeout = 0").await.expect("a long reader");
    source
}
