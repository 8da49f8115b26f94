//! What keys from elsewhere look like, and how their digests were made: one stream for the whole installation, because a
//! text does not say whose it is. It bounds what verify may have to try for one text.

pub mod declare;
pub mod format;
pub mod scheme;

use serde::{Deserialize, Serialize};

use super::Unfoldable;
use super::event::{Recorded, family};
use super::history::History;
use super::ids::{StreamId, TenantId};
use super::key_format::OPERATOR_PREFIX;
use crate::vault::sha256;

pub use declare::{Declare, Declared};
pub use format::{Alphabet, ForeignFormat, ForeignShape};
pub use scheme::{Scheme, Sealed, Side};

family! { ImportsEvent,
    Declared = "import.declared" v 1 personal [];
}

/// The one stream of them.
pub fn stream() -> StreamId {
    let digest = sha256(&[b"credledger imports\0"]);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    StreamId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

#[derive(Clone, Debug, PartialEq)]
pub struct Imports {
    pub prefixes: Vec<ForeignPrefix>,
    pub version: u64,
    pub history: History,
}

/// A prefix, and all that was declared of its keys. Nothing of it is ever taken back: keys live on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForeignPrefix {
    pub prefix: String,
    /// who named it first
    pub tenant_id: TenantId,
    pub shapes: Vec<ForeignShape>,
    pub schemes: Vec<Scheme>,
}

impl ForeignPrefix {
    /// Adds what was declared to all that was before.
    pub fn declare(prefixes: &mut Vec<ForeignPrefix>, declared: Declared) {
        let Declared { tenant_id, prefix, shape, scheme } = declared;
        let place = prefixes.iter().position(|known| known.prefix == prefix).unwrap_or_else(|| {
            prefixes.push(ForeignPrefix { prefix, tenant_id, shapes: Vec::new(), schemes: Vec::new() });
            prefixes.len() - 1
        });
        let known = &mut prefixes[place];
        if !known.shapes.contains(&shape) {
            known.shapes.push(shape);
        }
        match known.schemes.iter_mut().find(|known| known.is(&scheme)) {
            Some(known) => *known = scheme,
            None => known.schemes.push(scheme),
        }
    }

    /// Never an operator token's text, whatever was declared.
    #[inline]
    pub fn fits(&self, text: &str) -> bool {
        !text.starts_with(OPERATOR_PREFIX)
            && text.starts_with(&*self.prefix)
            && self.shapes.iter().any(|shape| shape.fits(text, self.prefix.len()))
    }

    /// Whether some text may be of this prefix and of that format as well; said too often rather than too seldom.
    fn meets(&self, format: &ForeignFormat) -> bool {
        let nested = self.prefix.starts_with(format.prefix()) || format.prefix().starts_with(&*self.prefix);
        nested && self.shapes.iter().any(|shape| shape.meets(format.shape()))
    }
}

impl Imports {
    fn with(mut self, declared: Declared, recorded: &Recorded) -> Self {
        ForeignPrefix::declare(&mut self.prefixes, declared);
        self.version += 1;
        self.history = self.history.with(recorded);
        self
    }
}

/// The fold of one more event.
pub fn fold(state: Option<Imports>, event: ImportsEvent, recorded: &Recorded) -> Result<Imports, Unfoldable> {
    let ImportsEvent::Declared(declared) = event;
    if recorded.stream != stream() {
        return Err(Unfoldable { event: recorded.event.kind().name, why: "it stands in another stream" });
    }
    let before =
        state.unwrap_or_else(|| Imports { prefixes: Vec::new(), version: 0, history: History::default() });
    Ok(before.with(declared, recorded))
}
