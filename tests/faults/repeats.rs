//! P10: whoever gets no answer sends the same request again, and again; it has one effect and one answer all the same, whatever
//! became of the connections of the callers and of those to the database.

mod caller;
mod writes;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use self::caller::{Answered, insist};
use self::writes::{Effect, World, Write};
use crate::cut_off::CutOff;
use crate::proxy::Cut;
use crate::random::{Random, rounds};
use crate::support::service::{Actor, eventually, text};

/// Whatever a write asks of the database may be lost: its append, the look for an answer that is there, the question what became of
/// a batch, a new writer.
const STATEMENTS: [&str; 5] = [
    "credledger.append(",
    "credledger.append(",
    "credledger.read_answer(",
    "credledger.settle(",
    "credledger.register_writer(",
];
const CUTS: [Cut; 3] = [Cut::BeforeTheStatement, Cut::BeforeTheAnswer, Cut::Meanwhile];

#[test]
fn p10_a_write_that_is_repeated_over_broken_connections_has_one_effect_and_one_answer() {
    let mut random = Random::for_test("repeats");
    let cut_off = CutOff::start();
    let gateway = cut_off.service.gateway();
    let cuts = cut_off.proxy.cuts();
    let (mut hung_up, mut replayed) = (BTreeMap::<&str, u64>::new(), 0);
    for round in 0..rounds(4, 100) {
        let root = cut_off.service.root();
        let writes = World::new(&root, round).writes();
        let before = position(&cut_off);
        let answers = send_all(&cut_off, &writes, &mut random);
        is_ready(&cut_off);
        let events: u64 = writes.iter().map(|write| write.events).sum();
        assert_eq!(
            position(&cut_off),
            before + events,
            "each write left its events once, and nothing else was written"
        );
        for (write, answered) in writes.iter().zip(&answers) {
            has_one_effect(&root, write, answered);
            works(&cut_off, &gateway, write, answered);
            answered.broken.iter().for_each(|how| *hung_up.entry(how).or_default() += 1);
            replayed += u64::from(answered.replayed);
        }
    }
    assert!(cut_off.proxy.cuts() > cuts, "no connection to the database was cut");
    assert!(hung_up.len() == 3 && hung_up.values().all(|often| *often > 10), "{hung_up:?}");
    assert!(replayed > 10, "only {replayed} were answered by what was kept");
}

fn position(cut_off: &CutOff) -> u64 {
    cut_off.service.anonymous().get("/readyz").expect(200)["position"].as_u64().expect("a position")
}

fn is_ready(cut_off: &CutOff) {
    let own = cut_off.service.anonymous();
    eventually(|| (own.get("/readyz").status == 200).then_some(())).expect("the service goes on by itself");
}

/// All at once, each until it has an answer, while connections to the database are lost.
fn send_all(cut_off: &CutOff, writes: &[Write], random: &mut Random) -> Vec<Answered> {
    let going = AtomicBool::new(true);
    std::thread::scope(|scope| {
        let (own, going) = (random.fork(), &going);
        let cutting = scope.spawn(move || cut_again_and_again(cut_off, own, going));
        let callers: Vec<_> = writes
            .iter()
            .map(|write| {
                let (own, address) = (random.fork(), cut_off.service.address());
                scope.spawn(move || insist(address, &write.request, own))
            })
            .collect();
        let answers: Vec<_> = callers.into_iter().map(|caller| caller.join()).collect();
        going.store(false, Ordering::Relaxed);
        cutting.join().expect("whoever cuts");
        // What was planned and not met is nobody's.
        cut_off.proxy.heal();
        answers.into_iter().map(|answered| answered.expect("a caller")).collect()
    })
}

fn cut_again_and_again(cut_off: &CutOff, mut random: Random, going: &AtomicBool) {
    let proxy = &cut_off.proxy;
    while going.load(Ordering::Relaxed) {
        if random.one_in(6) {
            proxy.refuse();
            proxy.heal();
            continue;
        }
        let cuts = proxy.cuts();
        let statement = STATEMENTS[random.below(STATEMENTS.len() as u64) as usize];
        proxy.cut_next(statement, CUTS[random.below(CUTS.len() as u64) as usize]);
        let over = || (proxy.cuts() > cuts || !going.load(Ordering::Relaxed)).then_some(());
        // A statement that nobody sends is not waited for: the append always comes, as long as anybody has no answer.
        if statement == STATEMENTS[0] {
            eventually(over).expect("a cut, or the end");
        }
    }
    proxy.forget_plan();
}

/// Read over HTTP: the resource is one change further, or there is exactly one that was made.
fn has_one_effect(root: &Actor, write: &Write, answered: &Answered) {
    let told = &answered.body;
    match &write.effect {
        Effect::Version { path, kind, version } => {
            let read = root.get(path).expect(200);
            assert_eq!(read["version"], *version, "{}: {read}", write.what);
            let told_version =
                kind.map_or(*version, |kind| told[kind]["version"].as_u64().expect("a version"));
            assert_eq!(told_version, *version, "{}: {told}", write.what);
        }
        Effect::OneIn { list, kind } => {
            let listed = root.get(list).expect(200);
            let ids: Vec<&Value> =
                listed["data"].as_array().expect("a list").iter().map(|one| &one["id"]).collect();
            assert_eq!(ids, [&told[*kind]["id"]], "{}: {told}", write.what);
        }
        Effect::Token { operator } => {
            let read = root.get(operator).expect(200);
            let there: Vec<&Value> =
                read["tokens"].as_array().expect("tokens").iter().map(|one| &one["id"]).collect();
            assert_eq!(there, [&told["token"]["id"]], "{}: {told}", write.what);
        }
    }
}

/// A secret that came with the answer is the one that works.
fn works(cut_off: &CutOff, gateway: &Actor, write: &Write, answered: &Answered) {
    let Some(secret) = answered.body["secret"].as_str() else { return };
    if matches!(write.effect, Effect::Token { .. }) {
        cut_off.service.actor(secret).get("/api/admin/v1/tenants?limit=1").expect(200);
        return;
    }
    let verdict = gateway.verify(secret);
    assert_eq!(verdict.is_accepted()["credential_id"], answered.body["key"]["id"], "{}", write.what);
}

#[test]
fn p10_of_many_who_take_one_slug_at_once_one_has_it() {
    const TAKERS: usize = 50;
    let cut_off = CutOff::start();
    let started = std::sync::Barrier::new(TAKERS);
    let answers: Vec<_> = std::thread::scope(|scope| {
        let takers: Vec<_> = (0..TAKERS)
            .map(|taker| {
                let (own, started) = (cut_off.service.root(), &started);
                scope.spawn(move || {
                    started.wait();
                    let body = json!({"name": format!("taker {taker}"), "slug": "taken"});
                    (taker, own.post("/api/admin/v1/tenants", &body))
                })
            })
            .collect();
        takers.into_iter().map(|taker| taker.join().expect("a taker")).collect()
    });
    let (made, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|(_, answer)| answer.status == 201);
    let [(taker, made)] = made.as_slice() else { panic!("{} have it", made.len()) };
    refused.iter().for_each(|(_, answer)| drop(answer.problem(409, "conflict")));
    let root = cut_off.service.root();
    let there = root.get("/api/admin/v1/tenants/taken").expect(200);
    assert_eq!(
        (&there["id"], &there["name"]),
        (&made.json()["tenant"]["id"], &json!(format!("taker {taker}")))
    );
    let listed = root.get("/api/admin/v1/tenants?limit=500").expect(200);
    let slugs: Vec<String> =
        listed["data"].as_array().expect("a list").iter().map(|one| text(&one["slug"])).collect();
    assert_eq!(slugs.iter().filter(|slug| *slug == "taken").count(), 1);
}
