//! What each type costs in bytes, saved and on the wire (MessagePack), and that its page in
//! `docs/types` says so. `cargo test -p rejoin-crdt --test sizes -- --nocapture` prints the rows.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a value that cannot be saved shall stop the test"
)]

use rejoin_crdt::{
    BoundedCounter, DisableWinsFlag, EnableWinsFlag, GCounter, LwwRegister, MaxRegister,
    MinRegister, MvRegister, OrMap, OrSet, PnCounter, RemoveWinsSet, ReplicaId, ResettableCounter,
};
use serde::Serialize;

const NOW_MS: u64 = 1_770_000_000_000;

fn bytes(value: &impl Serialize) -> usize {
    rmp_serde::to_vec(value).unwrap().len()
}

/// Compares the rows with the page and says what the page lacks.
fn missing(page: &str, rows: &[(&str, usize)]) -> Vec<String> {
    let path = format!("{}/../docs/types/{page}.md", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let rows = rows.iter().map(|(what, bytes)| format!("| {what} | {bytes} |"));
    let rows = rows.inspect(|row| println!("{page} {row}"));
    rows.filter(|row| !text.contains(row)).map(|row| format!("{page}.md lacks {row}")).collect()
}

/// Measures a value after one change, after a thousand, after their removal, and one more change.
macro_rules! sizes {
    ($page:literal, $type:ty, |$value:ident, $n:ident| $change:expr
     $(, |$removed:ident, $m:ident| $remove:expr)?) => {{
        fn change($value: &mut $type, $n: u32) -> usize {
            bytes(&$change)
        }
        let mut value = <$type>::new(ReplicaId::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef));
        change(&mut value, 10_000);
        let mut rows = vec![("saved, after one change", bytes(&value))];
        (10_001..11_000).for_each(|n| {
            change(&mut value, n);
        });
        rows.push(("saved, after 1000 changes", bytes(&value)));
        rows.push(("delta of one more change", change(&mut value.clone(), 11_000)));
        $({
            let $removed = &mut value;
            let deltas: Vec<_> = (10_000..11_000_u32).map(|$m| bytes(&$remove)).collect();
            rows.push(("delta of a removal", deltas[0]));
            rows.push(("saved, after all was removed", bytes(&*$removed)));
        })?
        missing($page, &rows)
    }};
}

#[test]
fn the_pages_state_what_is_measured() {
    let registers = [
        sizes!("lww_register", LwwRegister<u32>, |v, n| v.set(n, NOW_MS), |v, _n| v.delete()),
        sizes!("mv_register", MvRegister<u32>, |v, n| v.set(n), |v, _n| v.delete()),
        sizes!("max_register", MaxRegister<u32>, |v, n| v.set(n), |v, _n| v.delete()),
        sizes!("min_register", MinRegister<u32>, |v, n| v.set(20_000 - n), |v, _n| v.delete()),
    ];
    let flags = [
        sizes!("enable_wins_flag", EnableWinsFlag, |v, _n| v.enable(), |v, _n| v.disable()),
        sizes!("disable_wins_flag", DisableWinsFlag, |v, _n| v.enable(), |v, _n| v.disable()),
    ];
    let counters = [
        sizes!("g_counter", GCounter, |v, n| v.increment(u64::from(n)).unwrap()),
        sizes!("pn_counter", PnCounter, |v, n| v.increment(u64::from(n)).unwrap()),
        sizes!(
            "resettable_counter",
            ResettableCounter,
            |v, n| v.increment(u64::from(n)).unwrap(),
            |v, _n| v.reset()
        ),
        sizes!("bounded_counter", BoundedCounter, |v, n| v.increment(u64::from(n)).unwrap()),
    ];
    let sets = [
        sizes!("or_set", OrSet<u32>, |v, n| v.add(n), |v, n| v.remove(&n)),
        sizes!("remove_wins_set", RemoveWinsSet<u32>, |v, n| v.add(n), |v, n| v.remove(n)),
        sizes!("or_map", OrMap<u32, LwwRegister<u32>>,
            |v, n| v.update_at(NOW_MS, n, |register| register.set(n)), |v, n| v.remove(&n)),
    ];
    let missing = registers.into_iter().chain(flags).chain(counters).chain(sets).flatten();
    assert_eq!(missing.collect::<Vec<_>>(), Vec::<String>::new());
}
