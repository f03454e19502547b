//! A link of the chain: two nodes with a relay between them.
//!
//! The node on the right dials the one on the left, so what goes to the relay's target goes left.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::interrupt::Interrupt;
use crate::node::Node;
use crate::relay::{Crossed, Relay};
use crate::report::{Table, share, size};

/// A link is quiet when nothing crossed it for so long: more than the pauses a node makes to
/// gather changes, less than the distance of its signs of life.
const QUIET: Duration = Duration::from_millis(300);

/// How long to wait for quiet; who still talks after that is counted with what it says.
const QUIET_LIMIT: Duration = Duration::from_secs(3);

/// How often the counters are read while waiting for quiet.
const GLANCE: Duration = Duration::from_millis(10);

/// A link between two nodes.
#[derive(Debug)]
pub(crate) struct Link {
    left: &'static str,
    right: &'static str,
    relay: Relay,
}

impl Link {
    /// Opens a link that ends on the left at a node that runs already; the node on the right, not
    /// yet started, is to dial [`Link::address`].
    ///
    /// # Errors
    /// When the relay cannot listen.
    pub(crate) fn open(left: &Node, right: &'static str) -> Result<Self> {
        let relay = Relay::start(left.sync()).context("cannot start a relay on loopback")?;
        Ok(Self { left: left.name(), right, relay })
    }

    /// Where the node on the right dials.
    pub(crate) fn address(&self) -> SocketAddr {
        self.relay.address()
    }

    /// Closes the link until it is healed.
    pub(crate) fn cut(&self) {
        self.relay.cut();
    }

    /// Opens the link again.
    pub(crate) fn heal(&self) {
        self.relay.heal();
    }

    /// The two nodes.
    pub(crate) fn name(&self) -> String {
        format!("{} - {}", self.left, self.right)
    }
}

/// What crossed every link since a moment.
#[derive(Debug)]
pub(crate) struct Traffic<'a> {
    links: [&'a Link; 2],
    before: Vec<Crossed>,
}

impl<'a> Traffic<'a> {
    /// Counts from now on.
    pub(crate) fn since_now(links: [&'a Link; 2]) -> Self {
        let before = links.iter().map(|link| link.relay.crossed()).collect();
        Self { links, before }
    }

    /// Counts what crosses and all that has crossed before.
    pub(crate) fn since_ever(links: [&'a Link; 2]) -> Self {
        Self { links, before: vec![Crossed::default(); links.len()] }
    }

    /// What has crossed each link, once none carries anything more.
    ///
    /// # Errors
    /// When the wait is interrupted.
    pub(crate) fn when_quiet(&self, interrupt: &Interrupt) -> Result<Vec<(&'a Link, Crossed)>> {
        let started = Instant::now();
        let (mut seen, mut changed) = (self.crossed(), started);
        while changed.elapsed() < QUIET && started.elapsed() < QUIET_LIMIT {
            interrupt.pause(GLANCE)?;
            let crossed = self.crossed();
            if crossed != seen {
                (seen, changed) = (crossed, Instant::now());
            }
        }
        Ok(self.links.into_iter().zip(seen).collect())
    }

    fn crossed(&self) -> Vec<Crossed> {
        let now = self.links.iter().map(|link| link.relay.crossed());
        now.zip(&self.before).map(|(now, &before)| now - before).collect()
    }
}

/// What crossed, beside the size of the state.
pub(crate) fn table(crossed: &[(&Link, Crossed)], state_bytes: u64) -> Table {
    let mut table = Table::new(["link", ">rightwards", ">leftwards", ">both", ">of the state"]);
    for (link, crossed) in crossed {
        let total = crossed.total_bytes();
        table.row([
            link.name(),
            size(crossed.from_target_bytes),
            size(crossed.to_target_bytes),
            size(total),
            share(total, state_bytes),
        ]);
    }
    table
}
