//! Replica ids by number, and version vectors as differences to one that the reader knows already.
//!
//! The dictionary lists every replica id that the message names, ascending, 16 bytes each; everywhere
//! else a replica is its position. Sorted by id, not by use: then there is one dictionary per message,
//! and the components of a version vector, which are sorted by id too, are next to each other in it.
//!
//! A version vector is the list of components in which it differs from a reference, sorted: how many,
//! then for each the number of dictionary entries passed over and the zigzag difference, never zero.
//! A component that the other side lacks counts as zero. Equal vectors therefore take one byte.
//!
//! A delta after a reference (see `referenced.rs`) mostly names one replica, its author. Then it goes
//! without saying which component differs: a vector is the difference of that one, which may be zero.

use std::collections::{BTreeSet, HashSet};

use super::error::DecodeError;
use super::varint::{Reader, add_difference, difference, put_count, put_varint, wide};
use super::weight::{Budget, DICTIONARY_ENTRY_BYTES, VECTOR_COMPONENT_BYTES};
use crate::planted::{Bug, planted};
use crate::replica::ReplicaId;
use crate::version_vector::VersionVector;

const ID_BYTES: usize = 16;

/// The replica ids of a message that is being written.
#[derive(Debug)]
pub(super) struct DictionaryWriter {
    ids: Vec<ReplicaId>,
    /// Vectors are the difference of the only component that there is.
    is_lone: bool,
}

impl DictionaryWriter {
    pub(super) fn new(ids: BTreeSet<ReplicaId>) -> Self {
        if planted(Bug::HashOrderOnWire) {
            let ids: HashSet<ReplicaId> = ids.into_iter().collect();
            return Self { ids: ids.into_iter().collect(), is_lone: false };
        }
        Self { ids: ids.into_iter().collect(), is_lone: false }
    }

    /// The dictionary of a delta after a reference.
    pub(super) fn after_reference(ids: BTreeSet<ReplicaId>) -> Self {
        let is_lone = ids.len() == 1;
        Self { is_lone, ..Self::new(ids) }
    }

    pub(super) fn ids(&self) -> &[ReplicaId] {
        &self.ids
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.ids.iter().flat_map(|id| *id.as_bytes()).collect()
    }

    pub(super) fn index(&self, id: ReplicaId) -> u64 {
        // Every id of the message was collected before; a miss would only name a wrong replica.
        wide(self.ids.binary_search(&id).unwrap_or_default())
    }
}

/// The replica ids of a message that is being read, and which of them it has named so far.
#[derive(Debug)]
pub(super) struct Dictionary {
    ids: Vec<ReplicaId>,
    is_named: Vec<bool>,
    /// As in [`DictionaryWriter`].
    is_lone: bool,
}

impl Dictionary {
    pub(super) fn read(mut bytes: Reader<'_>, budget: &mut Budget) -> Result<Self, DecodeError> {
        let count = bytes.remaining() / ID_BYTES;
        budget.charge(wide(count), DICTIONARY_ENTRY_BYTES)?;
        let mut ids = Vec::with_capacity(count);
        while bytes.remaining() > 0 {
            read_id(&mut bytes, &mut ids)?;
        }
        Ok(Self { is_named: vec![false; ids.len()], ids, is_lone: false })
    }

    /// The dictionary of a delta after a reference, which has these ids, in any order.
    pub(super) fn after_reference(mut ids: Vec<ReplicaId>) -> Self {
        ids.sort_unstable();
        Self { is_named: vec![false; ids.len()], is_lone: ids.len() == 1, ids }
    }

    /// The id with this number, which ends at byte `at`.
    pub(super) fn id(&mut self, at: usize, index: u64) -> Result<ReplicaId, DecodeError> {
        let entry = usize::try_from(index).ok().filter(|entry| *entry < self.ids.len());
        let found =
            entry.and_then(|entry| Some((self.ids.get(entry)?, self.is_named.get_mut(entry)?)));
        let (id, is_named) = found.ok_or(DecodeError::UnknownReplica { at, index })?;
        *is_named = true;
        Ok(*id)
    }

    /// Refuses a dictionary with an id that nothing named: without it the message says the same.
    pub(super) fn end(self) -> Result<(), DecodeError> {
        match self.is_named.iter().position(|is_named| !is_named) {
            Some(entry) => Err(DecodeError::Dictionary { entry }),
            None => Ok(()),
        }
    }
}

/// Reads an id behind others, which it must be greater than.
pub(super) fn read_id(
    reader: &mut Reader<'_>,
    ids: &mut Vec<ReplicaId>,
) -> Result<(), DecodeError> {
    let out_of_order = DecodeError::Dictionary { entry: ids.len() };
    let id = reader.bytes(ID_BYTES)?.try_into().map_err(|_| out_of_order)?;
    let id = ReplicaId::from_bytes(id);
    if ids.last().is_some_and(|last| *last >= id) {
        return Err(out_of_order);
    }
    ids.push(id);
    Ok(())
}

pub(super) fn put_vector(
    out: &mut Vec<u8>,
    dictionary: &DictionaryWriter,
    vector: &VersionVector,
    reference: &VersionVector,
) {
    let more = vector.ahead_of(reference).map(|a| (a.replica, difference(a.upto, a.after)));
    let less = reference.ahead_of(vector).map(|a| (a.replica, difference(a.after, a.upto)));
    let mut changed: Vec<_> = more.chain(less).collect();
    changed.sort_unstable();
    if dictionary.is_lone {
        return put_varint(out, changed.first().map_or(0, |(_, changed)| *changed));
    }
    put_count(out, changed.len());
    let mut next = 0;
    for (id, changed) in changed {
        let index = dictionary.index(id);
        put_varint(out, index.saturating_sub(next));
        put_varint(out, changed);
        next = index + 1;
    }
}

pub(super) fn read_vector(
    reader: &mut Reader<'_>,
    dictionary: &mut Dictionary,
    budget: &mut Budget,
    reference: &VersionVector,
) -> Result<VersionVector, DecodeError> {
    if dictionary.is_lone {
        return read_lone(reader, dictionary, budget, reference);
    }
    let start = reader.at();
    let mut known = reference.iter().peekable();
    let mut components = Vec::new();
    if planted(Bug::ReservedBeforeChecked) {
        let stated = usize::try_from({ *reader }.varint()?).unwrap_or(usize::MAX);
        let _ = components.try_reserve_exact(stated);
    }
    let mut push = |component: (ReplicaId, u64)| {
        budget.charge(1, VECTOR_COMPONENT_BYTES)?;
        components.push(component);
        budget.check_vector_len(start, components.len())
    };
    let mut next = 0_u64;
    for _ in 0..reader.count(2)? {
        let index = next.saturating_add(reader.varint()?);
        next = index.saturating_add(1);
        let id = dictionary.id(reader.at(), index)?;
        while let Some(unchanged) = known.next_if(|(known, _)| *known < id) {
            push(unchanged)?;
        }
        let from = known.next_if(|(known, _)| *known == id).map_or(0, |(_, seq)| seq);
        let at = reader.at();
        match (reader.varint()?, from) {
            (0, _) => return Err(DecodeError::NotCanonical { at }),
            (changed, from) => match add_difference(from, changed) {
                0 => {}
                seq => push((id, seq))?,
            },
        }
    }
    known.try_for_each(push)?;
    Ok(components.into_iter().collect())
}

/// Reads a vector that differs from its reference in one component at the most.
fn read_lone(
    reader: &mut Reader<'_>,
    dictionary: &mut Dictionary,
    budget: &mut Budget,
    reference: &VersionVector,
) -> Result<VersionVector, DecodeError> {
    let start = reader.at();
    let changed = reader.varint()?;
    if changed == 0 {
        charge_copy(budget, start, reference.len())?;
        return Ok(reference.clone());
    }
    let id = dictionary.id(reader.at(), 0)?;
    let (from, is_new) = (reference.seq(id), reference.place(id).is_none());
    let to = add_difference(from, changed);
    let len = reference.len() + usize::from(is_new) - usize::from(to == 0 && !is_new);
    charge_copy(budget, start, len)?;
    Ok(reference.with(id, to))
}

fn charge_copy(budget: &mut Budget, at: usize, len: usize) -> Result<(), DecodeError> {
    budget.check_vector_len(at, len)?;
    budget.charge(wide(len), VECTOR_COMPONENT_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    fn vector(components: &[(u128, u64)]) -> VersionVector {
        components.iter().map(|(id, seq)| (ReplicaId::from_u128(*id), *seq)).collect()
    }

    fn round_trip(vector: &VersionVector, reference: &VersionVector) -> usize {
        let ids = vector.iter().chain(reference.iter()).map(|(id, _)| id).collect();
        let writer = DictionaryWriter::new(ids);
        let mut bytes = Vec::new();
        put_vector(&mut bytes, &writer, vector, reference);
        let mut budget = Budget::new(0, &Limits::default());
        let ids = writer.to_bytes();
        let mut dictionary = Dictionary::read(Reader::new(&ids), &mut budget).unwrap();
        let mut reader = Reader::new(&bytes);
        let read = read_vector(&mut reader, &mut dictionary, &mut budget, reference);
        assert_eq!((read.as_ref(), reader.remaining()), (Ok(vector), 0));
        bytes.len()
    }

    #[test]
    fn a_vector_costs_what_it_differs_by() {
        let known = vector(&[(1, 500), (2, u64::MAX), (7, 3)]);
        assert_eq!(round_trip(&known, &known), 1);
        assert_eq!(round_trip(&vector(&[(1, 501), (2, u64::MAX), (7, 3)]), &known), 3);
        assert_eq!(round_trip(&vector(&[(1, 500), (2, u64::MAX), (7, 3), (9, 1)]), &known), 3);
    }

    #[test]
    fn a_vector_may_lack_what_its_reference_has() {
        let known = vector(&[(1, 500), (2, u64::MAX), (7, 3)]);
        round_trip(&vector(&[(2, 1), (5, u64::MAX)]), &known);
        round_trip(&VersionVector::new(), &known);
        round_trip(&known, &VersionVector::new());
    }

    #[test]
    fn an_id_out_of_order_or_cut_short_is_refused() {
        let mut budget = Budget::new(0, &Limits::default());
        let mut read = |bytes: &[u8]| Dictionary::read(Reader::new(bytes), &mut budget).err();
        assert_eq!(read(&[0; 32]), Some(DecodeError::Dictionary { entry: 1 }));
        assert_eq!(read(&[0; 17]), Some(DecodeError::Truncated { at: 16 }));
    }
}
