//! The records about identity: which instance this is, which life it writes under, how it ended.
//!
//! The last life record of a log counts; a close record behind it renews its token.

use rejoin_crdt::{ReplicaId, Seq};

use crate::token::Token;

/// What is durable about the life of a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LifeRecord {
    pub(crate) token: Token,
    /// The replica id and the greatest sequence number that may be in use; `None` before the first write.
    pub(crate) life: Option<(ReplicaId, Seq)>,
}

impl LifeRecord {
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = self.token.0.to_vec();
        if let Some((replica, seq_limit)) = self.life {
            bytes.extend(replica.as_bytes());
            bytes.extend(seq_limit.to_le_bytes());
        }
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (token, rest) = bytes.split_first_chunk()?;
        let token = Token(*token);
        if rest.is_empty() {
            return Some(Self { token, life: None });
        }
        let (replica, rest) = rest.split_first_chunk()?;
        let seq_limit = Seq::from_le_bytes(rest.try_into().ok()?);
        Some(Self { token, life: Some((ReplicaId::from_bytes(*replica), seq_limit)) })
    }
}

/// A clean end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CloseRecord {
    pub(crate) token: Token,
    /// The last sequence number that was used; 0 if none was.
    pub(crate) last_seq: Seq,
}

impl CloseRecord {
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = self.token.0.to_vec();
        bytes.extend(self.last_seq.to_le_bytes());
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (token, rest) = bytes.split_first_chunk()?;
        let last_seq = Seq::from_le_bytes(rest.try_into().ok()?);
        Some(Self { token: Token(*token), last_seq })
    }
}
