//! Connections between machines: bytes in order in both directions, until they break.

use std::collections::VecDeque;

use rejoin::link::{Config, Link};
use rejoin_sync::Kind;

use super::mark::{Mark, Marks};

/// A *want* that asks for everything is no longer than this.
const LONGEST_REFUSAL_BYTES: u64 = 16;

/// What the pushes that wait for their base may take: so little that there is not always room.
pub(super) const HOLD_BYTES: u64 = 4_096;

/// The place of a connection between two machines, and the sessions at both ends while it is up.
pub(super) struct Wire {
    pub(super) machines: [usize; 2],
    pub(super) ends: Option<[End; 2]>,
    /// Until which step each direction carries nothing.
    pub(super) blocked_until: [u64; 2],
    /// Whether bytes of this connection were damaged.
    pub(super) is_corrupt: bool,
    /// What each end sent over the last connection, where somebody listened.
    pub(super) said: [Vec<u8>; 2],
}

/// One side of a connection.
pub(super) struct End {
    pub(super) link: Link,
    /// What this side has sent and the other has not received.
    pub(super) pipe: VecDeque<u8>,
    /// All that this side has sent, where somebody listens.
    pub(super) said: Option<Vec<u8>>,
}

impl Wire {
    pub(super) const fn new(a: usize, b: usize) -> Self {
        Self {
            machines: [a, b],
            ends: None,
            blocked_until: [0; 2],
            is_corrupt: false,
            said: [Vec::new(), Vec::new()],
        }
    }

    /// Which end a machine has.
    pub(super) fn end_of(&self, machine: usize) -> Option<usize> {
        self.machines.iter().position(|at| *at == machine)
    }

    /// Breaks the connection; what was on the way is gone. Returns whether there was one.
    pub(super) fn hang_up(&mut self, marks: &mut Marks) -> bool {
        self.is_corrupt = false;
        let Some(ends) = self.ends.take() else { return false };
        for end in &ends {
            let (sent, received) = (end.link.status().sent, end.link.status().received);
            let used = |kind: Kind| sent.of(kind) > 0 || received.of(kind) > 0;
            if used(Kind::Offer) {
                marks.reach(Mark::Compared);
            }
            if sent.of(Kind::Sketch) > 0 {
                marks.reach(Mark::Sketched);
            }
            if sent.of(Kind::Sketch) > 0 && received.of(Kind::Want) > LONGEST_REFUSAL_BYTES {
                marks.reach(Mark::SketchRead);
            }
        }
        self.said = ends.map(|end| end.said.unwrap_or_default());
        true
    }
}

/// The configuration of one end. Small limits, so that catching up takes rounds and shows its
/// intermediate states.
pub(super) fn config(seed: u64, cells_per_delta: usize) -> Config {
    let mut config = Config::new(rejoin::link::ClusterId([0; 16]));
    config.seed = seed;
    config.limits.cells_per_delta = cells_per_delta;
    // Within the time of a small history.
    (config.times.hello_ms, config.times.pull_ms, config.times.ping_ms) = (2_000, 4_000, 1_000);
    (config.times.audit_ms, config.times.tell_ms) = (3_000, 300);
    config.bounds.hold_bytes = HOLD_BYTES;
    // A single removal goes without its key, too.
    config.bounds.keyless_removals = 1;
    config
}
