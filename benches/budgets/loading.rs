//! S6: from rows to a view that answers, against draining the same rows.

use std::sync::Arc;

use credledger::clock::BootTime;
use credledger::db::{CopyReader, Role};
use credledger::ops::house::LEDGER;
use credledger::projections::active::ActiveView;
use credledger::projections::load;

use super::Line;
use super::world::{World, median};

const ROUNDS: usize = 3;

pub async fn load(world: &Arc<World>, lines: &mut Vec<Line>) {
    let (database, vault) = (&world.foundation.database, &world.foundation.vault);
    let (mut own, mut limit, mut rows) = (Vec::new(), Vec::new(), 0u64);
    for _ in 0..ROUNDS {
        let view = ActiveView::new().expect("room");
        let began = BootTime::now();
        load::load(database, LEDGER, vault, &view).await.expect("a view");
        own.push(BootTime::now().since(began).as_secs_f64());
        rows = view.counts().credentials;
        drop(view);
        let began = BootTime::now();
        drain(world).await;
        limit.push(BootTime::now().since(began).as_secs_f64());
    }
    let (own, limit) = (median(own), median(limit));
    lines.push(Line {
        row: "S6",
        what: format!("ready with {rows} credentials"),
        figure: format!("{own:.2} s"),
        limit: format!("{limit:.2} s COPY of the same rows"),
        ratio: own / limit,
        budget: "≤ 2",
        met: own / limit <= 2.0,
    });
}

async fn drain(world: &Arc<World>) {
    let connection = world.foundation.database.connect_dedicated(Role::System).await.expect("a connection");
    for (_, query) in load::QUERIES {
        let rows = connection.copy_out(query).await.expect("rows");
        let mut rows = CopyReader::new(Box::pin(rows));
        while rows.next().await.expect("a row").is_some() {}
    }
}
