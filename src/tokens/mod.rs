//! Access tokens: the keys that sign them, minting them, and telling whether one is ours; and the other signed texts around
//! them, by which a client says that it is itself (`assertion`), that it holds the key that its token is bound to (`dpop`), and
//! by which we say which tokens have ended (`revocations`).
//!
//! `jws` is the strict reading of all of these; who signed may never be said by the text that is to be checked.

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
