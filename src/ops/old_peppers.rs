//! Who still has a working secret whose digest was made under an older key: found by folding the ledger, stream by stream,
//! because the number stands in the events alone. A digest can't be made anew without its secret.

use std::sync::Arc;

use futures::TryStreamExt;

use super::StartError;
use super::house::{House, LEDGER, explained, long_reader};
use crate::clock::Timestamp;
use crate::domain::credential::SecretFacts;
use crate::domain::ids::{StreamId, TenantId};
use crate::domain::stream::StreamState;
use crate::ledger::read::{ReadError, Reader};
use crate::vault::Vault;

/// A credential or an operator whose secrets, some of them, are under an older key.
#[derive(Debug)]
pub struct Holder {
    pub kind: &'static str,
    pub stream: StreamId,
    /// none: an operator
    pub tenant: Option<TenantId>,
    /// none: erased
    pub name: Option<String>,
    pub secrets: Vec<OldSecret>,
}

#[derive(Debug)]
pub struct OldSecret {
    pub prefix: String,
    pub key: u32,
}

/// Hands each of them to `tell` as it is found: what is held in memory does not grow with the ledger.
pub async fn each(
    house: &House,
    vault: &Arc<Vault>,
    mut tell: impl FnMut(Holder) -> Result<(), StartError>,
) -> Result<u64, StartError> {
    let reader = Reader { ledger: LEDGER, vault: vault.clone() };
    let source = long_reader(house.ledger.database()).await?;
    let now = house.clock.now();
    let mut told = 0;
    let mut stream = StreamState::Empty;
    let mut id = None;
    let events = reader.by_stream(&source).await.map_err(explained)?;
    let mut events = std::pin::pin!(events);
    let mut tell_of = |stream: &StreamState| match holder(stream, vault.newest(), now) {
        Some(holder) => tell(holder).map(|()| 1),
        None => Ok(0),
    };
    while let Some(event) = events.try_next().await.map_err(explained)? {
        let next = event.recorded.stream;
        if id.replace(next).is_some_and(|before| before != next) {
            told += tell_of(&std::mem::take(&mut stream))?;
        }
        let position = event.position;
        let folded = stream.folded(event.recorded);
        stream = folded.map_err(|cause| explained(ReadError::Unfoldable { position, cause }))?;
    }
    told += tell_of(&stream)?;
    Ok(told)
}

fn name(state: &StreamState) -> Option<String> {
    let name = match state {
        StreamState::Credential(credential) => &credential.name.value,
        StreamState::Operator(operator) => &operator.name,
        StreamState::Empty
        | StreamState::Tenant(_)
        | StreamState::Member(_)
        | StreamState::Plan(_)
        | StreamState::Imports(_)
        | StreamState::SigningKeys(_)
        | StreamState::Erasure(_)
        | StreamState::ActivityLog(_)
        | StreamState::AccessToken(_) => return None,
    };
    name.known().cloned()
}

/// None when nothing of it that works is under an older key.
fn holder(state: &StreamState, newest: u32, now: Timestamp) -> Option<Holder> {
    let old = |facts: &SecretFacts| {
        let key = facts.pepper.0;
        (key != newest).then(|| OldSecret { prefix: facts.prefix.clone(), key })
    };
    let holder = match state {
        StreamState::Credential(credential)
            if credential.revoked.is_none() && !credential.is_expired(now) =>
        {
            Holder {
                kind: "credential",
                stream: credential.id.into(),
                tenant: Some(credential.tenant),
                name: name(state),
                secrets: credential.living_secrets(now).filter_map(|secret| old(&secret.facts)).collect(),
            }
        }
        StreamState::Operator(operator) => Holder {
            kind: "operator",
            stream: operator.id.into(),
            tenant: None,
            name: name(state),
            secrets: operator
                .tokens
                .iter()
                .filter(|token| token.works(now))
                .filter_map(|token| old(&token.facts))
                .collect(),
        },
        _ => return None,
    };
    (!holder.secrets.is_empty()).then_some(holder)
}
