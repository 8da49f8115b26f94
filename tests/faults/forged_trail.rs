//! Write access to the database shows nobody what isn't theirs, and makes no history (P7): a row of the trail that was moved, changed
//! or made up is told to nobody, and an event that was changed stops what is made of it, and nothing else.

use serde_json::{Value, json};

use crate::library;
use crate::support::service::{Actor, Service, Tenant, eventually};

pub fn execute(service: &Service, sql: &str) -> u64 {
    let sql = sql.to_owned();
    library::block_on(async move {
        let admin = service.database.as_ref().expect("a database of the tests").admin().await;
        // Whoever owns the tables may turn the triggers off.
        admin
            .batch_execute("alter table credledger.events disable trigger all")
            .await
            .expect("the owner's right");
        admin.execute(&sql, &[]).await.expect("a forgery")
    })
}

fn audit(actor: &Actor, tenant: &Tenant<'_>) -> u16 {
    actor.get_caught_up(&format!("{}/audit?limit=500", tenant.path())).status
}

#[test]
fn a_row_of_the_trail_that_was_touched_is_told_to_nobody() {
    let service = Service::start();
    let root = service.root();
    let (one, other) = (root.tenant("one", json!({})), root.tenant("other", json!({})));
    let key = one.mint("first");
    key.edit(json!({"scopes": ["a.b"]}));
    one.mint("second");
    let head = root.get_caught_up(&format!("{}/audit?order=desc&limit=1", one.path())).expect(200);
    let position = head["data"][0]["position"].as_u64().expect("a position");
    let (mine, theirs) = (&one.id, &other.id);
    let forgeries = [
        (
            "it is moved to another tenant",
            format!("update credledger.trail set tenant_id = '{theirs}' where position = {position}"),
            &other,
        ),
        (
            "it is copied into another tenant's",
            format!(
                "insert into credledger.trail select ledger_id, '{theirs}', position, true, type, family, at_ms, stream_id, version, \
                 subject_id, actor_id, client_ip, shown_version, name_version, changes, mac from credledger.trail where position = {position}"
            ),
            &other,
        ),
        (
            "what was before is another",
            format!(
                "update credledger.trail set changes = replace(changes, '[[]', '[[1]') where tenant_id = '{mine}' and changes is not null"
            ),
            &one,
        ),
        (
            "it says another type",
            format!("update credledger.trail set type = 'api_key.revoked' where position = {position}"),
            &one,
        ),
        (
            "it says another actor",
            format!("update credledger.trail set actor_id = subject_id where position = {position}"),
            &one,
        ),
        (
            "it says another time",
            format!("update credledger.trail set at_ms = at_ms - 1 where position = {position}"),
            &one,
        ),
        (
            "it has another version",
            format!("update credledger.trail set version = 2 where position = {position}"),
            &one,
        ),
    ];
    execute(&service, "create table kept as select * from credledger.trail");
    for (what, sql, seen_by) in forgeries {
        assert_eq!(audit(&root, seen_by), 200, "before {what}");
        let touched = execute(&service, &sql);
        let told = root.get_caught_up(&format!("{}/audit?limit=500", seen_by.path()));
        assert_eq!(told.status, 500, "{what}");
        assert!(touched > 0, "{what}");
        told.problem(500, "internal");
        execute(&service, "delete from credledger.trail");
        execute(&service, "insert into credledger.trail select * from kept");
    }
    // Changed beside its row, an event shows nobody a foreign one.
    execute(
        &service,
        &format!("update credledger.events set tenant_id = '{theirs}' where position = {position}"),
    );
    assert_eq!(audit(&root, &other), 200);
    assert_eq!(audit(&root, &one), 500);
}

#[test]
fn an_event_that_was_changed_stops_the_trail_loudly_and_no_verdict() {
    let mut service = Service::start();
    let root = service.root();
    let tenant = root.tenant("one", json!({}));
    let key = tenant.mint("first");
    tenant.mint("second");
    assert_eq!(audit(&root, &tenant), 200);
    service.stop();
    execute(&service, "delete from credledger.trail");
    execute(&service, "update credledger.trail_progress set applied = 0");
    execute(
        &service,
        "update credledger.events set mac = set_byte(mac, 10, get_byte(mac, 10) # 1) where position = (select max(position) from credledger.events where type = 'api_key.created')",
    );
    service.start_again();
    let root = service.root();
    let tenant = tenant.seen_by(&root);
    let stopped = eventually(|| {
        let answer = root.get(&format!("{}/audit", tenant.path()));
        let problem: Value = answer.json();
        (answer.status == 503 && problem["code"] == "unavailable").then_some(problem)
    });
    assert!(stopped.expect("it stops")["detail"].as_str().is_some_and(|detail| detail.contains("log")));
    root.get("/api/admin/v1/ledger/events").problem(503, "unavailable");
    let log = service.log();
    assert_eq!(log.matches("what follows behind the ledger stopped").count(), 1, "{log}");
    // Nothing else suffers.
    service.gateway().verify(&key.secret).is_accepted();
    root.get(&key.path).expect(200);
}

#[test]
fn while_the_database_is_away_the_trail_says_so_and_catches_up_by_itself() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("one", json!({}));
    tenant.mint("first");
    assert_eq!(audit(&root, &tenant), 200);
    execute(&service, "alter table credledger.trail rename to away");
    tenant.mint("second");
    root.get(&format!("{}/audit", tenant.path())).problem(503, "behind");
    execute(&service, "alter table credledger.away rename to trail");
    let told = eventually(|| {
        let answer = root.get(&format!("{}/audit?type=api_key.*", tenant.path()));
        (answer.status == 200).then(|| answer.json())
    });
    let told = told.expect("it catches up");
    assert_eq!(told["data"].as_array().map(Vec::len), Some(2));
    let log = service.log();
    assert!(log.contains("waits for the database") && log.contains("filling what follows behind"), "{log}");
}
