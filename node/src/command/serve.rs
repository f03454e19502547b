//! `rejoin serve`: runs a replica.
//!
//! What must always hold: the ready line appears once, after both ports are open and the state is there.
//! Nothing here is encrypted or authenticated yet, so every address must be on the loopback interface.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use rejoin::{Recovery, Replica};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::print_line;
use crate::engine::Engine;
use crate::failure::{EXIT_CODES, Failure};
use crate::http;
use crate::stop::StopSignals;

#[derive(Debug, Args)]
#[command(after_help = format!(
    "With --data the state is kept in that directory: a change is answered, shown and sent once it is \
    durable there. Without it the state lives as long as this process and its peers. A directory \
    belongs to one node. To move data, do not copy it: use `rejoin backup` and `rejoin restore`, \
    or let the new node sync. There is no encryption yet, so only loopback addresses are accepted; use a tunnel to sync \
    between machines.\n\n\
    When both ports are open, one line is printed:\n  \
    ready sync=127.0.0.1:7400 http=127.0.0.1:8400\n\n{EXIT_CODES}\n\n\
    Examples:\n  rejoin serve --name berlin --data ./berlin\n  \
    rejoin serve --name paris --listen 127.0.0.1:0 --http 127.0.0.1:0 --peer 127.0.0.1:7400"))]
pub(crate) struct Options {
    /// Where peers connect; port 0 takes any free port.
    #[arg(long, value_name = "ADDR", env = "REJOIN_LISTEN", default_value = "127.0.0.1:7400",
        value_parser = loopback)]
    listen: SocketAddr,
    /// Where the HTTP API answers; port 0 takes any free port.
    #[arg(long, value_name = "ADDR", env = "REJOIN_HTTP", default_value = "127.0.0.1:8400",
        value_parser = loopback)]
    http: SocketAddr,
    /// A node to sync with; may be given several times. It need not be up yet.
    #[arg(long, value_name = "ADDR", env = "REJOIN_PEERS", value_delimiter = ',',
        value_parser = loopback)]
    peer: Vec<SocketAddr>,
    /// Where the state is kept; the directory is made if it does not exist.
    #[arg(long, value_name = "DIR", env = "REJOIN_DATA")]
    data: Option<PathBuf>,
    /// Retire a member that is behind and has acknowledged nothing new for so many hours. Without this an
    /// operator retires members that are gone; until then deletions are remembered for them.
    #[arg(long, value_name = "HOURS", env = "REJOIN_RETIRE_AFTER")]
    retire_after: Option<u32>,
    /// A name for this node, for people.
    #[arg(long, env = "REJOIN_NAME", default_value = "rejoin")]
    name: String,
    /// Shut down when standard input ends, for programs that start nodes.
    #[arg(long, hide = true)]
    until_stdin_closes: bool,
}

/// An address on the loopback interface. `localhost` stands for 127.0.0.1.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let numeric = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    let address: SocketAddr =
        numeric.parse().map_err(|_| "expected an address and a port, such as 127.0.0.1:7400")?;
    match address.ip().is_loopback() {
        true => Ok(address),
        false => Err("only loopback addresses are accepted, because there is no encryption yet; \
             use 127.0.0.1 or [::1], and a tunnel between machines"
            .into()),
    }
}

pub(crate) fn run(options: Options) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|cause| Failure::System { action: "start threads", cause })?;
    let served = runtime.block_on(serve(options));
    // What is still blocked, such as a stream whose reader does not read, ends with the process.
    runtime.shutdown_background();
    served.map(|()| ExitCode::SUCCESS)
}

async fn serve(options: Options) -> Result<(), Failure> {
    let (sync_listener, sync_address) = listen(options.listen).await?;
    let (http_listener, http_address) = listen(options.http).await?;
    let signals = StopSignals::new(options.until_stdin_closes)?;
    let failure = |cause| Failure::Listen { address: sync_address.to_string(), cause };
    let replica = open(options.data.as_deref())?;
    let engine = Engine::start(options.name, replica, sync_listener, &options.peer);
    let engine = engine.map_err(failure)?;
    if let Some(hours) = options.retire_after {
        engine.retire_after(Duration::from_secs(u64::from(hours) * 3_600));
    }
    let engine = Arc::new(engine);
    let observing = tokio::spawn(Arc::clone(&engine).observe_peers());
    let (shut_down, shutdown) = watch::channel(false);
    let serving = tokio::spawn(http::serve(http_listener, Arc::clone(&engine), shutdown));
    print_line(&format!("ready sync={sync_address} http={http_address}"))?;
    let reason = signals.first().await;
    tracing::info!("shutting down: {reason}");
    shut_down.send_replace(true);
    if serving.await.is_err() {
        tracing::error!("the HTTP server failed");
    }
    observing.abort();
    if let Err(error) = engine.close() {
        tracing::warn!("the end was not recorded, nothing is lost: {error}");
    }
    Ok(())
}

/// The replica in a directory, or one in memory.
fn open(directory: Option<&Path>) -> Result<Replica, Failure> {
    let Some(directory) = directory else {
        tracing::warn!("no --data: the state lives as long as this process and its peers");
        return Ok(Replica::in_memory());
    };
    let shown = directory.display().to_string();
    let replica = Replica::open(directory)
        .map_err(|cause| Failure::Data { path: shown.clone(), cause: Box::new(cause) })?;
    if let Some(Recovery { end, new_life, records }) = replica.recovery() {
        tracing::info!("opened {shown}: {records} records, left {end:?}");
        if let Some(why) = new_life {
            tracing::info!("the next change is made under a new id: {why:?}");
        }
    }
    Ok(replica)
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    let failure = |cause| Failure::Listen { address: address.to_string(), cause };
    let listener = TcpListener::bind(address).await.map_err(failure)?;
    let address = listener.local_addr().map_err(failure)?;
    Ok((listener, address))
}
