//! Every life that writes has a place in every context, for ever. So not everybody may begin to.
//!
//! Histories have too few lives to meet the bound, unless it were so small that they go beyond it by bad
//! luck: whoever writes without having heard of the others cannot count them.

use std::sync::atomic::AtomicU64;

use rejoin::{Limits, Replica, TransactError, WriteError};
use rejoin_crdt::planted::{Bug, plant};

use crate::scrub::Ids;

const MOST_LIVES: usize = 20;

/// One after the other learns what is there, writes, and is heard. Says who could not be, and why.
fn crowd() -> Result<usize, String> {
    let newcomer = |at: u64| {
        let limits = Limits { version_vector_entries: MOST_LIVES, ..Limits::default() };
        let builder = Replica::builder().env(Ids(AtomicU64::new(at << 16))).limits(limits);
        builder.try_in_memory().ok_or("no environment")
    };
    let everybody = newcomer(1)?;
    let mut refused = 0;
    for at in 2..30 {
        let writer = newcomer(at)?;
        let tell = |from: &Replica, to: &Replica| {
            let delta = from.delta_since(&to.context()).map_err(|error| error.to_string())?;
            to.apply(&delta).map(drop).map_err(|error| format!("{at}: {error}"))
        };
        tell(&everybody, &writer)?;
        let written = writer.transact(|tx| tx.register(at).set(at).map(drop));
        match written {
            Ok(_) => tell(&writer, &everybody)?,
            Err(TransactError::<WriteError>::TooManyLives { .. }) => refused += 1,
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(refused)
}

#[test]
fn who_comes_too_late_may_not_begin_to_write_and_everybody_else_is_heard() {
    assert_eq!(crowd(), Ok(28 - MOST_LIVES * 9 / 10));
    for bug in Bug::LIVES {
        plant(Some(bug));
        let outcome = crowd();
        plant(None);
        assert!(outcome.is_err(), "{bug:?}: {outcome:?}");
    }
}
