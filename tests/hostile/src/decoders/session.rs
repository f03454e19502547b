//! A whole session that listens to a hostile peer: frames, messages, contexts and deltas.

use fastrand::Rng;
use rejoin_crdt::{KeyRange, Limits};
use rejoin_sync::document::Store;
use rejoin_sync::{ClusterId, Config, Output, Session};

use super::{FRAME_FACTOR, STAGED_FACTOR, ensure};
use crate::lane::{Decoder, Lane};
use crate::mutation::Mutator;
use crate::state::{RECEIVER, REPLICAS, World};

/// What a session needs by itself: its own hello, a ping, the answer to a pull of the small store.
const SESSION_BYTES: usize = 96 << 10;

/// The bytes before the first frame of a stream.
const PROLOGUE_BYTES: usize = 5;

/// `Session::handle_bytes`, with a store that applies what the session lets through.
#[derive(Debug)]
pub struct Sessions {
    store: Store,
}

/// A session after the bytes, and the store that it spoke for.
#[derive(Debug)]
pub struct Listened {
    session: Session,
    store: Store,
    applied: bool,
}

impl Sessions {
    /// The decoder and its lane, whose valid inputs are what honest peers would say.
    ///
    /// # Errors
    /// When the valid inputs cannot be made.
    pub fn new() -> Result<(Self, Lane), String> {
        let world = World::build()?;
        let decoder = Self { store: world.receiver.store().clone() };
        let mut seeds = Vec::new();
        for (writer, id) in world.writers.iter().zip(REPLICAS) {
            for checksum in [false, true] {
                let peer = Config { replica: Some(id), checksum, ..config(Limits::default()) };
                seeds.push(decoder.said_by(writer.store(), peer)?);
            }
        }
        Ok((decoder, Lane::new(seeds)))
    }

    /// What an honest peer with this store says to the own one.
    fn said_by(&self, theirs: &Store, peer: Config) -> Result<Vec<u8>, String> {
        let mut own = self.store.clone();
        let mut here = Session::new(config(Limits::default()), &own, 0);
        let mut there = Session::new(peer, theirs, 0);
        let mut said = Vec::new();
        for now_ms in [0, 10, 2_000, 61_000] {
            while let Some(output) = there.poll_output() {
                if let Output::Send(bytes) = output {
                    said.extend_from_slice(&bytes);
                    here.handle_bytes(&bytes, &own, now_ms).map_err(|error| error.to_string())?;
                }
                let sent = drive(&mut here, &mut own, now_ms)?.0;
                // What comes from here does not fit the store over there: a writer applies nothing.
                let _ = there.handle_bytes(&sent, theirs, now_ms);
            }
            here.handle_timeout(&own, now_ms);
            there.handle_timeout(theirs, now_ms);
        }
        Ok(said)
    }
}

fn config(limits: Limits) -> Config {
    let cluster = ClusterId([7; 16]);
    Config { replica: Some(RECEIVER), checksum: false, limits, ..Config::new(cluster) }
}

/// Applies what the session asks for; returns what it sent, and whether it applied anything.
fn drive(session: &mut Session, store: &mut Store, now_ms: u64) -> Result<(Vec<u8>, bool), String> {
    let (mut sent, mut applied) = (Vec::new(), false);
    while let Some(output) = session.poll_output() {
        match output {
            Output::Send(bytes) => sent.extend_from_slice(&bytes),
            Output::Apply(delta) => match store.join(delta, Some(RECEIVER)) {
                Ok(_) => {
                    applied = true;
                    session.delta_applied(store, now_ms);
                }
                Err(error) => session.delta_refused(error.into(), store, now_ms),
            },
            _ => {}
        }
    }
    Ok((sent, applied))
}

fn tight_limits(len: usize) -> Limits {
    let delta_bytes = (FRAME_FACTOR * len + SESSION_BYTES).div_ceil(STAGED_FACTOR);
    Limits { delta_bytes, ..Limits::default() }
}

impl Decoder for Sessions {
    type Output = Listened;

    fn name(&self) -> &'static str {
        "session"
    }

    fn decode(&mut self, bytes: &[u8]) -> Option<Self::Output> {
        let mut store = self.store.clone();
        let mut session = Session::new(config(tight_limits(bytes.len())), &store, 0);
        let mut applied = false;
        // In two portions, so that a frame may be cut.
        let (head, tail) = bytes.split_at(bytes.len() / 2);
        for portion in [head, tail] {
            session.handle_bytes(portion, &store, 1).ok()?;
            applied |= drive(&mut session, &mut store, 1).ok()?.1;
        }
        Some(Listened { session, store, applied })
    }

    fn check(&mut self, _: &[u8], listened: Self::Output) -> Result<&'static str, String> {
        let Listened { mut session, mut store, applied } = listened;
        store.verify(Some(RECEIVER)).map_err(|violation| format!("invariant: {violation}"))?;
        for now_ms in [40, 1_000, 70_000, 700_000] {
            session.handle_timeout(&store, now_ms);
            drive(&mut session, &mut store, now_ms)?;
        }
        let status = session.status(&store);
        std::hint::black_box((status, session.remember(), session.poll_deadline()));
        let full = KeyRange::full();
        let same = store.view().fingerprint(&full) == self.store.view().fingerprint(&full);
        ensure(same || applied, "unasked: the store changed without a delta")?;
        Ok(if applied { "applied" } else { "listened to" })
    }

    /// Frames that are whole, with other contents or in another order.
    fn lie(&mut self, bytes: &[u8], other: &[u8], random: &mut Rng) -> Option<Vec<u8>> {
        let (prologue, stream) = bytes.split_at_checked(PROLOGUE_BYTES)?;
        let has_checksums = prologue.last() != Some(&0);
        let mut frames = frames_of(stream, if has_checksums { 4 } else { 0 })?;
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
        let mut lie = b"RJN\x01\x00".to_vec();
        for (kind, body) in frames {
            lie.push(kind);
            put_varint(&mut lie, body.len());
            lie.extend_from_slice(&body);
        }
        Some(lie)
    }

    fn allowance_bytes(&self, len: usize) -> usize {
        // The stream is buffered once as bytes, once as a frame, once as a message.
        STAGED_FACTOR * tight_limits(len).delta_bytes + 4 * len + SESSION_BYTES
    }
}

/// The type and body of each frame.
fn frames_of(mut stream: &[u8], checksum_bytes: usize) -> Option<Vec<(u8, Vec<u8>)>> {
    let mut frames = Vec::new();
    while let Some((kind, rest)) = stream.split_first() {
        let header = rest.iter().position(|byte| byte & 0x80 == 0)? + 1;
        let digits = rest.get(..header)?.iter().rev();
        let len = digits.fold(0, |len, byte| (len << 7) | usize::from(byte & 0x7f));
        frames.push((*kind, rest.get(header..header + len)?.to_vec()));
        stream = rest.get(header + len + checksum_bytes..)?;
    }
    Some(frames)
}

fn put_varint(out: &mut Vec<u8>, mut number: usize) {
    while number > 0x7f {
        out.extend(u8::try_from(number & 0x7f).map(|low| low | 0x80));
        number >>= 7;
    }
    out.extend(u8::try_from(number));
}
