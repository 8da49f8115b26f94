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
    keys: HashMap<String, (SigningAlgorithm, Jwk)>,
    pub list: Option<Map<String, Value>>,
}

impl Checker {
    pub fn of(service: &Service) -> Self {
        let mut checker = Checker { issuer: service.url(), ..Checker::default() };
        checker.fetch_keys(service);
        checker
    }

    pub fn fetch_keys(&mut self, service: &Service) {
        let set = service.anonymous().get("/.well-known/jwks.json").expect(200);
        for key in set["keys"].as_array().expect("keys") {
            let algorithm =
                SigningAlgorithm::from_word(key["alg"].as_str().expect("alg")).expect("a known one");
            let jwk = Jwk::read(key.as_object().expect("a key")).expect("a public key");
            self.keys.insert(key["kid"].as_str().expect("kid").to_owned(), (algorithm, jwk));
        }
    }

    /// What a text says that is signed by a published key, as this type.
    fn signed(&self, text: &str, typ: &str) -> Option<Map<String, Value>> {
        let (signed, signature) = text.rsplit_once('.')?;
        let header = part(text, 0);
        let (algorithm, jwk) = self.keys.get(header["kid"].as_str()?)?;
        if header["typ"] != typ || header["alg"] != algorithm.word() {
            return None;
        }
        let signature = base64url::decode(signature)?;
        jwk.public.key().has_signed(*algorithm, signed.as_bytes(), &signature).then_some(())?;
        part(text, 1).as_object().cloned().filter(|claims| claims["iss"] == self.issuer.as_str())
    }

    /// Takes a list that it may; whether it did.
    pub fn take(&mut self, text: &str, now: i64) -> bool {
        let Some(list) = self.signed(text, "revocations+jwt") else { return false };
        let number = |list: &Map<String, Value>, name: &str| list[name].as_i64().expect("a number");
        let older = |held: &Map<String, Value>, name| number(&list, name) < number(held, name);
        let older = self.list.as_ref().is_some_and(|held| older(held, "iat") || older(held, "position"));
        if older || list["exp"].as_i64().is_none_or(|end| end <= now) || number(&list, "iat") > now + 1 {
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
        if token.contains_key("cnf") || token["exp"].as_i64().is_none_or(|end| end <= now) {
            return Told::Refused;
        }
        let Some(list) = self.list.as_ref().filter(|list| list["exp"].as_i64().is_some_and(|end| now < end))
        else {
            return Told::Ask;
        };
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

pub fn now() -> i64 {
    crate::matrix::since_1970() / 1000
}
