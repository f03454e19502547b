//! Signals that end the demo's waiting.
//!
//! What must always hold: after a signal every wait ends within a moment, and the story unwinds as
//! it does after any other error, which is what ends the nodes and removes the temporary folder.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

/// The signal of a terminal that is closed.
#[cfg(unix)]
const HANG_UP: &[i32] = &[signal_hook::consts::SIGHUP];
#[cfg(not(unix))]
const HANG_UP: &[i32] = &[];

/// Whether a signal asked the demo to end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

/// The error of a story that a signal ended.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl Interrupt {
    /// Has the signals that ask a program to end interrupt the demo instead of ending it at once.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub(crate) fn on_signals() -> Result<Self> {
        let interrupt = Self::default();
        for &signal in signal_hook::consts::TERM_SIGNALS.iter().chain(HANG_UP) {
            let _id = signal_hook::flag::register(signal, Arc::clone(&interrupt.0))
                .context("cannot listen for signals")?;
        }
        Ok(interrupt)
    }

    /// Waits for a moment.
    ///
    /// # Errors
    /// [`Interrupted`] when a signal has come.
    pub(crate) fn pause(&self, time: Duration) -> Result<()> {
        self.check()?;
        thread::sleep(time);
        self.check()
    }

    /// Goes on without waiting.
    ///
    /// # Errors
    /// [`Interrupted`] when a signal has come.
    pub(crate) fn check(&self) -> Result<()> {
        if self.0.load(Ordering::Acquire) { Err(Interrupted.into()) } else { Ok(()) }
    }
}

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupt_ends_every_pause() {
        let interrupt = Interrupt::default();
        assert!(interrupt.pause(Duration::ZERO).is_ok());
        interrupt.0.store(true, Ordering::Release);
        let error = interrupt.pause(Duration::ZERO).unwrap_err();
        assert!(error.is::<Interrupted>());
    }
}
