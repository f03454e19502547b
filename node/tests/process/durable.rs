use std::process::Command;

use serde_json::json;

use crate::support::Node;

#[test]
fn what_a_node_has_answered_is_there_after_it_was_killed() {
    let directory = tempfile::tempdir().unwrap();
    let peer = Node::start(&[]);
    let mut identity = None;
    for round in 0..4 {
        let node = Node::start_in(directory.path(), &[&peer]);
        assert_eq!(node.status()["durable"], json!(true));
        let id = node.status()["replica"].clone();
        assert!(identity.is_none_or(|before| before == id), "its life goes on");
        for key in 0..round {
            let value = node.json(&["get", &format!("rounds/{key}")]);
            assert!(value.to_string().contains(&format!("{key} was answered")), "{value}");
        }
        node.ok(&["set", &format!("rounds/{round}"), &format!("{round} was answered")]);
        node.ok(&["incr", "count"]);
        identity = Some(node.status()["replica"].clone());
        node.kill();
    }
    let node = Node::start_in(directory.path(), &[&peer]);
    assert!(node.json(&["get", "count"]).to_string().contains('4'));
    assert_eq!(node.close_stdin(), Some(0));
}

#[test]
fn a_directory_in_use_is_refused_with_advice() {
    let directory = tempfile::tempdir().unwrap();
    let _node = Node::start_in(directory.path(), &[]);
    let second = Command::new(env!("CARGO_BIN_EXE_rejoin"))
        .args(["serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data"])
        .arg(directory.path().join("data"))
        .env("XDG_STATE_HOME", directory.path().join("instances"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(1));
    assert!(said.contains("another process") && said.contains("stop the node"), "{said}");
}
