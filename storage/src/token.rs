//! Instance tokens: 16 random bytes that tell a log from its copies.
//!
//! A token stands in the log and, under the same value, in a *place* that is not copied together with
//! the log. A copy of the log carries the token of the moment when it was made; the place has moved
//! on since, or is the place of another machine and has none. What must hold: a token is drawn from
//! the system's randomness and never used twice.

use std::sync::{Arc, Mutex, PoisonError};

use crate::disk::DiskError;

/// 16 random bytes, drawn anew for every open, reservation and close.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token(pub [u8; 16]);

/// The place outside of the log where the present token stands too.
///
/// It must be where backups, snapshots and images of the log do not reach. If they do reach it, copies
/// are not noticed.
pub trait TokenPlace {
    /// The token, if there is one that can be understood.
    ///
    /// # Errors
    /// What the device says; nothing changed.
    fn read(&self) -> Result<Option<Token>, DiskError>;

    /// Replaces the token, durably when this returns.
    ///
    /// # Errors
    /// What the device says; the old one or the new one is there.
    fn write(&mut self, token: Token) -> Result<(), DiskError>;
}

/// A place in memory. Clones are the same place, so that it outlives the log that uses it.
#[derive(Clone, Debug, Default)]
pub struct MemoryPlace(Arc<Mutex<Option<Token>>>);

impl TokenPlace for MemoryPlace {
    fn read(&self) -> Result<Option<Token>, DiskError> {
        Ok(*self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&mut self, token: Token) -> Result<(), DiskError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
        Ok(())
    }
}
