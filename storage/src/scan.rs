//! Reading one slot: everything up to the first byte that does not check out.
//!
//! What must hold: no bytes make it panic, and memory is reserved only for what the slot is known to
//! hold. What stands behind the first frame that does not check out is never used.

use rejoin_crdt::planted::{Bug, planted};

use crate::disk::{Disk, DiskError, Slot};
use crate::end::End;
use crate::frame::{
    CHECK_BYTES, FRAME_BYTES, HEADER_BYTES, Header, Kind, Position, START_BYTES, Start,
};
use crate::life_record::{CloseRecord, LifeRecord};
use crate::seal_record::SealRecord;

/// What one slot holds.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) slot: Slot,
    pub(crate) len_bytes: u64,
    /// As many of the first bytes as a header has.
    pub(crate) start: Vec<u8>,
    pub(crate) header: Option<Header>,
    /// Behind the last frame that checks out.
    pub(crate) end: Position,
    /// Behind the seal, if there is one.
    pub(crate) sealed_at: Option<u64>,
    /// What the seal says, while it is the last frame.
    pub(crate) found: Option<End>,
    pub(crate) records: Vec<Vec<u8>>,
    pub(crate) life: Option<LifeRecord>,
    /// The last sequence number, if a close record is the last frame.
    pub(crate) closed_at: Option<u64>,
    /// Whether whole frames stand behind the first one that does not check out.
    pub(crate) has_later_frame: bool,
}

impl Scan {
    /// Reads a slot.
    pub(crate) fn of<D: Disk>(disk: &D, slot: Slot) -> Result<Self, DiskError> {
        let len_bytes = disk.len_bytes(slot)?;
        let start = read(disk, slot, 0, len_bytes.min(HEADER_BYTES as u64))?;
        let header = Header::from_bytes(&start);
        let mut scan = Self {
            slot,
            len_bytes,
            start,
            header,
            end: Position::first(header.map_or([0; CHECK_BYTES], |header| header.check)),
            sealed_at: None,
            found: None,
            records: Vec::new(),
            life: None,
            closed_at: None,
            has_later_frame: false,
        };
        if header.is_some() {
            while scan.next_frame(disk)? {}
            if scan.dropped_bytes() > 0 {
                let rest = read(disk, slot, scan.end.offset, scan.dropped_bytes())?;
                scan.has_later_frame = has_later_frame(&rest, scan.end.number);
                scan.accept_torn_tail(&rest);
            }
        }
        Ok(scan)
    }

    /// How many bytes stand behind what checks out.
    pub(crate) const fn dropped_bytes(&self) -> u64 {
        match self.header {
            Some(_) => self.len_bytes.saturating_sub(self.end.offset),
            None => self.len_bytes,
        }
    }

    pub(crate) fn generation(&self) -> Option<u64> {
        self.header.map(|header| header.generation)
    }

    /// Takes the next frame; whether there was one.
    fn next_frame<D: Disk>(&mut self, disk: &D) -> Result<bool, DiskError> {
        let left_bytes = self.len_bytes.saturating_sub(self.end.offset);
        if left_bytes < FRAME_BYTES as u64 {
            return Ok(false);
        }
        let start = read(disk, self.slot, self.end.offset, START_BYTES as u64)?;
        let Some(start) = Start::from_bytes(&start) else { return Ok(false) };
        let payload_bytes = u64::from(start.payload_bytes);
        if start.number != self.end.number || left_bytes - (FRAME_BYTES as u64) < payload_bytes {
            return Ok(false);
        }
        let at = self.end.offset + START_BYTES as u64;
        let mut payload = read(disk, self.slot, at, payload_bytes + CHECK_BYTES as u64)?;
        let Some((_, check)) = payload.split_last_chunk::<CHECK_BYTES>() else { return Ok(false) };
        let check = *check;
        payload.truncate(payload.len() - CHECK_BYTES);
        if check != start.check(&self.end.check, &payload) {
            return Ok(false);
        }
        let behind = self.end.after(payload.len(), check);
        if !self.accept(start.kind, payload, behind) {
            return Ok(false);
        }
        self.end = behind;
        Ok(true)
    }

    /// Takes what a frame says; whether it may stand here.
    fn accept(&mut self, kind: Kind, payload: Vec<u8>, behind: Position) -> bool {
        let is_closed = self.closed_at.is_some();
        self.found = None;
        match kind {
            Kind::Record if !is_closed => self.records.push(payload),
            Kind::Seal if self.sealed_at.is_none() => {
                let Some(seal) = SealRecord::from_bytes(&payload) else { return false };
                self.sealed_at = Some(behind.offset);
                self.found = seal.found;
            }
            Kind::Life => {
                let Some(life) = LifeRecord::from_bytes(&payload) else { return false };
                self.life = Some(life);
                self.closed_at = None;
            }
            Kind::Close if !is_closed && self.sealed_at.is_some() => {
                let Some(close) = CloseRecord::from_bytes(&payload) else { return false };
                let Some(life) = &mut self.life else { return false };
                life.token = close.token;
                self.closed_at = Some(close.last_seq);
            }
            Kind::Record | Kind::Seal | Kind::Close => return false,
        }
        true
    }

    /// The planted bug: the tail is a record and there was no trouble.
    fn accept_torn_tail(&mut self, rest: &[u8]) {
        if planted(Bug::TornTailAccepted)
            && let Some(payload) = rest.get(START_BYTES..)
        {
            self.records.push(payload.to_vec());
            self.end.offset = self.len_bytes;
        }
    }
}

/// Whether a whole frame with a number greater than `number` stands in `rest`.
///
/// Then `rest` is not what an unfinished write leaves. A frame shows itself by the checksum of its
/// predecessor, which stands directly before it. Bytes made to look like many frames are hashed a few
/// times at most, then the answer is yes.
fn has_later_frame(rest: &[u8], number: u64) -> bool {
    let mut budget_bytes = rest.len().saturating_mul(4);
    let most_frames = (rest.len() / FRAME_BYTES) as u64;
    for window in (0..rest.len()).filter_map(|from| rest.get(from..)) {
        let Some((before, frame)) = window.split_first_chunk::<CHECK_BYTES>() else { break };
        let Some(start) = Start::from_bytes(frame) else { continue };
        let is_later = start.number > number && start.number - number <= most_frames;
        let payload_end = START_BYTES + start.payload_bytes as usize;
        let Some(check) = frame.get(payload_end..payload_end + CHECK_BYTES) else { continue };
        if !is_later {
            continue;
        }
        let Some(left_bytes) = budget_bytes.checked_sub(payload_end) else { return true };
        budget_bytes = left_bytes;
        let payload = frame.get(START_BYTES..payload_end).unwrap_or_default();
        if check == start.check(before, payload) {
            return true;
        }
    }
    false
}

/// `len_bytes` bytes of a slot, which is known to have them.
fn read<D: Disk>(disk: &D, slot: Slot, offset: u64, len_bytes: u64) -> Result<Vec<u8>, DiskError> {
    let past_end = DiskError::PastEnd { offset, asked_bytes: len_bytes, len_bytes: 0 };
    let mut bytes = vec![0; usize::try_from(len_bytes).map_err(|_| past_end)?];
    disk.read(slot, offset, &mut bytes)?;
    Ok(bytes)
}
