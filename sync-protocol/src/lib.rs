//! The anti-entropy protocol of Rejoin as a pure state machine: bytes and time in, bytes and events
//! out. No clock, no socket, no thread, no randomness.
//!
//! # What it does
//!
//! Two replicas that are connected tell each other their causal contexts, and each asks for what the
//! other has beyond its own. The answer is a delta: everything between two contexts, extracted from
//! the state at that moment. Afterwards every local commit is pushed as a small delta as soon as it is
//! durable, and what came from third parties is announced.
//!
//! ```text
//!        A                                              B
//!        |  hello(limits, context A)                    |
//!        |--------------------------------------------->|
//!        |                    hello(limits, context B)  |
//!        |<---------------------------------------------|
//!        |                                              |   B lacks something of context A:
//!        |                           pull 1(context B)  |
//!        |<---------------------------------------------|
//!        |  delta 1(base = context B, upto = context A) |
//!        |--------------------------------------------->|   Apply -> joined and durable
//!        |                              ack(context B') |
//!        |<---------------------------------------------|
//!        |                                              |
//!  commit|  delta 0(base = before, upto = after)        |   a push; held if its base has not
//!        |--------------------------------------------->|   arrived yet
//!        |                              ack(context B') |
//!        |<---------------------------------------------|
//!        |                                              |
//!        |  current(fingerprint)                        |   once a minute while both are equal:
//!        |--------------------------------------------->|   the proof of it
//!        |                        current(fingerprint)  |
//!        |<---------------------------------------------|
//! ```
//!
//! # Why it is safe
//!
//! **The receiver checks the base of every delta against its own context**, when the turn of the delta
//! has come. What a sender believes of a peer only decides what it sends next; when it is wrong, the
//! delta is not applied, the receiver pulls, and the pull says what is really there. So a message may
//! be lost with its connection, overtake another one or come twice, and a session may end at any byte:
//! nothing has to be remembered from one session to the next.
//!
//! Source: anti-entropy with delta-intervals, Almeida, Shoker, Baquero, *Delta State Replicated Data
//! Types*, 2018, algorithm 2; there a sender trusts the acknowledgements that it has stored, here the
//! receiver checks.
//!
//! # How to drive it
//!
//! After every call, take [outputs](Session::poll_output) until there are none, then sleep until the
//! [deadline](Session::poll_deadline) or the next input. A connection needs no more than this:
//!
//! ```
//! use rejoin_sync::document::Store;
//! use rejoin_sync::{ClusterId, Config, Output, Session};
//!
//! let (mut here, there) = (Store::new(), Store::new());
//! let config = Config::new(ClusterId([1; 16]));
//! let mut left = Session::new(config.clone(), &here, 0);
//! let mut right = Session::new(config, &there, 0);
//!
//! while let Some(output) = right.poll_output() {
//!     match output {
//!         Output::Send(bytes) => left.handle_bytes(&bytes, &here, 0)?,
//!         Output::Apply(_) | Output::Event(_) | Output::Close(_) => {}
//!         _ => {}
//!     }
//! }
//! while let Some(output) = left.poll_output() {
//!     match output {
//!         Output::Send(bytes) => right.handle_bytes(&bytes, &there, 0)?,
//!         Output::Apply(delta) => match here.join(delta, None) {
//!             Ok(_) => left.delta_applied(&here, 0),
//!             Err(error) => left.delta_refused(error.into(), &here, 0),
//!         },
//!         Output::Event(event) => println!("{event:?}"),
//!         Output::Close(reason) => println!("ended: {reason:?}"),
//!         _ => {}
//!     }
//! }
//! assert!(left.status(&here).is_in_sync && right.status(&there).is_in_sync);
//! # Ok::<(), rejoin_sync::SessionError>(())
//! ```
//!
//! The frames and messages are described byte by byte in `docs/protocol.md`. Begin reading at
//! [`session.rs`](Session).

mod breaks;
mod config;
mod context_form;
pub mod document;
mod error;
mod fields;
mod frame;
mod hold;
mod inbox;
mod knowledge;
mod liveness;
mod message;
mod offer;
mod outbox;
mod output;
mod random;
mod segments;
mod session;
mod sketch;
mod status;
mod varint;

pub use breaks::Breaks;
pub use config::{Bounds, ClusterId, Config, Remembered, Times};
pub use context_form::ContextError;
pub use error::{CloseReason, Refusal, SessionError};
pub use fields::MessageError;
pub use frame::FrameError;
pub use message::Kind;
pub use output::{Difference, Event, Origin, Output};
pub use session::{Peer, Session};
pub use status::{State, Status, Traffic};
