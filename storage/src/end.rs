//! How a log was left: what an open finds, and a seal says of the log before it.

/// How a log was left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum End {
    /// Nothing was ever written.
    Empty,
    /// By a close, and nothing came after it.
    Clean,
    /// Without a close, behind a whole record: every acknowledged record is there.
    Crashed,
    /// With bytes behind the last whole record, as an unfinished write leaves them. Every acknowledged
    /// record is there, unless the last one has been damaged since.
    Torn {
        /// How many bytes were not used.
        dropped_bytes: u64,
    },
    /// Something that was complete once does not check out any more. Records behind it are not used:
    /// acknowledged ones may be missing.
    Damaged {
        /// How many bytes were not used.
        dropped_bytes: u64,
    },
}
