//! A session with its store and nothing else: it hears bytes and does what the session asks for.

use std::rc::Rc;

use rejoin_crdt::ReplicaId;
use rejoin_sync::document::Store;
use rejoin_sync::{Config, Output, Refusal, Session};

/// One side of a session under way. The store is copied when it first changes.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) session: Session,
    pub(crate) store: Rc<Store>,
    pub(crate) own: Option<ReplicaId>,
    /// Whether it has joined or repaired anything.
    pub(crate) has_applied: bool,
}

impl Listener {
    pub(crate) fn new(config: Config, store: Rc<Store>) -> Self {
        let own = config.replica;
        let session = Session::new(config, &store, 0);
        Self { session, store, own, has_applied: false }
    }

    /// Does what the session asks for; returns what is said to the peer, frame by frame.
    pub(crate) fn work(&mut self, now_ms: u64) -> Vec<Vec<u8>> {
        let mut said = Vec::new();
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Send(bytes) => said.push(bytes),
                Output::Apply(delta) => match Rc::make_mut(&mut self.store).join(delta, self.own) {
                    Ok(_) => {
                        self.has_applied = true;
                        self.session.delta_applied(&self.store, now_ms);
                    }
                    Err(error) => {
                        let refusal = Refusal::from(error);
                        self.session.delta_refused(refusal, &self.store, now_ms);
                    }
                },
                Output::Repair { cells, forks } => {
                    match Rc::make_mut(&mut self.store).repair(cells, forks) {
                        Ok(repaired) => {
                            self.has_applied = true;
                            self.session.repaired(&repaired, &self.store, now_ms);
                        }
                        Err(_) => self.session.repair_refused(&self.store, now_ms),
                    }
                }
                _ => {}
            }
        }
        said
    }
}
