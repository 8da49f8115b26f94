//! Who still has a working secret whose digest was made under an older key: found by folding the ledger, stream by stream,
//! because the number stands in the events alone. A digest can't be made anew without its secret.

use std::sync::Arc;

use futures::TryStreamExt;

use super::StartError;
use super::house::{House, LEDGER, explained, long_reader};
use crate::clock::Timestamp;
use crate::db::Sight;
use crate::domain::credential::SecretFacts;
use crate::domain::ids::{StreamId, TenantId};
use crate::domain::stream::StreamState;
use crate::ledger::read::{ReadError, Reader};
use crate::limits;
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

/// Hands each of them to `tell`, in pages: what is held in memory does not grow with the ledger.
pub async fn each(
    house: &House,
    vault: &Arc<Vault>,
    mut tell: impl FnMut(Holder) -> Result<(), StartError>,
) -> Result<u64, StartError> {
    let reader = Reader { ledger: LEDGER, vault: vault.clone() };
    let source = long_reader(house.ledger.database()).await?;
    let now = house.clock.now();
    let mut found = Vec::new();
    let mut told = 0;
    let mut stream = StreamState::Empty;
    let mut id = None;
    let events = reader.by_stream(&source).await.map_err(explained)?;
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.try_next().await.map_err(explained)? {
        let next = event.recorded.stream;
        if id.replace(next).is_some_and(|before| before != next) {
            let whole = std::mem::take(&mut stream);
            found.extend(holder(&whole, vault.newest(), now));
        }
        let position = event.position;
        let folded = stream.folded(event.recorded);
        stream = folded.map_err(|cause| explained(ReadError::Unfoldable { position, cause }))?;
        if found.len() >= limits::RESEAL_PAGE as usize {
            told += tell_page(house, &reader, std::mem::take(&mut found), &mut tell).await?;
        }
    }
    found.extend(holder(&stream, vault.newest(), now));
    told += tell_page(house, &reader, found, &mut tell).await?;
    Ok(told)
}

/// Names are personal, and not in the events: they are asked for by the page.
async fn tell_page(
    house: &House,
    reader: &Reader,
    mut page: Vec<Holder>,
    tell: &mut impl FnMut(Holder) -> Result<(), StartError>,
) -> Result<u64, StartError> {
    page.sort_by_key(|holder| (holder.tenant, holder.stream));
    for of_one_tenant in page.chunk_by_mut(|one, next| one.tenant == next.tenant) {
        let sight = Sight::Decision(of_one_tenant[0].tenant.map(|tenant| tenant.0));
        let ids: Vec<StreamId> = of_one_tenant.iter().map(|holder| holder.stream).collect();
        let loaded = reader.streams(house.ledger.database(), sight, &ids).await.map_err(explained)?;
        for (holder, loaded) in of_one_tenant.iter_mut().zip(loaded) {
            holder.name = name(&loaded.state);
        }
    }
    let length = page.len() as u64;
    page.into_iter().try_for_each(tell)?;
    Ok(length)
}

fn name(state: &StreamState) -> Option<String> {
    let name = match state {
        StreamState::Credential(credential) => &credential.name.value,
        StreamState::Operator(operator) => &operator.name,
        StreamState::Empty | StreamState::Tenant(_) => return None,
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
                name: None,
                secrets: credential.living_secrets(now).filter_map(|secret| old(&secret.facts)).collect(),
            }
        }
        StreamState::Operator(operator) => Holder {
            kind: "operator",
            stream: operator.id.into(),
            tenant: None,
            name: None,
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
