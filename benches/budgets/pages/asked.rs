//! What is asked: each filter of the trail and of the calls, by values that many rows have, and few.

use tokio_postgres::Client;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::fill::SLUGS;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Log {
    Trail,
    Calls,
}

pub struct Question {
    pub what: String,
    pub log: Log,
    /// up to where more members can be added
    pub path: String,
    /// fifty rows of the index that the filter goes by; `{table}` is filled in
    pub scan: &'static str,
    values: Vec<Box<dyn ToSql + Sync>>,
}

impl Question {
    pub fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.values.iter().map(|value| &**value).collect()
    }
}

/// Of values in a column of the big tenant, the one that most rows have, or one that few have.
async fn value<T: for<'a> tokio_postgres::types::FromSql<'a>>(admin: &Client, sql: &str, tenant: Uuid) -> T {
    admin.query_one(sql, &[&tenant]).await.unwrap_or_else(|error| panic!("{sql}: {error}")).get(0)
}

pub async fn all(admin: &Client) -> Vec<Question> {
    let of = "select id from credledger.tenants where slug = $1";
    let tenant: Uuid = admin.query_one(of, &[&SLUGS[0]]).await.expect("a tenant").get(0);
    let small: Uuid = admin.query_one(of, &[&SLUGS[1]]).await.expect("a tenant").get(0);
    let none: Uuid = admin.query_one(of, &[&SLUGS[2]]).await.expect("a tenant").get(0);
    let mut asked = trail(admin, tenant, small, none).await;
    asked.extend(calls(admin, tenant, small, none).await);
    asked
}

const TRAIL: &str = "select * from {table} where ledger_id = 1 and tenant_id = $1 order by position limit 50";
const TRAIL_DOWN: &str =
    "select * from {table} where ledger_id = 1 and tenant_id = $1 order by position desc limit 50";

async fn trail(admin: &Client, tenant: Uuid, small: Uuid, none: Uuid) -> Vec<Question> {
    const ACTOR: &str = "select actor_id from credledger.trail where tenant_id = $1 and actor_id <> '00000000-0000-0000-0000-000000000000' limit 1";
    const SUBJECT: &str =
        "select subject_id from credledger.trail where tenant_id = $1 and version = 9 limit 1";
    const ADDRESS: &str = "select host(client_ip) from credledger.trail where tenant_id = $1 and client_ip = '192.0.2.3' limit 1";
    const MIDDLE: &str = "select to_char(to_timestamp((min(at_ms) + max(at_ms)) / 2000.0) at time zone 'utc', \
        'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') from credledger.trail where tenant_id = $1";
    let actor: Uuid = value(admin, ACTOR, tenant).await;
    let subject: Uuid = value(admin, SUBJECT, tenant).await;
    let address: String = value(admin, ADDRESS, tenant).await;
    let middle: String = value(admin, MIDDLE, tenant).await;
    let path = |tenant: Uuid, filter: &str| format!("/api/admin/v1/tenants/{tenant}/audit?{filter}");
    let one = |what: &str, filter: &str, scan: &'static str, values: Vec<Box<dyn ToSql + Sync>>| Question {
        what: format!("trail: {what}"),
        log: Log::Trail,
        path: path(tenant, filter),
        scan,
        values,
    };
    let of_type = "select * from {table} where ledger_id = 1 and tenant_id = $1 and type = $2 order by position limit 50";
    let of_family = "select * from {table} where ledger_id = 1 and tenant_id = $1 and family = $2 order by position limit 50";
    let of_actor = "select * from {table} where ledger_id = 1 and tenant_id = $1 and actor_id = $2 order by position limit 50";
    let of_subject = "select * from {table} where ledger_id = 1 and tenant_id = $1 and subject_id = $2 order by position limit 50";
    let of_address = "select * from {table} where ledger_id = 1 and tenant_id = $1 and client_ip = $2::text::inet order by position limit 50";
    let mut asked = vec![
        one("all", "", TRAIL, vec![Box::new(tenant)]),
        one("all, newest first", "order=desc&", TRAIL_DOWN, vec![Box::new(tenant)]),
        one("a type", "type=api_key.revoked&", of_type, vec![Box::new(tenant), Box::new("api_key.revoked")]),
        one(
            "three types",
            "type=api_key.revoked&type=api_key.rotated&type=api_key.suspended&",
            of_type,
            vec![Box::new(tenant), Box::new("api_key.rotated")],
        ),
        one("a family", "type=api_key.*&", of_family, vec![Box::new(tenant), Box::new("api_key")]),
        one("the rare family", "type=operator.*&", of_family, vec![Box::new(tenant), Box::new("operator")]),
        one("an actor", &format!("actor={actor}&"), of_actor, vec![Box::new(tenant), Box::new(actor)]),
        one("the service itself", "actor=system&", of_actor, vec![Box::new(tenant), Box::new(Uuid::nil())]),
        one(
            "a subject",
            &format!("subject={subject}&"),
            of_subject,
            vec![Box::new(tenant), Box::new(subject)],
        ),
        one(
            "an address",
            &format!("client_ip={address}&"),
            of_address,
            vec![Box::new(tenant), Box::new(address.clone())],
        ),
        one("since an instant", &format!("from={middle}&"), TRAIL, vec![Box::new(tenant)]),
        one(
            "until an instant, newest first",
            &format!("to={middle}&order=desc&"),
            TRAIL_DOWN,
            vec![Box::new(tenant)],
        ),
        one(
            "an actor and an address",
            &format!("actor={actor}&client_ip={address}&"),
            of_address,
            vec![Box::new(tenant), Box::new(address.clone())],
        ),
        one(
            "an actor and a type",
            &format!("actor={actor}&type=api_key.revoked&"),
            of_actor,
            vec![Box::new(tenant), Box::new(actor)],
        ),
    ];
    for (what, tenant) in [("of a small tenant", small), ("of a tenant without any", none)] {
        asked.push(Question { path: path(tenant, ""), ..one(what, "", TRAIL, vec![Box::new(tenant)]) });
    }
    asked
}

const CALLS: &str =
    "select * from {table} where ledger_id = 1 and tenant_id = $1 order by place desc, id desc limit 50";

async fn calls(admin: &Client, tenant: Uuid, small: Uuid, none: Uuid) -> Vec<Question> {
    const SECRET: &str = "select secret_id from credledger.activity where tenant_id = $1 group by 1 order by count(*) desc limit 1";
    let secret: Uuid = value(admin, SECRET, tenant).await;
    let row = admin
        .query_one(
            "select credential_id, prefix, (select request_id from credledger.activity a where a.secret_id = s.id limit 1) \
             from credledger.secrets s where id = $1",
            &[&secret],
        )
        .await
        .expect("a secret");
    let (credential, prefix, request): (Uuid, String, String) = (row.get(0), row.get(1), row.get(2));
    const MIDDLE: &str = "select to_char(now() at time zone 'utc' - interval '40 days' + 0 * length($1::uuid::text) * interval '1 day', \
        'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')";
    let middle: String = value(admin, MIDDLE, tenant).await;
    let path = |tenant: Uuid, filter: &str| format!("/api/admin/v1/tenants/{tenant}/activity?{filter}");
    let one = |what: &str, filter: &str, scan: &'static str, values: Vec<Box<dyn ToSql + Sync>>| Question {
        what: format!("calls: {what}"),
        log: Log::Calls,
        path: path(tenant, filter),
        scan,
        values,
    };
    let of_credential = "select * from {table} where credential_id = $1 order by place desc limit 50";
    let of_secret = "select * from {table} where secret_id = $1 order by place desc limit 50";
    let of_operation =
        "select * from {table} where tenant_id = $1 and operation = $2 order by place desc limit 50";
    let of_outcome =
        "select * from {table} where tenant_id = $1 and outcome = $2 order by place desc limit 50";
    let of_address = "select * from {table} where tenant_id = $1 and client_ip = $2::text::inet order by place desc limit 50";
    let of_request =
        "select * from {table} where tenant_id = $1 and request_id = $2 order by place desc limit 50";
    let mut asked = vec![
        one("all", "", CALLS, vec![Box::new(tenant)]),
        one("a credential", &format!("credential={credential}&"), of_credential, vec![Box::new(credential)]),
        one("a secret", &format!("secret={secret}&"), of_secret, vec![Box::new(secret)]),
        one("a prefix", &format!("prefix={prefix}&"), of_secret, vec![Box::new(secret)]),
        one(
            "an operation",
            "operation=orders.write&",
            of_operation,
            vec![Box::new(tenant), Box::new("orders.write")],
        ),
        one("an outcome", "outcome=accepted&", of_outcome, vec![Box::new(tenant), Box::new("accepted")]),
        one(
            "a rare outcome",
            "outcome=ip_denied&",
            of_outcome,
            vec![Box::new(tenant), Box::new("ip_denied")],
        ),
        one("an address", "client_ip=10.0.0.3&", of_address, vec![Box::new(tenant), Box::new("10.0.0.3")]),
        one(
            "a request id",
            &format!("request_id={request}&"),
            of_request,
            vec![Box::new(tenant), Box::new(request.clone())],
        ),
        one("until an instant", &format!("to={middle}&"), CALLS, vec![Box::new(tenant)]),
        one("since an instant", &format!("from={middle}&"), CALLS, vec![Box::new(tenant)]),
        one(
            "an operation and an outcome",
            "operation=orders.write&outcome=ip_denied&",
            of_operation,
            vec![Box::new(tenant), Box::new("orders.write")],
        ),
    ];
    for (what, tenant) in [("of a small tenant", small), ("of a tenant without any", none)] {
        asked.push(Question { path: path(tenant, ""), ..one(what, "", CALLS, vec![Box::new(tenant)]) });
    }
    asked
}
