//! The lane can fail: decoders with a weakness each are found out.
//!
//! One test, because the allocator counts for the whole process.

use rejoin_hostile::{Decoder, Lane, peak_of};

/// A list of numbers: how many, then the numbers.
struct Toy {
    weakness: Weakness,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Weakness {
    None,
    ReservesWhatIsStated,
    IndexesWithoutCheck,
    AcceptsTrailingBytes,
}

impl Decoder for Toy {
    type Output = Vec<u64>;

    fn name(&self) -> &'static str {
        "toy"
    }

    #[allow(clippy::indexing_slicing, reason = "one of the weaknesses")]
    fn decode(&mut self, bytes: &[u8]) -> Option<Self::Output> {
        let count = u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
        let mut numbers = match self.weakness {
            Weakness::ReservesWhatIsStated => Vec::with_capacity(count.min(1 << 28)),
            _ => Vec::new(),
        };
        for at in 4..4_usize.saturating_add(count) {
            numbers.push(u64::from(match self.weakness {
                Weakness::IndexesWithoutCheck => bytes[at],
                _ => *bytes.get(at)?,
            }));
        }
        let is_whole = bytes.len() == 4 + count || self.weakness == Weakness::AcceptsTrailingBytes;
        is_whole.then_some(numbers)
    }

    fn check(&mut self, bytes: &[u8], numbers: Self::Output) -> Result<&'static str, String> {
        match bytes.len() == 4 + numbers.len() {
            true => Ok("accepted"),
            false => Err("canonical: not the bytes decoded".into()),
        }
    }

    fn allowance_bytes(&self, len: usize) -> usize {
        24 * len + 64
    }
}

#[test]
fn each_weakness_of_a_toy_decoder_is_found_and_none_in_a_sound_one() {
    let run = |weakness| {
        let seeds = vec![b"\0\0\0\x03abc".to_vec(), b"\0\0\0\0".to_vec()];
        let lane = Lane { mutations: 10_000, ..Lane::new(seeds) };
        lane.run(&mut Toy { weakness }).err()
    };
    assert!(run(Weakness::None).is_none());
    let found = |weakness, what: &str, at_most_bytes: usize| {
        let harm = run(weakness).unwrap_or_else(|| panic!("{weakness:?} was not found"));
        assert!(harm.what.starts_with(what), "{weakness:?}: {harm}");
        assert!(harm.input.len() <= at_most_bytes, "{weakness:?}: {harm}");
    };
    found(Weakness::ReservesWhatIsStated, "memory: ", 4);
    found(Weakness::IndexesWithoutCheck, "panic: index out of bounds", 4);
    found(Weakness::AcceptsTrailingBytes, "canonical: ", 8);
    let (_, peak) = peak_of(|| drop(std::hint::black_box(Vec::<u8>::with_capacity(1 << 20))));
    assert!((1 << 20..1 << 21).contains(&peak), "{peak}");
}
