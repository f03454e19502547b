//! Conflicts: both values stay until somebody settles them.

use serde_json::{Value, json};

use crate::support::{Node, eventually};

/// Three nodes; the first two wrote different names before they heard of each other.
fn in_conflict() -> [Node; 3] {
    let (berlin, paris) = (Node::start(&[]), Node::start(&[]));
    berlin.ok(&["set", "name", "Ada"]);
    paris.ok(&["set", "name", "Grace"]);
    let rome = Node::start(&[&berlin, &paris]);
    let nodes = [berlin, paris, rome];
    for node in &nodes {
        let found = || (conflicts(node).len() == 1).then_some(());
        eventually("both values at every node", found);
    }
    nodes
}

fn conflicts(node: &Node) -> Vec<Value> {
    node.json(&["conflicts"])["conflicts"].as_array().unwrap().clone()
}

fn settled(nodes: &[Node], value: &str) {
    for node in nodes {
        eventually("settled everywhere", || {
            let shows = node.run(&["get", "name"]).out == format!("{value}\n");
            (shows && conflicts(node).is_empty()).then_some(())
        });
    }
}

#[test]
fn concurrent_values_are_listed_with_who_wrote_them_and_what_is_shown() {
    let [berlin, paris, rome] = in_conflict();
    let found = conflicts(&rome).remove(0);
    assert_eq!(found["path"], json!(["name"]));
    let siblings = found["siblings"].as_array().unwrap();
    let written: Vec<(&Value, &Value)> =
        siblings.iter().map(|s| (&s["replica"], &s["value"])).collect();
    let (b, p) = (&berlin.status()["replica"], &paris.status()["replica"]);
    assert_eq!(written, [(b, &json!("Ada")), (p, &json!("Grace"))]);
    assert_eq!(siblings[1]["shown"], json!(true));
    assert_eq!(rome.status()["conflicts"], json!(1));
    let shown = rome.run(&["get", "name"]);
    assert_eq!(shown.out, "Grace\n");
    assert!(shown.err.contains("rejoin conflicts name"), "{}", shown.err);
}

#[test]
fn the_latest_value_settles_a_conflict_everywhere() {
    let nodes = in_conflict();
    nodes[0].ok(&["resolve", "name", "--last-by-clock"]);
    settled(&nodes, "Grace");
}

#[test]
fn a_value_named_by_its_dot_settles_a_conflict_everywhere() {
    let nodes = in_conflict();
    let dot = format!("{}:1", &nodes[0].status()["replica"].as_str().unwrap()[..8]);
    assert!(nodes[1].ok(&["conflicts"]).contains(&dot));
    nodes[1].ok(&["resolve", "name", "--dot", &dot]);
    settled(&nodes, "Ada");
}

#[test]
fn a_new_value_settles_a_conflict_once() {
    let nodes = in_conflict();
    nodes[2].ok(&["resolve", "name", "--take", "Ada & Grace"]);
    settled(&nodes, "Ada & Grace");
    let again = nodes[2].run(&["resolve", "name", "--take", "x"]);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("name is not in conflict"), "{}", again.err);
}

#[test]
fn a_path_used_as_two_types_is_a_conflict_that_no_value_settles() {
    let node = Node::start(&[]);
    node.ok(&["set", "a", "1"]);
    node.ok(&["incr", "a"]);
    assert_eq!(node.ok(&["conflicts"]), "a (used as register and as counter)\n");
    let refused = node.run(&["resolve", "a", "--take", "2"]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("a is used as register and as counter"), "{}", refused.err);
    node.ok(&["delete", "a"]);
    node.ok(&["set", "a", "2"]);
    assert_eq!(conflicts(&node), [] as [Value; 0]);
}
