use crate::common::Net;

#[test]
fn a_change_reaches_the_end_of_a_chain_in_both_directions() {
    let mut net = Net::new(4);
    for site in 0..3 {
        net.connect(site, site + 1);
    }
    net.write(0, 1, "from the left");
    net.write(3, 2, "from the right");
    net.advance(3 * 25 + 3);
    net.assert_converged();
    assert_eq!(net.sites[0].store.view().cell_count(), 2);
}

#[test]
fn everybody_learns_in_the_end_who_has_what() {
    let mut net = Net::new(3);
    for site in 0..2 {
        net.connect(site, site + 1);
    }
    net.write(0, 1, "value");
    net.advance(5_000);
    for link in 0..2 {
        assert!(net.status(link, 0).is_in_sync && net.status(link, 1).is_in_sync, "link {link}");
    }
}
