//! Context forms: how a context travels within a session.
//!
//! The first byte says which form it is:
//!
//! - `0` **full**: the encoding of the engine follows.
//! - `1` **difference** to the last context that the sender told in this session. Contexts only grow,
//!   so it is a list of increments: components are named by their gap in the sorted list of the last
//!   context, which both sides have, and only new replicas cost their 16 bytes.
//! - `2` **hash**: 16 bytes of BLAKE3 over the full encoding, for a context that the receiver should
//!   know; a receiver that does not, pulls.
//!
//! No form at all (nil) means: unchanged.

use rejoin_crdt::{Limits, ReplicaId, VersionVector};
use thiserror::Error;

use crate::document::{Context, decode_context, encode_context};
use crate::varint;

const FULL: u8 = 0;
const DIFFERENCE: u8 = 1;
const HASH: u8 = 2;

/// Why a context form cannot be read. No state was changed.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ContextError {
    /// The form byte is unknown.
    #[error("{form} is no form of a context")]
    Form {
        /// The form byte.
        form: u8,
    },
    /// The bytes end early, or do not end where they should.
    #[error("a context form of {len_bytes} bytes is malformed")]
    Malformed {
        /// The length of the form.
        len_bytes: usize,
    },
    /// A difference, but there is nothing it could be the difference to.
    #[error("a difference to a context that was not told in this session")]
    NoPredecessor,
    /// A difference that names more components than there are.
    #[error("a difference to component {component} of {len}")]
    NoComponent {
        /// The position that is named.
        component: u64,
        /// How many there are.
        len: usize,
    },
    /// More replicas than a version vector may have.
    #[error("a context with more than {limit} replicas")]
    TooManyReplicas {
        /// The limit.
        limit: usize,
    },
    /// The full form is not one.
    #[error("the full form of a context is malformed")]
    Full,
}

/// The full form.
pub(crate) fn full(context: &Context) -> Vec<u8> {
    let mut bytes = vec![FULL];
    bytes.extend_from_slice(&encode_context(context));
    bytes
}

/// The form by hash.
pub(crate) fn by_hash(context: &Context) -> Vec<u8> {
    let mut bytes = vec![HASH];
    bytes.extend_from_slice(&hash16(&encode_context(context)));
    bytes
}

/// Whether a form names its context by a hash.
pub(crate) fn is_hash(form: &[u8]) -> bool {
    form.first() == Some(&HASH)
}

/// 16 bytes of BLAKE3.
pub(crate) fn hash16(bytes: &[u8]) -> [u8; 16] {
    let mut out = [0; 16];
    blake3::Hasher::new().update(bytes).finalize_xof().fill(&mut out);
    out
}

/// `now` for a receiver whom `told` was told last: nothing if it is the same, the difference if that
/// can say it, else in full.
pub(crate) fn since(told: Option<&Context>, now: &Context) -> Option<Vec<u8>> {
    let Some(told) = told else { return Some(full(now)) };
    if told == now {
        return None;
    }
    let (Some(before), Some(after)) = (told.uniform(), now.uniform()) else {
        return Some(full(now));
    };
    if !after.covers(before) {
        return Some(full(now));
    }
    Some(difference(before, after))
}

fn difference(before: &VersionVector, after: &VersionVector) -> Vec<u8> {
    let mut raised = Vec::new();
    let mut next = 0_u64;
    let mut raised_len = 0_u64;
    for (at, (replica, seq)) in (0_u64..).zip(before.iter()) {
        let increment = after.seq(replica).saturating_sub(seq);
        if increment > 0 {
            varint::put(&mut raised, at - next);
            varint::put(&mut raised, increment);
            next = at + 1;
            raised_len += 1;
        }
    }
    let mut bytes = vec![DIFFERENCE];
    varint::put(&mut bytes, raised_len);
    bytes.extend_from_slice(&raised);
    for (replica, seq) in after.iter().filter(|(replica, _)| before.seq(*replica) == 0) {
        bytes.extend_from_slice(replica.as_bytes());
        varint::put(&mut bytes, seq);
    }
    bytes
}

/// The context that `form` stands for. `last` is the last one that this peer told; `known` are the
/// contexts that a hash may mean. `None` if it is the hash of none of them.
pub(crate) fn read(
    form: &[u8],
    last: Option<&Context>,
    known: &[&Context],
    limits: &Limits,
) -> Result<Option<Context>, ContextError> {
    let malformed = ContextError::Malformed { len_bytes: form.len() };
    let (kind, rest) = form.split_first().ok_or(malformed.clone())?;
    match *kind {
        FULL => match decode_context(rest, limits) {
            Ok(context) => Ok(Some(context)),
            Err(_) => Err(ContextError::Full),
        },
        DIFFERENCE => {
            let before = last.and_then(Context::uniform).ok_or(ContextError::NoPredecessor)?;
            read_difference(rest, before, limits, malformed).map(|v| Some(Context::from(v)))
        }
        HASH if rest.len() == 16 => {
            let meant = known.iter().find(|context| hash16(&encode_context(context)) == *rest);
            Ok(meant.copied().cloned())
        }
        HASH => Err(malformed),
        form => Err(ContextError::Form { form }),
    }
}

fn read_difference(
    mut rest: &[u8],
    before: &VersionVector,
    limits: &Limits,
    malformed: ContextError,
) -> Result<VersionVector, ContextError> {
    let (limit, len) = (limits.version_vector_entries, before.len());
    let raised = varint::take(&mut rest).ok_or(malformed.clone())?;
    let mut components: Vec<(ReplicaId, u64)> = before.iter().collect();
    let mut next = 0_u64;
    for _ in 0..raised {
        let gap = varint::take(&mut rest).ok_or(malformed.clone())?;
        let increment = varint::take(&mut rest).ok_or(malformed.clone())?;
        let component = next.saturating_add(gap);
        let at = usize::try_from(component).unwrap_or(usize::MAX);
        let place = components.get_mut(at).ok_or(ContextError::NoComponent { component, len })?;
        let raised = place.1.checked_add(increment).filter(|_| increment > 0);
        place.1 = raised.ok_or(malformed.clone())?;
        next = component.saturating_add(1);
    }
    let mut last = None;
    while !rest.is_empty() {
        if components.len() >= limit {
            return Err(ContextError::TooManyReplicas { limit });
        }
        let (id, after) = rest.split_first_chunk::<16>().ok_or(malformed.clone())?;
        rest = after;
        let replica = ReplicaId::from_bytes(*id);
        let seq = varint::take(&mut rest).filter(|seq| *seq > 0).ok_or(malformed.clone())?;
        if last >= Some(replica) || before.seq(replica) > 0 {
            return Err(malformed);
        }
        last = Some(replica);
        components.push((replica, seq));
    }
    Ok(components.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(components: &[(u128, u64)]) -> Context {
        let ids = components.iter().map(|(id, seq)| (ReplicaId::from_u128(*id), *seq));
        Context::from(ids.collect::<VersionVector>())
    }

    fn through(last: Option<&Context>, form: &[u8]) -> Option<Context> {
        read(form, last, &[], &Limits::default()).unwrap()
    }

    #[test]
    fn one_change_costs_four_bytes() {
        let before = context(&[(1, 10), (2, 300), (3, 7)]);
        let after = context(&[(1, 10), (2, 301), (3, 7)]);
        let form = since(Some(&before), &after).unwrap();
        assert_eq!(form, [DIFFERENCE, 1, 1, 1]);
        assert_eq!(through(Some(&before), &form), Some(after));
    }

    #[test]
    fn new_replicas_travel_with_their_ids() {
        let (before, after) = (context(&[(2, 5)]), context(&[(1, 3), (2, 6), (9, 1_000)]));
        let form = since(Some(&before), &after).unwrap();
        assert_eq!(form.len(), 1 + 1 + 2 + 17 + 18);
        assert_eq!(through(Some(&before), &form), Some(after));
    }

    #[test]
    fn an_unchanged_context_costs_nothing_and_a_first_one_is_full() {
        let now = context(&[(1, 3)]);
        assert_eq!(since(Some(&now), &now), None);
        assert_eq!(through(None, &since(None, &now).unwrap()), Some(now));
    }

    #[test]
    fn a_hash_means_a_context_that_is_known_or_none() {
        let (one, two) = (context(&[(1, 3)]), context(&[(1, 4)]));
        let limits = Limits::default();
        assert_eq!(read(&by_hash(&one), None, &[&two, &one], &limits), Ok(Some(one.clone())));
        assert_eq!(read(&by_hash(&one), None, &[&two], &limits), Ok(None));
    }

    #[test]
    fn a_component_that_does_not_exist_is_refused() {
        let before = context(&[(1, 3)]);
        let refused = read(&[DIFFERENCE, 1, 5, 1], Some(&before), &[], &Limits::default());
        assert_eq!(refused, Err(ContextError::NoComponent { component: 5, len: 1 }));
    }
}
