//! Say what the keys of an import look like, and how their digests were made. Said again, it changes nothing. What is new is root's
//! to say: it is bounded for the whole installation, and never taken back.

use serde::{Deserialize, Serialize};

use super::{ForeignFormat, ForeignPrefix, ForeignShape, Imports, ImportsEvent, Scheme};
use crate::domain::ids::TenantId;
use crate::domain::refusal::Refusal;
use crate::limits;

#[derive(Clone, Debug)]
pub struct Declare {
    pub format: ForeignFormat,
    pub scheme: Scheme,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declared {
    /// whose import named it
    pub tenant_id: TenantId,
    pub prefix: String,
    pub shape: ForeignShape,
    pub scheme: Scheme,
}

impl Declare {
    pub fn decide(
        &self,
        imports: Option<&Imports>,
        tenant_id: TenantId,
        by_root: bool,
    ) -> Result<Vec<ImportsEvent>, Refusal> {
        self.scheme.suits(&self.format).map_err(|detail| Refusal::invalid("/import/digest", detail))?;
        let (prefix, shape) = (self.format.prefix(), self.format.shape());
        let prefixes = imports.map_or(&[][..], |imports| &imports.prefixes);
        let known = prefixes.iter().find(|known| known.prefix == prefix);
        let scheme = known.and_then(|known| known.schemes.iter().find(|known| known.is(&self.scheme)));
        let shape_known = known.is_some_and(|known| known.shapes.contains(&shape));
        // Whoever may not declare imports under the seal that there is: it opens as well.
        let kept = |known: &Scheme| !(by_root && self.scheme.is_sealed_anew(known));
        if shape_known && scheme.is_some_and(kept) {
            return Ok(Vec::new());
        }
        if !by_root {
            return Err(Refusal::forbidden(
                "How these keys are written, or the way they are digested, is not known to this installation yet. Root declares it \
                 once, by an import with this header, which may have no lines.",
            ));
        }
        if let Some(imports) = imports {
            imports.history.takes_more("Nothing more can be imported than what was declared so far.")?;
        }
        match known {
            None => self.takes_a_prefix(imports, tenant_id)?,
            Some(known) if !shape_known => takes_a_shape(known)?,
            Some(_) => {}
        }
        self.takes_a_scheme(imports)?;
        Ok(vec![ImportsEvent::Declared(super::Declared {
            tenant_id,
            prefix: prefix.to_owned(),
            shape,
            scheme: self.scheme.clone(),
        })])
    }

    fn takes_a_prefix(&self, imports: Option<&Imports>, tenant: TenantId) -> Result<(), Refusal> {
        let prefixes = imports.map_or(&[][..], |imports| &imports.prefixes);
        if prefixes.len() >= limits::FOREIGN_PREFIXES {
            return Err(Refusal::conflict(format!(
                "This installation knows {} prefixes of imported keys, and takes no more.",
                limits::FOREIGN_PREFIXES
            )));
        }
        if prefixes.iter().filter(|known| known.tenant_id == tenant).count()
            >= limits::FOREIGN_PREFIXES_A_TENANT
        {
            return Err(Refusal::conflict(format!(
                "The tenant has named {} prefixes of imported keys, and may name no more.",
                limits::FOREIGN_PREFIXES_A_TENANT
            )));
        }
        Ok(())
    }

    /// All the work that a text may make, over every prefix that it may have.
    fn takes_a_scheme(&self, imports: Option<&Imports>) -> Result<(), Refusal> {
        let prefixes = imports.map_or(&[][..], |imports| &imports.prefixes);
        let own = prefixes.iter().find(|known| known.prefix == self.format.prefix());
        let mut shapes = own.map_or(Vec::new(), |own| own.shapes.clone());
        shapes.push(self.format.shape());
        let most = shapes.iter().map(|&shape| {
            let format = self.format.of_shape(shape);
            let met = prefixes.iter().filter(|known| known.meets(&format) || Some(*known) == own);
            let mut schemes: Vec<&Scheme> = vec![&self.scheme];
            for scheme in met.flat_map(|known| &known.schemes) {
                if !schemes.iter().any(|known| known.is(scheme)) {
                    schemes.push(scheme);
                }
            }
            schemes.len()
        });
        if most.max().is_some_and(|most| most > limits::FOREIGN_SCHEMES) {
            return Err(Refusal::conflict(format!(
                "Digests of keys like these were made in {} ways already, and each is tried at every use. Rotate the keys of one way, \
                 or import these under another prefix.",
                limits::FOREIGN_SCHEMES
            )));
        }
        Ok(())
    }
}

fn takes_a_shape(known: &ForeignPrefix) -> Result<(), Refusal> {
    if known.shapes.len() >= limits::FOREIGN_SHAPES {
        return Err(Refusal::conflict(format!(
            "Keys of this prefix are written in {} ways already. Name a length that holds more of them.",
            limits::FOREIGN_SHAPES
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Event;
    use crate::domain::imports::{Alphabet, Sealed, Side, stream};
    use crate::domain::refusal::RefusalKind;
    use crate::domain::secret::{Digest, PepperNumber};
    use crate::domain::stream::StreamState;
    use crate::domain::testing::*;

    fn hmac(key: u8, under: u32) -> Scheme {
        Scheme::Hmac {
            fingerprint: Digest::new([key; 32]),
            sealed: Sealed::new(&[key]),
            sealed_under: PepperNumber(under),
        }
    }

    fn declare(prefix: &str, length: u8, scheme: Scheme) -> Declare {
        let format = ForeignFormat::new(prefix, Alphabet::Base62, length..=length).expect("a format");
        Declare { format, scheme }
    }

    /// What is there after them, each of another tenant than the one before when `tenants` is so.
    fn after(declared: &[Declare], tenant: impl Fn(usize) -> TenantId) -> StreamState {
        declared.iter().enumerate().fold(StreamState::Empty, |state, (place, declare)| {
            let events = declare.decide(state.imports(), tenant(place), true).expect("accepted");
            events.into_iter().fold(state, |state, event| {
                let recorded = context().record(stream(), state.version() + 1, None, Event::Imports(event));
                state.folded(recorded).expect("decided events fold")
            })
        })
    }

    fn same(_: usize) -> TenantId {
        tenant_id(1)
    }

    #[test]
    fn the_same_again_is_no_event_whoever_says_it() {
        let state = after(&[declare("sk_", 40, Scheme::Sha256 {})], same);
        let again = declare("sk_", 40, Scheme::Sha256 {});
        assert_eq!(again.decide(state.imports(), tenant_id(1), true), Ok(Vec::new()));
        assert_eq!(again.decide(state.imports(), tenant_id(2), true), Ok(Vec::new()));
        assert_eq!(again.decide(state.imports(), tenant_id(2), false), Ok(Vec::new()));
        for other in [declare("sk_", 41, Scheme::Sha256 {}), declare("sk_", 40, hmac(1, 1))] {
            assert_eq!(other.decide(state.imports(), tenant_id(1), true).map(|events| events.len()), Ok(1));
        }
    }

    #[test]
    fn what_is_new_is_roots_alone_to_declare() {
        let new = declare("sk_", 40, Scheme::Sha256 {});
        let forbidden = |declare: &Declare, state: &StreamState| {
            let outcome = declare.decide(state.imports(), tenant_id(1), false);
            outcome.map_err(|refusal| refusal.kind) == Err(RefusalKind::Forbidden)
        };
        assert!(forbidden(&new, &StreamState::Empty));
        let state = after(&[declare("sk_", 40, hmac(1, 1))], same);
        for other in [&new, &declare("sk_", 41, hmac(1, 1)), &declare("sk_l_", 40, hmac(1, 1))] {
            assert!(forbidden(other, &state), "{other:?}");
        }
        // under a newer key of the installation too, it is known how these keys are digested
        let anew = declare("sk_", 40, hmac(1, 2));
        assert_eq!(anew.decide(state.imports(), tenant_id(1), false), Ok(Vec::new()));
    }

    #[test]
    fn a_key_that_is_sealed_under_a_newer_one_takes_the_older_seals_place() {
        let state = after(&[declare("sk_", 40, hmac(1, 1))], same);
        let anew = declare("sk_", 40, hmac(1, 2));
        assert_eq!(anew.decide(state.imports(), tenant_id(1), true).map(|events| events.len()), Ok(1));
        let state = after(&[declare("sk_", 40, hmac(1, 1)), anew], same);
        let schemes = &state.imports().expect("imports").prefixes[0].schemes;
        assert_eq!(schemes.as_slice(), [hmac(1, 2)]);
    }

    #[test]
    fn a_fifth_way_of_one_prefix_is_refused_over_all_prefixes_that_a_text_may_have() {
        let four: Vec<Declare> = (1..=4).map(|key| declare("sk_", 40, hmac(key, 1))).collect();
        let state = after(&four, same);
        let refused = |declare: Declare| {
            declare.decide(state.imports(), tenant_id(2), true).map_err(|refusal| refusal.kind)
        };
        assert_eq!(refused(declare("sk_", 40, Scheme::Sha256 {})), Err(RefusalKind::Conflict));
        // of another length too: what one text may be is not told by the prefix alone
        assert_eq!(refused(declare("sk_", 41, hmac(5, 1))), Err(RefusalKind::Conflict));
        assert_eq!(refused(declare("sk_live_", 40, hmac(5, 1))), Err(RefusalKind::Conflict));
        assert_eq!(refused(declare("sk_live_", 40, hmac(4, 1))).map(|events| events.len()), Ok(1));
        assert_eq!(refused(declare("sk_live_", 44, hmac(5, 1))).map(|events| events.len()), Ok(1));
        assert_eq!(refused(declare("pk_", 40, hmac(5, 1))).map(|events| events.len()), Ok(1));
    }

    #[test]
    fn prefixes_are_bounded_for_a_tenant_and_for_all() {
        let many = |count: usize| -> Vec<Declare> {
            (0..count).map(|place| declare(&format!("p{place}_"), 60, Scheme::Sha256 {})).collect()
        };
        let full = after(&many(limits::FOREIGN_PREFIXES_A_TENANT), same);
        let another = declare("another_", 60, Scheme::Sha256 {});
        let kind = |outcome: Result<Vec<ImportsEvent>, Refusal>| outcome.map_err(|refusal| refusal.kind);
        assert_eq!(kind(another.decide(full.imports(), tenant_id(1), true)), Err(RefusalKind::Conflict));
        assert!(another.decide(full.imports(), tenant_id(2), true).is_ok());
        let each = |place: usize| tenant_id(place as u128 + 1);
        let full = after(&many(limits::FOREIGN_PREFIXES), each);
        assert_eq!(kind(another.decide(full.imports(), tenant_id(999), true)), Err(RefusalKind::Conflict));
    }

    #[test]
    fn keys_that_can_not_be_found_by_their_beginning_are_refused() {
        let salted = Scheme::Salted { side: Side::After, start_chars: 4 };
        let refused = declare("sk_", 40, salted).decide(None, tenant_id(1), true).expect_err("refused");
        assert_eq!((refused.kind, refused.pointer), (RefusalKind::Invalid, Some("/import/digest")));
    }
}
