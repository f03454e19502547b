//! The decoder: from the coded symbols of a peer and the own set to the difference.
//!
//! The peer has the key and may have computed its coded symbols from no set at all. So everything that
//! is true of the sums of a set is checked as they are taken apart:
//!
//! - A symbol that comes out has a checksum that fits and maps to the coded symbol it was found in.
//! - It comes out once. What only the peer has is not in the own set; what only we have is.
//! - A coded symbol that is empty stays empty, because all that it was the sum of has come out.
//!
//! By the third, each symbol that comes out uses up the coded symbol that it was found in. So there are
//! no more of them than coded symbols, and decoding ends.
//!
//! The difference is known when *all* coded symbols are empty. For an honest stream it would do to look
//! at the first, in which every symbol is; looking at all makes damage to any of them visible.

use std::collections::{BTreeMap, BTreeSet};

use rejoin_crdt::planted::{Bug, planted};

use super::{Coded, Encoder, Member, SketchError};

/// What two sets do not have in common. Both lists are sorted.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Difference {
    /// The symbols that only the peer has.
    pub(crate) only_theirs: Vec<[u8; 16]>,
    /// The symbols that only the own set has.
    pub(crate) only_ours: Vec<[u8; 16]>,
}

/// Who has a symbol that the other lacks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    Theirs,
    Ours,
}

/// Takes coded symbols in order, until the difference of the peer's set to the own set is known.
///
/// Its memory is that of the own set and a constant for each coded symbol taken. How many to take is
/// the caller's decision: a damaged stream may never come to an end.
#[derive(Clone, Debug)]
pub(crate) struct Decoder {
    own: Encoder,
    /// What was received, without the own set and without what was decoded.
    rest: Vec<Coded>,
    /// How many of them are not empty.
    occupied: usize,
    /// Those that may hold one symbol alone and have not been looked at.
    candidates: BTreeSet<usize>,
    decoded: BTreeMap<u128, Side>,
    /// What was decoded, by the next index that it maps to and that has not come yet.
    ahead: BTreeMap<u64, Vec<(Side, Member)>>,
    failure: Option<SketchError>,
}

impl Decoder {
    /// Compares with the set of `symbols`, under the key of the peer's [`Encoder`].
    pub(crate) fn new(key: [u8; 32], symbols: impl Iterator<Item = [u8; 16]>) -> Self {
        Self {
            own: Encoder::new(key, symbols),
            rest: Vec::new(),
            occupied: 0,
            candidates: BTreeSet::new(),
            decoded: BTreeMap::new(),
            ahead: BTreeMap::new(),
            failure: None,
        }
    }

    /// Takes the next coded symbol of the peer.
    ///
    /// # Errors
    ///
    /// When the stream so far is that of no set. From then on every call returns the same error, and
    /// there will be no difference.
    pub(crate) fn add(&mut self, coded: Coded) -> Result<(), SketchError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        self.receive(coded).and_then(|()| self.peel()).inspect_err(|error| {
            self.failure = Some(*error);
        })
    }

    /// Whether the difference is known.
    pub(crate) fn is_done(&self) -> bool {
        let is_empty = self.occupied == 0 || planted(Bug::SketchHalfRead);
        self.failure.is_none() && is_empty && !self.rest.is_empty()
    }

    /// The difference, if it is known.
    pub(crate) fn difference(self) -> Option<Difference> {
        if !self.is_done() {
            return None;
        }
        let mut difference = Difference::default();
        for (symbol, side) in self.decoded {
            let list = match side {
                Side::Theirs => &mut difference.only_theirs,
                Side::Ours => &mut difference.only_ours,
            };
            list.push(symbol.to_be_bytes());
        }
        Some(difference)
    }

    fn receive(&mut self, coded: Coded) -> Result<(), SketchError> {
        let index = self.rest.len();
        let mut rest = coded;
        rest.subtract(self.own.next());
        self.rest.push(rest);
        self.occupied += usize::from(!rest.is_empty());
        self.candidates.insert(index);
        for (side, member) in self.ahead.remove(&(index as u64)).unwrap_or_default() {
            self.take_out(side, member)?;
        }
        Ok(())
    }

    fn peel(&mut self) -> Result<(), SketchError> {
        while let Some(index) = self.candidates.pop_first() {
            let Some((side, member)) = self.single(index) else { continue };
            let symbol = member.symbol;
            let is_ours = self.own.contains(symbol);
            if is_ours != (side == Side::Ours) || self.decoded.insert(symbol, side).is_some() {
                return Err(SketchError::Contradiction { index });
            }
            debug_assert!(self.decoded.len() <= self.rest.len(), "each has used one up");
            self.take_out(side, member)?;
            if self.rest.get(index).is_some_and(|rest| !rest.is_empty()) {
                return Err(SketchError::Misplaced { index });
            }
        }
        Ok(())
    }

    /// The symbol that is alone in a coded symbol.
    fn single(&self, index: usize) -> Option<(Side, Member)> {
        let rest = self.rest.get(index)?;
        let side = match rest.count {
            1 => Side::Theirs,
            -1 => Side::Ours,
            _ => return None,
        };
        let member = self.own.key().member(rest.symbols);
        (member.checksum == rest.checksums).then_some((side, member))
    }

    /// Takes a symbol out of all coded symbols from its current index on.
    fn take_out(&mut self, side: Side, mut member: Member) -> Result<(), SketchError> {
        while let Ok(index) = usize::try_from(member.mapping.index())
            && let Some(rest) = self.rest.get_mut(index)
        {
            if rest.is_empty() {
                return Err(SketchError::Missing { index });
            }
            match side {
                Side::Theirs => rest.subtract(member.coded()),
                Side::Ours => rest.add(member.coded()),
            }
            self.occupied -= usize::from(rest.is_empty());
            self.candidates.insert(index);
            member.mapping.advance();
        }
        self.ahead.entry(member.mapping.index()).or_default().push((side, member));
        Ok(())
    }
}
