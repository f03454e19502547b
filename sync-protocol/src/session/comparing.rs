//! Taking part in an exchange that answers the own pull: comparing what is offered with what is here.
//!
//! The other side of [`offering`](super::offering). Everything that is compared here is judged by the
//! state at that moment; the delta at the end is joined under the context of then, like any other.

use std::collections::BTreeSet;

use super::Session;
use super::descent::{Compared, Findings};
use crate::document::{Key, Store};
use crate::error::SessionError;
use crate::message::Message;
use crate::offer::{CellHash, exchange_key, put_keys, read_items};
use crate::sketch::{Coded, Decoder};

/// A coded symbol takes at least 25 bytes of a frame.
const LEAST_CODED_BYTES: usize = 25;

/// What was found so far for a pull of this side.
#[derive(Debug)]
pub(crate) struct Comparing {
    id: u64,
    findings: Findings,
    sketch: Option<Decoder>,
}

impl Session {
    /// The peer offers ranges to compare.
    pub(super) fn offered(
        &mut self,
        id: u64,
        nonce: [u8; 16],
        items: &[u8],
        store: &Store,
    ) -> Result<(), SessionError> {
        let malformed = SessionError::Comparison { id };
        if !self.pulling.is_asked(id) {
            return Err(SessionError::UnaskedAnswer { id });
        }
        let items = read_items(items, self.config.limits.key_bytes).ok_or(malformed.clone())?;
        let mut comparing = match self.comparing.take_if(|comparing| comparing.id == id) {
            Some(comparing) => comparing,
            None => Comparing::new(id, exchange_key(self.config.cluster, nonce)),
        };
        if comparing.findings.is_endless() || comparing.sketch.is_some() {
            return Err(malformed);
        }
        match comparing.findings.compare(items, store) {
            Some(verdict) => {
                self.outbox.message(&Message::Verdict { id, verdict });
                self.comparing = Some(comparing);
            }
            None => self.tell_wanted(comparing),
        }
        Ok(())
    }

    /// The peer sends coded symbols of the cells in the ranges that differ.
    pub(super) fn sketched(
        &mut self,
        id: u64,
        coded: &[u8],
        store: &Store,
    ) -> Result<(), SessionError> {
        let malformed = SessionError::Comparison { id };
        let comparing = self.comparing.take_if(|comparing| comparing.id == id);
        let mut comparing = comparing.ok_or(malformed.clone())?;
        let most = self.config.limits.frame_bytes / LEAST_CODED_BYTES;
        let coded = Coded::read(coded, most).map_err(|_| malformed.clone())?;
        if comparing.findings.is_endless() || coded.is_empty() {
            return Err(malformed);
        }
        if comparing.decode(coded, store).map_err(|_| malformed)? {
            self.tell_wanted(comparing);
        } else {
            self.outbox.message(&Message::More { id });
            self.comparing = Some(comparing);
        }
        Ok(())
    }

    fn tell_wanted(&mut self, comparing: Comparing) {
        let Comparing { id, findings: Findings { hashes, keys, .. }, .. } = comparing;
        let (hashes, keys) = (hashes.as_flattened().to_vec(), put_keys(&keys));
        // What does not fit into a frame or two is listed faster than it is asked for.
        let fits = hashes.len() + keys.len() <= self.config.limits.frame_bytes;
        self.outbox.message(&Message::Want { id, wanted: fits.then_some((hashes, keys)) });
    }
}

impl Comparing {
    const fn new(id: u64, key: [u8; 32]) -> Self {
        Self { id, findings: Findings::new(Compared::Held, key), sketch: None }
    }

    /// Takes coded symbols; returns whether all differences are known.
    fn decode(
        &mut self,
        coded: Vec<Coded>,
        store: &Store,
    ) -> Result<bool, crate::sketch::SketchError> {
        let Findings { key, differing, .. } = &self.findings;
        let cells = || differing.iter().flat_map(|range| Compared::Held.hashes(store, range, key));
        let own = || cells().map(|(_, hash)| hash);
        let mut decoder = self.sketch.take().unwrap_or_else(|| Decoder::new(*key, own()));
        for symbol in coded {
            decoder.add(symbol)?;
            if decoder.is_done() {
                break;
            }
        }
        if !decoder.is_done() {
            self.sketch = Some(decoder);
            return Ok(false);
        }
        if let Some(difference) = decoder.difference() {
            let ours: BTreeSet<CellHash> = difference.only_ours.into_iter().collect();
            let keys = cells().filter(|(_, hash)| ours.contains(hash));
            let keys: Vec<Key> = keys.map(|(key, _)| key.clone()).collect();
            self.findings.keys.extend(keys);
            self.findings.hashes.extend(difference.only_theirs);
        }
        Ok(true)
    }
}
