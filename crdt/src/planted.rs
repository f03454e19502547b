//! Planted bugs: the tempting simplifications, one line each, so that the tests can prove they would
//! notice.
//!
//! Without the feature `planted` every question is constant false and costs nothing. With it, one bug
//! can be switched on per thread at run time; the suite must go red for each.

/// A simplification that loses data or diverges.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Bug {
    /// Of two concurrent removals only the greater dot is kept.
    OneRemovalPerCell,
    /// A delta of a range raises the context of every key.
    PartialDeltaAdvancesWholeContext,
    /// One missing prefix is forgiven when a delta is applied.
    GapAccepted,
    /// The receiver trusts the sender's memory of what it has.
    BaseUnchecked,
    /// Concurrent values are reduced to the last by clock.
    DropLastWriterWinsLosers,
    /// Of what a maximum register receives only the greatest value stays, and no dot says so.
    MaximumFoldedByValue,
    /// A slot counts in full, whatever a reset has seen of it.
    PlainCounterSlots,
    /// Of concurrent values with one stamp the one that came first stays, and the other is dropped.
    EqualStampsKeepFirst,
    /// A range tombstone is not accompanied by resets of the counters below it.
    RangeTombstoneWithoutResets,
    /// A range tombstone works beyond the segments whose context has its dot.
    RangeTombstoneUnclipped,
    /// One range tombstone for several segments, with the greatest of their contexts.
    RangeTombstoneSpansSegmentsByMaximum,
    /// One range tombstone for several segments, with the least of their contexts.
    RangeTombstoneSpansSegmentsByMinimum,
    /// A range tombstone removes the resets it has seen.
    RangeTombstoneRemovesResets,
    /// A reset names only the slots it sees and forgets older records.
    ResetForgetsOlderRecords,
    /// A writer starts its new epoch although part of its slot was not reset.
    RemainderIntoNewEpoch,
    /// A slot that was reset as a whole stays until collection.
    ResetSlotsKept,
    /// A write of the value that is already there makes no dot.
    EqualWriteSkipped,
    /// A write to a maximum register supersedes a greater value that it saw.
    MaximumGoesBack,
    /// A delta ends inside a transaction.
    TransactionCutInTwo,
    /// A receiver hydrates only while its own pass runs.
    HydratingJudgedByOwnPass,
    /// A range tombstone covers only the replicas whose dots are still alive in its range.
    RangeTombstoneSeesLiveReplicasOnly,
    /// All changes of a transaction share its dot.
    OneDotPerTransaction,
    /// The context grows before the cells of a delta are joined, not after.
    ContextGrowsFirst,
    /// The context of a sender takes the place of the receiver's own.
    ContextReplaced,
    /// A commit is in the context of the segment of its first key only.
    CommitInOneSegment,
    /// A resolution supersedes what arrived after its author had looked, too.
    ResolutionSupersedesEverything,
    /// A tombstone goes when every member has acknowledged it, also where it beats concurrent writes.
    TombstoneDroppedWhenAllAcknowledged,
    /// A receiver does not take over the horizon of a delta.
    HorizonNotInherited,
    /// What a listing does not name is removed, whether its sender has seen it or not.
    ListingRemovesUnseen,
    /// Nothing is forgotten, whoever has acknowledged it.
    RemovalsKept,
    /// A reset goes although its owners may still write, or have written, without having seen it.
    ResetCollectedWithoutItsOwner,
    /// Members of whom nothing was heard are not waited for.
    StabilityOfThoseHeardOnly,
    /// Types in which a removal beats a concurrent write are written by, and taken from, everybody.
    MemberOnlyWrittenByGuest,
    /// A replica that was restored writes under the id of a life that its backup tells of.
    RestoreKeepsId,
    /// An entry under a dot that is known takes the place of what stands there.
    KnownDotsReplaced,
    /// Scrubbing takes damage for what is right.
    DamageTrusted,
    /// What lies in quarantine is sent like everything else.
    QuarantineTold,
    /// Who knows of damage here compares before it is mended, and the peer doubts itself.
    DamageCompared,
    /// A repair takes what the other side does not hold for removed.
    AuditRemovesWhatIsMissing,
    /// A repair writes what was lost again, under a new dot.
    RepairUnderNewDot,
    /// A repair keeps what both sides hold.
    RepairByIntersection,
    /// A repair is applied although one side has seen more since the other spoke.
    RepairAfterContextsMoved,
    /// A fingerprint is over values without the time at which they were written.
    FingerprintWithoutStamp,
    /// A fingerprint is over what remains of counters, whichever epoch it is of.
    FingerprintWithoutEpoch,
    /// A stamp from the far future moves the clock of whoever sees it.
    ClockFollowsAnyStamp,
    /// The subtree of a path is everything whose bytes begin like those of the path.
    SubtreeByBytes,
    /// What a resolver makes of concurrent values is written in their place.
    ResolutionStored,
    /// Replicas are numbered on the wire in the order in which a hash table has them.
    HashOrderOnWire,
    /// Room is made for as many components as a version vector says it has, before that is checked.
    ReservedBeforeChecked,
    /// However much waits for its base already, a push waits, too.
    PushesHeldWithoutBound,
    /// Whoever wants to write begins to, however many lives there are.
    LivesUnbounded,
    /// An append completes although the disk was not asked to make it durable.
    AcknowledgedBeforeSync,
    /// Recovery takes the last bytes as a record, whether they check out or not.
    TornTailAccepted,
    /// After a crash the last reserved block is handed out again, as if nothing of it had been used.
    SeqReusedAfterCrash,
    /// The token of the log is not compared with the one kept outside.
    CloneAccepted,
    /// A sketch is read although not everything has come out of it.
    SketchHalfRead,
    /// A session that begins again does not ask for what the last one has asked for.
    QuestionNotRepeated,
    /// No further peer is asked while what another one has comes in rounds.
    OnePeerAtATime,
    /// What is written off is said to have been seen, and nobody is told that it is not here.
    WrittenOffUnderNoHorizon,
    /// A cell is taken to be where it was before other cells of the same delta came.
    GuessTrusted,
    /// A removal without a key whose cell is not to be found is passed over.
    UnknownRemovalSkipped,
}

impl Bug {
    /// Planted bugs that show only where removals are collected.
    pub const COLLECTION: [Self; 4] = [
        Self::TombstoneDroppedWhenAllAcknowledged,
        Self::HorizonNotInherited,
        Self::ListingRemovesUnseen,
        Self::ResetCollectedWithoutItsOwner,
    ];

    /// Every other planted bug of this crate.
    pub const ALL: [Self; 27] = [
        Self::OneRemovalPerCell,
        Self::PartialDeltaAdvancesWholeContext,
        Self::GapAccepted,
        Self::BaseUnchecked,
        Self::DropLastWriterWinsLosers,
        Self::MaximumFoldedByValue,
        Self::EqualStampsKeepFirst,
        Self::PlainCounterSlots,
        Self::RangeTombstoneWithoutResets,
        Self::RangeTombstoneUnclipped,
        Self::RangeTombstoneSpansSegmentsByMaximum,
        Self::RangeTombstoneSpansSegmentsByMinimum,
        Self::RangeTombstoneRemovesResets,
        Self::ResetForgetsOlderRecords,
        Self::RemainderIntoNewEpoch,
        Self::ResetSlotsKept,
        Self::EqualWriteSkipped,
        Self::MaximumGoesBack,
        Self::TransactionCutInTwo,
        Self::HydratingJudgedByOwnPass,
        Self::RangeTombstoneSeesLiveReplicasOnly,
        Self::OneDotPerTransaction,
        Self::ContextGrowsFirst,
        Self::ContextReplaced,
        Self::CommitInOneSegment,
        Self::ResolutionSupersedesEverything,
        Self::GuessTrusted,
    ];

    /// The planted bugs that need whole replicas to be noticed: members, backups, liars, failing memory,
    /// bounds, and documents large enough for a sketch.
    pub const REPLICA: [Self; 10] = [
        Self::StabilityOfThoseHeardOnly,
        Self::MemberOnlyWrittenByGuest,
        Self::RemovalsKept,
        Self::PushesHeldWithoutBound,
        Self::RestoreKeepsId,
        Self::KnownDotsReplaced,
        Self::DamageTrusted,
        Self::QuarantineTold,
        Self::DamageCompared,
        Self::SketchHalfRead,
    ];

    /// The planted bugs that show only where an audit finds damage.
    pub const REPAIR: [Self; 4] = [
        Self::AuditRemovesWhatIsMissing,
        Self::RepairUnderNewDot,
        Self::RepairByIntersection,
        Self::RepairAfterContextsMoved,
    ];

    /// The planted bugs that show only where one field of an entry is damaged.
    pub const FINGERPRINT: [Self; 2] =
        [Self::FingerprintWithoutStamp, Self::FingerprintWithoutEpoch];

    /// The planted bugs of what a document adds to its cells: clock, paths and resolvers.
    pub const DOCUMENT: [Self; 3] =
        [Self::ClockFollowsAnyStamp, Self::SubtreeByBytes, Self::ResolutionStored];

    /// The planted bugs of the byte form, where two equal states are not told alike.
    pub const WIRE: [Self; 1] = [Self::HashOrderOnWire];

    /// The planted bugs that show only where memory is counted.
    pub const MEMORY: [Self; 1] = [Self::ReservedBeforeChecked];

    /// The planted bugs that show only where more lives write than a context can name.
    pub const LIVES: [Self; 1] = [Self::LivesUnbounded];

    /// The planted bugs that show only where removals travel without their keys.
    pub const KEYS: [Self; 1] = [Self::UnknownRemovalSkipped];

    /// The planted bugs that show only where somebody has what others have written off.
    pub const WRITE_OFF: [Self; 1] = [Self::WrittenOffUnderNoHorizon];

    /// The planted bugs of the log, which lose what was acknowledged or give one dot two meanings.
    pub const STORAGE: [Self; 4] = [
        Self::AcknowledgedBeforeSync,
        Self::TornTailAccepted,
        Self::SeqReusedAfterCrash,
        Self::CloneAccepted,
    ];

    /// The planted bugs of sessions, where connections break or are slow.
    pub const SESSION: [Self; 2] = [Self::QuestionNotRepeated, Self::OnePeerAtATime];
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

/// Whether any bug is switched on: invariants are not asserted then, the oracle has to notice.
#[cfg(feature = "planted")]
pub fn any_planted() -> bool {
    CURRENT.get().is_some()
}

/// Whether `bug` is switched on.
#[cfg(not(feature = "planted"))]
pub const fn planted(_: Bug) -> bool {
    false
}

/// Whether any bug is switched on.
#[cfg(not(feature = "planted"))]
pub const fn any_planted() -> bool {
    false
}
