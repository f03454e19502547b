//! A node stops when it is asked to, also with streams open.

use std::process::Command;

use crate::support::{Node, Running};

#[test]
fn a_node_stops_when_its_standard_input_ends() {
    let node = Node::start(&[]);
    let (_watch, _lines) = Running::start(&node, &["watch"]);
    assert_eq!(node.close_stdin(), Some(0));
}

#[cfg(unix)]
#[test]
fn a_node_stops_at_a_signal() {
    for signal in ["-INT", "-TERM"] {
        let node = Node::start(&[]);
        let (_watch, mut lines) = Running::start(&node, &["watch"]);
        let sent = Command::new("kill").arg(signal).arg(node.id().to_string()).status().unwrap();
        assert!(sent.success());
        assert_eq!(node.wait(), Some(0), "{signal}");
        assert_eq!(lines.next(), None, "the stream ends");
    }
}
