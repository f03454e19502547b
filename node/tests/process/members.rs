//! Members: founded, admitted and retired from the command line.

use serde_json::{Value, json};

use crate::support::{Node, equal, eventually};

fn id(node: &Node) -> String {
    node.json(&["members"])["replica"].as_str().unwrap().to_owned()
}

fn states(node: &Node) -> Vec<(Value, Value)> {
    let members = node.json(&["members"])["members"].as_array().unwrap().clone();
    let mut states: Vec<_> =
        members.iter().map(|m| (m["site"].clone(), m["state"].clone())).collect();
    states.sort_by_key(|state| state.0.to_string());
    states
}

#[test]
fn a_member_list_is_kept_by_one_node_and_seen_by_the_other() {
    let berlin = Node::start(&[]);
    let lima = Node::start(&[&berlin]);
    assert!(berlin.ok(&["members"]).contains("no members"), "nobody has founded yet");
    assert_eq!(lima.json(&["members"])["managed"], json!(false));

    berlin.ok(&["members", "found", "berlin"]);
    berlin.ok(&["members", "admit", &id(&lima), "lima"]);
    let active = json!("active");
    let both = [(json!("berlin"), active.clone()), (json!("lima"), active.clone())];
    eventually("both members at lima", || (states(&lima) == both).then_some(()));

    // A member, and not the founder alone, changes the list.
    lima.ok(&["members", "retire", &id(&berlin)]);
    eventually("retired", || (states(&berlin)[0].1 == json!("retired")).then_some(()));
    equal(&[&berlin, &lima]);
    assert_eq!(lima.ok(&["members", "retire", &id(&berlin)]), "unchanged\n");
    assert!(lima.ok(&["members"]).contains("retired"));
    assert_eq!(lima.status()["cells"], json!(0), "members are no cells of the document");
}

#[test]
fn what_the_rules_of_members_forbid_is_refused_and_says_why() {
    let (berlin, lima) = (Node::start(&[]), Node::start(&[]));
    let refused = |node: &Node, args: &[&str], words: &str| {
        let answer = node.run(&[&["members"], args].concat());
        assert_eq!((answer.code, answer.out.as_str()), (1, ""), "{args:?}");
        assert!(answer.err.contains(words), "{args:?}: {}", answer.err);
    };
    refused(&berlin, &["admit", &id(&lima), "lima"], "no active member");
    berlin.ok(&["members", "found", "berlin"]);
    refused(&berlin, &["found", "berlin"], "has members already");
    refused(&berlin, &["retire", &id(&lima)], "was never admitted");
    refused(&berlin, &["close", &id(&berlin)], "the last active member");
    refused(&berlin, &["admit", "lima", "lima"], "not the id of a replica");
    assert_eq!(states(&berlin), [(json!("berlin"), json!("active"))]);
}

#[test]
fn nothing_is_written_off_that_may_come_back() {
    let (berlin, lima) = (Node::start(&[]), Node::start(&[]));
    let stranger = id(&lima);
    assert_eq!(berlin.ok(&["members", "write-off", &stranger]), "nothing of it was missing\n");
    let nothing = json!({"changes": 0, "ranges": 0});
    assert_eq!(berlin.json(&["members", "write-off", &stranger]), nothing);
    berlin.ok(&["members", "found", "berlin"]);
    berlin.ok(&["members", "admit", &stranger, "lima"]);
    let own = id(&berlin);
    for (life, words) in [
        (stranger.as_str(), "retire it first"),
        (own.as_str(), "the life of this replica"),
        ("lima", "not the id of a replica"),
    ] {
        let answer = berlin.run(&["members", "write-off", life]);
        assert_eq!((answer.code, answer.out.as_str()), (1, ""), "{life}");
        assert!(answer.err.contains(words), "{life}: {}", answer.err);
    }
    let answer = berlin.run(&["members", "write-off", &stranger, "--unretired"]);
    assert!(answer.err.contains("retire it first"), "berlin could: {}", answer.err);
    berlin.ok(&["members", "retire", &stranger]);
    assert_eq!(berlin.ok(&["members", "write-off", &stranger]), "nothing of it was missing\n");
    assert_eq!(berlin.status()["unfinished"], json!([]));
}
