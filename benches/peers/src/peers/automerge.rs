//! Automerge: one root map, a transaction per batch, its own sync protocol with remembered state. That
//! state either lives on or, where every meeting is a new connection, is stored and loaded, which keeps
//! what the library keeps.

use anyhow::{Result, bail};
use automerge::sync::{Message, State, SyncDoc};
use automerge::transaction::Transactable;
use automerge::{ActorId, AutoCommit, ROOT, ReadDoc, ScalarValue, Value};

use crate::peer::{Peer, Row, Saved};

/// A document, and what it remembers of the other one. `NEW` is whether every meeting is a new connection.
#[derive(Debug)]
pub(crate) struct Automerge<const NEW: bool> {
    document: AutoCommit,
    number: u32,
    /// The number of the other one, and the state of syncing with it.
    met: Option<(u32, State)>,
}

impl<const NEW: bool> Automerge<NEW> {
    fn meet(&mut self, other: u32) -> Result<()> {
        let remembered = self.met.take().filter(|(met, _)| *met == other);
        let state = match remembered {
            Some((_, state)) if NEW => State::decode(&state.encode())?,
            Some((_, state)) => state,
            None => State::new(),
        };
        self.met = Some((other, state));
        Ok(())
    }

    fn message(&mut self) -> Option<Vec<u8>> {
        let (_, state) = self.met.as_mut()?;
        self.document.sync().generate_sync_message(state).map(Message::encode)
    }

    fn receive(&mut self, message: &[u8]) -> Result<()> {
        let Some((_, state)) = self.met.as_mut() else { bail!("nobody was met") };
        Ok(self.document.sync().receive_sync_message(state, Message::decode(message)?)?)
    }
}

impl<const NEW: bool> Peer for Automerge<NEW> {
    fn new(number: u32) -> Result<Self> {
        let mut actor = [0; 16];
        fastrand::Rng::with_seed(u64::from(number)).fill(&mut actor);
        let document = AutoCommit::new().with_actor(ActorId::from(&actor[..]));
        Ok(Self { document, number, met: None })
    }

    fn put(&mut self, rows: Vec<Row>) -> Result<()> {
        for row in rows {
            self.document.put(ROOT, row.key, ScalarValue::Bytes(row.value))?;
        }
        self.document.commit();
        Ok(())
    }

    fn read(&mut self, key: &str) -> Result<Option<Vec<u8>>> {
        let value = self.document.get(ROOT, key)?;
        Ok(value.and_then(|(value, _)| value.as_bytes().map(<[u8]>::to_vec)))
    }

    fn pull(to: &mut Self, from: &mut Self) -> Result<u64> {
        Self::exchange(to, from)
    }

    fn exchange(a: &mut Self, b: &mut Self) -> Result<u64> {
        a.meet(b.number)?;
        b.meet(a.number)?;
        let mut sent_bytes = 0;
        loop {
            let question = a.message();
            if let Some(message) = &question {
                sent_bytes += message.len() as u64;
                b.receive(message)?;
            }
            let answer = b.message();
            if let Some(message) = &answer {
                sent_bytes += message.len() as u64;
                a.receive(message)?;
            }
            if question.is_none() && answer.is_none() {
                return Ok(sent_bytes);
            }
        }
    }

    fn save(&mut self) -> Result<Saved> {
        Ok(vec![self.document.save()])
    }

    fn load(saved: &Saved) -> Result<Self> {
        let document = AutoCommit::load(&saved.concat())?;
        Ok(Self { document, number: 0, met: None })
    }

    fn increment(&mut self, names: &[&str]) -> Result<()> {
        for name in names {
            match self.document.get(ROOT, *name)? {
                Some(_) => self.document.increment(ROOT, *name, 1)?,
                None => self.document.put(ROOT, *name, ScalarValue::counter(1))?,
            }
        }
        self.document.commit();
        Ok(())
    }

    fn count(&mut self, name: &str) -> Result<i64> {
        match self.document.get(ROOT, name)? {
            Some((Value::Scalar(value), _)) => Ok(value.as_i64().unwrap_or(0)),
            _ => Ok(0),
        }
    }

    fn add(&mut self, elements: &[String]) -> Result<()> {
        for element in elements {
            self.document.put(ROOT, element, true)?;
        }
        self.document.commit();
        Ok(())
    }

    fn remove(&mut self, elements: &[String]) -> Result<()> {
        for element in elements {
            self.document.delete(ROOT, element.as_str())?;
        }
        self.document.commit();
        Ok(())
    }

    fn set_len(&mut self) -> Result<usize> {
        Ok(self.document.length(ROOT))
    }
}
