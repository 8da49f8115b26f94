//! A checker that asks nobody: written by the section "Checking offline" of docs/OAUTH.md, and by nothing else of the service.

use std::collections::HashMap;

use credledger::domain::base64url;
use credledger::domain::jwk::Jwk;
use credledger::vault::SigningAlgorithm;
use serde_json::{Map, Value};

use super::part;
use crate::support::service::{Actor, Service};

pub const LIST: &str = "/api/v1/revocations";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    Good,
    Refused,
    /// online, or refuse
    Ask,
}

#[derive(Default)]
pub struct Checker {
    pub issuer: String,
    /// what `aud` has to name
    pub audience: String,
    keys: HashMap<String, (SigningAlgorithm, Jwk)>,
    pub list: Option<Held>,
}

/// What a text says that was signed by a published key, and which one.
#[derive(Clone)]
pub struct Held {
    pub kid: String,
    pub claims: Map<String, Value>,
}

impl Checker {
    pub fn of(service: &Service) -> Self {
        let mut checker = Checker { issuer: service.url(), audience: service.url(), ..Checker::default() };
        checker.fetch_keys(service);
        checker
    }

    pub fn fetch_keys(&mut self, service: &Service) {
        let set = service.anonymous().get("/.well-known/jwks.json").expect(200);
        self.keys.clear();
        for key in set["keys"].as_array().expect("keys") {
            let algorithm =
                SigningAlgorithm::from_word(key["alg"].as_str().expect("alg")).expect("a known one");
            let jwk = Jwk::read(key.as_object().expect("a key")).expect("a public key");
            self.keys.insert(key["kid"].as_str().expect("kid").to_owned(), (algorithm, jwk));
        }
        self.list.take_if(|held| !self.keys.contains_key(&held.kid));
    }

    /// What a text says that is signed by a published key, as this type.
    fn signed(&self, text: &str, typ: &str) -> Option<Held> {
        let (signed, signature) = text.rsplit_once('.')?;
        let header = part(text, 0);
        let kid = header["kid"].as_str()?;
        let (algorithm, jwk) = self.keys.get(kid)?;
        if header["typ"] != typ || header["alg"] != algorithm.word() {
            return None;
        }
        let signature = base64url::decode(signature)?;
        jwk.public.key().has_signed(*algorithm, signed.as_bytes(), &signature).then_some(())?;
        let claims = part(text, 1).as_object()?.clone();
        (claims["iss"] == self.issuer.as_str()).then(|| Held { kid: kid.to_owned(), claims })
    }

    /// Takes a list that it may; whether it did.
    pub fn take(&mut self, text: &str, now: i64) -> bool {
        let Some(list) = self.signed(text, "revocations+jwt") else { return false };
        let older = |held: &Held, name| list.number(name) < held.number(name);
        let binds = |held: &&Held| !held.is_over(now);
        let held = self.list.as_ref().filter(binds);
        let older = held.is_some_and(|held| older(held, "iat") || older(held, "position"));
        let lasts = list.number("exp") - list.number("iat");
        if older || lasts > 60 || list.is_over(now) || list.number("iat") > now + 1 {
            return false;
        }
        self.list = Some(list);
        true
    }

    pub fn fetch(&mut self, gateway: &Actor) {
        let answer = gateway.get(LIST);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(self.take(&answer.text(), now()), "{}", answer.text());
    }

    pub fn check(&self, token: &str, now: i64) -> Told {
        let Some(token) = self.signed(token, "at+jwt") else { return Told::Refused };
        if token.claims.contains_key("cnf") || token.is_over(now) || !token.is_for(&self.audience) {
            return Told::Refused;
        }
        let Some(list) = self.list.as_ref().filter(|list| !list.is_over(now)) else { return Told::Ask };
        let (token, list) = (&token.claims, &list.claims);
        let names = |name: &str, value: &Value| list[name].as_array().expect("a list").contains(value);
        if !names("covers", &Value::from("*")) && !names("covers", &token["tenant_id"]) {
            return Told::Ask;
        }
        let client = token["credential_id"].as_str().expect("a client");
        let least = list["clients"].get(client).and_then(Value::as_u64).unwrap_or(0);
        let ended = names("suspended_tenants", &token["tenant_id"])
            || names("ended_clients", &token["credential_id"])
            || token["client_version"].as_u64().is_none_or(|version| version < least)
            || names("secrets", &token["secret_id"])
            || names("tokens", &token["jti"]);
        match ended {
            true => Told::Refused,
            false if names("ask_clients", &token["credential_id"]) => Told::Ask,
            false => Told::Good,
        }
    }
}

impl Held {
    fn number(&self, name: &str) -> i64 {
        self.claims[name].as_i64().expect("a number")
    }

    fn is_over(&self, now: i64) -> bool {
        self.claims.get("exp").and_then(Value::as_i64).is_none_or(|end| end <= now)
    }

    fn is_for(&self, audience: &str) -> bool {
        match &self.claims["aud"] {
            Value::Array(named) => named.contains(&Value::from(audience)),
            named => *named == audience,
        }
    }
}

pub fn now() -> i64 {
    crate::matrix::since_1970() / 1000
}
