//! The scenes in which a session hears a hostile peer: between them every message has its place.

use std::rc::Rc;

use rejoin_crdt::document::Document;
use rejoin_crdt::path::{IntoPath, Key, TypeTag};
use rejoin_crdt::value::Value;
use rejoin_crdt::{Context, Hlc, KeyRange, Limits, ReplicaId, Stability, Transaction};
use rejoin_sync::document::Store;
use rejoin_sync::{ClusterId, Config, Kind, Origin};

use crate::listener::Listener;
use crate::state::{Built, NEWCOMER, NOW_MS, RECEIVER, REPLICAS, World, honest, pull, transact};
use crate::stream;

/// What the session and its peer are doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scene {
    /// Both bring each other up to date, and go on writing.
    Everyday,
    /// The session pulls from below the horizon of its peer, and compares what it is offered.
    Puller,
    /// The peer does, and the session offers.
    Answerer,
    /// The session compares by coded symbols, where thousands of cells are scattered.
    SketchPuller,
    /// The session sends them.
    SketchAnswerer,
    /// Contexts are equal, states are not; the fingerprint here is the smaller one.
    Prober,
    /// It is the greater one.
    Checker,
}

impl Scene {
    /// Every scene.
    pub const ALL: [Self; 7] = [
        Self::Everyday,
        Self::Puller,
        Self::Answerer,
        Self::SketchPuller,
        Self::SketchAnswerer,
        Self::Prober,
        Self::Checker,
    ];

    /// One word that also begins the names of files in the corpus.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Everyday => "session",
            Self::Puller => "session-puller",
            Self::Answerer => "session-answerer",
            Self::SketchPuller => "session-sketch-puller",
            Self::SketchAnswerer => "session-sketch-answerer",
            Self::Prober => "session-prober",
            Self::Checker => "session-checker",
        }
    }

    /// One of how many mutations of a lane this scene gets: to answer a comparison takes a millisecond, and
    /// to hash thousands of cells several.
    pub(crate) const fn share(self) -> u64 {
        match self {
            Self::Everyday => 1,
            Self::Puller => 10,
            Self::Answerer | Self::Prober | Self::Checker => 25,
            Self::SketchPuller | Self::SketchAnswerer => 1_000,
        }
    }

    /// The side that listens, and the peers that it may have.
    ///
    /// # Errors
    /// When the engine refuses an honest change.
    pub(crate) fn cast(self) -> Built<(Side, Vec<Peer>)> {
        match self {
            Self::Everyday => everyday(),
            Self::Puller => {
                let (answerer, puller) = below_the_horizon(600, 90)?;
                let mut suspect = answerer.clone();
                Rc::make_mut(&mut suspect.store).set_suspect(true);
                Ok((puller, vec![Peer::that_listens(answerer), Peer::that_listens(suspect)]))
            }
            Self::Answerer => {
                let (answerer, puller) = below_the_horizon(600, 90)?;
                let empty = Side::new(NEWCOMER, Store::new());
                Ok((answerer, vec![Peer::that_listens(puller), Peer::that_listens(empty)]))
            }
            Self::SketchPuller => {
                let (answerer, puller) = below_the_horizon(12_000, 150)?;
                Ok((puller, vec![Peer::that_listens(answerer)]))
            }
            Self::SketchAnswerer => {
                let (answerer, puller) = below_the_horizon(12_000, 150)?;
                Ok((answerer, vec![Peer::that_listens(puller)]))
            }
            Self::Prober => {
                let (prober, checker) = damaged()?;
                Ok((prober, vec![Peer::that_listens(checker)]))
            }
            Self::Checker => {
                let (prober, checker) = damaged()?;
                Ok((checker, vec![Peer::that_listens(prober)]))
            }
        }
    }
}

/// One side of a session, before it begins.
#[derive(Clone, Debug)]
pub(crate) struct Side {
    pub(crate) store: Rc<Store>,
    pub(crate) config: Config,
}

impl Side {
    fn new(replica: ReplicaId, store: Store) -> Self {
        let cluster = ClusterId([7; 16]);
        let mut config = Config { replica: Some(replica), checksum: false, ..Config::new(cluster) };
        // A single removal goes without its key, too.
        config.bounds.keyless_removals = 1;
        Self { store: Rc::new(store), config }
    }

    /// Begins a session.
    pub(crate) fn listener(&self, limits: Limits) -> Listener {
        Listener::new(Config { limits, ..self.config.clone() }, Rc::clone(&self.store))
    }
}

/// A side, and what it does in the course of a session, at which time.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) side: Side,
    pub(crate) acts: Vec<(u64, Act)>,
}

type Act = fn(&mut Listener, u64) -> Built<()>;

impl Peer {
    /// Does nothing by itself.
    fn that_listens(side: Side) -> Self {
        Self { side, acts: vec![(0, wait), (2_000, wait)] }
    }

    /// Writes, hears of others, asks for signs of life, and goes in the end.
    fn that_works(side: Side, goes: Act) -> Self {
        let acts: [(u64, Act); 7] = [
            (0, acknowledge),
            (1_000, hear_a_ping),
            (2_000, write),
            (3_000, hear_of_others),
            (4_000, wait),
            (20_000, wait),
            (21_000, goes),
        ];
        Self { side, acts: acts.into() }
    }
}

fn wait(peer: &mut Listener, now_ms: u64) -> Built<()> {
    peer.session.handle_timeout(&peer.store, now_ms);
    Ok(())
}

fn acknowledge(peer: &mut Listener, now_ms: u64) -> Built<()> {
    let known = [(NEWCOMER, peer.store.view().context().floor())].into_iter().collect();
    peer.session.acknowledgements_changed(&known, &peer.store, now_ms);
    Ok(())
}

fn write(peer: &mut Listener, now_ms: u64) -> Built<()> {
    let replica = peer.own.ok_or("a reader does not write")?;
    let mut tx = Transaction::new(&peer.store, replica, Hlc::new(NOW_MS + now_ms, 0));
    let key = Key::new(("users", 0, "name").into_path(), TypeTag::Register);
    let value = Value::from_serialize(&"Grace").map_err(|error| error.to_string())?;
    tx.write(&key.map_err(|error| error.to_string())?, value);
    let staged = tx.finish();
    Rc::make_mut(&mut peer.store).commit(staged).map_err(|error| error.to_string())?;
    peer.session.store_changed(&peer.store, Origin::Local { replica }, now_ms);
    Ok(())
}

fn hear_of_others(peer: &mut Listener, now_ms: u64) -> Built<()> {
    let mut other = Document::default();
    transact(&mut other, NEWCOMER, 3, |tx| tx.register("of another").set(1).map(drop))?;
    let news = other.store().delta_since(&Context::default());
    let joined = Rc::make_mut(&mut peer.store).join(honest(news)?, peer.own);
    joined.map_err(|error| error.to_string())?;
    peer.session.store_changed(&peer.store, Origin::Elsewhere, now_ms);
    Ok(())
}

/// The session that it talks to pings only after a long silence.
fn hear_a_ping(peer: &mut Listener, now_ms: u64) -> Built<()> {
    let ping = stream::frame(Kind::Ping.number(), &[0x91, 1]);
    peer.session.handle_bytes(&ping, &peer.store, now_ms).map_err(|error| error.to_string())
}

fn close(peer: &mut Listener, _: u64) -> Built<()> {
    peer.session.close();
    Ok(())
}

fn fail(peer: &mut Listener, now_ms: u64) -> Built<()> {
    let noise = peer.session.handle_bytes(&stream::frame(63, &[]), &peer.store, now_ms);
    noise.err().map(drop).ok_or_else(|| "an unknown critical frame was taken".to_owned())
}

fn everyday() -> Built<(Side, Vec<Peer>)> {
    let world = World::build()?;
    let mut peers = Vec::new();
    for (writer, id) in world.writers.iter().zip(REPLICAS) {
        for (checksum, goes) in [(false, close as Act), (true, fail)] {
            let mut side = Side::new(id, writer.store().clone());
            side.config.checksum = checksum;
            // So little that more is granted again and again.
            side.config.bounds.credit_bytes = 200;
            peers.push(Peer::that_works(side, goes));
        }
    }
    Ok((Side::new(RECEIVER, world.receiver.store().clone()), peers))
}

/// One that has deleted every `step`-th of so many records and forgotten it, and one that was away.
fn below_the_horizon(records: u64, step: usize) -> Built<(Side, Side)> {
    let (mut author, mut away) = two_that_are_equal(records)?;
    transact(&mut author, RECEIVER, 1, |tx| {
        for record in (0..records).step_by(step) {
            tx.register(("records", record)).delete()?;
        }
        tx.register(("records", records / 2 + 1)).set("changed")?;
        Ok(())
    })?;
    transact(&mut away, NEWCOMER, 2, |tx| {
        tx.register(("records", 7)).set("written while away")?;
        Ok(())
    })?;
    let seen = author.store().view().context().floor();
    let everybody = Stability::new([(RECEIVER, seen)], Default::default());
    let mut store = author.store().clone();
    let collected = store.collect(&everybody, |_| false);
    if collected.is_empty() {
        return Err("nothing was forgotten".into());
    }
    Ok((Side::new(RECEIVER, store), Side::new(NEWCOMER, away.store().clone())))
}

/// Two of equal context, one of which has lost some records; that with the smaller fingerprint first.
fn damaged() -> Built<(Side, Side)> {
    let (author, reader) = two_that_are_equal(600)?;
    let mut state = author.store().delta_since(&Context::default());
    for part in &mut state.parts {
        part.cells.drain(40..44);
        part.cells.swap_remove(part.cells.len() / 2);
        part.cells.sort_by(|a, b| a.key.cmp(&b.key));
    }
    let mut store = Store::new();
    store.join(honest(state)?, None).map_err(|error| error.to_string())?;
    let whole = Side::new(NEWCOMER, reader.store().clone());
    let damaged = Side::new(RECEIVER, store);
    let fingerprint = |side: &Side| side.store.audited(&KeyRange::full()).1;
    let is_whole_first = fingerprint(&whole) < fingerprint(&damaged);
    Ok(if is_whole_first { (whole, damaged) } else { (damaged, whole) })
}

fn two_that_are_equal(records: u64) -> Built<(Document, Document)> {
    let (mut author, mut reader) = (Document::default(), Document::default());
    transact(&mut author, RECEIVER, 0, |tx| {
        (0..records).try_for_each(|record| tx.register(("records", record)).set(record).map(drop))
    })?;
    pull(&mut reader, &author)?;
    Ok((author, reader))
}
