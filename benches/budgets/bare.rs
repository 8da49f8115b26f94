//! The limits that budgets are held against: a handler that only reads and answers, and a writer that only inserts.

use std::net::TcpListener;

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpResponse, HttpServer};
use tokio_postgres::Client;
use uuid::Uuid;

/// What is answered to everything: the bytes of a real answer.
#[derive(Clone)]
pub struct Answer {
    headers: Vec<(HeaderName, HeaderValue)>,
    body: String,
}

impl Answer {
    /// The server writes these three by itself.
    const OWN: [&str; 3] = ["content-length", "date", "connection"];

    pub fn like(answer: &str) -> Self {
        let (head, body) = answer.split_once("\r\n\r\n").expect("a whole answer");
        let headers = head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let headers = headers.filter(|(name, _)| !Self::OWN.contains(&name.to_ascii_lowercase().as_str()));
        let header = |(name, value): (&str, &str)| {
            (name.parse().expect("a header's name"), value.parse().expect("a header's value"))
        };
        Answer { headers: headers.map(header).collect(), body: body.to_owned() }
    }
}

/// Serves one fixed answer to whatever is sent, body read; runs until it is killed.
pub fn serve(listener: TcpListener, answer: Answer) -> std::io::Result<()> {
    let answer = Data::new(answer);
    actix_web::rt::System::new().block_on(
        HttpServer::new(move || {
            App::new().app_data(answer.clone()).default_service(web::to(
                |_body: Bytes, answer: Data<Answer>| async move {
                    let mut response = HttpResponse::Ok();
                    for header in &answer.headers {
                        response.insert_header(header.clone());
                    }
                    response.body(answer.body.clone())
                },
            ))
        })
        .workers(2)
        .listen(listener)?
        .run(),
    )
}

/// Whatever a mint leaves a row in, what follows behind with it.
const TABLES: [&str; 8] =
    ["events", "personal", "claims", "counters", "credentials", "secrets", "trail", "validity"];

/// Tables of the same shape and indexes as the ledger's, in a schema of their own.
pub async fn make_tables(admin: &Client) {
    admin.batch_execute("drop schema if exists bare cascade; create schema bare").await.expect("a schema");
    for table in TABLES {
        let sql = format!("create table bare.{table} (like credledger.{table} including all)");
        admin.batch_execute(&sql).await.expect("a table");
    }
}

/// Sizes of what a mint writes, taken from real rows.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    pub entry: usize,
    pub slots: usize,
    pub credential: usize,
    pub secret: usize,
}

/// Inserts all the rows of `mints` mints in one transaction, statements sent at once.
pub async fn insert(client: &Client, first_position: i64, mints: usize, sizes: Sizes) {
    let ids: Vec<Uuid> = (0..mints).map(|_| random_id()).collect();
    let secrets: Vec<Uuid> = (0..mints).map(|_| random_id()).collect();
    let positions: Vec<i64> = (first_position..).take(mints).collect();
    let keys: Vec<Vec<u8>> = ids.iter().map(|id| id.as_bytes().to_vec()).collect();
    let slots = format!("{{\"name\": [\"{}\", \"ci-runner\"]}}", "x".repeat(sizes.slots.saturating_sub(40)));
    let blob = |length: usize| vec![7u8; length];
    let (entry, mac, leaf, credential, secret) =
        (blob(sizes.entry), blob(36), blob(32), blob(sizes.credential), blob(sizes.secret));
    client.batch_execute("begin").await.expect("a transaction");
    let events = async {
        client.execute(
        "insert into bare.events select 1, p, s, 1, $5::uuid, 'api_key.created', 0, $3::bytea, $4::bytea, $6::bytea from unnest($1::bigint[], $2::uuid[]) as u(p, s)",
        &[&positions, &ids, &entry, &mac, &Uuid::nil(), &leaf],
    ).await
    };
    let personal = async {
        client.execute(
        "insert into bare.personal select 1, s, 1, $2::uuid, s, $3::text::json from unnest($1::uuid[]) as u(s)",
        &[&ids, &Uuid::nil(), &slots],
    ).await
    };
    let claims =
        async {
            client.execute(
        "insert into bare.claims select 1, 1, k, s from unnest($1::bytea[], $2::uuid[]) as u(k, s)",
        &[&keys, &ids],
    ).await
        };
    let counted = mints as i64;
    let counters = async {
        client.execute(
        "insert into bare.counters as c values (1, $1::uuid, 'active_credentials', $2::bigint) on conflict (ledger_id, subject, name) do update set value = c.value + excluded.value",
        &[&Uuid::nil(), &counted],
    ).await
    };
    let credentials = async {
        client.execute(
        "insert into bare.credentials (ledger_id, id, tenant_id, version, record, mac, created_at_ms, kind, suspended, revoked, scopes, description_version, name_version) \
         select 1, s, $2::uuid, 1, $3::bytea, $4::bytea, p, 'api_key', false, false, '{logs:read}'::text[], 1, 1 from unnest($1::uuid[], $5::bigint[]) as u(s, p)",
        &[&ids, &Uuid::nil(), &credential, &mac, &positions],
    ).await
    };
    let prefixes: Vec<String> =
        ids.iter().map(|id| format!("cl_live_{}", &id.simple().to_string()[24..])).collect();
    let secrets = async {
        client.execute(
        "insert into bare.secrets (ledger_id, id, tenant_id, version, record, mac, credential_id, prefix) \
         select 1, t, $3::uuid, 1, $4::bytea, $5::bytea, s, x from unnest($1::uuid[], $2::uuid[], $6::text[]) as u(s, t, x)",
        &[&ids, &secrets, &Uuid::nil(), &secret, &mac, &prefixes],
    ).await
    };
    let trail = async {
        client.execute(
        "insert into bare.trail (ledger_id, tenant_id, position, is_copy, type, family, at_ms, stream_id, version, subject_id, actor_id, client_ip, shown_version, name_version, mac) \
         select 1, $3::uuid, p, false, 'api_key.created', 'api_key', 0, s, 1, s, $3::uuid, '127.0.0.1', 1, 1, $4::bytea from unnest($1::bigint[], $2::uuid[]) as u(p, s)",
        &[&positions, &ids, &Uuid::nil(), &mac],
    ).await
    };
    let validity = async {
        client.execute(
        "insert into bare.validity (ledger_id, tenant_id, credential_id, from_position, created_at_ms, kind, description_version, name_version, revoked, scopes, suspended) \
         select 1, $3::uuid, s, p, 0, 'api_key', 1, 1, false, '{logs:read}'::text[], false from unnest($1::bigint[], $2::uuid[]) as u(p, s)",
        &[&positions, &ids, &Uuid::nil()],
    ).await
    };
    let written =
        futures::try_join!(events, personal, claims, counters, credentials, secrets, trail, validity);
    written.expect("rows");
    client.batch_execute("commit").await.expect("a commit");
}

fn random_id() -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(1_800_000_000_000, &credledger::vault::random_bytes())
        .into_uuid()
}
