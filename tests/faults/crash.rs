//! P1 and P10 under SIGKILL: what was acknowledged is there, what was not is there wholly or not at all, and a repeat with its
//! Idempotency-Key gets the answer that was lost.

mod check;
mod writer;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::json;

use self::check::Checked;
use self::writer::{Attempt, Writer};
use crate::processes::{cluster, postmaster, title};
use crate::random::{Random, rounds};
use crate::rebuild::assert_equal_to_a_rebuild;
use crate::support::service::{Actor, Service, eventually, signal_process};

const WRITERS: u64 = 32;
/// Acknowledged writes before the kill, at most; how many it is, is chance.
const BEFORE_THE_KILL: u64 = 200;
/// Acknowledged writes after a server came back on its own.
const AFTER_IT_CAME_BACK: u64 = 20;

#[derive(Clone, Copy, Debug)]
enum Victim {
    Service,
    Postgres,
    /// one process of it, after which it starts all its others anew
    OneOfPostgres,
    Both,
}

const VICTIMS: [Victim; 4] = [Victim::Service, Victim::Postgres, Victim::OneOfPostgres, Victim::Both];

#[test]
fn p1_what_was_acknowledged_survives_kills_and_p10_its_repeats_get_the_same_answer() {
    let mut random = Random::for_test("crash");
    let mut service = Service::start_private(&[]);
    let tenant = service.root().tenant("killed", json!({})).id;
    let token = |actor: Actor| actor.token.clone().expect("a token");
    // What an admin of the tenant reads leaves no row, and so no seal among the positions.
    let (gateway, admin) = (token(service.gateway()), token(service.operator("org_admin", &[&tenant])));
    let first = service.root().get("/readyz").expect(200)["position"].as_u64().expect("a position") + 1;
    let mut writers: Vec<Writer> = (0..WRITERS).map(|number| Writer::new(number, random.fork())).collect();
    let mut checked = Checked::new(tenant.clone(), (gateway, admin), first);
    for round in 0..rounds(30, 300) {
        let victim = VICTIMS[random.below(VICTIMS.len() as u64) as usize];
        let moment = 1 + random.below(BEFORE_THE_KILL);
        let attempts = write_until_killed(&mut service, &mut writers, &tenant, round, (victim, moment));
        checked.round(&service, attempts);
    }
    let events = assert_equal_to_a_rebuild(&service);
    assert_eq!(events.len() as u64, checked.next_position());
}

/// Everybody writes; at the moment the victim dies. Returns when the service is ready again.
fn write_until_killed(
    service: &mut Service,
    writers: &mut [Writer],
    tenant: &str,
    round: u64,
    (victim, moment): (Victim, u64),
) -> Vec<Attempt> {
    let (going, acknowledged) = (AtomicBool::new(true), AtomicU64::new(0));
    let reached = |count: u64| (acknowledged.load(Ordering::Relaxed) >= count).then_some(());
    let attempts = std::thread::scope(|scope| {
        let service: &Service = service;
        let writing: Vec<_> = writers
            .iter_mut()
            .map(|writer| {
                let (own, going, acknowledged) = (service.root(), &going, &acknowledged);
                scope.spawn(move || writer.write(&own, tenant, round, going, acknowledged))
            })
            .collect();
        eventually(|| reached(moment)).expect("writes are acknowledged");
        let dying = kill(service, victim);
        if victim.leaves_the_service() {
            // Until then the old processes may still answer, and nothing would have come back.
            let any_left = || cluster(service).iter().any(|pid| dying.contains(pid));
            eventually(|| (!any_left()).then_some(())).expect("the killed server goes down");
            let own = service.anonymous();
            eventually(|| (own.get("/readyz").status == 200).then_some(())).expect("it goes on by itself");
            let before = acknowledged.load(Ordering::Relaxed);
            eventually(|| reached(before + AFTER_IT_CAME_BACK)).expect("writes are acknowledged again");
        }
        going.store(false, Ordering::Relaxed);
        writing.into_iter().flat_map(|writing| writing.join().expect("a writer")).collect()
    });
    if !victim.leaves_the_service() {
        service.kill();
        service.start_again();
    }
    attempts
}

impl Victim {
    fn leaves_the_service(self) -> bool {
        matches!(self, Victim::Postgres | Victim::OneOfPostgres)
    }
}

/// Returns the server's processes that end by it.
fn kill(service: &Service, victim: Victim) -> Vec<u32> {
    let postmaster = postmaster(service).expect("a private PostgreSQL");
    let mut dying = cluster(service);
    if matches!(victim, Victim::Postgres | Victim::Both) {
        signal_process(postmaster, "-KILL");
    }
    if matches!(victim, Victim::OneOfPostgres) {
        dying.retain(|pid| *pid != postmaster);
        // One that never ends by itself: else it might be gone before the signal, and nothing would happen.
        let lasting = dying.iter().find(|pid| title(**pid).contains("walwriter"));
        signal_process(*lasting.expect("a process that writes the log"), "-KILL");
    }
    if matches!(victim, Victim::Service | Victim::Both) {
        signal_process(service.pid(), "-KILL");
    }
    dying
}
