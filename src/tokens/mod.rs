//! Access tokens: the keys that sign them, minting them, and telling whether one is ours; and whether
//! whoever presents one that is bound to a key holds that key (`dpop`).
//!
//! `jws` and `jwk` are the strict reading of signed texts and of keys, for our own tokens and for those of others; who signed
//! may never be said by the text that is to be checked.

pub mod check;
pub mod claims;
pub mod dpop;
pub mod http_target;
pub mod json;
pub mod jwk;
pub mod jws;
pub mod keyring;
pub mod mint;
pub mod nonce;
pub mod rotation;
pub mod sealed;
