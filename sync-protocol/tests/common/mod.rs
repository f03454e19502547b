//! A network of stores and sessions: pipes that keep the order and lose nothing, a clock that is a
//! number, and a driver that applies what sessions hand out.

pub(crate) mod raw;

use std::ops::Range;

use rejoin_crdt::path::{IntoPath, Key, TypeTag};
use rejoin_crdt::value::Value;
use rejoin_crdt::{Authority, Hlc, KeyRange, Limits, Part, ReplicaId, Transaction};
use rejoin_sync::document::{Acknowledgements, AuthorisedDelta, Context, Store};
use rejoin_sync::{
    CloseReason, ClusterId, Config, Difference, Event, Kind, Origin, Output, Refusal, Session,
    SessionError, Status,
};

pub(crate) const CLUSTER: ClusterId = ClusterId([7; 16]);

/// More deltas than any network of these tests sends without time passing.
const MOST_TURNS: usize = 100;

/// One replica.
pub(crate) struct Site {
    pub(crate) store: Store,
    pub(crate) id: Option<ReplicaId>,
    /// What it knows of what members have durably.
    pub(crate) acknowledged: Acknowledgements,
}

impl Site {
    pub(crate) fn new(number: u128) -> Self {
        let (store, acknowledged) = (Store::new(), Acknowledgements::default());
        Self { store, id: Some(ReplicaId::from_u128(number)), acknowledged }
    }

    /// Writes to a register, without telling anybody.
    pub(crate) fn write(&mut self, key: u32, value: &str) {
        let mut tx = Transaction::new(&self.store, self.id.unwrap(), Hlc::new(1_000, 0));
        tx.write(&register(key), Value::from_serialize(value).unwrap());
        let staged = tx.finish();
        self.store.commit(staged).unwrap();
    }

    /// Removes a register, without telling anybody.
    #[cfg(feature = "planted")]
    pub(crate) fn remove(&mut self, key: u32) {
        self.remove_all(&[register(key)]);
    }

    /// Writes all these cells, without telling anybody.
    pub(crate) fn write_all(&mut self, keys: &[Key]) {
        let mut tx = Transaction::new(&self.store, self.id.unwrap(), Hlc::new(1_000, 0));
        let value = || Value::from_serialize(&true).unwrap();
        keys.iter().for_each(|key| {
            tx.write(key, value());
        });
        let staged = tx.finish();
        self.store.commit(staged).unwrap();
    }

    /// Removes all these cells, without telling anybody.
    pub(crate) fn remove_all(&mut self, keys: &[Key]) {
        let mut tx = Transaction::new(&self.store, self.id.unwrap(), Hlc::new(1_000, 0));
        keys.iter().for_each(|key| {
            tx.remove(key).unwrap();
        });
        let staged = tx.finish();
        self.store.commit(staged).unwrap();
    }

    /// Everything a reader finds.
    pub(crate) fn listing(&self) -> Vec<(Key, String)> {
        let cells = self.store.view().range(&KeyRange::full());
        cells
            .map(|(key, cell)| {
                let entries: Vec<_> =
                    cell.entries().map(|(dot, e)| format!("{dot:?} {e:?}")).collect();
                (key.clone(), entries.join(", "))
            })
            .collect()
    }
}

/// The key of a register.
pub(crate) fn register(number: u32) -> Key {
    Key::new(("records", number).into_path(), TypeTag::Register).unwrap()
}

/// The store as it is once something has changed what it holds, without leaving a trace.
pub(crate) fn damaged(store: &Store, damage: impl FnOnce(&mut Part<Key, Value>)) -> Store {
    let mut state = store.delta_since(&Context::default());
    let part = state.parts.first_mut().unwrap();
    damage(part);
    part.cells.retain(|cell| !cell.fresh.is_empty());
    let state = state.validate(&Limits::default()).unwrap().authorise(&Authority::Full).unwrap();
    let mut store = Store::new();
    store.join(state, None).unwrap();
    store
}

/// One end of a connection.
pub(crate) struct End {
    pub(crate) site: usize,
    pub(crate) session: Session,
    /// Bytes that the other end has sent and this one has not taken.
    pub(crate) inbound: Vec<u8>,
    /// Whether `inbound` is left where it is.
    pub(crate) is_stalled: bool,
    /// Whether a delta that is to be applied is left unanswered.
    pub(crate) is_store_stalled: bool,
    /// Whether a repair takes until [`Net::finish_repairs`].
    pub(crate) is_repair_stalled: bool,
    stalled_repairs: Vec<(AuthorisedDelta, Option<AuthorisedDelta>)>,
    /// How the next delta that is to be applied is refused.
    pub(crate) refusal: Option<Refusal>,
    pub(crate) events: Vec<Event>,
    /// What audits have shown to the operator.
    pub(crate) differences: Vec<Difference>,
    pub(crate) closed: Option<CloseReason>,
    pub(crate) error: Option<SessionError>,
}

impl End {
    pub(crate) fn count(&self, is_meant: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|event| is_meant(event)).count()
    }

    pub(crate) fn applied(&self) -> usize {
        self.count(|event| matches!(event, Event::Applied { .. }))
    }
}

/// Sites, and the connections between them.
pub(crate) struct Net {
    pub(crate) sites: Vec<Site>,
    pub(crate) links: Vec<[End; 2]>,
    pub(crate) now_ms: u64,
    /// Whether nothing arrives at first on new connections.
    pub(crate) begins_stalled: bool,
    /// So many repairs are refused by the stores of all sites.
    pub(crate) refused_repairs: usize,
}

impl Net {
    /// So many empty replicas, not connected.
    pub(crate) fn new(sites: usize) -> Self {
        let sites = (1..=sites).map(|number| Site::new(number as u128)).collect();
        Self { sites, links: Vec::new(), now_ms: 1_000, begins_stalled: false, refused_repairs: 0 }
    }

    /// Connects two sites and exchanges what can be exchanged at once.
    pub(crate) fn connect(&mut self, a: usize, b: usize) -> usize {
        self.connect_with(a, b, |_, _| {})
    }

    /// Connects two sites by a connection on which nothing arrives yet.
    pub(crate) fn connect_stalled(&mut self, a: usize, b: usize) -> usize {
        self.begins_stalled = true;
        let link = self.connect(a, b);
        self.begins_stalled = false;
        link
    }

    /// Connects two sites; `adjust` may change the configuration of side 0 and side 1.
    pub(crate) fn connect_with(
        &mut self,
        a: usize,
        b: usize,
        adjust: impl Fn(usize, &mut Config),
    ) -> usize {
        let at = self.links.len();
        let end = |side: usize, site: usize| {
            let mut config = Config::new(CLUSTER);
            config.replica = self.sites[site].id;
            config.seed = (at * 2 + side) as u64;
            adjust(side, &mut config);
            End {
                site,
                session: Session::new(config, &self.sites[site].store, self.now_ms),
                inbound: Vec::new(),
                is_stalled: self.begins_stalled,
                is_store_stalled: false,
                is_repair_stalled: false,
                stalled_repairs: Vec::new(),
                refusal: None,
                events: Vec::new(),
                differences: Vec::new(),
                closed: None,
                error: None,
            }
        };
        let link = [end(0, a), end(1, b)];
        self.links.push(link);
        self.run();
        at
    }

    /// Lets the bytes that wait for one side of a stalled connection arrive, and those alone.
    pub(crate) fn release(&mut self, link: usize, side: usize) {
        self.end(link, side).is_stalled = false;
        self.step(link, side);
        self.end(link, side).is_stalled = true;
    }

    /// Writes at a site and tells its sessions.
    pub(crate) fn write(&mut self, site: usize, key: u32, value: &str) {
        self.sites[site].write(key, value);
        self.tell(site);
        self.run();
    }

    /// A site says what it has, as a member does.
    pub(crate) fn acknowledge(&mut self, site: usize) {
        let Site { store, id, acknowledged } = &mut self.sites[site];
        acknowledged.learn(id.unwrap(), &store.view().context().floor());
        self.tell_acknowledged(site);
    }

    fn tell_acknowledged(&mut self, site: usize) {
        let Site { store, acknowledged, .. } = &self.sites[site];
        for end in self.links.iter_mut().flatten().filter(|end| end.site == site) {
            end.session.acknowledgements_changed(acknowledged, store, self.now_ms);
        }
    }

    /// Tells the sessions of a site that it has written.
    pub(crate) fn tell(&mut self, site: usize) {
        let origin = Origin::Local { replica: self.sites[site].id.unwrap() };
        for end in self.links.iter_mut().flatten().filter(|end| end.site == site) {
            end.session.store_changed(&self.sites[site].store, origin, self.now_ms);
        }
    }

    /// Delivers and applies until nothing moves, without time passing.
    pub(crate) fn run(&mut self) {
        while (0..self.links.len()).any(|link| self.step(link, 0) | self.step(link, 1)) {}
    }

    /// Lets time pass, and does at every moment what is due then.
    pub(crate) fn advance(&mut self, ms: u64) {
        let end_ms = self.now_ms + ms;
        self.run();
        while let Some(due_ms) = self.next_deadline().filter(|due| *due <= end_ms) {
            assert!(due_ms > self.now_ms || self.is_progressing(), "a deadline that stays");
            self.now_ms = self.now_ms.max(due_ms);
            for end in self.links.iter_mut().flatten() {
                end.session.handle_timeout(&self.sites[end.site].store, self.now_ms);
            }
            self.run();
        }
        self.now_ms = end_ms;
    }

    /// Breaks a connection: what is under way is lost.
    pub(crate) fn cut(&mut self, link: usize) {
        self.links.remove(link);
    }

    pub(crate) fn end(&mut self, link: usize, side: usize) -> &mut End {
        &mut self.links[link][side]
    }

    pub(crate) fn status(&self, link: usize, side: usize) -> Status {
        let end = &self.links[link][side];
        end.session.status(&self.sites[end.site].store)
    }

    /// Makes the repairs that wait at one end.
    #[cfg(feature = "planted")]
    pub(crate) fn finish_repairs(&mut self, link: usize, side: usize) {
        self.finish_repairs_that_wait(link, side);
        self.run();
    }

    /// Finishes the repair that waits; the next one waits again.
    #[cfg(feature = "planted")]
    pub(crate) fn finish_one_repair(&mut self, link: usize, side: usize) {
        self.finish_repairs_that_wait(link, side);
        self.end(link, side).is_repair_stalled = true;
        self.run();
    }

    #[cfg(feature = "planted")]
    fn finish_repairs_that_wait(&mut self, link: usize, side: usize) {
        self.end(link, side).is_repair_stalled = false;
        for (cells, forks) in std::mem::take(&mut self.end(link, side).stalled_repairs) {
            self.repair(link, side, cells, forks);
        }
    }

    /// Bytes that both ends of a connection have sent so far.
    pub(crate) fn sent_bytes(&self, link: usize) -> u64 {
        self.status(link, 0).sent.total() + self.status(link, 1).sent.total()
    }

    /// Bytes of changes that one end of a connection has sent so far, asked for or not.
    pub(crate) fn changes_sent(&self, link: usize, side: usize) -> u64 {
        let sent = self.status(link, side).sent;
        sent.of(Kind::Delta) + sent.of(Kind::Push)
    }

    /// Every site has one change of each of these replicas.
    pub(crate) fn hear_of(&mut self, writers: Range<u32>) {
        for number in writers {
            let mut writer = Site::new(number.into());
            writer.write(number, "x");
            let delta = writer.store.delta_since(&Context::default());
            for site in &mut self.sites {
                let valid = delta.clone().validate(&Limits::default()).unwrap();
                site.store.join(valid.authorise(&Authority::Full).unwrap(), None).unwrap();
            }
        }
    }

    /// Every replica has the same, and no session has ended.
    pub(crate) fn assert_converged(&self) {
        assert_eq!(self.converged(), Ok(()));
    }

    /// Says what there is to say against that every replica has the same, and no session has ended.
    pub(crate) fn converged(&self) -> Result<(), String> {
        let first = &self.sites[0];
        for (at, site) in self.sites.iter().enumerate() {
            let (context, expected) = (site.store.view().context(), first.store.view().context());
            if context != expected {
                return Err(format!("{at} has seen {context:?} instead of {expected:?}"));
            }
            let (listing, expected) = (site.listing(), first.listing());
            if listing != expected {
                return Err(format!("{at} has {listing:?} instead of {expected:?}"));
            }
            site.store.verify(site.id).map_err(|violation| format!("{at}: {violation}"))?;
        }
        for end in self.links.iter().flatten() {
            if let Some(reason) = &end.closed {
                return Err(format!("a session has ended: {reason:?}"));
            }
            if end.count(|e| matches!(e, Event::AuditMismatch { .. })) > 0 {
                return Err(format!("an audit at {} has failed", end.site));
            }
        }
        Ok(())
    }

    fn next_deadline(&self) -> Option<u64> {
        self.links.iter().flatten().filter_map(|end| end.session.poll_deadline()).min()
    }

    /// A session may ask to be called at once when its last delta has left. Where much is owed, that goes
    /// on for a while, and not for ever.
    fn is_progressing(&mut self) -> bool {
        (0..MOST_TURNS).any(|_| {
            for end in self.links.iter_mut().flatten() {
                end.session.handle_timeout(&self.sites[end.site].store, self.now_ms);
            }
            self.run();
            self.next_deadline().is_none_or(|due| due > self.now_ms)
        })
    }

    /// One step of one end; returns whether anything moved.
    fn step(&mut self, link: usize, side: usize) -> bool {
        let now_ms = self.now_ms;
        let end = &mut self.links[link][side];
        let site = end.site;
        let mut moved = false;
        if !end.is_stalled && !end.inbound.is_empty() && end.closed.is_none() {
            moved = true;
            let bytes = std::mem::take(&mut end.inbound);
            let result = end.session.handle_bytes(&bytes, &self.sites[site].store, now_ms);
            end.error = result.err().or(end.error.take());
        }
        while let Some(output) = self.links[link][side].session.poll_output() {
            moved = true;
            match output {
                Output::Send(bytes) => self.links[link][1 - side].inbound.extend(bytes),
                Output::Event(event) => self.take_event(link, side, event),
                Output::Close(reason) => self.links[link][side].closed = Some(reason),
                Output::Apply(delta) => self.apply(link, side, delta),
                Output::Acknowledged(heard) => {
                    let known = &mut self.sites[site].acknowledged;
                    heard.iter().for_each(|(life, seen)| {
                        known.learn(life, seen);
                    });
                    self.tell_acknowledged(site);
                }
                Output::Repair { cells, forks } => self.repair(link, side, cells, forks),
                Output::Difference(difference) => {
                    self.links[link][side].differences.push(*difference);
                }
                other => panic!("unknown output {other:?}"),
            }
        }
        moved
    }

    fn repair(
        &mut self,
        link: usize,
        side: usize,
        cells: AuthorisedDelta,
        forks: Option<AuthorisedDelta>,
    ) {
        let now_ms = self.now_ms;
        let end = &mut self.links[link][side];
        if end.is_repair_stalled {
            return end.stalled_repairs.push((cells, forks));
        }
        let store = &mut self.sites[end.site].store;
        if self.refused_repairs > 0 {
            self.refused_repairs -= 1;
            return end.session.repair_refused(store, now_ms);
        }
        match store.repair(cells, forks) {
            Ok(repaired) => end.session.repaired(&repaired, store, now_ms),
            Err(_) => end.session.repair_refused(store, now_ms),
        }
    }

    fn take_event(&mut self, link: usize, side: usize, event: Event) {
        let end = &mut self.links[link][side];
        match event {
            Event::AuditMismatch { .. } => self.sites[end.site].store.set_suspect(true),
            Event::Equal { .. } => self.sites[end.site].store.set_suspect(false),
            _ => {}
        }
        end.events.push(event);
    }

    fn apply(&mut self, link: usize, side: usize, delta: AuthorisedDelta) {
        let now_ms = self.now_ms;
        let site = self.links[link][side].site;
        if let Some(refusal) = self.links[link][side].refusal.take() {
            let store = &self.sites[site].store;
            return self.links[link][side].session.delta_refused(refusal, store, now_ms);
        }
        let id = self.sites[site].id;
        self.sites[site].store.join(delta, id).unwrap();
        if self.links[link][side].is_store_stalled {
            return;
        }
        let store = &self.sites[site].store;
        self.links[link][side].session.delta_applied(store, now_ms);
        for (at, ends) in self.links.iter_mut().enumerate() {
            for (end_side, end) in ends.iter_mut().enumerate() {
                if end.site == site && (at, end_side) != (link, side) {
                    end.session.store_changed(store, Origin::Elsewhere, now_ms);
                }
            }
        }
    }
}

/// The context of a store.
pub(crate) fn context(site: &Site) -> Context {
    site.store.view().context().clone()
}

/// A generator for tests: the multiplicative one of Lehmer with a 64-bit state.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}
