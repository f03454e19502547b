use crate::common::Net;

#[test]
fn a_reader_without_an_id_follows_and_forwards() {
    let mut net = Net::new(3);
    net.sites[1].id = None;
    let (left, right) = (net.connect(0, 1), net.connect(1, 2));
    net.write(0, 1, "value");
    net.advance(100);
    net.assert_converged();
    assert_eq!(net.status(left, 0).peer, None);
    assert_eq!(net.changes_sent(left, 1), 0);
    assert!(net.changes_sent(right, 0) > 0);
}

#[test]
fn a_reader_that_begins_to_write_is_heard() {
    let mut net = Net::new(2);
    let id = net.sites[1].id.take();
    net.connect(0, 1);
    net.sites[1].id = id;
    net.write(1, 1, "the first write of a life");
    net.assert_converged();
}
