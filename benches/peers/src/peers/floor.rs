//! The physical floor: a map of the standard library, MessagePack, and a list of what has changed that
//! costs nothing. No library that keeps data in memory and sends it can do with less.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::{Context, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_bytes::{ByteBuf, Bytes};

use crate::peer::{Peer, Row, Saved};

/// The floor on an ordered map.
pub(crate) type Ordered = Floor<BTreeMap<String, ByteBuf>>;

/// The floor on a hash table.
pub(crate) type Hashed = Floor<HashMap<String, ByteBuf>>;

/// A map of the standard library.
pub(crate) trait Map: Default + Serialize + DeserializeOwned {
    fn set(&mut self, key: String, value: ByteBuf);
    fn value(&self, key: &str) -> Option<&ByteBuf>;
}

impl Map for BTreeMap<String, ByteBuf> {
    fn set(&mut self, key: String, value: ByteBuf) {
        self.insert(key, value);
    }

    fn value(&self, key: &str) -> Option<&ByteBuf> {
        self.get(key)
    }
}

impl Map for HashMap<String, ByteBuf> {
    fn set(&mut self, key: String, value: ByteBuf) {
        self.insert(key, value);
    }

    fn value(&self, key: &str) -> Option<&ByteBuf> {
        self.get(key)
    }
}

/// Standard collections, and what is known to have changed in them.
#[derive(Debug, Default)]
pub(crate) struct Floor<M> {
    values: M,
    counters: HashMap<String, i64>,
    elements: BTreeSet<String>,
    changed: Vec<String>,
}

/// Encodes, counts and decodes.
fn send<D: DeserializeOwned>(out: &impl Serialize, bytes: &mut Vec<u8>) -> Result<D> {
    *bytes = rmp_serde::to_vec(out)?;
    Ok(rmp_serde::from_slice(bytes)?)
}

impl<M: Map> Peer for Floor<M> {
    fn new(_number: u32) -> Result<Self> {
        Ok(Self::default())
    }

    fn put(&mut self, rows: Vec<Row>) -> Result<()> {
        for row in rows {
            self.values.set(row.key, ByteBuf::from(row.value));
        }
        Ok(())
    }

    fn read(&mut self, key: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.values.value(key).map(|value| value.to_vec()))
    }

    fn pull(to: &mut Self, from: &mut Self) -> Result<u64> {
        let changed = std::mem::take(&mut from.changed);
        let Some(first) = changed.first() else { return Ok(0) };
        let keys = changed.iter().map(String::as_str);
        let mut bytes = Vec::new();
        if from.values.value(first).is_some() {
            let value = |key| Some((key, Bytes::new(from.values.value(key)?)));
            let out: Vec<(&str, &Bytes)> = keys.filter_map(value).collect();
            for (key, value) in send::<Vec<(String, ByteBuf)>>(&out, &mut bytes)? {
                to.values.set(key, value);
            }
        } else if from.counters.contains_key(first) {
            let count = |key| Some((key, *from.counters.get(key)?));
            let out: Vec<(&str, i64)> = keys.filter_map(count).collect();
            to.counters.extend(send::<Vec<(String, i64)>>(&out, &mut bytes)?);
        } else {
            let out: Vec<(&str, bool)> =
                keys.map(|key| (key, from.elements.contains(key))).collect();
            for (element, is_in) in send::<Vec<(String, bool)>>(&out, &mut bytes)? {
                if is_in {
                    to.elements.insert(element);
                } else {
                    to.elements.remove(&element);
                }
            }
        }
        Ok(bytes.len() as u64)
    }

    fn join_cold(to: &mut Self, from: &mut Self) -> Result<u64> {
        let saved = from.save()?;
        *to = Self::load(&saved)?;
        Ok(saved.iter().map(|bytes| bytes.len() as u64).sum())
    }

    fn save(&mut self) -> Result<Saved> {
        Ok(vec![rmp_serde::to_vec(&(&self.values, &self.counters, &self.elements))?])
    }

    fn load(saved: &Saved) -> Result<Self> {
        let bytes = saved.first().context("nothing was saved")?;
        let (values, counters, elements) = rmp_serde::from_slice(bytes)?;
        Ok(Self { values, counters, elements, changed: Vec::new() })
    }

    fn tell_changed(&mut self, keys: Vec<String>) {
        self.changed = keys;
    }

    fn increment(&mut self, names: &[&str]) -> Result<()> {
        for name in names {
            match self.counters.get_mut(*name) {
                Some(count) => *count += 1,
                None => {
                    self.counters.insert((*name).to_owned(), 1);
                }
            }
        }
        Ok(())
    }

    fn count(&mut self, name: &str) -> Result<i64> {
        Ok(self.counters.get(name).copied().unwrap_or(0))
    }

    fn add(&mut self, elements: &[String]) -> Result<()> {
        self.elements.extend(elements.iter().cloned());
        Ok(())
    }

    fn remove(&mut self, elements: &[String]) -> Result<()> {
        for element in elements {
            self.elements.remove(element);
        }
        Ok(())
    }

    fn set_len(&mut self) -> Result<usize> {
        Ok(self.elements.len())
    }
}
