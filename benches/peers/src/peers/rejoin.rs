//! Rejoin, in the three manners in which its replicas meet.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Result, bail, ensure};
use rejoin::link::{ClusterId, Event, Link, LinkOutput};
use rejoin::value::Value;
use rejoin::{Context, KeyRange, Limits, Origin, Replica, WriteError, wire};
use serde_bytes::{ByteBuf, Bytes};

use crate::peer::{Peer, Row, Saved};

/// Tells pairs of links from each other.
static NEXT_PAIR: AtomicU64 = AtomicU64::new(1);

/// How replicas meet.
pub(crate) trait Manner {
    const MEETING: Meeting;
}

/// What happens when two replicas meet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Meeting {
    /// They go on with the session that they have.
    GoOn,
    /// They begin a session.
    Begin,
    /// They pass a context and deltas, as files or through a queue.
    PassDeltas,
}

/// One session lasts.
#[derive(Debug)]
pub(crate) struct InSession;

/// Every meeting is a new connection.
#[derive(Debug)]
pub(crate) struct Reconnecting;

/// Contexts and deltas without a session.
#[derive(Debug)]
pub(crate) struct ByDeltas;

impl Manner for InSession {
    const MEETING: Meeting = Meeting::GoOn;
}

impl Manner for Reconnecting {
    const MEETING: Meeting = Meeting::Begin;
}

impl Manner for ByDeltas {
    const MEETING: Meeting = Meeting::PassDeltas;
}

/// A replica, and its end of a session.
#[derive(Debug)]
pub(crate) struct Rejoin<M> {
    replica: Replica,
    /// Whether it has written since it met another one.
    has_written: bool,
    link: Option<End>,
    manner: PhantomData<M>,
}

/// One end of a session, and which session that is.
#[derive(Debug)]
struct End {
    pair: u64,
    link: Link,
    now_ms: u64,
    /// How often it was found to be equal to the other one.
    proofs: u64,
}

impl<M: Manner> Rejoin<M> {
    fn over(replica: Replica) -> Self {
        Self { replica, has_written: false, link: None, manner: PhantomData }
    }

    /// The replica itself, for what only Rejoin is asked.
    pub(crate) fn replica(&self) -> &Replica {
        &self.replica
    }

    /// Joins what another replica has saved.
    pub(crate) fn absorb(&mut self, saved: &Saved) -> Result<()> {
        self.has_written = true;
        for delta in saved {
            self.replica.apply(delta)?;
        }
        Ok(())
    }

    /// Both ends of a session with the other replica, and its time; begun now if there is none.
    fn session<'s>(a: &'s mut Self, b: &'s mut Self) -> Result<(&'s mut End, &'s mut End)> {
        let pair = |side: &Self| side.link.as_ref().map(|end| end.pair);
        if M::MEETING == Meeting::Begin || pair(a).is_none() || pair(a) != pair(b) {
            let pair = NEXT_PAIR.fetch_add(1, Ordering::Relaxed);
            for (side, seed) in [(&mut *a, 1), (&mut *b, 2)] {
                let link = Link::new(side.replica.clone(), ClusterId([7; 16]), seed, 0);
                side.link = Some(End { pair, link, now_ms: 0, proofs: 0 });
            }
        } else {
            for side in [&mut *a, &mut *b].into_iter().filter(|side| side.has_written) {
                side.link.iter_mut().for_each(|end| end.link.changed(Origin::Local, end.now_ms));
            }
        }
        (a.has_written, b.has_written) = (false, false);
        match (&mut a.link, &mut b.link) {
            (Some(a), Some(b)) => Ok((a, b)),
            _ => bail!("a session has two ends"),
        }
    }

    /// Lets a session run until both sides know that they have the same. If neither has anything to say, they
    /// prove it, as they do when a comparison is due. Returns the bytes both ways.
    fn run_session(a: &mut Self, b: &mut Self) -> Result<u64> {
        let is_quiet = !a.has_written && !b.has_written;
        let (a, b) = Self::session(a, b)?;
        let mut sent_bytes = 0;
        if M::MEETING == Meeting::GoOn && is_quiet && is_in_sync(a, b) {
            return prove(a, b);
        }
        loop {
            let moved = forward(a, b, &mut sent_bytes)? | forward(b, a, &mut sent_bytes)?;
            if moved {
                continue;
            }
            if is_in_sync(a, b) {
                return Ok(sent_bytes);
            }
            let due = [a.link.deadline(), b.link.deadline()].into_iter().flatten().min();
            let Some(due) = due else { bail!("both ends are silent and not in step") };
            for end in [&mut *a, &mut *b] {
                end.now_ms = due.max(end.now_ms);
                end.link.timeout(end.now_ms);
            }
        }
    }

    /// One side tells its context, the other one answers with deltas.
    fn pass_deltas(to: &mut Self, from: &mut Self) -> Result<u64> {
        let context = wire::encode_context(&to.replica.context());
        let mut sent_bytes = context.len() as u64;
        let known = wire::decode_context(&context, &Limits::default())?;
        for delta in from.replica.deltas_since(&known)? {
            sent_bytes += delta.len() as u64;
            to.replica.apply(&delta)?;
        }
        Ok(sent_bytes)
    }
}

fn is_in_sync(a: &End, b: &End) -> bool {
    a.link.status().is_in_sync && b.link.status().is_in_sync
}

/// Lets both sides compare the fingerprints of all that they have. Returns the bytes both ways.
fn prove(a: &mut End, b: &mut End) -> Result<u64> {
    let before = [a.proofs, b.proofs];
    a.link.compare(a.now_ms);
    let mut sent_bytes = 0;
    while forward(a, b, &mut sent_bytes)? | forward(b, a, &mut sent_bytes)? {}
    ensure!(a.proofs > before[0] && b.proofs > before[1], "nobody has proved that both are equal");
    Ok(sent_bytes)
}

/// Passes everything that one end has to say to the other one.
fn forward(from: &mut End, to: &mut End, sent_bytes: &mut u64) -> Result<bool> {
    let mut moved = false;
    while let Some(output) = from.link.poll(from.now_ms) {
        moved = true;
        match output {
            LinkOutput::Send(bytes) => {
                *sent_bytes += bytes.len() as u64;
                to.link.receive(&bytes, to.now_ms);
            }
            LinkOutput::Event(Event::Equal { .. }) => from.proofs += 1,
            LinkOutput::Close(reason) => bail!("the session has ended: {reason:?}"),
            _ => {}
        }
    }
    Ok(moved)
}

impl<M: Manner> Peer for Rejoin<M> {
    fn new(_number: u32) -> Result<Self> {
        Ok(Self::over(Replica::in_memory()))
    }

    fn put(&mut self, rows: Vec<Row>) -> Result<()> {
        self.has_written = true;
        self.replica.transact(|tx| {
            for row in &rows {
                let value = Value::from_serialize(Bytes::new(&row.value))?;
                tx.register(row.key.as_str()).set_value(value)?;
            }
            Ok::<(), WriteError>(())
        })?;
        Ok(())
    }

    fn read(&mut self, key: &str) -> Result<Option<Vec<u8>>> {
        let view = self.replica.view();
        let value: Option<ByteBuf> = view.register(key).get()?;
        Ok(value.map(ByteBuf::into_vec))
    }

    fn pull(to: &mut Self, from: &mut Self) -> Result<u64> {
        match M::MEETING {
            Meeting::PassDeltas => Self::pass_deltas(to, from),
            Meeting::GoOn | Meeting::Begin => Self::run_session(from, to),
        }
    }

    fn exchange(a: &mut Self, b: &mut Self) -> Result<u64> {
        match M::MEETING {
            Meeting::PassDeltas => Ok(Self::pass_deltas(a, b)? + Self::pass_deltas(b, a)?),
            Meeting::GoOn | Meeting::Begin => Self::run_session(a, b),
        }
    }

    fn gather(crowd: &mut Self, writer: &mut Self) -> Result<()> {
        // A session would tell everything that the crowd has seen, to each of its writers.
        crowd.absorb(&writer.save()?)
    }

    fn save(&mut self) -> Result<Saved> {
        Ok(self.replica.deltas_since(&Context::default())?)
    }

    fn load(saved: &Saved) -> Result<Self> {
        let mut loaded = Self::over(Replica::in_memory());
        loaded.absorb(saved)?;
        Ok(loaded)
    }

    fn fingerprint(&mut self) -> Result<bool> {
        std::hint::black_box(self.replica.view().cells().fingerprint(&KeyRange::full()));
        Ok(true)
    }

    fn found(a: &mut Self, b: &mut Self) -> Result<()> {
        a.replica.found_cluster("a")?;
        a.replica.admit(b.replica.identity(), "b", None)?;
        a.has_written = true;
        Self::exchange(a, b)?;
        Ok(())
    }

    fn collect(a: &mut Self, b: &mut Self) -> Result<()> {
        for _ in 0..2 {
            a.replica.learn_acknowledgements(&b.replica.acknowledgements());
            b.replica.learn_acknowledgements(&a.replica.acknowledgements());
        }
        for side in [a, b] {
            let collection = side.replica.collect()?;
            ensure!(collection.waits_for.is_empty(), "a collection waits for a member");
        }
        Ok(())
    }

    fn increment(&mut self, names: &[&str]) -> Result<()> {
        self.has_written = true;
        self.replica.transact(|tx| {
            for name in names {
                tx.counter(*name).add(1)?;
            }
            Ok::<(), WriteError>(())
        })?;
        Ok(())
    }

    fn count(&mut self, name: &str) -> Result<i64> {
        let value = self.replica.view().counter(name).value();
        Ok(i64::try_from(value)?)
    }

    fn add(&mut self, elements: &[String]) -> Result<()> {
        self.has_written = true;
        self.replica.transact(|tx| {
            let mut set = tx.set("set");
            elements.iter().try_for_each(|element| set.add(element).map(drop))
        })?;
        Ok(())
    }

    fn remove(&mut self, elements: &[String]) -> Result<()> {
        self.has_written = true;
        self.replica.transact(|tx| {
            let mut set = tx.set("set");
            elements.iter().try_for_each(|element| set.remove(element).map(drop))
        })?;
        Ok(())
    }

    fn set_len(&mut self) -> Result<usize> {
        Ok(self.replica.view().set("set").len())
    }
}
