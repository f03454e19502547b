//! The behaviours of a storage, one file each, over disks that can be stopped at every byte.

#![cfg(test)]

mod common;

mod checkpoint;
mod clean_end;
mod crash_at_every_byte;
mod crash_during_recovery;
mod damaged_bytes;
mod disk_full;
mod failing_sync;
mod faulty_histories;
mod file_disk;
mod format_independent;
mod misdirected_write;
#[cfg(feature = "planted")]
mod planted;
mod random_bytes;
mod refused_writes;
mod reservation;
mod snapshot;
mod tokens;
mod torn_tail;
