//! Numbers that look thrown, and are the same on each run.

/// Of a number, one that says nothing of it.
#[derive(Clone, Copy, Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn of(number: u64) -> Self {
        Dice(number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.throw() % end
    }

    /// The first of many are met far more often than the last.
    pub fn leaning(&mut self, end: u64) -> u64 {
        let even = (self.throw() >> 11) as f64 / (1u64 << 53) as f64;
        ((even * even * end as f64) as u64).min(end - 1)
    }

    pub fn of_these<T: Copy>(&mut self, these: &[T]) -> T {
        these[self.below(these.len() as u64) as usize]
    }
}
