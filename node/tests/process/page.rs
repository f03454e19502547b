//! A web page cannot use the API through the browser of somebody on this machine.

use crate::support::Node;

fn post(node: &Node, headers: &str) -> String {
    let body = r#"{"ops":[{"op":"set","path":["x"],"value":1}]}"#;
    let len = body.len();
    node.raw(&format!(
        "POST /v1/transact HTTP/1.1\r\nConnection: close\r\nContent-Length: {len}\r\n{headers}\r\n{body}"
    ))
}

const JSON: &str = "Content-Type: application/json\r\n";

#[test]
fn a_page_from_elsewhere_is_refused_and_changes_nothing() {
    let node = Node::start(&[]);
    let local = format!("Host: {}\r\n", node.http);
    let answer = post(&node, &format!("{local}{JSON}Origin: https://example.org\r\n"));
    assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("foreign_origin"), "{answer}");
    let answer = post(&node, &format!("{local}Content-Type: text/plain\r\n"));
    assert!(answer.starts_with("HTTP/1.1 415 "), "{answer}");
    assert_eq!(node.run(&["get", "x"]).code, 3);
}

#[test]
fn a_name_that_was_pointed_to_loopback_is_refused() {
    let node = Node::start(&[]);
    let answer = post(&node, &format!("Host: example.org\r\n{JSON}"));
    assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("foreign_host"), "{answer}");
    assert!(answer.contains("application/problem+json"), "{answer}");
}

#[test]
fn a_page_from_this_machine_may() {
    let node = Node::start(&[]);
    let answer =
        post(&node, &format!("Host: localhost\r\n{JSON}Origin: http://localhost:3000\r\n"));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(node.ok(&["get", "x"]), "1\n");
}
