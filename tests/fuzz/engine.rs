//! A small mutation engine: seeded, without outside tools, on stable Rust.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const SHORT_ROUNDS: u64 = 15_000;
const SHORT_SEED: u64 = 1;
const INPUT_BYTES: usize = 4096;
const MUTATIONS_AT_ONCE: usize = 6;
/// Inputs that a target found interesting, kept to mutate further.
const FOUND: usize = 512;
/// How many rounds go by between two looks at the clock.
const ROUNDS_PER_LOOK: u64 = 1000;

/// What to feed, and what to feed it with.
pub struct Target {
    pub name: &'static str,
    pub corpus: &'static [&'static [u8]],
    pub dictionary: &'static [&'static [u8]],
    /// Panics when a promise is broken; says whether the input was accepted, which makes it worth mutating further.
    pub check: fn(&[u8]) -> bool,
}

impl Target {
    pub fn run(&self) {
        for (path, input) in self.regressions() {
            self.feed(&input, &format!("replaying {}", path.display()));
        }
        for input in self.corpus {
            self.feed(input, "the corpus itself");
        }
        let plan = Plan::from_environment();
        let mut random = Random(plan.seed);
        let mut found: Vec<Vec<u8>> = self.corpus.iter().map(|input| input.to_vec()).collect();
        let mut round = 0;
        while plan.goes_on(round) {
            let input = self.mutated(&found, &mut random);
            if self.feed(&input, &format!("CREDLEDGER_FUZZ_SEED={}, round {round}", plan.seed)) {
                if found.len() < FOUND {
                    found.push(input);
                } else {
                    let place = self.corpus.len() + random.below(FOUND - self.corpus.len());
                    found[place] = input;
                }
            }
            round += 1;
        }
    }

    fn feed(&self, input: &[u8], origin: &str) -> bool {
        catch_unwind(AssertUnwindSafe(|| (self.check)(input))).unwrap_or_else(|panic| {
            let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{}", self.name));
            let told = match std::fs::write(&kept, input) {
                Ok(()) => format!("kept as {}", kept.display()),
                Err(error) => format!("not kept ({error})"),
            };
            eprintln!(
                "fuzz target {}: {origin}\ninput: \"{}\"\n{told}; move it to {} and mend what it found",
                self.name,
                input.escape_ascii(),
                Path::new("tests/fuzz/regressions").join(self.name).display()
            );
            resume_unwind(panic)
        })
    }

    fn regressions(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/regressions").join(self.name);
        let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths.into_iter().map(|path| (path.clone(), std::fs::read(&path).unwrap())).collect()
    }

    fn mutated(&self, found: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
        let mut input = match random.below(2) {
            0 => random.pick(self.corpus).to_vec(),
            _ => random.pick(found).clone(),
        };
        self.mutate(&mut input, found, random);
        // Half the inputs are one step away from something known: near misses are where readers disagree.
        if random.below(2) == 0 {
            for _ in 0..random.below(MUTATIONS_AT_ONCE) {
                self.mutate(&mut input, found, random);
            }
        }
        input.truncate(INPUT_BYTES);
        input
    }

    fn mutate(&self, input: &mut Vec<u8>, found: &[Vec<u8>], random: &mut Random) {
        // Ends are where readers go wrong.
        let place = if random.below(3) == 0 { input.len() } else { random.below(input.len() + 1) };
        let end = place + random.below(input.len() - place + 1);
        match random.below(10) {
            0 => input.truncate(place),
            1 => drop(input.drain(place..end)),
            2 => input.insert(place, random.byte()),
            3 => drop(input.splice(place..place, random.pick(self.dictionary).iter().copied())),
            4 => drop(input.splice(place..end, random.pick(self.dictionary).iter().copied())),
            5 => drop(input.splice(place..place, input[place..end].to_vec())),
            6 => {
                let other = random.pick(found);
                let from = random.below(other.len() + 1);
                drop(input.splice(place.., other[from..].iter().copied()));
            }
            7 => {
                let word = random.pick(self.dictionary);
                let over = word.len().min(input.len() - place);
                drop(input.splice(place..place + over, word.iter().copied()));
            }
            8 => input.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= 1 << random.below(8)),
            _ => input.iter_mut().skip(place).take(1).for_each(|byte| *byte = random.near(*byte)),
        }
    }
}

/// How long, and from which seed.
struct Plan {
    seed: u64,
    until: Option<Instant>,
}

impl Plan {
    fn from_environment() -> Self {
        let number = |name: &str| {
            let text = std::env::var(name).ok()?;
            Some(
                text.parse::<u64>()
                    .unwrap_or_else(|_| panic!("{name} is to be a whole number, not {text:?}")),
            )
        };
        let seconds = number("CREDLEDGER_FUZZ_SECONDS");
        let another = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
        let default = if seconds.is_some() { another() } else { SHORT_SEED };
        Self {
            seed: number("CREDLEDGER_FUZZ_SEED").unwrap_or(default),
            until: seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds)),
        }
    }

    fn goes_on(&self, round: u64) -> bool {
        match self.until {
            Some(until) => !round.is_multiple_of(ROUNDS_PER_LOOK) || Instant::now() < until,
            None => round < SHORT_ROUNDS,
        }
    }
}

/// splitmix64.
pub struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Of no number at all: 0.
    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// Half of them printable: what is read here is text.
    fn byte(&mut self) -> u8 {
        let byte = self.next() as u8;
        if self.below(2) == 0 { byte } else { b' ' + byte % (b'~' - b' ' + 1) }
    }

    /// Off by little: boundaries are where checks go wrong.
    fn near(&mut self, byte: u8) -> u8 {
        byte.wrapping_add(self.below(5) as u8).wrapping_sub(2)
    }
}

#[test]
fn the_engine_finds_a_planted_fault() {
    let planted = Target {
        name: "planted",
        corpus: &[b"a quiet beginning"],
        dictionary: &[b"needle"],
        check: |input| {
            assert!(!input.ends_with(b"needleneedle!"), "the planted fault");
            input.ends_with(b"needle")
        },
    };
    assert!(catch_unwind(AssertUnwindSafe(|| planted.run())).is_err());
}
