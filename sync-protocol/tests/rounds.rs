use crate::common::Net;

#[test]
fn a_difference_larger_than_a_delta_arrives_in_rounds() {
    let mut net = Net::new(2);
    (0..300).for_each(|key| net.sites[0].write(key, &"r".repeat(200)));
    let limit = |_: usize, config: &mut rejoin_sync::Config| config.limits.delta_bytes = 8_000;
    let link = net.connect_with(0, 1, limit);
    net.assert_converged();
    let rounds = net.end(link, 1).applied();
    let sent = net.changes_sent(link, 0);
    println!("{rounds} rounds, {sent} bytes for {} of payload", 300 * 200);
    assert!((60_000 / 8_000..20).contains(&rounds), "{rounds} rounds");
    assert!(sent < 300 * 200 * 5 / 4, "{sent} bytes");
}

#[test]
fn rounds_that_are_interrupted_go_on_where_they_were() {
    let mut net = Net::new(2);
    (0..300).for_each(|key| net.sites[0].write(key, &"r".repeat(200)));
    let limit = |_: usize, config: &mut rejoin_sync::Config| {
        config.limits.delta_bytes = 8_000;
        config.bounds.credit_bytes = 8_000;
    };
    let mut sent = 0;
    for _ in 0..40 {
        let link = net.links.len();
        net.connect_with(0, 1, |side, config| {
            limit(side, config);
            config.seed = 1;
        });
        sent += net.changes_sent(link, 0);
        net.sites[0].write(999, "while it goes on");
        net.cut(link);
    }
    net.connect_with(0, 1, limit);
    net.assert_converged();
    assert!(sent < 300 * 200 * 3 / 2, "{sent} bytes");
}

#[test]
fn writes_while_the_rounds_go_on_arrive_too() {
    let mut net = Net::new(2);
    (0..200).for_each(|key| net.sites[0].write(key, &"r".repeat(200)));
    let limit = |_: usize, config: &mut rejoin_sync::Config| {
        config.limits.delta_bytes = 4_000;
        config.bounds.credit_bytes = 4_000;
    };
    let link = net.connect_with(0, 1, |side, config| limit(side, config));
    net.cut(link);
    (0..150).for_each(|key| net.sites[1].write(1_000 + key, &"s".repeat(200)));
    let link = net.connect_with(0, 1, |side, config| limit(side, config));
    for round in 0..50 {
        net.end(link, (round % 2) as usize).is_stalled = round % 3 == 0;
        net.write(0, round * 3, "changed meanwhile");
        net.write(1, round * 5, "changed meanwhile");
        net.advance(7);
    }
    (0..2).for_each(|side| net.end(link, side).is_stalled = false);
    net.advance(5_000);
    net.assert_converged();
}

#[test]
fn a_peer_in_the_middle_of_its_rounds_is_sent_nothing_twice() {
    let mut net = Net::new(2);
    let link = net.connect_with(0, 1, |_, config| config.limits.delta_bytes = 8_000);
    net.end(link, 1).is_store_stalled = true;
    (0..100).for_each(|key| net.sites[0].write(key, &"r".repeat(200)));
    net.tell(0);
    net.run();
    net.end(link, 1).is_store_stalled = false;
    net.end(link, 1).is_stalled = true;
    let (store, now_ms) = (net.sites[1].store.clone(), net.now_ms);
    assert!(store.view().is_hydrating(), "the first round has come");
    net.end(link, 1).session.delta_applied(&store, now_ms);
    net.run();
    (0..5).for_each(|_| net.write(0, 3, "changed meanwhile"));
    net.end(link, 1).is_stalled = false;
    net.run();
    net.assert_converged();
    let sent = net.changes_sent(link, 0);
    assert!(sent < 100 * 200 * 5 / 4, "{sent} bytes for {}", 100 * 200);
}
