//! Errors say what is wrong and what to do, and every kind has its exit code.

use crate::support::{Node, run};

#[test]
fn an_unreachable_node_is_an_error_that_says_how_to_start_one() {
    let answer = run(&["get", "x"]);
    assert_eq!((answer.code, answer.out.as_str()), (1, ""));
    assert!(answer.err.contains("no node answers at http://127.0.0.1:1"), "{}", answer.err);
    assert!(answer.err.contains("start one with `rejoin serve`"), "{}", answer.err);
}

#[test]
fn wrong_usage_has_an_exit_code_of_its_own() {
    for args in [
        &["serve", "--no-such-flag"][..],
        &["get", "a//b"],
        &["get", "x", "--node", "https://127.0.0.1:8400"],
        &["export", "x", "--format", "jsonl", "--columns", "a"],
        &["resolve", "x"],
        &["incr", "x", "-1", "--bounded"],
    ] {
        let answer = run(args);
        assert_eq!((answer.code, answer.out.as_str()), (2, ""), "{args:?}");
        assert!(answer.err.starts_with("error: "), "{args:?}: {}", answer.err);
    }
}

#[test]
fn addresses_beyond_loopback_are_refused_with_the_reason() {
    for flag in ["--listen", "--http", "--peer"] {
        for address in ["0.0.0.0:0", "192.168.1.7:7400", "[::]:0"] {
            let answer = run(&["serve", "--until-stdin-closes", flag, address]);
            assert_eq!(answer.code, 2, "{flag} {address}");
            assert!(answer.err.contains("no encryption yet"), "{}", answer.err);
        }
    }
}

#[test]
fn a_port_that_is_taken_is_an_error() {
    let node = Node::start(&[]);
    // Its standard input is empty: should it start after all, it stops at once.
    let answer =
        run(&["serve", "--until-stdin-closes", "--http", &node.http, "--listen", "127.0.0.1:0"]);
    assert_eq!(answer.code, 1);
    assert!(answer.err.contains(&format!("cannot listen on {}", node.http)), "{}", answer.err);
}

#[test]
fn nothing_at_a_path_is_told_from_an_error() {
    let node = Node::start(&[]);
    let answer = node.run(&["get", "x"]);
    assert_eq!((answer.code, answer.out.as_str()), (3, ""));
    node.ok(&["set", "x", "null"]);
    assert_eq!(node.ok(&["get", "x"]), "null\n");
}

#[test]
fn a_value_beyond_the_limit_is_refused_and_changes_nothing() {
    let node = Node::start(&[]);
    let path = "k".repeat(2_000);
    let answer = node.run(&["set", &path, "1"]);
    assert_eq!(answer.code, 1);
    assert!(answer.err.contains("the path cannot be a key"), "{}", answer.err);
    assert_eq!(node.status()["cells"], 0);
}

#[test]
fn what_is_not_served_is_a_problem_in_json() {
    let node = Node::start(&[]);
    let ask = |what: &str| {
        node.raw(&format!("{what} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
    };
    assert!(ask("GET /nothing").contains("\"code\":\"no_such_resource\""));
    assert!(ask("GET /v1/transact").contains("\"code\":\"wrong_method\""));
    assert!(ask("GET /v1/get?path=x").contains("\"code\":\"bad_request\""));
    assert!(ask("GET /v1/export?limit=x").contains("\"code\":\"bad_request\""));
    assert!(ask("GET /healthz").ends_with("ok\n"));
}
