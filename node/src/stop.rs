//! The reasons for which a node stops: a signal, or the end of its standard input.

use std::io;

use tokio::sync::oneshot;

use crate::failure::Failure;

/// Everything that can stop the node. From the moment it is made, signals no longer end the process.
pub(crate) struct StopSignals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    stdin_end: Option<oneshot::Receiver<()>>,
}

impl StopSignals {
    /// Listens for signals, and reads standard input to its end if that shall stop the node.
    ///
    /// # Errors
    ///
    /// The system does not let the process listen for signals.
    pub(crate) fn new(until_stdin_closes: bool) -> Result<Self, Failure> {
        Ok(Self {
            #[cfg(unix)]
            interrupt: unix_signal(tokio::signal::unix::SignalKind::interrupt())?,
            #[cfg(unix)]
            terminate: unix_signal(tokio::signal::unix::SignalKind::terminate())?,
            stdin_end: until_stdin_closes.then(stdin_end),
        })
    }

    /// Waits for the first reason and names it.
    #[cfg(unix)]
    pub(crate) async fn first(mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "interrupted",
            _ = self.terminate.recv() => "asked to terminate",
            () = ended(self.stdin_end) => "standard input ended",
        }
    }

    /// Waits for the first reason and names it.
    #[cfg(not(unix))]
    pub(crate) async fn first(self) -> &'static str {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => "interrupted",
            () = ended(self.stdin_end) => "standard input ended",
        }
    }
}

#[cfg(unix)]
fn unix_signal(
    kind: tokio::signal::unix::SignalKind,
) -> Result<tokio::signal::unix::Signal, Failure> {
    tokio::signal::unix::signal(kind)
        .map_err(|cause| Failure::System { action: "listen for signals", cause })
}

/// Reads standard input on a thread of its own: a blocked read cannot be cancelled, and must not hold
/// up the end of the process.
fn stdin_end() -> oneshot::Receiver<()> {
    let (ended, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        // An input that cannot be read has ended as well.
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        let _ = ended.send(());
    });
    receiver
}

async fn ended(receiver: Option<oneshot::Receiver<()>>) {
    match receiver {
        Some(receiver) => drop(receiver.await),
        None => std::future::pending().await,
    }
}
