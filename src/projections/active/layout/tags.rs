//! The 32 bits that each thing is found by.

use uuid::Uuid;

use crate::domain::letters::prefix_end;
use crate::limits;
use crate::projections::secrets::DigestHalf;

/// Of what is found by its digest: an operator token, a key from elsewhere, a client's secret.
pub fn tag_of(digest: &DigestHalf) -> u32 {
    u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]])
}

/// Where a text stands in the index, and how much of it is its format's prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicTag {
    pub tag: u32,
    pub shared: usize,
}

/// A key is found by its public part, so that its records are on their way from memory while the key is being hashed; what
/// is found is compared by digest. Taken are the prefix and as many characters as every format has public ones: that much
/// can be told from the text alone. `None` for a text that no format fits.
#[inline]
pub fn tag_of_public(seed: u64, text: &str) -> Option<PublicTag> {
    let bytes = text.as_bytes();
    let shared = Some(prefix_end(bytes)).filter(|&end| end > 0)?;
    let public = bytes.get(..shared + usize::from(*limits::KEY_PUBLIC_CHARS.start()))?;
    // Whole words from the front, and the last one, which may overlap the one before it: no part is ever copied.
    let (words, _) = public.as_chunks::<8>();
    let last = public.last_chunk::<8>()?;
    let mixed = words.iter().chain([last]).fold(seed ^ public.len() as u64, |mixed, word| {
        let product = u128::from(mixed ^ u64::from_le_bytes(*word)) * 0x9e37_79b9_7f4a_7c15;
        (product >> 64) as u64 ^ product as u64
    });
    Some(PublicTag { tag: (mixed >> 32) as u32, shared })
}

/// Ids are made by the service and partly random: spreading their bits is enough.
pub fn tag_of_id(id: Uuid) -> u32 {
    let (high, low) = id.as_u64_pair();
    let mixed = (low ^ high.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as u32
}
