//! What a transaction of the app role sees of two tenants and the platform (P8): the database shows no more than the sight that
//! it was begun with, whatever is asked. And on whose connections.

use credledger::db::{Database, DbError, Errand, Sight};
use credledger::domain::client_format::SecretForm;
use credledger::domain::formats::Formats;
use credledger::domain::key_format::PublicPart;
use credledger::limits;
use futures::future::{join, join_all};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::support::batch::{Batch, LEDGER, Writer};
use crate::support::{Postgres, TestDatabase};

/// Two tenants with a credential and a member each, and two operators with a token and a kept answer each: one reaches the
/// first tenant, the other one all.
struct Ids {
    tenants: [Uuid; 2],
    credentials: [Uuid; 2],
    members: [Uuid; 2],
    operators: [Uuid; 2],
}

impl Ids {
    fn all(&self) -> Vec<Uuid> {
        [self.tenants, self.credentials, self.members, self.operators].concat()
    }
}

/// A client's secret, and how much of it is told.
const LEAKED: &str = concat!("cl_secret_", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");
const BEGINNING: usize = 18;
const CREDENTIAL: &str = r#"{"created_at_ms": 1, "description_version": 1, "due_at_ms": null, "ended_at_ms": null, "expires_at_ms": null,
    "kind": "api_key", "name_version": 1, "owner_id": null, "quiet_from_ms": null, "revoked": false, "scopes": [], "suspended": false, "warnable_from_ms": null}"#;

async fn world(database: &TestDatabase) -> Ids {
    let pair = || [Uuid::now_v7(), Uuid::now_v7()];
    let ids = Ids { tenants: pair(), credentials: pair(), members: pair(), operators: pair() };
    let mut batch = Batch::new();
    let mut stream = |id: Uuid, tenant: Option<Uuid>| {
        let command = batch.command();
        batch.guards.push((command, id, 0));
        batch.events.push((command, id, 1, tenant));
        batch.personal.push((command, id, 1, tenant));
        command
    };
    let mut rows = Vec::new();
    let known = [("null", "p"), ("\"cl_client_0\"", &LEAKED[..BEGINNING])];
    for ((tenant, credential), (client, prefix)) in ids.tenants.into_iter().zip(ids.credentials).zip(known) {
        let of_tenant = stream(tenant, Some(tenant));
        let of_credential = stream(credential, Some(tenant));
        let secret = format!(
            r#"{{"client_id": {client}, "credential_id": "{credential}", "ends_at_ms": null, "prefix": "{prefix}"}}"#
        );
        rows.push((
            of_tenant,
            "tenants",
            tenant,
            Some(tenant),
            1,
            format!(r#"{{"expiry_warning_ms": 0, "slug": "{tenant}"}}"#),
        ));
        rows.push((of_credential, "credentials", credential, Some(tenant), 1, CREDENTIAL.to_owned()));
        rows.push((of_credential, "secrets", credential, Some(tenant), 1, secret));
    }
    for (tenant, member) in ids.tenants.into_iter().zip(ids.members) {
        let facts = r#"{"disabled": false, "name_version": 1}"#.to_owned();
        rows.push((stream(member, Some(tenant)), "members", member, Some(tenant), 1, facts));
    }
    let commands = ids.operators.map(|operator| stream(operator, None));
    for (command, (operator, reached)) in
        commands.iter().zip(ids.operators.into_iter().zip([&ids.tenants[..1], &[]]))
    {
        let all = reached.is_empty();
        let reached: Vec<String> = reached.iter().map(|tenant| format!("\"{tenant}\"")).collect();
        let reached = reached.join(",");
        let facts = format!(
            r#"{{"all_tenants": {all}, "disabled": false, "identity": null, "invited_as": null, "name_version": 1, "reached": [{reached}], "role": "auditor"}}"#
        );
        let token = format!(r#"{{"operator_id": "{operator}", "prefix": "p"}}"#);
        rows.push((*command, "operators", operator, None, 1, facts));
        rows.push((*command, "operator_tokens", operator, None, 1, token));
    }
    batch.rows = rows;
    for (command, operator) in commands.into_iter().zip(ids.operators) {
        batch.answers.push((command, operator, b"key".to_vec()));
    }
    let writer = Writer::register(database.role("credledger_append").await).await;
    assert_eq!(writer.append(1, &batch).await.verdicts, [0; 8]);
    ids
}

async fn seen(database: &Database, sight: Sight<'_>, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Vec<Uuid> {
    let rows = database.ask(sight, sql, params).await.expect("an answer");
    let asked: Vec<Uuid> = rows.iter().map(|row| row.get(0)).collect();
    let scope = database.scope(sight).await.expect("a scope");
    let rows = scope.query(sql, params).await.expect("an answer");
    scope.finish().await.expect("an end");
    assert_eq!(asked, rows.iter().map(|row| row.get(0)).collect::<Vec<Uuid>>(), "both ways see the same");
    asked
}

/// The streams whose events and texts are seen, and the resources in the tables of tenants, of credentials and of operators.
struct Seen {
    streams: Vec<Uuid>,
    tenants: Vec<Uuid>,
    credentials: Vec<Uuid>,
    members: Vec<Uuid>,
    answers: Vec<Uuid>,
    operators: Vec<Uuid>,
}

/// How the client's secret begins that somebody found.
fn beginning() -> PublicPart<'static> {
    let mut formats = Formats::default();
    formats.insert_client_secret(&SecretForm::new("cl_secret_", 36).expect("a form"));
    let part = formats.candidates(LEAKED).next().expect("written as one");
    assert_eq!(part.as_str(), &LEAKED[..BEGINNING]);
    part
}

fn cases(ids: &Ids) -> Vec<(Sight<'_>, Seen)> {
    let [a, b] = ids.tenants;
    let [of_a, _] = ids.credentials;
    let [ada, _] = ids.members;
    let see = |streams: &[Uuid], tenants: &[Uuid], credentials: &[Uuid], answers: &[Uuid]| {
        let sorted = |ids: &[Uuid]| {
            let mut ids = ids.to_vec();
            ids.sort();
            ids
        };
        let (streams, tenants) = (sorted(streams), sorted(tenants));
        // Whoever sees a tenant's credentials sees its members, and nobody else does.
        let members = if credentials.is_empty() { Vec::new() } else { vec![ada] };
        let (credentials, answers) = (sorted(credentials), sorted(answers));
        Seen { streams, tenants, credentials, members, answers, operators: Vec::new() }
    };
    let [one, other] = ids.operators;
    let list =
        |operators: &[Uuid]| Seen { operators: operators.to_vec(), ..see(&[one, other], &[], &[], &[]) };
    vec![
        (Sight::Operators(None), list(&[one.min(other), one.max(other)])),
        (Sight::Operators(Some(&ids.tenants)), list(&[one])),
        (Sight::Operators(Some(&ids.tenants[..1])), list(&[one])),
        (Sight::Operators(Some(&ids.tenants[1..])), list(&[])),
        (Sight::Operators(Some(&[])), list(&[])),
        (Sight::Tenant(a), see(&[a, of_a, ada], &[a], &[of_a], &[])),
        (Sight::Tenant(of_a), see(&[], &[], &[], &[])),
        (Sight::Tenant(ada), see(&[], &[], &[], &[])),
        (Sight::Tenant(one), see(&[], &[], &[], &[])),
        (Sight::Decision(Some(a)), see(&[a, of_a, ada, one, other], &[a], &[of_a], &[])),
        (Sight::Decision(None), see(&[one, other], &[], &[], &[])),
        (Sight::Tenants(None), see(&[a, b], &[a, b], &[], &[])),
        (Sight::Tenants(Some(&ids.tenants[..1])), see(&[a], &[a], &[], &[])),
        (Sight::Tenants(Some(&ids.credentials)), see(&[], &[], &[], &[])),
        (Sight::Tenants(Some(&[])), see(&[], &[], &[], &[])),
        (Sight::Ledger, see(&ids.all(), &[], &[], &[])),
        (Sight::Answers(one), see(&[], &[], &[], &[one])),
        (Sight::Answers(a), see(&[], &[], &[], &[])),
        (Sight::Beginning(beginning()), see(&[], &[], &[], &[])),
    ]
}

/// A row of each tenant, and one of the platform.
async fn put_into_trails(database: &TestDatabase, ids: &Ids) {
    let insert = "insert into credledger.trail (ledger_id, tenant_id, position, is_copy, type, family, at_ms, stream_id, version,
            subject_id, actor_id, shown_version, mac)
        select 1, t, p, false, 'x.y', 'x', 0, s, 1, s, s, 1, '' from unnest($1::uuid[], $2::uuid[], array[0, 1, 2]) as u(t, s, p)";
    let [a, b] = ids.tenants;
    let (tenants, streams) = ([Some(a), Some(b), None], [a, b, ids.operators[0]]);
    let admin = database.admin().await;
    admin.execute(insert, &[&tenants.as_slice(), &streams.as_slice()]).await.expect("rows");
}

#[tokio::test]
async fn each_sight_shows_its_own_rows_and_no_others_whatever_is_asked() {
    let database = Postgres::database().await;
    let ids = world(&database).await;
    let service = database.open().await;
    let all = ids.all();
    let streams = "select stream_id from credledger.read_streams($1, $2, 99) order by 1";
    let personal = "select stream_id from credledger.personal order by 1";
    let tenants = "select id from credledger.tenants order by 1";
    let credentials = "select id from credledger.credentials order by 1";
    let secrets = "select credential_id from credledger.secrets order by 1";
    let members = "select id from credledger.members order by 1";
    let answers = "select operator_id from credledger.idempotency order by 1";
    let operators = "select id from credledger.operators order by 1";
    let tokens = "select operator_id from credledger.operator_tokens order by 1";
    let trail = "select stream_id from credledger.trail order by 1";
    put_into_trails(&database, &ids).await;
    // Twice: what one transaction was shown is not left on its connection for the next.
    for (sight, expected) in cases(&ids).into_iter().chain(cases(&ids)) {
        let params: [&(dyn ToSql + Sync); 2] = [&LEDGER, &all];
        assert_eq!(seen(&service, sight, streams, &params).await, expected.streams, "{sight:?}");
        assert_eq!(seen(&service, sight, personal, &[]).await, expected.streams, "{sight:?}");
        assert_eq!(seen(&service, sight, tenants, &[]).await, expected.tenants, "{sight:?}");
        assert_eq!(seen(&service, sight, credentials, &[]).await, expected.credentials, "{sight:?}");
        let of_clients = ids.credentials[1..].to_vec();
        let of_secrets =
            if matches!(sight, Sight::Beginning(_)) { &of_clients } else { &expected.credentials };
        assert_eq!(seen(&service, sight, secrets, &[]).await, *of_secrets, "{sight:?}");
        assert_eq!(seen(&service, sight, members, &[]).await, expected.members, "{sight:?}");
        assert_eq!(seen(&service, sight, answers, &[]).await, expected.answers, "{sight:?}");
        assert_eq!(seen(&service, sight, operators, &[]).await, expected.operators, "{sight:?}");
        assert_eq!(seen(&service, sight, tokens, &[]).await, expected.operators, "{sight:?}");
        let mut of_trail = match sight {
            Sight::Tenant(own) | Sight::Decision(Some(own)) if ids.tenants.contains(&own) => vec![own],
            Sight::Ledger => vec![ids.tenants[0], ids.tenants[1], ids.operators[0]],
            _ => Vec::new(),
        };
        of_trail.sort();
        assert_eq!(seen(&service, sight, trail, &[]).await, of_trail, "{sight:?}");
    }
}

#[tokio::test]
async fn a_statement_that_fails_leaves_neither_its_transaction_nor_its_sight_behind() {
    let database = Postgres::database().await;
    let ids = world(&database).await;
    let service = database.open().await;
    let sight = Sight::Tenant(ids.tenants[0]);
    for sql in ["select 1 / 0", "select id from credledger.nodes", "select no such thing"] {
        service.ask(sight, sql, &[]).await.expect_err(sql);
    }
    let state = "select coalesce(current_setting('credledger.tenant', true), '')";
    let rows = service.ask(Sight::Decision(None), state, &[]).await.expect("an answer");
    assert_eq!(rows.iter().map(|row| row.get(0)).collect::<Vec<String>>(), [""]);
}

#[tokio::test]
async fn whoever_reads_holds_no_connection_that_a_command_needs() {
    let database = Postgres::database().await;
    let service = database.open().await;
    let admin = database.admin().await;
    admin.batch_execute("select pg_advisory_lock(7)").await.expect("the lock");
    let stuck = "select pg_advisory_xact_lock_shared(7)::text";
    let reading = (0..limits::POOL_READS).map(|_| {
        service.ask_each(Errand::Reading, Sight::Decision(None), stuck, &[], |_| Ok::<_, DbError>(()))
    });
    let commanded = async {
        let waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted \
             and database = (select oid from pg_database where datname = current_database())";
        let mut looks = 0..10_000;
        while looks.next().is_some() {
            let held: i64 = admin.query_one(waiting, &[]).await.expect("a count").get(0);
            if held == limits::POOL_READS as i64 {
                break;
            }
        }
        assert!(looks.next().is_some(), "the readers never took all their connections");
        let rows = service.ask(Sight::Decision(None), "select 1", &[]).await.expect("an answer");
        admin.batch_execute("select pg_advisory_unlock(7)").await.expect("an end");
        rows.len()
    };
    let (read, rows) = join(join_all(reading), commanded).await;
    assert_eq!(rows, 1);
    assert!(read.iter().all(Result::is_ok), "{read:?}");
}
