//! A world of real sessions: replicas that only talk through the protocol, over links that are slow,
//! deliver in fragments, stall, and break.
//!
//! A link is what TCP gives: bytes in order, until it breaks and takes what was on the way with it. A
//! session that ends for any reason but silence is a failure, because everybody here is honest. What
//! a replica must show follows from what its own context claims.

use std::collections::VecDeque;

use rejoin_sync::{CloseReason, ClusterId, Config, Event, Origin, Output, Session, SessionError};

use crate::replay::{Fault, Lane, Replay, WEATHER, generator};
use crate::report::{Failure, Symptom, Tally};
use crate::stage::Stage;
use crate::world::Shape;

/// More rounds than any network of this size needs to become quiet.
const MOST_ROUNDS: u32 = 20_000;

/// When the first step begins.
const BEGINNING_MS: u64 = 1_000;

/// The time from one step to the next, about; a step that is left out takes as long.
const STEP_MS: u64 = 10;

/// One side of a link.
struct End {
    site: usize,
    session: Session,
    /// What this side has sent and the other has not received.
    pipe: VecDeque<u8>,
}

/// Two sites and, while it is up, the sessions at both ends.
struct Link {
    sites: [usize; 2],
    ends: Option<[End; 2]>,
    stalled: bool,
}

/// Replicas, links and time.
#[allow(missing_debug_implementations, reason = "a failure prints the seed, which says everything")]
pub struct Network {
    stage: Stage,
    now_ms: u64,
    links: Vec<Link>,
}

impl Network {
    /// The network of a seed: a chain, a star, a ring or a mesh.
    pub fn new(seed: u64, shape: &Shape) -> Self {
        Self::of(&Replay::new(Lane::Sessions, seed, shape))
    }

    pub(crate) fn of(replay: &Replay) -> Self {
        let Replay { seed, shape, .. } = *replay;
        let mut rng = generator(seed, WEATHER);
        let topology = rng.u8(..4);
        let mut links = Vec::new();
        for a in 0..shape.sites {
            for b in a + 1..shape.sites {
                let linked = match topology {
                    0 => b == a + 1,
                    1 => a == 0,
                    2 => b == a + 1 || (a == 0 && b + 1 == shape.sites),
                    _ => true,
                };
                if linked {
                    links.push(Link { sites: [a, b], ends: None, stalled: false });
                }
            }
        }
        Self { stage: Stage::of(replay), now_ms: BEGINNING_MS, links }
    }

    /// Lets the time of a step pass.
    pub(crate) const fn skip(&mut self) {
        self.stage.skip();
    }

    /// Does one thing, and compares.
    ///
    /// # Errors
    /// When a replica differs from the oracle, or an honest session fails.
    pub fn step(&mut self) -> Result<(), Failure> {
        self.stage.advance();
        self.now_ms = BEGINNING_MS + self.stage.step * STEP_MS + self.stage.rng.u64(..STEP_MS);
        match self.stage.rng.u8(..100) {
            0..30 => self.write(),
            30..34 => self.delete_subtree(),
            34..80 => self.carry(),
            80..90 => self.wait(),
            90..95 => self.connect(),
            95..97 if self.stage.replay.has(Fault::Partition) => self.cut(),
            97..99 if self.stage.replay.has(Fault::Stall) => self.stall(),
            99.. if self.stage.replay.has(Fault::Reload) => self.reload(),
            _ => Ok(()),
        }
    }

    /// Ends all faults and checks that all become equal.
    ///
    /// # Errors
    /// When they do not, in far more time than it takes.
    pub fn heal(&mut self) -> Result<(), Failure> {
        self.stage.heal();
        for _ in 0..MOST_ROUNDS {
            self.now_ms += 10;
            for link in 0..self.links.len() {
                self.links[link].stalled = false;
                self.open(link)?;
                for end in 0..2 {
                    self.deliver(link, end, usize::MAX)?;
                }
            }
            self.wait()?;
            if self.all_equal() {
                return (1..self.stage.sites.len()).try_for_each(|site| self.stage.audit(0, site));
            }
        }
        let what = "the network did not become equal after all faults had ended";
        self.stage.fail(0, Symptom::Diverged.says(what))
    }

    /// What was done.
    pub fn into_tally(self) -> Tally {
        self.stage.into_tally()
    }

    fn write(&mut self) -> Result<(), Failure> {
        let at = self.stage.one();
        self.stage.write(at, self.now_ms)?;
        self.committed(at)
    }

    fn delete_subtree(&mut self) -> Result<(), Failure> {
        let at = self.stage.one();
        self.stage.delete_subtree(at, self.now_ms)?;
        self.committed(at)
    }

    /// A site has committed something of its own.
    fn committed(&mut self, at: usize) -> Result<(), Failure> {
        let origin = Origin::Local { replica: self.stage.sites[at].replica };
        self.changed(at, origin, None)
    }

    /// Tells the sessions of a site, all but one, that its store has changed.
    fn changed(&mut self, at: usize, origin: Origin, except: Option<usize>) -> Result<(), Failure> {
        for link in 0..self.links.len() {
            let Some(ends) = &mut self.links[link].ends else { continue };
            let Some(end) = ends.iter().position(|end| end.site == at) else { continue };
            if Some(link) != except {
                ends[end].session.store_changed(self.stage.sites[at].store(), origin, self.now_ms);
                self.perform(link, end)?;
            }
        }
        Ok(())
    }

    /// Carries some bytes over some link.
    fn carry(&mut self) -> Result<(), Failure> {
        let link = self.stage.rng.usize(..self.links.len());
        let end = self.stage.rng.usize(..2);
        let is_whole = self.stage.rng.bool() || !self.stage.replay.has(Fault::Fragment);
        let most = if is_whole { usize::MAX } else { self.stage.rng.usize(1..200) };
        if self.links[link].stalled { Ok(()) } else { self.deliver(link, end, most) }
    }

    /// Hands up to `most` bytes that one end has sent to the other.
    fn deliver(&mut self, link: usize, from: usize, most: usize) -> Result<(), Failure> {
        let Some(ends) = &mut self.links[link].ends else { return Ok(()) };
        let len = ends[from].pipe.len().min(most);
        let bytes: Vec<u8> = ends[from].pipe.drain(..len).collect();
        if bytes.is_empty() {
            return Ok(());
        }
        let to = &mut ends[1 - from];
        // An error comes out again as the session's last output.
        let _ = to.session.handle_bytes(&bytes, self.stage.sites[to.site].store(), self.now_ms);
        self.perform(link, 1 - from)
    }

    /// Does what a session asks for.
    fn perform(&mut self, link: usize, end: usize) -> Result<(), Failure> {
        loop {
            let Some(ends) = &mut self.links[link].ends else { return Ok(()) };
            let (end_site, output) = (ends[end].site, ends[end].session.poll_output());
            match output {
                None => return Ok(()),
                Some(Output::Send(bytes)) => ends[end].pipe.extend(bytes),
                Some(Output::Apply(delta)) => {
                    let site = &mut self.stage.sites[end_site];
                    let was_hydrating = site.context().uniform().is_none();
                    let joined = site.join_authorised(delta, Some(site.replica), self.now_ms);
                    let session = &mut ends[end].session;
                    match joined {
                        Ok(_) => session.delta_applied(site.store(), self.now_ms),
                        Err(e) => session.delta_refused(e.into(), site.store(), self.now_ms),
                    }
                    self.stage.tally.applied += 1;
                    self.stage.tally.segmented += u64::from(was_hydrating);
                    self.stage.judge.believe(end_site, self.stage.sites[end_site].context());
                    self.stage.compare(end_site)?;
                    self.changed(end_site, Origin::Elsewhere, Some(link))?;
                }
                Some(Output::Close(reason)) => {
                    self.links[link].ends = None;
                    return self.check_end(end_site, &reason);
                }
                Some(Output::Event(event)) => {
                    let tally = &mut self.stage.tally;
                    tally.keys_found += u64::from(matches!(event, Event::KeysFound { .. }));
                    tally.keys_unknown += u64::from(matches!(event, Event::KeysUnknown { .. }));
                }
                Some(_) => {}
            }
        }
    }

    /// Honest replicas end a session for silence only.
    fn check_end(&self, site: usize, reason: &CloseReason) -> Result<(), Failure> {
        match reason {
            CloseReason::Error(
                SessionError::Silent { .. }
                | SessionError::HelloTimeout { .. }
                | SessionError::PullUnanswered { .. }
                | SessionError::ByPeer { .. },
            ) => Ok(()),
            CloseReason::Error(error) => self
                .stage
                .fail(site, Symptom::SessionFailed.says(format!("a session failed: {error}"))),
            _ => Ok(()),
        }
    }

    /// Lets the deadlines that have passed take effect.
    fn wait(&mut self) -> Result<(), Failure> {
        for link in 0..self.links.len() {
            for end in 0..2 {
                let Some(ends) = &mut self.links[link].ends else { continue };
                let end_now = &mut ends[end];
                if end_now.session.poll_deadline().is_some_and(|at| at <= self.now_ms) {
                    let store = self.stage.sites[end_now.site].store();
                    end_now.session.handle_timeout(store, self.now_ms);
                    self.perform(link, end)?;
                }
            }
        }
        Ok(())
    }

    fn connect(&mut self) -> Result<(), Failure> {
        let link = self.stage.rng.usize(..self.links.len());
        self.open(link)
    }

    /// Opens a link that is down.
    fn open(&mut self, link: usize) -> Result<(), Failure> {
        if self.links[link].ends.is_some() {
            return Ok(());
        }
        let seeds = [self.stage.rng.u64(..), self.stage.rng.u64(..)];
        let mut seeds = seeds.into_iter();
        let ends = self.links[link].sites.map(|site| {
            let mut config = Config::new(ClusterId([0; 16]));
            config.replica = Some(self.stage.sites[site].replica);
            config.seed = seeds.next().unwrap_or_default();
            // Small limits, so that catching up takes rounds and shows its intermediate states.
            config.limits.cells_per_delta = 1 + usize::from(self.stage.rng.u8(..8));
            // A single removal goes without its key, too.
            config.bounds.keyless_removals = 1;
            let session = Session::new(config, self.stage.sites[site].store(), self.now_ms);
            End { site, session, pipe: VecDeque::new() }
        });
        self.links[link].ends = Some(ends);
        (0..2).try_for_each(|end| self.perform(link, end))
    }

    fn cut(&mut self) -> Result<(), Failure> {
        let link = self.stage.rng.usize(..self.links.len());
        self.stage.tally.partitions += u64::from(self.links[link].ends.take().is_some());
        Ok(())
    }

    fn stall(&mut self) -> Result<(), Failure> {
        let link = self.stage.rng.usize(..self.links.len());
        self.links[link].stalled ^= true;
        Ok(())
    }

    /// A site stops, and starts again with its latest state; its links break.
    fn reload(&mut self) -> Result<(), Failure> {
        let at = self.stage.one();
        self.links.iter_mut().filter(|l| l.sites.contains(&at)).for_each(|l| l.ends = None);
        self.stage.tally.reloads += 1;
        if let Err(refused) = self.stage.sites[at].reload(self.now_ms) {
            let what = format!("an own saved state was refused: {refused:?}");
            return self.stage.fail(at, Symptom::DeltaRefused.says(what));
        }
        self.stage.compare(at)
    }

    fn all_equal(&self) -> bool {
        let first = self.stage.sites[0].context();
        self.stage.sites.iter().all(|site| site.context() == first)
    }
}
