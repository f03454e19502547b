//! Accepts connections and serves each until it ends or the node shuts down.
//!
//! What must always hold: a client that opens a connection and says nothing, or stops reading what it
//! has asked for, costs one of a limited number of connections for a limited time.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::impatient::Impatient;
use crate::engine::Engine;

/// For tools on one machine, and pages that watch.
const MAX_CONNECTIONS: usize = 512;

/// How long a connection may take to send a request, the wait between two requests included.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client may take nothing of an answer that is waiting for it. A page that watches from a
/// laptop whose lid was closed comes back and goes on from its last position.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);

/// After an error of the listener, such as no more file descriptors, something must end first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long requests may take to finish once the node shuts down.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(500);

/// Serves the API until `shutdown` becomes true and the requests under way are answered.
pub(crate) async fn serve(
    listener: TcpListener,
    engine: Arc<Engine>,
    mut shutdown: watch::Receiver<bool>,
) {
    let router = super::router(engine, shutdown.clone());
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &room) => accepted,
            () = super::down(&mut shutdown) => break,
        };
        match accepted {
            Ok((stream, permit)) => {
                let serving = connection(stream, router.clone(), shutdown.clone());
                connections.spawn(async move {
                    serving.await;
                    drop(permit);
                });
            }
            Err(cause) => {
                tracing::warn!("cannot accept a connection: {cause}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN_TIMEOUT, drained).await.is_err() {
        tracing::warn!("some requests were cut off");
    }
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, permit))
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin,
    router: Router,
    mut shutdown: watch::Receiver<bool>,
) {
    let stream = Impatient::new(stream, WRITE_TIMEOUT);
    let service = TowerToHyperService::new(router);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = super::down(&mut shutdown) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(cause) = ended {
        tracing::debug!("a connection ended: {cause}");
    }
}

#[cfg(test)]
mod tests {
    use axum::response::Response;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use super::*;
    use crate::http::stream;

    /// A connection on which an answer without an end was asked for.
    async fn endless() -> (DuplexStream, impl Future<Output = ()>) {
        let (mut client, server) = tokio::io::duplex(4 << 10);
        client.write_all(b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let answer = || async {
            let (sender, body) = stream::channel();
            tokio::spawn(async move { while sender.send(vec![b'x'; 1 << 10]).await.is_some() {} });
            Response::new(body)
        };
        let (down, shutdown) = watch::channel(false);
        let router = Router::new().route("/endless", get(answer));
        let serving = async move {
            connection(server, router, shutdown).await;
            drop(down);
        };
        (client, serving)
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stops_reading_is_given_up() {
        let (_client, serving) = endless().await;
        let ended = tokio::time::timeout(2 * WRITE_TIMEOUT, serving).await;
        assert!(ended.is_ok(), "the connection is held for ever");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_slowly_is_served() {
        let (mut client, serving) = endless().await;
        let reading = async {
            for _ in 0..10 {
                tokio::time::sleep(WRITE_TIMEOUT / 2).await;
                client.read_exact(&mut [0; 4 << 10]).await.unwrap();
            }
        };
        tokio::select! {
            () = serving => unreachable!("the answer has no end"),
            () = reading => {}
        }
    }
}
