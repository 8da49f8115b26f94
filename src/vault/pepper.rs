//! HMAC-SHA-256 in its two halves, each of one block for a key of usual length: whoever looks things up meanwhile can ask for
//! memory before the first and between the two. `ring`'s own HMAC does both at once, at its end.

use ring::digest::{Context, Digest, SHA256};

const BLOCK: usize = 64;

/// What hashing begins with, for the text and for the outcome of that.
pub struct Pepper {
    inner: Context,
    outer: Context,
}

/// A digest whose text is hashed; what is left is the outer half.
pub struct Digesting<'p> {
    inner: Digest,
    outer: &'p Context,
}

impl Pepper {
    /// RFC 2104; a key that is shorter than a block is not hashed before.
    pub fn new(key: &[u8; 32]) -> Self {
        let padded = |pad: u8| {
            let mut block = [pad; BLOCK];
            block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
            let mut context = Context::new(&SHA256);
            context.update(&block);
            context
        };
        Pepper { inner: padded(0x36), outer: padded(0x5c) }
    }

    /// Of the parts, one after the other.
    #[inline]
    pub fn digesting<const N: usize>(&self, parts: [&[u8]; N]) -> Digesting<'_> {
        let mut inner = self.inner.clone();
        parts.iter().for_each(|part| inner.update(part));
        Digesting { inner: inner.finish(), outer: &self.outer }
    }
}

impl Digesting<'_> {
    #[inline]
    pub fn finish(self) -> [u8; 32] {
        let mut outer = self.outer.clone();
        outer.update(self.inner.as_ref());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(outer.finish().as_ref());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ring::hmac;

    use super::*;

    proptest! {
        #[test]
        fn its_two_halves_are_the_whole_hmac(
            key: [u8; 32],
            text in proptest::collection::vec(any::<u8>(), 0..300),
            part: proptest::sample::Index,
        ) {
            let whole = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &text);
            let (pepper, (first, second)) = (Pepper::new(&key), text.split_at(part.index(text.len() + 1)));
            prop_assert_eq!(&pepper.digesting([&text]).finish(), whole.as_ref());
            prop_assert_eq!(&pepper.digesting([first, second]).finish(), whole.as_ref());
        }
    }
}
