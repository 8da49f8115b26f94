//! A batch for the append function, row by row, and a writer to send it.

use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error};
use uuid::Uuid;

pub const LEDGER: i32 = 1;
/// What stands in a personal row: a number that is short only as it is written.
pub const SLOTS: &str = r#"{"metadata":["salt",{"n":1e+308}],"name":["salt","a name"]}"#;

/// command, projection, id, tenant, version, facts
pub type InlineRow = (i32, &'static str, Uuid, Option<Uuid>, i32, String);

/// command, stream, first and last version, members (none: all), how many values
pub type Erasure = (i32, Uuid, i32, i32, Option<&'static str>, i64);

#[derive(Clone, Default)]
pub struct Batch {
    pub id: Uuid,
    pub commands: i32,
    pub guards: Vec<(i32, Uuid, i32)>,
    pub events: Vec<(i32, Uuid, i32, Option<Uuid>)>,
    pub personal: Vec<(i32, Uuid, i32, Option<Uuid>)>,
    pub claims: Vec<(i32, i16, Vec<u8>, Uuid)>,
    pub quotas: Vec<(i32, Uuid, i64, Option<i64>)>,
    pub answers: Vec<(i32, Uuid, Vec<u8>)>,
    pub rows: Vec<InlineRow>,
    /// how many events were known when its commands were decided; all there may be, unless said
    pub seen: Option<i64>,
    pub erasures: Vec<Erasure>,
    /// its erasures are told by no event
    pub untold: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Done {
    pub outcome: i16,
    pub last_at_ms: Option<i64>,
    pub first_position: Option<i64>,
    pub verdicts: Vec<i16>,
    pub positions: Vec<Option<i64>>,
}

impl Batch {
    pub fn new() -> Self {
        Self { id: Uuid::now_v7(), ..Self::default() }
    }

    /// The number of a new command.
    pub fn command(&mut self) -> i32 {
        self.commands += 1;
        self.commands - 1
    }

    fn kind_of(&self, command: i32) -> &'static str {
        let erases = !self.untold && self.erasures.iter().any(|erasure| erasure.0 == command);
        if erases { "ledger.subject_erased" } else { "test.happened" }
    }

    /// A command that adds one event to `stream`, which it saw at `seen`.
    pub fn write(&mut self, stream: Uuid, seen: i32) -> i32 {
        let command = self.command();
        self.guards.push((command, stream, seen));
        self.events.push((command, stream, seen + 1, None));
        command
    }
}

pub struct Writer {
    pub client: Client,
    pub writer: Uuid,
    pub epoch: i64,
}

fn column<T, R>(rows: &[T], pick: impl Fn(&T) -> R) -> Vec<R> {
    rows.iter().map(pick).collect()
}

fn facts_text((_, projection, id, _, _, facts): &InlineRow) -> String {
    let facts = serde_json::from_str(facts).expect("facts");
    let (version, record) = (1, Vec::new());
    credledger::ledger::InlineRow { projection, id: *id, tenant: None, version, record, name: None, facts }
        .facts_text()
}

impl Writer {
    /// `client` has taken the append role.
    pub async fn register(client: Client) -> Self {
        let writer = Uuid::now_v7();
        let row = client
            .query_one("select epoch from credledger.register_writer($1, $2)", &[&LEDGER, &writer])
            .await
            .expect("a registration");
        Self { client, writer, epoch: row.get(0) }
    }

    pub async fn append(&self, at_ms: i64, batch: &Batch) -> Done {
        self.try_append(at_ms, batch).await.expect("an append")
    }

    pub async fn refused(&self, at_ms: i64, batch: &Batch) -> SqlState {
        let error = self.try_append(at_ms, batch).await.expect_err("a refusal");
        error.code().expect("the server's refusal").clone()
    }

    pub async fn try_append(&self, at_ms: i64, b: &Batch) -> Result<Done, Error> {
        let entry = b"entry".to_vec();
        let digest = vec![7u8; 32];
        let (gc, gs, gv) =
            (column(&b.guards, |g| g.0), column(&b.guards, |g| g.1), column(&b.guards, |g| g.2));
        let (ec, es, ev) =
            (column(&b.events, |e| e.0), column(&b.events, |e| e.1), column(&b.events, |e| e.2));
        let (et, ek) = (column(&b.events, |e| e.3), column(&b.events, |e| b.kind_of(e.0)));
        let (ee, em) = (column(&b.events, |_| entry.clone()), column(&b.events, |_| digest.clone()));
        let (pc, ps, pv) =
            (column(&b.personal, |p| p.0), column(&b.personal, |p| p.1), column(&b.personal, |p| p.2));
        let (pt, pj) = (column(&b.personal, |p| p.3), column(&b.personal, |_| SLOTS));
        let (cc, ck) = (column(&b.claims, |c| c.0), column(&b.claims, |c| c.1));
        let (cb, cs) = (column(&b.claims, |c| c.2.clone()), column(&b.claims, |c| c.3));
        let (qc, qs, qn) =
            (column(&b.quotas, |q| q.0), column(&b.quotas, |q| q.1), column(&b.quotas, |_| "active"));
        let (qd, ql) = (column(&b.quotas, |q| q.2), column(&b.quotas, |q| q.3));
        let (ac, ao, ak) =
            (column(&b.answers, |a| a.0), column(&b.answers, |a| a.1), column(&b.answers, |a| a.2.clone()));
        let (ar, ast, ab) = (
            column(&b.answers, |_| digest.clone()),
            column(&b.answers, |_| 201i16),
            column(&b.answers, |_| entry.clone()),
        );
        let mut rows = b.rows.clone();
        rows.sort_by_key(|row| row.1);
        let (rc, rp, ri) = (column(&rows, |r| r.0), column(&rows, |r| r.1), column(&rows, |r| r.2));
        let (rt, rv, rf) = (column(&rows, |r| r.3), column(&rows, |r| r.4), column(&rows, facts_text));
        let (rr, rm) = (column(&rows, |_| entry.clone()), column(&rows, |_| digest.clone()));
        let seen = vec![b.seen.unwrap_or(i64::MAX); b.commands.unsigned_abs() as usize];
        let (xc, xs) = (column(&b.erasures, |x| x.0), column(&b.erasures, |x| x.1));
        let (xf, xl) = (column(&b.erasures, |x| x.2), column(&b.erasures, |x| x.3));
        let (xm, xv) = (column(&b.erasures, |x| x.4), column(&b.erasures, |x| x.5));
        let params: [&(dyn ToSql + Sync); 53] = [
            &LEDGER,
            &self.writer,
            &self.epoch,
            &b.id,
            &at_ms,
            &b.commands,
            &gc,
            &gs,
            &gv,
            &ec,
            &es,
            &ev,
            &et,
            &ek,
            &ee,
            &em,
            &em,
            &pc,
            &ps,
            &pv,
            &pt,
            &ps,
            &pj,
            &cc,
            &ck,
            &cb,
            &cs,
            &qc,
            &qs,
            &qn,
            &qd,
            &ql,
            &ac,
            &ao,
            &ak,
            &ar,
            &ast,
            &ab,
            &rc,
            &rp,
            &ri,
            &rt,
            &rv,
            &rr,
            &rm,
            &rf,
            &seen,
            &xc,
            &xs,
            &xf,
            &xl,
            &xm,
            &xv,
        ];
        let marks: Vec<String> = (1..=params.len()).map(|number| format!("${number}")).collect();
        let call = format!("select * from credledger.append({})", marks.join(", "));
        let row = self.client.query_one(&call, &params).await?;
        Ok(Done {
            outcome: row.get("outcome"),
            last_at_ms: row.get("last_at_ms"),
            first_position: row.get("first_position"),
            verdicts: row.get::<_, Option<_>>("verdicts").unwrap_or_default(),
            positions: row.get::<_, Option<_>>("positions").unwrap_or_default(),
        })
    }
}
