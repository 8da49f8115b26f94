//! Every secret of a key, and every token of a client, asked about in many ways: the running service says what the one pure
//! function says of the model's state (P11).

use std::net::IpAddr;

use credledger::clock::Timestamp;
use credledger::domain::access::{Facts, Possession, Request, Token, judge};
use credledger::domain::credential::{Credential, Kind, Secret};
use credledger::domain::decided::Whole;
use credledger::domain::effective::Effective;
use credledger::domain::ids::TenantId;
use credledger::domain::member::Member;
use credledger::domain::operator::Reach;
use credledger::domain::scope::ConcreteScope;
use credledger::domain::tenant::Tenant;
use serde_json::{Value, json};

use crate::run::{Run, Taken};
use crate::step::RESOURCES;
use crate::support::service::Actor;

const ADDRESSES: [Option<&str>; 4] = [None, Some("192.0.2.7"), Some("198.51.100.1"), Some("2001:db8::7")];
const SCOPES: [&[&str]; 4] =
    [&[], &["orders.read"], &["orders.write", "payments.eu.read"], &["a.b.c", "orders.read", "x"]];
const OPERATIONS: [Option<&str>; 3] = [None, Some("GET /orders"), Some("POST /orders")];
const AUDIENCES: [Option<&str>; 5] = [None, Some(RESOURCES[0]), None, Some(RESOURCES[1]), Some(RESOURCES[2])];
const BATCH: usize = 100;

pub struct Question {
    pub ip: Option<IpAddr>,
    pub scopes: Vec<ConcreteScope>,
    pub operation: Option<&'static str>,
    pub tenant: Option<TenantId>,
    pub audience: Option<&'static str>,
}

/// All that a verdict may depend on.
#[derive(Clone, Debug)]
pub struct Whose {
    pub tenant: Tenant,
    pub credential: Credential,
    pub owner: Option<Member>,
    pub secret: Secret,
    /// a token that was given for the secret, and whether it was ended by itself or with others
    pub token: Option<(Taken, bool)>,
}

pub fn agree(gateway: &Actor, run: &mut Run<'_>) {
    let asked = asked(run);
    for batch in asked.chunks(BATCH) {
        let items: Vec<Value> = batch
            .iter()
            .map(|(text, _, question)| {
                json!({"credential": text, "client_ip": question.ip, "scopes": question.scopes,
                       "operation": question.operation, "tenant": question.tenant,
                       "audience": question.audience})
            })
            .collect();
        let answer = gateway.post("/api/v1/verify/batch", &json!({"items": items})).expect(200);
        let answers = answer["data"].as_array().expect("a list");
        assert_eq!(answers.len(), batch.len());
        for (told, (_, whose, question)) in answers.iter().zip(batch) {
            whose.hold(told, question);
            if whose.token.is_some() {
                run.meets(&format!("token.{}", told["reason"].as_str().unwrap_or("accepted")));
            }
        }
    }
}

/// What is shown, whose it is, and what is asked of it.
fn asked(run: &Run<'_>) -> Vec<(String, Whose, Question)> {
    let mut asked = Vec::new();
    let mut ask = |text: &str, whose: &Whose| {
        let questions = questions(asked.len(), &run.tenants);
        asked.extend(questions.into_iter().map(|question| (text.to_owned(), whose.clone(), question)));
    };
    for id in run.keys.iter().flatten() {
        let key = run.oracle.credential(*id).expect("a key of the history");
        // A client shows no secret here, but the tokens that it was given.
        for secret in key.secrets.iter().filter(|_| key.kind() == Kind::ApiKey) {
            // A mint whose first answer was lost tells its secret to the repeat: every one is known.
            let text = run.secrets.get(&secret.facts.id).expect("the text of every secret is known");
            ask(text, &run.whose(&key, secret, None));
        }
    }
    run.taken.iter().for_each(|taken| ask(&taken.text, &run.whose_token(taken)));
    asked
}

/// Some ways to ask for each, others for each: over a history all of them come.
pub fn questions(turn: usize, tenants: &[TenantId]) -> Vec<Question> {
    let question = |turn: usize| Question {
        ip: ADDRESSES[turn % ADDRESSES.len()].map(|text| text.parse().expect("an address")),
        scopes: SCOPES[turn / 2 % SCOPES.len()]
            .iter()
            .map(|text| ConcreteScope::parse(text).expect("a scope"))
            .collect(),
        operation: OPERATIONS[turn % OPERATIONS.len()],
        tenant: (turn % 5 == 4).then(|| tenants[turn / 5 % tenants.len()]),
        audience: AUDIENCES[turn / 4 % AUDIENCES.len()],
    };
    let plain = Question { ip: None, scopes: Vec::new(), operation: None, tenant: None, audience: None };
    vec![plain, question(turn), question(turn + 1), question(turn * 7 + 3)]
}

impl Whose {
    pub fn facts(&self) -> Facts<'_> {
        let Whose { tenant, credential, owner, secret, token } = self;
        let token = token.as_ref().map(|(taken, revoked)| Token {
            ends_at: taken.ends_at,
            revoked: *revoked,
            bound: false,
            scopes: &taken.scopes,
            audience: &taken.audience,
        });
        let whole = Whole { credential, secret, tenant, owner: owner.as_ref() };
        Facts { token, ..whole.facts() }
    }

    fn hold(&self, told: &Value, question: &Question) {
        let at = told["judged_at"].as_str().and_then(Timestamp::parse).expect("an instant");
        let request = Request {
            possession: Possession::Bare,
            client_ip: question.ip,
            scopes: &question.scopes,
            operation: question.operation,
            tenant: question.tenant,
            audience: question.audience,
            reach: &Reach::All,
        };
        let about = || format!("{told}\n{self:?}");
        match judge(&self.facts(), &request, at) {
            Ok(()) => self.holds_accepted(told),
            Err(refused) => {
                assert_eq!(told["valid"], false, "{refused:?}: {}", about());
                assert_eq!(told["reason"], refused.reason.word(), "{}", about());
                let missing = told.get("missing_scopes").cloned().unwrap_or_else(|| json!([]));
                assert_eq!(missing, json!(refused.missing_scopes), "{}", about());
            }
        }
        let key = &self.credential;
        assert_eq!(told["credential_id"], json!(key.id), "{}", about());
        assert_eq!(told["secret_id"], json!(self.secret.facts.id), "{}", about());
        assert_eq!(told["tenant_id"], json!(key.tenant), "{}", about());
        assert_eq!(told["name"], json!(key.name.value.known()), "{}", about());
        let token = self.token.as_ref().map(|(taken, _)| taken);
        let of_token = |name: &str, own: Option<Value>| {
            assert_eq!(told.get(name), own.as_ref(), "{name}: {}", about());
        };
        of_token("jti", token.map(|taken| json!(taken.id)));
        of_token("client_id", token.map(|taken| json!(taken.client_id)));
        of_token("audience", token.map(|taken| json!(taken.audience)));
    }

    fn holds_accepted(&self, told: &Value) {
        let about = || format!("{told}\n{self:?}");
        let (key, owner) = (&self.credential, self.owner.as_ref().map(|owner| &*owner.scopes));
        assert_eq!(told["valid"], true, "{}", about());
        let effective = match &self.token {
            None => Effective::of(&key.scopes, owner).scopes.into_owned(),
            Some((taken, _)) => {
                let of_client = Effective::of(&taken.scopes, Some(&key.scopes));
                Effective::of(&of_client.scopes, owner).scopes.into_owned()
            }
        };
        assert_eq!(told["effective_scopes"], json!(effective), "{}", about());
        assert_eq!(told["owner"], json!(key.owner), "{}", about());
        let limit = key.rate_limit.under(self.tenant.settings.default_rate_limit);
        let limit = limit.map(|limit| json!(limit.requests()));
        assert_eq!(told["rate_limit"].get("limit"), limit.as_ref(), "{}", about());
    }
}
