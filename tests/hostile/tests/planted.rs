//! The lanes of the real decoders can fail, too: a bug that is planted in one of them is found out.

use rejoin_crdt::planted::{Bug, plant};
use rejoin_hostile::decoders::{Contexts, VersionVectors};
use rejoin_hostile::{Decoder, Harm, Lane};

/// A short lane does: most of what it finds, it finds by cutting and flipping.
const MUTATIONS: u64 = 20_000;

/// The harm that a lane finds while a bug is planted, if any.
fn harm<D: Decoder>(bug: Option<Bug>, (mut decoder, lane): (D, Lane)) -> Option<Harm> {
    plant(bug);
    let result = Lane { mutations: MUTATIONS, ..lane }.run(&mut decoder);
    plant(None);
    result.err()
}

#[test]
fn planted_memory_for_a_number_that_was_only_stated_is_found() {
    assert!(harm(None, VersionVectors::new()).is_none());
    assert!(harm(None, Contexts::new().unwrap()).is_none());
    for bug in Bug::MEMORY {
        let found =
            [harm(Some(bug), VersionVectors::new()), harm(Some(bug), Contexts::new().unwrap())];
        for harm in found {
            let harm = harm.unwrap_or_else(|| panic!("{bug:?} was not found"));
            println!("{bug:?}: {harm}");
            assert!(harm.what.starts_with("memory: "), "{bug:?}: {harm}");
        }
    }
}
