//! Somebody has what others have written off, and is told.
//!
//! Histories write off only what nobody has, so that the oracle knows what becomes of it.

use std::sync::atomic::AtomicU64;

use rejoin::{KeyRange, Limits, Replica, Tx, WriteError};
use rejoin_crdt::planted::{Bug, plant};

use crate::scrub::Ids;

fn replica(id: u64) -> Result<Replica, &'static str> {
    let limits = Limits { cells_per_delta: 5, ..Limits::default() };
    let builder = Replica::builder().env(Ids(AtomicU64::new(id << 16))).limits(limits);
    builder.try_in_memory().ok_or("no environment")
}

fn tell(from: &Replica, to: &Replica, rounds: usize) -> Result<(), String> {
    let deltas = from.deltas_since(&to.context()).map_err(|error| error.to_string())?;
    let mut deltas = deltas.iter().take(rounds);
    deltas.try_for_each(|delta| to.apply(delta).map(drop)).map_err(|error| error.to_string())
}

/// One has the beginning of all keys, and the other the end of some, of what is lost. Returns how many keys each
/// of them has in the end.
fn write_off() -> Result<[u64; 2], String> {
    let (lost, here, there) = (replica(1)?, replica(2)?, replica(3)?);
    let write = |keys: std::ops::Range<u64>| {
        let write = |tx: &mut Tx<'_>, key: u64| tx.register(key).set(key).map(drop);
        let mut keys = keys.map(|key| lost.transact(|tx| write(tx, key)));
        keys.try_for_each(|written| written.map(drop))
    };
    let failed = |error: rejoin::TransactError<WriteError>| error.to_string();
    write(5..15).map_err(failed)?;
    tell(&lost, &there, usize::MAX)?;
    write(0..5).map_err(failed)?;
    tell(&lost, &here, 1)?;
    here.write_off(lost.identity()).map_err(|error| error.to_string())?;
    tell(&here, &there, usize::MAX)?;
    tell(&there, &here, usize::MAX)?;
    if here.context() != there.context() {
        return Err("different contexts".into());
    }
    Ok([here, there].map(|replica| replica.view().cells().live_count(&KeyRange::full())))
}

#[test]
fn what_was_given_up_goes_where_it_is_known() {
    assert_eq!(write_off(), Ok([5, 5]));
    for bug in Bug::WRITE_OFF {
        plant(Some(bug));
        let outcome = write_off();
        plant(None);
        assert_eq!(outcome, Ok([5, 15]), "{bug:?}");
    }
}
