//! Short names, and a disk that notes everything that is done to it.

pub(crate) mod story;
pub(crate) mod trace;

use rejoin_crdt::ReplicaId;
use rejoin_storage::{
    Disk, Life, Log, MemoryDisk, MemoryPlace, Opened, Storage, StorageError, Token, TokenPlace,
    Write, open,
};

/// A token of this number.
pub(crate) const fn token(number: u128) -> Token {
    Token(number.to_le_bytes())
}

pub(crate) const ALICE: ReplicaId = ReplicaId::from_u128(0xa11ce);

/// Submits a write and takes its completion.
pub(crate) fn write(storage: &mut impl Storage, write: Write) -> Result<(), StorageError> {
    let ticket = storage.submit(write);
    let completion = storage.poll().expect("complete at once");
    assert_eq!(completion.ticket, ticket);
    completion.result
}

pub(crate) fn append(storage: &mut impl Storage, record: &str) -> Result<(), StorageError> {
    write(storage, Write::Append(record.as_bytes().to_vec()))
}

pub(crate) fn reserve(
    storage: &mut impl Storage,
    seq_limit: u64,
    number: u128,
) -> Result<(), StorageError> {
    write(storage, Write::Reserve { replica: ALICE, seq_limit, token: token(number) })
}

pub(crate) fn close(
    storage: &mut impl Storage,
    last_seq: u64,
    number: u128,
) -> Result<(), StorageError> {
    write(storage, Write::Close { last_seq, token: token(number) })
}

/// Opens a disk at a place; tokens must not repeat.
pub(crate) fn open_at<D: Disk, P: TokenPlace>(disk: D, place: P, number: u128) -> Opened<D, P> {
    open(disk, place, token(number)).expect("opens")
}

/// The records as text.
pub(crate) fn texts(records: &[Vec<u8>]) -> Vec<&str> {
    records.iter().map(|record| std::str::from_utf8(record).unwrap()).collect()
}

pub(crate) fn next_seq(life: Life) -> Option<u64> {
    match life {
        Life::GoesOn(reservation) => Some(reservation.next_seq),
        Life::New { .. } => None,
    }
}

/// A log in use: a life with a reservation up to 100, and two records.
pub(crate) fn used_log() -> (Log<MemoryDisk, MemoryPlace>, MemoryPlace) {
    let place = MemoryPlace::default();
    let mut log = open_at(MemoryDisk::default(), place.clone(), 1).storage;
    reserve(&mut log, 100, 2).unwrap();
    append(&mut log, "one").unwrap();
    append(&mut log, "two").unwrap();
    (log, place)
}

/// Another place with the same token.
pub(crate) fn copied(place: &MemoryPlace) -> MemoryPlace {
    let mut copy = MemoryPlace::default();
    if let Some(token) = place.read().unwrap() {
        copy.write(token).unwrap();
    }
    copy
}
