//! S20: people's revokes while many credentials expire in the same second.

use std::sync::Arc;
use std::time::Duration;

use credledger::activity::usage::Usage;
use credledger::clock::BootTime;
use credledger::domain::ids::CredentialId;
use credledger::ops::housekeeping;
use credledger::tokens::keyring::Keyring;
use tokio::sync::watch;

use super::Line;
use super::world::{World, micros};

const REVOKES: usize = 1_000;

pub async fn mass_expiry(world: &Arc<World>, count: u64, lines: &mut Vec<Line>) {
    let quiet = percentile(&revoke_some(world).await, 0.99);
    // Later than they are all made, at half the rate of the first few.
    let (_, rate) = world.mint_many(2_000, 256, None).await;
    let making = (count as f64 / rate * 2.0) as u32 + 20;
    let soon = world.house.clock.now().plus_seconds(making);
    world.mint_many(count, 256, Some(soon)).await;
    let (stop, told) = watch::channel(false);
    let (ledger, view) = (world.house.ledger.clone(), world.house.view.clone());
    let keeping = tokio::spawn(housekeeping::run(
        ledger.clone(),
        world.house.lease.clone(),
        housekeeping::Kept {
            keyring: Arc::new(Keyring::new(ledger, view, Duration::from_secs(24 * 60 * 60))),
            usage: Arc::new(Usage::new(0, world.house.clock.now(), Box::new(|_| false))),
            calls: None,
        },
        Arc::new(|| 0),
        told,
    ));
    while world.house.clock.now() <= soon {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let busy = percentile(&revoke_some(world).await, 0.99);
    stop.send_replace(true);
    keeping.await.expect("housekeeping");
    lines.push(Line {
        row: "S20",
        what: format!("a revoke's p99 while {count} credentials expire"),
        figure: format!("{busy:.0} µs"),
        limit: format!("{quiet:.0} µs with nothing else"),
        ratio: busy / quiet,
        budget: "≤ 1.5",
        met: busy / quiet <= 1.5,
    });
}

/// How long each of some revokes took, one after the other.
async fn revoke_some(world: &Arc<World>) -> Vec<f64> {
    let (made, _) = world.mint_many(REVOKES as u64, 64, None).await;
    let ids: Vec<CredentialId> = made.into_iter().map(|(id, _)| id).collect();
    let mut took = Vec::with_capacity(ids.len());
    for id in ids {
        let began = BootTime::now();
        world.revoke(id).await;
        took.push(micros(BootTime::now().since(began)));
    }
    took.sort_by(f64::total_cmp);
    took
}

fn percentile(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() as f64 * share) as usize).min(sorted.len() - 1)]
}
