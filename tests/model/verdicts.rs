//! Every secret of a history, asked about in many ways: the running service says what the one pure function says of the
//! model's state (P11).

use std::net::IpAddr;

use credledger::clock::Timestamp;
use credledger::domain::access::{Facts, Owner, Possession, Request, judge};
use credledger::domain::credential::{Credential, Secret};
use credledger::domain::effective::Effective;
use credledger::domain::ids::TenantId;
use credledger::domain::member::Member;
use credledger::domain::operator::Reach;
use credledger::domain::scope::ConcreteScope;
use credledger::domain::tenant::Tenant;
use serde_json::{Value, json};

use crate::run::Run;
use crate::support::service::Actor;

const ADDRESSES: [Option<&str>; 4] = [None, Some("192.0.2.7"), Some("198.51.100.1"), Some("2001:db8::7")];
const SCOPES: [&[&str]; 4] =
    [&[], &["orders.read"], &["orders.write", "payments.eu.read"], &["a.b.c", "orders.read", "x"]];
const OPERATIONS: [Option<&str>; 3] = [None, Some("GET /orders"), Some("POST /orders")];
const BATCH: usize = 100;

struct Question {
    ip: Option<IpAddr>,
    scopes: Vec<ConcreteScope>,
    operation: Option<&'static str>,
    tenant: Option<TenantId>,
}

pub fn agree(gateway: &Actor, run: &Run<'_>) {
    let mut asked = Vec::new();
    for (place, keys) in run.keys.iter().enumerate() {
        let tenant = run.oracle.tenant(run.tenants[place]);
        for key in keys {
            let key = run.oracle.credential(*key).expect("a key of the history");
            let owner = run.oracle.owner(&key);
            for secret in &key.secrets {
                let questions = questions(asked.len(), &run.tenants);
                asked.extend(questions.into_iter().map(|question| {
                    (tenant.clone(), (key.clone(), owner.clone()), secret.clone(), question)
                }));
            }
        }
    }
    for batch in asked.chunks(BATCH) {
        let items: Vec<Value> = batch
            .iter()
            .map(|(_, _, secret, question)| {
                // A mint whose first answer was lost tells its secret to the repeat: every one is known.
                let text = run.secrets.get(&secret.facts.id).expect("the text of every secret is known");
                json!({"credential": text, "client_ip": question.ip, "scopes": question.scopes,
                       "operation": question.operation, "tenant": question.tenant})
            })
            .collect();
        let answer = gateway.post("/api/v1/verify/batch", &json!({"items": items})).expect(200);
        let answers = answer["data"].as_array().expect("a list");
        assert_eq!(answers.len(), batch.len());
        for (told, (tenant, (key, owner), secret, question)) in answers.iter().zip(batch) {
            hold(told, tenant, key, owner.as_ref(), secret, question);
        }
    }
}

/// Two ways to ask for each secret, others for each: over a history all of them come.
fn questions(turn: usize, tenants: &[TenantId]) -> Vec<Question> {
    let question = |turn: usize| Question {
        ip: ADDRESSES[turn % ADDRESSES.len()].map(|text| text.parse().expect("an address")),
        scopes: SCOPES[turn / 2 % SCOPES.len()]
            .iter()
            .map(|text| ConcreteScope::parse(text).expect("a scope"))
            .collect(),
        operation: OPERATIONS[turn % OPERATIONS.len()],
        tenant: (turn % 5 == 4).then(|| tenants[turn / 5 % tenants.len()]),
    };
    let plain = Question { ip: None, scopes: Vec::new(), operation: None, tenant: None };
    vec![plain, question(turn), question(turn + 1), question(turn * 7 + 3)]
}

fn hold(
    told: &Value,
    tenant: &Tenant,
    key: &Credential,
    owner: Option<&Member>,
    secret: &Secret,
    question: &Question,
) {
    let at = told["judged_at"].as_str().and_then(Timestamp::parse).expect("an instant");
    let facts = Facts {
        tenant: key.tenant,
        token: None,
        revoked: key.revoked.is_some(),
        secret_revoked: secret.revoked_at.is_some(),
        secret_ends_at: secret.ends_at,
        expires_at: key.expires_at,
        tenant_suspended: tenant.suspended_at.is_some(),
        suspended: key.suspended_at.is_some(),
        owner: owner.map(|owner| Owner { disabled: owner.disabled_at.is_some(), scopes: &owner.scopes }),
        scopes: &key.scopes,
        ip_rules: &key.ip_rules,
        operations: &tenant.settings.operations,
    };
    let request = Request {
        possession: Possession::Bare,
        client_ip: question.ip,
        scopes: &question.scopes,
        operation: question.operation,
        tenant: question.tenant,
        reach: &Reach::All,
    };
    let about = || format!("{told}\n{key:?}\n{secret:?}");
    match judge(&facts, &request, at) {
        Ok(()) => {
            assert_eq!(told["valid"], true, "{}", about());
            let effective = Effective::of(&key.scopes, owner.map(|owner| &*owner.scopes));
            assert_eq!(told["effective_scopes"], json!(effective.scopes), "{}", about());
            assert_eq!(told["owner"], json!(key.owner), "{}", about());
            let limit = key.rate_limit.under(tenant.settings.default_rate_limit);
            let limit = limit.map(|limit| limit.requests());
            assert_eq!(
                told["rate_limit"].get("limit"),
                limit.map(|limit| json!(limit)).as_ref(),
                "{}",
                about()
            );
        }
        Err(refused) => {
            assert_eq!(told["valid"], false, "{refused:?}: {}", about());
            assert_eq!(told["reason"], refused.reason.word(), "{}", about());
            let missing = told.get("missing_scopes").cloned().unwrap_or_else(|| json!([]));
            assert_eq!(missing, json!(refused.missing_scopes), "{}", about());
        }
    }
    assert_eq!(told["credential_id"], json!(key.id), "{}", about());
    assert_eq!(told["secret_id"], json!(secret.facts.id), "{}", about());
    assert_eq!(told["tenant_id"], json!(key.tenant), "{}", about());
    assert_eq!(told["name"], json!(key.name.value.known()), "{}", about());
}
