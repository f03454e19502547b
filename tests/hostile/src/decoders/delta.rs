//! Deltas, all the way: decoded, validated, joined by a store with content, read, written on top of,
//! and sent on.

use fastrand::Rng;
use rejoin_crdt::document::Document;
use rejoin_crdt::path::Key;
use rejoin_crdt::value::Value;
use rejoin_crdt::{
    AuthorisedDelta, Authority, Context, Delta, Fingerprint, KeyRange, Limits, Store, wire,
};

use super::vector::has_unknown_elements;
use super::{Bound, ensure};
use crate::lane::{Decoder, Lane};
use crate::lie::lie;
use crate::seeds;
use crate::state::{NOW_MS, RECEIVER, World, nothing, pull, pull_range, transact};

/// One in so many joined deltas is joined by a whole document, which is then read and written.
const DOCUMENT_ONE_IN: u64 = 4;

/// `wire::decode_delta`, `Delta::validate` and `Store::join`.
#[derive(Debug)]
pub struct Deltas {
    world: World,
    /// Stores with content, each with its state: one that is complete and one that is catching up.
    stores: [(Store<Key, Value>, State); 2],
    bound: Bound,
    joined: u64,
}

/// What two stores must agree on to be the same to every peer.
type State = (Fingerprint, Context<Key>);

impl Deltas {
    /// The decoder and its lane.
    ///
    /// # Errors
    /// When the valid inputs cannot be made.
    pub fn new() -> Result<(Self, Lane), String> {
        let world = World::build()?;
        let lane = Lane::new(seeds::deltas(&world)?);
        let [writer, ..] = &world.writers;
        let mut hydrating = world.receiver_again()?;
        pull_range(&mut hydrating, writer, &seeds::shop())?;
        let stores = [&world.receiver, &hydrating].map(|document| {
            let store = document.store().clone();
            let state = state_of(&store);
            (store, state)
        });
        Ok((Self { world, stores, bound: Bound::default(), joined: 0 }, lane))
    }

    fn join(&mut self, delta: AuthorisedDelta<Key, Value>) -> Result<&'static str, String> {
        let [complete, hydrating] = &self.stores;
        join_store(hydrating, delta.clone())?;
        let stage = join_store(complete, delta.clone())?;
        if stage == "joined" {
            self.joined += 1;
            if self.joined.is_multiple_of(DOCUMENT_ONE_IN) {
                self.join_document(delta)?;
            }
        }
        Ok(stage)
    }

    /// Joins the delta into an honest document, reads everything, writes, and passes all of it on.
    fn join_document(&self, delta: AuthorisedDelta<Key, Value>) -> Result<(), String> {
        let mut document = self.world.receiver_again()?;
        if document.join(delta, Some(RECEIVER), NOW_MS).is_err() {
            return Ok(());
        }
        read_everything(&document);
        let hlc = document.tick(NOW_MS);
        ensure(!hlc.is_suspect(NOW_MS), "clock: a hostile stamp moved the clock")?;
        transact(&mut document, RECEIVER, 20, |tx| {
            tx.register("of the receiver").set(2)?;
            tx.counter(("shop", "visits")).reset()?;
            tx.set(("shop", "tags")).add("again")?;
            Ok(())
        })
        .map_err(|error| format!("write: {error}"))?;
        if !document.store().horizon().is_empty() {
            return Ok(());
        }
        let mut newcomer = Document::default();
        pull(&mut newcomer, &document).map_err(|error| format!("passed on: {error}"))?;
        let same = state_of(newcomer.store()) == state_of(document.store());
        ensure(same, "convergence: a newcomer has another state")
    }
}

impl Decoder for Deltas {
    type Output = Delta<Key, Value>;

    fn name(&self) -> &'static str {
        "delta"
    }

    fn decode(&mut self, bytes: &[u8]) -> Option<Self::Output> {
        self.bound.decode(bytes, wire::decode_delta)
    }

    fn check(&mut self, bytes: &[u8], delta: Self::Output) -> Result<&'static str, String> {
        let same = wire::encode_delta(&delta) == bytes;
        ensure(same || has_unknown_elements(bytes, 4), "canonical: not the bytes decoded")?;
        let Ok(valid) = delta.validate(&Limits::default()) else { return Ok("not valid") };
        match valid.authorise(&Authority::Full) {
            Ok(delta) => self.join(delta),
            Err(error) => Err(format!("authority: {error}")),
        }
    }

    fn lie(&mut self, bytes: &[u8], other: &[u8], random: &mut Rng) -> Option<Vec<u8>> {
        let mut delta = wire::decode_delta(bytes, &Limits::default()).ok()?;
        let other = wire::decode_delta(other, &Limits::default()).ok()?;
        lie(&mut delta, &other, random);
        Some(wire::encode_delta(&delta))
    }

    fn allowance_bytes(&self, len: usize) -> usize {
        self.bound.allowance_bytes(len)
    }
}

/// Joins the delta into a copy of a store, which must stay as it is or become something consistent.
fn join_store(
    (store, before): &(Store<Key, Value>, State),
    delta: AuthorisedDelta<Key, Value>,
) -> Result<&'static str, String> {
    let mut store = store.clone();
    let result = store.join(delta, Some(RECEIVER));
    let after = state_of(&store);
    let Ok(commit) = result else {
        ensure(after == *before, "atomic: a refused delta changed the state")?;
        return Ok("refused by the store");
    };
    store.verify(Some(RECEIVER)).map_err(|violation| format!("invariant: {violation}"))?;
    let uniform = store.view().context().uniform();
    let covered = uniform.is_none_or(|context| context.covers(store.horizon()));
    ensure(covered, "horizon: above what has been incorporated")?;
    let changed = after != *before || !commit.is_empty();
    Ok(if changed { "joined" } else { "joined without effect" })
}

fn state_of(store: &Store<Key, Value>) -> State {
    (store.view().fingerprint(&KeyRange::full()), store.view().context().clone())
}

/// Every cell, by every type that can be asked for at its path.
fn read_everything(document: &Document) {
    let view = document.view();
    drop(format!("{:?}", view.conflicts(()).collect::<Vec<_>>()));
    for (key, _) in view.cells().range(&KeyRange::full()) {
        let path = key.path();
        let any = view.get(&path).map(|(_, reading)| reading.to_item());
        let register = view.register(&path).siblings().len();
        let counter = view.counter(&path).value();
        let bounded = (view.bounded(&path).value(), view.bounded(&path).rights(RECEIVER));
        let set: Vec<_> = view.set(&path).iter().collect();
        std::hint::black_box((any, register, counter, bounded, set));
    }
    std::hint::black_box(document.changes_since(&nothing()));
}
