//! A client's own key, and what it signs to say that it is itself (RFC 7523).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use credledger::domain::base64url;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use super::client::Request;

pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

pub struct Signer {
    pair: EcdsaKeyPair,
    pkcs8: Vec<u8>,
    kid: String,
}

impl Signer {
    pub fn new(kid: &str) -> Self {
        let random = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random);
        Signer { pair: pair.expect("a key"), pkcs8: made.as_ref().to_vec(), kid: kid.to_owned() }
    }

    /// Its private half, for a library that is to sign with it.
    pub fn pkcs8(&self) -> String {
        base64url::encode(&self.pkcs8)
    }

    pub fn jwk(&self) -> Value {
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        let [x, y] = [x, y].map(base64url::encode);
        json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "use": "sig", "kid": self.kid})
    }

    /// What a client is registered with that proves itself by this key.
    pub fn registration(&self, name: &str) -> Value {
        let jwks = json!({"keys": [self.jwk()]});
        json!({"name": name, "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks})
    }

    pub fn header(&self) -> Value {
        json!({"alg": "ES256", "typ": "JWT", "kid": self.kid})
    }

    /// Signed, whatever it says.
    pub fn signed(&self, header: &Value, claims: &Value) -> String {
        self.signed_text(&header.to_string(), &claims.to_string())
    }

    pub fn signed_text(&self, header: &str, claims: &str) -> String {
        let unsigned = [header, claims].map(|part| base64url::encode(part.as_bytes())).join(".");
        let signature = self.pair.sign(&SystemRandom::new(), unsigned.as_bytes()).expect("signed");
        format!("{unsigned}.{}", base64url::encode(signature.as_ref()))
    }

    /// A good one, never the same.
    pub fn assertion(&self, client_id: &str, issuer: &str) -> String {
        self.signed(&self.header(), &claims(client_id, issuer))
    }
}

/// As a library writes them.
pub fn claims(client_id: &str, issuer: &str) -> Value {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let jti = format!("jti-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let now = seconds_since_1970();
    json!({"iss": client_id, "sub": client_id, "aud": issuer, "iat": now, "exp": now + 60, "jti": jti})
}

pub fn seconds_since_1970() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("later than 1970").as_secs()
}

pub fn by_assertion(path: &str, assertion: &str, fields: &str) -> Request {
    let body = format!("client_assertion_type={TYPE}&client_assertion={assertion}&{fields}");
    let request = Request::new("POST", path).header("Content-Type", "application/x-www-form-urlencoded");
    request.body(body.into_bytes())
}
