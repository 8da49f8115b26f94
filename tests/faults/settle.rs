//! P1: an outcome that a broken connection hides is found out, and every caller is told the truth about it.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use crate::cut_off::CutOff;
use crate::library;
use crate::proxy::Cut;
use crate::random::{Random, rounds};
use crate::support::client::{Request, Response};
use crate::support::service::{Actor, Service, eventually, text};

const APPEND: &str = "credledger.append(";
const REGISTER: &str = "credledger.register_writer(";
const SETTLE: &str = "credledger.settle(";
const CALLERS: usize = 8;

struct House {
    cut_off: CutOff,
    tenant: String,
}

impl House {
    fn new() -> Self {
        let cut_off = CutOff::start();
        let tenant = cut_off.service.root().tenant("settled", json!({})).id;
        House { cut_off, tenant }
    }

    fn mint(&self, own: &Actor, id: &str) -> Request {
        let path = format!("/api/admin/v1/tenants/{}/keys", self.tenant);
        own.request("POST", &path).header("X-Request-Id", id).json(&json!({"name": id}))
    }

    /// Each caller mints one key at the same time as the others; answers by the requests' ids.
    fn mint_together(&self, round: &str) -> BTreeMap<String, Response> {
        std::thread::scope(|scope| {
            let callers: Vec<_> = (0..CALLERS)
                .map(|caller| {
                    let (own, id) = (self.cut_off.service.root(), format!("{round}-{caller}"));
                    scope.spawn(move || (id.clone(), own.send(&self.mint(&own, &id))))
                })
                .collect();
            callers.into_iter().map(|caller| caller.join().expect("a caller")).collect()
        })
    }

    fn is_ready_again(&self) {
        let own = self.cut_off.service.anonymous();
        eventually(|| (own.get("/readyz").status == 200).then_some(()))
            .expect("the service goes on by itself");
    }

    /// The positions of each request's events.
    fn written(&self, events: &[credledger::ledger::read::Positioned]) -> HashMap<String, Vec<u64>> {
        let mut written: HashMap<String, Vec<u64>> = HashMap::new();
        for event in events {
            written.entry(event.recorded.request_id.clone()).or_default().push(event.position);
        }
        written
    }

    /// What everybody was told is what the database has.
    fn told_the_truth(&self, answers: &BTreeMap<String, Response>) {
        library::block_on(async {
            let database = self.cut_off.database.open().await;
            let vault = std::sync::Arc::new(library::vault(&self.cut_off.service));
            let foundation = credledger::ops::house::Foundation { database, vault, append_only: true };
            let written = self.written(&library::events(&foundation).await);
            for (id, answer) in answers {
                let there = written.get(id).map(Vec::as_slice).unwrap_or_default();
                let body = answer.json();
                match (answer.status, body["code"].as_str()) {
                    (201, _) => assert_eq!(there, [body["position"].as_u64().expect("a position")], "{id}"),
                    (503, Some("unavailable")) => assert!(there.is_empty(), "{id} was written: {body}"),
                    (503, Some("outcome_unknown")) => assert!(there.len() <= 1, "{id} was written twice"),
                    _ => panic!("{id}: {body}"),
                }
            }
        });
    }
}

fn code(answer: &Response) -> Value {
    answer.json()["code"].clone()
}

#[test]
fn p1_a_connection_lost_with_a_batch_on_it_is_settled_and_every_caller_told_truly() {
    let house = House::new();
    let mut random = Random::for_test("settle");
    let mut answers = BTreeMap::new();
    for round in 0..rounds(18, 300) {
        let cut = [Cut::BeforeTheStatement, Cut::BeforeTheAnswer, Cut::Meanwhile][round as usize % 3];
        let before = house.cut_off.proxy.cuts();
        house.cut_off.proxy.cut_next(APPEND, cut);
        // now and then the asking is lost as well
        let twice = random.one_in(3);
        let told = std::thread::scope(|scope| {
            let told = scope.spawn(|| house.mint_together(&format!("round-{round}")));
            if twice {
                eventually(|| (house.cut_off.proxy.cuts() > before).then_some(())).expect("a cut");
                house.cut_off.proxy.cut_next(SETTLE, cut);
            }
            told.join().expect("the callers")
        });
        assert!(house.cut_off.proxy.cuts() > before, "{cut:?}");
        for (id, answer) in &told {
            assert_eq!(answer.status, 201, "{cut:?}: it could be found out for {id}: {}", answer.text());
        }
        answers.extend(told);
    }
    house.told_the_truth(&answers);
    house.is_ready_again();
}

#[test]
fn p1_outcome_unknown_is_told_only_when_it_cannot_be_found_out_and_a_repeat_finds_it() {
    for cut in [Cut::BeforeTheStatement, Cut::BeforeTheAnswer] {
        let house = House::new();
        let own = house.cut_off.service.root();
        let repeatable = house.mint(&own, "repeatable").header("Idempotency-Key", "settle-it");
        house.cut_off.proxy.cut_next_and_refuse(APPEND, cut);
        let told = own.send(&repeatable);
        told.problem(503, "outcome_unknown");
        // Nothing can be sent at all: nothing was done, and that is known.
        let refused = own.send(&house.mint(&own, "refused"));
        assert_eq!((refused.status, code(&refused)), (503, json!("unavailable")));
        house.cut_off.proxy.heal();
        house.is_ready_again();
        let repeated = own.send(&repeatable).expect(201);
        let again = own.send(&repeatable);
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        assert_eq!(again.expect(201), repeated);
        house.cut_off.service.gateway().verify(&text(&repeated["secret"])).is_accepted();
        let answers = BTreeMap::from([("repeatable".to_owned(), told), ("refused".to_owned(), refused)]);
        house.told_the_truth(&answers);
    }
}

#[test]
fn p1_a_late_copy_of_a_lost_batch_never_commits_and_nobody_waits_for_ever() {
    let house = House::new();
    house.cut_off.proxy.freeze_at(APPEND);
    let told = house.mint_together("frozen");
    assert!(house.cut_off.proxy.is_frozen());
    for (id, answer) in &told {
        assert_eq!(answer.status, 503, "{id}: {}", answer.text());
    }
    // What was held back reaches the server only now.
    house.cut_off.proxy.heal();
    house.is_ready_again();
    let after = house.mint_together("after");
    assert!(after.values().all(|answer| answer.status == 201));
    house.told_the_truth(&told);
    house.told_the_truth(&after);
}

/// A connection that is made has its bound; so has what it is told before it is lent.
#[test]
fn p12_a_connection_that_freezes_while_it_becomes_its_role_keeps_nobody_waiting() {
    let house = House::new();
    let path = format!("/api/admin/v1/tenants/{}", house.tenant);
    house.cut_off.proxy.freeze_at("set role credledger_app");
    let told: Vec<Response> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                let own = house.cut_off.service.root();
                let path = &path;
                scope.spawn(move || own.get(path))
            })
            .collect();
        callers.into_iter().map(|caller| caller.join().expect("a caller")).collect()
    });
    assert!(house.cut_off.proxy.is_frozen());
    assert!(told.iter().any(|answer| answer.status == 503));
    assert!(told.iter().all(|answer| matches!(answer.status, 200 | 503)));
    house.cut_off.proxy.heal();
    house.is_ready_again();
    house.cut_off.service.root().get(&path).expect(200);
}

#[test]
fn p1_adatabase_that_comes_and_goes_leaves_no_duplicate_and_the_service_goes_on_by_itself() {
    let house = House::new();
    let mut answers = BTreeMap::new();
    for round in 0..rounds(4, 40) {
        house.cut_off.proxy.refuse();
        let told = house.mint_together(&format!("away-{round}"));
        // Unknown, where the service saw the loss only when it had sent the batch.
        assert!(told.values().all(|answer| answer.status == 503), "{told:?}");
        answers.extend(told);
        house.cut_off.proxy.heal();
        house.is_ready_again();
        let told = house.mint_together(&format!("back-{round}"));
        assert!(told.values().all(|answer| answer.status == 201), "{told:?}");
        answers.extend(told);
    }
    house.told_the_truth(&answers);
}

#[test]
fn p1_a_connection_lost_before_the_batch_was_sent_is_told_as_nothing_changed() {
    let house = House::new();
    let mut answers = BTreeMap::new();
    for (round, cut) in
        [Cut::BeforeTheStatement, Cut::BeforeTheAnswer, Cut::Meanwhile].into_iter().enumerate()
    {
        house.cut_off.proxy.refuse();
        answers.extend(house.mint_together(&format!("away-{round}")));
        house.cut_off.proxy.cut_next(REGISTER, cut);
        house.cut_off.proxy.heal();
        let before = house.cut_off.proxy.cuts();
        let told = house.mint_together(&format!("registering-{round}"));
        assert!(house.cut_off.proxy.cuts() > before, "{cut:?}");
        for (id, answer) in &told {
            let told = (answer.status, answer.json()["code"].clone());
            assert!(
                answer.status == 201 || told == (503, json!("unavailable")),
                "{cut:?}, {id}: {}",
                answer.text()
            );
        }
        answers.extend(told);
        house.is_ready_again();
    }
    house.told_the_truth(&answers);
}

#[test]
fn p1_a_primary_that_becomes_a_standby_and_keeps_its_connections_is_left_for_a_new_one() {
    let service = Service::start_private(&[]);
    let own = service.root();
    let tenant = own.tenant("demoted", json!({}));
    tenant.mint("before");
    let writers = || {
        library::block_on(async {
            let sql = "select pid from pg_stat_activity where query like '%credledger.append(%' and pid <> pg_backend_pid()";
            let rows = library::superuser(&service).await.query(sql, &[]).await.expect("the sessions");
            rows.iter().map(|row| row.get::<_, i32>(0)).collect::<Vec<_>>()
        })
    };
    let set = |sql: &str| {
        library::block_on(async {
            let superuser = library::superuser(&service).await;
            superuser.execute(sql, &[]).await.expect("a setting");
            superuser.execute("select pg_reload_conf()", &[]).await.expect("a reload");
        });
    };
    let [writer] = writers()[..] else { panic!("one session appends") };
    // As after a demotion: the sessions live on and can only read.
    set("alter system set default_transaction_read_only = on");
    let path = format!("/api/admin/v1/tenants/{}/keys", tenant.id);
    let refused = || {
        let answer = own.send(&own.request("POST", &path).json(&json!({"name": "meanwhile"})));
        (answer.status == 503).then_some(())
    };
    eventually(refused).expect("nothing can be written");
    eventually(|| (!writers().contains(&writer)).then_some(()))
        .expect("the session that can't write is given up");
    set("alter system reset default_transaction_read_only");
    let minted = || {
        let answer = own.send(&own.request("POST", &path).json(&json!({"name": "after"})));
        (answer.status == 201).then_some(())
    };
    eventually(minted).expect("the service goes on by itself");
}
