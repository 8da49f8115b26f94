//! The append function: a verdict for each command of a batch, and what it leaves in the tables.

use uuid::Uuid;

use super::{BEHIND, DONE, count, start};
use crate::support::batch::{Batch, Done, LEDGER, SLOTS};

#[tokio::test]
async fn positions_run_from_zero_without_a_gap_in_the_order_of_commands() {
    let (database, writer) = start().await;
    let (a, b) = (Uuid::now_v7(), Uuid::now_v7());
    let mut batch = Batch::new();
    let first = batch.write(a, 0);
    batch.events.push((first, a, 2, None));
    batch.command();
    batch.write(b, 0);
    // the order within the arrays is not the order of commands
    batch.events.rotate_right(1);
    let done = writer.append(1000, &batch).await;
    let expected = Done {
        outcome: DONE,
        last_at_ms: Some(1000),
        first_position: Some(0),
        verdicts: vec![0, 0, 0],
        positions: vec![Some(1), None, Some(2)],
    };
    assert_eq!(done, expected);

    let mut next = Batch::new();
    next.write(a, 2);
    assert_eq!(writer.append(1000, &next).await.positions, [Some(3)]);
    let stored = database.admin().await;
    let rows = stored
        .query("select position, stream_id, version from credledger.events order by position", &[])
        .await
        .expect("events");
    let rows: Vec<(i64, Uuid, i32)> = rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    assert_eq!(rows, [(0, a, 1), (1, a, 2), (2, b, 1), (3, a, 3)]);
}

#[tokio::test]
async fn personal_values_come_back_as_they_were_written() {
    let (database, writer) = start().await;
    let stream = Uuid::now_v7();
    let mut batch = Batch::new();
    let command = batch.write(stream, 0);
    batch.personal.push((command, stream, 1, None));
    assert_eq!(writer.append(1000, &batch).await.verdicts, [DONE]);
    let reader = database.role("credledger_system").await;
    let by_id = format!("read_streams($1, array['{stream}'::uuid], 9)");
    for read in ["read_by_stream($1)", "read_events($1, 0, 9)", &by_id] {
        let sql = format!("select slots::text from credledger.{read}");
        let row = reader.query_one(&sql, &[&LEDGER]).await.expect("a row");
        assert_eq!(row.get::<_, &str>(0), SLOTS, "{read}");
    }
}

#[tokio::test]
async fn a_command_whose_stream_or_guard_has_moved_is_a_conflict_and_leaves_nothing() {
    let (database, writer) = start().await;
    let (tenant, key) = (Uuid::now_v7(), Uuid::now_v7());
    let mut first = Batch::new();
    first.write(tenant, 0);
    writer.append(1, &first).await;

    let mut batch = Batch::new();
    let stale = batch.write(key, 0);
    batch.guards.push((stale, tenant, 0));
    batch.personal.push((stale, key, 1, None));
    batch.claims.push((stale, 1, b"k".to_vec(), key));
    batch.quotas.push((stale, tenant, 1, None));
    batch.answers.push((stale, tenant, b"a".to_vec()));
    batch.rows.push((
        stale,
        "tenants",
        key,
        Some(key),
        1,
        r#"{"expiry_warning_ms": 0, "slug": "s"}"#.to_owned(),
    ));
    batch.write(tenant, 0);
    batch.write(tenant, 7);
    let done = writer.append(1, &batch).await;
    assert_eq!((done.outcome, done.verdicts, done.positions), (DONE, vec![1, 1, 1], vec![None; 3]));
    let admin = database.admin().await;
    for (table, rows) in
        [("events", 1), ("personal", 0), ("claims", 0), ("counters", 0), ("idempotency", 0), ("tenants", 0)]
    {
        assert_eq!(count(&admin, table).await, rows, "{table}");
    }
}

#[tokio::test]
async fn of_two_commands_in_a_batch_that_meet_the_later_is_a_conflict() {
    let (_database, writer) = start().await;
    let stream = Uuid::now_v7();
    let mut writes = Batch::new();
    writes.write(stream, 0);
    writes.write(stream, 0);
    let reader = writes.write(Uuid::now_v7(), 0);
    writes.guards.push((reader, stream, 0));
    assert_eq!(writer.append(1, &writes).await.verdicts, [0, 1, 1]);

    let mut reads_first = Batch::new();
    let reader = reads_first.write(Uuid::now_v7(), 0);
    reads_first.guards.push((reader, stream, 1));
    reads_first.write(stream, 1);
    assert_eq!(writer.append(1, &reads_first).await.verdicts, [0, 0]);

    let mut claims = Batch::new();
    let mut answers = Batch::new();
    for _ in 0..2 {
        let command = claims.command();
        claims.claims.push((command, 1, b"same".to_vec(), stream));
        let command = answers.command();
        answers.answers.push((command, stream, b"same".to_vec()));
    }
    assert_eq!(writer.append(1, &claims).await.verdicts, [0, 1]);
    assert_eq!(writer.append(1, &answers).await.verdicts, [0, 1]);
}

#[tokio::test]
async fn what_is_claimed_once_is_taken_for_ever_but_another_kind_is_free() {
    let (_database, writer) = start().await;
    let claim = |kind: i16| {
        let mut batch = Batch::new();
        let stream = Uuid::now_v7();
        let command = batch.write(stream, 0);
        batch.claims.push((command, kind, b"cl_live_abc".to_vec(), stream));
        batch
    };
    for (kind, verdict) in [(1, 0), (1, 2), (2, 0), (2, 2)] {
        assert_eq!(writer.append(1, &claim(kind)).await.verdicts, [verdict], "kind {kind}");
    }
}

#[tokio::test]
async fn what_is_claimed_already_is_taken_for_each_command_of_a_batch_that_claims_it_again() {
    let (_database, writer) = start().await;
    let three = || {
        let mut batch = Batch::new();
        for _ in 0..3 {
            let stream = Uuid::now_v7();
            let command = batch.write(stream, 0);
            batch.claims.push((command, 1, b"the same digest".to_vec(), stream));
        }
        batch
    };
    assert_eq!(writer.append(1, &three()).await.verdicts, [0, 1, 1]);
    assert_eq!(writer.append(1, &three()).await.verdicts, [2, 2, 2]);
}

#[tokio::test]
async fn an_idempotency_key_has_one_effect_and_is_told_before_any_conflict() {
    let (database, writer) = start().await;
    let (operator, stream) = (Uuid::now_v7(), Uuid::now_v7());
    let mut batch = Batch::new();
    let command = batch.write(stream, 0);
    batch.answers.push((command, operator, b"key".to_vec()));
    assert_eq!(writer.append(5, &batch).await.verdicts, [0]);
    batch.id = Uuid::now_v7();
    assert_eq!(writer.append(5, &batch).await.verdicts, [4]);
    // of another operator it is another key, and its own conflict is seen
    batch.id = Uuid::now_v7();
    batch.answers[0].1 = Uuid::now_v7();
    assert_eq!(writer.append(5, &batch).await.verdicts, [1]);
    let admin = database.admin().await;
    let row = admin
        .query_one("select position, at_ms, status from credledger.idempotency", &[])
        .await
        .expect("the one answer");
    assert_eq!((row.get(0), row.get(1), row.get(2)), (Some(0i64), 5i64, 201i16));
}

#[tokio::test]
async fn an_idempotency_key_is_taken_anew_once_its_answer_is_older_than_a_day() {
    const DAY_MS: i64 = 24 * 60 * 60 * 1000;
    let (database, writer) = start().await;
    let operator = Uuid::now_v7();
    let once = || {
        let mut batch = Batch::new();
        let command = batch.write(Uuid::now_v7(), 0);
        batch.answers.push((command, operator, b"key".to_vec()));
        batch
    };
    for (at_ms, verdict) in [(5, 0), (5 + DAY_MS, 4), (6 + DAY_MS, 0), (7 + DAY_MS, 4), (7 + 2 * DAY_MS, 0)] {
        assert_eq!(writer.append(at_ms, &once()).await.verdicts, [verdict], "at {at_ms}");
    }
    let asked = "select at_ms, position from credledger.idempotency";
    let row = database.admin().await.query_one(asked, &[]).await.expect("the one answer");
    assert_eq!((row.get(0), row.get(1)), (7 + 2 * DAY_MS, Some(2i64)));
}

#[tokio::test]
async fn a_quota_is_kept_exactly_within_and_across_batches() {
    let (database, writer) = start().await;
    let tenant = Uuid::now_v7();
    let mut batch = Batch::new();
    for (delta, limit) in
        [(1, Some(3)), (1, Some(3)), (1, Some(3)), (1, Some(3)), (-1, None), (1, Some(3)), (1, Some(3))]
    {
        let command = batch.write(Uuid::now_v7(), 0);
        batch.quotas.push((command, tenant, delta, limit));
    }
    // behind a refusal, what would fit without it is decided again: never refused on a sum that nobody reached
    assert_eq!(writer.append(1, &batch).await.verdicts, [0, 0, 0, 3, 0, 1, 1]);
    let mut again = Batch::new();
    for _ in 0..2 {
        let command = again.write(Uuid::now_v7(), 0);
        again.quotas.push((command, tenant, 1, Some(3)));
    }
    assert_eq!(writer.append(1, &again).await.verdicts, [0, 3]);
    let value: i64 = database
        .admin()
        .await
        .query_one("select value from credledger.counters", &[])
        .await
        .expect("one")
        .get(0);
    assert_eq!(value, 3);
}

#[tokio::test]
async fn a_loser_does_not_count_against_a_quota() {
    let (_database, writer) = start().await;
    let (tenant, taken) = (Uuid::now_v7(), Uuid::now_v7());
    let mut first = Batch::new();
    first.write(taken, 0);
    writer.append(1, &first).await;
    let mut batch = Batch::new();
    for stream in [taken, Uuid::now_v7(), Uuid::now_v7()] {
        let command = batch.write(stream, 0);
        batch.quotas.push((command, tenant, 1, Some(1)));
    }
    assert_eq!(writer.append(1, &batch).await.verdicts, [1, 0, 3]);
}

#[tokio::test]
async fn a_big_demand_that_is_refused_does_not_refuse_a_small_one_behind_it() {
    let (_database, writer) = start().await;
    let tenant = Uuid::now_v7();
    let mut batch = Batch::new();
    for delta in [5, 1] {
        let command = batch.write(Uuid::now_v7(), 0);
        batch.quotas.push((command, tenant, delta, Some(4)));
    }
    // the small one is decided again, and then fits
    assert_eq!(writer.append(1, &batch).await.verdicts, [3, 1]);
}

#[tokio::test]
async fn a_batch_stamped_before_the_last_event_writes_nothing_and_says_the_time() {
    let (database, writer) = start().await;
    let mut batch = Batch::new();
    batch.write(Uuid::now_v7(), 0);
    writer.append(1000, &batch).await;
    let mut late = Batch::new();
    late.write(Uuid::now_v7(), 0);
    let done = writer.append(999, &late).await;
    assert_eq!((done.outcome, done.last_at_ms), (BEHIND, Some(1000)));
    assert_eq!(count(&database.admin().await, "events").await, 1);
    assert_eq!(writer.append(1000, &late).await.outcome, DONE);
}

#[tokio::test]
async fn a_batch_that_breaks_the_contract_is_refused_whole() {
    let (database, writer) = start().await;
    let stream = Uuid::now_v7();
    type Spoil = fn(&mut Batch, Uuid);
    let refusals: [(&str, &str, Spoil); 9] = [
        ("an unguarded stream", "CL002", |batch, _| batch.guards.clear()),
        ("a written stream guarded twice", "CL002", |batch, stream| batch.guards.push((0, stream, 0))),
        ("a version that skips", "CL002", |batch, _| batch.events[0].2 = 2),
        ("a version twice", "CL002", |batch, _| batch.events.push(batch.events[0])),
        ("a row of no command", "CL002", |batch, _| batch.events[0].0 = 1),
        ("no command", "CL002", |batch, _| batch.commands = 0),
        ("an unknown projection", "CL005", |batch, stream| {
            batch.rows.push((0, "events", stream, None, 1, "{}".to_owned()));
        }),
        ("a limited command that lowers a counter", "CL002", |batch, stream| {
            batch.quotas.extend([(0, stream, 2, Some(1)), (0, Uuid::now_v7(), -1, None)]);
        }),
        ("a claim made twice by one command", "23505", |batch, stream| {
            batch.claims.extend([(0, 1, b"x".to_vec(), stream), (0, 1, b"x".to_vec(), stream)]);
        }),
    ];
    for (what, state, spoil) in refusals {
        let mut batch = Batch::new();
        batch.write(stream, 0);
        spoil(&mut batch, stream);
        assert_eq!(writer.refused(1, &batch).await.code(), state, "{what}");
    }
    assert_eq!(count(&database.admin().await, "events").await, 0);
}

#[tokio::test]
async fn an_inline_row_is_replaced_only_by_a_later_version() {
    let (database, writer) = start().await;
    let tenant = Uuid::now_v7();
    for (seen, version, slug, now) in [(0, 1, "one", "one"), (1, 3, "three", "three"), (2, 2, "two", "three")]
    {
        let mut batch = Batch::new();
        let command = batch.write(tenant, seen);
        batch.rows.push((
            command,
            "tenants",
            tenant,
            Some(tenant),
            version,
            format!(r#"{{"expiry_warning_ms": 0, "slug": "{slug}"}}"#),
        ));
        assert_eq!(writer.append(1, &batch).await.verdicts, [0]);
        let stored: String = database
            .admin()
            .await
            .query_one("select slug from credledger.tenants", &[])
            .await
            .expect("one")
            .get(0);
        assert_eq!(stored, now);
    }
}

#[tokio::test]
async fn every_inline_projection_takes_its_rows() {
    let (database, writer) = start().await;
    let id = Uuid::now_v7();
    let facts = [
        ("tenants", Some(id), r#"{"expiry_warning_ms": 60000, "slug": "acme"}"#.to_owned()),
        (
            "credentials",
            Some(id),
            r#"{"created_at_ms": 5, "expires_at_ms": null, "suspended": false, "ended_at_ms": null, "revoked": false,
                "scopes": ["a.b", "c"], "kind": "oauth_client", "name_version": 1, "description_version": 1, "owner_id": "OWNER", "due_at_ms": 9, "quiet_from_ms": 6,
                "warnable_from_ms": 4}"#
                .replace("OWNER", &id.to_string()),
        ),
        ("members", Some(id), r#"{"disabled": true, "name_version": 1}"#.to_owned()),
        ("secrets", Some(id), format!(r#"{{"client_id": "cl_client_abc", "credential_id": "{id}", "prefix": "cl_live_abc", "ends_at_ms": 7}}"#)),
        (
            "operators",
            None,
            format!(r#"{{"all_tenants": false, "disabled": true, "identity": null, "invited_as": null, "name_version": 1, "reached": ["{id}"], "role": "gateway"}}"#),
        ),
        ("erasures", Some(id), format!(r#"{{"under_id": "{id}"}}"#)),
        ("operator_tokens", None, format!(r#"{{"operator_id": "{id}", "prefix": "op_abc"}}"#)),
    ];
    let mut batch = Batch::new();
    let command = batch.write(id, 0);
    for (projection, tenant, facts) in facts {
        batch.rows.push((command, projection, id, tenant, 1, facts));
    }
    assert_eq!(writer.append(1, &batch).await.verdicts, [0]);
    let row = database
        .admin()
        .await
        .query_one(
            "select c.scopes, c.due_at_ms, c.expires_at_ms, s.prefix, s.ends_at_ms, t.slug, o.version, k.prefix, o.reached,
                    c.owner_id, m.disabled, c.kind, s.client_id, x.under_id
               from credledger.credentials c join credledger.secrets s using (id) join credledger.tenants t using (id)
               join credledger.operators o using (id) join credledger.operator_tokens k using (id)
               join credledger.members m using (id) join credledger.erasures x using (id)",
            &[],
        )
        .await
        .expect("a row of each");
    assert_eq!(row.get::<_, Vec<String>>(0), ["a.b", "c"]);
    assert_eq!((row.get(1), row.get(2)), (Some(9i64), None::<i64>));
    assert_eq!((row.get(3), row.get(4), row.get(5)), ("cl_live_abc", Some(7i64), "acme"));
    assert_eq!((row.get(6), row.get(7)), (1i32, "op_abc"));
    assert_eq!(row.get::<_, Vec<Uuid>>(8), [id]);
    assert_eq!((row.get(9), row.get(10)), (id, true));
    assert_eq!((row.get(11), row.get(12), row.get(13)), ("oauth_client", "cl_client_abc", id));
}

#[tokio::test]
async fn expired_answers_are_forgotten_oldest_first_and_boundedly() {
    let (database, writer) = start().await;
    for at_ms in [1, 2, 3, 10] {
        let mut batch = Batch::new();
        let command = batch.command();
        batch.answers.push((command, Uuid::now_v7(), vec![1]));
        // without an event the head's time stands still, and the answer's own is kept all the same
        writer.append(at_ms, &batch).await;
    }
    let system = database.role("credledger_system").await;
    for (at_most, forgotten) in [(2, 2), (2, 1), (2, 0)] {
        let row = system
            .query_one("select credledger.forget_answers($1, 10, $2)", &[&LEDGER, &at_most])
            .await
            .expect("a number");
        assert_eq!(row.get::<_, i64>(0), forgotten);
    }
    assert_eq!(count(&system, "idempotency").await, 1);
}

#[tokio::test]
async fn what_a_command_over_its_quota_claimed_is_free_again() {
    let (database, writer) = start().await;
    let tenant = Uuid::now_v7();
    let claim = |batch: &mut Batch, key: &[u8], limit| {
        let stream = Uuid::now_v7();
        let command = batch.write(stream, 0);
        batch.claims.push((command, 1, key.to_vec(), stream));
        batch.quotas.push((command, tenant, 1, limit));
    };
    let mut batch = Batch::new();
    claim(&mut batch, b"kept", Some(1));
    claim(&mut batch, b"free", Some(1));
    assert_eq!(writer.append(1, &batch).await.verdicts, [0, 3]);
    assert_eq!(count(&database.admin().await, "claims").await, 1);

    let mut batch = Batch::new();
    claim(&mut batch, b"kept", None);
    claim(&mut batch, b"free", None);
    claim(&mut batch, b"new", Some(2));
    assert_eq!(writer.append(2, &batch).await.verdicts, [2, 0, 3]);
    assert_eq!(count(&database.admin().await, "claims").await, 2);
}

/// Whoever reads on must meet what comes behind a gap, however wide: a page that is empty says that there is no more.
#[tokio::test]
async fn a_page_of_the_ledger_begins_behind_a_gap_that_is_wider_than_it() {
    let (database, writer) = start().await;
    let mut batch = Batch::new();
    for _ in 0..40 {
        batch.write(Uuid::now_v7(), 0);
    }
    writer.append(1, &batch).await;
    let admin = database.admin().await;
    let gap = "alter table credledger.events disable trigger user; \
               delete from credledger.events where position between 3 and 29";
    admin.batch_execute(gap).await.expect("as the owner of the tables may");
    let system = database.role("credledger_system").await;
    for (first, expected) in
        [(0i64, vec![0i64, 1, 2]), (3, vec![30, 31, 32, 33, 34]), (38, vec![38, 39]), (40, vec![])]
    {
        let read = "select position from credledger.read_events($1, $2, 5)";
        let rows = system.query(read, &[&LEDGER, &first]).await.expect("a page");
        assert_eq!(rows.iter().map(|row| row.get::<_, i64>(0)).collect::<Vec<_>>(), expected, "from {first}");
    }
}
