//! What was counted, brought and added up: whatever happens in between, the numbers are those of the calls.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use credledger::activity::usage::flush::Flusher;
use credledger::activity::usage::read::{Range, Whose};
use credledger::activity::usage::roll_up::Round;
use credledger::activity::usage::{Outcome, Process, Usage, Use};
use credledger::clock::Timestamp;
use credledger::db::Errand;
use credledger::domain::access::Reason;
use credledger::domain::ids::{CredentialId, SecretId, TenantId};
use credledger::limits;
use credledger::ops::house::{Foundation, House, LEDGER};
use tokio::sync::watch;
use uuid::Uuid;

use super::count;
use crate::random::Random;
use crate::support::{Postgres, TestDatabase};

const HOUR_MS: i64 = 60 * 60 * 1000;

struct World {
    database: TestDatabase,
    key_file: PathBuf,
    house: House,
}

impl World {
    async fn new() -> World {
        let database = Postgres::database().await;
        let key_file = std::env::temp_dir().join(format!("credledger-usage-{}.key", Uuid::now_v7().simple()));
        let foundation = Foundation::lay(&database.settings(), false, &key_file).await.expect("a foundation");
        let house = House::open_beside(&foundation).await.expect("a house");
        World { database, key_file, house }
    }

    fn now(&self) -> Timestamp {
        self.house.clock.now()
    }

    fn usage(&self, rows: usize) -> Arc<Usage> {
        Arc::new(Usage::with_room(7, self.now(), Box::new(|_| false), rows))
    }

    /// As at a stop: all that was counted is brought.
    async fn flush(&self, usage: &Arc<Usage>) {
        self.flusher(usage).run(watch::channel(true).1).await;
        assert_eq!(usage.pending(self.now()).rows, 0);
    }

    fn flusher(&self, usage: &Arc<Usage>) -> Flusher {
        Flusher {
            usage: usage.clone(),
            database: self.house.ledger.database().clone(),
            clock: self.house.clock.clone(),
            vault: self.house.ledger.reader().vault.clone(),
            ledger: LEDGER,
            every: Duration::from_secs(3600),
        }
    }

    async fn portion(&self, usage: &Usage, round: &mut Option<Round>) {
        let from = round.take().unwrap_or_else(|| Round::begun(self.now()));
        let portion = from.portion(self.house.ledger.database(), LEDGER, &usage.lag).await;
        *round = portion.expect("added up");
    }

    async fn calls_of(&self, usage: &Usage, of: &Known, by_day: bool) -> i64 {
        let range = self.range(by_day);
        let whose =
            Whose { ledger: LEDGER, tenant: of.tenant, credential: Some((of.credential, &of.secrets)) };
        let counts = usage.counts(self.house.ledger.database(), whose, range).await.expect("counts");
        counts.values().sum()
    }

    fn range(&self, by_day: bool) -> Range {
        let (now, step) = (self.now().millis(), Range::step_ms(by_day));
        let from_ms = (now - 72 * HOUR_MS).div_euclid(step) * step;
        Range { by_day, from_ms, to_ms: (now / step + 1) * step }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.key_file);
    }
}

/// A credential with two secrets, and how often they were used.
struct Known {
    tenant: TenantId,
    credential: CredentialId,
    secrets: [SecretId; 2],
    made: i64,
    accepted: i64,
}

impl Known {
    fn in_tenant(tenant: TenantId) -> Known {
        let secrets = [SecretId(Uuid::now_v7()), SecretId(Uuid::now_v7())];
        Known { tenant, credential: CredentialId(Uuid::now_v7()), secrets, made: 0, accepted: 0 }
    }

    fn call(&mut self, usage: &Usage, random: &mut Random, now: Timestamp) {
        let outcomes = [Outcome::Accepted, Outcome::RateLimited, Outcome::Refused(Reason::IpDenied)];
        let outcome = outcomes[random.below(3) as usize];
        let back = random.below(50) as i64 * HOUR_MS;
        self.made += 1;
        self.accepted += i64::from(outcome == Outcome::Accepted);
        usage.count(&Use {
            tenant: self.tenant,
            credential: self.credential,
            secret: self.secrets[random.below(2) as usize],
            operation: [None, Some("list"), Some("write")][random.below(3) as usize],
            client_ip: [None, Some([192, 0, 2, random.below(4) as u8].into())][random.below(2) as usize],
            outcome,
            at: Timestamp::from_millis(now.millis() - back).expect("an instant"),
        });
    }
}

#[tokio::test]
async fn whatever_was_flushed_added_up_or_restarted_in_between_each_call_counts_once() {
    let world = World::new().await;
    let mut random = Random::for_test("usage");
    let tenants = [TenantId(Uuid::now_v7()), TenantId(Uuid::now_v7())];
    let mut known: Vec<Known> = (0..6).map(|place| Known::in_tenant(tenants[place % 2])).collect();
    let (mut usage, mut round) = (world.usage(1_000_000), None);
    for _ in 0..300 {
        match random.below(20) {
            0 => world.flush(&usage).await,
            1 | 2 => world.portion(&usage, &mut round).await,
            // A stop brings what was counted; the next start knows nothing of it.
            3 => {
                world.flush(&usage).await;
                (usage, round) = (world.usage(1_000_000), None);
            }
            4 | 5 => {
                let of = &known[random.below(6) as usize];
                for by_day in [false, true] {
                    assert_eq!(world.calls_of(&usage, of, by_day).await, of.made);
                }
            }
            _ => {
                let (place, now) = (random.below(6) as usize, world.now());
                known[place].call(&usage, &mut random, now);
            }
        }
    }
    let database = world.house.ledger.database();
    for turn in 0..2 {
        for of in &known {
            let addresses =
                Whose { ledger: LEDGER, tenant: of.tenant, credential: Some((of.credential, &of.secrets)) };
            assert_eq!(world.calls_of(&usage, of, false).await, of.made);
            let seen = usage.addresses(database, addresses, world.range(false)).await.expect("addresses");
            assert!(seen.seen.len() <= 4 && !seen.left_out);
            assert!(seen.seen.iter().map(|(_, seen)| seen.accepted).sum::<i64>() <= of.accepted);
        }
        for tenant in tenants {
            let whose = Whose { ledger: LEDGER, tenant, credential: None };
            let counts = usage.counts(database, whose, world.range(true)).await.expect("counts");
            let made: i64 = known.iter().filter(|of| of.tenant == tenant).map(|of| of.made).sum();
            assert_eq!(counts.values().sum::<i64>(), made);
        }
        if turn == 0 {
            world.flush(&usage).await;
            // What is left of the round that is under way, and a whole one.
            while round.is_some() {
                world.portion(&usage, &mut round).await;
            }
            world.portion(&usage, &mut round).await;
        }
    }
    assert_eq!(count(&world.database.admin().await, "usage_deltas").await, 0, "all of it is added up");
}

#[tokio::test]
async fn a_flush_whose_answer_was_lost_counts_once_when_it_is_sent_again() {
    let world = World::new().await;
    let mut first = world.database.role("credledger_writer").await;
    let second = world.database.role("credledger_writer").await;
    let (flush, id) = (Uuid::now_v7(), Uuid::now_v7());
    let record = format!(
        "select credledger.record_usage(1, '{flush}', array['{id}'::uuid], array['{id}'::uuid], array['{id}'::uuid], array[3600000::bigint], \
         array['o'], array['accepted'], array[7::bigint], array[3600001::bigint], array[3600002::bigint], array[null::inet], array[false])"
    );
    for (ends, added) in [("rollback", true), ("commit", false)] {
        // The connection of the first is lost while its transaction is still under way.
        let begun = first.transaction().await.expect("a transaction");
        assert!(begun.query_one(&record, &[]).await.expect("recorded").get::<_, bool>(0));
        let again = second.query_one(&record, &[]);
        let ended = async {
            match ends {
                "commit" => begun.commit().await,
                _ => begun.rollback().await,
            }
        };
        let (again, ended) = tokio::join!(again, ended);
        ended.expect(ends);
        assert_eq!(again.expect("sent again").get::<_, bool>(0), added, "{ends}");
        if added {
            second.batch_execute("set role credledger_writer").await.expect("a role");
            let admin = world.database.admin().await;
            admin.batch_execute("delete from credledger.usage_flushes; delete from credledger.usage_deltas; delete from credledger.usage_of_tenants").await.expect("begun anew");
        }
    }
    let admin = world.database.admin().await;
    assert_eq!(count(&admin, "usage_deltas").await, 1);
    let of_tenant =
        admin.query_one("select sum(calls)::bigint from credledger.usage_of_tenants where not by_day", &[]);
    assert_eq!(of_tenant.await.expect("a sum").get::<_, i64>(0), 7);
}

#[tokio::test]
async fn of_a_secrets_addresses_those_seen_last_stay_and_it_is_told_that_there_were_others() {
    let world = World::new().await;
    let usage = world.usage(1_000_000);
    let of = Known::in_tenant(TenantId(Uuid::now_v7()));
    let (kept, now) = (limits::USAGE_ADDRESSES as u32, world.now().millis());
    let mut made = 0;
    for portion in 0..4 {
        for number in 0..kept / 2 {
            let from = portion * (kept / 2) + number;
            usage.count(&Use {
                tenant: of.tenant,
                credential: of.credential,
                secret: of.secrets[0],
                operation: None,
                client_ip: Some(std::net::Ipv4Addr::from(from).into()),
                outcome: Outcome::Accepted,
                at: Timestamp::from_millis(now - 1000 + i64::from(from)).expect("an instant"),
            });
            made += 1;
        }
        world.flush(&usage).await;
        world.portion(&usage, &mut None).await;
    }
    let whose = Whose { ledger: LEDGER, tenant: of.tenant, credential: Some((of.credential, &of.secrets)) };
    let seen =
        usage.addresses(world.house.ledger.database(), whose, world.range(false)).await.expect("addresses");
    assert!(seen.left_out);
    let numbers: Vec<u32> = seen
        .seen
        .iter()
        .map(|(ip, _)| {
            u32::from_be_bytes(match ip {
                std::net::IpAddr::V4(ip) => ip.octets(),
                std::net::IpAddr::V6(_) => panic!("an address of the other kind"),
            })
        })
        .collect();
    assert_eq!(numbers, (kept..2 * kept).rev().collect::<Vec<_>>());
    assert_eq!(count(&world.database.admin().await, "usage_addresses").await, i64::from(kept));
    assert_eq!(world.calls_of(&usage, &of, false).await, made);
}

#[tokio::test]
async fn what_could_not_be_counted_is_recorded_and_told_to_whom_it_belongs() {
    let world = World::new().await;
    let usage = world.usage(limits::USAGE_SHARDS);
    let (mine, other) = (TenantId(Uuid::now_v7()), TenantId(Uuid::now_v7()));
    let mut random = Random::for_test("usage");
    let mut known: Vec<Known> = (0..500).map(|_| Known::in_tenant(mine)).collect();
    for of in &mut known {
        of.call(&usage, &mut random, world.now());
    }
    let dropped = usage.pending(world.now()).dropped;
    assert!(dropped > 0);
    for turn in ["in memory", "in the database"] {
        let told = async |tenant| {
            let asked = (world.range(false), world.now());
            usage
                .missing(world.house.ledger.database(), Errand::Reading, (LEDGER, tenant), asked)
                .await
                .expect("gaps")
        };
        let gaps = told(Some(mine)).await;
        assert_eq!(gaps.iter().map(|gap| gap.calls as u64).sum::<u64>(), dropped, "{turn}");
        assert!(gaps.iter().all(|gap| gap.tenant == Some(mine) && gap.from_ms <= gap.to_ms));
        assert_eq!(told(Some(other)).await, [], "{turn}");
        assert_eq!(told(None).await, gaps, "{turn}");
        world.flush(&usage).await;
    }
}

#[tokio::test]
async fn the_database_takes_the_same_outcomes_for_use_as_memory_does() {
    let database = Postgres::database().await;
    let app = database.role("credledger_app").await;
    for outcome in Outcome::all() {
        let asked = app.query_one("select credledger.counts_as_use($1)", &[&outcome.word()]).await;
        let here: bool = asked.expect("an answer").get(0);
        assert_eq!(here, outcome.counts_as_use(), "{}", outcome.word());
    }
}

/// (from, brought, over) of each process.
async fn spans(world: &World) -> Vec<(i64, i64, Option<i64>)> {
    let admin = world.database.admin().await;
    let select = "select from_ms, brought_ms, over_ms from credledger.usage_spans order by boot";
    let rows = admin.query(select, &[]).await.expect("spans");
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

#[tokio::test]
async fn it_is_written_down_from_when_to_when_each_process_counted_and_who_ended_without_a_word() {
    let world = World::new().await;
    let process = |boot: u128| Process { node: Uuid::from_u128(9), boot: Uuid::from_u128(boot) };
    let usage = |boot| {
        let usage = Usage::with_room(7, world.now(), Box::new(|_| false), 1000);
        Arc::new(usage.of_process(process(boot)))
    };
    let (in_order, crashed, alive, own) = (usage(1), usage(2), usage(3), usage(4));
    for each in [&in_order, &crashed, &alive, &own] {
        world.flusher(each).begin().await.expect("begun");
    }
    let began = spans(&world).await;
    assert!(began.iter().all(|(from, brought, over)| from == brought && over.is_none()), "{began:?}");
    world.flush(&in_order).await;
    let admin = world.database.admin().await;
    let lease = "insert into credledger.nodes (ledger_id, node, boot, applied, started_at_ms, renewed_at_ms, expires_at_ms)
                 values (1, $1, $2, 0, 0, 0, 9000000000000)";
    admin.execute(lease, &[&process(3).node, &process(3).boot]).await.expect("a lease");
    for _ in 0..2 {
        let settled = own.settle_spans(world.house.ledger.database(), LEDGER, world.now()).await;
        settled.expect("settled");
    }
    let told = spans(&world).await;
    let [first, second, third, last] = told[..] else { panic!("{told:?}") };
    assert_eq!(first.2, Some(first.1), "it ended in order, and brought all");
    assert!(second.2.is_some_and(|over| over > second.1), "what it counted last is lost: {told:?}");
    assert_eq!(
        (third.2, last.2),
        (None, None),
        "whoever holds a lease may count still, and whoever asks does"
    );
    // It was taken for dead, and goes on.
    world.flusher(&crashed).begin().await.expect("begun");
    assert_eq!(spans(&world).await[1].2, None);
    let later = Timestamp::from_millis(world.now().millis() + 500 * 24 * HOUR_MS).expect("an instant");
    own.settle_spans(world.house.ledger.database(), LEDGER, later).await.expect("settled");
    let kept = spans(&world).await;
    assert_eq!(kept.len(), 2, "those that were over so long ago are forgotten: {kept:?}");
}

#[tokio::test]
async fn who_brought_nothing_for_longer_than_a_pause_counts_anew_from_when_it_is_back() {
    let database = Postgres::database().await;
    let writer = database.role("credledger_writer").await;
    let admin = database.admin().await;
    let boot = Uuid::now_v7();
    for (brought, from, told) in [(1000, 1000, 1000), (1500, 1000, 1500), (2001, 2001, 2001), (1, 2001, 2001)]
    {
        let keep = "select credledger.keep_usage_span(1, $1, $1, 1000, $2, null, 500)";
        writer.execute(keep, &[&boot, &i64::from(brought)]).await.expect("kept");
        let row = admin.query_one("select from_ms, brought_ms from credledger.usage_spans", &[]).await;
        let row = row.expect("a span");
        assert_eq!((row.get(0), row.get(1)), (i64::from(from), i64::from(told)));
    }
}

#[tokio::test]
async fn usage_of_another_tenant_is_out_of_sight() {
    let world = World::new().await;
    let usage = world.usage(1_000_000);
    let (mut random, now) = (Random::for_test("usage"), world.now());
    let mut of = Known::in_tenant(TenantId(Uuid::now_v7()));
    (0..20).for_each(|_| of.call(&usage, &mut random, now));
    usage.count_unknown(Outcome::Refused(Reason::Malformed), Some(of.tenant), now);
    world.flush(&usage).await;
    let app = world.database.role("credledger_app").await;
    let other = Uuid::now_v7();
    for rolled in [false, true] {
        for (tenant, sees) in [(of.tenant.0, true), (other, false)] {
            let begin = format!("begin; select set_config('credledger.tenant', '{tenant}', true)");
            app.batch_execute(&begin).await.expect("a scope");
            let tables: &[&str] = match rolled {
                false => &["usage_deltas", "usage_of_tenants", "usage_unknown"],
                true => &[
                    "usage_of_credentials",
                    "usage_last",
                    "usage_addresses",
                    "usage_of_tenants",
                    "usage_unknown",
                ],
            };
            for table in tables {
                assert_eq!(count(&app, table).await > 0, sees, "{table}");
            }
            app.batch_execute("rollback").await.expect("its end");
        }
        world.portion(&usage, &mut None).await;
    }
    for table in ["usage_deltas", "usage_last"] {
        let changed = app.batch_execute(&format!("delete from credledger.{table}")).await;
        assert!(changed.is_err(), "the app role changes nothing");
    }
}
