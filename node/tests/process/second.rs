//! A second implementation of the peer, in JavaScript, that was written from `docs/protocol.md`:
//! if pages and node part, this fails. See `tests/second/peer.mjs`.

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Node, TempFile, eventually};

const PEER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/second/peer.mjs");

/// A running peer of the second implementation; ends with the test.
struct Peer {
    process: Child,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    /// Starts a peer that writes under replica id `id`.
    fn start(id: u8) -> Self {
        let mut command = Command::new("node");
        command.arg(PEER).arg(format!("{id:032x}")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect(
            "the peer runs in Node, which is not here: install Node 20 or newer (https://nodejs.org)",
        );
        let commands = process.stdin.take().expect("a pipe");
        let answers = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        Self { process, commands, answers }
    }

    /// Gives a command; returns the lines of the answer.
    fn ask(&mut self, command: &Value) -> Vec<String> {
        writeln!(self.commands, "{command}").expect("the peer listens");
        let mut lines = Vec::new();
        loop {
            let line = self.answers.next().expect("the peer lives; see its error above");
            match line.expect("text") {
                end if end == "ok" => return lines,
                line => lines.push(line),
            }
        }
    }

    /// Gives a command that is answered by one line of JSON.
    fn json(&mut self, command: &Value) -> Value {
        let lines = self.ask(command);
        assert_eq!(lines.len(), 1, "{command}: {lines:?}");
        serde_json::from_str(&lines[0]).expect("JSON")
    }

    /// Connects to a node; returns when both sides have what the other one had.
    fn meet(&mut self, node: &Node) -> Value {
        let port = node.sync.rsplit(':').next().expect("a port");
        self.json(&json!(["meet", port.parse::<u16>().expect("a port")]))
    }

    /// Compares everything that can be compared with a node that has nothing more to say.
    fn is_equal_to(&mut self, node: &Node) {
        let own = self.json(&json!(["settle"]));
        let status = node.status();
        assert_eq!(own["token"], status["token"], "the contexts");
        assert_eq!(self.state(), exported(node));
        assert_eq!(own["fingerprint"], status["fingerprint"], "the fingerprints");
    }

    /// Waits until what the node pushes has arrived.
    fn becomes_equal_to(&mut self, node: &Node) {
        let expected = exported(node);
        eventually("the same data at the peer", || (self.state() == expected).then_some(()));
        self.is_equal_to(node);
    }

    fn state(&mut self) -> String {
        self.ask(&json!(["state"])).iter().map(|line| format!("{line}\n")).collect()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn exported(node: &Node) -> String {
    node.ok(&["export", "/", "--format", "jsonl"])
}

/// A node with something of everything, and with removals of every kind.
fn full_node() -> Node {
    let node = Node::start(&[]);
    let mut text = String::from("id,name,note\n1,Ada,\"a, \"\"b\"\"\"\n2,\"two\nlines\",\n");
    for id in 3..400 {
        text.push_str(&format!("{id},name {},note {id}\n", id * id));
    }
    let file = TempFile::new(".csv", text.as_bytes());
    node.ok(&["import", file.path(), "--key", "id", "--into", "users"]);
    let changes: [&[&str]; 22] = [
        &["set", "files/\"a/b \\\" c\"", "\"say \\\"hi\\\"\""],
        &["set", "mixed", "{\"long name\": [1, -300, 1.5, 1e300, null, true], \"z\": \"é\"}"],
        &["set", "big", "18446744073709551615"],
        &["add", "tags", "vip"],
        &["add", "tags", "7"],
        &["add", "tags", "gone"],
        &["remove", "tags", "gone"],
        &["incr", "visits", "3"],
        &["decr", "visits", "5"],
        &["incr", "stock", "5", "--bounded"],
        &["set", "name", "Ada"],
        &["set", "name", "Grace"],
        &["set", "old", "1"],
        &["delete", "old"],
        &["incr", "reset", "9"],
        &["delete", "reset"],
        &["incr", "reset", "2"],
        &["set", "team/lead", "Ada"],
        &["add", "team/tags", "new"],
        &["incr", "team/points", "4"],
        &["delete", "team"],
        &["set", "team/lead", "Grace"],
    ];
    for change in changes {
        node.ok(change);
    }
    node
}

#[test]
fn a_second_implementation_reads_what_a_node_holds() {
    let (node, mut peer) = (full_node(), Peer::start(1));
    let counts = peer.meet(&node);
    assert!(counts["pulls"].as_u64() > Some(2), "one delta held everything: {counts}");
    peer.is_equal_to(&node);
    let compared = || (peer.json(&json!(["counts"]))["equal"] != json!(0)).then_some(());
    eventually("a comparison of fingerprints", compared);
}

#[test]
fn a_node_reads_what_a_second_implementation_writes() {
    let (node, mut peer) = (full_node(), Peer::start(1));
    peer.meet(&node);
    peer.ask(&json!(["set", ["letters", 256], {"to": "Ada", "lines": ["\"quoted\"", -1, 2.5]}]));
    peer.ask(&json!(["add", ["tags"], "from afar"]));
    peer.ask(&json!(["count", ["visits"], 10]));
    peer.ask(&json!(["count", ["visits"], -1]));
    peer.ask(&json!(["count", ["team", "points"], 6]));
    peer.ask(&json!(["delete", ["big"]]));
    peer.is_equal_to(&node);
    let letter = "{\"to\":\"Ada\",\"lines\":[\"\\\"quoted\\\"\",-1,2.5]}\n";
    assert_eq!(node.ok(&["get", "letters/256"]), letter);
    assert_eq!(node.ok(&["get", "tags"]), "[7,\"vip\",\"from afar\"]\n");
    assert_eq!(node.ok(&["get", "visits"]), "7\n");
    assert_eq!(node.ok(&["get", "team/points"]), "6\n");
    assert_eq!(node.run(&["get", "big"]).code, 3);
}

#[test]
fn what_both_implementations_wrote_while_apart_is_the_same_on_both() {
    let (node, mut peer) = (full_node(), Peer::start(1));
    peer.meet(&node);
    peer.ask(&json!(["part"]));
    for change in [
        &["set", "name", "Berlin"][..],
        &["incr", "visits", "2"],
        &["incr", "team/points", "1"],
        &["delete", "team"],
        &["delete", "reset"],
        &["remove", "tags", "vip"],
    ] {
        node.ok(change);
    }
    peer.ask(&json!(["set", ["name"], "Paris"]));
    peer.ask(&json!(["count", ["visits"], 3]));
    peer.ask(&json!(["count", ["reset"], 5]));
    peer.ask(&json!(["set", ["team", "lead"], "Eve"]));
    peer.ask(&json!(["add", ["tags"], "vip"]));
    peer.meet(&node);
    peer.is_equal_to(&node);
    assert_eq!(node.ok(&["get", "visits"]), "3\n");
    assert_eq!(node.ok(&["get", "reset"]), "5\n");
    assert_eq!(node.ok(&["get", "team/lead"]), "Eve\n");
    let conflicts = node.json(&["conflicts", "name"]);
    let listed = conflicts["conflicts"][0]["siblings"].as_array().expect("two values");
    let listed: Vec<&Value> = listed.iter().map(|sibling| &sibling["value"]).collect();
    assert_eq!(peer.json(&json!(["siblings", ["name"]])), json!(listed));
    assert_eq!(listed.len(), 2);
}

#[test]
fn a_second_implementation_applies_what_a_node_pushes_later() {
    let (node, mut peer) = (full_node(), Peer::start(1));
    peer.meet(&node);
    peer.ask(&json!(["part"]));
    node.ok(&["set", "name", "Berlin"]);
    peer.ask(&json!(["set", ["name"], "Paris"]));
    peer.ask(&json!(["count", ["team", "points"], 6]));
    let pulls = peer.meet(&node)["pulls"].clone();
    peer.becomes_equal_to(&node);
    for change in [
        &["resolve", "name", "--take", "both"][..],
        &["delete", "files"],
        &["remove", "tags", "7"],
        &["incr", "visits", "2"],
        &["delete", "team"],
        &["incr", "team/points", "1"],
        &["delete", "users"],
    ] {
        node.ok(change);
        peer.becomes_equal_to(&node);
    }
    assert_eq!(peer.json(&json!(["siblings", ["name"]])), json!(["both"]));
    assert_eq!(peer.json(&json!(["counts"]))["pulls"], pulls, "pushes needed a pull");
}

#[test]
fn a_second_implementation_refuses_a_push_that_builds_on_what_it_lacks() {
    let (node, mut near, mut far) = (full_node(), Peer::start(1), Peer::start(2));
    near.meet(&node);
    far.meet(&node);
    near.ask(&json!(["deaf", true]));
    far.ask(&json!(["count", ["visits"], 4]));
    far.is_equal_to(&node);
    node.ok(&["set", "later", "1"]);
    near.becomes_equal_to(&node);
    let counts = near.json(&json!(["counts"]));
    assert!(counts["refused"].as_u64() > Some(0), "{counts}");
    // Slots of three writers, one of which the delta does not list.
    near.ask(&json!(["count", ["visits"], 8]));
    near.is_equal_to(&node);
    far.becomes_equal_to(&node);
    assert_eq!(node.ok(&["get", "visits"]), "10\n");
}

#[test]
fn a_reset_outlives_the_deletion_of_the_subtree_around_it() {
    let (node, mut near, mut far) = (Node::start(&[]), Peer::start(1), Peer::start(2));
    far.ask(&json!(["count", ["team", "points"], 5]));
    far.meet(&node);
    near.meet(&node);
    far.ask(&json!(["part"]));
    for change in [
        &["delete", "team/points"][..],
        &["set", "team/lead", "Ada"],
        &["set", "team/city", "Berlin"],
        &["delete", "team"],
    ] {
        node.ok(change);
        near.becomes_equal_to(&node);
    }
    // Counted on by somebody who has not seen the reset.
    far.ask(&json!(["count", ["team", "points"], 1]));
    far.meet(&node);
    far.is_equal_to(&node);
    near.becomes_equal_to(&node);
    assert_eq!(node.ok(&["get", "team/points"]), "1\n");
}
