//! Nodes that sync hold the same data.

use serde_json::json;

use crate::support::{Node, equal, eventually};

#[test]
fn two_nodes_converge_on_registers_counters_and_sets() {
    let berlin = Node::start(&[]);
    berlin.ok(&["set", "users/42/name", "Ada"]);
    let paris = Node::start(&[&berlin]);
    paris.ok(&["incr", "visits", "3"]);
    berlin.ok(&["incr", "visits", "4"]);
    berlin.ok(&["decr", "visits", "2"]);
    paris.ok(&["add", "users/42/tags", "vip"]);
    berlin.ok(&["add", "users/42/tags", "7"]);
    eventually("all changes at both", || {
        let everywhere = [&berlin, &paris].iter().all(|node| {
            node.run(&["get", "users/42/name"]).out == "Ada\n"
                && node.run(&["get", "visits"]).out == "5\n"
                && node.run(&["get", "users/42/tags"]).out == "[7,\"vip\"]\n"
        });
        everywhere.then_some(())
    });
    equal(&[&berlin, &paris]);
}

#[test]
fn a_node_that_starts_before_its_peer_finds_it_later() {
    let berlin = Node::start(&[]);
    let paris = Node::start(&[&berlin]);
    let rome = Node::start(&[&paris]);
    berlin.ok(&["set", "via", "paris"]);
    eventually("the change crosses two links", || {
        (rome.run(&["get", "via"]).out == "paris\n").then_some(())
    });
}

#[test]
fn the_bounded_counter_is_not_oversold_and_says_who_holds_the_rest() {
    let berlin = Node::start(&[]);
    let paris = Node::start(&[&berlin]);
    berlin.ok(&["incr", "stock", "5", "--bounded"]);
    equal(&[&berlin, &paris]);
    let holder = berlin.status()["replica"].as_str().unwrap()[..8].to_owned();
    let refused = paris.run(&["decr", "stock", "2", "--bounded"]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains(&format!("held elsewhere: 5 by replica {holder}")), "{refused:?}");
    berlin.ok(&["decr", "stock", "2", "--bounded"]);
    assert_eq!(berlin.ok(&["get", "stock"]), "3\n");
}

#[test]
fn a_killed_node_is_down_in_the_status_of_its_peer() {
    let berlin = Node::start(&[]);
    let paris = Node::start(&[&berlin]);
    let peer = |state: &str| {
        eventually(state, || {
            let status = paris.status();
            (status["peers"][0]["state"] == json!(state)).then_some(status)
        })
    };
    let up = peer("up");
    assert_eq!(up["peers"][0]["address"], json!(berlin.sync));
    assert_eq!(up["peers"][0]["connected"], json!(true));
    berlin.kill();
    let down = peer("down");
    assert_eq!(down["peers"][0]["connected"], json!(false));
    let table = paris.ok(&["status"]);
    assert!(table.lines().any(|line| line.contains("down")), "{table}");
}
