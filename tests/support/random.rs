//! Chance that can be had again: a failed test says its seed, and CREDLEDGER_TEST_SEED takes it.
#![allow(dead_code)] // each test binary uses its part of this
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // a test's own settings, and the one line it prints

/// SplitMix64.
pub struct Random(u64);

impl Random {
    /// Printed, which cargo shows of a failure, so that it can be repeated; what threads and processes do beside is chance all the same.
    pub fn for_test(name: &str) -> Self {
        let given = std::env::var("CREDLEDGER_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| u64::from_be_bytes(credledger::vault::random_bytes()));
        println!("{name}: CREDLEDGER_TEST_SEED={seed}");
        Random(seed)
    }

    pub fn fork(&mut self) -> Self {
        Random(self.number())
    }

    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }

    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// How often a test repeats itself: the short form, or in the long one CREDLEDGER_TEST_LONG where that is a number above 1.
pub fn rounds(short: u64, long: u64) -> u64 {
    match std::env::var("CREDLEDGER_TEST_LONG") {
        Err(_) => short,
        Ok(given) => given.parse().ok().filter(|rounds| *rounds > 1).unwrap_or(long),
    }
}
