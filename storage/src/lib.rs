//! The durable form of a Rejoin replica: a log of records with atomic commits, crash recovery and
//! proof of identity. It knows no protocol and no data type.
//!
//! A record is a byte string of the layer above: an encoded delta, mostly. Recovery returns the records
//! of the latest complete checkpoint and those appended since, and the layer above joins them again:
//! recovery is anti-entropy with oneself. Because a join may meet a delta twice, nothing more than
//! "every acknowledged record, in order" is asked of the log.
//!
//! # Contract
//!
//! **Writes.** [`Storage::submit`] asks for one [`Write`], [`Storage::poll`] tells what became of it.
//! Each write is atomic: an open finds all of it or nothing. Writes take effect in the order of
//! submission and complete in that order, each exactly once.
//!
//! **What a caller may rely on.**
//! 1. After `Ok`, the write is durable: every later open finds it, whatever crash comes between, as
//!    long as the disk keeps what it has synced.
//! 2. After [`StorageError::OutcomeUnknown`] an open may find the write or not. The storage is poisoned:
//!    all later writes fail with [`StorageError::Poisoned`]. The caller stops, and opens again.
//! 3. After every other error no open will find the write, and what was there is there.
//! 4. A checkpoint replaces all records that were submitted before it, completed or not; its records are
//!    found whole or not at all. While there is no seal under it, the old records count.
//! 5. An open returns records that were submitted, in order, without a gap, and nothing else. If
//!    acknowledged ones may be missing, because the disk has lost or changed what was synced, the
//!    [`End`] is [`Damaged`](End::Damaged), or [`Torn`](End::Torn) if it is the last one.
//!
//! **What a caller must do.**
//! 1. Write ahead: a change is shown to readers, acknowledged, or sent to a peer only after its record
//!    has completed with `Ok`. Otherwise a life that goes on after a crash claims to know own changes
//!    that it has lost, and everybody deletes them.
//! 2. Use no dot before a [`Write::Reserve`] that covers it has completed.
//! 3. Put everything that was submitted into a checkpoint, also what has not completed yet.
//! 4. Draw every token from the system's randomness, and keep the [`TokenPlace`] out of backups,
//!    snapshots and images of the machine.
//! 5. Look at [`Life`] after an open, and begin a new life where it says so. Look at [`End`] too: a
//!    replica that may have lost records must not speak as if it had not. [`open`] drops damaged bytes;
//!    whoever wants to rescue something from them copies the disk first.
//!
//! **What a backend must do.** All of the above. One that blocks has its completion ready when `submit`
//! returns; another may complete several writes with one sync. It may be given up at any moment. The
//! token goes to the place *before* the log at an open and at a reservation, and *after* the log at a
//! close.
//!
//! **A crash at every point.** An [`Append`](Write::Append) or a [`Reserve`](Write::Reserve) that had not
//! completed: the record is there, or not, or torn; a torn one is dropped and costs the life. During a
//! reservation, after the place was written and before the log was: the tokens differ, the life ends.
//! During a checkpoint before its seal: the old records; after it: the new ones. During a close: before
//! its record is durable, an unclean end; before the place is written, the tokens differ, the life
//! ends. During an open: as before the open, and if the place was written already, the life ends;
//! the same [`End`] is found again until somebody has written.
//! During a restore: an empty log, and the restore can be repeated.
//!
//! # Identity
//!
//! The log names its life, what is reserved, and a token that stands outside too ([`life`](Life)). A
//! life goes on only if the log ends cleanly or behind a whole record, and both tokens are equal. The
//! tokens are renewed at every open, reservation and close, so an older copy of the log that is put
//! back does not match.
//!
//! What is **not** noticed, because no byte differs:
//! - A copy of the files, made while the process ran, that is put back after that process has ended
//!   without a close, if nothing was reserved in between. The life goes on and lacks what was written
//!   after the copy. Restore snapshots ([`export_snapshot`], [`restore`]), not files.
//! - A place of the token that was copied together with the log.
//! - A snapshot of a running process with its memory: it goes on twice and there is no open at all.
//! - A disk that forgets synced records at the end of the log, exactly at the end of one, or sent the
//!   last one to a place outside of both slots.
//!
//! # Example
//!
//! ```
//! use rejoin_crdt::ReplicaId;
//! use rejoin_storage::{
//!     Completion, Life, MemoryDisk, MemoryPlace, Reservation, Storage, Token, Write, open,
//! };
//!
//! # let mut tokens = (1..).map(|byte| Token([byte; 16]));
//! # let mut random_token = || tokens.next().unwrap();
//! # let random_id = || ReplicaId::from_u128(7);
//! let mut opened = open(MemoryDisk::default(), MemoryPlace::default(), random_token())?;
//! assert!(opened.records.is_empty());
//! let mut reservation = match opened.life {
//!     Life::GoesOn(reservation) => reservation,
//!     Life::New { .. } => Reservation::new(random_id()),
//! };
//! let storage = &mut opened.storage;
//! if let Some(seq_limit) = reservation.reserve(1) {
//!     let (replica, token) = (reservation.replica, random_token());
//!     storage.submit(Write::Reserve { replica, seq_limit, token });
//!     assert!(storage.poll().is_some_and(|completion| completion.result.is_ok()));
//!     reservation.seq_limit = seq_limit;
//! }
//! let ticket = storage.submit(Write::Append(b"an encoded delta".to_vec()));
//! // Not before this completion is the change applied, shown and sent.
//! assert_eq!(storage.poll(), Some(Completion { ticket, result: Ok(()) }));
//! reservation.next_seq += 1;
//! # Ok::<(), rejoin_storage::OpenError>(())
//! ```

mod disk;
mod end;
mod faulty_disk;
mod file_disk;
mod frame;
mod life;
mod life_record;
mod log;
mod memory_disk;
mod random;
mod recovery;
mod scan;
mod seal_record;
mod slot_writer;
mod snapshot;
mod storage;
mod token;

pub use disk::{Disk, DiskError, Slot};
pub use end::End;
pub use faulty_disk::{FaultCounts, FaultPlan, FaultyDisk};
pub use file_disk::{FileDisk, FilePlace};
pub use frame::MAX_RECORD_BYTES;
pub use life::{Life, OpenError, Opened, Reservation, SEQ_BLOCK, WhyNew, open};
pub use log::Log;
pub use memory_disk::MemoryDisk;
pub use recovery::{RecoverError, Recovered, recover};
pub use snapshot::{RestoreError, export_snapshot, restore};
pub use storage::{Completion, Records, Storage, StorageError, Ticket, Write};
pub use token::{MemoryPlace, Token, TokenPlace};
