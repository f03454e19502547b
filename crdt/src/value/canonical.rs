//! Makes MessagePack of any form canonical, part by part.
//!
//! Everything is written as it is read; only the pairs of a map that came out of order are put in
//! order afterwards. A tree would cost fifty times the input; this costs a few times.
//!
//! What must always hold: the result is what reading a tree and writing it would give.

use std::cmp::Ordering;

use super::ValueError;
use super::read::{Form, Reader, Token};
use super::write::{put_array_len, put_int, put_map_len, put_scalar, put_str};

/// The canonical bytes of exactly one item in any form.
pub(super) fn canonicalise(bytes: &[u8], depth: u32) -> Result<Vec<u8>, ValueError> {
    let reader = Reader { bytes, at: 0, form: Form::Any };
    let mut copy = Copy { reader, out: Vec::with_capacity(bytes.len()), starts: Vec::new() };
    copy.item(depth)?;
    copy.reader.end()?;
    Ok(copy.out)
}

/// An item on its way from one form to the other.
struct Copy<'a> {
    reader: Reader<'a>,
    out: Vec<u8>,
    /// Where the pairs of the maps that are being written begin in `out`.
    starts: Vec<u32>,
}

impl Copy<'_> {
    fn item(&mut self, depth: u32) -> Result<(), ValueError> {
        let at = self.reader.at;
        match self.reader.token()? {
            Token::Array(len) => {
                let depth = depth.checked_sub(1).ok_or(ValueError::TooDeep { at })?;
                put_array_len(&mut self.out, len)?;
                (0..len).try_for_each(|_| self.item(depth))
            }
            Token::Map(len) => {
                let depth = depth.checked_sub(1).ok_or(ValueError::TooDeep { at })?;
                put_map_len(&mut self.out, len)?;
                self.pairs(len, depth)
            }
            scalar => put_scalar(&mut self.out, &scalar),
        }
    }

    fn pairs(&mut self, len: usize, depth: u32) -> Result<(), ValueError> {
        let (first_at, first_start) = (self.reader.at, self.starts.len());
        let mut last = None;
        let mut is_sorted = true;
        for _ in 0..len {
            let (at, start) = (self.reader.at, self.out.len());
            self.starts.push(offset(start)?);
            self.key()?;
            let key = start..self.out.len();
            let order = last.map(|last| self.out.get(last).cmp(&self.out.get(key.clone())));
            match order {
                Some(Ordering::Equal) => return Err(ValueError::DuplicateKey { at }),
                Some(Ordering::Greater) => is_sorted = false,
                Some(Ordering::Less) | None => {}
            }
            last = Some(key);
            self.item(depth)?;
        }
        if !is_sorted {
            self.sort(first_start, first_at)?;
        }
        self.starts.truncate(first_start);
        Ok(())
    }

    fn key(&mut self) -> Result<(), ValueError> {
        let at = self.reader.at;
        match self.reader.token()? {
            Token::Int(number) => put_int(&mut self.out, number),
            Token::Str(text) => put_str(&mut self.out, text)?,
            _ => return Err(ValueError::KeyKind { at }),
        }
        Ok(())
    }

    /// Puts the pairs that begin at `starts[first..]` in order. They stand at the end of `out`; in the
    /// input they begin at `first_at`.
    fn sort(&mut self, first: usize, first_at: usize) -> Result<(), ValueError> {
        let (out, starts) = (&self.out, self.starts.get_mut(first..).unwrap_or_default());
        let begin = starts.first().copied().map_or(out.len(), position);
        starts.sort_unstable_by(|a, b| key_at(out, *a).cmp(key_at(out, *b)));
        let mut pairs = starts.iter().zip(starts.iter().skip(1));
        if let Some((a, b)) = pairs.find(|(a, b)| key_at(out, **a) == key_at(out, **b)) {
            let second = *a.max(b);
            let before = starts.iter().filter(|start| **start < second).count();
            return Err(ValueError::DuplicateKey { at: self.at_of_pair(first_at, before)? });
        }
        let mut sorted = Vec::with_capacity(out.len().saturating_sub(begin));
        for start in starts {
            sorted.extend_from_slice(pair_at(out, *start)?);
        }
        self.out.truncate(begin);
        self.out.append(&mut sorted);
        Ok(())
    }

    /// Where in the input the pair after `pairs` others begins.
    fn at_of_pair(&self, first_at: usize, pairs: usize) -> Result<usize, ValueError> {
        let mut reader = Reader { at: first_at, ..self.reader };
        for _ in 0..2 * pairs {
            reader.skip_item()?;
        }
        Ok(reader.at)
    }
}

/// The bytes of the key that begins at `start`.
fn key_at(out: &[u8], start: u32) -> &[u8] {
    let start = position(start);
    let mut reader = Reader { bytes: out, at: start, form: Form::Canonical };
    // What stands there was written as a key, so it reads as one.
    let end = reader.token().map_or(start, |_| reader.at);
    out.get(start..end).unwrap_or_default()
}

/// The bytes of the pair that begins at `start`.
fn pair_at(out: &[u8], start: u32) -> Result<&[u8], ValueError> {
    let start = position(start);
    let mut reader = Reader { bytes: out, at: start, form: Form::Canonical };
    reader.skip_item()?;
    reader.skip_item()?;
    Ok(out.get(start..reader.at).unwrap_or_default())
}

fn offset(position: usize) -> Result<u32, ValueError> {
    let too_large = ValueError::TooLarge { len_bytes: position, max_bytes: u32::MAX };
    u32::try_from(position).map_err(|_| too_large)
}

/// The place that [`offset`] made smaller.
fn position(offset: u32) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use quickcheck::quickcheck;

    use super::*;
    use crate::value::{DEFAULT_DEPTH, read, write};

    /// The same by way of a tree.
    fn by_tree(bytes: &[u8]) -> Result<Vec<u8>, ValueError> {
        let item = read::read(bytes, DEFAULT_DEPTH)?;
        let mut out = Vec::new();
        write::put_item(&mut out, &item, DEFAULT_DEPTH)?;
        Ok(out)
    }

    /// Bytes that are mostly MessagePack: maps and arrays of few short things.
    fn likely(bytes: &[u8]) -> Vec<u8> {
        const PARTS: [&[u8]; 16] = [
            b"\x82",
            b"\x83",
            b"\x92",
            b"\xc0",
            b"\x07",
            b"\xcc\x07",
            b"\xa1a",
            b"\xd9\x01a",
            b"\xa2bb",
            b"\xca\x3f\x80\x00\x00",
            b"\xca\x3f\x00\x00\x00",
            b"\xde\x00\x02",
            b"\xff",
            b"\xd0\x01",
            b"\xc4\x01x",
            b"\xcd\x01\x00",
        ];
        bytes.iter().flat_map(|byte| PARTS[usize::from(byte % 16)]).copied().collect()
    }

    quickcheck! {
        fn a_copy_is_what_a_tree_gives(bytes: Vec<u8>) -> bool {
            let bytes = likely(&bytes);
            match (canonicalise(&bytes, DEFAULT_DEPTH), by_tree(&bytes)) {
                (Err(_), Err(_)) => true,
                (copied, by_tree) => copied == by_tree,
            }
        }
    }

    #[test]
    fn pairs_are_put_in_order_on_every_level() {
        let bytes = b"\x83\xa1b\x82\x02\xc0\x01\xc0\xa1a\x01\xd9\x01_\x92\x81\x01\x02\x82\xa1z\x01\xa1y\x02";
        let sorted =
            b"\x83\xa1_\x92\x81\x01\x02\x82\xa1y\x02\xa1z\x01\xa1a\x01\xa1b\x82\x01\xc0\x02\xc0";
        assert_eq!(canonicalise(bytes, DEFAULT_DEPTH).as_deref(), Ok(&sorted[..]));
        assert_eq!(by_tree(bytes).as_deref(), Ok(&sorted[..]));
    }

    #[test]
    fn a_key_twice_is_named_where_it_begins_for_the_second_time() {
        let copy = |bytes: &[u8]| canonicalise(bytes, DEFAULT_DEPTH);
        let twice = |at| Err(ValueError::DuplicateKey { at });
        assert_eq!(copy(b"\x82\x07\xc0\x07\xc0"), twice(3));
        assert_eq!(copy(b"\x83\x07\x92\xc0\xc0\x05\xc0\xcc\x07\xc0"), twice(7));
        assert_eq!(copy(b"\x81\x01\x83\x07\xc0\x05\xc0\x07\xc0"), twice(7));
    }
}
