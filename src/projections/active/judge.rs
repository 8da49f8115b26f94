//! One question: text in, verdict out. What is longest on its way from memory is asked for first, and what can be worked out
//! meanwhile is; the state is looked at once, whole.

use std::sync::atomic::AtomicU64;

use super::answer::{Judgement, NotAnswering};
use super::foreign::seek;
use super::forms::Form;
use super::index::Entry;
use super::layout::{ACTIVE, CREDENTIAL_WORDS, EXPIRING, PublicTag, tag_of_public, tail_of_name, touch};
use super::look::{Head, Look, Presented, Shown, Sought};
use super::prefetch::prefetch;
use super::store::Store;
use crate::clock::Timestamp;
use crate::domain::access::{Reason, Request};
use crate::projections::secrets::DigestHalf;
use crate::vault::{Digesting, Vault};

pub fn judge(
    store: &Store,
    vault: &Vault,
    text: &str,
    request: &Request<'_>,
    now: Timestamp,
) -> Result<Judgement, NotAnswering> {
    let public = tag_of_public(store.seed, text);
    if let Some(public) = public {
        store.secrets.touch(public.tag);
    }
    // Forms are only ever added: one that a text has now it keeps, and that it has none is true at this head.
    let told = || (store.forms.ask(|forms| forms.of(text)), Head::of(store));
    let (form, head) = store.lock.read(told).ok_or(NotAnswering)?;
    let look = Look { store, presented: Presented::Secret, request, now, since: head };
    let mut judged = look.unknown();
    match (form, public) {
        (Form::None(misfit), _) => {
            judged = Judgement { misfit: Some(misfit), ..head.refusal(Reason::Malformed, now) };
        }
        (Form::Own, Some(public)) if seek_own(&look, vault, text, public, &mut judged)? => {}
        // A key from elsewhere may be written as one of ours.
        _ => seek(&look, vault, text, &mut judged)?,
    }
    Ok(judged)
}

/// Whether it is a key of ours; `judged` is the answer either way.
#[inline]
fn seek_own(
    look: &Look<'_>,
    vault: &Vault,
    text: &str,
    public: PublicTag,
    judged: &mut Judgement,
) -> Result<bool, NotAnswering> {
    let store = look.store;
    // The inner half of the digest is worked out while the index is on its way, the outer one while the record is.
    let mut begun = vault.digesting(vault.newest(), text.as_bytes());
    let spot = store.secrets.spot(public.tag);
    let record = spot.as_ref().and_then(|spot| fetch(store, spot.entry));
    for pepper in vault.numbers() {
        let digesting = begun.take().or_else(|| vault.digesting(pepper, text.as_bytes()));
        let Some(digest) = digesting.map(Digesting::finish) else { continue };
        let digest: DigestHalf = std::array::from_fn(|place| digest[place]);
        if let Some(place) = record.and_then(tail_of_name) {
            store.texts.touch(place);
        }
        let shown = Shown::OfText { text, shared: public.shared };
        let sought = Sought { tag: public.tag, spot: spot.as_ref(), wanted: &digest, shown };
        if look.at(&sought, judged)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Has the machine fetch what the look will read, while the text is being hashed. Gives the record of an active secret,
/// which says where its name stands once it is there.
#[inline]
fn fetch(store: &Store, entry: Entry) -> Option<&[AtomicU64; CREDENTIAL_WORDS]> {
    match entry.kind {
        ACTIVE => store.credentials.get(entry.ordinal).inspect(|record| touch(record)),
        EXPIRING => {
            prefetch(store.expiring.get(entry.ordinal)?);
            None
        }
        _ => {
            prefetch(store.dead.get(entry.ordinal)?);
            None
        }
    }
}
