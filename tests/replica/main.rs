//! What an application sees of a replica: one file per behaviour.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at what it does not expect")]

mod away_past_collection;
mod change_feed;
mod clock_ahead;
mod conflict;
mod durable;
mod late_write;
mod limit;
mod members;
mod resolver;
mod rollback;
mod subtree_delete;
mod type_clash;
mod view;

use rejoin::Replica;

/// Gives `to` everything that it lacks of `from`.
fn sync(from: &Replica, to: &Replica) {
    let delta = from.delta_since(&to.context()).unwrap();
    to.apply(&delta).unwrap();
}

/// Gives each everything that it lacks of the other.
fn exchange(a: &Replica, b: &Replica) {
    sync(a, b);
    sync(b, a);
}
