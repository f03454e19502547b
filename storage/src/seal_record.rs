//! The seal of a checkpoint, and the trouble that is still to be told.
//!
//! An open that finds a torn or damaged log copies what checks out. If it crashes before it returns,
//! the next one finds a copy without fault, and nobody has heard that records may be missing. So the
//! seal of the copy says what was found, and that is the end of the log until something stands behind
//! the seal: then the open has returned, for somebody has written.

use crate::end::End;

/// What the open that made this copy had found; nothing for a checkpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct SealRecord {
    pub(crate) found: Option<End>,
}

impl SealRecord {
    const TORN: u8 = 1;
    const DAMAGED: u8 = 2;

    /// The seal of a copy of what was recovered.
    pub(crate) const fn after(end: End) -> Self {
        match end {
            End::Torn { .. } | End::Damaged { .. } => Self { found: Some(end) },
            End::Empty | End::Clean | End::Crashed => Self { found: None },
        }
    }

    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let (byte, dropped_bytes) = match self.found {
            Some(End::Torn { dropped_bytes }) => (Self::TORN, dropped_bytes),
            Some(End::Damaged { dropped_bytes }) => (Self::DAMAGED, dropped_bytes),
            _ => return Vec::new(),
        };
        [&[byte][..], &dropped_bytes.to_le_bytes()].concat()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let Some((byte, rest)) = bytes.split_first() else { return Some(Self::default()) };
        let dropped_bytes = u64::from_le_bytes(rest.try_into().ok()?);
        let found = match *byte {
            Self::TORN => End::Torn { dropped_bytes },
            Self::DAMAGED => End::Damaged { dropped_bytes },
            _ => return None,
        };
        Some(Self { found: Some(found) })
    }
}
