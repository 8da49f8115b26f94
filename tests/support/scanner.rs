//! A secret scanner: somebody who signs as GitHub does.
#![allow(dead_code)] // each test binary uses its part of this

use credledger::domain::base64url;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use super::client::{Request, Response};
use super::service::Service;

pub const GITHUB: &str = "/api/v1/leaks/github";
/// How a P-256 key begins in DER.
const SPKI: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
/// Somebody with GitHub's key, or so they say.
pub struct Scanner {
    id: &'static str,
    pair: EcdsaKeyPair,
}

pub fn bytes_of(hex: &str) -> Vec<u8> {
    let byte = |place| u8::from_str_radix(&hex[place..place + 2], 16).expect("hex");
    (0..hex.len()).step_by(2).map(byte).collect()
}

pub fn base64(bytes: &[u8]) -> String {
    let text = base64url::encode(bytes).replace('-', "+").replace('_', "/");
    let padding = (4 - text.len() % 4) % 4;
    text + &"=".repeat(padding)
}

impl Scanner {
    pub fn new(id: &'static str) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random);
        Scanner { id, pair: pair.expect("a key") }
    }

    pub fn listed(&self) -> Value {
        let der = [bytes_of(SPKI), self.pair.public_key().as_ref().to_vec()].concat();
        let key = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", base64(&der));
        json!({"key_identifier": self.id, "key": key, "is_current": true})
    }

    pub fn signature(&self, body: &[u8]) -> Vec<u8> {
        self.pair.sign(&SystemRandom::new(), body).expect("signed").as_ref().to_vec()
    }

    pub fn signed(&self, body: &[u8]) -> Request {
        message(self.id, &base64(&self.signature(body)), body)
    }

    pub fn says(&self, service: &Service, findings: &Value) -> Response {
        service.anonymous().send(&self.signed(findings.to_string().as_bytes()))
    }
}

pub fn message(id: &str, signature: &str, body: &[u8]) -> Request {
    Request::new("POST", GITHUB)
        .header("Content-Type", "application/json")
        .header("Github-Public-Key-Identifier", id)
        .header("Github-Public-Key-Signature", signature)
        .body(body.to_vec())
}

pub fn list(scanners: &[&Scanner]) -> String {
    let keys: Vec<Value> = scanners.iter().map(|scanner| scanner.listed()).collect();
    json!({ "public_keys": keys }).to_string()
}
