//! A small world of replicas with everything a document can hold, to take valid deltas from.

use rejoin_crdt::document::{Document, Tx, WriteError};
use rejoin_crdt::path::Key;
use rejoin_crdt::value::Value;
use rejoin_crdt::{AuthorisedDelta, Authority, Context, Delta, Hlc, KeyRange, Limits, ReplicaId};

/// The replicas of the world. The last one receives and writes nothing that the others have seen.
pub(crate) const REPLICAS: [ReplicaId; 4] = [
    ReplicaId::from_bytes(*b"replica-A-------"),
    ReplicaId::from_bytes(*b"replica-B-------"),
    ReplicaId::from_bytes(*b"replica-C-------"),
    RECEIVER,
];

/// The replica that gets the hostile deltas.
pub(crate) const RECEIVER: ReplicaId = ReplicaId::from_bytes(*b"the-receiver----");

/// A replica that has read everything and written nothing before.
pub(crate) const NEWCOMER: ReplicaId = ReplicaId::from_bytes(*b"the-newcomer----");

/// The time at which everything happens.
pub(crate) const NOW_MS: u64 = 1_790_000_000_000;

/// Documents that have diverged, and one that is ready for the deltas of all others.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) writers: [Document; 3],
    pub(crate) receiver: Document,
}

/// What building the world may fail with: any error of the engine, as text.
pub(crate) type Built<T> = Result<T, String>;

impl World {
    /// The world, always the same.
    ///
    /// # Errors
    /// When the engine refuses an honest change.
    pub(crate) fn build() -> Built<Self> {
        let mut writers = [Document::default(), Document::default(), Document::default()];
        let mut receiver = Document::default();
        for round in 0..2 {
            for at in 0..writers.len() {
                write(&mut writers, at, round)?;
            }
            exchange(&mut writers)?;
        }
        for writer in &writers {
            pull(&mut receiver, writer)?;
        }
        transact(&mut receiver, RECEIVER, 9, |tx| {
            tx.register("of the receiver").set(1)?;
            tx.counter(("shop", "visits")).add(2)?;
            tx.set(("shop", "tags")).add("receiver")?;
            Ok(())
        })?;
        // From here on the writers change the same things without knowing of each other.
        for (at, round) in [(0, 2), (1, 3), (2, 4), (0, 5), (1, 6)] {
            write(&mut writers, at, round)?;
        }
        let [a, b, _] = &mut writers;
        pull(a, b)?;
        Ok(Self { writers, receiver })
    }

    /// The receiver as it is before anything hostile happens to it.
    ///
    /// # Errors
    /// When the engine refuses an honest delta.
    pub(crate) fn receiver_again(&self) -> Built<Document> {
        let mut again = Document::default();
        pull(&mut again, &self.receiver)?;
        Ok(again)
    }
}

/// A bit of everything, by one writer.
fn write(writers: &mut [Document; 3], at: usize, round: u64) -> Built<()> {
    let (Some(document), Some(own)) = (writers.get_mut(at), REPLICAS.get(at)) else {
        return Ok(());
    };
    let me = u64::try_from(at).unwrap_or_default();
    transact(document, *own, round, |tx| {
        tx.register(("users", me, "name")).set(format!("Ada {round}"))?;
        tx.register(("users", round, "note")).set("n".repeat(30))?;
        tx.mv_register("mood").set(vec![round, me])?;
        tx.max_register("high").set(round * 10)?;
        tx.counter(("shop", "visits")).add(i64::try_from(round).unwrap_or(1) - 2)?;
        tx.set(("shop", "tags")).add(round)?;
        tx.remove_wins_set("left").add(me)?;
        tx.flag("open").enable()?;
        tx.bounded("stock").incr(10)?;
        tx.map(("maps", me))?.create()?;
        Ok(())
    })?;
    transact(document, *own, round, |tx| {
        match round % 4 {
            0 => drop(tx.counter(("shop", "visits")).reset()?),
            1 => drop(tx.delete(("users", me + 1))?),
            2 => drop(tx.remove_wins_set("left").remove(me)?),
            _ => drop(tx.set(("shop", "tags")).remove(round - 1)?),
        }
        tx.disable_wins_flag("muted").enable()?;
        if round.is_multiple_of(2) {
            tx.disable_wins_flag("muted").disable()?;
            let receiver = REPLICAS.iter().find(|id| *id != own).copied().unwrap_or(RECEIVER);
            tx.bounded("stock").transfer(receiver, 2)?;
        }
        tx.lww_delete_register("gone").set(round)?;
        tx.lww_delete_register("gone").delete()?;
        Ok(())
    })
}

/// One transaction of `own`.
///
/// # Errors
/// When the engine refuses it.
pub(crate) fn transact(
    document: &mut Document,
    own: ReplicaId,
    round: u64,
    change: impl FnOnce(&mut Tx<'_>) -> Result<(), WriteError>,
) -> Built<()> {
    let mut tx = document.transaction(own, Hlc::new(NOW_MS + round, 0));
    change(&mut tx).map_err(|error| error.to_string())?;
    let staged = tx.finish().map_err(|error| error.to_string())?;
    document.commit(staged).map_err(|error| error.to_string())?;
    Ok(())
}

fn exchange(writers: &mut [Document; 3]) -> Built<()> {
    let [a, b, c] = writers;
    pull(b, a)?;
    pull(c, b)?;
    pull(a, c)?;
    pull(b, a)
}

/// Brings everything of `from` to `to`.
///
/// # Errors
/// When the engine refuses an honest delta.
pub(crate) fn pull(to: &mut Document, from: &Document) -> Built<()> {
    let base = to.store().view().context().clone();
    let delta = from.store().delta_since(&base);
    join(to, delta)
}

fn join(to: &mut Document, delta: Delta<Key, Value>) -> Built<()> {
    to.join(honest(delta)?, None, NOW_MS).map_err(|error| error.to_string())?;
    Ok(())
}

/// A delta that nobody needs to suspect.
///
/// # Errors
/// When the engine finds it invalid.
pub(crate) fn honest(delta: Delta<Key, Value>) -> Built<AuthorisedDelta<Key, Value>> {
    let valid = delta.validate(&Limits::default()).map_err(|error| error.to_string())?;
    valid.authorise(&Authority::Full).map_err(|error| error.to_string())
}

/// A part of `from`, joined by `to`, whose context then has several segments.
///
/// # Errors
/// When the engine refuses an honest delta.
pub(crate) fn pull_range(to: &mut Document, from: &Document, range: &KeyRange<Key>) -> Built<()> {
    let base = to.store().view().context().clone();
    let delta = from.store().delta_in(&base, range);
    join(to, delta)
}

/// The context of somebody who has seen nothing.
pub(crate) fn nothing() -> Context<Key> {
    Context::default()
}
