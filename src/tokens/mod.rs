//! Access tokens: the keys that sign them, minting them, and telling whether one is ours; and whether
//! whoever presents one that is bound to a key holds that key (`dpop`).
//!
//! `jws` is the strict reading of signed texts, for our own tokens and for those of others; who signed
//! may never be said by the text that is to be checked.

pub mod assertion;
pub mod check;
pub mod claims;
pub mod dpop;
pub mod http_target;
pub mod json;
pub mod jws;
pub mod keyring;
pub mod mint;
pub mod nonce;
pub mod revocations;
pub mod rotation;
pub mod sealed;
