//! A workload with every kind of write over several opens, and what each crash in it may leave.

use rejoin_storage::{End, Life, MemoryDisk, Reservation, SEQ_BLOCK, Storage, Token, Write, open};

use super::trace::{Event, Image, TracedDisk, TracedPlace};
use super::{ALICE, token};

/// How many changes a transaction makes: a block is soon used up.
const CHANGES: u64 = SEQ_BLOCK / 3;

/// The workload as it happened.
pub(crate) struct Story {
    pub(crate) trace: Vec<Event>,
    /// The records after so many submitted writes.
    states: Vec<Vec<Vec<u8>>>,
    /// The greatest own sequence number in any of the submitted writes, after so many of them.
    used: Vec<u64>,
}

/// An empty machine.
pub(crate) fn nothing() -> Image {
    Image { disk: MemoryDisk::default(), token: None, submitted: 0, acknowledged: 0 }
}

impl Story {
    /// Three times: open, writes, checkpoint, more writes, close or not.
    pub(crate) fn new() -> Self {
        let (disk, place) = nothing().traced();
        let mut teller = Teller {
            story: Self { trace: Vec::new(), states: vec![Vec::new()], used: vec![0] },
            tokens: 0,
            disk,
            place,
        };
        teller.chapter(Ending::Closed);
        teller.chapter(Ending::Crashed);
        teller.chapter(Ending::Closed);
        let trace = teller.disk.trace.borrow().clone();
        Self { trace, ..teller.story }
    }

    /// Opens what a crash has left, and checks what was found.
    pub(crate) fn check(&self, image: &Image, new_token: Token) -> Result<Found, String> {
        let (disk, place) = image.traced();
        let opened = open(disk, place, new_token).map_err(|error| format!("open: {error}"))?;
        let possible = &self.states[image.acknowledged..=image.submitted];
        if !possible.contains(&opened.records) {
            let count = opened.records.len();
            return Err(format!(
                "{count} records that are no state after {}..={} writes",
                image.acknowledged, image.submitted
            ));
        }
        if let Life::GoesOn(Reservation { replica, next_seq, .. }) = opened.life {
            let used = self.used[image.submitted];
            if replica != ALICE || next_seq <= used {
                return Err(format!("{replica} goes on with {next_seq}, used are {used}"));
            }
        }
        let trace = opened.storage.disk().trace.borrow().clone();
        Ok(Found { goes_on: matches!(opened.life, Life::GoesOn(_)), end: opened.end, trace })
    }
}

/// What an open found, and what it wrote.
pub(crate) struct Found {
    pub(crate) goes_on: bool,
    pub(crate) end: End,
    pub(crate) trace: Vec<Event>,
}

enum Ending {
    Closed,
    Crashed,
}

struct Teller {
    story: Story,
    tokens: u128,
    disk: TracedDisk,
    place: TracedPlace,
}

impl Teller {
    fn token(&mut self) -> Token {
        self.tokens += 1;
        token(self.tokens)
    }

    fn chapter(&mut self, ending: Ending) {
        let new = self.token();
        let opened = open(self.disk.clone(), self.place.clone(), new).unwrap();
        assert_eq!(Some(&opened.records), self.story.states.last());
        let mut storage = opened.storage;
        let mut reservation = match opened.life {
            Life::GoesOn(reservation) => reservation,
            Life::New { .. } => Reservation::new(ALICE),
        };
        for step in 0..12 {
            if let Some(seq_limit) = reservation.reserve(CHANGES) {
                let (replica, token) = (reservation.replica, self.token());
                self.write(&mut storage, Write::Reserve { replica, seq_limit, token });
                reservation.seq_limit = seq_limit;
            }
            if step == 7 {
                let joined = self.story.states.last().unwrap().concat();
                let records = joined.chunks(40).map(<[u8]>::to_vec).collect::<Vec<_>>();
                self.checkpoint(&mut storage, records);
            } else {
                self.append(&mut storage, reservation.next_seq);
                reservation.next_seq += CHANGES;
            }
        }
        match ending {
            Ending::Closed => {
                let (last_seq, token) = (reservation.next_seq - 1, self.token());
                self.write(&mut storage, Write::Close { last_seq, token });
            }
            Ending::Crashed => {}
        }
        (self.disk, self.place) = storage.into_parts();
    }

    /// A transaction that uses the sequence numbers from `seq` on.
    fn append(&mut self, storage: &mut impl Storage, seq: u64) {
        let record =
            format!("change {seq} {}", "x".repeat(self.story.states.len() % 50)).into_bytes();
        let mut state = self.story.states.last().unwrap().clone();
        state.push(record.clone());
        self.note(state, seq + CHANGES - 1);
        self.run(storage, Write::Append(record));
    }

    fn checkpoint(&mut self, storage: &mut impl Storage, records: Vec<Vec<u8>>) {
        self.note(records.clone(), 0);
        self.run(storage, Write::checkpoint(records));
    }

    /// A write that changes no record.
    fn write(&mut self, storage: &mut impl Storage, write: Write) {
        self.note(self.story.states.last().unwrap().clone(), 0);
        self.run(storage, write);
    }

    fn note(&mut self, state: Vec<Vec<u8>>, last_seq: u64) {
        self.story.states.push(state);
        let used = *self.story.used.last().unwrap();
        self.story.used.push(used.max(last_seq));
    }

    fn run(&mut self, storage: &mut impl Storage, write: Write) {
        self.disk.trace.borrow_mut().push(Event::Submitted);
        super::write(storage, write).unwrap();
        self.disk.trace.borrow_mut().push(Event::Acknowledged);
    }
}
