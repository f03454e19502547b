//! A whole session that listens to a hostile peer: frames, messages, contexts and deltas.

use std::collections::{BTreeMap, VecDeque};

use fastrand::Rng;
use rejoin_crdt::{KeyRange, Limits};
use rejoin_sync::document::Store;
use rejoin_sync::{Kind, SessionError};

use super::{FRAME_FACTOR, STAGED_FACTOR, ensure};
use crate::lane::{Decoder, Lane};
use crate::listener::Listener;
use crate::mutation::Mutator;
use crate::scene::{Peer, Scene, Side};
use crate::stream::{Frames, stream};

/// What a session needs by itself: its own hello, a ping, the answer to a pull of the small store.
const SESSION_BYTES: usize = 96 << 10;

/// What a small cell takes while its store is copied, compared and told.
const CELL_BYTES: usize = 512;

/// The time of everything that is heard.
const NOW_MS: u64 = 1;

/// `Session::handle_bytes`, with a store that applies what the session lets through.
#[derive(Debug)]
pub struct Sessions {
    scene: Scene,
    own: Side,
    /// How many accepted inputs had a message of each kind.
    heard: BTreeMap<Kind, u64>,
}

/// A session after the bytes, and the store that it spoke for.
#[derive(Debug)]
pub struct Listened(Listener);

impl Sessions {
    /// The decoder and its lane, whose valid inputs are what honest peers would say in this scene.
    ///
    /// # Errors
    /// When the valid inputs cannot be made.
    pub fn new(scene: Scene) -> Result<(Self, Lane), String> {
        let (own, peers) = scene.cast()?;
        let decoder = Self { scene, own, heard: BTreeMap::new() };
        let seeds = peers.iter().map(|peer| decoder.said_by(peer)).collect::<Result<_, _>>()?;
        let mut lane = Lane::new(seeds);
        lane.mutations /= scene.share();
        Ok((decoder, lane))
    }

    /// Of how many accepted inputs a message of this kind was a part.
    pub fn heard(&self, kind: Kind) -> u64 {
        self.heard.get(&kind).copied().unwrap_or_default()
    }

    /// What an honest peer says to the own side.
    fn said_by(&self, peer: &Peer) -> Result<Vec<u8>, String> {
        let mut here = self.own.listener(Limits::default());
        let mut there = peer.side.listener(Limits::default());
        let mut said = Vec::new();
        for (now_ms, act) in &peer.acts {
            act(&mut there, *now_ms)?;
            let mut frames = VecDeque::from(there.work(*now_ms));
            while let Some(frame) = frames.pop_front() {
                said.extend_from_slice(&frame);
                hear(&mut here, &frame, NOW_MS).map_err(|error| error.to_string())?;
                for answer in here.work(NOW_MS) {
                    hear(&mut there, &answer, *now_ms).map_err(|error| error.to_string())?;
                    frames.extend(there.work(*now_ms));
                }
            }
        }
        Ok(said)
    }
}

/// Hears bytes. What ends a session in good order, or by the peer's wish, is no error.
fn hear(listener: &mut Listener, bytes: &[u8], now_ms: u64) -> Result<(), SessionError> {
    match listener.session.handle_bytes(bytes, &listener.store, now_ms) {
        Err(SessionError::ByPeer { .. } | SessionError::Ended) => Ok(()),
        result => result,
    }
}

impl Decoder for Sessions {
    type Output = Listened;

    fn name(&self) -> &'static str {
        self.scene.name()
    }

    fn decode(&mut self, bytes: &[u8]) -> Option<Self::Output> {
        let mut listener = self.own.listener(tight_limits(bytes.len()));
        let mut heard = 0;
        let frames = Frames::of(bytes).into_iter().flatten();
        let ends = frames.map(|(_, _, after)| bytes.len() - after).chain([bytes.len()]);
        for end in ends {
            // A stream arrives frame by frame, and one of them in two portions.
            for end in [(bytes.len() / 2).clamp(heard, end), end] {
                hear(&mut listener, bytes.get(heard..end)?, NOW_MS).ok()?;
                listener.work(NOW_MS);
                heard = end;
            }
        }
        Some(Listened(listener))
    }

    fn check(&mut self, _: &[u8], listened: Self::Output) -> Result<&'static str, String> {
        let Listened(mut listener) = listened;
        if listener.has_applied {
            let verified = listener.store.verify(self.own.config.replica);
            verified.map_err(|violation| format!("invariant: {violation}"))?;
        }
        for now_ms in [40, 1_000, 70_000, 700_000] {
            listener.session.handle_timeout(&listener.store, now_ms);
            listener.work(now_ms);
        }
        let Listener { session, store, has_applied, .. } = listener;
        let status = session.status(&store);
        for kind in Kind::ALL.into_iter().filter(|kind| status.received.of(*kind) > 0) {
            *self.heard.entry(kind).or_default() += 1;
        }
        std::hint::black_box((session.remember(), session.poll_deadline()));
        ensure(has_applied || is_same(&store, &self.own.store), "unasked: the store changed")?;
        Ok(if has_applied { "applied" } else { "listened to" })
    }

    /// Frames that are whole, with other contents or in another order.
    fn lie(&mut self, bytes: &[u8], other: &[u8], random: &mut Rng) -> Option<Vec<u8>> {
        let frames = Frames::of(bytes)?.map(|(kind, body, _)| (kind, body.to_vec()));
        let mut frames: Vec<_> = frames.collect();
        let mut mutator = Mutator::new(random.u64(..));
        for _ in 0..random.usize(1..=2) {
            let at = random.usize(0..frames.len().max(1));
            match (random.u8(0..8), frames.get_mut(at)) {
                (0, Some(frame)) => frame.0 = random.u8(..),
                (1, Some(frame)) => {
                    let again = frame.clone();
                    frames.insert(random.usize(0..=frames.len()), again);
                }
                (2, Some(_)) => drop(frames.remove(at)),
                (_, Some(frame)) => mutator.mutate(&mut frame.1, other),
                (_, None) => {}
            }
        }
        Some(stream(frames))
    }

    fn allowance_bytes(&self, len: usize) -> usize {
        // The stream is buffered once as bytes, once as a frame, once as a message.
        let heard = STAGED_FACTOR * tight_limits(len).delta_bytes + 4 * len;
        heard + SESSION_BYTES + CELL_BYTES * self.own.store.view().cell_count()
    }
}

fn tight_limits(len: usize) -> Limits {
    let delta_bytes = (FRAME_FACTOR * len + SESSION_BYTES).div_ceil(STAGED_FACTOR);
    Limits { delta_bytes, ..Limits::default() }
}

fn is_same(store: &Store, before: &Store) -> bool {
    let full = KeyRange::full();
    store.view().fingerprint(&full) == before.view().fingerprint(&full)
}
