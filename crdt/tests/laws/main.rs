//! The laws that make replicas converge, for every standalone type, on random histories.
//!
//! Each law and type sees 10 000 histories and more; the generator is seeded, so a failure comes
//! back. How many of the cases hold concurrent siblings and removals is counted, printed and asserted:
//! a law that only ever meets tame states proves nothing.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "what a history cannot contain shall stop the test"
)]

mod deltas;
mod history;
mod mix;
mod model;
#[cfg(feature = "planted")]
mod planted;
mod semilattice;
mod subject;

use quickcheck::{Gen, QuickCheck};
use rejoin_crdt::{
    BoundedCounter, DisableWinsFlag, EnableWinsFlag, GCounter, LwwRegister, MaxRegister,
    MinRegister, MvRegister, OrMap, OrSet, PnCounter, RemoveWinsSet, ResettableCounter,
};

use history::History;
use subject::Subject;

const CASES: u64 = 10_000;

type Law = fn(History) -> Result<(), String>;

/// Steps of a history for the laws of join: enough for every case of a cell.
const SHORT: usize = 12;

/// Steps of a history for the models of counters: epochs begin, end and meet late deltas.
const LONG: usize = 48;

/// The same histories every time; a law that fails reports the smallest that fails too.
fn quickcheck(steps: usize, law: Law) -> Result<(), String> {
    let seeded = Gen::from_size_and_seed(steps, 0x7265_6a6f_696e);
    let mut cases = QuickCheck::new().rng(seeded).tests(CASES).max_tests(CASES);
    cases.quicktest(law).map(|_| ()).map_err(|failure| format!("{failure:?}"))
}

fn hold<S: Subject>(law: Law) {
    mix::begin();
    assert_eq!(quickcheck(SHORT, law), Ok(()));
    mix::finish::<S>(CASES);
}

macro_rules! laws {
    ($($name:ident: $type:ty,)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn join_is_idempotent_commutative_and_associative() {
                hold::<$type>(semilattice::laws::<$type>);
            }

            #[test]
            fn deltas_in_any_grouping_do_what_the_full_state_does() {
                hold::<$type>(deltas::laws::<$type>);
            }
        }
    )*};
}

laws! {
    lww_register: LwwRegister<u8>,
    mv_register: MvRegister<u8>,
    max_register: MaxRegister<u8>,
    min_register: MinRegister<u8>,
    enable_wins_flag: EnableWinsFlag,
    disable_wins_flag: DisableWinsFlag,
    g_counter: GCounter,
    pn_counter: PnCounter,
    resettable_counter: ResettableCounter,
    bounded_counter: BoundedCounter,
    or_set: OrSet<u8>,
    remove_wins_set: RemoveWinsSet<u8>,
    map_of_sets: OrMap<u8, OrSet<u8>>,
    map_of_counters: OrMap<u8, ResettableCounter>,
    map_of_maps_of_registers: OrMap<u8, OrMap<u8, LwwRegister<u8>>>,
}
