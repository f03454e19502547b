use rejoin_sync::Event;

use crate::common::Net;

fn full_mesh(replicas: usize) -> Net {
    let mut net = Net::new(replicas);
    for a in 0..replicas {
        for b in a + 1..replicas {
            net.connect(a, b);
        }
    }
    net.advance(2_000);
    net
}

#[test]
fn in_a_full_mesh_a_change_travels_once_to_every_replica() {
    let replicas = 6;
    let mut net = full_mesh(replicas);
    let deltas = |net: &Net| {
        let sides = (0..net.links.len()).flat_map(|link| [(link, 0), (link, 1)]);
        sides.map(|(link, side)| net.changes_sent(link, side)).sum::<u64>()
    };
    net.write(0, 1, &"x".repeat(10_000));
    net.advance(100);
    net.assert_converged();
    let ratio = deltas(&net) as f64 / (10_000.0 * (replicas - 1) as f64);
    println!("payload of a broadcast: {ratio:.3}");
    assert!(ratio < 1.1, "{ratio}");
    for end in net.links.iter().flatten() {
        assert_eq!(end.count(|e| matches!(e, Event::HeldDropped { .. })), 0);
    }
}

#[test]
fn concurrent_writers_of_a_mesh_converge_without_repeating_themselves() {
    let replicas = 5;
    let mut net = full_mesh(replicas);
    for round in 0..20 {
        (0..replicas).for_each(|site| net.sites[site].write(round, &"y".repeat(1_000)));
        (0..replicas).for_each(|site| net.tell(site));
        net.advance(10);
    }
    net.advance(2_000);
    net.assert_converged();
    let bytes: u64 = (0..net.links.len()).map(|link| net.sent_bytes(link)).sum();
    let least = 20 * replicas as u64 * (replicas as u64 - 1) * 1_000;
    println!("payload of concurrent writers: {:.3}", bytes as f64 / least as f64);
    assert!(bytes < least * 3 / 2, "{bytes} bytes for {least}");
}
