//! The part of the metrics that tells how the writing side is doing: commands, batches, queues, connections.

use super::app::App;
use super::metrics::{gauge, heading, line};
use crate::ledger::tally::{Histogram, Lane, Outcome};

pub fn tell(page: &mut String, app: &App) {
    let tally = app.ledger.tally();
    heading(page, "credledger_commands_total", "counter", "Commands by whose they were and how they ended.");
    for lane in Lane::ALL {
        for outcome in Outcome::ALL {
            let (own, word, count) = (lane.word(), outcome.word(), tally.commands(lane, outcome));
            line(
                page,
                format_args!("credledger_commands_total{{lane=\"{own}\",outcome=\"{word}\"}} {count}"),
            );
        }
    }
    histogram(
        page,
        "credledger_batch_commands",
        "Commands in each batch that was appended.",
        (&tally.batch_commands, 1.0),
    );
    histogram(
        page,
        "credledger_append_seconds",
        "How long each append of a batch took.",
        (&tally.append_micros, 1e6),
    );
    heading(page, "credledger_queue_commands", "gauge", "Commands that wait for a batch.");
    for lane in Lane::ALL {
        let (own, waiting) = (lane.word(), app.ledger.waiting(lane));
        line(page, format_args!("credledger_queue_commands{{lane=\"{own}\"}} {waiting}"));
    }
    gauge(
        page,
        "credledger_queue_claims",
        "Ids of assertions and proofs that wait to be claimed for their one use.",
        &app.once.waiting(),
    );
    let due = tally.due_since().map_or(0, |since| app.now().millis_since(since));
    gauge(
        page,
        "credledger_due_age_seconds",
        "For how long the oldest end is due that came by time and is not recorded.",
        &(due as f64 / 1e3),
    );
    let warning = tally.warning_since().map_or(0, |since| app.now().millis_since(since));
    gauge(
        page,
        "credledger_warning_age_seconds",
        "For how long the oldest warning of an end that is near is due and is not recorded.",
        &(warning as f64 / 1e3),
    );
    behind(page, app);
    signing_keys(page, app);
    usage(page, app);
    connections(page, app);
}

fn usage(page: &mut String, app: &App) {
    let (now, pending) = (app.now(), app.usage.pending(app.now()));
    gauge(
        page,
        "credledger_usage_pending_rows",
        "Different calls that are counted in memory and not in the database yet.",
        &pending.rows,
    );
    heading(page, "credledger_usage_dropped_total", "counter", "Calls that there was no room to count.");
    line(page, format_args!("credledger_usage_dropped_total {}", pending.dropped));
    gauge(
        page,
        "credledger_usage_flush_age_seconds",
        "How long ago all that was due to be written of usage was written.",
        &(pending.lag_ms as f64 / 1e3),
    );
    gauge(
        page,
        "credledger_usage_roll_up_age_seconds",
        "How old what is written of usage and not added up may be.",
        &(app.usage.lag.millis(now) as f64 / 1e3),
    );
}

fn behind(page: &mut String, app: &App) {
    let head = app.ledger.progress().applied;
    heading(
        page,
        "credledger_behind_events",
        "gauge",
        "Events that what follows behind the ledger does not hold yet.",
    );
    for (name, reach) in app.reached.now() {
        let events = head.saturating_sub(reach.applied);
        line(page, format_args!("credledger_behind_events{{projection=\"{name}\"}} {events}"));
    }
    heading(page, "credledger_behind_stopped", "gauge", "1 when it met an event that it can't take in.");
    for (name, reach) in app.reached.now() {
        let stopped = u8::from(reach.stopped);
        line(page, format_args!("credledger_behind_stopped{{projection=\"{name}\"}} {stopped}"));
    }
}

/// 0 and 0 while none signs.
fn signing_keys(page: &mut String, app: &App) {
    let (age, overdue) = app.keyring.age(app.now()).unwrap_or_default();
    gauge(
        page,
        "credledger_signing_key_age_seconds",
        "For how long the key has signed that signs access tokens now.",
        &age.as_secs(),
    );
    gauge(
        page,
        "credledger_signing_key_overdue",
        "1 when that key has signed for longer than it should, and the next one has to be brought.",
        &u8::from(overdue),
    );
}

fn connections(page: &mut String, app: &App) {
    let pools = app.ledger.database().pools();
    heading(page, "credledger_pool_connections", "gauge", "Connections to the database by pool and state.");
    for (pool, usage) in pools {
        for (state, count) in [("in_use", usage.in_use), ("idle", usage.idle), ("most", usage.most)] {
            line(
                page,
                format_args!("credledger_pool_connections{{pool=\"{pool}\",state=\"{state}\"}} {count}"),
            );
        }
    }
    heading(page, "credledger_pool_waiting", "gauge", "Requests that wait for a connection of the pool.");
    for (pool, usage) in pools {
        line(page, format_args!("credledger_pool_waiting{{pool=\"{pool}\"}} {}", usage.waiting));
    }
}

/// What was counted, in units of which one is `1 / scale`.
fn histogram(page: &mut String, name: &str, help: &str, (counted, scale): (&Histogram, f64)) {
    heading(page, name, "histogram", help);
    let read = counted.read();
    for (bound, within) in read.within {
        line(page, format_args!("{name}_bucket{{le=\"{}\"}} {within}", bound as f64 / scale));
    }
    line(page, format_args!("{name}_bucket{{le=\"+Inf\"}} {}", read.count));
    line(page, format_args!("{name}_sum {}", read.sum as f64 / scale));
    line(page, format_args!("{name}_count {}", read.count));
}
