//! Somebody who holds a key, and proves it (RFC 9449).
#![allow(dead_code)] // each test binary uses its part of this

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use credledger::domain::base64url;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

use super::client::Request;
use super::service::{Key, Service, text};

pub struct Holder {
    pair: Ed25519KeyPair,
    proofs: AtomicU64,
}

impl Holder {
    pub fn new() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).expect("a key");
        Holder { pair, proofs: AtomicU64::new(0) }
    }

    pub fn jwk(&self) -> Value {
        json!({"crv": "Ed25519", "kty": "OKP", "x": base64url::encode(self.pair.public_key().as_ref())})
    }

    /// RFC 7638: the members in their order, without a space.
    pub fn thumbprint(&self) -> String {
        hash(&self.jwk().to_string())
    }

    pub fn header(&self) -> Value {
        json!({"typ": "dpop+jwt", "alg": "EdDSA", "jwk": self.jwk()})
    }

    /// What a proof of its own says for a request.
    pub fn claims(&self, method: &str, url: &str) -> Value {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let id = format!("proof {}", self.proofs.fetch_add(1, Ordering::Relaxed));
        json!({"jti": id, "htm": method, "htu": url, "iat": now})
    }

    /// Signed, whatever it says.
    pub fn signed(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| base64url::encode(value.to_string().as_bytes());
        let text = format!("{}.{}", part(header), part(claims));
        let signature = self.pair.sign(text.as_bytes());
        format!("{text}.{}", base64url::encode(signature.as_ref()))
    }

    /// For the token endpoint.
    pub fn proof_with(&self, url: &str, nonce: &str) -> String {
        let mut claims = self.claims("POST", url);
        claims["nonce"] = json!(nonce);
        self.signed(&self.header(), &claims)
    }

    /// A token of a client's that is bound to the key. Two requests: the first learns the nonce.
    #[track_caller]
    pub fn token(&self, service: &Service, client: &Key<'_>) -> String {
        const PATH: &str = "/api/v1/oauth/token";
        let metadata = service.anonymous().get("/.well-known/oauth-authorization-server");
        let url = text(&metadata.expect(200)["token_endpoint"]);
        let (id, secret) = (text(&client.minted["client_id"]), &client.secret);
        let body = format!("client_id={id}&client_secret={secret}&grant_type=client_credentials");
        let exchange = |proof: &str| {
            let request = Request::new("POST", PATH).body(body.clone().into_bytes());
            let request = request.header("Content-Type", "application/x-www-form-urlencoded");
            service.anonymous().send(&request.header("DPoP", proof))
        };
        let first = exchange(&self.signed(&self.header(), &self.claims("POST", &url)));
        assert_eq!(first.expect(400)["error"], "use_dpop_nonce");
        let proof = self.proof_with(&url, first.header("dpop-nonce").expect("a nonce"));
        let told = exchange(&proof).expect(200);
        assert_eq!(told["token_type"], "DPoP", "{told}");
        text(&told["access_token"])
    }

    /// For a request with a token.
    pub fn proof(&self, method: &str, url: &str, token: &str) -> String {
        let mut claims = self.claims(method, url);
        claims["ath"] = json!(hash(token));
        self.signed(&self.header(), &claims)
    }
}

fn hash(text: &str) -> String {
    base64url::encode(digest(&SHA256, text.as_bytes()).as_ref())
}
