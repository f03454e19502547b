//! Exports: what went in comes out, in key order.

use crate::support::{Node, TempFile, equal};

#[test]
fn a_csv_comes_out_as_it_went_in() {
    let text = "id,name,note\n1,Ada,\"a, \"\"b\"\"\"\n2,\"two\nlines\",\nx,Bob,plain\n";
    let (node, file) = (Node::start(&[]), TempFile::new(".csv", text.as_bytes()));
    node.ok(&["import", file.path(), "--key", "id", "--into", "users"]);
    assert_eq!(node.ok(&["export", "users", "--format", "csv"]), text);
    let some = node.ok(&["export", "users", "--format", "csv", "--columns", "name"]);
    assert_eq!(some, "name\nAda\n\"two\nlines\"\nBob\n");
}

#[test]
fn equal_states_export_equal_bytes() {
    let berlin = Node::start(&[]);
    let paris = Node::start(&[&berlin]);
    for (node, path) in [(&paris, "b"), (&berlin, "a/2"), (&paris, "a/10"), (&berlin, "a/1")] {
        node.ok(&["set", path, "{\"y\": 1, \"x\": [true, null]}"]);
    }
    berlin.ok(&["incr", "a"]);
    paris.ok(&["add", "a/tags", "vip"]);
    equal(&[&berlin, &paris]);
    let expected = concat!(
        "{\"path\":[\"a\"],\"type\":\"counter\",\"value\":1}\n",
        "{\"path\":[\"a\",1],\"type\":\"register\",\"value\":{\"x\":[true,null],\"y\":1}}\n",
        "{\"path\":[\"a\",2],\"type\":\"register\",\"value\":{\"x\":[true,null],\"y\":1}}\n",
        "{\"path\":[\"a\",10],\"type\":\"register\",\"value\":{\"x\":[true,null],\"y\":1}}\n",
        "{\"path\":[\"a\",\"tags\"],\"type\":\"set\",\"value\":\"vip\"}\n",
        "{\"path\":[\"b\"],\"type\":\"register\",\"value\":{\"x\":[true,null],\"y\":1}}\n",
    );
    assert_eq!(berlin.ok(&["export", "/", "--format", "jsonl"]), expected);
    assert_eq!(paris.ok(&["export", "/", "--format", "jsonl"]), expected);
}

#[test]
fn what_is_no_record_is_left_out_of_a_csv_and_counted() {
    let node = Node::start(&[]);
    node.ok(&["set", "users/1", "{\"id\": 1, \"name\": \"Ada\"}"]);
    node.ok(&["incr", "users/views"]);
    let partly = node.run(&["export", "users", "--format", "csv"]);
    assert_eq!((partly.code, partly.out.as_str()), (2, "id,name\n1,Ada\n"));
    assert!(partly.err.contains("1 values that are no records"), "{}", partly.err);
}

#[test]
fn an_export_goes_to_a_file_on_request() {
    let (node, file) = (Node::start(&[]), TempFile::new(".jsonl", b""));
    node.ok(&["set", "a", "1"]);
    let printed = node.ok(&["export", "/", "--format", "jsonl", "--output", file.path()]);
    assert_eq!(printed, "");
    let written = std::fs::read_to_string(file.path()).unwrap();
    assert_eq!(written, "{\"path\":[\"a\"],\"type\":\"register\",\"value\":1}\n");
}

#[test]
fn pages_continue_where_the_page_before_ended() {
    let node = Node::start(&[]);
    for path in ["a/1", "a/2", "a/3", "b"] {
        node.ok(&["set", path, "0"]);
    }
    let page = |query: &str| {
        let answer = node.raw(&format!(
            "GET /v1/export?path=%5B%22a%22%5D&limit=2{query} HTTP/1.1\r\nHost: localhost\r\n\
             Connection: close\r\n\r\n"
        ));
        let lines = answer.lines().filter(|line| line.starts_with('{')).map(str::to_owned);
        lines.collect::<Vec<_>>()
    };
    let first = page("");
    assert_eq!(first.len(), 3, "{first:?}");
    let next: serde_json::Value = serde_json::from_str(&first[2]).unwrap();
    let second = page(&format!("&after={}", next["next"].as_str().unwrap()));
    assert_eq!(second, ["{\"path\":[\"a\",3],\"type\":\"register\",\"value\":0}"]);
}
