//! Yrs: one map, updates (version 1) since the state vector of the other side.

use anyhow::Result;
use yrs::updates::decoder::Decode;
use yrs::updates::encoder::Encode;
use yrs::{Any, Doc, Map, MapRef, Out, ReadTxn, StateVector, Transact, Update};

use crate::peer::{Peer, Row, Saved};

/// A document and its maps.
#[derive(Debug)]
pub(crate) struct Yrs {
    document: Doc,
    values: MapRef,
    elements: MapRef,
}

impl Peer for Yrs {
    fn new(number: u32) -> Result<Self> {
        // Ids are as long as the random ones that the library would draw.
        let id = fastrand::Rng::with_seed(u64::from(number)).u32(1 << 24..);
        let document = Doc::with_client_id(u64::from(id));
        let values = document.get_or_insert_map("values");
        let elements = document.get_or_insert_map("elements");
        Ok(Self { document, values, elements })
    }

    fn put(&mut self, rows: Vec<Row>) -> Result<()> {
        let mut tx = self.document.transact_mut();
        for row in rows {
            self.values.insert(&mut tx, row.key, Any::from(row.value));
        }
        Ok(())
    }

    fn read(&mut self, key: &str) -> Result<Option<Vec<u8>>> {
        Ok(match self.values.get(&self.document.transact(), key) {
            Some(Out::Any(Any::Buffer(bytes))) => Some(bytes.to_vec()),
            _ => None,
        })
    }

    fn pull(to: &mut Self, from: &mut Self) -> Result<u64> {
        let asked = to.document.transact().state_vector().encode_v1();
        let known = StateVector::decode_v1(&asked)?;
        let update = from.document.transact().encode_state_as_update_v1(&known);
        to.document.transact_mut().apply_update(Update::decode_v1(&update)?)?;
        Ok((asked.len() + update.len()) as u64)
    }

    fn save(&mut self) -> Result<Saved> {
        Ok(vec![self.document.transact().encode_state_as_update_v1(&StateVector::default())])
    }

    fn load(saved: &Saved) -> Result<Self> {
        let loaded = Self::new(0)?;
        loaded.document.transact_mut().apply_update(Update::decode_v1(&saved.concat())?)?;
        Ok(loaded)
    }

    fn add(&mut self, elements: &[String]) -> Result<()> {
        let mut tx = self.document.transact_mut();
        for element in elements {
            self.elements.insert(&mut tx, element.as_str(), true);
        }
        Ok(())
    }

    fn remove(&mut self, elements: &[String]) -> Result<()> {
        let mut tx = self.document.transact_mut();
        for element in elements {
            self.elements.remove(&mut tx, element);
        }
        Ok(())
    }

    fn set_len(&mut self) -> Result<usize> {
        Ok(self.elements.len(&self.document.transact()) as usize)
    }
}
