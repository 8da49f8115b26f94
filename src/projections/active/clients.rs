//! OAuth clients: by what they prove themselves with, and by the tokens that they were given.
//!
//! A client's secret stands in the same records as any other, and is found by the digest of id and secret together; so a wrong
//! secret under a real id is nothing that is there. For a token the same record is found by the secret's own id.
//!
//! A client that has no secret is found by its id alone, by a digest under another key. So it is kept twice from passing as a
//! client that showed its secret, or the other way round: no text digests to what the other one is found by, and what was
//! found in one way is a client of that method or nothing.

use super::answer::{Issued, Judgement, Known, NotAnswering};
use super::layout::{tag_of, tag_of_id};
use super::look::{Head, Look, Presented, Shown, Sought};
use super::store::Store;
use crate::clock::Timestamp;
use crate::domain::access::Request;
use crate::domain::client_format::credential_text;
use crate::domain::credential::{AuthMethod, Kind};
use crate::domain::ids::SecretId;
use crate::projections::secrets::DigestHalf;
use crate::vault::Vault;

/// May the client of this id and this secret do this, now?
pub fn judge(
    store: &Store,
    vault: &Vault,
    (id, secret): (&str, &str),
    request: &Request<'_>,
    now: Timestamp,
) -> Result<Judgement, NotAnswering> {
    let look = look(store, Presented::Secret, request, now)?;
    let text = credential_text(id, secret);
    let judged = by_digest(&look, vault, |pepper| vault.digest(pepper, text.bytes()))?;
    Ok(of_method(judged, &look, AuthMethod::ClientSecretBasic))
}

/// May the client of this id do this now, given that whoever asks is it? Whether it is, is held against the keys of its
/// registration next: until then nothing of this may be told.
pub fn judge_by_id(
    store: &Store,
    vault: &Vault,
    id: &str,
    request: &Request<'_>,
    now: Timestamp,
) -> Result<Judgement, NotAnswering> {
    let look = look(store, Presented::Secret, request, now)?;
    let judged = by_digest(&look, vault, |pepper| vault.client_id_digest(pepper, id))?;
    Ok(of_method(judged, &look, AuthMethod::PrivateKeyJwt))
}

fn by_digest(
    look: &Look<'_>,
    vault: &Vault,
    digest: impl Fn(u32) -> Option<[u8; 32]>,
) -> Result<Judgement, NotAnswering> {
    let mut judged = look.unknown();
    for pepper in vault.numbers() {
        let Some(digest) = digest(pepper) else { continue };
        let digest: DigestHalf = std::array::from_fn(|place| digest[place]);
        let sought = Sought { tag: tag_of(&digest), spot: None, wanted: &digest, shown: Shown::AsKnown };
        if look.at(&sought, &mut judged)? {
            break;
        }
    }
    Ok(judged)
}

/// May whoever shows this token of this secret do this, now?
pub fn judge_token(
    store: &Store,
    secret: SecretId,
    issued: &Issued,
    request: &Request<'_>,
    now: Timestamp,
) -> Result<Judgement, NotAnswering> {
    let look = look(store, Presented::Token(issued), request, now)?;
    let mut judged = look.unknown();
    let sought = Sought { tag: tag_of_id(secret.0), spot: None, wanted: &secret, shown: Shown::AsKnown };
    look.at(&sought, &mut judged)?;
    let mut judged = of_client(judged, &look);
    if let Some(known) = &mut judged.known {
        known.token = Some(Box::new(issued.clone()));
    }
    Ok(judged)
}

fn look<'l>(
    store: &'l Store,
    presented: Presented<'l>,
    request: &'l Request<'l>,
    now: Timestamp,
) -> Result<Look<'l>, NotAnswering> {
    let since = store.lock.read(|| Head::of(store)).ok_or(NotAnswering)?;
    Ok(Look { store, presented, request, now, since })
}

fn of_method(judged: Judgement, look: &Look<'_>, method: AuthMethod) -> Judgement {
    let judged = of_client(judged, look);
    let registered =
        |known: &Known| known.client().map(|client| client.registration.token_endpoint_auth_method);
    match &judged.known {
        Some(known) if registered(known) != Some(method) => look.unknown(),
        _ => judged,
    }
}

/// What is no client's has no business here, however it was found.
fn of_client(judged: Judgement, look: &Look<'_>) -> Judgement {
    match &judged.known {
        Some(known) if known.kind != Kind::OauthClient => look.unknown(),
        _ => judged,
    }
}
