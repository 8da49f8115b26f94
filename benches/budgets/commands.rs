//! S7, S8, S22: what a mint costs.

use std::sync::Arc;

use credledger::clock::BootTime;
use credledger::domain::ids::CredentialId;

use super::Line;
use super::bare::{self, Sizes};
use super::world::{World, median, micros};

const BATCH: usize = 256;
const ROUNDS: u64 = 8;

/// S7: 256 callers in one process against a bare group-commit writer, in turns; then the rest of the keys.
pub async fn mints(world: &Arc<World>, keys: u64, lines: &mut Vec<Line>) -> Vec<(CredentialId, String)> {
    let writer = world.admin().await;
    let (mut made, _) = world.mint_many(2_000.min(keys), BATCH, None).await;
    let sizes = sizes(world).await;
    let (mut own, mut limit, mut position) = (Vec::new(), Vec::new(), 0i64);
    for _ in 0..ROUNDS {
        let (more, rate) = world.mint_many(20_000.min(keys / 10), BATCH, None).await;
        made.extend(more);
        own.push(rate);
        let began = BootTime::now();
        for _ in 0..40 {
            bare::insert(&writer, position, BATCH, sizes).await;
            position += BATCH as i64;
        }
        limit.push((40 * BATCH) as f64 / BootTime::now().since(began).as_secs_f64());
    }
    let (own, limit) = (median(own), median(limit));
    lines.push(Line {
        row: "S7",
        what: "mints in one process, 256 callers".to_owned(),
        figure: format!("{own:.0}/s"),
        limit: format!("{limit:.0}/s bare inserts of {BATCH}"),
        ratio: own / limit,
        budget: "≥ 0.6",
        met: own / limit >= 0.6,
    });
    let missing = keys.saturating_sub(made.len() as u64);
    made.extend(world.mint_many(missing, BATCH, None).await.0);
    made
}

/// S8, its second half: one mint with nothing else going on.
pub async fn lone_mint(world: &Arc<World>, lines: &mut Vec<Line>) {
    let writer = world.admin().await;
    let sizes = sizes(world).await;
    let (mut own, mut limit) = (Vec::new(), Vec::new());
    for round in 0..200 {
        let began = BootTime::now();
        world.mint(None).await;
        own.push(micros(BootTime::now().since(began)));
        let began = BootTime::now();
        bare::insert(&writer, i64::MAX / 2 + round, 1, sizes).await;
        limit.push(micros(BootTime::now().since(began)));
    }
    let (own, limit) = (median(own), median(limit));
    lines.push(Line {
        row: "S8",
        what: "one lone mint, in process".to_owned(),
        figure: format!("{own:.0} µs"),
        limit: format!("{limit:.0} µs bare insert"),
        ratio: own / limit,
        budget: "≤ 3",
        met: own / limit <= 3.0,
    });
}

/// S22: bytes on disk against the entry's own bytes.
pub async fn disk(world: &Arc<World>, lines: &mut Vec<Line>) {
    const SIZE: &str = "select sum(pg_total_relation_size(c.oid))::float8 from pg_class c join pg_namespace n on n.oid = c.relnamespace \
                        where n.nspname = 'credledger' and c.relkind = 'r'";
    const ENTRIES: &str = "select count(*)::float8, avg(octet_length(entry))::float8 from credledger.events where type = 'api_key.created'";
    let admin = world.admin().await;
    admin.batch_execute("checkpoint").await.expect("a checkpoint");
    let bytes: f64 = admin.query_one(SIZE, &[]).await.expect("a size").get(0);
    let row = admin.query_one(ENTRIES, &[]).await.expect("a count");
    let (mints, entry): (f64, f64) = (row.get(0), row.get(1));
    let own = bytes / mints;
    lines.push(Line {
        row: "S22",
        what: format!("bytes on disk a mint, of {mints:.0}"),
        figure: format!("{own:.0} B"),
        limit: format!("{entry:.0} B entry"),
        ratio: own / entry,
        budget: "≤ 6",
        met: own / entry <= 6.0,
    });
}

/// The texts of some keys that are revoked now: the first of those that were made.
pub async fn revoke_some(world: &Arc<World>, made: &[(CredentialId, String)]) -> Vec<String> {
    let some = &made[..1_000.min(made.len() / 10)];
    for (id, _) in some {
        world.revoke(*id).await;
    }
    some.iter().map(|(_, secret)| secret.clone()).collect()
}

/// What a mint really writes.
async fn sizes(world: &Arc<World>) -> Sizes {
    const SIZES: &str = "select (select avg(octet_length(entry))::int from credledger.events where type = 'api_key.created'), \
        (select avg(octet_length(slots::text))::int from credledger.personal), \
        (select avg(octet_length(record))::int from credledger.credentials), \
        (select avg(octet_length(record))::int from credledger.secrets)";
    let row = world.admin().await.query_one(SIZES, &[]).await.expect("sizes");
    let size = |column: usize| usize::try_from(row.get::<_, i32>(column)).unwrap_or(0);
    Sizes { entry: size(0), slots: size(1), credential: size(2), secret: size(3) }
}
