//! DSON: one map of registers. A batch is one delta made from the registers' own functions, which does not
//! copy the document as the library's transaction does, and is joined once. Deletions are found with the library's helper, for which the side that
//! asks names its live dots as well.

use anyhow::{Context, Result};
use dson::crdts::mvreg::MvRegValue;
use dson::crdts::snapshot::ToValue;
use dson::crdts::{NoExtensionTypes, TypeVariantValue};
use dson::{
    CausalContext, CausalDotStore, ComputeDeletionsArg, DotStore, Identifier, MvReg, OrMap,
    compute_deletions_unknown_to,
};

use crate::peer::{Peer, Row, Saved};

type State = CausalDotStore<OrMap<String, NoExtensionTypes>>;

/// A document and the id under which it is changed.
#[derive(Debug)]
pub(crate) struct Dson {
    state: State,
    id: Identifier,
}

impl Dson {
    /// Writes registers by one delta: every join walks over the whole map.
    fn write(&mut self, values: impl Iterator<Item = (String, MvRegValue)>) {
        let mut delta = State::default();
        let mut seen = self.state.context.clone();
        for (key, value) in values {
            let old = delta.store.get(&key).or_else(|| self.state.store.get(&key));
            let nothing = MvReg::default();
            let register = old.map_or(&nothing, |old| &old.reg);
            let written = register.write(value, &seen, self.id);
            seen.insert_next_dot(seen.next_dot_for(self.id));
            delta.context.union(&written.context);
            let value = TypeVariantValue { reg: written.store, ..TypeVariantValue::default() };
            delta.store.insert(key, value);
        }
        self.state.join_or_replace_with(delta.store, &delta.context);
    }
}

impl Peer for Dson {
    const LOAD_BATCH: usize = usize::MAX;

    fn new(number: u32) -> Result<Self> {
        let node = u8::try_from(number % 250)?;
        let app = u16::try_from(number / 250)?;
        Ok(Self { state: State::default(), id: Identifier::new(node, app) })
    }

    fn put(&mut self, rows: Vec<Row>) -> Result<()> {
        self.write(rows.into_iter().map(|row| (row.key, MvRegValue::Bytes(row.value))));
        Ok(())
    }

    fn read(&mut self, key: &str) -> Result<Option<Vec<u8>>> {
        let register = self.state.store.get(key).map(|value| &value.reg);
        Ok(match register.and_then(|register| register.value().ok()) {
            Some(MvRegValue::Bytes(bytes)) => Some(bytes.clone()),
            _ => None,
        })
    }

    fn pull(to: &mut Self, from: &mut Self) -> Result<u64> {
        let asked = rmp_serde::to_vec(&(&to.state.context, to.state.store.dots()))?;
        let (known, held): (CausalContext, CausalContext) = rmp_serde::from_slice(&asked)?;
        let mut delta = from.state.subset_for_inflation_from(&known);
        let deleted = compute_deletions_unknown_to(ComputeDeletionsArg {
            known_dots: &from.state.context,
            live_dots: &from.state.store.dots(),
            ignorant: &held,
        });
        delta.context.union(&deleted);
        let answer = rmp_serde::to_vec(&delta)?;
        let delta: State = rmp_serde::from_slice(&answer)?;
        to.state.join_or_replace_with(delta.store, &delta.context);
        Ok((asked.len() + answer.len()) as u64)
    }

    fn join_cold(to: &mut Self, from: &mut Self) -> Result<u64> {
        let sent = rmp_serde::to_vec(&from.state)?;
        let state: State = rmp_serde::from_slice(&sent)?;
        to.state.join_or_replace_with(state.store, &state.context);
        Ok(sent.len() as u64)
    }

    fn save(&mut self) -> Result<Saved> {
        Ok(vec![rmp_serde::to_vec(&self.state)?])
    }

    fn load(saved: &Saved) -> Result<Self> {
        let bytes = saved.first().context("nothing was saved")?;
        Ok(Self { state: rmp_serde::from_slice(bytes)?, id: Identifier::new(0, 0) })
    }

    fn add(&mut self, elements: &[String]) -> Result<()> {
        self.write(elements.iter().map(|element| (element.clone(), MvRegValue::Bool(true))));
        Ok(())
    }

    fn remove(&mut self, elements: &[String]) -> Result<()> {
        let mut gone = CausalContext::new();
        for value in elements.iter().filter_map(|element| self.state.store.get(element)) {
            value.add_dots_to(&mut gone);
        }
        self.state.join_or_replace_with(OrMap::default(), &gone);
        Ok(())
    }

    fn set_len(&mut self) -> Result<usize> {
        Ok(self.state.store.len())
    }
}
