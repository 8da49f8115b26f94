//! The Merkle tree of RFC 6962, grown leaf by leaf: of what stands to the left only the roots of whole subtrees are kept.

use crate::vault::sha256;

pub type Hash = [u8; 32];

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    count: u64,
    /// of whole subtrees, the largest first: one for each bit of `count`
    roots: Vec<Hash>,
}

impl Tree {
    /// Of a leaf that is hashed already.
    pub fn push(&mut self, leaf: Hash) {
        let mut root = leaf;
        let mut filled = self.count;
        while filled & 1 == 1 {
            if let Some(left) = self.roots.pop() {
                root = node(&left, &root);
            }
            filled >>= 1;
        }
        self.roots.push(root);
        self.count += 1;
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// Of no leaf at all it is the hash of nothing.
    pub fn root(&self) -> Hash {
        let folded = self.roots.iter().rev().copied().reduce(|right, left| node(&left, &right));
        folded.unwrap_or_else(|| sha256(&[]))
    }
}

fn node(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], left, right])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 6962, 2.1, to the letter.
    fn reference(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => sha256(&[]),
            [leaf] => *leaf,
            leaves => {
                let largest = leaves.len().next_power_of_two() / 2;
                let (left, right) = leaves.split_at(largest);
                sha256(&[&[1], &reference(left), &reference(right)])
            }
        }
    }

    proptest! {
        #[test]
        fn the_tree_is_that_of_rfc_6962(leaves in prop::collection::vec(any::<Hash>(), 0..300)) {
            let mut tree = Tree::default();
            leaves.iter().for_each(|leaf| tree.push(*leaf));
            prop_assert_eq!(tree.root(), reference(&leaves));
            prop_assert_eq!(tree.count(), leaves.len() as u64);
        }
    }
}
