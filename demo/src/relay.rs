//! A TCP relay that stands on a link between two nodes, counts what crosses it and can cut it.
//!
//! What must always hold: a byte is counted before it is passed on, so whoever received something
//! finds it counted; once [`Relay::cut`] has returned nothing passes, and dialling the relay ends
//! in a closed connection, until [`Relay::heal`]. One direction of a connection may end while the
//! other goes on, as on a direct connection.
//!
//! It works in user space because not every machine lets a program shape its network.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::ops::Sub;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How much a relay takes from one socket before it passes it on: a few frames.
const CHUNK_LEN_BYTES: usize = 64 * 1024;

/// How long the relay rests when the system refuses it a connection, for example for want of
/// file descriptors, so that it does not spin.
const REST_AFTER_ACCEPT_ERROR: Duration = Duration::from_millis(20);

/// One relay on loopback in front of one target; dropping it closes every connection.
#[derive(Debug)]
pub(crate) struct Relay {
    address: SocketAddr,
    link: Arc<Link>,
    accepting: Option<JoinHandle<()>>,
}

/// What crossed a link so far, by direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Crossed {
    /// From the side that dialled to the target.
    pub(crate) to_target_bytes: u64,
    /// From the target to the side that dialled.
    pub(crate) from_target_bytes: u64,
}

impl Relay {
    /// Listens on a free loopback port and relays every connection to `target`.
    ///
    /// # Errors
    /// When no port can be bound or no thread started.
    pub(crate) fn start(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let link = Arc::new(Link {
            target,
            to_target_bytes: AtomicU64::new(0),
            from_target_bytes: AtomicU64::new(0),
            state: Mutex::new(State::default()),
        });
        let shared = Arc::clone(&link);
        let accepting =
            thread::Builder::new().name("relay".into()).spawn(move || shared.accept(&listener))?;
        Ok(Self { address, link, accepting: Some(accepting) })
    }

    /// Where to dial the link.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What has crossed so far.
    pub(crate) fn crossed(&self) -> Crossed {
        Crossed {
            to_target_bytes: self.link.to_target_bytes.load(Ordering::Acquire),
            from_target_bytes: self.link.from_target_bytes.load(Ordering::Acquire),
        }
    }

    /// Closes every connection and refuses new ones until [`Relay::heal`].
    pub(crate) fn cut(&self) {
        self.link.close(|state| state.cut = true);
    }

    /// Lets new connections through again.
    pub(crate) fn heal(&self) {
        self.link.state().cut = false;
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.link.close(|state| state.over = true);
        // Accepting blocks; one last connection wakes it, and it finds that all is over.
        let woken = TcpStream::connect(self.address).is_ok();
        if let Some(accepting) = self.accepting.take()
            && woken
        {
            let _ended = accepting.join();
        }
    }
}

impl Crossed {
    /// Both directions together.
    pub(crate) fn total_bytes(self) -> u64 {
        self.to_target_bytes.saturating_add(self.from_target_bytes)
    }
}

impl Sub for Crossed {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            to_target_bytes: self.to_target_bytes.saturating_sub(earlier.to_target_bytes),
            from_target_bytes: self.from_target_bytes.saturating_sub(earlier.from_target_bytes),
        }
    }
}

/// What the relay and its threads share.
#[derive(Debug)]
struct Link {
    target: SocketAddr,
    to_target_bytes: AtomicU64,
    from_target_bytes: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    cut: bool,
    over: bool,
    next_id: u64,
    open: BTreeMap<u64, Connection>,
}

#[derive(Debug)]
struct Connection {
    dialled: TcpStream,
    target: TcpStream,
    directions_left: u8,
}

/// Which way a thread pumps.
#[derive(Clone, Copy, Debug)]
enum Direction {
    ToTarget,
    FromTarget,
}

impl Link {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes every connection in the same breath in which `change` forbids new ones.
    fn close(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        for connection in std::mem::take(&mut state.open).values() {
            connection.close();
        }
    }

    fn accept(self: Arc<Self>, listener: &TcpListener) {
        loop {
            let dialled = listener.accept();
            if self.state().over {
                return;
            }
            match dialled {
                // A connection that cannot be carried on is closed by being dropped: the side
                // that dialled sees what it would see of a target that went away.
                Ok((dialled, _)) => drop(self.carry(dialled)),
                Err(_) => thread::sleep(REST_AFTER_ACCEPT_ERROR),
            }
        }
    }

    fn carry(self: &Arc<Self>, dialled: TcpStream) -> io::Result<()> {
        if self.state().cut {
            return Ok(());
        }
        let target = TcpStream::connect(self.target)?;
        dialled.set_nodelay(true)?;
        target.set_nodelay(true)?;
        let ends = [
            (Direction::ToTarget, dialled.try_clone()?, target.try_clone()?),
            (Direction::FromTarget, target.try_clone()?, dialled.try_clone()?),
        ];
        let Some(id) = self.admit(Connection { dialled, target, directions_left: 2 }) else {
            return Ok(());
        };
        for (direction, from, to) in ends {
            let link = Arc::clone(self);
            let pump = move || link.pump(id, direction, from, to);
            if let Err(error) = thread::Builder::new().name("relay-pump".into()).spawn(pump) {
                self.abandon(id);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Registers a connection unless the link was cut while the target was dialled.
    fn admit(&self, connection: Connection) -> Option<u64> {
        let mut state = self.state();
        if state.cut || state.over {
            return None;
        }
        let id = state.next_id;
        state.next_id = id.saturating_add(1);
        state.open.insert(id, connection);
        Some(id)
    }

    fn pump(&self, id: u64, direction: Direction, mut from: TcpStream, mut to: TcpStream) {
        match self.pass_on(direction, &mut from, &mut to) {
            Ok(()) => {
                // The other direction may still have something to say.
                let _ended = to.shutdown(Shutdown::Write);
                self.end_direction(id);
            }
            Err(_) => self.abandon(id),
        }
    }

    /// Passes bytes on until the sending side ends its direction.
    fn pass_on(
        &self,
        direction: Direction,
        from: &mut TcpStream,
        to: &mut TcpStream,
    ) -> io::Result<()> {
        let counter = match direction {
            Direction::ToTarget => &self.to_target_bytes,
            Direction::FromTarget => &self.from_target_bytes,
        };
        let mut chunk = vec![0; CHUNK_LEN_BYTES];
        loop {
            let len = match from.read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(len) => len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            counter.fetch_add(u64::try_from(len).unwrap_or(u64::MAX), Ordering::AcqRel);
            to.write_all(chunk.get(..len).unwrap_or_default())?;
        }
    }

    fn end_direction(&self, id: u64) {
        let mut state = self.state();
        if let Some(connection) = state.open.get_mut(&id) {
            connection.directions_left = connection.directions_left.saturating_sub(1);
            if connection.directions_left == 0 {
                state.open.remove(&id);
            }
        }
    }

    fn abandon(&self, id: u64) {
        if let Some(connection) = self.state().open.remove(&id) {
            connection.close();
        }
    }
}

impl Connection {
    /// Ends both directions at both sides; a side that is gone already does not matter.
    fn close(&self) {
        let _gone = self.dialled.shutdown(Shutdown::Both);
        let _gone = self.target.shutdown(Shutdown::Both);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Pair {
        relay: Relay,
        listener: TcpListener,
    }

    impl Pair {
        fn new() -> Self {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let relay = Relay::start(listener.local_addr().unwrap()).unwrap();
            Self { relay, listener }
        }

        fn connect(&self) -> (TcpStream, TcpStream) {
            let dialled = TcpStream::connect(self.relay.address()).unwrap();
            let (target, _) = self.listener.accept().unwrap();
            (dialled, target)
        }
    }

    fn send(mut from: &TcpStream, mut to: &TcpStream, len: usize) {
        let sent: Vec<u8> = (0..len).map(|i| u8::try_from(i % 251).unwrap()).collect();
        let mut received = vec![0; len];
        thread::scope(|scope| {
            scope.spawn(|| from.write_all(&sent).unwrap());
            to.read_exact(&mut received).unwrap();
        });
        assert_eq!(sent, received);
    }

    /// Reads to the end, which a cut may show as an end of file or as a reset.
    fn rest_of(mut stream: &TcpStream) -> Vec<u8> {
        let mut rest = Vec::new();
        let _reset = stream.read_to_end(&mut rest);
        rest
    }

    #[test]
    fn what_crosses_is_counted_by_direction_and_arrives_unchanged() {
        let pair = Pair::new();
        let (dialled, target) = pair.connect();
        send(&dialled, &target, 1_000_000);
        send(&target, &dialled, 10);
        send(&dialled, &target, 1);
        let crossed = pair.relay.crossed();
        assert_eq!(crossed, Crossed { to_target_bytes: 1_000_001, from_target_bytes: 10 });
        assert_eq!(crossed.total_bytes(), 1_000_011);
    }

    #[test]
    fn connections_are_counted_together() {
        let pair = Pair::new();
        let (first, second) = (pair.connect(), pair.connect());
        send(&first.0, &first.1, 300);
        let earlier = pair.relay.crossed();
        send(&second.0, &second.1, 44);
        assert_eq!(pair.relay.crossed().to_target_bytes, 344);
        assert_eq!((pair.relay.crossed() - earlier).to_target_bytes, 44);
    }

    #[test]
    fn a_cut_closes_both_ends_and_lets_nothing_through() {
        let pair = Pair::new();
        let (dialled, target) = pair.connect();
        send(&dialled, &target, 100);
        pair.relay.cut();
        let _refused_or_lost = (&dialled).write_all(&[7; 5]);
        assert!(rest_of(&dialled).is_empty());
        assert!(rest_of(&target).is_empty());
        assert_eq!(pair.relay.crossed().total_bytes(), 100);
    }

    #[test]
    fn a_cut_link_refuses_new_connections_without_troubling_the_target() {
        let pair = Pair::new();
        pair.relay.cut();
        for _ in 0..3 {
            let refused = TcpStream::connect(pair.relay.address()).unwrap();
            assert!(rest_of(&refused).is_empty());
        }
        pair.listener.set_nonblocking(true).unwrap();
        assert_eq!(pair.listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(pair.relay.crossed(), Crossed::default());
    }

    #[test]
    fn a_healed_link_carries_new_connections_and_goes_on_counting() {
        let pair = Pair::new();
        let (dialled, target) = pair.connect();
        send(&dialled, &target, 100);
        pair.relay.cut();
        pair.relay.heal();
        let (dialled, target) = pair.connect();
        send(&dialled, &target, 11);
        send(&target, &dialled, 22);
        let crossed = pair.relay.crossed();
        assert_eq!(crossed, Crossed { to_target_bytes: 111, from_target_bytes: 22 });
    }

    #[test]
    fn one_direction_may_end_while_the_other_goes_on() {
        let pair = Pair::new();
        let (dialled, target) = pair.connect();
        send(&dialled, &target, 3);
        dialled.shutdown(Shutdown::Write).unwrap();
        assert!(rest_of(&target).is_empty());
        send(&target, &dialled, 50_000);
        drop(target);
        assert!(rest_of(&dialled).is_empty());
        assert_eq!(pair.relay.crossed().from_target_bytes, 50_000);
    }

    #[test]
    fn a_connection_whose_target_is_gone_is_closed() {
        let Pair { relay, listener } = Pair::new();
        drop(listener);
        let dialled = TcpStream::connect(relay.address()).unwrap();
        assert!(rest_of(&dialled).is_empty());
    }

    #[test]
    fn a_dropped_relay_closes_its_connections_and_frees_its_port() {
        let Pair { relay, listener } = Pair::new();
        let address = relay.address();
        let dialled = TcpStream::connect(address).unwrap();
        let (target, _) = listener.accept().unwrap();
        drop(relay);
        assert!(rest_of(&dialled).is_empty());
        assert!(rest_of(&target).is_empty());
        assert!(TcpStream::connect(address).is_err());
    }
}
