use std::fs;

use crate::support::{Node, equal, run};

#[test]
fn a_node_starts_from_a_backup_under_a_new_id_and_gets_the_rest_from_its_peers() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = old.path().join("berlin.backup");
    let file = file.to_str().unwrap();
    let peer = Node::start(&[]);
    let node = Node::start_in(old.path(), &[&peer]);
    node.ok(&["set", "a", "before the backup"]);
    node.ok(&["add", "tags", "vip"]);
    let said = node.ok(&["backup", file]);
    assert!(said.contains("berlin.backup"), "{said}");
    node.ok(&["set", "b", "after the backup"]);
    equal(&[&node, &peer]);
    let id = node.status()["replica"].clone();
    node.kill();

    let data = new.path().join("data");
    let data = data.to_str().unwrap();
    let restored = run(&["restore", file, "--data", data]);
    assert_eq!(restored.code, 0, "{}", restored.err);
    let node = Node::start_in(new.path(), &[&peer]);
    assert!(node.json(&["get", "a"]).to_string().contains("before the backup"));
    node.ok(&["set", "c", "by the restored one"]);
    assert_ne!(node.status()["replica"], id);
    equal(&[&node, &peer]);
    assert!(node.json(&["get", "b"]).to_string().contains("after the backup"));
    peer.ok(&["get", "c"]);
}

#[test]
fn what_is_no_backup_or_no_empty_directory_is_refused_with_advice() {
    let scratch = tempfile::tempdir().unwrap();
    let path = |name: &str| scratch.path().join(name).to_str().unwrap().to_owned();
    let node = Node::start(&[]);
    node.ok(&["set", "a", "1"]);
    node.ok(&["backup", &path("whole")]);
    let bytes = fs::read(path("whole")).unwrap();
    fs::write(path("cut"), &bytes[..bytes.len() - 1]).unwrap();
    let cut = run(&["restore", &path("cut"), "--data", &path("data")]);
    assert_eq!(cut.code, 1);
    assert!(cut.err.contains("check out") && cut.err.contains("no whole backup"), "{}", cut.err);
    assert_eq!(run(&["restore", &path("whole"), "--data", &path("data")]).code, 0);
    let again = run(&["restore", &path("whole"), "--data", &path("data")]);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("without a state"), "{}", again.err);
    let missing = run(&["restore", &path("missing"), "--data", &path("other")]);
    assert_eq!(missing.code, 1);

    let url = node.http.clone();
    node.kill();
    let refused = run(&["backup", &path("whole"), "--node", &format!("http://{url}")]);
    assert_eq!(refused.code, 1);
    assert_eq!(fs::read(path("whole")).unwrap(), bytes, "the old backup is still there");
    let left = fs::read_dir(scratch.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().contains("partial")));
}
