//! What two sides tell each other to find out where they differ: ranges with fingerprints, cells with
//! hashes, names of cells.
//!
//! All of it is about what is *held*, tombstones included. Hashes of cells are under a key of the
//! exchange, so that nobody can have chosen records whose hashes collide.

use std::collections::BTreeSet;

use rejoin_crdt::{Fingerprint, Limits};

use crate::config::ClusterId;
use crate::document::{Key, KeyRange};
use crate::varint;

/// The hash of the dots in one cell.
pub(crate) type CellHash = [u8; 16];

/// More ranges than any step of an honest exchange has: 256 that differ, in 16 pieces each.
pub(crate) const MOST_ITEMS: usize = 4_096;

const HAS_START: u64 = 1;
const HAS_END: u64 = 2;
const IS_LEAF: u64 = 4;

/// One range of an offer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Item {
    pub(crate) range: KeyRange,
    pub(crate) content: Content,
}

/// What the sender holds in a range.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Content {
    /// So many cells, with this fingerprint.
    Sum { cells: u64, fingerprint: Fingerprint },
    /// Cells with these hashes.
    Cells(Vec<CellHash>),
}

/// The key of one exchange: nobody knows it before the exchange begins.
pub(crate) fn exchange_key(cluster: ClusterId, nonce: [u8; 16]) -> [u8; 32] {
    let material = [cluster.0, nonce].concat();
    blake3::derive_key("rejoin sync: hashes of one comparison, form 1", &material)
}

/// The bytes of the items of an offer.
pub(crate) fn put_items(items: &[Item]) -> Vec<u8> {
    let mut out = Vec::new();
    for Item { range, content } in items {
        let flag = |present: bool, flag| if present { flag } else { 0 };
        let is_leaf = matches!(content, Content::Cells(_));
        let flags = flag(range.start.is_some(), HAS_START)
            | flag(range.end.is_some(), HAS_END)
            | flag(is_leaf, IS_LEAF);
        varint::put(&mut out, flags);
        for bound in [&range.start, &range.end].into_iter().flatten() {
            put_bytes(&mut out, bound.as_bytes());
        }
        match content {
            Content::Sum { cells, fingerprint } => {
                varint::put(&mut out, *cells);
                out.extend_from_slice(&fingerprint.0);
            }
            Content::Cells(hashes) => put_bytes(&mut out, hashes.as_flattened()),
        }
    }
    out
}

/// The items of an offer; `None` if the bytes are malformed, or are more than any offer has.
pub(crate) fn read_items(mut bytes: &[u8], most_key_bytes: usize) -> Option<Vec<Item>> {
    let mut items = Vec::new();
    while !bytes.is_empty() {
        if items.len() == MOST_ITEMS {
            return None;
        }
        let flags = varint::take(&mut bytes).filter(|flags| *flags < 8)?;
        let mut bound = |flag: u64| match flags & flag {
            0 => Some(None),
            _ => take_key(&mut bytes, most_key_bytes).map(Some),
        };
        let range = KeyRange { start: bound(HAS_START)?, end: bound(HAS_END)? };
        let content = if flags & IS_LEAF == 0 {
            let cells = varint::take(&mut bytes)?;
            let (fingerprint, rest) = bytes.split_first_chunk()?;
            bytes = rest;
            Content::Sum { cells, fingerprint: Fingerprint(*fingerprint) }
        } else {
            Content::Cells(read_hashes(take_bytes(&mut bytes)?)?)
        };
        items.push(Item { range, content });
    }
    Some(items)
}

/// The hashes that stand one after another; `None` if bytes are left over.
pub(crate) fn read_hashes(bytes: &[u8]) -> Option<Vec<CellHash>> {
    let (hashes, rest) = bytes.as_chunks();
    rest.is_empty().then(|| hashes.to_vec())
}

/// The bytes of some keys.
pub(crate) fn put_keys<'a>(keys: impl IntoIterator<Item = &'a Key>) -> Vec<u8> {
    let mut out = Vec::new();
    keys.into_iter().for_each(|key| put_bytes(&mut out, key.as_bytes()));
    out
}

/// The keys of cells that stand one after another; `None` if one of them is none.
pub(crate) fn read_keys(mut bytes: &[u8], limits: &Limits) -> Option<BTreeSet<Key>> {
    let narrow = |limit: usize| u32::try_from(limit).unwrap_or(u32::MAX);
    let mut keys = BTreeSet::new();
    while !bytes.is_empty() {
        let key = take_bytes(&mut bytes)?;
        let (key_bytes, components) = (narrow(limits.key_bytes), narrow(limits.key_components));
        keys.insert(Key::from_bytes(key, key_bytes, components).ok()?);
    }
    Some(keys)
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    varint::put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn take_bytes<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(varint::take(bytes)?).ok()?;
    let (taken, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(taken)
}

/// A position in key order, as far as it is of any use: it is compared, never stored.
fn take_key(bytes: &mut &[u8], most_bytes: usize) -> Option<Key> {
    let key = take_bytes(bytes).filter(|key| key.len() <= most_bytes)?;
    Some(Key::bound(key))
}

#[cfg(test)]
mod tests {
    use rejoin_crdt::path::{IntoPath, TypeTag};

    use super::*;

    #[test]
    fn items_and_keys_come_back_and_damage_is_refused() {
        let key = |name: &str| Key::bound(name.as_bytes());
        let sum = Content::Sum { cells: 300, fingerprint: Fingerprint([7; 16]) };
        let range = |start: Option<&str>, end: Option<&str>| KeyRange {
            start: start.map(key),
            end: end.map(key),
        };
        let items = vec![
            Item { range: range(None, Some("m")), content: sum },
            Item { range: range(Some("m"), None), content: Content::Cells(vec![[1; 16], [2; 16]]) },
        ];
        let bytes = put_items(&items);
        assert_eq!(read_items(&bytes, 8), Some(items));
        assert_eq!(read_items(&bytes, 0), None, "a bound is longer than any key");
        let cut = (1..bytes.len()).filter(|len| read_items(&bytes[..*len], 8).is_some());
        assert_eq!(cut.count(), 1, "only a whole item is one");
        let limits = Limits::default();
        let cell = |name: &str| Key::new(name.into_path(), TypeTag::Register).unwrap();
        let keys: BTreeSet<Key> = [cell("a"), cell("b")].into_iter().collect();
        assert_eq!(read_keys(&put_keys(&keys), &limits), Some(keys));
        assert_eq!((read_keys(&[5, 1], &limits), read_hashes(&[0; 17])), (None, None));
        assert_eq!(read_keys(&put_keys([&key("no cell")]), &limits), None);
    }
}
