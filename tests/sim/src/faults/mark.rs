//! Reach marks: how often something rare happened, so that a run can prove it was worth it.

use std::fmt;
use std::ops::AddAssign;

macro_rules! marks {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Something rare that histories have to meet often enough.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[non_exhaustive]
        pub enum Mark {
            $($(#[$doc])* $name,)*
        }

        impl Mark {
            /// Every mark.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
        }
    };
}

marks! {
    /// A machine lost power.
    Crash,
    /// A crash lost or tore a write that was under way.
    CrashWithUnsynced,
    /// A crash left a torn write.
    TornWrite,
    /// The power failed again while a log was recovered.
    CrashInRecovery,
    /// A write of unknown outcome turned out to be durable.
    UnknownOutcomeKept,
    /// A write of unknown outcome turned out to be gone.
    UnknownOutcomeGone,
    /// A disk began to fail, or to be full.
    DiskFails,
    /// A storage took no more writes until it was opened again.
    Poisoned,
    /// A full disk refused a write, and nothing else happened.
    DiskFull,
    /// A log could not be opened for the time being.
    OpenFailed,
    /// A log ended cleanly, and its life went on.
    GoesOnAfterClose,
    /// A log ended by a crash, and its life went on.
    GoesOnAfterCrash,
    /// A new life, for the disk was empty.
    NewLifeEmpty,
    /// A new life, for the log was torn.
    NewLifeTorn,
    /// A new life, for the log was damaged.
    NewLifeDamaged,
    /// A new life, for the log was restored from a snapshot.
    NewLifeRestored,
    /// A new life, for the token was missing: a copy.
    NewLifeTokenMissing,
    /// A new life, for the tokens differed.
    NewLifeTokenDiffers,
    /// A new life, for the last one had not written.
    NewLifeUnused,
    /// Records were lost by damage, and the replica went on without them.
    RecordsLost,
    /// A write landed elsewhere on its disk.
    Misdirected,
    /// A bit flipped, on a disk or on the way.
    BitFlipped,
    /// A disk was damaged and nothing that counts was lost.
    HarmlessDamage,
    /// Memory failed, and a scrub found it.
    ScrubFound,
    /// A write over what was damaged in memory was refused.
    QuarantineRefused,
    /// What was damaged in memory came back from a peer.
    AuditMended,
    /// What was damaged in memory came back from the log, for no peer had it.
    LogMended,
    /// A disk was lost.
    DiskLost,
    /// A snapshot was restored.
    Restored,
    /// A disk was copied, and both went on.
    Cloned,
    /// A session ended because its bytes had been damaged.
    CorruptSession,
    /// A session ended for the silence of its peer.
    SilentSession,
    /// A session ended because the storage of one side failed.
    StorageEndedSession,
    /// A connection broke.
    Cut,
    /// A connection broke in the middle of a catch-up in rounds.
    RoundInterrupted,
    /// Some could not talk to the others.
    Parted,
    /// Somebody could not talk to anybody.
    Isolated,
    /// A connection carried bytes in one direction only.
    OneWay,
    /// Two sides compared listings.
    Compared,
    /// One side sent a sketch of what it has.
    Sketched,
    /// A sketch told which cells differ.
    SketchRead,
    /// Two sides were proved equal by a session.
    ProvedEqual,
    /// A pushed delta waited for its base.
    Held,
    /// A pushed delta did not wait any longer, for there was no room or its time was over.
    HeldDropped,
    /// The keys of removals were found by what they remove.
    KeysFound,
    /// Of removals without keys, some remove what was not here any more.
    KeysUnknown,
    /// A peer connected that had not seen what was collected.
    BelowHorizon,
    /// Something was collected.
    Collected,
    /// All that may be forgotten was, after everything had ended.
    AllForgotten,
    /// A collection waited for somebody.
    CollectionWaits,
    /// A site that is no active member was refused a member-only type.
    GuestRefused,
    /// A member wrote before it had caught up with its admission.
    AdmissionNotReached,
    /// A change of the member list was refused.
    AdmissionRefused,
    /// The member list was changed after the founding.
    MembersChanged,
    /// A life was admitted.
    Admitted,
    /// A life was admitted in the place of a former one.
    AdmittedAgain,
    /// A member retired.
    Retired,
    /// A change of a former member arrived after the news that it was retired.
    LateWrite,
    /// What was left of a life that had ended in the middle of a catch-up was written off.
    WrittenOff,
    /// A member closed itself.
    Closed,
    /// A clock was set to something else.
    ClockSet,
    /// A clock stood earlier after a restart than before it.
    ClockBackOverRestart,
    /// A stamp from too far in the future arrived.
    ClockSuspect,
    /// A machine was away for long.
    Away,
    /// A machine ended a session for what a liar said.
    LieRefused,
    /// A machine heard a liar out and was as before.
    LieHarmless,
    /// A machine took a change from a liar, and nothing of the lies around it.
    LieBesideTruth,
    /// A machine gave up its id, because a liar claimed to know more of it.
    LieCostsId,
}

/// How often each mark was reached.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Marks([u64; Mark::ALL.len()]);

impl Marks {
    /// How often this mark was reached.
    pub const fn of(&self, mark: Mark) -> u64 {
        self.0[mark as usize]
    }

    pub(super) const fn reach(&mut self, mark: Mark) {
        self.0[mark as usize] += 1;
    }
}

impl Default for Marks {
    fn default() -> Self {
        Self([0; Mark::ALL.len()])
    }
}

impl AddAssign for Marks {
    fn add_assign(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, more)| *sum += more);
    }
}

impl fmt::Debug for Marks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(Mark::ALL.iter().map(|mark| (mark, self.of(*mark)))).finish()
    }
}
