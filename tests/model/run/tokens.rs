//! What clients are given for their secrets, and give back: no commands of operators, and held against the model all the same.

use credledger::clock::Timestamp;
use credledger::domain::access::{Request, judge};
use credledger::domain::base64url;
use credledger::domain::credential::{Credential, CredentialEvent, Secret};
use credledger::domain::event::Event;
use credledger::domain::grant::{Asked, Entitled, Granted, NotGranted};
use credledger::domain::ids::{SecretId, StreamId};
use credledger::domain::scope::Scope;
use serde_json::{Value, json};

use super::{Run, Target};
use crate::support::client::{Request as Sent, Response};
use crate::verdicts::Whose;

/// A token that a client was given, and what is known of it without its text.
#[derive(Clone, Debug)]
pub struct Taken {
    pub text: String,
    pub client: StreamId,
    pub client_id: String,
    pub secret: SecretId,
    /// its own id
    pub id: String,
    pub scopes: Vec<Scope>,
    pub audience: Vec<String>,
    pub ends_at: Timestamp,
    pub given_back: bool,
    /// how often all of its client's tokens had been ended before
    cut_offs: usize,
}

/// From where the model asks.
pub fn here<'a>() -> Request<'a> {
    Request { client_ip: "127.0.0.1".parse().ok(), ..Request::AT_ALL }
}

impl Run<'_> {
    pub(super) fn exchange(&mut self, target: Target, secret: u8, scope: Option<&str>, resources: &[&str]) {
        let client = target.subject.and_then(|id| self.oracle.credential(id));
        let client = client.expect("a client of the history");
        let secret = &client.secrets[usize::from(secret) % client.secrets.len()];
        let answer = self.asks_for_a_token(secret, scope, resources);
        let whose = self.whose(&client, secret, None);
        if judge(&whose.facts(), &here(), self.oracle.now).is_err() {
            assert_eq!(told(&answer), (401, "invalid_client".to_owned()), "{whose:?}");
            return self.meets("exchange.refused");
        }
        let asked = Asked { scope, resources: resources.to_vec() };
        let issued_at = issued_at(&answer).unwrap_or(self.oracle.now);
        match self.entitled(&whose, &asked, issued_at) {
            Ok(granted) => self.take(&client, secret, &granted, issued_at, &answer),
            Err(fault) => {
                let word = if fault == NotGranted::Scope { "invalid_scope" } else { "invalid_target" };
                assert_eq!(told(&answer), (400, word.to_owned()), "{asked:?} {whose:?}");
                self.meets("exchange.not_granted");
            }
        }
    }

    fn asks_for_a_token(&self, secret: &Secret, scope: Option<&str>, resources: &[&str]) -> Response {
        let id = secret.facts.client_id.as_ref().expect("a client's secret").as_str();
        let text = self.secrets.get(&secret.facts.id).expect("the text of every secret is known");
        let mut form = format!("grant_type=client_credentials&client_id={id}&client_secret={text}");
        scope.iter().for_each(|scope| form += &format!("&scope={}", scope.replace(' ', "+")));
        resources.iter().for_each(|resource| form += &format!("&resource={resource}"));
        let request = Sent::new("POST", "/api/v1/oauth/token");
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        self.service.anonymous().send(&request.body(form.into_bytes()))
    }

    fn entitled(&self, whose: &Whose, asked: &Asked<'_>, now: Timestamp) -> Result<Granted, NotGranted> {
        let client = whose.credential.client.as_ref().expect("a client");
        let entitled = Entitled {
            scopes: &whose.credential.scopes,
            owner_scopes: whose.owner.as_ref().map(|owner| &*owner.scopes),
            resources: &client.registration.resources,
            expires_at: whose.credential.expires_at,
            issuer: &self.service.url(),
            lifetime_seconds: whose.tenant.settings.token_lifetime_seconds,
        };
        entitled.grant(asked, now)
    }

    fn take(
        &mut self,
        client: &Credential,
        secret: &Secret,
        granted: &Granted,
        issued_at: Timestamp,
        answer: &Response,
    ) {
        let told = answer.expect(200);
        assert_eq!(told["expires_in"], granted.lifetime_seconds, "{granted:?}");
        let scope = Some(&granted.scope).filter(|scope| !scope.is_empty());
        assert_eq!(told.get("scope"), scope.map(|scope| json!(scope)).as_ref(), "{granted:?}");
        let text = told["access_token"].as_str().expect("a token").to_owned();
        let claims = claims(&text);
        let id = secret.facts.client_id.as_ref().expect("a client's secret").as_str();
        assert_eq!((&claims["client_id"], &claims["credential_id"]), (&json!(id), &json!(client.id)));
        self.taken.push(Taken {
            client: client.id.into(),
            client_id: id.to_owned(),
            secret: secret.facts.id,
            id: claims["jti"].as_str().expect("an id").to_owned(),
            scopes: granted.scope.split(' ').filter_map(|word| Scope::parse(word).ok()).collect(),
            audience: granted.audience.clone(),
            ends_at: issued_at.plus_seconds(granted.lifetime_seconds),
            given_back: false,
            cut_offs: self.cut_offs(client.id.into()),
            text,
        });
        self.meets("token.taken");
    }

    /// One of the tokens of this client ends, by whoever holds it: one that is over is none that could.
    pub(super) fn give_back(&mut self, target: Target, token: u8) {
        let of_it = |taken: &&usize| Some(self.taken[**taken].client) == target.subject;
        let places: Vec<usize> = (0..self.taken.len()).filter(|place| of_it(&place)).collect();
        let Some(place) = places.get(usize::from(token) % places.len().max(1)) else { return };
        let taken = self.taken[*place].clone();
        let whose = self.whose_token(&taken);
        let verdict = judge(&whose.facts(), &here(), self.oracle.now);
        let over = verdict.is_err_and(|refused| ["revoked", "expired"].contains(&refused.reason.word()));
        let answer = self.service.actor(&taken.text).post("/api/v1/self/revoke", &json!({}));
        if over {
            answer.problem(401, "unauthorized");
            return self.meets("token.was_over");
        }
        assert_eq!(answer.expect(200)["jti"], json!(taken.id));
        self.taken[*place].given_back = true;
        self.meets("token.given_back");
    }

    fn cut_offs(&self, client: StreamId) -> usize {
        let ended = |event: &Event| matches!(event, Event::Credential(_, CredentialEvent::TokensRevoked(_)));
        self.oracle.memory.all().iter().filter(|event| event.stream == client && ended(&event.event)).count()
    }

    pub fn whose(&self, credential: &Credential, secret: &Secret, taken: Option<&Taken>) -> Whose {
        Whose {
            tenant: self.oracle.tenant(credential.tenant),
            credential: credential.clone(),
            owner: self.oracle.owner(credential),
            secret: secret.clone(),
            token: taken.map(|taken| {
                let revoked = taken.given_back || self.cut_offs(taken.client) > taken.cut_offs;
                (taken.clone(), revoked)
            }),
        }
    }

    pub fn whose_token(&self, taken: &Taken) -> Whose {
        let client = self.oracle.credential(taken.client).expect("a client of the history");
        let secret =
            client.secrets.iter().find(|secret| secret.facts.id == taken.secret).expect("its secret");
        self.whose(&client, secret, Some(taken))
    }
}

fn told(answer: &Response) -> (u16, String) {
    (answer.status, answer.json()["error"].as_str().unwrap_or_default().to_owned())
}

fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).and_then(base64url::decode).expect("claims");
    serde_json::from_slice(&part).expect("JSON")
}

/// A token says itself when it was given.
fn issued_at(answer: &Response) -> Option<Timestamp> {
    let token = answer.json()["access_token"].as_str()?.to_owned();
    Timestamp::from_millis(claims(&token)["iat"].as_i64()? * 1000)
}
