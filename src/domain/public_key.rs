//! A public key as its members of RFC 7517 (and 7518, 8037): the one reading and writing of them, and the thumbprint that a key
//! is named by (RFC 7638). What else stands in a key's document (`use`, `kid` …) is not looked at here.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{base64url, canonical};
use crate::limits;
use crate::vault::{PublicKey, sha256};

/// A key whose members are whole: numbers without a leading zero, points as long as their curve's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Members", into = "Members")]
pub struct PublicJwk(PublicKey);

/// Why members are no public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoPublicKey(&'static str);

impl std::fmt::Display for NoPublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

/// The members that make the key, and no others.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kty", deny_unknown_fields)]
enum Members {
    #[serde(rename = "EC")]
    Ec { crv: String, x: String, y: String },
    #[serde(rename = "OKP")]
    Okp { crv: String, x: String },
    #[serde(rename = "RSA")]
    Rsa { e: String, n: String },
}

impl PublicJwk {
    /// Of a key's document, whatever else stands in it.
    pub fn of(document: &Map<String, Value>) -> Result<Self, NoPublicKey> {
        let text = |name: &'static str| {
            document
                .get(name)
                .and_then(Value::as_str)
                .map(str::to_owned)
                .ok_or(NoPublicKey("a member that makes the key is absent or no text"))
        };
        let members = match text("kty")?.as_str() {
            "EC" => Members::Ec { crv: text("crv")?, x: text("x")?, y: text("y")? },
            "OKP" => Members::Okp { crv: text("crv")?, x: text("x")? },
            "RSA" => Members::Rsa { e: text("e")?, n: text("n")? },
            _ => return Err(NoPublicKey("kty must be EC, OKP or RSA")),
        };
        Self::try_from(members)
    }

    pub fn key(&self) -> &PublicKey {
        &self.0
    }

    pub fn members(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(members)) => members,
            other => panic!("a key is an object of plain members, not {other:?}"),
        }
    }

    /// RFC 7638, with SHA-256, as base64url.
    pub fn thumbprint(&self) -> String {
        let mut text = Vec::with_capacity(512);
        canonical::write(&Value::Object(self.members()), &mut text);
        base64url::encode(&sha256(&[&text]))
    }
}

impl From<PublicKey> for PublicJwk {
    fn from(key: PublicKey) -> Self {
        PublicJwk(key)
    }
}

impl TryFrom<Members> for PublicJwk {
    type Error = NoPublicKey;

    fn try_from(members: Members) -> Result<Self, NoPublicKey> {
        let key = match members {
            Members::Ec { crv, x, y } => match crv.as_str() {
                "P-256" => PublicKey::P256(point(&x, &y, 32)?),
                "P-384" => PublicKey::P384(point(&x, &y, 48)?),
                _ => return Err(NoPublicKey("the curve must be P-256 or P-384")),
            },
            Members::Okp { crv, x } if crv == "Ed25519" => PublicKey::Ed25519(coordinate(&x, 32)?),
            Members::Okp { .. } => return Err(NoPublicKey("the curve must be Ed25519")),
            Members::Rsa { e, n } => rsa(number(&n)?, number(&e)?)?,
        };
        Ok(PublicJwk(key))
    }
}

impl From<PublicJwk> for Members {
    fn from(PublicJwk(key): PublicJwk) -> Self {
        let halves = |point: &[u8]| {
            let (x, y) = point[1..].split_at(point.len() / 2);
            (base64url::encode(x), base64url::encode(y))
        };
        let on_curve = |crv: &str, (x, y)| Members::Ec { crv: crv.to_owned(), x, y };
        match key {
            PublicKey::P256(point) => on_curve("P-256", halves(&point)),
            PublicKey::P384(point) => on_curve("P-384", halves(&point)),
            PublicKey::Ed25519(point) => {
                Members::Okp { crv: "Ed25519".to_owned(), x: base64url::encode(&point) }
            }
            PublicKey::Rsa { modulus, exponent } => {
                Members::Rsa { e: base64url::encode(&exponent), n: base64url::encode(&modulus) }
            }
        }
    }
}

/// Both coordinates whole, leading zeros included.
fn point(x: &str, y: &str, bytes: usize) -> Result<Vec<u8>, NoPublicKey> {
    Ok([vec![4], coordinate(x, bytes)?, coordinate(y, bytes)?].concat())
}

fn coordinate(text: &str, bytes: usize) -> Result<Vec<u8>, NoPublicKey> {
    let whole = base64url::decode(text).filter(|value| value.len() == bytes);
    whole.ok_or(NoPublicKey("a coordinate is not base64url of its curve's length"))
}

fn number(text: &str) -> Result<Vec<u8>, NoPublicKey> {
    let plain = base64url::decode(text).filter(|bytes| bytes.first().is_some_and(|first| *first != 0));
    plain.ok_or(NoPublicKey("a number is not base64url without leading zeros"))
}

fn rsa(modulus: Vec<u8>, exponent: Vec<u8>) -> Result<PublicKey, NoPublicKey> {
    let leading = modulus.first().map_or(0, |first| first.leading_zeros());
    let bits = (modulus.len() * 8).saturating_sub(leading as usize);
    if !(limits::RSA_BITS).contains(&bits) {
        return Err(NoPublicKey("an RSA key must have 2048 to 8192 bits"));
    }
    let odd = exponent.last().is_some_and(|last| last & 1 == 1);
    if !odd || exponent == [1] || exponent.len() > limits::RSA_EXPONENT_BYTES {
        return Err(NoPublicKey("an RSA exponent must be odd, from 3 on, and short"));
    }
    Ok(PublicKey::Rsa { modulus, exponent })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(document: Value) -> Result<PublicJwk, NoPublicKey> {
        PublicJwk::of(document.as_object().expect("an object"))
    }

    /// RFC 7638, 3.1.
    const MODULUS: &str = concat!(
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3",
        "oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdA",
        "ZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-",
        "kEgU8awapJzKnqDKgw"
    );

    #[test]
    fn thumbprints_are_those_of_the_standards() {
        let rsa = json!({"kty": "RSA", "n": MODULUS, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"});
        let rsa = of(rsa).expect("a key");
        assert_eq!(rsa.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        // RFC 8037, A.3
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let okp = of(json!({"kty": "OKP", "crv": "Ed25519", "x": x})).expect("a key");
        assert_eq!(okp.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn a_key_reads_back_as_it_was_written_and_strange_members_of_an_event_do_not_read() {
        let x = base64url::encode(&[7; 32]);
        for members in [
            json!({"kty": "EC", "crv": "P-256", "x": x, "y": x}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": x}),
            json!({"kty": "RSA", "n": MODULUS, "e": "AQAB"}),
        ] {
            let key: PublicJwk = serde_json::from_value(members.clone()).expect("a key");
            assert_eq!(Value::Object(key.members()), members);
            assert_eq!(Ok(&key), of(members.clone()).as_ref());
            let mut private = members;
            private["d"] = json!("AA");
            assert!(serde_json::from_value::<PublicJwk>(private).is_err());
        }
    }

    #[test]
    fn weak_torn_and_unknown_keys_are_none() {
        let long = |bytes: usize| base64url::encode(&vec![0xff; bytes]);
        for bad in [
            json!({}),
            json!({"kty": "oct", "k": "AAAA"}),
            json!({"kty": "EC", "crv": "P-256", "x": long(31), "y": long(32)}),
            json!({"kty": "EC", "crv": "P-256", "x": long(32)}),
            json!({"kty": "EC", "crv": "secp256k1", "x": long(32), "y": long(32)}),
            json!({"kty": "OKP", "crv": "X25519", "x": long(32)}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": 7}),
            json!({"kty": "RSA", "n": long(255), "e": "AQAB"}),
            json!({"kty": "RSA", "n": long(1025), "e": "AQAB"}),
            json!({"kty": "RSA", "n": base64url::encode(&[vec![0], vec![0xff; 256]].concat()), "e": "AQAB"}),
            json!({"kty": "RSA", "n": long(256), "e": "AQ"}),
            json!({"kty": "RSA", "n": long(256), "e": "Ag"}),
            json!({"kty": "RSA", "n": long(256), "e": ""}),
            json!({"kty": "RSA", "n": format!("{}=", long(256)), "e": "AQAB"}),
        ] {
            assert!(of(bad.clone()).is_err(), "{bad}");
        }
        assert!(of(json!({"kty": "RSA", "n": long(256), "e": "AQAB"})).is_ok());
        assert!(of(json!({"kty": "RSA", "n": long(1024), "e": "Aw"})).is_ok());
    }
}
