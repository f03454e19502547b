//! Bodies that are written while they are sent.
//!
//! What must always hold: a writer is never more than a few chunks ahead of its reader, and learns
//! that the reader has gone by an error.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use futures_core::Stream;
use tokio::sync::mpsc;

/// Large enough to make the cost per chunk small.
const CHUNK_BYTES: usize = 64 << 10;

/// Chunks that wait for the reader.
const CHUNKS: usize = 4;

/// The chunks of a body.
struct Chunks(mpsc::Receiver<Result<Bytes, io::Error>>);

impl Stream for Chunks {
    type Item = Result<Bytes, io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}

/// Sends chunks of a body.
#[derive(Clone, Debug)]
pub(super) struct Sender(mpsc::Sender<Result<Bytes, io::Error>>);

impl Sender {
    /// Waits until there is room. `None` if the reader has gone.
    pub(super) async fn send(&self, chunk: impl Into<Bytes>) -> Option<()> {
        self.0.send(Ok(chunk.into())).await.ok()
    }

    /// Completes when the reader has gone.
    pub(super) async fn closed(&self) {
        self.0.closed().await;
    }
}

/// A body and the way to fill it.
pub(super) fn channel() -> (Sender, Body) {
    let (sender, receiver) = mpsc::channel(CHUNKS);
    (Sender(sender), Body::from_stream(Chunks(receiver)))
}

/// A body that `write` fills on a thread that may block. An error breaks the body off, so that its
/// reader cannot take it for whole.
pub(super) fn from_writer(
    write: impl FnOnce(&mut ChunkWriter) -> io::Result<()> + Send + 'static,
) -> Body {
    let (sender, body) = channel();
    tokio::task::spawn_blocking(move || {
        let mut writer = ChunkWriter { sender, chunk: Vec::with_capacity(CHUNK_BYTES) };
        let written = write(&mut writer).and_then(|()| io::Write::flush(&mut writer));
        if let Err(cause) = written {
            // Fails when the reader has gone, which is the usual error.
            let _ = writer.sender.0.blocking_send(Err(cause));
        }
    });
    body
}

/// Gathers what is written to chunks.
#[derive(Debug)]
pub(super) struct ChunkWriter {
    sender: Sender,
    chunk: Vec<u8>,
}

impl io::Write for ChunkWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.chunk.extend_from_slice(bytes);
        if self.chunk.len() >= CHUNK_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK_BYTES));
        let sent = self.sender.0.blocking_send(Ok(chunk.into()));
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
