//! PURE. No async, no SQL, no HTTP, no clock, no randomness: those come in through [`Context`].
//!
//! A decision is a function of loaded state, a command and a context; what it decides are events. State is the fold of
//! events and nothing else.

pub mod access;
pub mod access_token;
pub mod activity_log;
pub mod authority;
pub mod base64url;
pub mod canonical;
pub mod client_format;
pub mod command;
pub mod credential;
pub mod decided;
pub mod effective;
pub mod erasure;
pub mod event;
pub mod formats;
pub mod grant;
pub mod history;
pub mod ids;
pub mod imports;
pub mod ip_rules;
mod joiners;
pub mod jwk;
pub mod key_format;
pub mod leak_rules;
pub mod letters;
pub mod member;
pub mod operator;
pub mod personal;
pub mod plan;
pub mod public_key;
pub mod rate_limit;
pub mod refusal;
pub mod scope;
pub mod secret;
pub mod shown;
pub mod signing_keys;
pub mod slug;
pub mod stream;
pub mod tenant;
pub mod text;

#[cfg(test)]
pub mod testing;

use std::net::IpAddr;
use std::sync::Arc;

use crate::clock::Timestamp;
use client_format::ClientFormat;
use credential::SecretFacts;
use event::{Actor, Event, Recorded};
use ids::{ClientId, StreamId, TenantId};
use key_format::KeyFormat;
use personal::Personal;

/// Who asks, from where, under which request id: goes with every event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub actor: Actor,
    pub client_ip: Option<IpAddr>,
    pub request_id: String,
}

/// What a decision may know besides the state: the instant, who asks, and a source of fresh ids and secrets.
#[derive(Clone)]
pub struct Context {
    pub now: Timestamp,
    pub caller: Caller,
    pub fresh: Arc<dyn Fresh>,
}

/// Randomness, handed in. The plain text of a secret stays with whoever implements this; the domain sees its facts.
pub trait Fresh: Send + Sync {
    fn uuid(&self) -> uuid::Uuid;
    fn secret(&self, format: &KeyFormat) -> SecretFacts;
    /// Under this id, or under a fresh one.
    fn client(&self, format: &ClientFormat, id: Option<&ClientId>) -> SecretFacts;
    /// Under a fresh id, which is all that it is found by: there is no text that it could show.
    fn client_without_secret(&self, format: &ClientFormat) -> SecretFacts;
}

impl Context {
    /// The event as the ledger will keep it, but for its time: that is stamped when its batch closes.
    pub fn record(&self, stream: StreamId, version: u32, tenant: Option<TenantId>, event: Event) -> Recorded {
        Recorded {
            stream,
            version,
            tenant,
            at: self.now,
            actor: self.caller.actor,
            client_ip: self.caller.client_ip.map(Personal::Known),
            request_id: self.caller.request_id.clone(),
            event,
        }
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("now", &self.now)
            .field("caller", &self.caller)
            .finish_non_exhaustive()
    }
}

/// An event that the state before it does not explain: the stored stream is not one that this service wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfoldable {
    pub event: &'static str,
    pub why: &'static str,
}

impl std::fmt::Display for Unfoldable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "event {:?} can't follow what stands before it in its stream: {}", self.event, self.why)
    }
}

impl std::error::Error for Unfoldable {}
