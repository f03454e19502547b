//! Loro: one map, updates since the version vector of the other side, snapshots for saving and for
//! whoever has nothing.

use anyhow::Result;
use loro::{ExportMode, LoroDoc, LoroMap, LoroValue, ValueOrContainer, VersionVector};

use crate::peer::{Peer, Row, Saved};

/// A document and its containers.
#[derive(Debug)]
pub(crate) struct Loro {
    document: LoroDoc,
    values: LoroMap,
    elements: LoroMap,
}

impl Loro {
    fn over(document: LoroDoc) -> Self {
        let (values, elements) = (document.get_map("values"), document.get_map("elements"));
        Self { document, values, elements }
    }
}

impl Peer for Loro {
    fn new(number: u32) -> Result<Self> {
        let document = LoroDoc::new();
        // Ids are as long as the random ones that the library would draw.
        document.set_peer_id(fastrand::Rng::with_seed(u64::from(number)).u64(1 << 40..))?;
        Ok(Self::over(document))
    }

    fn put(&mut self, rows: Vec<Row>) -> Result<()> {
        for row in rows {
            self.values.insert(&row.key, row.value)?;
        }
        self.document.commit();
        Ok(())
    }

    fn read(&mut self, key: &str) -> Result<Option<Vec<u8>>> {
        Ok(match self.values.get(key) {
            Some(ValueOrContainer::Value(LoroValue::Binary(bytes))) => Some(bytes.to_vec()),
            _ => None,
        })
    }

    fn pull(to: &mut Self, from: &mut Self) -> Result<u64> {
        let asked = to.document.oplog_vv().encode();
        let known = VersionVector::decode(&asked)?;
        let update = from.document.export(ExportMode::updates(&known))?;
        to.document.import(&update)?;
        Ok((asked.len() + update.len()) as u64)
    }

    fn join_cold(to: &mut Self, from: &mut Self) -> Result<u64> {
        let snapshot = from.document.export(ExportMode::Snapshot)?;
        to.document.import(&snapshot)?;
        Ok(snapshot.len() as u64)
    }

    fn save(&mut self) -> Result<Saved> {
        Ok(vec![self.document.export(ExportMode::Snapshot)?])
    }

    fn load(saved: &Saved) -> Result<Self> {
        Ok(Self::over(LoroDoc::from_snapshot(&saved.concat())?))
    }

    fn save_without_history(&mut self) -> Result<Option<u64>> {
        let now = self.document.oplog_frontiers();
        let shallow = self.document.export(ExportMode::shallow_snapshot(&now))?;
        Ok(Some(shallow.len() as u64))
    }

    fn increment(&mut self, names: &[&str]) -> Result<()> {
        let mut last = None;
        for name in names {
            let counter = match last.take() {
                Some((last_name, counter)) if last_name == name => counter,
                _ => self.document.get_counter(*name),
            };
            counter.increment(1.0)?;
            last = Some((name, counter));
        }
        self.document.commit();
        Ok(())
    }

    fn count(&mut self, name: &str) -> Result<i64> {
        #[allow(clippy::cast_possible_truncation, reason = "counts are far below 2^53")]
        let count = self.document.get_counter(name).get_value() as i64;
        Ok(count)
    }

    fn add(&mut self, elements: &[String]) -> Result<()> {
        for element in elements {
            self.elements.insert(element, true)?;
        }
        self.document.commit();
        Ok(())
    }

    fn remove(&mut self, elements: &[String]) -> Result<()> {
        for element in elements {
            self.elements.delete(element)?;
        }
        self.document.commit();
        Ok(())
    }

    fn set_len(&mut self) -> Result<usize> {
        Ok(self.elements.len())
    }
}
