//! crdts: a map of multi-value registers, a map of counters, an ORSWOT. What is sent is the whole state:
//! the operations that the library also has need causal delivery and a log, which it has not.

use anyhow::{Context, Result};
use crdts::{CmRDT, CvRDT, MVReg, Map, Orswot, PNCounter};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::peer::{Peer, Row, Saved};

/// The state, and the actor that changes it.
#[derive(Debug)]
pub(crate) struct Crdts {
    state: State,
    actor: u32,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct State {
    values: Map<String, MVReg<ByteBuf, u32>, u32>,
    counters: Map<String, PNCounter<u32>, u32>,
    elements: Orswot<String, u32>,
}

impl Peer for Crdts {
    fn new(number: u32) -> Result<Self> {
        Ok(Self { state: State::default(), actor: number })
    }

    fn put(&mut self, rows: Vec<Row>) -> Result<()> {
        let values = &mut self.state.values;
        for row in rows {
            let context = values.read_ctx().derive_add_ctx(self.actor);
            let value = ByteBuf::from(row.value);
            let change =
                values.update(row.key, context, |register, context| register.write(value, context));
            values.apply(change);
        }
        Ok(())
    }

    fn read(&mut self, key: &str) -> Result<Option<Vec<u8>>> {
        let register = self.state.values.get(&key.to_owned()).val;
        let mut values = register.map(|register| register.read().val).unwrap_or_default();
        values.sort();
        Ok(values.pop().map(ByteBuf::into_vec))
    }

    fn pull(to: &mut Self, from: &mut Self) -> Result<u64> {
        let sent = rmp_serde::to_vec(&from.state)?;
        let State { values, counters, elements } = rmp_serde::from_slice(&sent)?;
        to.state.values.merge(values);
        to.state.counters.merge(counters);
        to.state.elements.merge(elements);
        Ok(sent.len() as u64)
    }

    fn save(&mut self) -> Result<Saved> {
        Ok(vec![rmp_serde::to_vec(&self.state)?])
    }

    fn load(saved: &Saved) -> Result<Self> {
        let bytes = saved.first().context("nothing was saved")?;
        Ok(Self { state: rmp_serde::from_slice(bytes)?, actor: 0 })
    }

    fn increment(&mut self, names: &[&str]) -> Result<()> {
        let (counters, actor) = (&mut self.state.counters, self.actor);
        for name in names {
            let context = counters.read_ctx().derive_add_ctx(actor);
            let change = counters.update(*name, context, |counter, _| counter.inc(actor));
            counters.apply(change);
        }
        Ok(())
    }

    fn count(&mut self, name: &str) -> Result<i64> {
        let counter = self.state.counters.get(&name.to_owned()).val;
        let count = counter.map(|counter| counter.read().to_string());
        Ok(count.map(|count| count.parse()).transpose()?.unwrap_or(0))
    }

    fn add(&mut self, elements: &[String]) -> Result<()> {
        for element in elements {
            let context = self.state.elements.read_ctx().derive_add_ctx(self.actor);
            let change = self.state.elements.add(element.clone(), context);
            self.state.elements.apply(change);
        }
        Ok(())
    }

    fn remove(&mut self, elements: &[String]) -> Result<()> {
        for element in elements {
            let context = self.state.elements.contains(element).derive_rm_ctx();
            let change = self.state.elements.rm(element.clone(), context);
            self.state.elements.apply(change);
        }
        Ok(())
    }

    fn set_len(&mut self) -> Result<usize> {
        Ok(self.state.elements.iter().count())
    }
}
