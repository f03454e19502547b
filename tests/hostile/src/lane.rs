//! One decoder under all mutations.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use fastrand::Rng;

use crate::allocation::peak_of;
use crate::mutation::Mutator;

/// Inputs longer than this are not cut and flipped at every position.
const EXHAUSTIVE_BYTES: usize = 1_024;

/// For so many mutations there is one input that is well-formed and untrue.
const LIES_ONE_IN: u64 = 4;

/// Something that takes bytes from outside.
pub trait Decoder {
    /// What it makes of them.
    type Output;

    /// The name of the decoder: one word, which also begins the names of its files in the corpus.
    fn name(&self) -> &'static str;

    /// Takes the bytes; `None` if they were refused with a typed error.
    fn decode(&mut self, bytes: &[u8]) -> Option<Self::Output>;

    /// Says what is wrong with an output that was accepted. Returns how far it came, for the report.
    ///
    /// # Errors
    /// What must not be.
    fn check(&mut self, bytes: &[u8], output: Self::Output) -> Result<&'static str, String>;

    /// Makes another input in the right form that says something else, from two valid inputs; `None`
    /// if form is all that this decoder judges.
    fn lie(&mut self, _: &[u8], _: &[u8], _: &mut Rng) -> Option<Vec<u8>> {
        None
    }

    /// How many bytes decoding `len` bytes may allocate.
    fn allowance_bytes(&self, len: usize) -> usize;
}

/// A decoder, valid inputs for it, and how hard it is tried.
#[derive(Debug)]
pub struct Lane {
    /// Valid inputs.
    pub seeds: Vec<Vec<u8>>,
    /// How many random mutations.
    pub mutations: u64,
    /// What the random numbers start from.
    pub seed: u64,
}

/// What a lane did.
#[derive(Debug, Default)]
pub struct Tally {
    /// Inputs that were tried.
    pub inputs: u64,
    /// Inputs that were accepted, by how far they came.
    pub accepted: Vec<(&'static str, u64)>,
    /// The most memory that an input took, in bytes, and the length of that input.
    pub peak_bytes: (usize, usize),
}

/// What an input did that none may do.
#[derive(Debug)]
pub struct Harm {
    /// What happened.
    pub what: String,
    /// The shortest input found that does it.
    pub input: Vec<u8>,
}

impl Lane {
    /// A lane of as many mutations as every decoder has to bear, or as the environment variable
    /// `HOSTILE_MUTATIONS` says.
    pub fn new(seeds: Vec<Vec<u8>>) -> Self {
        let asked = std::env::var("HOSTILE_MUTATIONS").ok();
        let mutations = asked.and_then(|number| number.parse().ok()).unwrap_or(1_000_000);
        Self { seeds, mutations, seed: 0x7265_6a6f_696e }
    }

    /// Three times as many, for decoders that take less than a microsecond.
    pub fn of_a_quick_decoder(seeds: Vec<Vec<u8>>) -> Self {
        let usual = Self::new(seeds);
        Self { mutations: 3 * usual.mutations, ..usual }
    }

    /// How many inputs this lane tries at the least: without those that are well-formed and untrue, since
    /// not every decoder can be told any.
    pub fn inputs(&self) -> u64 {
        let short = self.seeds.iter().filter(|seed| seed.len() <= EXHAUSTIVE_BYTES);
        let near: usize = short.map(|seed| 9 * seed.len()).sum();
        self.mutations + (self.seeds.len() + near) as u64
    }

    /// Tries every valid input, every prefix and every flipped bit of the short ones, and the random
    /// mutations.
    ///
    /// # Errors
    /// The first harm, with its input made as short as possible.
    pub fn run<D: Decoder>(&self, decoder: &mut D) -> Result<Tally, Harm> {
        let mut tally = Tally::default();
        println!(
            "{}: {} seeds, random numbers from {:#x}",
            decoder.name(),
            self.seeds.len(),
            self.seed
        );
        for seed in &self.seeds {
            if decoder.decode(seed).is_none() {
                return Err(Harm { what: "a valid input was refused".into(), input: seed.clone() });
            }
            attempt(decoder, seed, &mut tally)?;
        }
        for seed in self.seeds.iter().filter(|seed| seed.len() <= EXHAUSTIVE_BYTES) {
            prefixes_and_flips(decoder, seed, &mut tally)?;
        }
        let mut mutator = Mutator::new(self.seed);
        let mut bytes = Vec::new();
        for _ in 0..self.mutations {
            let (seed, other) = (mutator.pick(&self.seeds), mutator.pick(&self.seeds));
            seed.clone_into(&mut bytes);
            mutator.mutate(&mut bytes, other);
            attempt(decoder, &bytes, &mut tally)?;
        }
        let mut random = Rng::with_seed(self.seed);
        for _ in 0..self.mutations / LIES_ONE_IN {
            let (seed, other) = (mutator.pick(&self.seeds), mutator.pick(&self.seeds));
            let Some(lie) = decoder.lie(seed, other, &mut random) else { break };
            attempt(decoder, &lie, &mut tally)?;
        }
        println!("{tally}");
        Ok(tally)
    }
}

impl Lane {
    /// Tries one input that once did harm, several times: some outputs are looked at more closely
    /// than others.
    ///
    /// # Errors
    /// The harm that it does again.
    pub fn replay<D: Decoder>(decoder: &mut D, bytes: &[u8]) -> Result<(), Harm> {
        (0..16).try_for_each(|_| attempt(decoder, bytes, &mut Tally::default()))
    }
}

fn prefixes_and_flips<D: Decoder>(
    decoder: &mut D,
    seed: &[u8],
    tally: &mut Tally,
) -> Result<(), Harm> {
    for len in 0..seed.len() {
        attempt(decoder, seed.get(..len).unwrap_or_default(), tally)?;
    }
    let mut bytes = seed.to_vec();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            flip(&mut bytes, at, bit);
            attempt(decoder, &bytes, tally)?;
            flip(&mut bytes, at, bit);
        }
    }
    Ok(())
}

fn flip(bytes: &mut [u8], at: usize, bit: u32) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << bit;
    }
}

fn attempt<D: Decoder>(decoder: &mut D, bytes: &[u8], tally: &mut Tally) -> Result<(), Harm> {
    match outcome(decoder, bytes) {
        Ok((stage, peak)) => {
            tally.inputs += 1;
            tally.peak_bytes = tally.peak_bytes.max((peak, bytes.len()));
            if let Some(stage) = stage {
                tally.count(stage);
            }
            Ok(())
        }
        Err(what) => Err(shortest(decoder, bytes, what)),
    }
}

/// How far the input came (`None`: refused), and how much memory decoding it took.
fn outcome<D: Decoder>(
    decoder: &mut D,
    bytes: &[u8],
) -> Result<(Option<&'static str>, usize), String> {
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let (output, peak) = peak_of(|| decoder.decode(bytes));
        let allowed = decoder.allowance_bytes(bytes.len());
        if peak > allowed {
            return Err(format!("memory: {peak} bytes, {allowed} are allowed"));
        }
        Ok((output.map(|output| decoder.check(bytes, output)).transpose()?, peak))
    }));
    caught.unwrap_or_else(|panic| Err(format!("panic: {}", message(panic.as_ref()))))
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// Takes out of the input whatever it can do without and still do the same kind of harm.
fn shortest<D: Decoder>(decoder: &mut D, bytes: &[u8], what: String) -> Harm {
    let kind = |what: &str| what.split(':').next().unwrap_or_default().to_owned();
    let wanted = kind(&what);
    let (mut input, mut what) = (bytes.to_vec(), what);
    let mut len = input.len() / 2;
    while len > 0 {
        let mut at = 0;
        while at + len <= input.len() {
            let mut shorter = input.clone();
            shorter.drain(at..at + len);
            match outcome(decoder, &shorter) {
                Err(other) if kind(&other) == wanted => (input, what) = (shorter, other),
                _ => at += len,
            }
        }
        len /= 2;
    }
    Harm { what, input }
}

impl Tally {
    fn count(&mut self, stage: &'static str) {
        match self.accepted.iter_mut().find(|(known, _)| *known == stage) {
            Some((_, count)) => *count += 1,
            None => self.accepted.push((stage, 1)),
        }
    }

    /// How many inputs came as far as `stage`.
    pub fn reached(&self, stage: &str) -> u64 {
        self.accepted.iter().find(|(known, _)| *known == stage).map_or(0, |(_, count)| *count)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let accepted: u64 = self.accepted.iter().map(|(_, count)| count).sum();
        write!(f, "{} inputs, {} refused", self.inputs, self.inputs - accepted)?;
        for (stage, count) in &self.accepted {
            write!(f, ", {count} {stage}")?;
        }
        let (peak, len) = self.peak_bytes;
        write!(f, "; at most {peak} bytes of memory, for an input of {len}")
    }
}

impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\ninput of {} bytes: ", self.what, self.input.len())?;
        self.input.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
