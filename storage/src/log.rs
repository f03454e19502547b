//! The storage over a disk: a log of records, replaced by a checkpoint from time to time.
//!
//! What must hold: the slot that counts is never written to except at its end, and the other slot is
//! emptied, filled, synced and sealed before the first one is dropped. So at every moment one slot has
//! every acknowledged record. A completion comes after the sync, and after a failed sync nothing is
//! written any more: what the system still shows of the lost bytes is not what the device has.
//! Source: Rebello and others, *Can Applications Recover from fsync Failures?*, 2020, section 3.

use std::collections::VecDeque;

use rejoin_crdt::{ReplicaId, Seq};

use crate::disk::{Disk, Slot};
use crate::frame::{Kind, Position};
use crate::life_record::{CloseRecord, LifeRecord};
use crate::seal_record::SealRecord;
use crate::slot_writer::{append, clear, write_generation};
use crate::storage::{Completion, Storage, StorageError, Ticket, Write};
use crate::token::{Token, TokenPlace};

/// Below this much behind the checkpoint a new one is not worth its syncs.
const LEAST_APPENDED_BYTES: u64 = 1 << 20;

/// A [`Storage`] over a [`Disk`]; made by [`open`](crate::open). Writes complete when they are submitted.
#[derive(Debug)]
pub struct Log<D, P> {
    disk: D,
    place: P,
    /// The slot that counts.
    slot: Slot,
    generation: u64,
    /// Where the next frame goes.
    end: Position,
    /// Where the checkpoint ends; 0 makes a new one due.
    checkpoint_bytes: u64,
    life: LifeRecord,
    state: State,
    tickets: u64,
    completed: VecDeque<Completion>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Open,
    Poisoned,
    Closed,
}

/// Where a log stands on its disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    pub(crate) slot: Slot,
    pub(crate) generation: u64,
    pub(crate) end: Position,
    pub(crate) checkpoint_bytes: u64,
}

impl<D: Disk, P: TokenPlace> Log<D, P> {
    pub(crate) const fn new(disk: D, place: P, standing: Standing, life: LifeRecord) -> Self {
        let Standing { slot, generation, end, checkpoint_bytes } = standing;
        Self {
            disk,
            place,
            slot,
            generation,
            end,
            checkpoint_bytes,
            life,
            state: State::Open,
            tickets: 0,
            completed: VecDeque::new(),
        }
    }

    /// The disk below.
    pub const fn disk(&self) -> &D {
        &self.disk
    }

    /// The place of the token.
    pub const fn place(&self) -> &P {
        &self.place
    }

    /// Gives the disk and the place back, as they are.
    pub fn into_parts(self) -> (D, P) {
        (self.disk, self.place)
    }

    fn perform(&mut self, write: Write) -> Result<(), StorageError> {
        match self.state {
            State::Open => {}
            State::Poisoned => return Err(StorageError::Poisoned),
            State::Closed => return Err(StorageError::Closed),
        }
        let result = match write {
            Write::Append(record) => self.append(Kind::Record, &record),
            Write::Checkpoint(records) => self.checkpoint(records),
            Write::Reserve { replica, seq_limit, token } => self.reserve(replica, seq_limit, token),
            Write::Close { last_seq, token } => self.close(last_seq, token),
        };
        if let Err(StorageError::OutcomeUnknown(_)) = result {
            self.state = State::Poisoned;
        }
        result
    }

    fn append(&mut self, kind: Kind, payload: &[u8]) -> Result<(), StorageError> {
        self.end = append(&mut self.disk, self.slot, self.end, kind, payload)?;
        Ok(())
    }

    fn checkpoint(&mut self, records: impl Iterator<Item = Vec<u8>>) -> Result<(), StorageError> {
        let (slot, generation) = (self.slot.other(), self.generation.saturating_add(1));
        let end = write_generation(
            &mut self.disk,
            slot,
            generation,
            Some(self.life),
            records,
            SealRecord::default(),
        )?;
        // Until the old slot is durably gone, damage to the new one would bring it back.
        clear(&mut self.disk, self.slot).map_err(StorageError::OutcomeUnknown)?;
        (self.slot, self.generation, self.end) = (slot, generation, end);
        self.checkpoint_bytes = end.offset;
        Ok(())
    }

    /// The place goes first: from then on no older copy of the log matches it. After a crash in between
    /// this log does not match it either, and a new life begins.
    fn reserve(
        &mut self,
        replica: ReplicaId,
        seq_limit: Seq,
        token: Token,
    ) -> Result<(), StorageError> {
        self.check_new(token)?;
        if let Some((of, reserved)) = self.life.life
            && of == replica
            && seq_limit < reserved
        {
            return Err(StorageError::LimitGoesBack { reserved, asked: seq_limit });
        }
        self.place.write(token).map_err(StorageError::Place)?;
        let life = LifeRecord { token, life: Some((replica, seq_limit)) };
        self.append(Kind::Life, &life.to_bytes())?;
        self.life = life;
        Ok(())
    }

    /// The log goes first: a close is a proof, and the place confirms it only when the disk has it. If
    /// the sync fails, the next open may see a close record that is not durable, and must not trust it.
    fn close(&mut self, last_seq: Seq, token: Token) -> Result<(), StorageError> {
        self.check_new(token)?;
        let seq_limit = self.life.life.map_or(0, |(_, seq_limit)| seq_limit);
        if last_seq > seq_limit {
            return Err(StorageError::BeyondLimit { last_seq, seq_limit });
        }
        self.append(Kind::Close, &CloseRecord { token, last_seq }.to_bytes())?;
        self.state = State::Closed;
        self.place.write(token).map_err(StorageError::Place)
    }

    fn check_new(&self, token: Token) -> Result<(), StorageError> {
        if token == self.life.token { Err(StorageError::TokenRepeated) } else { Ok(()) }
    }
}

impl<D: Disk, P: TokenPlace> Storage for Log<D, P> {
    fn submit(&mut self, write: Write) -> Ticket {
        let ticket = Ticket(self.tickets);
        self.tickets += 1;
        let result = self.perform(write);
        self.completed.push_back(Completion { ticket, result });
        ticket
    }

    fn poll(&mut self) -> Option<Completion> {
        self.completed.pop_front()
    }

    /// When more has been appended than the checkpoint has, so that every byte is written three times
    /// at most; and after an open that had to rewrite the log.
    fn wants_checkpoint(&self) -> bool {
        let appended_bytes = self.end.offset.saturating_sub(self.checkpoint_bytes);
        self.checkpoint_bytes == 0
            || appended_bytes > self.checkpoint_bytes.max(LEAST_APPENDED_BYTES)
    }
}
