//! Answering a peer that is below the horizon: first find out where both sides differ, then send that.
//!
//! A difference cannot name removals that were collected, so such a peer needs the names of all dots in
//! the cells that differ. Which ones those are is found by comparing fingerprints of ranges, from
//! coarse to fine; where many ranges differ, a [sketch](crate::sketch) of all cells in them finds the
//! differences at about 40 bytes each, however they are scattered. Where too much differs for that,
//! or there is not much at all, everything is listed.
//!
//! Both sides go on changing meanwhile, and no snapshot is kept: what changed here since the exchange
//! began is listed too, by its dots. Something that left without a dot ([`lapses`]) ends the exchange
//! with a listing. What changed at the peer since it compared is beyond the context that it had when the
//! exchange began, and that is the base of the answer: what the peer has got beyond it from others, and
//! this side has seen and forgotten, goes when the answer is joined.
//!
//! [`lapses`]: rejoin_crdt::Store::lapses

use std::collections::BTreeSet;

use rejoin_crdt::Limits;

use super::Session;
use super::descent::{Compared, Descent};
use crate::document::{Context, Extract, Key, KeyRange, PlaceTooLarge, Store, extract, fit};
use crate::error::SessionError;
use crate::message::Message;
use crate::offer::{CellHash, exchange_key, put_items};
use crate::sketch::Encoder;

/// The feature bit of a peer that can take part in an exchange; any other is sent listings.
pub(super) const COMPARES: u64 = 1;

/// Fewer cells than this are listed at once: an exchange takes round trips and about as many bytes.
const OFFERED_CELLS: u64 = 512;

/// Where more ranges than this differ, differences are scattered: going down costs 16 fingerprints for
/// each range and step, a sketch about 40 bytes for each difference.
const MOST_DESCENDED: usize = 8;

/// The coded symbols of the first batch; each further one doubles what was sent, up to a frame.
const FIRST_BATCH: usize = 64;

/// An answer of fewer bytes is not worth a round trip, whatever the peer asks for.
const LEAST_ANSWER_BYTES: usize = 1 << 10;

/// A coded symbol on the wire, at the most.
const CODED_BYTES: usize = 16 + 8 + 10;

/// An exchange that a pull of the peer began.
#[derive(Debug)]
pub(crate) struct Offering {
    id: u64,
    nonce: [u8; 16],
    descent: Descent,
    /// The peer's context when it began, by its own words.
    base: Context,
    /// The own context when it began.
    since: Context,
    /// What had left without a dot when it began.
    lapses: u64,
    sketch: Option<Sketch>,
    wanted: Option<Wanted>,
}

/// What the peer wants to be told in the end.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// The exchange found too much, or came to no end.
    Everything,
    /// The cells with these hashes here, and these cells, of which the peer holds something else.
    Cells { hashes: BTreeSet<CellHash>, keys: BTreeSet<Key> },
}

/// A stream of coded symbols on its way.
#[derive(Debug)]
struct Sketch {
    encoder: Encoder,
    sent: usize,
    most: usize,
}

impl Session {
    /// What answers pull `id`, whose context is `base`; `None` if the exchange goes on, or nothing is to
    /// be sent.
    pub(super) fn extract_or_offer<'s>(
        &mut self,
        id: u64,
        store: &'s Store,
        is_audit: bool,
    ) -> Result<Option<Extract<'s>>, SessionError> {
        let Some((peer, base)) = self.peer().zip(self.knowledge.heard()) else { return Ok(None) };
        let (limits, can_compare) = (peer.limits, peer.features & COMPARES != 0);
        let most_bytes = self.pushing.most_bytes();
        if let Some(offering) = self.offering.take_if(|offering| offering.wanted.is_some()) {
            let base = offering.base.clone();
            if let Some(keys) = offering.differing(store) {
                let extract = |limits: &_| fit(store.delta_differing(&base, &keys), limits);
                return Ok(of_size(most_bytes, &limits, extract)?);
            }
        } else if can_compare {
            let below = store.below_horizon(base);
            let cells: u64 = below.iter().map(|range| store.view().holding(range).0).sum();
            if cells >= OFFERED_CELLS {
                let base = base.clone();
                self.begin(id, base, below, store);
                return Ok(None);
            }
        }
        let fingerprint = || is_audit.then(|| self.proof(store)).flatten();
        let extract = |limits: &_| extract(store, base, limits, fingerprint);
        Ok(of_size(most_bytes, &limits, extract)?)
    }

    /// Whether pull `id` is being answered by an exchange.
    pub(super) fn is_offering(&self, id: u64) -> bool {
        self.offering.as_ref().is_some_and(|offering| offering.id == id)
    }

    fn begin(&mut self, id: u64, base: Context, ranges: Vec<KeyRange>, store: &Store) {
        let nonce = self.random.nonce();
        let mut offering = Offering {
            id,
            nonce,
            descent: Descent::new(Compared::Held, exchange_key(self.config.cluster, nonce)),
            base,
            since: store.view().context().clone(),
            lapses: store.lapses(),
            sketch: None,
            wanted: None,
        };
        let offer = offering.offer(&ranges, store);
        self.outbox.message(&offer);
        self.offering = Some(offering);
    }

    /// The peer says which of the offered ranges differ.
    pub(super) fn judged(
        &mut self,
        id: u64,
        verdict: &[u8],
        store: &Store,
    ) -> Result<(), SessionError> {
        let offering = self.offering.as_mut().filter(|offering| offering.id == id);
        let offering = offering.ok_or(SessionError::Comparison { id })?;
        let differing = offering.descent.judged(verdict).filter(|_| offering.sketch.is_none());
        let differing = differing.ok_or(SessionError::Comparison { id })?;
        let next = offering.go_on(differing, self.config.limits.frame_bytes, store);
        self.outbox.message(&next);
        Ok(())
    }

    /// The peer needs more of the sketch.
    pub(super) fn sketch_on(&mut self, id: u64) -> Result<(), SessionError> {
        let offering = self.offering.as_mut().filter(|offering| offering.id == id);
        let offering = offering.ok_or(SessionError::Comparison { id })?;
        match offering.batch(self.config.limits.frame_bytes) {
            Some(batch) => self.outbox.message(&batch),
            None => self.want(id, Wanted::Everything)?,
        }
        Ok(())
    }

    /// The exchange has ended: the peer is answered as soon as a delta can leave.
    pub(super) fn want(&mut self, id: u64, wanted: Wanted) -> Result<(), SessionError> {
        let offering = self.offering.as_mut().filter(|offering| offering.id == id);
        offering.ok_or(SessionError::Comparison { id })?.wanted = Some(wanted);
        self.pushing.ask(id);
        Ok(())
    }
}

/// What `extract` makes of about `most_bytes`; more if a single place takes more, within the limits.
fn of_size<T>(
    most_bytes: usize,
    limits: &Limits,
    extract: impl Fn(&Limits) -> Result<T, PlaceTooLarge>,
) -> Result<T, PlaceTooLarge> {
    let mut delta_bytes = most_bytes.max(LEAST_ANSWER_BYTES).min(limits.delta_bytes);
    loop {
        match extract(&Limits { delta_bytes, ..*limits }) {
            Err(_) if delta_bytes < limits.delta_bytes => {
                delta_bytes = delta_bytes.saturating_mul(2).min(limits.delta_bytes);
            }
            result => return result,
        }
    }
}

impl Offering {
    /// The next, finer offer.
    fn offer(&mut self, ranges: &[KeyRange], store: &Store) -> Message {
        let items = self.descent.offer(ranges, store);
        Message::Offer { id: self.id, nonce: self.nonce, items: put_items(&items) }
    }

    /// What follows on a verdict.
    fn go_on(
        &mut self,
        differing: Vec<(KeyRange, u64)>,
        frame_bytes: usize,
        store: &Store,
    ) -> Message {
        let cells: u64 = differing.iter().map(|(_, cells)| cells).sum();
        let ranges: Vec<KeyRange> = differing.into_iter().map(|(range, _)| range).collect();
        let is_scattered = self.descent.steps() >= 2 && ranges.len() > MOST_DESCENDED;
        if !is_scattered {
            return self.offer(&ranges, store);
        }
        let encoder =
            Encoder::new(self.descent.key(), self.descent.tell(ranges, store).into_iter());
        // A cell that differs is two symbols, of about 1.4 coded ones each: this is one cell in eight.
        let most = usize::try_from(cells / 8 * 3).unwrap_or(usize::MAX).max(FIRST_BATCH);
        self.sketch = Some(Sketch { encoder, sent: 0, most });
        let nothing = Message::Sketch { id: self.id, coded: Vec::new() };
        self.batch(frame_bytes).unwrap_or(nothing)
    }

    /// More coded symbols; `None` if listing everything is cheaper by now.
    fn batch(&mut self, frame_bytes: usize) -> Option<Message> {
        let id = self.id;
        let Sketch { encoder, sent, most } = self.sketch.as_mut()?;
        let count = (*sent).max(FIRST_BATCH).min(frame_bytes / CODED_BYTES).min(*most - *sent);
        let mut coded = Vec::new();
        (0..count).for_each(|_| encoder.next().put(&mut coded));
        *sent += count;
        (count > 0).then_some(Message::Sketch { id, coded })
    }

    /// The cells that differ or may differ, sorted; `None` if they cannot be told any more.
    fn differing(self, store: &Store) -> Option<Vec<Key>> {
        let Some(Wanted::Cells { hashes, mut keys }) = self.wanted else { return None };
        if store.lapses() != self.lapses {
            return None;
        }
        keys.extend(self.descent.named(&hashes, store));
        let full = KeyRange::full();
        for (range, upto) in store.view().context().segments_in(&full) {
            for (range, since) in self.since.segments_in(&range) {
                keys.extend(store.changed_since(since, upto, &range));
            }
        }
        Some(keys.into_iter().collect())
    }
}
