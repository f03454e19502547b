//! What a session asks of contexts beside comparing and joining them.
//!
//! All of it works segment by segment, so that it is exact for hydrating replicas too.

use rejoin_crdt::{ReplicaId, Seq, VersionVector};

use crate::document::{Context, Delta, Key, KeyRange};

/// Whether `own` is ready for `delta`: every base is covered on its range.
pub(crate) fn covers_base(own: &Context, delta: &Delta) -> bool {
    delta.parts.iter().all(|part| own.covers(&part.range, &part.base))
}

/// Whether `own` has incorporated all of `delta` already.
pub(crate) fn covers_reach(own: &Context, delta: &Delta) -> bool {
    delta.parts.iter().all(|part| own.covers(&part.range, &part.upto))
}

/// `context` with the component of `replica` cut to `seq` for every key.
pub(crate) fn lowered(context: &Context, replica: ReplicaId, seq: Seq) -> Context {
    let lower = |vector: &VersionVector| {
        vector
            .iter()
            .map(|(id, own)| (id, if id == replica { own.min(seq) } else { own }))
            .collect()
    };
    let full = KeyRange::full();
    let segments = context.segments_in(&full).map(|(range, vector)| (range.start, lower(vector)));
    from_segments(segments.collect())
}

/// The last change of `replica` that is incorporated for any key.
pub(crate) fn greatest_seq(context: &Context, replica: ReplicaId) -> Seq {
    context.segments_in(&KeyRange::full()).map(|(_, vector)| vector.seq(replica)).max().unwrap_or(0)
}

/// How many changes `ahead` has that `behind` lacks on some key.
pub(crate) fn dots_ahead(ahead: &Context, behind: &Context) -> u64 {
    let (top, floor) = (ceiling(ahead), behind.floor());
    // What a peer claims may be anything.
    top.ahead_of(&floor).fold(0, |sum, a| sum.saturating_add(a.upto - a.after))
}

/// What has been incorporated for some key.
fn ceiling(context: &Context) -> VersionVector {
    let mut top = VersionVector::new();
    context.segments_in(&KeyRange::full()).for_each(|(_, vector)| top.join(vector));
    top
}

/// The context of sorted segments of which neighbours may be equal.
fn from_segments(mut segments: Vec<(Option<Key>, VersionVector)>) -> Context {
    segments.dedup_by(|next, kept| next.1 == kept.1);
    // The callers start before every key and keep the order; a context that promises nothing is the
    // safe answer if they ever did not.
    Context::from_segments(segments).unwrap_or_default()
}
