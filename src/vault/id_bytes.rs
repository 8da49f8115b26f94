//! Random bytes for names that are no secrets, such as request ids: asked of the kernel a page at a time, since a call into it
//! for each would be a third of all the calls that a verdict makes.

use std::cell::RefCell;

use super::random_bytes;

/// How many are kept for each thread.
const PAGE: usize = 4096;

struct Page {
    bytes: [u8; PAGE],
    used: usize,
}

thread_local! {
    static PAGES: RefCell<Page> = const { RefCell::new(Page { bytes: [0; PAGE], used: PAGE }) };
}

/// Never for secrets: what is kept ahead could be read from a core dump before it is given out.
pub fn id_bytes() -> [u8; 16] {
    PAGES.with_borrow_mut(|page| {
        if page.used == PAGE {
            page.bytes = random_bytes();
            page.used = 0;
        }
        let mut given = [0; 16];
        given.copy_from_slice(&page.bytes[page.used..][..16]);
        page.used += given.len();
        given
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_bytes_are_given_twice_also_over_the_end_of_a_page() {
        let given: std::collections::HashSet<_> = (0..3 * PAGE / 16).map(|_| id_bytes()).collect();
        assert_eq!(given.len(), 3 * PAGE / 16);
        assert!(!given.contains(&[0; 16]));
    }
}
