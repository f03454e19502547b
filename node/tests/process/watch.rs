//! Changes are reported as they happen, and from a token on.

use crate::support::{Node, Running};

#[test]
fn changes_below_a_path_are_reported_as_they_happen() {
    let node = Node::start(&[]);
    let (_watch, mut lines) = Running::start(&node, &["watch", "users"]);
    node.ok(&["set", "other", "1"]);
    node.ok(&["set", "users/42/name", "Ada"]);
    assert_eq!(lines.next().unwrap(), "users/42/name = \"Ada\"");
    node.ok(&["add", "users/42/tags", "vip"]);
    assert_eq!(lines.next().unwrap(), "users/42/tags has \"vip\"");
    node.ok(&["remove", "users/42/tags", "vip"]);
    assert_eq!(lines.next().unwrap(), "users/42/tags lost \"vip\"");
    node.ok(&["delete", "users/42/name"]);
    assert_eq!(lines.next().unwrap(), "users/42/name deleted");
}

#[test]
fn a_deletion_above_the_watched_path_clears_that_path() {
    let node = Node::start(&[]);
    node.ok(&["set", "users/42/name", "Ada"]);
    node.ok(&["set", "users/42/age", "36"]);
    let (_watch, mut lines) = Running::start(&node, &["watch", "users/42/name"]);
    node.ok(&["delete", "users"]);
    assert_eq!(lines.next().unwrap(), "users/42/name cleared; what is left follows");
}

#[test]
fn after_a_deletion_what_is_left_is_told_again() {
    let node = Node::start(&[]);
    for (path, value) in [("a/1/x", "1"), ("a/1/y", "2"), ("a/2", "3"), ("a/3", "4")] {
        node.ok(&["set", path, value]);
    }
    let token = node.status()["token"].as_str().unwrap().to_owned();
    node.ok(&["delete", "a/1"]);
    let (_watch, mut lines) = Running::start(&node, &["watch", "a", "--since", &token]);
    assert_eq!(lines.next().unwrap(), "a/1 cleared; what is left follows");
    node.ok(&["set", "a/1/x", "5"]);
    assert_eq!(lines.next().unwrap(), "a/1/x = 5");
}

#[test]
fn a_watch_resumes_from_a_token() {
    let node = Node::start(&[]);
    node.ok(&["set", "a", "1"]);
    let token = node.status()["token"].as_str().unwrap().to_owned();
    node.ok(&["set", "b", "2"]);
    node.ok(&["set", "b", "3"]);
    let (_watch, mut lines) = Running::start(&node, &["watch", "--since", &token]);
    assert_eq!(lines.next().unwrap(), "b = 3");
}
