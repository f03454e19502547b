//! Starts nodes, runs commands, and waits for what takes a moment.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::NamedTempFile;

const BINARY: &str = env!("CARGO_BIN_EXE_rejoin");

/// Longer than anything here takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);

/// A running node; ends with the test.
pub(crate) struct Node {
    process: Child,
    pub(crate) sync: String,
    pub(crate) http: String,
}

impl Node {
    /// Starts a node on free ports that syncs with `peers`.
    pub(crate) fn start(peers: &[&Node]) -> Self {
        Self::start_as(Command::new(BINARY), peers)
    }

    /// Starts a node that keeps its state in `directory`, and the token of the instance beside it.
    pub(crate) fn start_in(directory: &Path, peers: &[&Node]) -> Self {
        let mut command = Command::new(BINARY);
        command.env("REJOIN_DATA", directory.join("data"));
        command.env("XDG_STATE_HOME", directory.join("instances"));
        Self::start_as(command, peers)
    }

    fn start_as(mut command: Command, peers: &[&Node]) -> Self {
        command.args(["serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
        for peer in peers {
            command.args(["--peer", &peer.sync]);
        }
        // Its end closes the pipe: a test that is killed leaves no node behind.
        command.arg("--until-stdin-closes").env("RUST_LOG", "off");
        let mut process =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the node starts");
        let mut ready = String::new();
        let out = process.stdout.as_mut().expect("a pipe");
        BufReader::new(out).read_line(&mut ready).expect("the ready line");
        let addresses = ready.trim().strip_prefix("ready sync=").expect("the ready line");
        let (sync, http) = addresses.split_once(" http=").expect("two addresses");
        Self { process, sync: sync.into(), http: http.into() }
    }

    /// Runs a command against this node.
    pub(crate) fn run(&self, args: &[&str]) -> Answer {
        run_with_node(&format!("http://{}", self.http), args)
    }

    /// Runs a command that must succeed; returns what it printed.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let answer = self.run(args);
        assert_eq!(answer.code, 0, "rejoin {args:?}: {}", answer.err);
        answer.out
    }

    /// Runs a read and parses the JSON that it prints.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let args = [args, &["--json"]].concat();
        serde_json::from_str(&self.ok(&args)).expect("JSON")
    }

    pub(crate) fn status(&self) -> Value {
        self.json(&["status"])
    }

    /// Sends a request as it is; returns the whole answer.
    pub(crate) fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.http).expect("a connection");
        stream.write_all(request.as_bytes()).expect("the request leaves");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }

    /// Ends the process at once, without a chance to say goodbye.
    pub(crate) fn kill(mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
    }

    /// Closes the standard input of the node and waits for its end.
    pub(crate) fn close_stdin(mut self) -> Option<i32> {
        drop(self.process.stdin.take());
        self.process.wait().expect("it ends").code()
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits for the end of the node, without giving it a reason.
    pub(crate) fn wait(mut self) -> Option<i32> {
        // Waiting would close it.
        let _stdin = self.process.stdin.take();
        self.process.wait().expect("it ends").code()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs a command that needs no node.
pub(crate) fn run(args: &[&str]) -> Answer {
    // Nothing listens on port 1.
    run_with_node("http://127.0.0.1:1", args)
}

fn run_with_node(url: &str, args: &[&str]) -> Answer {
    let mut command = Command::new(BINARY);
    command.args(args).env("REJOIN_NODE", url).env_remove("RUST_LOG");
    let Output { status, stdout, stderr } = command.output().expect("the program runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Answer { code: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr) }
}

/// A program that runs until it is dropped, for commands that do not end by themselves.
pub(crate) struct Running {
    process: Child,
    /// Kept open, so that the program can go on writing to it.
    _err: BufReader<ChildStderr>,
}

impl Running {
    pub(crate) fn start(
        node: &Node,
        args: &[&str],
    ) -> (Self, impl Iterator<Item = String> + use<>) {
        let mut command = Command::new(BINARY);
        command.args(args).env("REJOIN_NODE", format!("http://{}", node.http));
        let mut process = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut begun = String::new();
        let mut err = BufReader::new(process.stderr.take().expect("a pipe"));
        err.read_line(&mut begun).expect("a line");
        let out = BufReader::new(process.stdout.take().expect("a pipe"));
        (Self { process, _err: err }, out.lines().map(|line| line.expect("a line")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Repeats a reading until it gives something.
#[allow(clippy::disallowed_methods, reason = "a deadline for real processes needs a real clock")]
pub(crate) fn eventually<T>(what: &str, mut read: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = read() {
            return found;
        }
        assert!(Instant::now() < end, "in vain: {what}");
    }
}

/// Waits until nodes hold the same data.
pub(crate) fn equal(nodes: &[&Node]) {
    eventually("equal fingerprints", || {
        let prints = nodes.iter().map(|node| node.status()["fingerprint"].clone());
        let mut prints: Vec<String> = prints.map(|print| print.to_string()).collect();
        prints.dedup();
        (prints.len() == 1).then_some(())
    });
}

/// A file for one test, of which each has its own; gone after it.
pub(crate) struct TempFile(NamedTempFile);

impl TempFile {
    /// A file whose name ends with `ending`.
    pub(crate) fn new(ending: &str, content: &[u8]) -> Self {
        let named = tempfile::Builder::new().suffix(ending).tempfile();
        let mut file = named.expect("a temporary file");
        file.write_all(content).expect("the file is written");
        Self(file)
    }

    pub(crate) fn path(&self) -> &str {
        self.0.path().to_str().expect("UTF-8")
    }
}
