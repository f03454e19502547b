//! The passing of time without a word from the peer.

use super::{Phase, Session};
use crate::error::SessionError;
use crate::liveness::Pulse;
use crate::message::Message;
use crate::output::Event;

impl Session {
    /// Pings a silent peer, and gives up one that stays silent.
    pub(super) fn check_pulse(&mut self) -> Result<(), SessionError> {
        match &self.phase {
            Phase::Ended => Ok(()),
            Phase::Greeting { .. } => {
                let waited_ms = self.now_ms.saturating_sub(self.since_ms);
                if waited_ms >= self.config.times.hello_ms {
                    return Err(SessionError::HelloTimeout { waited_ms });
                }
                Ok(())
            }
            Phase::Open(_) => self.check_silence(),
        }
    }

    fn check_silence(&mut self) -> Result<(), SessionError> {
        match self.liveness.pulse(self.now_ms) {
            Pulse::Nothing => Ok(()),
            Pulse::Ping { is_suspect, missed } => {
                if is_suspect {
                    self.event(Event::PeerSuspect { missed });
                }
                // The peer sends the number back, and the difference is the round trip.
                self.outbox.message(&Message::Ping(self.now_ms));
                Ok(())
            }
            Pulse::Dead { missed } => Err(SessionError::Silent { missed }),
        }
    }
}
