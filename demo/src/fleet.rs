//! The chain `a - b - c`: three nodes, the two links between them, and waiting until they agree.
//!
//! What must always hold: nodes agree when each says the same fingerprint and none is still taking
//! in a part of a transaction; a wait that ends without that is an error that says who is where.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::link::{Link, Traffic};
use crate::node::{Launch, Node, Status};
use crate::process::GLANCE;

/// Which node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The left end.
    A,
    /// The middle.
    B,
    /// The right end.
    C,
}

/// The running nodes and their links. Nodes are dropped before the links that carry them.
#[derive(Debug)]
pub(crate) struct Fleet {
    a: Node,
    b: Node,
    c: Node,
    left: Link,
    right: Link,
    launch: Launch,
}

/// How long an import took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// Until the node had acknowledged every record.
    pub(crate) acknowledged: Duration,
    /// Until all nodes agreed, with the import in their state.
    pub(crate) everywhere: Duration,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "a",
            Self::B => "b",
            Self::C => "c",
        })
    }
}

impl Fleet {
    /// Starts the chain.
    ///
    /// # Errors
    /// When a node or a relay does not start; what was started is ended again.
    pub(crate) fn start(launch: &Launch) -> Result<Self> {
        let a = Node::start(launch, "a", None)?;
        let left = Link::open(&a, "b")?;
        let b = Node::start(launch, "b", Some(left.address()))?;
        let right = Link::open(&b, "c")?;
        let c = Node::start(launch, "c", Some(right.address()))?;
        Ok(Self { a, b, c, left, right, launch: launch.clone() })
    }

    /// One node.
    pub(crate) fn node(&self, place: Place) -> &Node {
        match place {
            Place::A => &self.a,
            Place::B => &self.b,
            Place::C => &self.c,
        }
    }

    /// All nodes, from left to right.
    pub(crate) fn nodes(&self) -> [&Node; 3] {
        [&self.a, &self.b, &self.c]
    }

    /// The link that the story cuts, between b and c.
    pub(crate) fn right_link(&self) -> &Link {
        &self.right
    }

    /// Counts what crosses the links from now on.
    pub(crate) fn traffic(&self) -> Traffic<'_> {
        Traffic::since_now([&self.left, &self.right])
    }

    /// Counts what crosses the links since the nodes were started.
    pub(crate) fn whole_traffic(&self) -> Traffic<'_> {
        Traffic::since_ever([&self.left, &self.right])
    }

    /// Waits until all nodes agree, and says how long that took.
    ///
    /// # Errors
    /// When they do not in time, a node does not answer, or a signal came.
    pub(crate) fn await_agreement(&self) -> Result<Duration> {
        self.await_agreement_of(&self.nodes())
    }

    /// Waits until both sides of the cut agree within themselves, and says whether one side
    /// differs from the other.
    ///
    /// # Errors
    /// Those of [`Fleet::await_agreement`].
    pub(crate) fn await_two_sides(&self) -> Result<bool> {
        self.await_agreement_of(&[&self.a, &self.b])?;
        Ok(self.b.status()?.fingerprint != self.c.status()?.fingerprint)
    }

    /// Imports a file at a and waits until all nodes agree, with a bar for each node while they
    /// take the records in.
    ///
    /// # Errors
    /// Those of [`Fleet::await_agreement`], and when the import fails.
    pub(crate) fn import(&self, arguments: &[&str], cells: u64) -> Result<Times> {
        let before = self.a.status()?.fingerprint;
        let bars = Bars::new(&self.nodes(), cells);
        let started = Instant::now();
        let mut running = self.a.begin(arguments)?;
        let mut acknowledged = None;
        loop {
            if acknowledged.is_none() && running.poll()?.is_some() {
                acknowledged = Some(started.elapsed());
            }
            let statuses = self.nodes().map(Node::status);
            let statuses = statuses.into_iter().collect::<Result<Vec<Status>>>()?;
            bars.show(&statuses);
            if let Some(acknowledged) = acknowledged {
                let changed = statuses.iter().all(|status| status.fingerprint != before);
                let everywhere = started.elapsed();
                if changed && agree(&statuses) {
                    return Ok(Times { acknowledged, everywhere });
                }
                self.check_patience(everywhere.saturating_sub(acknowledged), &statuses)?;
            }
            self.launch.interrupt.pause(GLANCE)?;
        }
    }

    fn await_agreement_of(&self, nodes: &[&Node]) -> Result<Duration> {
        let started = Instant::now();
        loop {
            let statuses: Vec<Status> =
                nodes.iter().map(|node| node.status()).collect::<Result<_>>()?;
            let waited = started.elapsed();
            if agree(&statuses) {
                return Ok(waited);
            }
            self.check_patience(waited, &statuses)?;
            self.launch.interrupt.pause(GLANCE)?;
        }
    }

    fn check_patience(&self, waited: Duration, statuses: &[Status]) -> Result<()> {
        if waited <= self.launch.patience {
            return Ok(());
        }
        let state = |(node, status): (&Node, &Status)| {
            let mark = if status.hydrating { ", still taking in" } else { "" };
            format!("{}: {} cells, {}{mark}", node.name(), status.cells, status.fingerprint)
        };
        let states: Vec<String> = self.nodes().into_iter().zip(statuses).map(state).collect();
        bail!(
            "the nodes do not agree after {} s ({}): raise --patience-s on a slow machine, or look \
             at the logs with --keep",
            self.launch.patience.as_secs(),
            states.join("; ")
        )
    }
}

/// Whether all say the same and none is still taking in.
fn agree(statuses: &[Status]) -> bool {
    let same = |pair: &[Status]| match pair {
        [one, other] => one.fingerprint == other.fingerprint,
        _ => true,
    };
    statuses.windows(2).all(same) && !statuses.iter().any(|status| status.hydrating)
}

/// A progress bar for each node, on terminals, gone when dropped.
struct Bars {
    _screen: MultiProgress,
    bars: Vec<ProgressBar>,
}

impl Bars {
    fn new(nodes: &[&Node], cells: u64) -> Self {
        let screen = MultiProgress::new();
        let style = ProgressStyle::with_template("   {prefix} {wide_bar} {pos}/{len}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = |node: &&Node| {
            let bar = screen.add(ProgressBar::new(cells).with_style(style.clone()));
            bar.set_prefix(node.name());
            bar
        };
        let bars = nodes.iter().map(bar).collect();
        Self { _screen: screen, bars }
    }

    fn show(&self, statuses: &[Status]) {
        for (bar, status) in self.bars.iter().zip(statuses) {
            bar.set_position(status.cells);
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        for bar in &self.bars {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(fingerprint: &str, hydrating: bool) -> Status {
        Status { fingerprint: fingerprint.into(), hydrating, cells: 0 }
    }

    #[test]
    fn nodes_agree_when_all_say_the_same_and_none_is_taking_in() {
        assert!(agree(&[status("1", false), status("1", false), status("1", false)]));
        assert!(!agree(&[status("1", false), status("1", false), status("2", false)]));
        assert!(!agree(&[status("1", false), status("1", true)]));
    }
}
