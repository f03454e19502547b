use crate::common::Net;

#[test]
fn two_replicas_that_meet_for_the_first_time_take_over_each_others_changes() {
    let mut net = Net::new(2);
    (0..100).for_each(|key| net.sites[0].write(key, "left"));
    (50..150).for_each(|key| net.sites[1].write(key, "right"));
    let link = net.connect(0, 1);
    net.assert_converged();
    assert_eq!(net.sites[0].store.view().cell_count(), 150);
    let (left, right) = (net.end(link, 0).applied(), net.end(link, 1).applied());
    assert_eq!((left, right), (1, 1), "one delta each way");
    assert!(net.status(link, 0).is_in_sync && net.status(link, 1).is_in_sync);
    assert!(net.status(link, 0).last_equal_ms.is_some(), "and they have proved it");
    assert!(net.status(link, 1).last_equal_ms.is_some());
}

#[test]
fn an_empty_replica_takes_over_everything() {
    let mut net = Net::new(2);
    (0..100).for_each(|key| net.sites[1].write(key, "right"));
    net.connect(0, 1);
    net.assert_converged();
    assert_eq!(net.sites[0].store.view().cell_count(), 100);
}
