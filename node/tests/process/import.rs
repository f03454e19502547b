//! Imports: every row arrives as it is or is reported with its line.

use serde_json::{Value, json};

use crate::support::{Node, TempFile, equal, run};

const CITIES: &[u8] = b"id,name,note\n\
    1,Z\xc3\xbcrich,\"lakes, hills\"\n\
    2,\"Saint \"\"X\"\"\",\"two\nlines\"\n\
    x-7,Lima,\n";

fn import<'a>(file: &'a TempFile, more: &[&'a str]) -> Vec<&'a str> {
    [&["import", file.path(), "--key", "id", "--into", "cities"], more].concat()
}

fn counts(report: &Value) -> Value {
    json!([report["read"], report["written"], report["unchanged"], report["bad"]])
}

#[test]
fn quoted_commas_and_line_ends_arrive_and_empty_fields_stay_empty() {
    let (node, file) = (Node::start(&[]), TempFile::new(".csv", CITIES));
    assert_eq!(counts(&node.json(&import(&file, &[]))), json!([3, 3, 0, 0]));
    let second = node.json(&["get", "cities/2"])["value"].clone();
    assert_eq!(second, json!({"id": "2", "name": "Saint \"X\"", "note": "two\nlines"}));
    let third = node.json(&["get", "cities/x-7"])["value"].clone();
    assert_eq!(third, json!({"id": "x-7", "name": "Lima", "note": ""}));
}

#[test]
fn a_repeated_import_writes_nothing_and_sends_nothing_new() {
    let (berlin, file) = (Node::start(&[]), TempFile::new(".csv", CITIES));
    let paris = Node::start(&[&berlin]);
    berlin.ok(&import(&file, &["--batch", "2"]));
    equal(&[&berlin, &paris]);
    let before = berlin.status()["token"].clone();
    assert_eq!(counts(&berlin.json(&import(&file, &[]))), json!([3, 0, 3, 0]));
    assert_eq!(counts(&paris.json(&import(&file, &[]))), json!([3, 0, 3, 0]));
    assert_eq!(berlin.status()["token"], before);
}

#[test]
fn a_bad_row_stops_the_import_after_the_rows_before_it() {
    let node = Node::start(&[]);
    let file = TempFile::new(".csv", b"id,name\n1,\"a\nb\"\n2\n3,c\n");
    let stopped = node.run(&import(&file, &[]));
    assert_eq!(stopped.code, 1);
    assert!(stopped.err.contains("line 4: 1 fields instead of 2"), "{stopped:?}");
    assert_eq!(node.ok(&["get", "cities"]), "[1]\n");
}

#[test]
fn bad_rows_are_skipped_on_request_each_with_its_line() {
    let node = Node::start(&[]);
    let text = b"id,name\n1,a\n2\n,c\n1,d\n5,\xff\n6,f\n";
    let file = TempFile::new(".csv", text);
    let skipped = node.run(&import(&file, &["--on-bad-row", "skip", "--json"]));
    assert_eq!(skipped.code, 2, "{skipped:?}");
    let report: Value = serde_json::from_str(&skipped.out).unwrap();
    assert_eq!(counts(&report), json!([6, 2, 0, 4]));
    for expected in [
        "line 3: 1 fields instead of 2",
        "line 4: no key: id is missing or empty",
        "line 5: the key 1 again, first on line 2",
        "line 6: text that is not UTF-8",
    ] {
        assert!(skipped.err.contains(expected), "{expected}: {}", skipped.err);
    }
    assert_eq!(node.ok(&["get", "cities"]), "[1,6]\n");
}

#[test]
fn json_lines_keep_their_types() {
    let node = Node::start(&[]);
    let file = TempFile::new(".jsonl", b"{\"id\":\"1\",\"n\":[1.5,null]}\nnot json\n");
    let skipped = node.run(&import(&file, &["--on-bad-row", "skip"]));
    assert_eq!(skipped.code, 2, "{skipped:?}");
    assert!(skipped.err.contains("line 2: not JSON"), "{}", skipped.err);
    let record = node.json(&["get", "cities/\"1\""])["value"].clone();
    assert_eq!(record, json!({"id": "1", "n": [1.5, null]}));
}

#[test]
fn a_file_that_cannot_be_an_import_is_refused_before_anything_is_written() {
    let node = Node::start(&[]);
    let missing = node.run(&["import", "missing.csv", "--key", "id", "--into", "cities"]);
    assert_eq!(missing.code, 1);
    assert!(missing.err.contains("cannot read missing.csv"), "{}", missing.err);
    let file = TempFile::new(".csv", b"a,b\n1,2\n");
    let no_key = node.run(&import(&file, &[]));
    assert_eq!(no_key.code, 2);
    assert!(no_key.err.contains("no column id; there is a, b"), "{}", no_key.err);
    let other = node.run(&["import", "x.xls", "--key", "id", "--into", "cities"]);
    assert_eq!(other.code, 2);
    let alone = TempFile::new(".csv", CITIES);
    let unreachable = run(&import(&alone, &[]));
    assert_eq!(unreachable.code, 1);
    assert!(unreachable.err.contains("rejoin serve"), "{}", unreachable.err);
}
