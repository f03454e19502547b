//! Finding out what differs although contexts are equal, and bringing both sides together again.
//!
//! Of two that have found their fingerprints to differ, the one with the smaller fingerprint *probes*: it
//! offers what its readers find, range by range, and the other one *checks* it (see
//! [`descent`](super::descent)). Then both tell each other all they know of the cells that differ, first
//! the one that probes. Each judges what it held when it spoke and what it was told, by the same rule
//! (`Store::repair`), so both come to the same. Whoever probes compares again at once.
//!
//! Who knows of [damage](rejoin_crdt::Store::scrub) in its own cells compares nothing before it is mended: the peer
//! would find a difference that it has no part in. It probes, one damaged range after another, by hashes that the
//! other side has none of, so that this one asks for all of its cells, tombstones included, and testifies in return.
//!
//! What must always hold:
//!
//! - What is told holds under a context and is used only while that is the own one. If either has moved
//!   on, nothing is changed, and the next audit begins again.
//! - One exchange repairs a bounded number of cells; what is left, the next one finds.
//! - Every message has an answer, so that an exchange ends even if one side cannot go on with it. While it
//!   goes on, nothing is compared: halfway through, both sides differ.

use std::collections::BTreeSet;

use rejoin_crdt::planted::{Bug, planted};
use rejoin_crdt::{Coverage, Fingerprint};

use super::Session;
use super::descent::{Compared, Descent, Findings};
use crate::document::{
    AuthorisedDelta, Authority, Context, Delta, Key, KeyRange, Repaired, Store, decode_delta,
    encode_delta,
};
use crate::error::SessionError;
use crate::message::{Kind, Message, TESTIMONY_BYTES, Told};
use crate::offer::{
    CellHash, exchange_key, put_items, put_keys, read_hashes, read_items, read_keys,
};
use crate::output::{Difference, Event, Output};

/// The feature bit of a peer that can take part in a repair, and be told to ask later.
pub(super) const REPAIRS: u64 = 4;

/// The ranges that are followed in each step: 16 times as many are offered in the next one.
const MOST_RANGES: usize = 16;

/// The cells that one exchange names, by their hashes and by their keys each.
const MOST_CELLS: usize = 256;

/// The exchanges that follow on each other at once: with so many, 100 000 cells come back. Beyond that
/// either a very great deal was lost, or one side does not do what it should; both can wait for the next
/// audit.
const MOST_ROUNDS: u32 = 256;

type Nonce = [u8; 16];

/// The repairs of a session.
#[derive(Debug, Default)]
pub(crate) struct Repairing {
    probing: Option<Probing>,
    checking: Option<Checking>,
    /// The driver has a testimony to repair by.
    applying: Option<Role>,
    /// What the peer has said meanwhile: its fingerprint, and the context under which it took it.
    heard: Option<(Context, Fingerprint)>,
    /// It is this side's turn to probe.
    is_due: bool,
    /// The fingerprints of both sides when they last differed: if they are still the same after an
    /// exchange, another one at once would end like it.
    last: Option<(Fingerprint, Fingerprint)>,
    /// The exchanges since both sides were last equal.
    rounds: u32,
    /// What is to be mended next, and what has been, of the ranges that are damaged here.
    to_mend: Option<KeyRange>,
    mending: Option<KeyRange>,
    mended: Vec<KeyRange>,
    /// The damages that had been found here by then: a range that was mended may be damaged again.
    damages: u64,
    /// The peer takes no part in that.
    is_declined: bool,
}

/// What this side does in an exchange.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    Probing,
    Checking,
}

/// An exchange that this side began.
#[derive(Debug)]
struct Probing {
    nonce: Nonce,
    descent: Descent,
    /// The damaged range that all of this is about.
    mends: Option<KeyRange>,
    /// The cells that both sides are to tell each other of.
    asked: BTreeSet<Key>,
    /// The cells that the peer was told of.
    told: Option<BTreeSet<Key>>,
}

/// An exchange that the peer began.
#[derive(Debug)]
struct Checking {
    nonce: Nonce,
    findings: Findings,
    /// The number of cells that the peer was asked for.
    asked: Option<usize>,
}

impl Repairing {
    /// Whether an exchange is under way, or its result is not in the store yet.
    pub(super) const fn is_busy(&self) -> bool {
        self.probing.is_some() || self.checking.is_some() || self.applying.is_some()
    }

    /// Both sides have the same context and these fingerprints, which differ.
    pub(super) fn differ(&mut self, own: Fingerprint, peer: Fingerprint) {
        let is_new = self.last != Some((own, peer));
        self.last = is_new.then_some((own, peer));
        self.is_due = is_new && own < peer;
    }

    /// If something is on its way into the store, a comparison has to wait for it: the peer that has spoken may
    /// be done already, and asks once.
    pub(super) fn keep(&mut self, context: &Context, peer: Fingerprint) {
        if self.applying.is_some() {
            self.heard = Some((context.clone(), peer));
        }
    }

    /// Both sides are equal.
    pub(super) const fn agree(&mut self) {
        self.last = None;
        self.rounds = 0;
    }
}

impl Session {
    /// Finds out where both sides differ, if it is this side's turn.
    pub(super) fn probe(&mut self, store: &Store) {
        let is_due = std::mem::take(&mut self.repairing.is_due);
        let mends = self.repairing.to_mend.take();
        if (!is_due && mends.is_none()) || !self.can_repair() {
            return;
        }
        let nonce = self.random.nonce();
        let key = exchange_key(self.config.cluster, nonce);
        let compared = if mends.is_some() { Compared::Held } else { Compared::Live };
        let mut descent = Descent::new(compared, key);
        let items = match &mends {
            Some(range) => vec![descent.leaf(range, store)],
            None => descent.offer(&[KeyRange::full()], store),
        };
        self.outbox.message(&Message::Probe { nonce, items: put_items(&items) });
        let asked = BTreeSet::new();
        self.repairing.probing = Some(Probing { nonce, descent, mends, asked, told: None });
    }

    /// Both sides have the same context; whether there is damage here that the peer can mend. It is mended now.
    pub(super) fn mends(&mut self, store: &Store) -> bool {
        if store.quarantine().is_empty() || self.repairing.damages != store.damages() {
            self.repairing.mended.clear();
            self.repairing.damages = store.damages();
        }
        self.repairing.to_mend = self.unmended(store);
        self.repairing.to_mend.is_some()
    }

    /// A range that is damaged here, and that the peer has not told of yet.
    pub(super) fn unmended(&self, store: &Store) -> Option<KeyRange> {
        let damaged = store.quarantine();
        let takes_part = self.can_repair() && !self.repairing.is_declined;
        if damaged.is_empty() || !takes_part || planted(Bug::DamageCompared) {
            return None;
        }
        let is_of_now = self.repairing.damages == store.damages();
        let mended = self.repairing.mended.iter().filter(|_| is_of_now);
        let left = mended.fold(damaged.to_vec(), |left, mended| {
            left.iter().flat_map(|range| range.without(mended)).collect()
        });
        left.into_iter().next()
    }

    fn can_repair(&self) -> bool {
        self.trusts_fully() && self.peer().is_some_and(|peer| peer.features & REPAIRS != 0)
    }

    /// The peer probes.
    pub(super) fn probed(
        &mut self,
        nonce: Nonce,
        items: &[u8],
        store: &Store,
    ) -> Result<(), SessionError> {
        let malformed = SessionError::Audit { kind: Kind::Probe };
        let items = read_items(items, self.config.limits.key_bytes).ok_or(malformed.clone())?;
        let mut checking = match self.repairing.checking.take() {
            None => {
                let key = exchange_key(self.config.cluster, nonce);
                Checking { nonce, findings: Findings::new(Compared::Live, key), asked: None }
            }
            Some(checking) if checking.nonce == nonce && checking.asked.is_none() => checking,
            Some(_) => return Err(malformed),
        };
        if checking.findings.is_endless() {
            return Err(malformed);
        }
        if !self.trusts_fully() {
            self.outbox.message(&Message::Differ { nonce, cells: None });
            return Ok(());
        }
        match checking.findings.compare(items, store) {
            Some(verdict) => {
                self.outbox.message(&Message::Finding { nonce, verdict });
                self.repairing.checking = Some(checking);
            }
            None => self.tell_differing(checking),
        }
        Ok(())
    }

    fn tell_differing(&mut self, mut checking: Checking) {
        let (nonce, findings) = (checking.nonce, &mut checking.findings);
        findings.hashes.truncate(MOST_CELLS);
        let hashes = findings.hashes.as_flattened().to_vec();
        let keys: Vec<&Key> = findings.keys.iter().take(MOST_CELLS).collect();
        let asked = findings.hashes.len() + keys.len();
        let cells = Some((hashes, put_keys(keys)));
        self.outbox.message(&Message::Differ { nonce, cells });
        checking.asked = Some(asked);
        self.repairing.checking = (asked > 0).then_some(checking);
    }

    /// The peer says which of the ranges differ.
    pub(super) fn found(
        &mut self,
        nonce: Nonce,
        verdict: &[u8],
        store: &Store,
    ) -> Result<(), SessionError> {
        let unasked = SessionError::Audit { kind: Kind::Finding };
        let probing = self.repairing.probing.as_mut().filter(|p| p.nonce == nonce);
        let probing = probing.filter(|p| p.told.is_none()).ok_or(unasked.clone())?;
        let differing = probing.descent.judged(verdict).ok_or(unasked)?;
        let ranges = differing.into_iter().map(|(range, _)| range).take(MOST_RANGES);
        let ranges: Vec<KeyRange> = ranges.collect();
        let items = put_items(&probing.descent.offer(&ranges, store));
        self.outbox.message(&Message::Probe { nonce, items });
        Ok(())
    }

    /// The peer says which cells differ.
    pub(super) fn differs(
        &mut self,
        nonce: Nonce,
        cells: Option<(Vec<u8>, Vec<u8>)>,
        store: &Store,
    ) -> Result<(), SessionError> {
        let unasked = SessionError::Audit { kind: Kind::Differ };
        let probing = self.repairing.probing.take_if(|p| p.nonce == nonce && p.told.is_none());
        let mut probing = probing.ok_or(unasked.clone())?;
        let Some((hashes, keys)) = cells else {
            self.repairing.is_declined |= probing.mends.is_some();
            self.audit.hasten_if(probing.mends.is_some(), self.now_ms);
            return Ok(());
        };
        let hashes: Option<BTreeSet<CellHash>> = read_hashes(&hashes).map(BTreeSet::from_iter);
        let keys = read_keys(&keys, &self.config.limits);
        let (hashes, mut keys) = hashes.zip(keys).ok_or(unasked.clone())?;
        if hashes.len() > MOST_CELLS || keys.len() > MOST_CELLS {
            return Err(unasked);
        }
        if hashes.is_empty() && keys.is_empty() {
            self.audit.hasten_if(probing.mends.is_some(), self.now_ms);
            self.repairing.mended.extend(probing.mends);
            return Ok(());
        }
        keys.extend(probing.descent.named(&hashes, store));
        probing.told = self.tell_cells(nonce, &keys, store);
        probing.asked = keys;
        self.repairing.probing = probing.told.is_some().then_some(probing);
        Ok(())
    }

    /// Tells the peer of as many of these cells as fit a message; of none if not even one does.
    fn tell_cells(
        &mut self,
        nonce: Nonce,
        keys: &BTreeSet<Key>,
        store: &Store,
    ) -> Option<BTreeSet<Key>> {
        let limits = self.peer()?.limits;
        let limit_bytes = limits.delta_bytes.min(TESTIMONY_BYTES);
        let mut keys: Vec<Key> = keys.iter().take(limits.cells_per_delta).cloned().collect();
        while !keys.is_empty() {
            let testimony = store.testimony(&keys);
            let cells = encode_delta(&testimony.cells);
            let has_forks = testimony.forks.cell_count() > 0;
            let forks = has_forks.then(|| encode_delta(&testimony.forks));
            if cells.len() <= limit_bytes && forks.as_ref().is_none_or(|f| f.len() <= limit_bytes) {
                let told = Some(Told { cells, forks });
                self.outbox.message(&Message::Testimony { nonce, told });
                return Some(keys.into_iter().collect());
            }
            keys.truncate(keys.len() / 2);
        }
        self.outbox.message(&Message::Testimony { nonce, told: None });
        None
    }

    /// The peer tells of cells that differ.
    pub(super) fn testified(
        &mut self,
        nonce: Nonce,
        told: Option<Told>,
        store: &Store,
    ) -> Result<(), SessionError> {
        let unasked = SessionError::Audit { kind: Kind::Testimony };
        let probing = self.repairing.probing.take_if(|p| p.nonce == nonce && p.told.is_some());
        let asked = |c: &mut Checking| c.nonce == nonce && c.asked.is_some();
        let checking = self.repairing.checking.take_if(asked);
        let (role, most) = match (&probing, &checking) {
            (Some(_), _) => (Role::Probing, usize::MAX),
            (None, Some(checking)) => (Role::Checking, checking.asked.unwrap_or(0)),
            (None, None) => return Err(unasked),
        };
        let Some(told) = told else { return Ok(()) };
        let cells = self.read_testimony(&told.cells)?;
        let forks = told.forks.map(|forks| self.read_testimony(&forks)).transpose()?;
        let keys: BTreeSet<Key> = listed(cells.as_delta()).cloned().collect();
        let is_told = |p: &Probing| p.told.as_ref().is_some_and(|told| keys.is_subset(told));
        if keys.len() > most || probing.as_ref().is_some_and(|probing| !is_told(probing)) {
            return Err(unasked);
        }
        let has_moved = cells.as_delta().reach() != *store.view().context();
        let has_moved = has_moved && !planted(Bug::RepairAfterContextsMoved);
        // What is damaged here, too, this side cannot tell of; and its silence would pass for a removal.
        let knows = role == Role::Probing || !keys.iter().any(|key| store.is_quarantined(key));
        match role {
            Role::Checking if has_moved || !knows => {
                self.outbox.message(&Message::Testimony { nonce, told: None });
            }
            Role::Checking => drop(self.tell_cells(nonce, &keys, store)),
            Role::Probing => {}
        }
        if !has_moved && knows {
            self.repairing.mending = probing.and_then(|probing| probing.has_heard_of(&keys));
            self.report(cells.as_delta(), store);
            self.repairing.applying = Some(role);
            self.outbox.output(Output::Repair { cells, forks });
        }
        Ok(())
    }

    fn read_testimony(&self, bytes: &[u8]) -> Result<AuthorisedDelta, SessionError> {
        let limits = &self.config.limits;
        let delta = decode_delta(bytes, limits).map_err(SessionError::Delta)?;
        let is_whole = |coverage| coverage == Coverage::Differing;
        if !delta.parts.iter().all(|part| part.base.is_empty() && is_whole(part.coverage)) {
            return Err(SessionError::Audit { kind: Kind::Testimony });
        }
        Ok(delta.validate(limits)?.authorise(&self.config.authority)?)
    }

    /// Shows the operator both sides of every cell that differs.
    fn report(&mut self, told: &Delta, store: &Store) {
        for cell in told.parts.iter().flat_map(|part| &part.cells) {
            let own = store.view().cell(&cell.key).into_iter().flat_map(|own| own.entries());
            let own: Vec<_> = own.map(|(dot, entry)| (dot, entry.clone())).collect();
            let peer = cell.fresh.to_vec();
            if own != peer {
                let difference = Difference { key: cell.key.clone(), own, peer };
                self.outbox.output(Output::Difference(Box::new(difference)));
            }
        }
    }

    /// Whether the peer may write everything: nobody else can tell what was lost.
    const fn trusts_fully(&self) -> bool {
        matches!(self.config.authority, Authority::Full)
    }

    /// What the driver was given to repair by is in the store.
    pub(super) fn take_repaired(&mut self, repaired: &Repaired, store: &Store) {
        let Some(role) = self.repairing.applying.take() else { return };
        let (restored, removed) = (repaired.restored, repaired.removed);
        self.repairing.mended.extend(self.repairing.mending.take());
        self.audit.count_repaired(restored + removed, repaired.forks.len());
        if restored + removed > 0 {
            self.event(Event::Repaired { restored, removed });
        }
        for fork in &repaired.forks {
            self.event(Event::Forked { dot: fork.dot });
        }
        // The one that spoke first knows that the other one is done, or will answer once it is.
        if role == Role::Probing && self.repairing.rounds < MOST_ROUNDS {
            self.repairing.rounds += 1;
            self.audit.hasten(self.now_ms);
        }
        if let Some((context, peer)) = self.repairing.heard.take()
            && context == *store.view().context()
        {
            self.compare_with(peer, store);
        }
    }

    /// What the driver was given to repair by came too late.
    pub(super) fn forget_repair(&mut self) {
        self.repairing.applying = None;
        self.repairing.mending = None;
        self.repairing.heard = None;
    }
}

impl Probing {
    /// The part of the damaged range of which the peer has told: as many cells as fit, the first ones first.
    fn has_heard_of(self, listed: &BTreeSet<Key>) -> Option<KeyRange> {
        let KeyRange { start, end } = self.mends?;
        let missing = self.asked.into_iter().find(|key| !listed.contains(key));
        Some(KeyRange::new(start, missing.or(end)))
    }
}

fn listed(delta: &Delta) -> impl Iterator<Item = &Key> {
    delta.parts.iter().flat_map(|part| &part.cells).map(|cell| &cell.key)
}
