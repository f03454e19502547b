//! Planted bugs: the tempting simplifications of a storage, so that the tests can prove they would
//! notice.
//!
//! Without the feature `planted` every question is constant false and costs nothing. With it, one bug
//! can be switched on per thread at run time; the suite must go red for each.

/// A simplification that loses acknowledged writes or gives one dot two meanings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Bug {
    /// An append completes although the disk was not asked to make it durable.
    AcknowledgedBeforeSync,
    /// Recovery takes the last bytes as a record, whether they check out or not.
    TornTailAccepted,
    /// After a crash the last reserved block is handed out again, as if nothing of it had been used.
    SeqReusedAfterCrash,
    /// The token of the log is not compared with the one kept outside.
    CloneAccepted,
}

impl Bug {
    /// Every planted bug of this crate.
    pub const ALL: [Self; 4] = [
        Self::AcknowledgedBeforeSync,
        Self::TornTailAccepted,
        Self::SeqReusedAfterCrash,
        Self::CloneAccepted,
    ];
}

#[cfg(feature = "planted")]
thread_local! {
    static CURRENT: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
}

/// Switches one bug on for this thread, or all off.
#[cfg(feature = "planted")]
pub fn plant(bug: Option<Bug>) {
    CURRENT.set(bug);
}

/// Whether `bug` is switched on.
#[cfg(feature = "planted")]
pub fn planted(bug: Bug) -> bool {
    CURRENT.get() == Some(bug)
}

/// Whether `bug` is switched on.
#[cfg(not(feature = "planted"))]
pub const fn planted(_: Bug) -> bool {
    false
}
