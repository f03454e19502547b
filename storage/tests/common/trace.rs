//! A disk and a place that note what is done to them, and what a crash at any moment leaves.

use std::cell::RefCell;
use std::rc::Rc;

use rejoin_storage::{Disk, DiskError, MemoryDisk, Slot, Token, TokenPlace};

/// What was done.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Append(Slot, Vec<u8>),
    Truncate(Slot, u64),
    Sync(Slot),
    Place(Token),
    /// The test submits its next write.
    Submitted,
    /// The write has completed with `Ok`.
    Acknowledged,
}

pub(crate) type Trace = Rc<RefCell<Vec<Event>>>;

/// A disk in memory that notes changes.
#[derive(Clone)]
pub(crate) struct TracedDisk {
    pub(crate) disk: MemoryDisk,
    pub(crate) trace: Trace,
}

impl Disk for TracedDisk {
    fn len_bytes(&self, slot: Slot) -> Result<u64, DiskError> {
        self.disk.len_bytes(slot)
    }

    fn read(&self, slot: Slot, offset: u64, into: &mut [u8]) -> Result<(), DiskError> {
        self.disk.read(slot, offset, into)
    }

    fn append(&mut self, slot: Slot, bytes: &[u8]) -> Result<(), DiskError> {
        self.trace.borrow_mut().push(Event::Append(slot, bytes.to_vec()));
        self.disk.append(slot, bytes)
    }

    fn truncate(&mut self, slot: Slot, len_bytes: u64) -> Result<(), DiskError> {
        self.trace.borrow_mut().push(Event::Truncate(slot, len_bytes));
        self.disk.truncate(slot, len_bytes)
    }

    fn sync(&mut self, slot: Slot) -> Result<(), DiskError> {
        self.trace.borrow_mut().push(Event::Sync(slot));
        self.disk.sync(slot)
    }
}

/// A place that notes what is written to it.
#[derive(Clone)]
pub(crate) struct TracedPlace {
    pub(crate) token: Rc<RefCell<Option<Token>>>,
    pub(crate) trace: Trace,
}

impl TokenPlace for TracedPlace {
    fn read(&self) -> Result<Option<Token>, DiskError> {
        Ok(*self.token.borrow())
    }

    fn write(&mut self, token: Token) -> Result<(), DiskError> {
        self.trace.borrow_mut().push(Event::Place(token));
        *self.token.borrow_mut() = Some(token);
        Ok(())
    }
}

/// What a crash leaves.
#[derive(Clone)]
pub(crate) struct Image {
    pub(crate) disk: MemoryDisk,
    pub(crate) token: Option<Token>,
    pub(crate) submitted: usize,
    pub(crate) acknowledged: usize,
}

impl Image {
    /// A disk and a place that note what is done to them from here on.
    pub(crate) fn traced(&self) -> (TracedDisk, TracedPlace) {
        let trace = Trace::default();
        let token = Rc::new(RefCell::new(self.token));
        (TracedDisk { disk: self.disk.clone(), trace: trace.clone() }, TracedPlace { token, trace })
    }
}

/// Calls `visit` with what a crash leaves at every byte of `trace`, once with all writes before that
/// byte and once with only what was synced of them, until `visit` fails.
pub(crate) fn for_each_crash<E>(
    start: &Image,
    trace: &[Event],
    mut visit: impl FnMut(&Image) -> Result<(), E>,
) -> Result<(), E> {
    let mut flushed = start.clone();
    let mut disk = start.disk.clone();
    for event in trace {
        match event {
            Event::Append(slot, bytes) => {
                for kept in 0..bytes.len() {
                    for mut image in [flushed.clone(), synced(&disk, &flushed)] {
                        image.disk.append(*slot, &bytes[..kept]).unwrap();
                        image.disk.sync(*slot).unwrap();
                        visit(&image)?;
                    }
                }
                disk.append(*slot, bytes).unwrap();
                flushed.disk.append(*slot, bytes).unwrap();
                flushed.disk.sync(*slot).unwrap();
            }
            Event::Truncate(slot, len_bytes) => {
                disk.truncate(*slot, *len_bytes).unwrap();
                flushed.disk.truncate(*slot, *len_bytes).unwrap();
                flushed.disk.sync(*slot).unwrap();
            }
            Event::Sync(slot) => disk.sync(*slot).unwrap(),
            Event::Place(token) => flushed.token = Some(*token),
            Event::Submitted => flushed.submitted += 1,
            Event::Acknowledged => flushed.acknowledged += 1,
        }
        visit(&flushed)?;
        visit(&synced(&disk, &flushed))?;
    }
    Ok(())
}

/// The image with only what was synced.
fn synced(disk: &MemoryDisk, flushed: &Image) -> Image {
    let mut image = Image { disk: disk.clone(), ..flushed.clone() };
    image.disk.lose_unsynced();
    image
}
