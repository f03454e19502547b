//! The floor of whoever can say what has changed: two maps of the standard library.
//!
//! The other floors are told what has changed, for nothing. This one keeps what it takes to know it: each row with the
//! number and the time of its change, the keys by these numbers, and how far it has seen the changes of everybody. A
//! transaction reads the clock and takes a lock. Who joins it proves by a hash of each row that nothing is missing.
//! It has no conflicts, no removals and no views: the later write wins.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::peer::{Peer, Row, Saved};

/// The number of a change: whose, and which of theirs.
type Dot = (u32, u64);

/// Two maps, behind a lock as a service would have them.
#[derive(Debug, Default)]
pub(crate) struct Indexed {
    number: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    rows: BTreeMap<String, Stored>,
    keys: BTreeMap<Dot, String>,
    seen: BTreeMap<u32, u64>,
    /// The hashes of all rows, added up, if somebody has asked.
    sum: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    dot: Dot,
    ms: u64,
    value: ByteBuf,
}

impl State {
    fn set(&mut self, key: String, stored: Stored) {
        self.keys.insert(stored.dot, key.clone());
        if let Some(old) = self.rows.insert(key, stored) {
            self.keys.remove(&old.dot);
        }
    }

    /// Takes what is not here yet, and not older than what is.
    fn join(&mut self, seen: &BTreeMap<u32, u64>, rows: Vec<(String, Stored)>) {
        for (key, stored) in rows {
            let is_known = self.seen.get(&stored.dot.0).is_some_and(|seen| stored.dot.1 <= *seen);
            let at = |stored: &Stored| (stored.ms, stored.dot);
            if !is_known && self.rows.get(&key).is_none_or(|old| at(old) < at(&stored)) {
                self.set(key, stored);
            }
        }
        for (replica, upto) in seen {
            let known = self.seen.entry(*replica).or_default();
            *known = (*known).max(*upto);
        }
    }

    /// What somebody lacks who has seen so much.
    fn since(&self, seen: &BTreeMap<u32, u64>) -> Vec<(&String, &Stored)> {
        let ahead = self.seen.iter().flat_map(|(replica, upto)| {
            let known = seen.get(replica).copied().unwrap_or(0).min(*upto);
            self.keys.range((*replica, known + 1)..=(*replica, (*upto).max(known + 1)))
        });
        let mut found: Vec<_> =
            ahead.filter_map(|(_, key)| Some((key, self.rows.get(key)?))).collect();
        found.sort_unstable_by_key(|(key, _)| *key);
        found
    }

    fn hash(&mut self) {
        let mut content = Vec::new();
        for (key, Stored { dot, ms, value }) in &self.rows {
            content.clear();
            content.extend_from_slice(key.as_bytes());
            content.extend([u64::from(dot.0), dot.1, *ms].into_iter().flat_map(u64::to_le_bytes));
            content.extend_from_slice(value);
            let hash = blake3::keyed_hash(b"what stands in a row of the maps", &content);
            let low = hash.as_bytes().first_chunk().copied().unwrap_or_default();
            self.sum = self.sum.wrapping_add(u64::from_le_bytes(low));
        }
    }
}

impl Indexed {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Peer for Indexed {
    fn new(number: u32) -> Result<Self> {
        Ok(Self { number, ..Self::default() })
    }

    fn put(&mut self, rows: Vec<Row>) -> Result<()> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        let ms = u64::try_from(now.as_millis())?;
        let number = self.number;
        let mut state = self.state();
        let mut seq = state.seen.get(&number).copied().unwrap_or(0);
        for Row { key, value } in rows {
            seq += 1;
            state.set(key, Stored { dot: (number, seq), ms, value: ByteBuf::from(value) });
        }
        state.seen.insert(number, seq);
        Ok(())
    }

    fn read(&mut self, key: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.state().rows.get(key).map(|stored| stored.value.to_vec()))
    }

    fn pull(to: &mut Self, from: &mut Self) -> Result<u64> {
        let question = rmp_serde::to_vec(&to.state().seen)?;
        let answer = {
            let state = from.state();
            rmp_serde::to_vec(&(&state.seen, state.since(&rmp_serde::from_slice(&question)?)))?
        };
        let (seen, rows): (_, Vec<(String, Stored)>) = rmp_serde::from_slice(&answer)?;
        to.state().join(&seen, rows);
        Ok((question.len() + answer.len()) as u64)
    }

    fn join_cold(to: &mut Self, from: &mut Self) -> Result<u64> {
        let sent = Self::pull(to, from)?;
        to.state().hash();
        Ok(sent)
    }

    fn save(&mut self) -> Result<Saved> {
        let state = self.state();
        let rows: Vec<_> = state.rows.iter().collect();
        Ok(vec![rmp_serde::to_vec(&(&state.seen, rows))?])
    }

    fn load(saved: &Saved) -> Result<Self> {
        let bytes = saved.first().context("nothing was saved")?;
        let (seen, rows): (_, Vec<(String, Stored)>) = rmp_serde::from_slice(bytes)?;
        let loaded = Self::default();
        loaded.state().join(&seen, rows);
        Ok(loaded)
    }

    fn add(&mut self, _elements: &[String]) -> Result<()> {
        bail!("no sets")
    }

    fn remove(&mut self, _elements: &[String]) -> Result<()> {
        bail!("no sets")
    }

    fn set_len(&mut self) -> Result<usize> {
        bail!("no sets")
    }
}
