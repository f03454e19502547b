//! Whether the peer is still there.
//!
//! Every frame is a sign of life; pings are sent only into silence. Some that go unanswered make the
//! peer suspect, more of them end the session. Suspicion is shown, it decides nothing.

/// The signs of life of one peer.
#[derive(Clone, Debug)]
pub(crate) struct Liveness {
    ping_ms: u64,
    suspect_after: u32,
    close_after: u32,
    heard_ms: u64,
    /// Pings since the peer was last heard, and when the last of them was sent.
    unanswered: u32,
    pinged_ms: u64,
    round_trip_ms: Option<u64>,
}

/// What the passing of time asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pulse {
    Nothing,
    /// Send a ping; the peer has just become suspect if `is_suspect`.
    Ping {
        is_suspect: bool,
        missed: u32,
    },
    /// Give the peer up.
    Dead {
        missed: u32,
    },
}

impl Liveness {
    /// A peer that is heard of for the first time now.
    pub(crate) const fn new(
        ping_ms: u64,
        suspect_after: u32,
        close_after: u32,
        now_ms: u64,
    ) -> Self {
        let (heard_ms, pinged_ms) = (now_ms, now_ms);
        let round_trip_ms = None;
        Self {
            ping_ms,
            suspect_after,
            close_after,
            heard_ms,
            unanswered: 0,
            pinged_ms,
            round_trip_ms,
        }
    }

    /// A frame came. Returns whether the peer was suspect.
    pub(crate) const fn heard(&mut self, now_ms: u64) -> bool {
        let was_suspect = self.is_suspect();
        self.heard_ms = now_ms;
        self.unanswered = 0;
        was_suspect
    }

    /// The answer to a ping that was sent at `sent_ms` by this clock.
    pub(crate) const fn answered(&mut self, sent_ms: u64, now_ms: u64) {
        self.round_trip_ms = Some(now_ms.saturating_sub(sent_ms));
    }

    /// What is due.
    pub(crate) fn pulse(&mut self, now_ms: u64) -> Pulse {
        if now_ms < self.deadline_ms() {
            return Pulse::Nothing;
        }
        let missed = self.unanswered;
        if missed >= self.close_after {
            return Pulse::Dead { missed };
        }
        self.unanswered += 1;
        self.pinged_ms = now_ms;
        Pulse::Ping { is_suspect: missed == self.suspect_after, missed }
    }

    /// When the next ping is due.
    pub(crate) fn deadline_ms(&self) -> u64 {
        let last = if self.unanswered == 0 { self.heard_ms } else { self.pinged_ms };
        last.saturating_add(self.ping_ms)
    }

    /// Whether several pings went unanswered: the one on its way does not count.
    pub(crate) const fn is_suspect(&self) -> bool {
        self.unanswered > self.suspect_after
    }

    /// The time that the last ping took.
    pub(crate) const fn round_trip_ms(&self) -> Option<u64> {
        self.round_trip_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_brings_pings_then_suspicion_then_the_end() {
        let mut liveness = Liveness::new(10, 3, 5, 0);
        let mut pulses = Vec::new();
        for now_ms in (0..=60).step_by(10) {
            pulses.push(liveness.pulse(now_ms));
        }
        let ping = |missed| Pulse::Ping { is_suspect: missed == 3, missed };
        let mut expected = vec![Pulse::Nothing];
        expected.extend((0..5).map(ping));
        expected.push(Pulse::Dead { missed: 5 });
        assert_eq!(pulses, expected);
    }

    #[test]
    fn any_frame_ends_the_suspicion() {
        let mut liveness = Liveness::new(10, 3, 5, 0);
        for now_ms in [10, 20, 30, 40] {
            liveness.pulse(now_ms);
        }
        assert!(liveness.heard(41) && !liveness.is_suspect());
        assert_eq!(liveness.deadline_ms(), 51);
    }
}
