//! A peer that lies in well-formed messages.
//!
//! The liar belongs to the cluster and to no machine. It connects to one, says its piece, and is gone. It
//!
//! - *repeats* what somebody said in an earlier session: to whom it was said, to somebody else, or to the
//!   very one who said it;
//! - *boasts* of changes that it does not bring: of lives that nobody has, of the other machines, and of
//!   the machine it talks to;
//! - *forges*: brings a change of its own, and with it other entries under dots that are known, and says
//!   that cells have not changed although they have.
//!
//! What must always hold: its session ends, or it changes nothing but what is true. Whom it talked to finds
//! what it found before; nobody else ever hears of the lie. It may cost an id: who hears of own changes
//! that it never made has to believe that it was copied.
//!
//! Nothing is signed, so some lies cannot be told from the truth, and the oracle has nothing to say of
//! them. They are left out here: entries under dots that are *not* known; changes of others that were
//! made or will be made, told as seen and empty (an audit finds those, see `tests/links`); removals by a
//! cell that is listed without a dot that it holds, or is missing in a complete listing; acknowledgements
//! in the name of members; and other entries in the middle of a repair, which both sides then remember as
//! a fork.

use rejoin::link::{Event, Link, LinkOutput, SessionError};
use rejoin::path::{IntoPath, Key, TypeTag};
use rejoin::value::Value;
use rejoin::{
    Context, Coverage, Delta, DeltaCell, Dot, Entry, Hlc, KeyRange, Limits, Part, Replica,
    ReplicaId, VersionVector, wire,
};
use rejoin_sync::CloseReason;
use rejoin_sync::Kind;

use super::clock::Clock;
use super::wire::config;
use super::{Faults, Mark};
use crate::report::{Failure, Symptom};

/// So long somebody listens who gets no answer: a pull is given up before.
const PATIENCE_MS: u64 = 6_000;

/// The cells that liars write.
const OWN_CELLS: u32 = 2;

/// The longest frame whose length is one byte.
const FRAME_BYTES: usize = 127;

/// The bit of a frame's type that says that its message goes on.
const MORE: u8 = 0x40;

impl Faults {
    /// Somebody lies to a machine.
    pub(super) fn lie(&mut self, at: usize) -> Result<(), Failure> {
        let machine = &self.machines[at];
        let Some(replica) = machine.replica().cloned() else { return Ok(()) };
        if machine.in_trouble || machine.unknown.is_some() || replica.status().suspect {
            return Ok(());
        }
        let piece = match self.rng.u8(..4) {
            0 => self.repeat(at),
            1 => self.boast(at, &replica),
            _ => self.forge(&replica),
        };
        let Some(Piece { bytes, brings }) = piece else { return Ok(()) };
        self.strangers += usize::from(brings.is_some());
        let before = Found::at(&replica);
        let error = self.listen(at, &replica, &bytes)?;
        if replica.identity() != before.identity {
            self.reach(Mark::LieCostsId);
            self.identify(at);
        }
        self.check(at)?;
        let after = Found::at(&replica);
        match (error, brings) {
            (Some(error), _) if !is_silence(&error) => self.reach(Mark::LieRefused),
            (_, Some(dot)) if after.context.floor().contains(dot) => {
                self.reach(Mark::LieBesideTruth);
            }
            _ if after == before => self.reach(Mark::LieHarmless),
            _ => {}
        }
        if brings.is_some() && after.others != before.others {
            let what = "a liar changed what stands under a dot that was known";
            return self.fail(at, Symptom::Lied.says(what));
        }
        self.settle(at)
    }

    /// A machine hears the liar out. Returns why it ended the session, if it did.
    fn listen(
        &mut self,
        at: usize,
        replica: &Replica,
        bytes: &[u8],
    ) -> Result<Option<SessionError>, Failure> {
        let mut now_ms = self.now_ms;
        let until_ms = now_ms + PATIENCE_MS;
        let mut link = Link::with(replica.clone(), config(self.rng.u64(..), 1_000), now_ms);
        link.receive(bytes, now_ms);
        loop {
            while let Some(output) = link.poll(now_ms) {
                match output {
                    LinkOutput::Event(Event::AuditMismatch { .. }) => {
                        let what = "I11: what a liar repeated fits the context and not the state";
                        return self.fail(at, Symptom::Lied.says(what));
                    }
                    LinkOutput::Close(CloseReason::Error(error)) => return Ok(Some(error)),
                    LinkOutput::Close(_) => return Ok(None),
                    _ => {}
                }
            }
            match link.deadline() {
                Some(due_ms) if due_ms <= until_ms => now_ms = now_ms.max(due_ms),
                _ => return Ok(None),
            }
            link.timeout(now_ms);
        }
    }

    /// What somebody said in a session that has ended, to its receiver or to anybody.
    fn repeat(&mut self, at: usize) -> Option<Piece> {
        let is_meant = self.rng.bool();
        let said = self.wires.iter().flat_map(|wire| {
            let ends = wire.said.iter().zip([1, 0]);
            ends.filter(move |(_, to)| !is_meant || wire.machines[*to] == at)
        });
        let said = said.map(|(said, _)| said).filter(|said| !said.is_empty());
        let mut bytes = self.rng.choice(said.collect::<Vec<_>>())?.clone();
        if self.rng.u8(..4) == 0 {
            bytes.truncate(self.rng.usize(..bytes.len()));
        }
        Some(Piece { bytes, brings: None })
    }

    /// A hello that claims more than there is. What would follow on it is never said.
    fn boast(&mut self, at: usize, replica: &Replica) -> Option<Piece> {
        let liar = self.stranger()?;
        let mut seen = replica.context().floor();
        for (other, machine) in self.machines.iter().enumerate() {
            let is_named = self.rng.u8(..if other == at { 3 } else { 2 }) == 0;
            if let Some(life) = machine.life.filter(|_| is_named) {
                seen.advance(life, seen.seq(life) + self.rng.u64(1..1_000));
            }
        }
        seen.advance(ReplicaId::from_u128(self.rng.u128(1..)), self.rng.u64(1..1_000));
        let part = Part {
            range: KeyRange::full(),
            base: VersionVector::new(),
            upto: seen,
            coverage: Coverage::Difference,
            cells: Vec::new(),
            range_tombstones: Vec::new(),
        };
        let horizon = VersionVector::new();
        let claim = Delta::<Key, Value> { parts: vec![part], horizon, fingerprint: None };
        liar.apply(&wire::encode_delta(&claim)).ok()?;
        Some(Piece { bytes: hello(liar, self.rng.u64(..)), brings: None })
    }

    /// A push of what a machine has, with a change that is new, and with lies about the rest.
    fn forge(&mut self, replica: &Replica) -> Option<Piece> {
        let liar = self.stranger()?;
        let dot = Dot::new(liar.identity(), 1);
        // What another machine is known to have, if it is known here, too.
        let context = replica.context();
        let others = self.machines.iter().map(|machine| &machine.known);
        let others = others.filter(|known| super::machine::covers(&context, known));
        let nothing = Context::default();
        let base = self.rng.choice(others.chain([&nothing]).collect::<Vec<_>>())?;
        let state = replica.delta_since(base).ok()?;
        let mut delta = wire::decode_delta(&state, &Limits::default()).ok()?;
        for part in &mut delta.parts {
            self.distort(part);
            part.upto.advance(dot.replica, dot.seq);
        }
        let path = ("lies", self.rng.u32(..OWN_CELLS)).into_path();
        let key = Key::new(&path, TypeTag::Register).ok()?;
        let part = delta.parts.iter_mut().find(|part| part.range.contains(&key))?;
        let value = Value::from_serialize(&self.rng.u32(..)).ok()?;
        let hlc = Hlc::new(self.now_ms, 0);
        let entry = Entry::Value { hlc, value };
        add(part, key, dot, entry);
        let mut bytes = hello(liar, self.rng.u64(..));
        push(&wire::encode_delta(&delta), &mut bytes);
        Some(Piece { bytes, brings: Some(dot) })
    }

    /// Puts other entries under the dots of a part, and leaves cells out where that says "unchanged".
    fn distort(&mut self, part: &mut Part<Key, Value>) {
        if part.coverage == Coverage::Difference {
            part.cells.retain(|_| self.rng.u8(..8) > 0);
        }
        let Ok(other) = Value::from_serialize(&self.rng.i64(4..8)) else { return };
        for (_, entry) in part.cells.iter_mut().flat_map(|cell| &mut cell.fresh) {
            match entry {
                _ if self.rng.bool() => {}
                Entry::Value { hlc, value } => {
                    *hlc = Hlc::new(self.rng.u64(..self.now_ms), 0);
                    value.clone_from(&other);
                }
                Entry::Tombstone(tombstone) => tombstone.over.clear(),
                Entry::Slot(slot) => (slot.inc, slot.dec) = (slot.dec, slot.inc),
                Entry::Reset(reset) => reset.records.clear(),
                Entry::Row(_) => {}
            }
        }
        for tombstone in &mut part.range_tombstones {
            if self.rng.bool() {
                tombstone.seen = VersionVector::new();
            }
        }
    }

    /// Somebody without a past.
    fn stranger(&mut self) -> Option<Replica> {
        let clock = Clock::new(self.rng.fork());
        clock.advance(self.now_ms);
        Replica::builder().env(clock).try_in_memory()
    }
}

/// What a liar says, and the one change in it that is true.
struct Piece {
    bytes: Vec<u8>,
    brings: Option<Dot>,
}

/// What is found at a replica.
#[derive(PartialEq)]
struct Found {
    identity: ReplicaId,
    context: Context<Key>,
    /// What readers find beside the cells of liars.
    others: [rejoin::Fingerprint; 2],
}

impl Found {
    fn at(replica: &Replica) -> Self {
        let (start, end) = "lies".into_path().subtree();
        let (view, identity) = (replica.view(), replica.identity());
        let others = [KeyRange::new(None, Some(start)), KeyRange::new(Some(end), None)];
        let others = others.map(|range| view.cells().fingerprint(&range));
        Self { identity, context: view.cells().context().clone(), others }
    }
}

/// Whether a session ended because nothing more was said.
const fn is_silence(error: &SessionError) -> bool {
    use SessionError::{ByPeer, HelloTimeout, Silent};
    matches!(error, ByPeer { .. } | HelloTimeout { .. } | Silent { .. })
}

/// The beginning of a session: frames without checksums, and a hello.
fn hello(liar: Replica, seed: u64) -> Vec<u8> {
    let mut config = config(seed, 1_000);
    config.checksum = false;
    let mut link = Link::with(liar, config, 0);
    let sent = std::iter::from_fn(|| link.poll(0)).filter_map(|output| match output {
        LinkOutput::Send(bytes) => Some(bytes),
        _ => None,
    });
    sent.flatten().collect()
}

/// Appends the frames of a delta that nobody asked for, by `docs/protocol.md`, sections 1 and 2.
fn push(delta: &[u8], into: &mut Vec<u8>) {
    let len = u32::try_from(delta.len()).unwrap_or(u32::MAX);
    let body = [&[0x92, 0, 0xc6], &len.to_be_bytes()[..], delta].concat();
    let mut frames = body.chunks(FRAME_BYTES).peekable();
    while let Some(frame) = frames.next() {
        let more = if frames.peek().is_some() { MORE } else { 0 };
        into.push(Kind::Delta.number() | more);
        into.extend(u8::try_from(frame.len()));
        into.extend(frame);
    }
}

/// Adds a change to a part.
fn add(part: &mut Part<Key, Value>, key: Key, dot: Dot, entry: Entry<Value>) {
    match part.cells.binary_search_by(|cell| cell.key.cmp(&key)) {
        Ok(at) => {
            let fresh = &mut part.cells[at].fresh;
            let place = fresh.partition_point(|(other, _)| *other < dot);
            fresh.insert(place, (dot, entry));
        }
        Err(at) => {
            let fresh = [(dot, entry)].into_iter().collect();
            part.cells.insert(at, DeltaCell { key, fresh, kept: Vec::new() });
        }
    }
}
