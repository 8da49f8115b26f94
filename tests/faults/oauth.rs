//! Tokens while the database is away: nothing is told that is not so.

use serde_json::json;

use crate::cut_off::CutOff;
use crate::proxy::Cut;
use crate::support::assertions::{Signer, by_assertion};
use crate::support::client::{Request, Response};
use crate::support::holder::Holder;
use crate::support::service::{Actor, Key, Service, eventually, text};

fn ask(service: &Service, client: &Key<'_>, endpoint: &str, fields: &str) -> Response {
    let (id, secret) = (text(&client.minted["client_id"]), &client.secret);
    let body = format!("client_id={id}&client_secret={secret}&{fields}");
    let request = Request::new("POST", &format!("/api/v1/oauth/{endpoint}"));
    let request = request.header("Content-Type", "application/x-www-form-urlencoded");
    service.anonymous().send(&request.body(body.into_bytes()))
}

/// It may be otherwise soon, and nothing of it is to be believed until then.
#[track_caller]
fn is_unavailable(answer: &Response) {
    assert_eq!(answer.expect(503)["error"], "temporarily_unavailable");
    assert!(answer.header("retry-after").is_some_and(|text| text.parse::<u64>().is_ok()));
    assert_eq!(
        (answer.header("cache-control"), answer.header("pragma")),
        (Some("no-store"), Some("no-cache"))
    );
}

/// A client that shows an assertion gets nothing as long as nobody can say that it was not shown before.
#[test]
fn without_the_database_no_assertion_is_taken_and_each_is_taken_once_all_the_same() {
    const TOKEN: &str = "/api/v1/oauth/token";
    const GRANT: &str = "grant_type=client_credentials";
    let CutOff { database: _database, proxy, service } = CutOff::start();
    let root = service.root();
    let signer = Signer::new("one");
    let client = root.tenant("away", json!({})).client_with(signer.registration("c"));
    let fresh = || signer.assertion(&text(&client.minted["client_id"]), &service.url());
    let shows = |assertion: &str| service.anonymous().send(&by_assertion(TOKEN, assertion, GRANT));
    let before = fresh();
    shows(&before).expect(200);
    proxy.refuse();
    // At first the lease holds still: what is known from memory is answered, and this is not.
    let waiting = fresh();
    for _ in 0..3 {
        is_unavailable(&shows(&waiting));
    }
    proxy.heal();
    eventually(|| (service.anonymous().get("/readyz").status == 200).then_some(()))
        .expect("the database is back");
    let let_in = || match shows(&fresh()).status {
        503 => None,
        status => Some(status),
    };
    assert_eq!(eventually(let_in), Some(200));
    for shown in [&before, &waiting] {
        let again = [(); 2].map(|()| shows(shown).status);
        assert_eq!(again[1], 401, "{again:?}");
    }
    assert_eq!(shows(&before).status, 401);
}

#[test]
fn p3_a_token_is_told_to_be_given_back_only_once_that_is_durable_and_without_a_lease_nothing_is_told() {
    const GRANT: &str = "grant_type=client_credentials";
    let CutOff { database: _database, proxy, service } = CutOff::start();
    let (root, gateway) = (service.root(), service.gateway());
    let client = root.tenant("away", json!({})).client("c");
    let take = || ask(&service, &client, "token", GRANT);
    let [token, other] = [(); 2].map(|()| text(&take().expect(200)["access_token"]));
    let about = format!("token={token}");
    proxy.refuse();
    is_unavailable(&ask(&service, &client, "revoke", &about));
    eventually(|| (take().status == 503).then_some(())).expect("the lease's end");
    is_unavailable(&take());
    is_unavailable(&ask(&service, &client, "introspect", &about));
    is_unavailable(&ask(&service, &client, "revoke", "token=unknown"));
    for token in [&token, &other] {
        service.whoami(token).problem(503, "unavailable");
    }
    // Who is asked for a list knows no more than who is asked for a verdict.
    let list = || gateway.get("/api/v1/revocations");
    list().problem(503, "unavailable");
    proxy.heal();
    eventually(|| (service.anonymous().get("/readyz").status == 200).then_some(()))
        .expect("the database is back");
    gateway.verify(&other).is_accepted();
    // Sent again, as it was told.
    let given_back = || (ask(&service, &client, "revoke", &about).status == 200).then_some(());
    eventually(given_back).expect("it is given back");
    gateway.verify(&token).is_refused("revoked");
    assert_eq!(list().status, 200);
    gateway.verify(&other).is_accepted();
}

const CLAIM: &str = "credledger.claim_once";
const URL: &str = "https://api.example.com/orders";

/// A token that is bound to a key, and the gateway's question about it with this proof.
struct Bound {
    holder: Holder,
    token: String,
}

impl Bound {
    fn take(service: &Service) -> Bound {
        let (root, holder) = (service.root(), Holder::new());
        let tenant = root.tenant("acme", json!({}));
        let client = tenant.client_with(json!({"name": "c", "dpop_bound_access_tokens": true}));
        Bound { token: holder.token(service, &client), holder }
    }

    fn proof(&self) -> String {
        self.holder.proof("GET", URL, &self.token)
    }

    fn ask(&self, gateway: &Actor, proof: &str) -> Response {
        let question =
            json!({"credential": self.token, "dpop": proof, "http_method": "GET", "http_uri": URL});
        gateway.post("/api/v1/verify", &question)
    }
}

#[test]
fn a_proof_whose_claim_lost_its_connection_is_worth_exactly_one_use() {
    let CutOff { database: _database, proxy, service } = CutOff::start();
    let bound = Bound::take(&service);
    let gateway = service.gateway();
    for cut in [Cut::BeforeTheStatement, Cut::BeforeTheAnswer, Cut::Meanwhile] {
        let (proof, cuts) = (bound.proof(), proxy.cuts());
        proxy.cut_next(CLAIM, cut);
        assert_eq!(
            bound.ask(&gateway, &proof).expect(200)["valid"],
            true,
            "{cut:?}: it is asked about again"
        );
        assert_eq!(proxy.cuts(), cuts + 1, "{cut:?}");
        assert_eq!(bound.ask(&gateway, &proof).expect(200)["reason"], "proof_invalid", "{cut:?}");
    }
}

#[test]
fn while_the_database_is_away_no_proof_is_taken_and_what_needs_none_goes_on() {
    let CutOff { database: _database, proxy, service } = CutOff::start();
    let bound = Bound::take(&service);
    let (root, gateway) = (service.root(), service.gateway());
    let key = root.tenant("plain", json!({})).mint("k");
    assert_eq!(bound.ask(&gateway, &bound.proof()).expect(200)["valid"], true);
    proxy.freeze_at(CLAIM);
    let proof = bound.proof();
    let answer = bound.ask(&gateway, &proof);
    answer.problem(503, "unavailable");
    assert!(answer.header("retry-after").is_some());
    assert!(proxy.is_frozen());
    proxy.heal();
    eventually(|| (service.anonymous().get("/readyz").status == 200).then_some(()))
        .expect("the database is back");
    gateway.verify(&key.secret).is_accepted();
    // Nobody was let in with it; but it may have been claimed, and is not free again.
    eventually(|| (bound.ask(&gateway, &proof).expect(200)["reason"] == "proof_invalid").then_some(()))
        .expect("it was claimed");
    assert_eq!(bound.ask(&gateway, &bound.proof()).expect(200)["valid"], true);
    proxy.refuse();
    bound.ask(&gateway, &bound.proof()).problem(503, "unavailable");
}

#[test]
fn proofs_that_were_used_are_forgotten_once_nobody_could_use_them_any_more() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut service = Service::start();
    let bound = Bound::take(&service);
    let gateway = service.gateway();
    let proof = bound.proof();
    assert_eq!(bound.ask(&gateway, &proof).expect(200)["valid"], true);
    let admin = runtime.block_on(service.database.as_ref().expect("a database").admin());
    let over = "insert into credledger.claimed_once (ledger_id, tenant_id, kind, digest, credential_id, batch_id, until_ms) \
                select 1, gen_random_uuid(), 'dpop_proof', '', gen_random_uuid(), gen_random_uuid(), n \
                from generate_series(1, 2500) n";
    runtime.block_on(admin.execute(over, &[])).expect("rows that are over");
    drop(gateway);
    assert_eq!(service.stop(), Some(0));
    service.start_again();
    let left = || -> i64 {
        let count = "select count(*) from credledger.claimed_once";
        runtime.block_on(admin.query_one(count, &[])).expect("a count").get(0)
    };
    // Those of the exchange and of its use are not over.
    eventually(|| (left() == 2).then_some(())).expect("all that is over is gone");
}
