//! The list of what ended living access tokens, signed as tokens are, for whoever checks them offline. It is of a type of its own,
//! so that neither passes for the other.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::keyring::{NoSigner, Signer};
use crate::clock::Timestamp;
use crate::domain::base64url;
use crate::domain::operator::Reach;
use crate::limits;
use crate::projections::active::{ActiveView, NotAnswering, Revocations, TooMany};
use crate::vault::sha256;

/// The `typ` of every list.
pub const TYPE: &str = "revocations+jwt";

/// As it goes out.
#[derive(Debug)]
pub struct SignedList {
    pub text: Bytes,
    /// an entity tag of these very bytes
    pub tag: String,
    /// how many events it knows
    applied: u64,
    signed_at: Timestamp,
}

/// Why there is no list. Whoever has none goes by no token, or asks for each.
#[derive(Debug)]
pub enum NoList {
    NotAnswering,
    NoSigner(NoSigner),
    TooMany,
    /// the key's own arithmetic failed
    NotSigned,
}

impl From<NotAnswering> for NoList {
    fn from(_: NotAnswering) -> Self {
        NoList::NotAnswering
    }
}

impl From<TooMany> for NoList {
    fn from(_: TooMany) -> Self {
        NoList::TooMany
    }
}

/// Lists that were signed of late, the newest first: whoever asks again while nothing has happened is given the same one.
#[derive(Default)]
pub struct Lists(Mutex<Vec<(Reach, Arc<SignedList>)>>);

impl From<NoSigner> for NoList {
    fn from(why: NoSigner) -> Self {
        NoList::NoSigner(why)
    }
}

impl Lists {
    /// What is so now, in these tenants. The caller holds its lease from before this until after it. Who signs is asked after
    /// the look: no list is signed by a key whose revocation it knows of.
    pub fn of(
        &self,
        view: &ActiveView,
        still: impl FnOnce() -> Result<Arc<Signer>, NoSigner>,
        issuer: &str,
        reach: &Reach,
        now: Timestamp,
    ) -> Result<Arc<SignedList>, NoList> {
        if view.is_stopped() {
            return Err(NoList::NotAnswering);
        }
        let applied = view.applied();
        let kept = self.lists().iter().find(|(of, _)| of == reach).map(|(_, list)| list.clone());
        if let Some(list) = kept.filter(|list| list.is_fresh(applied, now)) {
            return Ok(list);
        }
        let found = view.revocations(reach, now, limits::REVOCATION_LIST_ENTRIES)??;
        let list = Arc::new(sign(&*still()?, issuer, reach, &found, now)?);
        self.keep(reach, list.clone());
        Ok(list)
    }

    fn keep(&self, reach: &Reach, list: Arc<SignedList>) {
        let mut lists = self.lists();
        lists.retain(|(of, _)| of != reach);
        lists.insert(0, (reach.clone(), list));
        let mut bytes = 0;
        lists.retain(|(_, list)| {
            bytes += list.text.len();
            bytes <= limits::REVOCATION_LISTS_BYTES
        });
    }

    /// A panic elsewhere leaves the lists whole: each is one value.
    fn lists(&self) -> MutexGuard<'_, Vec<(Reach, Arc<SignedList>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SignedList {
    fn is_fresh(&self, applied: u64, now: Timestamp) -> bool {
        let kept = u64::from(limits::REVOCATION_LIST_KEPT_SECONDS) * 1000;
        self.applied == applied && self.signed_at <= now && now.millis_since(self.signed_at) < kept
    }
}

fn sign(
    signer: &Signer,
    issuer: &str,
    reach: &Reach,
    found: &Revocations,
    now: Timestamp,
) -> Result<SignedList, NoList> {
    let text = signer.signed(TYPE, &members(issuer, reach, found, now)).map_err(|_| NoList::NotSigned)?;
    let digest = sha256(&[text.as_bytes()]);
    let tag = format!("\"{}\"", base64url::encode(&digest[..16]));
    let applied = found.position.saturating_add(1);
    Ok(SignedList { text: text.into(), tag, applied, signed_at: now })
}

/// Every member is always there. What was acknowledged in a second that is over is in each list that was issued later.
fn members(issuer: &str, reach: &Reach, found: &Revocations, now: Timestamp) -> Map<String, Value> {
    let issued_at = now.millis() / 1000;
    let covers = match reach {
        Reach::All => json!(["*"]),
        Reach::Tenants(tenants) => json!(tenants),
    };
    let members = [
        ("iss", json!(issuer)),
        ("iat", json!(issued_at)),
        ("exp", json!(issued_at + i64::from(limits::REVOCATION_LIST_SECONDS))),
        ("position", json!(found.position)),
        ("covers", covers),
        ("tokens", json!(found.tokens)),
        ("secrets", json!(found.secrets)),
        ("clients", json!(found.clients)),
        ("ended_clients", json!(found.ended_clients)),
        ("ask_clients", json!(found.ask_clients)),
        ("suspended_tenants", json!(found.tenants)),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
