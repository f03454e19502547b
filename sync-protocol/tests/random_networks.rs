use rejoin_sync::{Config, Event};

use crate::common::{Net, Random};

/// Small enough that rounds, holds, credit and drops all happen.
fn tight(side: usize, config: &mut Config) {
    config.limits.delta_bytes = 1_500 + 500 * side;
    config.bounds.credit_bytes = 1_000;
    config.bounds.hold_bytes = 2_000;
    config.times.hold_ms = 40;
    config.times.audit_ms = 700;
}

fn step(net: &mut Net, random: &mut Random, key: u32) {
    let (sites, links) = (net.sites.len(), net.links.len());
    match random.below(10) {
        0..=3 => net.write(random.below(sites), key % 23, &"v".repeat(random.below(300))),
        4 if links > 0 => net.cut(random.below(links)),
        5 if links < 2 * sites => {
            let a = random.below(sites);
            let b = (a + 1 + random.below(sites - 1)) % sites;
            net.connect_with(a, b, tight);
        }
        6 | 7 if links > 0 => {
            let end = net.end(random.below(links), random.below(2));
            end.is_stalled = !end.is_stalled;
        }
        _ => net.advance(random.below(60) as u64),
    }
}

fn heal(net: &mut Net) {
    net.links.iter_mut().flatten().for_each(|end| end.is_stalled = false);
    net.run();
    for site in 1..net.sites.len() {
        net.connect_with(site - 1, site, tight);
    }
    net.advance(8_000);
}

#[test]
fn whatever_happens_to_the_connections_everybody_converges_in_the_end() {
    let mut seen = [0; 4];
    for seed in 0..400 {
        let mut random = Random(seed * 7_919 + 1);
        let mut net = Net::new(2 + random.below(4));
        for key in 0..80 {
            step(&mut net, &mut random, key);
            assert!(net.links.iter().flatten().all(|end| end.closed.is_none()), "seed {seed}");
        }
        heal(&mut net);
        net.assert_converged();
        for end in net.links.iter().flatten() {
            seen[0] += end.applied();
            seen[1] += end.count(|e| matches!(e, Event::Held { .. }));
            seen[2] += end.count(|e| matches!(e, Event::HeldDropped { .. }));
            seen[3] += end.count(|e| matches!(e, Event::Equal { .. }));
        }
    }
    println!("applied, held, dropped, proved equal: {seen:?}");
    assert!(seen.iter().all(|count| *count > 50), "the runs exercise everything: {seen:?}");
}
