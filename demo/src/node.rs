//! A node as a process: starting it, asking it over HTTP, and typing commands against it.
//!
//! What must always hold: a node runs no longer than its handle, and no longer than the demo; see
//! `process`.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::Value;

use crate::interrupt::Interrupt;
use crate::process::{GLANCE, Process, Running};

/// How long a node may take to say that it is ready.
const START_LIMIT: Duration = Duration::from_secs(15);

/// How long a node may take to answer a request of the demo.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// What all nodes and commands have in common.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    /// The program `rejoin`.
    pub(crate) binary: PathBuf,
    /// Where logs go.
    pub(crate) folder: PathBuf,
    /// How long a command may take.
    pub(crate) patience: Duration,
    /// Ends waiting.
    pub(crate) interrupt: Interrupt,
}

/// A running node.
#[derive(Debug)]
pub(crate) struct Node {
    name: &'static str,
    process: Process,
    sync: SocketAddr,
    http: SocketAddr,
    log: PathBuf,
    launch: Launch,
    http_client: ureq::Agent,
}

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    /// The state as a number: equal exactly where the states are equal.
    pub(crate) fingerprint: String,
    /// Whether data is still arriving.
    pub(crate) hydrating: bool,
    /// In how many cells a reader finds something.
    pub(crate) cells: u64,
}

impl Node {
    /// Starts a node that syncs with `peer`, and waits until it serves.
    ///
    /// # Errors
    /// When it does not start or says something unexpected; its log is quoted.
    pub(crate) fn start(
        launch: &Launch,
        name: &'static str,
        peer: Option<SocketAddr>,
    ) -> Result<Self> {
        let log = launch.folder.join(format!("{name}.log"));
        let errors =
            File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = Command::new(&launch.binary);
        command.args(["serve", "--until-stdin-closes", "--listen", "127.0.0.1:0"]);
        command.args(["--http", "127.0.0.1:0", "--name", name]);
        if let Some(peer) = peer {
            command.arg("--peer").arg(peer.to_string());
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors);
        let mut process = Process::start(&mut command)?;
        let (sync, http) = ready(&mut process, launch)
            .with_context(|| format!("node {name} did not start{}", last_lines(&log)))?;
        let http_client = ureq::Agent::config_builder()
            .timeout_global(Some(ANSWER_LIMIT))
            .proxy(None)
            .build()
            .new_agent();
        Ok(Self { name, process, sync, http, log, launch: launch.clone(), http_client })
    }

    /// The name it was started with.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Where peers connect.
    pub(crate) fn sync(&self) -> SocketAddr {
        self.sync
    }

    /// Where its HTTP API is.
    pub(crate) fn http(&self) -> SocketAddr {
        self.http
    }

    /// The id of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.child.id()
    }

    /// Asks for its status over HTTP.
    ///
    /// # Errors
    /// When it does not answer as documented, with the end of its log.
    pub(crate) fn status(&self) -> Result<Status> {
        self.launch.interrupt.check()?;
        let url = format!("http://{}/v1/status", self.http);
        let asked = || -> Result<Status> {
            let text = self.http_client.get(&url).call()?.body_mut().read_to_string()?;
            Status::read(&text)
        };
        asked().or_else(|error| {
            self.launch.interrupt.check()?;
            let name = self.name;
            Err(error.context(format!("node {name} has no status{}", last_lines(&self.log))))
        })
    }

    /// Begins a `rejoin` command against this node, as a user would type it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn begin(&self, arguments: &[&str]) -> Result<Running> {
        let mut command = Command::new(&self.launch.binary);
        command.args(arguments).arg("--node").arg(format!("http://{}", self.http));
        let shown = format!("rejoin {} (node {})", arguments.join(" "), self.name);
        Running::start(&mut command, shown, self.launch.patience)
    }

    /// Runs a `rejoin` command against this node and gives what it printed.
    ///
    /// # Errors
    /// When it fails, with what it printed as error, or takes too long.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<String> {
        let mut running = self.begin(arguments)?;
        loop {
            if let Some(output) = running.poll()? {
                return Ok(output);
            }
            self.launch.interrupt.pause(GLANCE)?;
        }
    }
}

impl Status {
    fn read(text: &str) -> Result<Self> {
        let status: Value = serde_json::from_str(text)?;
        let field = |name: &str| status.get(name).with_context(|| format!("`{name}` is missing"));
        Ok(Self {
            fingerprint: field("fingerprint")?.as_str().context("`fingerprint`")?.to_owned(),
            hydrating: field("hydrating")?.as_bool().context("`hydrating`")?,
            cells: field("cells")?.as_u64().context("`cells`")?,
        })
    }
}

/// Waits for the line `ready sync=ADDR http=ADDR` and reads on, so that the pipe never fills.
fn ready(process: &mut Process, launch: &Launch) -> Result<(SocketAddr, SocketAddr)> {
    let stdout = process.child.stdout.take().context("it has no standard output")?;
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new().name("node-output".into()).spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _nobody_waits = sender.send(line);
        }
    })?;
    let started = Instant::now();
    loop {
        launch.interrupt.check()?;
        match receiver.recv_timeout(GLANCE) {
            Ok(line) => return addresses(&line).with_context(|| format!("it said `{line}`")),
            Err(RecvTimeoutError::Disconnected) => bail!("it ended at once"),
            Err(RecvTimeoutError::Timeout) => {
                let late = started.elapsed() > START_LIMIT;
                ensure!(!late, "it was not ready after {} s", START_LIMIT.as_secs());
            }
        }
    }
}

fn addresses(line: &str) -> Result<(SocketAddr, SocketAddr)> {
    let address = |name: &str| {
        let word = line.split_whitespace().find_map(|word| word.strip_prefix(name));
        let word = word.ok_or_else(|| anyhow!("`{name}` is missing"))?;
        word.parse().with_context(|| format!("`{word}` is no address"))
    };
    ensure!(line.starts_with("ready "), "`ready` is missing");
    Ok((address("sync=")?, address("http=")?))
}

/// The end of a log, to be quoted in an error.
fn last_lines(log: &Path) -> String {
    const LINES: usize = 10;
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(LINES);
    match lines.get(from..) {
        Some(last) if !last.is_empty() => format!("; its log ends:\n{}\n", last.join("\n")),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_gives_both_addresses() {
        let (sync, http) = addresses("ready sync=127.0.0.1:7400 http=127.0.0.1:7401").unwrap();
        assert_eq!((sync.port(), http.port()), (7400, 7401));
    }

    #[test]
    fn a_line_that_is_not_the_ready_line_is_refused() {
        assert!(addresses("listening on 127.0.0.1:7400").is_err());
        assert!(addresses("ready sync=127.0.0.1:7400").is_err());
        assert!(addresses("ready sync=here http=127.0.0.1:7401").is_err());
    }

    #[test]
    fn a_status_is_read_and_other_fields_are_ignored() {
        let status = Status::read(
            r#"{"name":"a","fingerprint":"0f","hydrating":false,"cells":3,"peers":[]}"#,
        );
        let expected = Status { fingerprint: "0f".into(), hydrating: false, cells: 3 };
        assert_eq!(status.unwrap(), expected);
        assert!(Status::read(r#"{"fingerprint":"0f"}"#).is_err());
    }

    #[test]
    fn a_log_is_quoted_from_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("a.log");
        assert_eq!(last_lines(&log), "");
        let lines: Vec<String> = (0..50).map(|n| format!("line {n}")).collect();
        std::fs::write(&log, lines.join("\n")).unwrap();
        let quoted = last_lines(&log);
        assert!(quoted.contains("line 49") && quoted.contains("line 40"));
        assert!(!quoted.contains("line 39"));
    }
}
